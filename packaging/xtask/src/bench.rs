//! `cargo xtask bench`: measurements against other programs, printed as ratios of one run.

use anyhow::{Result, bail};

use crate::run::{cargo, run};

/// Runs one bench by its name.
pub fn bench(name: &str) -> Result<()> {
    match name {
        "connect" => run(&mut cargo(&["bench", "--locked", "-p", "floe-path", "--bench", "connect"])),
        "import" => {
            run(&mut cargo(&["run", "--locked", "--release", "-p", "floe-capture", "--example", "bench_import"]))
        }
        other => bail!("there is no bench `{other}`; `connect` and `import` are there"),
    }
}
