//! Calls on one switch.

use std::collections::BTreeMap;

use floe_netlab::{CallOptions, CallOutcome, CallProcess, Capture, Datagram, Host, Kind, Lab, isolated};

use serde_json::Value;

use crate::{SOON, TONE_HZ, both_call, check_tone, exchange_codes, short_call, wait_until_seen};

/// The call was connected between host candidates and the tone was heard.
fn check_good_call(outcome: &CallOutcome) {
    assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
    assert_eq!(outcome.report["outcome"], "connected");
    assert_eq!(outcome.selected_types().unwrap(), ("host".to_owned(), "host".to_owned()));
    assert_eq!(outcome.report["failureCode"], serde_json::Value::Null);
    let heard = outcome.recording().unwrap();
    assert!(heard.seconds() > 2.0, "only {} s were recorded", heard.seconds());
    check_tone(outcome, 0.8);
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
fn two_who_hide_their_addresses_on_one_lan_find_each_other_by_multicast_dns() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let (mut alice, mut bob) =
            both_call(&lab, &CallOptions { privacy: Some("hide-lan"), seconds: Some(3), ..CallOptions::default() });

        exchange_codes(&mut alice, &mut bob);

        // Nobody answers anything here but the two, so that a path is proof of a name that was resolved.
        let (alice, bob) = (alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap());
        for outcome in [alice, bob] {
            assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
            assert_eq!(outcome.report["outcome"], "connected");
        }
    });
}

/// Nothing arrives over IPv4 but multicast DNS.
fn leave_ipv4_to_mdns(host: &Host) {
    let rules = "add table ip names; add chain ip names in { type filter hook input priority 0; }; \
                 add rule ip names in udp dport 5353 accept; add rule ip names in drop";
    assert!(host.command("nft").arg(rules).status().unwrap().success());
}

#[test]
fn hidden_unique_local_addresses_are_found_by_their_names_and_carry_the_call_where_ipv4_does_not() {
    isolated(|| {
        let lab = Lab::unique_local_lan().unwrap();
        leave_ipv4_to_mdns(&lab.alice);
        leave_ipv4_to_mdns(&lab.bob);
        let (mut alice, mut bob) = both_call(&lab, &CallOptions { privacy: Some("hide-lan"), ..short_call() });

        exchange_codes(&mut alice, &mut bob);

        for outcome in [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()] {
            assert_eq!(outcome.report["outcome"], "connected", "{:#}", outcome.report);
            let remote = outcome.report["remoteCandidates"].to_string();
            assert!(remote.contains("fd00:77::"), "{remote}");
        }
    });
}

/// Both hide their unique local addresses, and connect over one of them.
fn check_hidden_call(lab: &Lab) {
    let (mut alice, mut bob) = both_call(lab, &CallOptions { privacy: Some("hide-lan"), ..short_call() });

    exchange_codes(&mut alice, &mut bob);

    for outcome in [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()] {
        assert_eq!(outcome.report["outcome"], "connected", "{:#}", outcome.report);
        let remote = outcome.report["remoteCandidates"].to_string();
        assert!(remote.contains("fd00:77::"), "{remote}");
    }
}

#[test]
fn hidden_addresses_are_found_by_their_names_where_there_is_ipv6_only() {
    isolated(|| check_hidden_call(&Lab::ipv6_only_lan().unwrap()));
}

#[test]
fn one_with_both_families_and_one_with_ipv6_only_find_each_other_by_their_names() {
    isolated(|| {
        let lab = Lab::unique_local_lan().unwrap();
        lab.bob.drop_ipv4("eth0").unwrap();
        check_hidden_call(&lab);
    });
}

#[test]
fn two_calls_on_one_lan_connect_and_each_hears_the_other() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let (mut alice, mut bob) = both_call(&lab, &short_call());

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
    let start = |host| CallProcess::start(lab, host, &short_call()).unwrap();
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
        let mut alice = CallProcess::start(&lab, &lab.alice, &short_call()).unwrap();
        alice.code().unwrap();

        alice.hang_up().unwrap();

        let outcome = alice.finish(SOON).unwrap();
        assert_eq!(outcome.exit_code, Some(3), "{:#}", outcome.report);
        assert_eq!(outcome.report["outcome"], "failed");
        assert!(!outcome.report["localCandidates"].as_array().unwrap().is_empty(), "what was gathered stays");
    });
}

/// Requests and answers of each UDP pair (the capture holds UDP only) by its two addresses, with the sum of round trips
/// in whole milliseconds.
fn checks_by_pair(report: &Value) -> BTreeMap<String, String> {
    let candidate = |list: &str, id: &Value| {
        let candidates = report[list].as_array().expect("a report lists candidates");
        candidates.iter().find(|candidate| candidate["id"] == *id).expect("pairs name candidates")
    };
    let address = |list: &str, id: &Value| {
        let candidate = candidate(list, id);
        format!("{} {}", candidate["address"], candidate["port"])
    };
    let pairs = report["candidatePairs"].as_array().expect("a report lists pairs").iter();
    let checked = pairs.filter(|pair| pair["requestsSent"] != 0 || pair["requestsReceived"] != 0);
    let over_udp = checked.filter(|pair| candidate("localCandidates", &pair["localCandidateId"])["protocol"] == "udp");
    let facts = over_udp.map(|pair| {
        let local = address("localCandidates", &pair["localCandidateId"]);
        let remote = address("remoteCandidates", &pair["remoteCandidateId"]);
        let counts = ["requestsSent", "requestsReceived", "responsesSent", "responsesReceived", "retransmissionsSent"];
        let counts = counts.map(|count| pair[count].to_string()).join(" ");
        (format!("{local} - {remote}"), format!("{counts} {} {}", pair["nominated"], pair["selected"]))
    });
    facts.collect()
}

#[test]
fn a_capture_from_the_middle_tells_what_each_side_saw() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let capture = Capture::in_the_middle(&lab).unwrap();
        let (mut alice, mut bob) = both_call(&lab, &short_call());
        exchange_codes(&mut alice, &mut bob);
        let (alice, bob) = (alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap());
        capture.stop().unwrap();

        let report = |more: &[&str]| {
            let mut command = std::process::Command::new(floe_netlab::floe().unwrap());
            let output = command.arg("report").arg(lab.file("middle.pcap")).arg("--json").args(more).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        };
        let (one, other) = (report(&[]), report(&["--swap-sides"]));
        assert_ne!(one["role"], other["role"], "the two sides are told apart");
        let (of_alice, of_bob) = if one["role"] == alice.report["role"] { (one, other) } else { (other, one) };
        for (captured, live) in [(of_alice, alice.report), (of_bob, bob.report)] {
            assert_eq!(captured["outcome"], "connected", "{captured:#}");
            assert_eq!(checks_by_pair(&captured), checks_by_pair(&live));
        }
    });
}
