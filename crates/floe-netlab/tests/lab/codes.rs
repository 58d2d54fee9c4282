//! Codes with candidates that nobody should write: the program says what it left out, and calls with the rest.

use std::net::{Ipv4Addr, SocketAddrV4};

use floe_netlab::{CallOutcome, Capture, Datagram, Doctored, Lab, isolated};

use crate::{SOON, both_call, short_call};

/// What a hostile code adds.
const MANY: usize = 1000;
/// What a code may carry.
const CAP: usize = 64;

/// Addresses of the switch that nobody has, one after the other.
fn dead() -> impl Iterator<Item = SocketAddrV4> {
    (0..MANY).map(|index| SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 100 + (index % 100) as u8), 9 + index as u16))
}

/// What is left of a call.
struct Call {
    outcomes: [CallOutcome; 2],
    /// Everything that was on the wire.
    seen: Vec<Datagram>,
    /// Alice's record, whose notes are text.
    record: String,
}

/// A call for which Alice gets Bob's code as somebody has changed it.
fn call(doctored: impl FnOnce(Doctored) -> Doctored) -> Call {
    let lab = Lab::lan().unwrap();
    let capture = Capture::in_the_middle(&lab).unwrap();
    let (mut alice, mut bob) = both_call(&lab, &short_call());
    let (code_of_alice, code_of_bob) = (alice.code().unwrap(), bob.code().unwrap());
    alice.paste(&doctored(Doctored::open(&code_of_bob).unwrap()).code()).unwrap();
    bob.paste(&code_of_alice).unwrap();
    let outcomes = [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()];
    let record = std::fs::read(lab.file("alice.floe")).unwrap();
    Call { outcomes, seen: capture.stop().unwrap(), record: String::from_utf8_lossy(&record).into_owned() }
}

fn check_connected(outcomes: &[CallOutcome; 2]) {
    for outcome in outcomes {
        assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
        assert_eq!(outcome.report["outcome"], "connected");
    }
}

fn dropped(outcome: &CallOutcome) -> usize {
    outcome.report["counters"]["droppedCandidates"].as_u64().unwrap() as usize
}

#[test]
fn a_thousand_candidates_behind_the_good_ones_are_counted_and_the_call_connects() {
    isolated(|| {
        let Call { outcomes, .. } = call(|code| code.with_last(dead()));
        check_connected(&outcomes);
        let remote = outcomes[0].report["remoteCandidates"].as_array().unwrap().len();
        assert!(dropped(&outcomes[0]) >= MANY - CAP, "{} were dropped", dropped(&outcomes[0]));
        assert!(remote <= CAP + 8, "{remote} are known");
        assert_eq!(outcomes[0].selected_types().unwrap().1, "host", "the good one was read");
    });
}

#[test]
fn a_thousand_candidates_before_the_good_ones_push_them_out_and_the_other_side_finds_the_path() {
    isolated(|| {
        let Call { outcomes, .. } = call(|code| code.with_first(dead()));
        check_connected(&outcomes);
        assert!(dropped(&outcomes[0]) >= MANY - CAP, "{} were dropped", dropped(&outcomes[0]));
        let pairs = outcomes[0].report["candidatePairs"].as_array().unwrap().len();
        assert!(pairs <= 100, "{pairs} pairs");
    });
}

#[test]
fn candidates_that_nobody_can_use_are_each_named_and_nothing_is_sent_there() {
    isolated(|| {
        let unusable = ["10.77.0.3:0", "127.0.0.1:9", "224.0.0.251:5353", "0.0.0.0:9", "255.255.255.255:9"];
        let addresses = unusable.map(|address| address.parse::<SocketAddrV4>().unwrap());
        let Call { outcomes, seen, record } = call(|code| code.with_first(addresses));
        check_connected(&outcomes);
        assert_eq!(dropped(&outcomes[0]), unusable.len() - 1, "loopback is a hint only");
        for address in unusable {
            assert!(record.contains(address), "{address} is not named");
        }
        assert!(!seen.iter().any(|datagram| addresses.contains(&datagram.to)), "a packet went there");
    });
}
