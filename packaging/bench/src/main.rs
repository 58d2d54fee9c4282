//! Both codes in until a pair is selected on both ends: Floe beside other engines, over the same simulated networks.
//!
//! `cargo xtask bench connect` prints percentiles, the number of checks, and both as ratios to Floe's in the same run;
//! then how long gathering takes, and what waiting for the other one's paste costs. Floe is the whole program, the other
//! engines are agents with nothing around them that got their addresses beforehand. Numbers of different runs are not
//! comparable: they depend on the machine and on what else it does.
#![expect(clippy::print_stdout, reason = "a bench talks on its terminal")]

mod end;
mod floe;
mod gathering;
mod ground;
mod plain;
mod sans_io;
mod table;
mod waiting;

use std::time::Duration;

use ground::{Ground, World};
use table::Times;

/// Runs of each engine over each network, unless `FLOE_BENCH_RUNS` says otherwise.
const RUNS: u64 = 20;
/// A run that takes longer did not connect.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// Floe promises no more checks than so many times those of an agent with the RFC's default pacing.
const MOST_CHECKS: f64 = 1.5;

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
            Self::Floe => "Floe, the whole program",
            Self::IsDefault => "`is`, defaults",
            Self::IsTuned => "`is`, Ta 5 ms",
            Self::Plain => "webrtc-ice, defaults, one base each",
        }
    }

    const fn copes_with(self, ground: &Ground) -> bool {
        match self {
            Self::Floe => true,
            // It knows TCP candidates, and leaves connecting to others.
            Self::IsDefault | Self::IsTuned => ground.is_for_datagrams(),
            Self::Plain => ground.is_direct(),
        }
    }

    async fn run(self, world: &World) -> Option<Outcome> {
        match self {
            Self::Floe => floe::run(world).await,
            Self::IsDefault => sans_io::run(world, sans_io::Tuning::Default).await,
            Self::IsTuned => sans_io::run(world, sans_io::Tuning::Fast).await,
            Self::Plain => plain::run(world).await,
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let runs = number("FLOE_BENCH_RUNS").unwrap_or(RUNS);
    runtime.block_on(async {
        for ground in &Ground::ALL {
            compare(ground, runs).await;
        }
        gathering::measure(runs).await;
        waiting::measure(number("FLOE_BENCH_WAIT_S")).await;
    });
}

async fn compare(ground: &Ground, runs: u64) {
    let paced = ground.rfc_checks();
    let worst = ground.promise.worst.map_or_else(String::new, |worst| format!(", worst {worst} ms"));
    println!("\n{}: {} ms{worst} promised, {MOST_CHECKS} × the checks\n", ground.name, ground.promise.median);
    println!("| engine | median | p95 | worst | × Floe | checks (both ends) | × RFC-paced ({paced}) | agreed | |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut floe = None;
    for engine in Engine::ALL.into_iter().filter(|engine| engine.copes_with(ground)) {
        let mut times = Times::default();
        let mut outcomes = Vec::new();
        for seed in 0..runs {
            let Ok(world) = ground.build(seed) else { continue };
            let outcome = engine.run(&world).await;
            times.push(outcome.map(|outcome| outcome.took));
            outcomes.extend(outcome);
        }
        let (Some(median), Some(p95), Some(worst)) =
            (times.percentile(50), times.percentile(95), times.percentile(100))
        else {
            println!("| {} | – | – | – | – | – | – | none of {runs} connected | |", engine.name());
            continue;
        };
        let checks = outcomes.iter().map(|outcome| outcome.checks).sum::<usize>() as f64 / times.count() as f64;
        let agreed = outcomes.iter().filter(|outcome| outcome.agreed).count();
        let ratio = median / *floe.get_or_insert(median);
        let by_the_letter = checks / f64::from(paced);
        let is_kept = median <= ground.promise.median
            && ground.promise.worst.is_none_or(|bound| worst <= bound)
            && by_the_letter <= MOST_CHECKS;
        let verdict = match (engine, is_kept) {
            (Engine::Floe, true) => "kept",
            (Engine::Floe, false) => "missed",
            _ => "",
        };
        println!(
            "| {} | {median:.1} ms | {p95:.1} | {worst:.1} | {ratio:.1} | {checks:.1} | {by_the_letter:.2} | {agreed} of {runs} | {verdict} |",
            engine.name(),
        );
    }
}
