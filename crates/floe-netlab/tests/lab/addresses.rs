//! Which addresses of a machine are used, and what is said of its IPv6, as the kernel has them.

use std::time::Duration;

use floe_netlab::{Host, Lab, Process, floe, isolated};
use serde_json::Value;

/// A probe without servers waits for nobody.
const PROBE: Duration = Duration::from_secs(20);

/// What `floe probe --json` prints on this machine.
fn probe(host: &Host) -> Value {
    let mut process = Process::start("probe", host.command(floe().unwrap()).args(["probe", "--json"])).unwrap();
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
