//! From the start of a session to its reflexive and its relayed address, held against the round trips that they need.

use std::time::{Duration, Instant};

use floe_simnet::NatConfig;
use floe_wire::RelayProtocol;

use crate::{
    floe::Session,
    ground::{Ground, Layout, Pairs, Promise},
    table::Times,
};

/// To the server and back.
const RTT: Duration = Duration::from_millis(80);
/// What may come on top of the round trips.
const ALLOWANCE: Duration = Duration::from_millis(20);

/// Round trips until there is a relayed address: the request and, once its nonce is known, the request again, after
/// the handshakes of TCP and TLS 1.3.
const fn round_trips(transport: RelayProtocol) -> u32 {
    match transport {
        RelayProtocol::Udp => 2,
        RelayProtocol::Tcp => 3,
        RelayProtocol::Tls => 4,
    }
}

const fn name(transport: RelayProtocol) -> &'static str {
    match transport {
        RelayProtocol::Udp => "UDP",
        RelayProtocol::Tcp => "TCP",
        RelayProtocol::Tls => "TLS",
    }
}

/// Prints how long gathering takes.
pub async fn measure(runs: u64) {
    println!("\nGathering, {} ms to the server and back, two interfaces\n", RTT.as_millis());
    println!("| what | median | worst | promised | |");
    println!("|---|---|---|---|---|");
    for transport in [RelayProtocol::Udp, RelayProtocol::Tcp, RelayProtocol::Tls] {
        let (mut reflexive, mut relayed, mut codes) = (Times::default(), Times::default(), Times::default());
        for seed in 0..runs {
            let Ok(world) = ground(transport).build(seed) else { continue };
            let session = Session::start(&world, 0);
            let code = session.code().await.map(|_| Instant::now());
            let seen = *session.seen.borrow();
            let since = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(session.started));
            reflexive.push(since(seen.reflexive()));
            relayed.push(since(seen.relayed()));
            codes.push(since(code));
            session.finish().await;
        }
        let relay = format!("relayed address over {}", name(transport));
        if transport == RelayProtocol::Udp {
            row("first reflexive address", &mut reflexive, RTT + ALLOWANCE);
        }
        row(&relay, &mut relayed, RTT * round_trips(transport) + ALLOWANCE);
        // People look 20 times a second.
        row("the code, as a window shows it", &mut codes, RTT * round_trips(transport) + ALLOWANCE + SHOWING);
    }
}

/// The least time between two pictures of a session.
const SHOWING: Duration = Duration::from_millis(50);

fn row(what: &str, times: &mut Times, promised: Duration) {
    let promised = promised.as_secs_f64() * 1000.0;
    let Some(median) = times.percentile(50) else {
        println!("| {what} | – | – | {promised:.0} ms | missed |");
        return;
    };
    let worst = times.percentile(100).unwrap_or(median);
    let verdict = if median <= promised { "kept" } else { "missed" };
    println!("| {what} | {median:.1} ms | {worst:.1} | {promised:.0} ms | {verdict} |");
}

const fn ground(transport: RelayProtocol) -> Ground {
    Ground {
        name: "gathering",
        layout: Layout::Homes(NatConfig::HOME),
        interfaces: 2,
        // A server is half as far away as the other end.
        rtt: Duration::from_millis(2 * RTT.as_millis() as u64),
        relay: Some(transport),
        promise: Promise { median: 0.0, worst: None },
        pairs: Pairs { all: 0, first_working: 0 },
    }
}
