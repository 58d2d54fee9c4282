//! Calls on one switch.

use floe_netlab::{CallOptions, CallOutcome, CallProcess, Capture, Datagram, Host, Kind, Lab, isolated};

use crate::{SOON, TONE_HZ, both_call, exchange_codes, wait_until_seen};

fn a_short_call() -> CallOptions {
    CallOptions { seconds: Some(3), ..CallOptions::default() }
}

/// The call was connected between host candidates and the tone was heard.
fn check_good_call(outcome: &CallOutcome) {
    assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
    assert_eq!(outcome.report["outcome"], "connected");
    assert_eq!(outcome.selected_types().unwrap(), ("host".to_owned(), "host".to_owned()));
    assert_eq!(outcome.report["failureCode"], serde_json::Value::Null);
    let heard = outcome.recording().unwrap();
    assert!(heard.seconds() > 2.0, "only {} s were recorded", heard.seconds());
    assert!(heard.share_of_tone(TONE_HZ) > 0.8, "the tone fills {} of the recording", heard.share_of_tone(TONE_HZ));
    let measured = outcome.report["audio"]["toneHz"].as_f64().unwrap();
    assert!((measured - TONE_HZ).abs() < 2.0, "{measured} Hz");
}

/// Milliseconds from the second code to a selected pair, as this side saw it.
fn selected_ms(outcome: &CallOutcome) -> f64 {
    outcome.report["timings"]["selectedMs"].as_f64().unwrap()
}

fn has_checked(seen: &[Datagram], from: &Host, to: &Host) -> bool {
    seen.iter().any(|datagram| {
        datagram.kind() == Kind::Stun && *datagram.from.ip() == from.address() && *datagram.to.ip() == to.address()
    })
}

#[test]
fn two_calls_on_one_lan_connect_and_each_hears_the_other() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let (mut alice, mut bob) = both_call(&lab, &a_short_call());

        exchange_codes(&mut alice, &mut bob);

        let (alice, bob) = (alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap());
        check_good_call(&alice);
        check_good_call(&bob);
        // Whoever pasted last had nobody to wait for: the other side was already checking.
        let quickest = selected_ms(&alice).min(selected_ms(&bob));
        assert!(quickest < 250.0, "{quickest} ms from the second code to a selected pair");
        let code_ready = alice.report["timings"]["codeReadyMs"].as_f64().unwrap();
        assert!(code_ready < 500.0, "{code_ready} ms to a code, with no server to wait for");
        let (role_of_alice, role_of_bob) = (&alice.report["role"], &bob.report["role"]);
        assert_ne!(role_of_alice, role_of_bob, "one side controls");
        assert_eq!(alice.report["security"]["sas"], bob.report["security"]["sas"], "both show the same words");
    });
}

#[test]
fn it_does_not_matter_that_alice_pastes_first() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        check_order(&lab, &lab.alice, &lab.bob);
    });
}

#[test]
fn it_does_not_matter_that_bob_pastes_first() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        check_order(&lab, &lab.bob, &lab.alice);
    });
}

/// The first pastes, and only when its checks are on the wire the second does.
fn check_order(lab: &Lab, first_host: &Host, second_host: &Host) {
    let capture = Capture::in_the_middle(lab).unwrap();
    let start = |host| CallProcess::start(lab, host, &a_short_call()).unwrap();
    let (mut first, mut second) = (start(first_host), start(second_host));
    let (code_of_first, code_of_second) = (first.code().unwrap(), second.code().unwrap());

    first.paste(&code_of_second).unwrap();
    wait_until_seen(&capture, "a check", |seen| has_checked(seen, first_host, second_host));
    second.paste(&code_of_first).unwrap();

    check_good_call(&first.finish(SOON).unwrap());
    check_good_call(&second.finish(SOON).unwrap());
}

#[test]
fn a_call_without_a_peer_that_hangs_up_says_that_it_was_not_connected() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let mut alice = CallProcess::start(&lab, &lab.alice, &a_short_call()).unwrap();
        alice.code().unwrap();

        alice.hang_up().unwrap();

        let outcome = alice.finish(SOON).unwrap();
        assert_eq!(outcome.exit_code, Some(3), "{:#}", outcome.report);
        assert_eq!(outcome.report["outcome"], "failed");
        assert!(!outcome.report["localCandidates"].as_array().unwrap().is_empty(), "what was gathered stays");
    });
}
