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
        other => bail!("there is no bench `{other}`; `connect`, `import` and `netlab-connect` are there"),
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
