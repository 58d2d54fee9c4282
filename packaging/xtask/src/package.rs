//! `cargo xtask package`: the Debian package, described in `app/Cargo.toml`.

use anyhow::{Result, ensure};

use crate::{
    run::{cargo, run, succeeds},
    setup::{Need, ensure_installed},
};

/// Builds the package with cargo-deb; it prints the path of the file as its last line.
pub fn package() -> Result<()> {
    ensure!(
        succeeds(&mut cargo(&["deb", "--version"])),
        "cargo-deb is not installed; it builds the package: cargo install --locked cargo-deb"
    );
    ensure_installed(&[Need::Build])?;
    run(&mut cargo(&["deb", "--locked", "--profile", "dist", "--package", "floe"]))
}
