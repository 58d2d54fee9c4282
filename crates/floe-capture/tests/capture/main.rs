//! Files as people have them: golden ones, whole calls, and what other programs read and write.
#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]
#![allow(clippy::print_stderr, reason = "a test that cannot run says so")]

mod browsers;
mod call;
mod calls;
mod corpus;
mod crosscheck;
mod export;
mod files;
mod firefox;
mod golden;
mod hostile;
mod import;
mod redact;
mod sessions;
mod tshark;
