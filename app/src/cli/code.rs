//! `floe code`: what a code contains and what it reveals.

use std::io::Read as _;

use anyhow::Context as _;
use floe_signal::Code;

use super::{Status, args::CodeOptions};

/// A code has a few hundred characters; whatever is longer is not one.
const LONGEST_INPUT: u64 = 64 * 1024;

pub(super) fn run(options: &CodeOptions) -> anyhow::Result<Status> {
    let mut text = options.code.clone();
    if text == "-" {
        text.clear();
        let mut input = std::io::stdin().lock().take(LONGEST_INPUT);
        input.read_to_string(&mut text).context("cannot read the code from standard input")?;
    }
    let (code, problems) = Code::decode(&text).map_err(|error| anyhow::anyhow!("{error}"))?;
    for line in code.describe() {
        println!("{line}");
    }
    for problem in &problems {
        println!("{}: {problem}", if problem.is_dropped() { "left out" } else { "note" });
    }
    Ok(Status::Ok)
}
