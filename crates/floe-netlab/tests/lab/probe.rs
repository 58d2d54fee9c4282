//! `floe probe` behind real NATs, with coturn's own NAT behaviour discovery.

use std::time::Duration;

use floe_netlab::{Host, Lab, Process, Router, StunServer, floe, isolated};
use serde_json::Value;

/// A probe of a NAT that answers nothing takes its time; it ends within half a minute.
const PROBE: Duration = Duration::from_secs(40);

/// What `floe probe --json` prints on this machine, and its exit status.
fn probe(host: &Host, servers: &[String]) -> (Value, Option<i32>) {
    let mut command = host.command(floe().unwrap());
    command.args(["probe", "--json"]).args(servers.iter().flat_map(|url| ["--stun", url]));
    let mut process = Process::start("probe", &mut command).unwrap();
    let json = process.wait_for_line(PROBE, |line| line.starts_with('{').then(|| line.to_owned())).unwrap();
    let status = process.wait(PROBE).unwrap();
    (serde_json::from_str(&json).unwrap(), status.code())
}

/// What the probe found the router to do.
fn assert_behaves(report: &Value, mapping: &str, filtering: &str) {
    assert_eq!(report["nat"]["mapping"], mapping, "{report:#}");
    assert_eq!(report["nat"]["filtering"], filtering, "{report:#}");
}

fn outlooks(report: &Value) -> Vec<&str> {
    let rows = report["forecast"].as_array().unwrap();
    rows.iter().map(|row| row["withoutRelay"]["outlook"].as_str().unwrap()).collect()
}

#[test]
fn a_home_router_and_a_symmetric_one_are_told_apart() {
    isolated(|| {
        let lab = Lab::homes([Router::Home, Router::Symmetric]).unwrap();
        let server = StunServer::start_with_second_address(&lab).unwrap();
        let servers = [server.url()];

        let (home, status) = probe(&lab.alice, &servers);
        assert_eq!(status, Some(0), "{home:#}");
        assert_behaves(&home, "endpoint-independent", "address-and-port-dependent");
        assert_eq!(outlooks(&home), ["direct", "direct", "no-path"]);
        assert_eq!(home["servers"][0]["udp"]["ok"], true);
        assert_eq!(home["servers"][0]["tcp"]["ok"], true, "coturn speaks STUN over TCP as well");

        let (symmetric, _) = probe(&lab.bob, &servers);
        assert_eq!(symmetric["nat"]["mapping"], "address-and-port-dependent", "{symmetric:#}");
        assert_eq!(outlooks(&symmetric), ["direct", "no-path", "no-path"]);
    });
}

#[test]
fn a_router_that_filters_by_host_is_told_from_one_that_filters_by_port_as_well() {
    isolated(|| {
        let lab = Lab::homes([Router::HostFiltering, Router::Home]).unwrap();
        let server = StunServer::start_with_second_address(&lab).unwrap();
        let (report, status) = probe(&lab.alice, &[server.url()]);
        assert_eq!(status, Some(0), "{report:#}");
        assert_behaves(&report, "endpoint-independent", "address-dependent");
        assert_eq!(outlooks(&report), ["direct"; 3]);
    });
}

#[test]
fn where_udp_is_blocked_tcp_shows_that_the_server_is_up() {
    isolated(|| {
        let lab = Lab::homes([Router::NoUdp, Router::Home]).unwrap();
        let server = StunServer::start(&lab).unwrap();
        let (report, status) = probe(&lab.alice, &[server.url()]);
        assert_eq!(status, Some(0), "something answers: {report:#}");
        assert_eq!(report["servers"][0]["udp"]["ok"], false);
        assert_eq!(report["servers"][0]["tcp"]["ok"], true);
        assert_eq!(report["nat"]["mapping"], Value::Null);
        assert_eq!(report["nat"]["mappingUnknown"], "no server answered over UDP");
        assert_eq!(report["ipv6"]["state"], "off");
        assert!(report["forecast"][0]["withoutRelay"]["why"].as_str().unwrap().contains("blocked"), "{report:#}");
    });
}

#[test]
fn a_public_address_without_a_router_is_seen_to_have_no_translation() {
    isolated(|| {
        let lab = Lab::two_nats().unwrap();
        let server = StunServer::start_with_second_address(&lab).unwrap();
        let (report, _) = probe(&lab.stranger, &[server.url()]);
        assert_behaves(&report, "no translation", "endpoint-independent");
        assert_eq!(outlooks(&report), ["direct"; 3]);
    });
}
