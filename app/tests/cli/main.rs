//! The command line as scripts and people meet it: the real program, its exit statuses, and what it says.
#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

mod bad_files;
mod killed;
mod left;
mod pipes;
mod program;
mod redacted;
mod secrets;
mod servers;
mod web;
