//! Where the programs are that tests start.

use std::{env, path::PathBuf};

use anyhow::{Context, Result, ensure};

/// The `floe` binary: `FLOE_BIN`, else the one that cargo built beside this test.
///
/// # Errors
/// When there is none; the message says how to get one.
pub fn floe() -> Result<PathBuf> {
    let path = match env::var_os("FLOE_BIN") {
        Some(path) => path.into(),
        None => beside_the_tests("floe")?,
    };
    ensure!(path.is_file(), "there is no floe at {}: cargo build -p floe, or set FLOE_BIN", path.display());
    Ok(path)
}

/// The helper of this crate that speaks UDP inside a namespace.
///
/// # Errors
/// When it is not built.
pub fn helper() -> Result<PathBuf> {
    let path = beside_the_tests("netlab-udp")?;
    ensure!(path.is_file(), "there is no netlab-udp at {}: cargo build -p floe-netlab", path.display());
    Ok(path)
}

/// Tests are built into `target/debug/deps`, programs into `target/debug`.
fn beside_the_tests(name: &str) -> Result<PathBuf> {
    let own = env::current_exe().context("a test has an executable")?;
    let folder = own.ancestors().nth(2).context("the test lies in no target directory")?;
    Ok(folder.join(name))
}

/// Whether a program is on the search path, or in `sbin`, which a user's path often lacks.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
    env::split_paths(&path).chain(sbin).any(|folder| folder.join(program).is_file())
}
