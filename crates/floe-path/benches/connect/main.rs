//! Both codes in until a pair is selected on both ends: Floe beside other engines, over the same simulated networks.
//!
//! `cargo xtask bench connect` prints percentiles, the number of checks, and both as ratios to Floe's in the same run.
//! Numbers of different runs are not comparable: they depend on the machine and on what else it does.
#![expect(clippy::print_stdout, reason = "a bench talks on its terminal")]

mod floe;
mod network;
mod plain;
mod sans_io;
mod waiting;
mod wire;

use std::time::Duration;

use network::Network;
use wire::Wire;

/// Runs of each engine over each network, unless `FLOE_BENCH_RUNS` says otherwise.
const RUNS: u64 = 30;
/// A run that takes longer did not connect.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// What came of one run.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// From both codes to a selected pair on both ends.
    pub took: Duration,
    /// Requests that both ends sent until then.
    pub checks: usize,
    /// Whether both ends were on one pair then.
    pub agreed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Floe,
    IsDefault,
    IsTuned,
    Plain,
}

impl Engine {
    const ALL: [Self; 4] = [Self::Floe, Self::IsTuned, Self::IsDefault, Self::Plain];

    const fn name(self) -> &'static str {
        match self {
            Self::Floe => "Floe",
            Self::IsDefault => "`is`, defaults",
            Self::IsTuned => "`is`, Ta 5 ms",
            Self::Plain => "webrtc-ice, defaults, one base each",
        }
    }

    async fn run(self, network: Network, seed: u64) -> Option<Outcome> {
        let wire = Wire::new(network.delay());
        match self {
            Self::Floe => floe::run(&wire, network, seed).await,
            Self::IsDefault => sans_io::run(&wire, network, sans_io::Tuning::Default).await,
            Self::IsTuned => sans_io::run(&wire, network, sans_io::Tuning::Fast).await,
            Self::Plain => plain::run(&wire, network).await,
        }
    }
}

fn main() {
    // Test runners start every target; only `cargo bench` asks for a measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let runs = std::env::var("FLOE_BENCH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    runtime.block_on(async {
        for network in Network::ALL {
            compare(network, runs).await;
        }
        waiting::measure().await;
    });
}

async fn compare(network: Network, runs: u64) {
    let paced = network.rfc_checks();
    println!("\n{}\n", network.describe());
    println!("| engine | median | p95 | worst | × Floe | checks (both ends) | × RFC-paced ({paced}) | agreed |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut floe = None;
    for engine in Engine::ALL {
        if engine == Engine::Plain && !network.has_direct_path() {
            continue;
        }
        let mut outcomes = Vec::new();
        for seed in 0..runs {
            outcomes.extend(engine.run(network, seed).await);
        }
        let failed = usize::try_from(runs).unwrap_or(usize::MAX) - outcomes.len();
        if outcomes.is_empty() {
            println!("| {} | – | – | – | – | – | – | none of {runs} connected |", engine.name());
            continue;
        }
        outcomes.sort_by_key(|outcome| outcome.took);
        let at = |percent: usize| outcomes[(outcomes.len() - 1) * percent / 100].took.as_secs_f64() * 1000.0;
        let median = at(50);
        let checks = outcomes.iter().map(|outcome| outcome.checks).sum::<usize>() as f64 / outcomes.len() as f64;
        let agreed = outcomes.iter().filter(|outcome| outcome.agreed).count();
        let ratio = median / *floe.get_or_insert(median);
        let lost = if failed == 0 { String::new() } else { format!(", {failed} did not connect") };
        println!(
            "| {} | {median:.1} ms | {:.1} | {:.1} | {ratio:.1} | {checks:.1} | {:.2} | {agreed} of {}{lost} |",
            engine.name(),
            at(95),
            at(100),
            checks / paced as f64,
            outcomes.len(),
        );
    }
}
