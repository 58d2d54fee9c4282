#!/bin/sh
# Records a call between two Firefoxes in network namespaces; see README.md. Nothing leaves the namespaces.
#   ./firefox.sh FOLDER
# Needs firefox-esr, node, dumpcap, coturn, ip, nft.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${IN_LAB:-}" ]; then
    mkdir -p "$1"
    IN_LAB=1 exec unshare -Urnm --pid --fork --mount-proc "$0" "$(cd "$1" && pwd)"
fi
out=$1
mount -t tmpfs none /run
mkdir -p /run/netns
for host in a r i b s; do
    ip netns add $host
    ip -n $host link set lo up
    ip netns exec $host sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.forwarding=0 || true
done
wire() { ip -n "$1" link add "$2" type veth peer name "$4" netns "$3"; ip -n "$1" link set "$2" up; ip -n "$3" link set "$4" up; }
wire a eth0 r lan
wire r wan i r0
wire b eth0 i b0
wire s eth0 i s0
ip -n i link add br0 type bridge && ip -n i link set br0 up
for port in r0 b0 s0; do ip -n i link set $port master br0; done
ip -n a address add 192.168.77.2/24 dev eth0
ip -n r address add 192.168.77.1/24 dev lan
ip -n r address add 203.0.113.7/24 dev wan
ip -n b address add 203.0.113.20/24 dev eth0
ip -n b address add 2001:db8:20::2/64 dev eth0 nodad
ip -n s address add 203.0.113.40/24 dev eth0
ip -n a route add default via 192.168.77.1
ip -n b route add default via 203.0.113.1 dev eth0
ip netns exec r sysctl -qw net.ipv4.ip_forward=1
ip netns exec r nft 'table ip nat { chain postrouting { type nat hook postrouting priority 100; oifname "wan" masquerade; }; }'
ip netns exec s turnserver -n --no-cli --no-tls --no-dtls --lt-cred-mech --realm=lab.example --log-file=stdout \
    --user=floe:a-password-for-the-lab --listening-ip=203.0.113.40 --relay-ip=203.0.113.40 --listening-port=3478 \
    --pidfile=/run/turn.pid --userdb=/run/turn.db >"$out/coturn.log" 2>&1 &
turn=$!
for side in a b; do
    ip netns exec $side dumpcap -q -i eth0 -f 'udp and not port 53 and not port 5353' -w "$out/firefox.$side.pcapng" 2>"$out/dumpcap.$side.log" &
    eval "dump_$side=$!"
done
for side in a b; do
    tries=0
    until grep -q File: "$out/dumpcap.$side.log" || [ $tries -ge 100 ]; do tries=$((tries + 1)); sleep 0.1; done
done
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
kill $browser_a $browser_b $dump_a $dump_b $turn || true
wait $dump_a $dump_b || true
node "$here/blank.mjs" "$out"/*.pcapng
