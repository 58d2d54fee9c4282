//! Where reports go: standard output, a file, and the exit status they mean.

use std::{fs, path::Path};

use anyhow::Context as _;
use floe_inspect::{Picture, headline};
use floe_wire::{IceConnectionState, note::EndReason};
use serde::Serialize;

use super::{Status, args::OutputOptions, speech};

/// Writes a report where the options say, and a sentence for people otherwise.
pub(super) fn write<R: Serialize>(options: &OutputOptions, report: &R, sentence: &str) -> anyhow::Result<()> {
    if let Some(path) = &options.report {
        write_file(path, report)?;
    }
    if options.json {
        speech::say_json(report)?;
    } else {
        speech::say(sentence)?;
    }
    Ok(())
}

fn write_file<R: Serialize>(path: &Path, report: &R) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    fs::write(path, text + "\n").with_context(|| format!("cannot write the report to {}", path.display()))
}

/// The exit status a finished call means.
pub(super) fn status_of(picture: &Picture) -> Status {
    let secured = picture.timings.secured.is_some();
    let lost = picture.ice_connection.iter().rfind(|visit| visit.state != IceConnectionState::Closed);
    match &picture.ended {
        Some(EndReason::Insecure { .. }) => Status::MediaFailed,
        _ if picture.selections.is_empty() => Status::NotConnected,
        _ if lost.is_some_and(|visit| visit.state == IceConnectionState::Failed) => Status::NotConnected,
        _ if !secured => Status::MediaFailed,
        _ => Status::Ok,
    }
}

/// One sentence on a finished call, for people.
pub(super) fn sentence_of(picture: &Picture) -> String {
    let mut text = headline(picture).text;
    if !text.ends_with('.') {
        text.push('.');
    }
    if let Some(rtt) = picture.selected_pair().and_then(|pair| pair.rtt) {
        text.push_str(&format!(" Round trip {:.1} ms.", rtt.as_secs_f64() * 1e3));
    }
    text
}
