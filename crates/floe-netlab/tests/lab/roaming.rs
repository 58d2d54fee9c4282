//! Calls of a machine whose network changes: real addresses, real links, and what the kernel tells of them.

mod conditions;
mod outages;
mod replay;
mod survival;
mod uplinks;

use std::net::Ipv4Addr;

use floe_netlab::{CallOptions, CallOutcome, CallProcess, Datagram, Kind, isolated};

use crate::{SOON, talking, wait_until_seen};

const DEVICE: &str = "eth0";
/// Alice's second address on the switch.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);

fn long_call() -> CallOptions {
    CallOptions { seconds: Some(8), ..CallOptions::default() }
}

/// Audio packets from and to an address, from this datagram on.
fn audio_both_ways(seen: &[Datagram], address: Ipv4Addr) -> bool {
    let audio = || seen.iter().filter(|datagram| datagram.kind() == Kind::Rtp);
    let from = audio().filter(|datagram| *datagram.from.ip() == address).count();
    let to = audio().filter(|datagram| *datagram.to.ip() == address).count();
    from > 25 && to > 25
}

/// Both ends finish well, with the same words, and Alice says what her restarts cost.
fn check_survived(alice: CallProcess, bob: CallProcess) -> CallOutcome {
    let (alice, bob) = (alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap());
    for outcome in [&alice, &bob] {
        assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
        assert_eq!(outcome.report["outcome"], "connected");
    }
    assert_eq!(alice.report["security"]["sas"], bob.report["security"]["sas"]);
    let restarts = alice.report["restarts"].as_array().unwrap();
    assert!(!restarts.is_empty() && restarts[0]["selectedMs"].is_number(), "{restarts:?}");
    alice
}

#[test]
fn a_machine_whose_address_changes_goes_on_from_the_new_one_within_a_second_or_two() {
    isolated(|| {
        let (lab, capture, alice, bob) = talking(&long_call());

        lab.alice.remove_address(DEVICE, lab.alice.address()).unwrap();
        lab.alice.add_address(DEVICE, ELSEWHERE).unwrap();

        wait_until_seen(&capture, "audio to and from the new address", |seen| audio_both_ways(seen, ELSEWHERE));
        let alice = check_survived(alice, bob);
        let gap = alice.report["restarts"][0]["audioGapMs"].as_f64().unwrap();
        assert!(gap < 2000.0, "{gap} ms without audio");
    });
}

#[test]
fn a_cable_that_is_pulled_and_plugged_in_again_costs_no_new_code() {
    isolated(|| {
        let (lab, capture, alice, mut bob) = talking(&long_call());

        lab.alice.set_link(DEVICE, false).unwrap();
        bob.keep_waiting(std::time::Duration::from_secs(2)).unwrap();
        lab.alice.set_link(DEVICE, true).unwrap();
        let before = capture.so_far().unwrap().len();

        wait_until_seen(&capture, "audio both ways again", |seen| {
            audio_both_ways(seen.get(before..).unwrap_or_default(), lab.alice.address())
        });
        check_survived(alice, bob);
    });
}
