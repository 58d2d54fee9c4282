//! Keeps a running call's record in files, on a thread of its own.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use anyhow::Context as _;
use floe_capture::{MediaPayloads, PcapngWriter, RecordWriter};
use floe_wire::Record;
use tokio::sync::mpsc;

use super::{args::KeepOptions, speech};

/// Batches that may wait for a slow disk; about ten seconds of a call.
const BATCHES_WAITING: usize = 1_024;

/// The thread that writes a call's record, and the way to it.
pub(super) struct Keeping {
    records: Option<mpsc::Sender<Vec<Record>>>,
    writer: Option<JoinHandle<()>>,
}

impl Keeping {
    /// Creates the files that were asked for.
    ///
    /// # Errors
    /// When one of them cannot be created; better before the call than after it.
    pub fn start(options: &KeepOptions) -> anyhow::Result<Self> {
        let files = Files::create(options.save.as_deref(), options.pcap.as_deref(), payloads(options.no_payloads))?;
        if files.is_empty() {
            return Ok(Self { records: None, writer: None });
        }
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
        let writer = thread::Builder::new().name("floe-record".to_owned()).spawn(move || write(receiver, files))?;
        Ok(Self { records: Some(sender), writer: Some(writer) })
    }

    /// Where the call sends its records; none when nobody wants them.
    pub fn records(&self) -> Option<mpsc::Sender<Vec<Record>>> {
        self.records.clone()
    }

    /// Waits until everything is in the files. The call must be over: it holds the other end.
    pub fn finish(self) {
        drop(self.records);
        if let Some(writer) = self.writer
            && writer.join().is_err()
        {
            speech::hint("floe: the record was not written to its end");
        }
    }
}

fn write(mut batches: mpsc::Receiver<Vec<Record>>, mut files: Files) {
    while let Some(batch) = batches.blocking_recv() {
        files.append(&batch);
    }
    files.finish();
}

/// The files that records go to. A file that fails is said once and left; the call and the other file go on.
#[derive(Default)]
pub(super) struct Files {
    record: Option<(RecordWriter<File>, PathBuf)>,
    capture: Option<(PcapngWriter<File>, PathBuf)>,
}

impl Files {
    /// Creates the files.
    ///
    /// # Errors
    /// When one of them cannot be created.
    pub fn create(record: Option<&Path>, capture: Option<&Path>, payloads: MediaPayloads) -> anyhow::Result<Self> {
        let record = record.map(|path| Ok::<_, anyhow::Error>((RecordWriter::new(create(path)?), path.to_owned())));
        let capture = capture.map(|path| {
            let writer = PcapngWriter::new(create(path)?, payloads);
            Ok::<_, anyhow::Error>((writer, path.to_owned()))
        });
        Ok(Self { record: record.transpose()?, capture: capture.transpose()? })
    }

    /// Whether no file was asked for.
    pub fn is_empty(&self) -> bool {
        self.record.is_none() && self.capture.is_none()
    }

    /// Appends a batch to each file; it is with the system when this returns.
    pub fn append(&mut self, batch: &[Record]) {
        if let Some((writer, path)) = &mut self.record
            && let Err(error) = writer.append(batch)
        {
            complain(path, &error);
            self.record = None;
        }
        if let Some((writer, path)) = &mut self.capture
            && let Err(error) = writer.append(batch)
        {
            complain(path, &error);
            self.capture = None;
        }
    }

    /// Writes what is still held back.
    pub fn finish(self) {
        if let Some((writer, path)) = self.record
            && let Err(error) = writer.finish()
        {
            complain(&path, &error);
        }
        if let Some((writer, path)) = self.capture
            && let Err(error) = writer.finish()
        {
            complain(&path, &error);
        }
    }
}

/// What a capture gets of media.
pub(super) fn payloads(left_out: bool) -> MediaPayloads {
    if left_out { MediaPayloads::LeftOut } else { MediaPayloads::AsRecorded }
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

fn complain(path: &Path, error: &io::Error) {
    speech::hint(format_args!("floe: {} is not complete: {error}", path.display()));
}
