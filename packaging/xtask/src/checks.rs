//! `cargo xtask lint`: everything that is checked without running the program.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    platforms,
    run::{cargo, run, succeeds},
    setup::{Need, ensure_component, ensure_installed},
    tidy,
};

/// The version that `deny.toml` is written for; a newer one may refuse its keys.
const CARGO_DENY: &str = "0.20.2";

/// Formatting, tidy, clippy and documentation without warnings, licences and sources of dependencies; the quickest
/// to fail first.
pub fn lint() -> Result<()> {
    ensure_component("rustfmt", "fmt")?;
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    tidy::tidy()?;
    deny()?;
    ensure_installed(&[Need::Build])?;
    ensure_component("clippy", "clippy")?;
    run(&mut cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    platforms::check()?;
    run(cargo(&["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "-D warnings"))
}

/// Licences, duplicates and sources. Advisories need a database from the network and are a command of their own
/// (`cargo deny check advisories`), so that the result here depends on the commit alone.
fn deny() -> Result<()> {
    let deny = ensure_deny()?;
    run(std::process::Command::new(deny)
        .args(["--locked", "check", "bans", "licenses", "sources"])
        .current_dir(crate::run::workspace()))
}

/// The cargo-deny on the search path, else one of our own beside cargo's caches, where it outlives `cargo clean`.
fn ensure_deny() -> Result<PathBuf> {
    if succeeds(&mut cargo(&["deny", "--version"])) {
        return Ok("cargo-deny".into());
    }
    let root = tools_folder();
    let deny = root.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !deny.is_file() {
        eprintln!("cargo-deny is not installed; building it into {} (about three minutes, once)", root.display());
        let mut install = cargo(&["install", "--locked", "--version", CARGO_DENY, "cargo-deny", "--root"]);
        run(install.arg(&root))?;
    }
    Ok(deny)
}

/// Where tools of ours are kept: `~/.cache/floe-xtask`.
fn tools_folder() -> PathBuf {
    let home = || std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(PathBuf::from);
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(home()?.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("floe-xtask")
}
