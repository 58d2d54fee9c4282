//! `floe report`: what a record or a capture shows.

use std::{fs::File, io::BufReader, path::Path};

use anyhow::Context as _;
use floe_capture::Opened;
use floe_inspect::{Inspector, Report};

use super::{
    Status,
    args::{OutputOptions, ReportOptions},
    keep::Files,
    output::{self, sentence_of},
};

pub(super) fn run(options: &ReportOptions) -> anyhow::Result<Status> {
    let opened = open(&options.file)?;
    for problem in &opened.problems {
        eprintln!("{problem}.");
    }
    let mut files = Files::create(options.save.as_deref(), options.pcap.as_deref())?;
    files.append(&opened.records);
    files.finish();
    let mut inspector = Inspector::new();
    for record in &opened.records {
        inspector.ingest(record);
    }
    let picture = inspector.picture();
    let output = OutputOptions { json: options.json, report: None };
    output::write(&output, &Report::of(picture), &sentence_of(picture))?;
    Ok(Status::Ok)
}

fn open(path: &Path) -> anyhow::Result<Opened> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Opened::read(BufReader::new(file)).with_context(|| format!("cannot read {}", path.display()))
}
