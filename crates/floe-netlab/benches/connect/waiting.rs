//! What a call costs whose friend has not pasted its code yet.

use std::{env, time::Duration};

use floe_netlab::{CallOptions, CallProcess, Lab, StunServer, TurnServer, isolated};

use crate::{SOON, TURN, print};

/// How long it waits, unless `FLOE_BENCH_WAIT_S` says otherwise: its first minute is its busiest. Ten are promised.
const WATCH_S: u64 = 60;
/// One for UDP and one for each relay; those for TCP send hardly anything, and it is counted among these.
const BASES: f64 = 3.0;

/// A call behind a NAT with a STUN server and relays over UDP and TCP, that has the code of a friend who has not got its.
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
        let (sent, computed) = (lab.alice.packets_sent("eth0").unwrap(), alice.cpu_time().unwrap());
        alice.paste(&code_of_bob).unwrap();
        alice.keep_waiting(Duration::from_secs(watch)).unwrap();
        let sent = (lab.alice.packets_sent("eth0").unwrap() - sent) as f64 / watch as f64;
        let share = (alice.cpu_time().unwrap() - computed).as_secs_f64() / watch as f64 * 100.0;
        alice.hang_up().unwrap();
        alice.finish(SOON).unwrap();
        let what = format!("waiting {watch} s for the other's paste");
        print(&format!("{what}: all it sends, per base"), vec![sent / BASES], "packets/s", "≤ 1");
        print(&format!("{what}: work"), vec![share], "% of a core", "≈ 0");
    });
}
