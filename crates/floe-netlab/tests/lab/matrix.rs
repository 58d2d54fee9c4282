//! The kind of path that each pair of networks is to have, as both ends report it; further rows are in `lan`, `nats`,
//! `relays`, `tcp` and `trouble`.

use floe_netlab::{CallOptions, CallOutcome, CallProcess, Lab, Router, StunServer, isolated};

use crate::{SOON, both_call, exchange_codes};

/// Type and protocol of both candidates in use.
struct Path {
    local: (String, String),
    remote: (String, String),
}

fn path_of(outcome: &CallOutcome) -> Path {
    assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
    let selected = outcome.report["selectedPairs"].as_array().unwrap().last().unwrap().clone();
    let candidate = |list: &str, id: &str| {
        let candidates = outcome.report[list].as_array().unwrap();
        let found = candidates.iter().find(|candidate| candidate["id"] == selected[id]).unwrap();
        let text = |field: &str| found[field].as_str().unwrap().to_owned();
        (text("candidateType"), text("protocol"))
    };
    Path {
        local: candidate("localCandidates", "localCandidateId"),
        remote: candidate("remoteCandidates", "remoteCandidateId"),
    }
}

/// A call from behind this router to somebody with a public address: how each end sees the path.
fn call_to_public(router: Router) -> [Path; 2] {
    let mut lab = Lab::homes([router, Router::Home]).unwrap();
    lab.bob = lab.server("public", [203, 0, 113, 50].into()).unwrap();
    let server = StunServer::start(&lab).unwrap();
    let options = CallOptions { stun: vec![server.url()], seconds: Some(2), ..CallOptions::default() };
    let start = |host| CallProcess::start(&lab, host, &options).unwrap();
    let (mut alice, mut bob) = (start(&lab.alice), start(&lab.bob));
    exchange_codes(&mut alice, &mut bob);
    [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()].map(|outcome| path_of(&outcome))
}

/// A call between two homes that have a STUN server and no relay: how each end sees the path.
fn call_between(routers: [Router; 2]) -> [Path; 2] {
    let lab = Lab::homes(routers).unwrap();
    let server = StunServer::start(&lab).unwrap();
    let options = CallOptions { stun: vec![server.url()], seconds: Some(2), ..CallOptions::default() };
    let (mut alice, mut bob) = both_call(&lab, &options);
    exchange_codes(&mut alice, &mut bob);
    [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()].map(|outcome| path_of(&outcome))
}

fn udp(candidate_type: &str) -> (String, String) {
    (candidate_type.to_owned(), "udp".to_owned())
}

fn check_direct([alice, bob]: [Path; 2], protocol: &str, seen_as: &[&str]) {
    assert_eq!(alice.local, ("host".to_owned(), protocol.to_owned()));
    assert_eq!(alice.remote, ("host".to_owned(), protocol.to_owned()));
    assert_eq!(bob.local, ("host".to_owned(), protocol.to_owned()));
    assert!(seen_as.contains(&bob.remote.0.as_str()) && bob.remote.1 == protocol, "{:?}", bob.remote);
}

#[test]
fn one_home_router_and_a_public_peer_talk_directly() {
    isolated(|| check_direct(call_to_public(Router::Home), "udp", &["srflx", "prflx"]));
}

#[test]
fn a_symmetric_router_and_a_public_peer_talk_directly_from_a_port_that_no_server_saw() {
    isolated(|| check_direct(call_to_public(Router::Symmetric), "udp", &["prflx"]));
}

#[test]
fn a_home_without_udp_and_a_public_peer_talk_directly_over_tcp() {
    isolated(|| check_direct(call_to_public(Router::NoUdp), "tcp", &["prflx"]));
}

#[test]
fn two_routers_that_filter_by_host_are_joined_directly() {
    isolated(|| {
        for path in call_between([Router::HostFiltering, Router::HostFiltering]) {
            assert_eq!(path.local, udp("host"));
            // Whose check came first is how the other's address became known.
            assert!(path.remote == udp("srflx") || path.remote == udp("prflx"), "{:?}", path.remote);
        }
    });
}

#[test]
fn a_symmetric_router_and_one_that_filters_by_host_are_joined_directly_without_a_relay() {
    isolated(|| {
        let [alice, bob] = call_between([Router::Symmetric, Router::HostFiltering]);
        assert_eq!((alice.local, alice.remote), (udp("host"), udp("srflx")), "where a server saw the other");
        assert_eq!((bob.local, bob.remote), (udp("host"), udp("prflx")), "from a port that no server saw");
    });
}
