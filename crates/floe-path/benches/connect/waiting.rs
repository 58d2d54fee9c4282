//! What a path costs whose peer pastes its code ten minutes later.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use floe_path::{AgentOutbox, PathOutput};
use floe_wire::IceRole;

use crate::{
    floe::{credentials, path},
    network::{End, Network},
};

const WAIT: Duration = Duration::from_secs(600);
/// How long the agents are watched.
const WATCH: Duration = Duration::from_secs(5);

/// Passes ten minutes of time to a path that nobody answers.
pub async fn measure() {
    let network = Network::TwoNats;
    let (mut path, mut agents, bases) = path(network, End::A, 1).await;
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
    let agents_share = share_of_agents(&mut agents).await;
    path.close().await;
    println!("\nWaiting ten minutes for the other's paste, {} pairs\n", bases.len() * candidates.len());
    for (base, count) in sent {
        println!("- {base}: {count} packets, {:.2} per second", f64::from(count) / WAIT.as_secs_f64());
    }
    let share = took.as_secs_f64() / WAIT.as_secs_f64() * 100.0;
    println!("- {wakes} wakes and {:.1} ms of work in all: {share:.4} % of one core", took.as_secs_f64() * 1000.0);
    if let Some(share) = agents_share {
        println!("- its agents, which wish for checks five times a second all the while: {share:.3} % of one core");
    }
}

/// How much of a core the agents take for themselves; unknown where the system does not tell.
async fn share_of_agents(agents: &mut AgentOutbox) -> Option<f64> {
    let before = cpu_time()?;
    let start = Instant::now();
    while start.elapsed() < WATCH {
        // Wishes stay where they are: a path takes one when it sends.
        let _ = tokio::time::timeout(WATCH.saturating_sub(start.elapsed()), agents.recv()).await;
    }
    Some((cpu_time()? - before).as_secs_f64() / start.elapsed().as_secs_f64() * 100.0)
}

/// What this thread has computed so far.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split_ascii_whitespace().next()?.parse().ok()?))
}
