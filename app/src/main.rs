//! Floe: calls a peer directly and shows the path it found. Without a subcommand it opens the window.

mod cli;
mod demo;
mod engine;
mod regular_file;
mod window;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
