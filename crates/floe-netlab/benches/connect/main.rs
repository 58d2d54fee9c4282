//! How fast the real program is between real namespaces: the table that Floe promises, as far as it can be measured there.
//!
//! `cargo xtask bench netlab-connect` prints it. Each row runs in namespaces of its own, one after the other; nothing else
//! should run on the machine meanwhile. `FLOE_BENCH_RUNS` says how often.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench talks on its terminal and ends where it must")]

mod changes;
mod waiting;

use std::{env, time::Duration};

use floe_netlab::{
    CallOptions, CallOutcome, CallProcess, Capture, Datagram, Kind, Lab, Router, StunServer, TurnServer, isolated,
};

/// What anything may take.
const SOON: Duration = Duration::from_secs(30);
const RUNS: usize = 10;
const TURN: u16 = 3478;
/// The port that firewalls leave open.
const HTTPS: u16 = 443;

/// Every row: what a copy of this program in its namespaces is asked for, and what it does there.
const ROWS: [(&str, fn()); 10] = [
    ("lan", lan),
    ("two_nats", two_nats),
    ("symmetric_nats", symmetric_nats),
    ("tcp", tcp),
    ("relay_udp", relay_udp),
    ("relay_tcp", relay_tcp),
    ("relay_tls", relay_tls),
    ("waiting", waiting::waiting),
    ("link_cut", changes::link_cut),
    ("interface_down", changes::interface_down),
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // Inside, the first argument names the row; outside, cargo says that it is a bench.
    let wanted = arguments.iter().find_map(|argument| {
        let name = argument.rsplit("::").next().unwrap_or(argument);
        ROWS.iter().find(|(row, _)| *row == name)
    });
    match wanted {
        Some((_, row)) => row(),
        None if arguments.iter().any(|argument| argument == "--bench") => {
            println!("| what | median | worst | promised |\n|---|---|---|---|");
            ROWS.iter().for_each(|(_, row)| row());
        }
        // Test runners start every target; only `cargo bench` asks for a measurement.
        None => {}
    }
}

/// Prints a row: milliseconds, or whatever is counted.
fn print(what: &str, mut values: Vec<f64>, unit: &str, promised: &str) {
    values.sort_by(f64::total_cmp);
    match (values.get(values.len().saturating_sub(1) / 2), values.last()) {
        (Some(median), Some(worst)) => println!("| {what} | {median:.1} {unit} | {worst:.1} | {promised} |"),
        _ => println!("| {what} | – | – | {promised} |"),
    }
}

fn runs() -> usize {
    env::var("FLOE_BENCH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS)
}

/// Calls so often over a lab, and gives both ends of each call, Alice's first.
fn calls(lab: &Lab, options: &CallOptions) -> Vec<[CallOutcome; 2]> {
    let options = CallOptions { seconds: Some(1), ..options.clone() };
    (0..runs()).map(|_| call(lab, &options)).collect()
}

fn call(lab: &Lab, options: &CallOptions) -> [CallOutcome; 2] {
    let start = |host| CallProcess::start(lab, host, options).unwrap();
    let (mut alice, mut bob) = (start(&lab.alice), start(&lab.bob));
    let (code_of_alice, code_of_bob) = (alice.code().unwrap(), bob.code().unwrap());
    alice.paste(&code_of_bob).unwrap();
    bob.paste(&code_of_alice).unwrap();
    [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()]
}

/// Milliseconds from the first of the two pastes until both ends are on a pair: each end counts from its own paste, and
/// Alice's was the first.
fn connected(calls: &[[CallOutcome; 2]]) -> Vec<f64> {
    let selected = |outcome: &CallOutcome| outcome.report["timings"]["selectedMs"].as_f64();
    calls.iter().filter_map(|[alice, bob]| Some(selected(alice)?.max(selected(bob)?))).collect()
}

/// Milliseconds from the start until there was a candidate of this type.
fn gathered(calls: &[[CallOutcome; 2]], wanted: &str) -> Vec<f64> {
    let first = |outcome: &CallOutcome| {
        let candidates = outcome.report["localCandidates"].as_array()?;
        let of_type = candidates.iter().filter(|candidate| candidate["candidateType"] == wanted);
        of_type.filter_map(|candidate| candidate["atMs"].as_f64()).min_by(f64::total_cmp)
    };
    calls.iter().flatten().filter_map(first).collect()
}

/// STUN packets that left this address before the first that is no STUN.
fn stun_packets(seen: &[Datagram], from: std::net::Ipv4Addr) -> f64 {
    let before = seen.iter().take_while(|datagram| datagram.kind() == Kind::Stun);
    before.filter(|datagram| *datagram.from.ip() == from).count() as f64
}

fn lan() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        // Two bases each.
        lab.alice.add_address("eth0", [10, 77, 0, 12].into()).unwrap();
        lab.bob.add_address("eth0", [10, 77, 0, 13].into()).unwrap();
        let options = CallOptions { seconds: Some(1), ..CallOptions::default() };
        let (mut outcomes, mut packets) = (Vec::new(), Vec::new());
        for _ in 0..runs() {
            let capture = Capture::in_the_middle(&lab).unwrap();
            outcomes.push(call(&lab, &options));
            let seen = capture.stop().unwrap();
            packets.push(stun_packets(&seen, lab.alice.address()).max(stun_packets(&seen, lab.bob.address())));
        }
        print("LAN, 2×2 bases", connected(&outcomes), "ms", "≤ 1 ms, worst ≤ 10");
        print("STUN packets of one side to connect there", packets, "out", "≤ 8 out");
        let host = gathered(&outcomes, "host");
        print("first host candidate", host, "ms", "at once");
    });
}

