//! Standard output and standard error, whose readers may leave before everything is said (`floe report FILE | head`).

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write as _},
};

use serde::Serialize;

/// A line of the result.
///
/// # Errors
/// What became of standard output, unless its reader had enough.
pub(super) fn say(line: impl Display) -> io::Result<()> {
    unless_left(write_line(&mut io::stdout().lock(), line))
}

/// The result as one line of JSON.
///
/// # Errors
/// As [`say`].
pub(super) fn say_json(result: &impl Serialize) -> io::Result<()> {
    say(serde_json::to_string(result)?)
}

/// A line beside the result. If nobody can hear it, nothing is lost.
pub(super) fn hint(line: impl Display) {
    let _ = write_line(&mut io::stderr().lock(), line);
}

/// A part of a line beside the result.
pub(super) fn hint_part(part: impl Display) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{part}").and_then(|()| stderr.flush());
}

fn write_line(out: &mut impl io::Write, line: impl Display) -> io::Result<()> {
    writeln!(out, "{line}")?;
    out.flush()
}

fn unless_left(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}
