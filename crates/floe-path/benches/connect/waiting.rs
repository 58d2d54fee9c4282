//! What a path costs whose peer pastes its code ten minutes later.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use floe_path::PathOutput;
use floe_wire::IceRole;

use crate::{
    floe::{credentials, path},
    network::{End, Network},
};

const WAIT: Duration = Duration::from_secs(600);

/// Passes ten minutes of time to a path that nobody answers.
pub async fn measure() {
    let network = Network::TwoNats;
    let (mut path, _agents, bases) = path(network, End::A, 1).await;
    let start = Instant::now();
    let candidates = network.candidates(End::B);
    path.set_remote(IceRole::Controlling, credentials(End::B), &candidates, start).await;
    let mut now = start;
    let mut sent: BTreeMap<_, u32> = bases.iter().map(|base| (base.id, 0)).collect();
    let mut wakes = 0_u32;
    let work = Instant::now();
    while now < start + WAIT {
        while let Some(output) = path.poll_output() {
            if let PathOutput::Send { base, .. } = output {
                *sent.entry(base).or_default() += 1;
            }
        }
        let (at, _) = path.poll_timeout().expect("checks go on");
        now = now.max(at);
        wakes += 1;
        path.handle_timeout(now);
    }
    let took = work.elapsed();
    path.close().await;
    println!("\nWaiting ten minutes for the other's paste, {} pairs\n", bases.len() * candidates.len());
    for (base, count) in sent {
        println!("- {base}: {count} packets, {:.2} per second", f64::from(count) / WAIT.as_secs_f64());
    }
    let share = took.as_secs_f64() / WAIT.as_secs_f64() * 100.0;
    println!("- {wakes} wakes and {:.1} ms of work in all: {share:.4} % of one core", took.as_secs_f64() * 1000.0);
    println!("  (its agents' own wishes, five rounds a second, come on top)");
}
