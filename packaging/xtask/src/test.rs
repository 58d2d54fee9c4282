//! `cargo xtask test`: every test of the workspace, those in network namespaces and under a virtual display included.

use std::process::Command;

use anyhow::Result;

use crate::{
    run::{cargo, run, status, succeeds, target_directory},
    setup::{Need, ensure_installed},
};

/// Installs what the tests need and runs all of them. The last line printed is the test runner's own summary.
pub fn test() -> Result<()> {
    ensure_installed(&[Need::Build, Need::Window, Need::Tests])?;
    let nextest = ensure_nextest();
    if !has_namespaces() {
        eprintln!(
            "Network namespaces cannot be made here: the tests of floe-netlab cannot run (with CI=true they fail)"
        );
    }
    // One build for everything: the tests in namespaces start `floe` itself, which is built here with the same
    // features as the tests, so that nothing is compiled twice.
    run(&mut cargo(&["build", "--locked", "--workspace", "--all-targets"]))?;
    run(&mut cargo(&["test", "--locked", "--workspace", "--doc", "--quiet"]))?;
    let floe = target_directory()?.join("debug").join(format!("floe{}", std::env::consts::EXE_SUFFIX));
    let mut tests = if nextest {
        cargo(&["nextest", "run", "--locked", "--workspace", "--all-targets", "--no-fail-fast"])
    } else {
        cargo(&["test", "--locked", "--workspace", "--all-targets", "--no-fail-fast", "--", "--test-threads=1"])
    };
    run(tests.env("FLOE_BIN", floe))
}

/// Whether the tests of floe-netlab can run; said here because a test runner hides what a passing test says.
fn has_namespaces() -> bool {
    let namespaces =
        ["--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "--net", "--mount", "--pid", "--fork"];
    succeeds(Command::new("unshare").args(namespaces).args(["ip", "link", "add", "type", "bridge"]))
}

/// Whether cargo-nextest is there, after trying to install it: it gives each test a time limit and keeps the tests
/// in namespaces apart (`.config/nextest.toml`). Without it, everything runs one at a time.
fn ensure_nextest() -> bool {
    let is_there = || succeeds(&mut cargo(&["nextest", "--version"]));
    if is_there() {
        return true;
    }
    eprintln!("cargo-nextest is not installed; installing it with cargo (a few minutes, once)");
    let installed = status(&mut cargo(&["install", "cargo-nextest", "--locked"])).is_ok_and(|status| status.success());
    if !(installed && is_there()) {
        eprintln!("cargo-nextest could not be installed; using `cargo test`, one test at a time");
    }
    installed && is_there()
}
