//! Calls under fire: datagrams that nobody should send.

use std::net::SocketAddr;

use floe_netlab::{CallOptions, CallOutcome, Datagram, Garbage, Host, Sprayer, isolated};

use crate::{SOON, check_tone, talking};

/// Bad datagrams to each socket from each sender.
const PER_SOCKET: usize = 500;
/// Any number; a failure can be repeated with it.
const SEED: u64 = 0x000f_10e5;

/// Sends bad datagrams to every socket of a machine, and says how many.
fn spray(from: &Host, sockets: &[SocketAddr], garbage: &mut Garbage) -> usize {
    let mut sprayer = Sprayer::on(from).unwrap();
    for socket in sockets {
        for _ in 0..PER_SOCKET {
            sprayer.send(*socket, &garbage.datagram()).unwrap();
        }
    }
    sprayer.finish().unwrap()
}

/// Sends what was captured once more to where it went, from the wrong place.
fn replay(from: &Host, captured: &[Datagram]) {
    let mut sprayer = Sprayer::on(from).unwrap();
    for datagram in captured {
        sprayer.send(datagram.to.into(), &datagram.payload).unwrap();
    }
    assert!(sprayer.finish().unwrap() > 0, "something was captured to be replayed");
}

/// The call ended well, and the tone was heard without a break.
fn check_undisturbed(outcome: &CallOutcome) {
    assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
    assert!(!outcome.ice_states().contains(&"disconnected"), "{:?}", outcome.ice_states());
    check_tone(outcome, 0.9);
}

/// What was sent to the call shows in its counters. Not every datagram: the kernel's queue may overflow before Floe
/// can see it.
fn check_counted(outcome: &CallOutcome, sent: usize) {
    let counters = &outcome.report["counters"];
    let count = |name: &str| counters[name].as_u64().unwrap();
    let counted = count("refusedDatagrams") + count("droppedDatagrams");
    assert!(counted >= sent as u64 / 2, "{sent} bad datagrams were sent (seed {SEED:#x}), counted were {counters:#}");
}

#[test]
fn a_call_goes_on_through_garbage_and_replays_and_counts_them() {
    isolated(|| {
        let (lab, capture, alice, bob) = talking(&CallOptions { seconds: Some(6), ..CallOptions::default() });
        let (of_alice, of_bob) = (lab.alice.udp_sockets().unwrap(), lab.bob.udp_sockets().unwrap());
        assert!(!of_alice.is_empty() && !of_bob.is_empty(), "a call has sockets");

        let captured = capture.so_far().unwrap();
        lab.replay_everything(&lab.alice, &lab.bob).unwrap();
        let mut garbage = Garbage::new(SEED);
        let to_alice = spray(&lab.stranger, &of_alice, &mut garbage);
        let to_bob = spray(&lab.stranger, &of_bob, &mut garbage) + spray(&lab.alice, &of_bob, &mut garbage);
        replay(&lab.stranger, &captured);
        replay(&lab.alice, &captured);

        let (alice, bob) = (alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap());
        check_undisturbed(&alice);
        check_undisturbed(&bob);
        check_counted(&alice, to_alice);
        check_counted(&bob, to_bob);
    });
}
