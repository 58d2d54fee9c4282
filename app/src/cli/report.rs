//! `floe report`: what a record or a capture shows.

use std::{io::IsTerminal as _, ops::ControlFlow, path::Path};

use anyhow::Context as _;
use floe_capture::{Import, ImportOptions, Loaded, Progress, load, redact};
use floe_inspect::{
    Inspector, Report,
    report::{html_page, text_page},
};

use super::{
    Status,
    args::{OutputOptions, ReportOptions},
    keep::{Files, payloads},
    output, side,
    speech::{hint, hint_part, say},
};
use crate::regular_file;

pub(super) fn run(options: &ReportOptions) -> anyhow::Result<Status> {
    let loaded = open(options)?;
    for problem in loaded.problems() {
        hint(format_args!("{problem}."));
    }
    if let Loaded::Capture(import) = &loaded {
        tell_sessions(import, options.redact);
    }
    let mut records = loaded.into_records();
    if options.copy_side {
        say(side::text(&records))?;
        return Ok(Status::Ok);
    }
    if let Some(other) = &options.side {
        side::add(&mut records, other)?;
    }
    if options.redact {
        records = redact(&records);
    }
    let mut files = Files::create(options.save.as_deref(), options.pcap.as_deref(), payloads(options.no_payloads))?;
    files.append(&records);
    files.finish();
    let mut inspector = Inspector::new();
    for record in &records {
        inspector.ingest(record);
    }
    let picture = inspector.picture();
    if let Some(path) = &options.html {
        std::fs::write(path, html_page(picture)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let output = OutputOptions { json: options.json, report: None };
    output::write(&output, &Report::of(picture), text_page(picture).trim_end())?;
    Ok(Status::Ok)
}

fn open(options: &ReportOptions) -> anyhow::Result<Loaded> {
    let path = &options.file;
    let (file, _) = regular_file::open(path).map_err(|why| anyhow::anyhow!("cannot open {}: {why}", path.display()))?;
    let import_options = ImportOptions { session: options.session.clone(), swap_sides: options.swap_sides };
    let mut progress = progress_of(path);
    let loaded = load(file, &import_options, &mut progress);
    loaded.with_context(|| format!("cannot read {}", path.display()))
}

/// A live line on a terminal; nothing elsewhere.
fn progress_of(path: &Path) -> impl FnMut(Progress) -> ControlFlow<()> {
    let size = path.metadata().map_or(0, |metadata| metadata.len()).max(1);
    let is_terminal = std::io::stderr().is_terminal();
    move |progress| {
        if is_terminal {
            hint_part(format_args!("\rReading: {} %\x1b[K\r", (progress.bytes * 100 / size).min(100)));
        }
        ControlFlow::Continue(())
    }
}

/// Which sessions a capture holds, and which side was taken for us. A redacted report names nobody.
fn tell_sessions(import: &Import, is_redacted: bool) {
    if import.sessions.is_empty() {
        hint("The capture holds no ICE session.");
    }
    if is_redacted {
        return;
    }
    if import.sessions.len() > 1 {
        hint(format_args!("The capture holds {} ICE sessions; --session UFRAG chooses:", import.sessions.len()));
        for (number, session) in import.sessions.iter().enumerate() {
            let mark = if import.chosen == Some(number) { "*" } else { " " };
            let ufrags = session.generations.first().map_or_else(String::new, |ufrags| ufrags.join(" and "));
            hint(format_args!("{mark} {}  {ufrags}  {} checks", session.span.0, session.checks));
        }
    }
    if let Some(sentence) = import.us_sentence() {
        hint(format_args!("{sentence} (--swap-sides shows the other side)."));
    }
}
