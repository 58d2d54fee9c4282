//! Calls where something is amiss that is nobody's fault: a dead server, no DNS, devices kept apart, two families.

use std::{net::IpAddr, time::Duration};

use floe_netlab::{CallOptions, CallOutcome, CallProcess, Lab, StunServer, isolated};
use serde_json::Value;

use crate::{SOON, both_call, exchange_codes};

/// Nobody has this address.
const DEAD_SERVER: &str = "stun:203.0.113.99:3478";
/// A name that no resolver of a lab can be asked about: nothing leads outside.
const UNKNOWN_SERVER: &str = "stun:stun.example.org:3478";
/// A code is given away by then although a server is silent, with something to spare.
const CODE_MS: f64 = 4000.0;

fn short(stun: Vec<String>) -> CallOptions {
    CallOptions { stun, seconds: Some(1), ..CallOptions::default() }
}

/// Both call with these options, exchange codes and end by themselves.
fn call(lab: &Lab, options: &CallOptions) -> [CallOutcome; 2] {
    let (mut alice, mut bob) = both_call(lab, options);
    exchange_codes(&mut alice, &mut bob);
    [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()]
}

fn check_connected(outcome: &CallOutcome) {
    assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
    let code_ready = outcome.report["timings"]["codeReadyMs"].as_f64().unwrap();
    assert!(code_ready < CODE_MS, "{code_ready} ms to a code");
}

fn server<'a>(outcome: &'a CallOutcome, url: &str) -> &'a Value {
    let servers = outcome.report["servers"].as_array().unwrap();
    servers.iter().find(|server| server["url"] == url).unwrap_or_else(|| panic!("{url} is not among {servers:#?}"))
}

fn findings(outcome: &CallOutcome) -> Vec<&str> {
    outcome.report["diagnosis"].as_array().unwrap().iter().filter_map(|finding| finding["id"].as_str()).collect()
}

/// The peer's address of the pair in use.
fn selected_remote(outcome: &CallOutcome) -> IpAddr {
    let id = &outcome.report["selectedPairs"].as_array().unwrap().last().unwrap()["remoteCandidateId"];
    let candidates = outcome.report["remoteCandidates"].as_array().unwrap();
    let candidate = candidates.iter().find(|candidate| candidate["id"] == *id).unwrap();
    candidate["address"].as_str().unwrap().parse().unwrap()
}

#[test]
fn one_dead_stun_server_delays_nobody_for_long_and_is_named() {
    isolated(|| {
        let lab = Lab::two_nats().unwrap();
        let live = StunServer::start(&lab).unwrap();
        // Long enough for the dead server to be named (after 4.5 s).
        let options = CallOptions { seconds: Some(6), ..short(vec![live.url(), DEAD_SERVER.to_owned()]) };
        for outcome in call(&lab, &options) {
            check_connected(&outcome);
            let (_, remote) = outcome.selected_types().unwrap();
            assert!(["srflx", "prflx"].contains(&remote.as_str()), "the peer was reached at its {remote} candidate");
            assert_eq!(server(&outcome, &live.url())["ok"], true);
            let dead = server(&outcome, DEAD_SERVER);
            assert_eq!(dead["ok"], false);
            assert!(dead["error"].as_str().unwrap().contains("no answer"), "{dead}");
        }
    });
}

#[test]
fn without_dns_a_call_on_the_same_switch_connects_and_the_name_is_told() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let options = CallOptions { seconds: Some(6), ..short(vec![UNKNOWN_SERVER.to_owned()]) };
        for outcome in call(&lab, &options) {
            check_connected(&outcome);
            assert_eq!(outcome.selected_types().unwrap(), ("host".to_owned(), "host".to_owned()));
            let server = server(&outcome, UNKNOWN_SERVER);
            assert_eq!(server["ok"], false);
            assert!(server["error"].as_str().unwrap().contains("resolve"), "{server}");
        }
    });
}

#[test]
fn two_families_on_one_switch_prefer_ipv6() {
    isolated(|| {
        let lab = Lab::dual_stack_lan().unwrap();
        for outcome in call(&lab, &short(Vec::new())) {
            check_connected(&outcome);
            assert!(selected_remote(&outcome).is_ipv6(), "{}", selected_remote(&outcome));
            let families: Vec<&str> = outcome.report["localCandidates"]
                .as_array()
                .unwrap()
                .iter()
                .map(|candidate| if candidate["address"].as_str().unwrap().contains(':') { "IPv6" } else { "IPv4" })
                .collect();
            assert!(families.contains(&"IPv4") && families.contains(&"IPv6"), "{families:?}");
        }
    });
}

#[test]
fn devices_that_one_router_keeps_apart_are_told_so_at_both_ends() {
    isolated(|| {
        let lab = Lab::isolated_home().unwrap();
        let server = StunServer::start(&lab).unwrap();
        let options = CallOptions { stun: vec![server.url()], ..CallOptions::default() };
        let (mut alice, mut bob) = both_call(&lab, &options);
        exchange_codes(&mut alice, &mut bob);
        // Silence says something after 5 s of checks.
        alice.keep_waiting(Duration::from_secs(8)).unwrap();
        for call in [alice, bob] {
            let outcome = hung_up(call);
            assert_eq!(outcome.exit_code, Some(3), "{:#}", outcome.report);
            assert_eq!(outcome.report["outcome"], "failed");
            assert!(findings(&outcome).contains(&"C14"), "{:#}", outcome.report["diagnosis"]);
        }
    });
}

fn hung_up(call: CallProcess) -> CallOutcome {
    call.hang_up().unwrap();
    call.finish(SOON).unwrap()
}
