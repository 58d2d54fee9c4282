#!/bin/sh
# Records a call between two Firefoxes in network namespaces; see README.md. Nothing leaves the namespaces.
#   ./firefox.sh FOLDER
# Needs firefox-esr, node, dumpcap, coturn, ip, nft.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=lab.sh
. "$here/lab.sh"
enter_lab "$1"
out=$1
begin_turn "$out/coturn.log"
begin_capture "$out" firefox 'udp and not port 53 and not port 5353'
ip netns exec s node "$here/firefox.mjs" 203.0.113.40 8123 "$here/firefox.html" "$out" >"$out/mailbox.log" 2>&1 &
mailbox=$!
for side in a b; do
    mkdir -p "$out/$side"
    cat >"$out/$side/user.js" <<'P'
user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("media.devices.insecure.enabled", true);
user_pref("media.getusermedia.insecure.enabled", true);
user_pref("network.proxy.type", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
P
    HOME="$out/$side" ip netns exec $side firefox-esr --headless --no-remote --profile "$out/$side" "http://203.0.113.40:8123/?$side" >"$out/$side.log" 2>&1 &
    eval "browser_$side=$!"
done
wait $mailbox || { echo "the call failed"; cat "$out/mailbox.log"; }
sleep 0.5
kill $browser_a $browser_b || true
end_capture
end_turn || true
node "$here/blank.mjs" "$out"/*.pcapng
