# shellcheck shell=sh
# The network that calls of browsers are recorded in, and who listens; sourced by record.sh and firefox.sh.

# Begins the script again in namespaces of its own, which nothing leaves, and makes hosts of them: a, behind a NAT (the
# router r), and b, with a public address; s, for servers, beside b.
enter_lab() { # FOLDER
    if [ -z "${IN_LAB:-}" ]; then
        mkdir -p "$1"
        IN_LAB=1 exec unshare -Urnm --pid --fork --mount-proc "$0" "$(cd "$1" && pwd)"
    fi
    mount -t tmpfs none /run
    mkdir -p /run/netns
    for host in a r i b s; do
        ip netns add $host
        ip -n $host link set lo up
        # No IPv6 duplicate address detection: addresses are there at once.
        ip netns exec $host sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.forwarding=0 || true
    done
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
}

wire() { # HOST NAME HOST NAME
    ip -n "$1" link add "$2" type veth peer name "$4" netns "$3"
    ip -n "$1" link set "$2" up
    ip -n "$3" link set "$4" up
}

# Begins coturn on s.
begin_turn() { # LOG
    ip netns exec s turnserver -n --no-cli --no-tls --no-dtls --lt-cred-mech --realm=lab.example --log-file=stdout \
        --user=floe:a-password-for-the-lab --listening-ip=203.0.113.40 --relay-ip=203.0.113.40 --listening-port=3478 \
        --pidfile=/run/turn.pid --userdb=/run/turn.db >"$1" 2>&1 &
    turn=$!
}

end_turn() {
    kill "$turn"
}

# Captures what a and b send and receive, to FOLDER/CALL.a.pcapng and FOLDER/CALL.b.pcapng.
begin_capture() { # FOLDER CALL FILTER
    for side in a b; do
        ip netns exec $side dumpcap -q -i eth0 -f "$3" -w "$1/$2.$side.pcapng" 2>"$1/dumpcap.$2.$side.log" &
        eval "dump_$side=$!"
    done
    # dumpcap names its file once it listens.
    for side in a b; do
        tries=0
        until grep -q File: "$1/dumpcap.$2.$side.log" || [ $tries -ge 100 ]; do tries=$((tries + 1)); sleep 0.1; done
    done
}

end_capture() {
    kill "$dump_a" "$dump_b" || true
    wait "$dump_a" "$dump_b" || true
}
