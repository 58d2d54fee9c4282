//! `cargo xtask tidy`: the project's own rules, each of which no compiler checks.

mod arrows;
mod sources;

use anyhow::{Result, ensure};

use crate::run::{metadata, workspace};

/// Prints what breaks a rule, and fails if anything does.
pub fn tidy() -> Result<()> {
    let files = sources::read(&workspace())?;
    for notice in sources::notices(&files) {
        eprintln!("tidy: note: {notice}");
    }
    let mut broken = arrows::broken(&metadata()?)?;
    broken.extend(files.iter().flat_map(sources::broken));
    for finding in &broken {
        eprintln!("tidy: {finding}");
    }
    ensure!(broken.is_empty(), "{} findings of tidy", broken.len());
    eprintln!("tidy: {} files and all arrows between crates are as agreed", files.len());
    Ok(())
}
