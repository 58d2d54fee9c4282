//! `floe code`: what a code contains and what it reveals, and what a failure code means.

use std::io::Read as _;

use anyhow::Context as _;
use floe_inspect::{CodeBit, explain_code};
use floe_signal::Code;

use super::{Status, args::CodeOptions, speech::say};

/// A code has a few hundred characters; whatever is longer is not one.
const LONGEST_INPUT: u64 = 64 * 1024;

pub(super) fn run(options: &CodeOptions) -> anyhow::Result<Status> {
    let mut text = options.code.clone();
    if text == "-" {
        text.clear();
        let mut input = std::io::stdin().lock().take(LONGEST_INPUT);
        input.read_to_string(&mut text).context("cannot read the code from standard input")?;
    }
    if let Some(bits) = explain_code(&text) {
        return explain(text.trim(), &bits);
    }
    let (code, problems) = Code::decode(&text).map_err(|error| anyhow::anyhow!("{error}"))?;
    for line in code.describe() {
        say(line)?;
    }
    for problem in &problems {
        let fate = if problem.is_dropped() { "left out" } else { "note" };
        say(format_args!("{fate}: {problem}"))?;
    }
    Ok(Status::Ok)
}

/// What the code of a failed call says.
fn explain(code: &str, bits: &[CodeBit]) -> anyhow::Result<Status> {
    if bits.is_empty() {
        say(format_args!("{code}: the call failed, and no rule matched."))?;
    }
    for bit in bits {
        say(format_args!("{}: {}", bit.id, bit.meaning))?;
    }
    Ok(Status::Ok)
}
