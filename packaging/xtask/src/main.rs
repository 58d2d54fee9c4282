//! Set-up, run, test, tidy and package Floe: `cargo xtask` without an argument lists what it can do.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks on its own terminal")]

mod bench;
mod checks;
mod demo;
mod package;
mod platforms;
mod run;
mod setup;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  demo [SCENARIO]  install what is missing, build, and open the window with the demo running
                   (without a display: run the demo in this terminal for ten seconds);
                   --release builds what is shipped, which takes longer
  test             install what the tests need, then run all of them
  lint             formatting, tidy, clippy, documentation, licences and sources of dependencies; what differs by
                   system also for the systems whose standard library is installed
  ci               lint, then test
  bench NAME       measure Floe beside others; `connect`: from both codes to a selected pair;
                   `netlab-connect`: the same and more, the real program in real namespaces;
                   `import`: opening a capture of 500 MB; `window`: scrolling 100,000 messages, and steps of the
                   playhead through an hour; `soak`: a call of one simulated hour (FLOE_SOAK_MINUTES) whose networks
                   change every 20 s, with its memory, tasks and sockets by the minute
  platforms        what differs by system, checked for macOS and Windows where their standard libraries are installed
  tidy             the project's own rules: arrows between crates, file heads, file lengths
  package          build the Debian package";

fn main() -> ExitCode {
    if platforms::is_stand_in() {
        return finish(platforms::stand_in(std::env::args_os().skip(1)));
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    let done = match (command.as_str(), rest) {
        ("demo", rest) => demo::demo(rest),
        ("test", []) => test::test(),
        ("lint", []) => checks::lint(),
        ("ci", []) => checks::lint().and_then(|()| test::test()),
        ("bench", [name]) => bench::bench(name),
        ("platforms", []) => platforms::check(),
        ("tidy", []) => tidy::tidy(),
        ("package", []) => package::package(),
        ("help" | "--help" | "-h", _) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("xtask does not know `{}`\n\n{USAGE}", arguments.join(" "));
            return ExitCode::from(2);
        }
    };
    finish(done)
}

fn finish(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
