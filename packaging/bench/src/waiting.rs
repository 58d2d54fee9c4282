//! What a call costs whose peer pastes its code ten minutes later.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_call::Command;
use floe_path::{Credentials, Path, PathBase, PathConfig, PathOutput};
use floe_transport::candidate::{host_candidate, server_reflexive_candidate};
use floe_wire::{BaseId, BaseKind, Candidate, CandidateType, Generation, IceRole, candidate::priority};

use crate::{
    floe::Session,
    ground::{Ground, World},
};

const WAIT: Duration = Duration::from_secs(600);
/// How long a whole session is watched, unless `FLOE_BENCH_WAIT_S` says otherwise: its first minute is its busiest.
const WATCH_S: u64 = 60;

/// Prints what waiting costs.
pub async fn measure(watch_s: Option<u64>) {
    path_alone().await;
    whole_session(Duration::from_secs(watch_s.unwrap_or(WATCH_S))).await;
}

/// Passes ten minutes of time to a path that nobody answers.
async fn path_alone() {
    let bases: Vec<PathBase> = (0..2).map(base).collect();
    let candidates: Vec<Candidate> = (0..2).flat_map(candidates_of_the_other).collect();
    let config =
        PathConfig { pacing: Duration::from_millis(5), grace: Duration::from_millis(30), tie_breaker: 2, seed: 1 };
    let (mut path, _agents) = Path::new(config);
    path.start(Generation(0), credentials("ours"), &bases).await;
    let start = Instant::now();
    path.set_remote(IceRole::Controlling, credentials("theirs"), &candidates, start).await;
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
    println!(
        "\nWaiting ten minutes for the other's paste, the checks of {} pairs alone\n",
        bases.len() * candidates.len()
    );
    for (base, count) in sent {
        println!("- {base}: {count} packets, {:.2} per second", f64::from(count) / WAIT.as_secs_f64());
    }
    let share = took.as_secs_f64() / WAIT.as_secs_f64() * 100.0;
    println!("- {wakes} wakes and {:.1} ms of work in all: {share:.4} % of one core", took.as_secs_f64() * 1000.0);
}

fn base(index: u16) -> PathBase {
    let preference = u16::MAX - 256 * index;
    PathBase {
        id: BaseId(index.into()),
        address: SocketAddr::from(([192, 168, 1, 10], 5000 + index)),
        tcp_type: None,
        priority: priority(CandidateType::Host, preference),
        prflx_priority: priority(CandidateType::PeerReflexive, preference),
    }
}

fn candidates_of_the_other(index: u16) -> [Candidate; 2] {
    let preference = u16::MAX - 256 * index;
    let host = SocketAddr::from(([192, 168, 2, 10], 5000 + index));
    let mapped = SocketAddr::from(([198, 51, 100, 2], 5000 + index));
    [host_candidate(host, preference), server_reflexive_candidate(mapped, host, preference)]
}

fn credentials(whose: &str) -> Credentials {
    Credentials { ufrag: whose.to_owned(), password: format!("a-password-of-24-chars-{whose}") }
}

/// Lets a whole session wait for a peer that has hung up.
async fn whole_session(watch: Duration) {
    let ground = Ground::ALL.iter().find(|ground| ground.name.starts_with("Two NATs")).expect("it is in the list");
    let Ok(world) = ground.build(1) else { return };
    let (a, b) = (Session::start(&world, 0), Session::start(&world, 1));
    let (Some(_), Some(code)) = (a.code().await, b.code().await) else { return };
    b.finish().await;
    a.call.send(Command::PasteCode(code));
    let (sent, cpu) = (world.sent(), cpu_time());
    tokio::time::sleep(watch).await;
    let (sent, cpu) = (world.sent() - sent, cpu_time().zip(cpu).map(|(after, before)| after.saturating_sub(before)));
    let (last, _) = a.finish().await;
    let seconds = watch.as_secs_f64();
    println!("\nThe same through a whole session, the first {seconds} s\n");
    for base in &last.picture.bases {
        if base.base_kind == BaseKind::Udp {
            println!("- {}: {:.2} packets per second", base.base, base.sent.packets as f64 / seconds);
        }
    }
    println!("- everything it sent, TCP's segments included: {:.2} packets per second", sent as f64 / seconds);
    if let Some(cpu) = cpu {
        let share = cpu.as_secs_f64() / seconds * 100.0;
        println!("- {share:.2} % of one core, the simulation included");
    }
}

impl World {
    /// Packets that sockets handed to the network so far.
    fn sent(&self) -> u64 {
        self.simnet.counters().sent
    }
}

/// What this process has computed so far, on all threads; unknown where the system does not tell.
fn cpu_time() -> Option<Duration> {
    /// Of `/proc`, on every architecture that matters.
    const TICK_MS: u64 = 10;
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis(TICK_MS * (user + system)))
}
