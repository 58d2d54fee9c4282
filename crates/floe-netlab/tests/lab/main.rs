//! The real program in real namespaces: calls on a LAN, behind NATs, under fire, and with much patience.
#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

mod addresses;
mod codes;
mod garbage;
mod lan;
mod matrix;
mod nats;
mod network;
mod patience;
mod probe;
mod relays;
mod roaming;
mod servers;
mod tcp;
mod trouble;

use std::{
    thread,
    time::{Duration, Instant},
};

use floe_netlab::{CallOptions, CallOutcome, CallProcess, Capture, Datagram, Host, Kind, Lab};

/// What a call on an idle machine needs for anything, many times over.
const SOON: Duration = Duration::from_secs(15);
/// What `--audio tone` sends.
const TONE_HZ: f64 = 440.0;
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// One that ends by itself after it was heard for a while.
fn short_call() -> CallOptions {
    CallOptions { seconds: Some(3), ..CallOptions::default() }
}

/// Starts a call on both machines.
fn both_call(lab: &Lab, options: &CallOptions) -> (CallProcess, CallProcess) {
    let start = |host| CallProcess::start(lab, host, options).unwrap();
    (start(&lab.alice), start(&lab.bob))
}

/// Each gets the other's code, Alice first.
fn exchange_codes(alice: &mut CallProcess, bob: &mut CallProcess) {
    let (code_of_alice, code_of_bob) = (alice.code().unwrap(), bob.code().unwrap());
    alice.paste(&code_of_bob).unwrap();
    bob.paste(&code_of_alice).unwrap();
}

/// A call on a LAN whose ends hear each other, and somebody who listens in its middle.
fn talking(options: &CallOptions) -> (Lab, Capture, CallProcess, CallProcess) {
    let lab = Lab::lan().unwrap();
    let capture = Capture::in_the_middle(&lab).unwrap();
    let (mut alice, mut bob) = both_call(&lab, options);
    exchange_codes(&mut alice, &mut bob);
    wait_for_audio(&capture, &lab);
    (lab, capture, alice, bob)
}

/// The tone fills more than this part of what was heard.
fn check_tone(outcome: &CallOutcome, least: f64) {
    let share = outcome.recording().unwrap().share_of_tone(TONE_HZ);
    assert!(share > least, "the tone fills {share} of the recording: {:#}", outcome.report);
}

/// Waits until the capture holds what is looked for.
fn wait_until_seen(capture: &Capture, what: &str, is_there: impl Fn(&[Datagram]) -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_there(&capture.so_far().unwrap()) {
        assert!(Instant::now() < deadline, "{what} was not seen within {SOON:?}");
        thread::sleep(POLL);
    }
}

/// Waits until audio flows in both directions.
fn wait_for_audio(capture: &Capture, lab: &Lab) {
    let from = |host: &Host, seen: &[Datagram]| {
        let sent = seen.iter().filter(|datagram| datagram.from.ip() == &host.public_address());
        sent.filter(|datagram| datagram.kind() == Kind::Rtp).count() > 25
    };
    wait_until_seen(capture, "audio both ways", |seen| from(&lab.alice, seen) && from(&lab.bob, seen));
}
