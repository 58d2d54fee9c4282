//! Calls that no direct path joins, through coturn.

use std::time::Duration;

use floe_netlab::{
    CallOptions, CallOutcome, CallProcess, Capture, Certificate, Host, Lab, Router, TurnServer, isolated,
};

use serde_json::Value;

use crate::{SOON, TONE_HZ, both_call, check_tone, exchange_codes};

/// STUN and TURN share a port; UDP is blocked where the port is this one.
const HTTPS: u16 = 443;
const TURN: u16 = 3478;
/// coturn needs half a second to start and give an address; a busy machine some more.
const RESTART_S: f64 = 2.0;
/// Half a second of a call, both ways and at both sides of a relay.
const RECENT: usize = 100;

/// A call in a lab with these routers; each side is given what `servers` makes of the server.
fn call(routers: [Router; 2], port: u16, servers: impl Fn(&TurnServer) -> CallOptions) -> [CallOutcome; 2] {
    let lab = Lab::homes(routers).unwrap();
    let server = TurnServer::start(&lab, port).unwrap();
    let options = CallOptions { seconds: Some(5), ..servers(&server) };
    let start = |host| CallProcess::start(&lab, host, &options).unwrap();
    let (mut alice, mut bob) = (start(&lab.alice), start(&lab.bob));
    exchange_codes(&mut alice, &mut bob);
    [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()]
}

fn turn(urls: Vec<String>) -> CallOptions {
    CallOptions { turn: urls, ..CallOptions::default() }
}

/// The call went through a relay, as both ends know, and the tone was heard.
fn check_relayed(outcome: &CallOutcome) {
    assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
    assert_eq!(outcome.report["outcome"], "connected");
    let (local, remote) = outcome.selected_types().unwrap();
    assert!(local == "relay" || remote == "relay", "from {local} to {remote}: {:#}", outcome.report);
    // A busy machine stretches and conceals in the first second; what the relay carries is that nothing is lost.
    check_tone(outcome, 0.5);
    assert!(outcome.report["audio"]["packetsLost"].as_i64().unwrap() <= 2, "{:#}", outcome.report["audio"]);
}

/// The addresses of the relays in the pair that was selected last.
fn relays_in_use(outcome: &CallOutcome) -> Vec<String> {
    let selected = outcome.report["selectedPairs"].as_array().unwrap().last().unwrap();
    let ends = [("localCandidates", "localCandidateId"), ("remoteCandidates", "remoteCandidateId")];
    let candidates = ends.map(|(list, id)| {
        let candidates = outcome.report[list].as_array().unwrap();
        candidates.iter().find(|candidate| candidate["id"] == selected[id]).unwrap()
    });
    let relays = candidates.into_iter().filter(|candidate| candidate["candidateType"] == "relay");
    relays.map(|candidate| candidate["address"].as_str().unwrap().to_owned()).collect()
}

