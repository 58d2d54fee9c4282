//! Which addresses of a machine are used, and what is said of its IPv6, as the kernel has them.

use std::time::Duration;

use floe_netlab::{CallOptions, CallProcess, Host, Lab, Process, StunServer, floe, isolated};
use serde_json::Value;

use crate::SOON;

/// A probe without servers waits for nobody.
const PROBE: Duration = Duration::from_secs(20);

/// What `floe probe --json` prints on this machine.
fn probe(host: &Host) -> Value {
    probe_with(host, &[])
}

fn probe_with(host: &Host, arguments: &[&str]) -> Value {
    let mut command = host.command(floe().unwrap());
    let mut process = Process::start("probe", command.args(["probe", "--json"]).args(arguments)).unwrap();
    let json = process.wait_for_line(PROBE, |line| line.starts_with('{').then(|| line.to_owned())).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// Runs commands on a machine, one per line.
fn run(host: &Host, script: &str) {
    let output = host.command("sh").args(["-e", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

fn addresses(report: &Value) -> Vec<String> {
    let interfaces = report["interfaces"].as_array().unwrap().iter();
    let addresses = interfaces.flat_map(|interface| interface["addresses"].as_array().unwrap());
    addresses.map(|address| address["address"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn ipv6_that_is_off_without_an_address_and_without_a_route_are_told_apart() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let state = || probe(&lab.alice)["ipv6"]["state"].as_str().unwrap().to_owned();
        assert_eq!(state(), "off");
        run(
            &lab.alice,
            "echo 0 > /proc/sys/net/ipv6/conf/lo/disable_ipv6; echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6",
        );
        assert_eq!(state(), "no-address", "the link-local one leads nowhere");
        run(&lab.alice, "ip address add fd00:77::2/64 dev eth0 nodad");
        assert_eq!(state(), "no-address", "a unique local one is of use inside only");
        run(&lab.alice, "ip address add 2001:db8:77::2/64 dev eth0 nodad");
        assert_eq!(state(), "no-route");
        run(&lab.alice, "ip -6 route add default via 2001:db8:77::1 dev eth0");
        assert_eq!(state(), "unknown", "nobody was asked who would have proven it");
    });
}

#[test]
fn a_temporary_address_stands_for_the_stable_one_and_deprecated_and_link_local_ones_are_left_out() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        run(
            &lab.alice,
            "cd /proc/sys/net/ipv6/conf/eth0; echo 0 > accept_dad; echo 2 > use_tempaddr; echo 0 > disable_ipv6
             ip address add 2001:db8:78::dead/64 dev eth0 nodad valid_lft 3600 preferred_lft 0
             ip address add 2001:db8:79::1/64 dev eth0 nodad
             ip address add 2001:db8:77::57ab/64 dev eth0 mngtmpaddr nodad valid_lft 86400 preferred_lft 43200",
        );
        let used = addresses(&probe(&lab.alice));
        let temporary: Vec<_> = used.iter().filter(|address| address.starts_with("2001:db8:77:")).collect();
        assert_eq!(temporary.len(), 1, "{used:?}");
        assert_ne!(temporary[0], "2001:db8:77::57ab", "the stable address would follow the machine through networks");
        assert!(used.iter().any(|address| address == "2001:db8:79::1"), "a stable one without a temporary: {used:?}");
        assert!(
            !used.iter().any(|address| address.starts_with("2001:db8:78:") || address.starts_with("fe80")),
            "{used:?}"
        );
    });
}

#[test]
fn ipv6_works_where_a_server_answers_over_it_and_the_call_has_it_in_the_code() {
    isolated(|| {
        let lab = Lab::dual_stack_lan().unwrap();
        let server = StunServer::start_on_ipv6(&lab).unwrap();
        run(&lab.alice, "ip -6 route add default via 2001:db8:77::1 dev eth0");
        let report = probe_with(&lab.alice, &["--stun", &server.url()]);
        assert_eq!(report["ipv6"]["state"], "works", "{report:#}");
        assert_eq!(report["servers"][0]["udp"]["ok"], true, "{report:#}");
    });
}

/// The addresses that a call tells of UDP sockets of this machine, the most preferred first.
fn preferred(lab: &Lab, host: &Host) -> Vec<String> {
    let mut call = CallProcess::start(lab, host, &CallOptions::default()).unwrap();
    call.code().unwrap();
    call.hang_up().unwrap();
    let report = call.finish(SOON).unwrap().report;
    let candidates = report["localCandidates"].as_array().unwrap().iter();
    let hosts = candidates.filter(|candidate| candidate["candidateType"] == "host" && candidate["protocol"] == "udp");
    let mut hosts: Vec<(u64, String)> =
        hosts.map(|host| (host["priority"].as_u64().unwrap(), host["address"].as_str().unwrap().to_owned())).collect();
    hosts.sort_unstable_by(|one, other| other.cmp(one));
    hosts.into_iter().map(|(_, address)| address).collect()
}

#[test]
fn families_of_a_machine_with_two_links_take_turns_and_no_priority_comes_twice() {
    isolated(|| {
        let (lab, _uplinks) = Lab::two_uplinks(None).unwrap();
        for (device, network) in [("eth0", "2001:db8:1"), ("eth1", "2001:db8:3")] {
            run(
                &lab.alice,
                &format!(
                    "cd /proc/sys/net/ipv6/conf/{device}; echo 0 > accept_dad; echo 2 > use_tempaddr; echo 0 > disable_ipv6
                     ip address add {network}:d::dead/64 dev {device} nodad valid_lft 3600 preferred_lft 0
                     ip address add {network}::57ab/64 dev {device} mngtmpaddr nodad valid_lft 86400 preferred_lft 43200
                     ip address add fd00:{network}::2/64 dev {device} nodad"
                ),
            );
        }
        run(&lab.alice, "ip address add 192.168.1.77/24 dev eth0");
        let order = preferred(&lab, &lab.alice);
        assert_eq!(
            order.len(),
            7,
            "two links with a temporary, a unique local and an IPv4 address, one with two: {order:?}"
        );
        assert!(order[0].starts_with("2001:db8:"), "a global IPv6 address goes first: {order:?}");
        assert!(!order.iter().any(|address| address.ends_with("57ab") || address.contains("dead")), "{order:?}");
        assert!(!order.iter().any(|address| address.starts_with("fe80")), "{order:?}");
        let families: Vec<bool> = order.iter().map(|address| address.contains(':')).collect();
        let longest = families.chunk_by(|one, other| one == other).map(<[bool]>::len).max().unwrap();
        assert!(longest <= 2, "a run of {longest} of one family: {order:?}");
    });
}
