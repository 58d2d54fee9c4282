//! What a call costs while a person is waited for.

use std::{env, time::Duration};

use floe_netlab::{CallOptions, CallProcess, Host, Lab, StunServer, TurnServer, isolated};

use crate::{SOON, TURN, print};

/// How long they wait, unless `FLOE_BENCH_WAIT_S` says otherwise: the first minute is the busiest. Ten are promised.
const WATCH_S: u64 = 60;
/// One for UDP and one for each relay; those for TCP send hardly anything, and it is counted among these.
const BASES: f64 = 3.0;

/// What an end of a call has cost so far.
struct Cost {
    packets: u64,
    computed: Duration,
    wakes: u64,
}

impl Cost {
    fn of(call: &CallProcess, host: &Host) -> Self {
        let (packets, computed) = (host.packets_sent("eth0").unwrap(), call.cpu_time().unwrap());
        Self { packets, computed, wakes: call.wakes("").unwrap() }
    }
}

/// Two calls behind NATs with a STUN server and relays over UDP and TCP: Alice has the code of Bob, who has got nothing
/// yet.
pub fn waiting() {
    isolated(|| {
        let watch = env::var("FLOE_BENCH_WAIT_S").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(WATCH_S);
        let lab = Lab::two_nats().unwrap();
        let (stun, relay) = (StunServer::start(&lab).unwrap(), TurnServer::start(&lab, TURN).unwrap());
        let options =
            CallOptions { stun: vec![stun.url()], turn: vec![relay.udp(), relay.tcp()], ..CallOptions::default() };
        let start = |host| CallProcess::start(&lab, host, &options).unwrap();
        let (mut alice, mut bob) = (start(&lab.alice), start(&lab.bob));
        let code_of_bob = bob.code().unwrap();
        alice.code().unwrap();
        let before = [Cost::of(&alice, &lab.alice), Cost::of(&bob, &lab.bob)];
        alice.paste(&code_of_bob).unwrap();
        alice.keep_waiting(Duration::from_secs(watch)).unwrap();
        let after = [Cost::of(&alice, &lab.alice), Cost::of(&bob, &lab.bob)];
        for call in [alice, bob] {
            call.hang_up().unwrap();
            call.finish(SOON).unwrap();
        }
        let whom = ["the other's paste", "somebody's code"];
        for ((before, after), whom) in before.iter().zip(&after).zip(whom) {
            let what = format!("waiting {watch} s for {whom}");
            let per_second = |count: u64| count as f64 / watch as f64;
            let packets = per_second(after.packets - before.packets) / BASES;
            print(&format!("{what}: all it sends, per base"), vec![packets], "packets/s", "≤ 1");
            let share = (after.computed - before.computed).as_secs_f64() / watch as f64 * 100.0;
            print(&format!("{what}: work"), vec![share], "% of a core", "≈ 0");
            let wakes = per_second(after.wakes - before.wakes);
            print(&format!("{what}: its threads wake"), vec![wakes], "times/s", "few");
        }
    });
}