/// How the server was reached, for every relayed address of this side.
fn relay_protocols(outcome: &CallOutcome) -> Vec<String> {
    let candidates = outcome.report["localCandidates"].as_array().unwrap();
    let relayed = candidates.iter().filter(|candidate| candidate["candidateType"] == "relay");
    relayed.map(|candidate| candidate["relayProtocol"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_symmetric_router_and_one_that_filters_are_joined_by_a_relay() {
    isolated(|| {
        for outcome in call([Router::Symmetric, Router::Home], TURN, |server| turn(vec![server.udp()])) {
            check_relayed(&outcome);
            assert_eq!(relay_protocols(&outcome), ["udp"]);
        }
    });
}

#[test]
fn two_symmetric_routers_are_joined_by_a_relay() {
    isolated(|| {
        for outcome in call([Router::Symmetric, Router::Symmetric], TURN, |server| turn(vec![server.udp()])) {
            check_relayed(&outcome);
        }
    });
}

#[test]
fn homes_without_udp_are_joined_over_tcp_at_the_port_of_the_web() {
    isolated(|| {
        for outcome in call([Router::NoUdp, Router::NoUdp], HTTPS, |server| turn(vec![server.tcp()])) {
            check_relayed(&outcome);
            assert_eq!(relay_protocols(&outcome), ["tcp"]);
            assert_eq!(outcome.selected_types().unwrap(), ("relay".to_owned(), "relay".to_owned()));
        }
    });
}

#[test]
fn homes_without_udp_are_joined_over_tls_at_the_port_of_the_web() {
    isolated(|| {
        let options =
            |server: &TurnServer| CallOptions { turn_ca: Some(server.certificate()), ..turn(vec![server.tls()]) };
        for outcome in call([Router::NoUdp, Router::NoUdp], HTTPS, options) {
            check_relayed(&outcome);
            assert_eq!(relay_protocols(&outcome), ["tls"]);
        }
    });
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_named_and_no_relay_is_used() {
    isolated(|| {
        let lab = Lab::homes([Router::NoUdp, Router::NoUdp]).unwrap();
        let server = TurnServer::start(&lab, HTTPS).unwrap();
        let mut alice = CallProcess::start(&lab, &lab.alice, &turn(vec![server.tls()])).unwrap();
        alice.code().unwrap();
        alice.hang_up().unwrap();
        let outcome = alice.finish(SOON).unwrap();
        let error = outcome.report["servers"][0]["error"].as_str().unwrap();
        assert!(error.contains("TLS") && !error.contains("a-password-for-the-lab"), "{error}");
        assert!(relay_protocols(&outcome).is_empty());
    });
}

/// Nobody connects to this machine over TCP; it may connect to others.
fn refuse_tcp(host: &Host) {
    let rules = "add table inet lab_tcp; add chain inet lab_tcp input { type filter hook input priority 0; }; \
                 add rule inet lab_tcp input tcp flags & (syn | ack) == syn drop";
    let done = host.command("nft").arg(rules).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_server_that_is_killed_and_started_again_mid_call_gives_a_new_address() {
    isolated(|| {
        let mut lab = Lab::homes([Router::NoUdp, Router::Home]).unwrap();
        // A peer that anybody reaches: two relays on one server could tell each other nothing once it has forgotten both.
        lab.bob = lab.server("public", [203, 0, 113, 50].into()).unwrap();
        refuse_tcp(&lab.bob);
        let mut server = TurnServer::start(&lab, HTTPS).unwrap();
        let options = CallOptions { seconds: Some(12), ..turn(vec![server.tcp()]) };
        let start = |host| CallProcess::start(&lab, host, &options).unwrap();
        let (mut alice, mut bob) = (start(&lab.alice), start(&lab.bob));
        exchange_codes(&mut alice, &mut bob);
        alice.keep_waiting(Duration::from_secs(4)).unwrap();

        server.restart(&lab).unwrap();

        let (alice, bob) = (alice.finish(2 * SOON).unwrap(), bob.finish(2 * SOON).unwrap());
        for outcome in [&alice, &bob] {
            assert_eq!(outcome.report["outcome"], "connected", "{:#}", outcome.report);
            let heard = outcome.recording().unwrap();
            let share = heard.share_of_tone(TONE_HZ);
            assert!(heard.seconds() > 9.0 && share > 0.6, "{share} of {} s: {:#}", heard.seconds(), outcome.report);
            let longest = heard.interruptions(TONE_HZ, 0.015).iter().map(|(_, length)| *length).fold(0.0, f64::max);
            assert!(longest <= RESTART_S, "{longest} s without the tone: {:#}", outcome.report);
        }
        assert_eq!(alice.selected_types().unwrap().0, "relay");
        assert_eq!(relay_protocols(&alice), ["tcp", "tcp"], "one address before, one after");
    });
}

/// Which of the servers the newest datagrams of audio went through.
fn server_in_use<'a>(capture: &Capture, servers: [&'a TurnServer; 2]) -> [&'a TurnServer; 2] {
    let seen = capture.so_far().unwrap();
    let newest = &seen[seen.len().saturating_sub(RECENT)..];
    let share = |server: &TurnServer| newest.iter().filter(|datagram| *datagram.to.ip() == server.address()).count();
    let [one, other] = servers;
    if share(one) > share(other) { [one, other] } else { [other, one] }
}

#[test]
fn a_second_server_takes_over_when_the_one_in_use_is_gone_mid_call() {
    isolated(|| {
        let lab = Lab::homes([Router::Symmetric, Router::Symmetric]).unwrap();
        // Over UDP nobody looks at a certificate: the kinds are two machines.
        let start = |kind| TurnServer::start_with(&lab, TURN, kind).unwrap();
        let (one, other) = (start(Certificate::Good), start(Certificate::OtherName));
        let options = CallOptions { stay: true, ..turn(vec![one.udp(), other.udp()]) };
        let capture = Capture::in_the_middle(&lab).unwrap();
        let (mut alice, mut bob) = both_call(&lab, &options);
        exchange_codes(&mut alice, &mut bob);
        alice.wait_for_state(SOON, "completed").unwrap();
        bob.wait_for_state(SOON, "completed").unwrap();
        alice.keep_waiting(Duration::from_secs(3)).unwrap();

        let [used, spare] = server_in_use(&capture, [&one, &other]);
        used.unplug().unwrap();
        alice.keep_waiting(Duration::from_secs(6)).unwrap();

        alice.hang_up().unwrap();
        for outcome in [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()] {
            assert_eq!(outcome.report["outcome"], "connected", "{:#}", outcome.report);
            let (local, remote) = outcome.selected_types().unwrap();
            assert!(local == "relay" || remote == "relay", "from {local} to {remote}: {:#}", outcome.report);
            assert!(
                relays_in_use(&outcome).iter().all(|ip| *ip == spare.address().to_string()),
                "{:#}",
                outcome.report
            );
            let heard = outcome.recording().unwrap();
            let longest = heard.interruptions(TONE_HZ, 0.015).iter().map(|(_, length)| *length).fold(0.0, f64::max);
            assert!(longest <= RESTART_S, "{longest} s without the tone: {:#}", outcome.report);
            assert!(outcome.ice_states().iter().all(|state| *state != "failed"), "{:?}", outcome.ice_states());
        }
    });
}

#[test]
fn when_the_only_server_of_both_forgets_them_one_fresh_code_revives_the_call() {
    isolated(|| {
        let lab = Lab::homes([Router::Symmetric, Router::Symmetric]).unwrap();
        let mut server = TurnServer::start(&lab, TURN).unwrap();
        let options = CallOptions { stay: true, ..turn(vec![server.udp()]) };
        let start = |host| CallProcess::start(&lab, host, &options).unwrap();
        let (mut alice, mut bob) = (start(&lab.alice), start(&lab.bob));
        exchange_codes(&mut alice, &mut bob);
        alice.wait_for_state(SOON, "completed").unwrap();
        bob.wait_for_state(SOON, "completed").unwrap();
        alice.keep_waiting(Duration::from_secs(2)).unwrap();

        server.restart(&lab).unwrap();
        // Neither can tell the other its new address over a path that is gone; both offer it to their people.
        let (_fresh_of_alice, fresh_of_bob) = (alice.code().unwrap(), bob.code().unwrap());
        alice.paste(&fresh_of_bob).unwrap();
        alice.wait_for_state(SOON, "connected").unwrap();
        bob.wait_for_state(SOON, "connected").unwrap();
        alice.keep_waiting(Duration::from_secs(3)).unwrap();

        alice.hang_up().unwrap();
        let (alice, bob) = (alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap());
        assert_eq!(alice.report["security"]["sas"], bob.report["security"]["sas"], "it is the same call");
        for outcome in [&alice, &bob] {
            assert_eq!(outcome.report["outcome"], "connected", "{:#}", outcome.report);
            let (local, remote) = outcome.selected_types().unwrap();
            assert!(local == "relay" || remote == "relay", "from {local} to {remote}");
            let newest = outcome.report["selectedPairs"].as_array().unwrap().last().unwrap()["generation"].as_u64();
            assert!(newest.unwrap() >= 1, "a new generation: {newest:?}");
            // A gap is known once audio is heard after it.
            let restarts = outcome.report["restarts"].as_array().unwrap();
            assert!(restarts.iter().any(|restart| restart["audioGapMs"].as_f64() > Some(500.0)), "{restarts:?}");
        }
    });
}

/// The kinds of candidates of each selection from the first one on, and why audio moved there.
fn moves(outcome: &CallOutcome) -> Vec<(bool, Option<&str>)> {
    let kind = |list: &str, id: &Value| {
        let candidates = outcome.report[list].as_array().unwrap();
        candidates.iter().any(|candidate| candidate["id"] == *id && candidate["candidateType"] == "relay")
    };
    let selections = outcome.report["selectedPairs"].as_array().unwrap();
    let is_relayed = |one: &Value| {
        kind("localCandidates", &one["localCandidateId"]) || kind("remoteCandidates", &one["remoteCandidateId"])
    };
    selections.iter().map(|one| (is_relayed(one), one["reason"].as_str())).collect()
}

#[test]
fn a_relay_that_one_side_forces_is_used_by_both_and_left_when_it_is_released_or_blocked() {
    isolated(|| {
        let lab = Lab::two_nats().unwrap();
        let server = TurnServer::start(&lab, TURN).unwrap();
        let start = |host, wishes| {
            let options = CallOptions { seconds: Some(12), wishes, ..turn(vec![server.udp()]) };
            CallProcess::start(&lab, host, &options).unwrap()
        };
        let mut alice = start(&lab.alice, Some("force=relay@3s,block=used@6s,release@9s"));
        let mut bob = start(&lab.bob, None);
        exchange_codes(&mut alice, &mut bob);
        for outcome in [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()] {
            assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
            let moves = moves(&outcome);
            let wished = moves.iter().position(|one| *one == (true, Some("wish"))).expect("the relay is used");
            assert!(!moves[wished - 1].0, "the direct path was used before: {moves:?}");
            assert_eq!(moves[wished + 1].1, Some("wish"), "what is in use was blocked: {moves:?}");
            let (is_relayed, reason) = moves[moves.len() - 1];
            assert!(!is_relayed, "{moves:?}");
            assert!(matches!(reason, Some("wish" | "better")), "nobody says that a path was lost: {moves:?}");
            let restarts = outcome.report["restarts"].as_array().unwrap();
            assert!(restarts.iter().all(|restart| restart["cause"] == "wish"), "{restarts:?}");
        }
    });
}

#[test]
fn devices_that_one_router_keeps_apart_are_joined_by_a_relay() {
    isolated(|| {
        let lab = Lab::isolated_home().unwrap();
        let server = TurnServer::start(&lab, TURN).unwrap();
        let options = CallOptions { seconds: Some(8), ..turn(vec![server.udp()]) };
        let start = |host| CallProcess::start(&lab, host, &options).unwrap();
        let (mut alice, mut bob) = (start(&lab.alice), start(&lab.bob));
        exchange_codes(&mut alice, &mut bob);
        for outcome in [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()] {
            check_relayed(&outcome);
        }
    });
}
