//! The command line: arguments, exit statuses, and one file per subcommand.

mod args;
mod breaks;
mod call;
mod code;
mod demo;
mod keep;
mod output;
mod probe;
mod progress;
mod report;
mod secrets;
mod side;
mod speech;
mod wishes;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::Parser as _;

use self::args::{Arguments, Subcommand};
use crate::{
    regular_file,
    window::{self, WindowOptions},
};

/// What a script can tell from the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// It worked.
    Ok = 0,
    /// Bad usage or input.
    Usage = 2,
    /// No path, or the path was lost.
    NotConnected = 3,
    /// A path, but no secure media over it.
    MediaFailed = 4,
}

/// Runs what the command line asks for.
pub fn run() -> ExitCode {
    let given: Vec<OsString> = std::env::args_os().collect();
    let arguments = Arguments::try_parse_from(&given).unwrap_or_else(|error| secrets::hide(error, &given).exit());
    init_log();
    let outcome = match arguments.command {
        None => open_window(WindowOptions { demo: arguments.demo, file: None }),
        Some(Subcommand::Call(options)) => call::run(*options),
        Some(Subcommand::Demo(options)) => demo::run(&options),
        Some(Subcommand::Report(options)) => report::run(&options),
        Some(Subcommand::Probe(options)) => probe::run(options),
        Some(Subcommand::Open(options)) => open_file(options.file),
        Some(Subcommand::Code(options)) => code::run(&options),
    };
    match outcome {
        Ok(status) => ExitCode::from(status as u8),
        Err(error) => {
            speech::hint(format_args!("floe: {error:#}"));
            ExitCode::from(Status::Usage as u8)
        }
    }
}

/// Logs go to standard error, and only when `FLOE_LOG` asks for them.
fn init_log() {
    let Ok(wanted) = std::env::var("FLOE_LOG") else { return };
    tracing_subscriber::fmt().with_env_filter(log_filter(&wanted)).with_writer(std::io::stderr).init();
}

/// Libraries that log passwords, or keys made of them, at their debug and trace levels. `stun_proto` serves the demo's
/// TURN server only, and calls the first request of every client an error, which the protocol wants it to be.
const TELLTALES: [(&str, &str); 5] = [
    ("webrtc_ice", "warn"),
    ("stun_types", "warn"),
    ("stun_proto", "off"),
    ("turn_types", "warn"),
    ("turn_server_proto", "warn"),
];

/// Nobody can lower the level of a library that tells secrets from outside.
fn log_filter(wanted: &str) -> tracing_subscriber::EnvFilter {
    let is_allowed = |directive: &&str| !TELLTALES.iter().any(|(library, _)| directive.contains(library));
    let allowed: Vec<&str> = wanted.split(',').filter(is_allowed).collect();
    TELLTALES.iter().fold(tracing_subscriber::EnvFilter::new(allowed.join(",")), |filter, (library, level)| {
        filter.add_directive(format!("{library}={level}").parse().expect("the directive is well-formed"))
    })
}

fn open_file(file: PathBuf) -> anyhow::Result<Status> {
    if let Err(why) = regular_file::open(&file) {
        anyhow::bail!("cannot open {}: {why}", file.display());
    }
    open_window(WindowOptions { demo: None, file: Some(file) })
}

fn open_window(options: WindowOptions) -> anyhow::Result<Status> {
    if !has_display() {
        anyhow::bail!(
            "this machine has no display, so no window can open.\n\
             Without a window there are: floe demo (a call inside this process), floe call (a call with a friend),\n\
             floe probe (what this network allows), floe code CODE (what a code contains). `floe --help` tells more."
        );
    }
    window::run(options)?;
    Ok(Status::Ok)
}

/// Whether a window could open. Other systems than X11 and Wayland ones always have a display.
fn has_display() -> bool {
    let named = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(all(unix, not(target_os = "macos"))) || named("DISPLAY") || named("WAYLAND_DISPLAY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_log_filter_reaches_the_level_at_which_the_ice_library_logs_passwords() {
        let filter = log_filter("debug,webrtc_ice=trace,webrtc_ice::agent=debug").to_string();
        let directives: Vec<&str> = filter.split(',').filter(|directive| directive.contains("webrtc_ice")).collect();
        assert_eq!(directives, ["webrtc_ice=warn"], "{filter}");
    }
}