fn two_nats() {
    isolated(|| {
        let lab = Lab::two_nats().unwrap();
        let server = StunServer::start(&lab).unwrap();
        let outcomes = calls(&lab, &CallOptions { stun: vec![server.url()], ..CallOptions::default() });
        print("two NATs", connected(&outcomes), "ms", "≤ 30 ms");
        print("first reflexive candidate", gathered(&outcomes, "srflx"), "ms", "1 RTT + 20 ms");
    });
}

fn symmetric_nats() {
    isolated(|| {
        let outcomes = calls_by_relay(Router::Symmetric, TURN, TurnServer::udp);
        print("two symmetric NATs, relay over UDP", connected(&outcomes), "ms", "≤ 40 ms");
    });
}

fn relay_udp() {
    isolated(|| {
        let outcomes = calls_by_relay(Router::Home, TURN, TurnServer::udp);
        print("relayed address over UDP", gathered(&outcomes, "relay"), "ms", "2 RTT + 20 ms");
    });
}

fn relay_tcp() {
    isolated(|| {
        let outcomes = calls_by_relay(Router::NoUdp, HTTPS, TurnServer::tcp);
        print("UDP blocked: relayed address over TCP", gathered(&outcomes, "relay"), "ms", "≤ 60 ms");
        print("UDP blocked: connected over it", connected(&outcomes), "ms", "≤ 40 ms");
    });
}

fn relay_tls() {
    isolated(|| {
        let outcomes = calls_by_relay(Router::NoUdp, HTTPS, TurnServer::tls);
        print("UDP blocked: relayed address over TLS", gathered(&outcomes, "relay"), "ms", "≤ 60 ms");
        print("UDP blocked: connected over it", connected(&outcomes), "ms", "≤ 40 ms");
    });
}

fn calls_by_relay(router: Router, port: u16, url: fn(&TurnServer) -> String) -> Vec<[CallOutcome; 2]> {
    let lab = Lab::homes([router, router]).unwrap();
    let server = TurnServer::start(&lab, port).unwrap();
    let turn_ca = Some(server.certificate());
    calls(&lab, &CallOptions { turn: vec![url(&server)], turn_ca, ..CallOptions::default() })
}

fn tcp() {
    isolated(|| {
        let mut lab = Lab::homes([Router::NoUdp, Router::Home]).unwrap();
        lab.bob = lab.server("public", [203, 0, 113, 50].into()).unwrap();
        let outcomes = calls(&lab, &CallOptions::default());
        print("UDP blocked at one end: ICE-TCP", connected(&outcomes), "ms", "≤ 40 ms");
    });
}
