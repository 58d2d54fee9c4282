//! What happens to a call whose network goes away: what is shown when, and how long nothing is heard.

use std::time::{Duration, Instant};

use floe_netlab::{CallOptions, CallOutcome, CallProcess, Capture, Kind, Lab, Router, StunServer, isolated};

use crate::{SOON, print, runs};

/// From a cut until all that may follow has followed: consent expires after 30 s.
const CUT: Duration = Duration::from_secs(33);
/// A call that has settled: its control channel is there, and what is in reserve is known.
const SETTLED: Duration = Duration::from_secs(3);
/// Half a minute each is enough for what hardly varies.
const LONG_RUNS: usize = 2;
/// What `--audio tone` sends.
const TONE_HZ: f64 = 440.0;
/// Shorter interruptions are single lost packets.
const SHORTEST_S: f64 = 0.010;

/// A pair of calls on a LAN, whose middle lets nothing through from some moment on.
pub fn link_cut() {
    isolated(|| {
        let (mut disconnected, mut failed) = (Vec::new(), Vec::new());
        let lab = Lab::lan().unwrap();
        for _ in 0..runs().min(LONG_RUNS) {
            let (mut alice, bob) = calling(&lab, &CallOptions::default());
            lab.set_outage(true).unwrap();
            let cut = Instant::now();
            let until = |call: &mut CallProcess, state: &str| {
                call.wait_for_state(CUT, state).unwrap();
                cut.elapsed().as_secs_f64()
            };
            disconnected.push(until(&mut alice, "disconnected"));
            failed.push(until(&mut alice, "failed"));
            lab.set_outage(false).unwrap();
            finish(alice, bob);
        }
        print("link cut: disconnected is shown", disconnected, "s", "≤ 2 s");
        print("link cut: failed is shown", failed, "s", "30 s");
    });
}

/// A machine with two ways out loses the one in use.
pub fn interface_down() {
    isolated(|| {
        let (lab, uplinks) = Lab::two_uplinks(Some(Router::Home)).unwrap();
        let server = StunServer::start(&lab).unwrap();
        let capture = Capture::in_the_middle(&lab).unwrap();
        let (mut alice, bob) = calling(&lab, &CallOptions { stun: vec![server.url()], ..CallOptions::default() });
        let seen = capture.stop().unwrap();
        let audio = seen.iter().rev().find(|datagram| datagram.kind() == Kind::Rtp).unwrap();
        let used = uplinks.iter().find(|uplink| {
            let router = uplink.router.address();
            *audio.from.ip() == router || *audio.to.ip() == router
        });
        used.unwrap().take_down().unwrap();
        alice.keep_waiting(SETTLED).unwrap();
        let gaps = finish(alice, bob).iter().map(longest_gap).collect();
        print("interface in use goes down, another is there: silence", gaps, "ms", "≤ 1000 ms, 200 warm");
    });
}

fn calling(lab: &Lab, options: &CallOptions) -> (CallProcess, CallProcess) {
    let start = |host| CallProcess::start(lab, host, options).unwrap();
    let (mut alice, mut bob) = (start(&lab.alice), start(&lab.bob));
    let (code_of_alice, code_of_bob) = (alice.code().unwrap(), bob.code().unwrap());
    alice.paste(&code_of_bob).unwrap();
    bob.paste(&code_of_alice).unwrap();
    alice.wait_for_state(SOON, "completed").unwrap();
    alice.keep_waiting(SETTLED).unwrap();
    (alice, bob)
}

fn finish(alice: CallProcess, bob: CallProcess) -> [CallOutcome; 2] {
    alice.hang_up().unwrap();
    bob.hang_up().unwrap();
    [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()]
}

/// Milliseconds without the tone.
fn longest_gap(outcome: &CallOutcome) -> f64 {
    let heard = outcome.recording().unwrap();
    heard.interruptions(TONE_HZ, SHORTEST_S).iter().map(|(_, length)| length * 1000.0).fold(0.0, f64::max)
}
