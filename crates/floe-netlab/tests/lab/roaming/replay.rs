//! Somebody who saw the whole call so far moves in where Alice was, and sends Bob all of it again.

use std::{
    collections::BTreeSet,
    net::SocketAddrV4,
    thread::sleep,
    time::{Duration, Instant},
};

use floe_netlab::{CallOptions, Capture, Datagram, Host, Kind, Lab, Sprayer, isolated};
use serde_json::Value;

use super::{
    DEVICE, ELSEWHERE, audio_both_ways,
    survival::{End, check_same_call},
};
use crate::{SOON, both_call, exchange_codes, wait_for_audio, wait_until_seen};

/// A generation that has been left is over after two seconds.
const OLD_IS_OVER: Duration = Duration::from_secs(3);
/// A program's clock begins a little after it was started, and less than this.
const STARTED_WITHIN: Duration = Duration::from_millis(1500);
/// Between datagrams that are sent again: what comes in one burst is lost on a busy machine before anybody sees it.
const PACE: Duration = Duration::from_millis(5);

/// Sends datagrams again in their order, each from the port that it came from; says how many.
fn send_again(from: &Host, seen: &[&Datagram]) -> usize {
    let sources: BTreeSet<SocketAddrV4> = seen.iter().map(|datagram| datagram.from).collect();
    let mut sent = 0;
    for source in sources {
        let mut sprayer = Sprayer::at(from, source).unwrap();
        for datagram in seen.iter().filter(|datagram| datagram.from == source) {
            sprayer.send(datagram.to.into(), &datagram.payload).unwrap();
            sleep(PACE);
        }
        sent += sprayer.finish().unwrap();
    }
    sent
}

#[test]
fn whoever_takes_the_old_address_and_sends_again_what_was_seen_gets_nothing() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let capture = Capture::in_the_middle(&lab).unwrap();
        let start = Instant::now();
        let (mut alice, mut bob) = both_call(&lab, &CallOptions::default());
        exchange_codes(&mut alice, &mut bob);
        wait_for_audio(&capture, &lab);
        bob.keep_waiting(Duration::from_secs(1)).unwrap();
        let old = lab.alice.address();
        lab.alice.remove_address(DEVICE, old).unwrap();
        lab.alice.add_address(DEVICE, ELSEWHERE).unwrap();
        wait_until_seen(&capture, "audio to and from the new address", |seen| audio_both_ways(seen, ELSEWHERE));
        bob.keep_waiting(OLD_IS_OVER).unwrap();

        let seen = capture.so_far().unwrap();
        let to_bob = || seen.iter().filter(|datagram| datagram.to.ip() == &lab.bob.address());
        let from_old: Vec<&Datagram> = to_bob().filter(|datagram| *datagram.from.ip() == old).collect();
        for kind in [Kind::Stun, Kind::Dtls, Kind::Rtp] {
            assert!(from_old.iter().any(|datagram| datagram.kind() == kind), "{kind:?} was seen");
        }
        lab.stranger.add_address(DEVICE, old).unwrap();
        // What waits for an address to be resolved is lost when too much waits.
        let first = from_old[0].clone();
        send_again(&lab.stranger, &[&first]);
        wait_until_seen(&capture, "the first one again", |all| {
            all.get(seen.len()..).is_some_and(|later| later.contains(&first))
        });
        let begun = start.elapsed();
        let sent = send_again(&lab.stranger, &from_old);

        wait_until_seen(&capture, "audio that goes on", |all| {
            let later = all.get(seen.len()..).unwrap_or_default();
            let again = later.iter().filter(|datagram| *datagram.from.ip() == old).count();
            again >= sent / 2 && audio_both_ways(later, ELSEWHERE)
        });
        let later = capture.so_far().unwrap().split_off(seen.len());
        alice.hang_up().unwrap();
        let ends = [alice, bob].map(|call| End::of(call.finish(SOON).unwrap()));
        check_same_call(&ends);
        let audio_of_bob =
            later.iter().filter(|datagram| datagram.from.ip() == &lab.bob.address() && datagram.kind() == Kind::Rtp);
        for datagram in audio_of_bob {
            assert_eq!(*datagram.to.ip(), ELSEWHERE, "Bob's audio goes where Alice is");
        }
        for end in &ends {
            assert!(end.outcome.ice_states().ends_with(&["completed", "closed"]), "{:?}", end.outcome.ice_states());
            let before = (begun - STARTED_WITHIN).as_secs_f64() * 1000.0;
            let is_earlier = |restart: &Value| restart["startedMs"].as_f64().is_some_and(|at| at < before);
            assert!(
                end.restarts().iter().all(is_earlier),
                "nothing began anew after {before} ms: {:?}",
                end.restarts()
            );
        }
        let refused = ends[1].outcome.report["counters"]["refusedDatagrams"].as_u64().unwrap();
        assert!(refused >= sent as u64 / 2, "{sent} were sent again, {refused} refused");
    });
}
