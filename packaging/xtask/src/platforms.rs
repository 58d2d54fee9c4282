//! The parts of Floe that differ by system, checked for the systems that this one is not, where their standard library is
//! installed.

use std::{ffi::OsString, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::run::{cargo, output, run};

/// The crates whose code differs by system: sockets, interfaces, routes and the news of them.
const CRATES: [&str; 1] = ["floe-transport"];
/// Other systems, by their targets.
const TARGETS: [(&str, &str); 3] =
    [("x86_64-unknown-linux-gnu", "Linux"), ("x86_64-apple-darwin", "macOS"), ("x86_64-pc-windows-gnu", "Windows")];
/// Set for a C compiler and an archiver that are this program: checking needs the files that build scripts ask them for,
/// and nothing in the files.
const STAND_IN: &str = "FLOE_XTASK_STANDS_IN_FOR_CC";

/// Checks for every other system what can be checked, and says by name what cannot. Nothing is installed for it.
pub fn check() -> Result<()> {
    let host = host()?;
    for (target, system) in TARGETS.into_iter().filter(|(target, _)| *target != host) {
        if has_standard_library(target) {
            check_for(target)?;
        } else {
            println!(
                "NOT CHECKED for {system}: the standard library of {target} is not installed \
                 (`rustup target add {target}`)"
            );
        }
    }
    Ok(())
}

fn host() -> Result<String> {
    let version = output(Command::new("rustc").args(["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it runs on")?.to_owned())
}

fn has_standard_library(target: &str) -> bool {
    let folder = output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]));
    folder.is_ok_and(|folder| holds_standard_library(Path::new(folder.trim())))
}

fn holds_standard_library(folder: &Path) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().starts_with("libstd-"))
}

fn check_for(target: &str) -> Result<()> {
    let mut clippy = cargo(&["clippy", "--locked", "--target", target]);
    clippy.args(CRATES.iter().flat_map(|name| ["--package", name]));
    clippy.args(["--", "-D", "warnings"]);
    let ourselves = std::env::current_exe().context("this program does not know its own path")?;
    for tool in ["CC", "AR"] {
        let variable = format!("{tool}_{}", target.replace('-', "_"));
        if std::env::var_os(&variable).is_none() {
            clippy.env(variable, &ourselves).env(STAND_IN, "1");
        }
    }
    run(&mut clippy)
}

/// Whether this process was started as a C compiler or an archiver.
pub fn is_stand_in() -> bool {
    std::env::var_os(STAND_IN).is_some()
}

/// Writes every file that a compiler or an archiver would have written, empty.
pub fn stand_in(arguments: impl Iterator<Item = OsString>) -> Result<()> {
    for file in written(arguments) {
        std::fs::write(&file, []).with_context(|| format!("cannot write {}", Path::new(&file).display()))?;
    }
    Ok(())
}

/// What follows `-o`, and archives.
fn written(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut files = Vec::new();
    let mut is_output = false;
    for argument in arguments {
        let is_archive = Path::new(&argument).extension().is_some_and(|extension| extension == "a");
        if is_output || is_archive {
            files.push(argument.clone());
        }
        is_output = argument == "-o";
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<OsString> {
        written(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_stand_in_writes_what_was_to_be_compiled_and_archived() {
        assert_eq!(of("-O0 -I include -o out/one.o -c one.c"), ["out/one.o"]);
        assert_eq!(of("cq out/libring.a one.o two.o"), ["out/libring.a"]);
        assert_eq!(of("-E probe.c"), [""; 0]);
    }

    #[test]
    fn a_target_whose_standard_library_is_missing_is_told_from_one_that_can_be_checked() {
        assert!(has_standard_library(&host().unwrap()));
        assert!(!has_standard_library("no-such-target"));
        assert!(!holds_standard_library(Path::new("no-such-folder")));
    }
}
