#!/bin/sh
# Records calls between two Chromiums in network namespaces; see README.md. Nothing leaves the namespaces.
#   ./record.sh FOLDER
# Needs chromium, node, dumpcap, coturn, ip, nft.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=lab.sh
. "$here/lab.sh"
enter_lab "$1"
out=$1
begin_turn "$out/coturn.log"
for call in direct relay turn-tcp; do
    begin_capture "$out" $call '(udp or tcp) and not port 53'
    timeout 120 node "$here/call.mjs" $call >"$out/$call.json" 2>"$out/$call.log" || { echo "$call failed"; cat "$out/$call.log"; }
    end_capture
done
end_turn
node "$here/blank.mjs" "$out"/*.pcapng
