//! `cargo xtask bench`: measurements against other programs, printed as ratios of one run.

use anyhow::{Result, bail};

use crate::{
    run::{cargo, run, target_directory},
    setup::{Need, ensure_installed},
};

/// Runs one bench by its name.
pub fn bench(name: &str) -> Result<()> {
    match name {
        "connect" => run(&mut cargo(&["run", "--locked", "--release", "-p", "floe-bench"])),
        "import" => {
            run(&mut cargo(&["run", "--locked", "--release", "-p", "floe-capture", "--example", "bench_import"]))
        }
        "netlab-connect" => netlab_connect(),
        "soak" => soak(),
        "window" => window(),
        other => {
            bail!("there is no bench `{other}`; `connect`, `import`, `netlab-connect`, `soak` and `window` are there")
        }
    }
}

/// The program is built as it is shipped, but for link-time optimisation.
fn netlab_connect() -> Result<()> {
    ensure_installed(&[Need::Build, Need::Window, Need::Tests])?;
    run(&mut cargo(&["build", "--locked", "--release", "-p", "floe", "-p", "floe-netlab"]))?;
    let floe = target_directory()?.join("release").join(format!("floe{}", std::env::consts::EXE_SUFFIX));
    let mut bench = cargo(&["bench", "--locked", "-p", "floe-netlab", "--bench", "connect"]);
    run(bench.env("FLOE_BIN", floe))
}

/// Frames of the window over a long ladder, and steps through an hour; they are tests that print and are not run with
/// the others.
fn window() -> Result<()> {
    ensure_installed(&[Need::Build, Need::Window])?;
    let measured = |package: &str, target: &str| {
        let mut bench = cargo(&["test", "--locked", "--release", "-p", package, target]);
        run(bench.args(["is_measured", "--", "--ignored", "--nocapture"]))
    };
    measured("floe", "--bins")?;
    measured("floe-inspect", "--lib")
}

/// The test of every run, for an hour of simulated time: it prints a table and fails where something grows.
fn soak() -> Result<()> {
    let mut hour = cargo(&["test", "--locked", "--release", "-p", "floe-call", "--test", "soak", "--"]);
    hour.args(["--nocapture", "a_call_whose_networks_change"]);
    let minutes = std::env::var("FLOE_SOAK_MINUTES").unwrap_or_else(|_| "60".to_owned());
    run(hour.env("FLOE_SOAK_MINUTES", minutes))
}
