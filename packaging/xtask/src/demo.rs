//! `cargo xtask demo`: from a clean clone to a running demo.

use std::{path::PathBuf, process::Command, time::Instant};

use anyhow::{Result, ensure};

use crate::{
    run::{cargo, run, shown_duration, target_directory},
    setup::{Need, ensure_installed},
};

/// The scenario of a demo that was asked for without one.
const DEFAULT_SCENARIO: &str = "two-nat";

/// Installs what is missing, builds the program, and runs the demo in a window, or in the terminal where there is no
/// display. `--release` builds what is shipped; without it the build takes half the time, shares most of its parts
/// with that of the tests, and draws as smoothly, because what computes by the pixel is optimised in both.
pub fn demo(arguments: &[String]) -> Result<()> {
    ensure_installed(&[Need::Build, Need::Window])?;
    let (scenario, rest) = split_scenario(arguments);
    let (profile, rest) = split_profile(rest);
    let floe = build(profile)?;
    if has_display() {
        let scenario = scenario.unwrap_or(DEFAULT_SCENARIO);
        eprintln!("Opening the window with the demo `{scenario}`");
        return run(Command::new(floe).args(["--demo", scenario]).args(rest));
    }
    eprintln!("There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set): the demo runs in this terminal.");
    run(Command::new(floe).args(headless_arguments(scenario, &rest)))
}

/// How the program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    /// Quickly.
    Dev,
    /// As it is shipped.
    Release,
}

/// Takes `--release` out of the arguments.
fn split_profile(arguments: &[String]) -> (Profile, Vec<String>) {
    let rest: Vec<String> = arguments.iter().filter(|argument| *argument != "--release").cloned().collect();
    let profile = if rest.len() < arguments.len() { Profile::Release } else { Profile::Dev };
    (profile, rest)
}

/// A first argument that is not an option is the scenario.
fn split_scenario(arguments: &[String]) -> (Option<&str>, &[String]) {
    match arguments.split_first() {
        Some((first, rest)) if !first.starts_with('-') => (Some(first), rest),
        _ => (None, arguments),
    }
}

/// A demo in the terminal ends by itself, after ten seconds if nothing else is asked for.
fn headless_arguments(scenario: Option<&str>, rest: &[String]) -> Vec<String> {
    let mut result = vec!["demo".to_owned(), "--scenario".to_owned(), scenario.unwrap_or(DEFAULT_SCENARIO).to_owned()];
    result.extend_from_slice(rest);
    if !rest.iter().any(|argument| argument == "--seconds") {
        result.extend(["--seconds".to_owned(), "10".to_owned()]);
    }
    result
}

/// On Linux a window needs X11 or Wayland; macOS and Windows always have a display.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Builds the program and says where it is.
fn build(profile: Profile) -> Result<PathBuf> {
    let (options, folder, minutes): (&[&str], _, _) = match profile {
        Profile::Dev => (&[], "debug", "four"),
        Profile::Release => (&["--release"], "release", "eight"),
    };
    eprintln!("Building Floe (the first time takes about {minutes} minutes on two cores)");
    let start = Instant::now();
    run(cargo(&["build", "--locked", "--package", "floe"]).args(options))?;
    eprintln!("Built in {}", shown_duration(start.elapsed()));
    let floe = target_directory()?.join(folder).join(format!("floe{}", std::env::consts::EXE_SUFFIX));
    ensure!(floe.is_file(), "cargo built no {}", floe.display());
    Ok(floe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headless(arguments: &[&str]) -> String {
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string()).collect();
        let (scenario, rest) = split_scenario(&arguments);
        headless_arguments(scenario, rest).join(" ")
    }

    #[test]
    fn without_arguments_the_headless_demo_runs_for_ten_seconds() {
        assert_eq!(headless(&[]), "demo --scenario two-nat --seconds 10");
    }

    #[test]
    fn the_headless_demo_takes_the_scenario_first_and_passes_everything_else_on() {
        assert_eq!(headless(&["lan", "--seed", "3"]), "demo --scenario lan --seed 3 --seconds 10");
        assert_eq!(headless(&["--json", "--seconds", "5"]), "demo --scenario two-nat --json --seconds 5");
    }

    #[test]
    fn the_shipped_build_is_asked_for_by_name() {
        let arguments = ["--release".to_owned(), "--seed".to_owned()];

        assert_eq!(split_profile(&arguments), (Profile::Release, vec!["--seed".to_owned()]));
        assert_eq!(split_profile(&arguments[1..]), (Profile::Dev, vec!["--seed".to_owned()]));
    }
}
