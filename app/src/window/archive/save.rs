//! Saving an archive: as a record, for Wireshark, or as a report.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use floe_capture::{ImportOptions, MediaPayloads, PcapngWriter, RecordReader, RecordWriter, load, redact};
use floe_inspect::{
    Inspector, Picture, Report,
    report::{html_page, text_page},
};
use floe_wire::Record;

use super::Part;
use crate::regular_file;

/// Records handed to a writer at once: writers flush after each batch.
const BATCH: usize = 1024;

/// What is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SaveAs {
    /// Everything, to be opened again.
    #[default]
    Record,
    /// What was sent and received, for Wireshark.
    Capture,
    /// What was tried and how it went, as a page to look at.
    Page,
    /// The same as text.
    Text,
    /// The same for programs.
    Json,
}

impl SaveAs {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Record, Self::Capture, Self::Page, Self::Text, Self::Json];

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Record => "Record",
            Self::Capture => "Capture for Wireshark",
            Self::Page => "Report as a page (HTML)",
            Self::Text => "Report as text",
            Self::Json => "Report for programs (JSON)",
        }
    }

    /// How its files end.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Record => "floe",
            Self::Capture => "pcapng",
            Self::Page => "html",
            Self::Text => "txt",
            Self::Json => "json",
        }
    }

    /// What is in it, and what is not.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Record => {
                "Everything that was sent, received and decided. Floe opens it again with every panel and the playhead."
            }
            Self::Capture => {
                "What was sent and received, with the session's notes as comments. Media is cut after its headers."
            }
            Self::Page => {
                "One page a person can open in any browser: cause, advice, the pair grid and the states, drawn."
            }
            Self::Text => "One page a person can read and paste anywhere: cause, advice, pairs, events.",
            Self::Json => "What was tried and how it went, in names and units of W3C webrtc-stats.",
        }
    }
}

/// Something to save.
#[derive(Debug)]
pub struct SaveJob {
    /// What.
    pub what: SaveAs,
    /// Whether addresses and names are replaced.
    pub is_redacted: bool,
    /// Where to.
    pub path: PathBuf,
    /// The end of the record.
    pub picture: Arc<Picture>,
}

/// Where the records of an archive are found again.
pub enum Source {
    /// A call's: a file in memory.
    Journal(RecordWriter<Vec<u8>>),
    /// A file's.
    File(FileSource),
}

/// Where the records of a file are found again.
#[derive(Debug, Clone)]
pub struct FileSource {
    path: PathBuf,
    options: ImportOptions,
    /// How much of it is shown; none is all of it.
    pub part: Option<Part>,
    /// What was added to it since it was read.
    pub added: Vec<Record>,
}

impl FileSource {
    /// All of a file.
    #[must_use]
    pub fn new(path: PathBuf, options: ImportOptions) -> Self {
        Self { path, options, part: None, added: Vec::new() }
    }

    /// Reads as much of it as is shown.
    fn records(&self) -> Result<Vec<Record>, String> {
        let opened = regular_file::open(&self.path);
        let (file, _) = opened.map_err(|why| format!("{}: {why}", self.path.display()))?;
        let file = file.take(self.part.map_or(u64::MAX, |part| part.read));
        let loaded = load(file, &self.options, &mut |_| std::ops::ControlFlow::Continue(()));
        let mut records = loaded.map_err(|error| error.to_string())?.into_records();
        if let Some((taken, _)) = self.part.and_then(|part| part.records) {
            records.truncate(taken);
        }
        records.extend_from_slice(&self.added);
        Ok(records)
    }
}

impl Source {
    /// What there is at this moment, for another thread.
    #[must_use]
    pub fn kept(&self) -> Kept {
        match self {
            Self::Journal(journal) => Kept::Journal(journal.get_ref().clone()),
            Self::File(file) => Kept::File(file.clone()),
        }
    }
}

/// The records of an archive as they were when a file was asked for.
pub enum Kept {
    /// A call's, as a file in memory.
    Journal(Vec<u8>),
    /// A file's.
    File(FileSource),
}

impl Kept {
    fn records(&self) -> Result<Vec<Record>, String> {
        match self {
            Self::Journal(bytes) => match RecordReader::new(bytes.as_slice()) {
                Ok(reader) => Ok(reader.collect()),
                Err(_) => Err("there is nothing to save yet".to_owned()),
            },
            Self::File(file) => file.records(),
        }
    }
}

/// Writes a file: first beside, then over an older one, so that a full disk leaves no half of it.
///
/// # Errors
/// A sentence that says what went wrong.
pub fn save(job: &SaveJob, source: &Kept) -> Result<(), String> {
    let beside = beside(&job.path);
    let written = write(job, source, &beside).and_then(|()| fs::rename(&beside, &job.path).map_err(|e| e.to_string()));
    if written.is_err() {
        // It may never have been there.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

fn write(job: &SaveJob, source: &Kept, path: &Path) -> Result<(), String> {
    let words = |error: io::Error| error.to_string();
    let create = || File::create(path).map_err(words);
    match job.what {
        SaveAs::Record => {
            let records = records(job, source)?;
            let mut writer = RecordWriter::new(create()?);
            records.chunks(BATCH).try_for_each(|batch| writer.append(batch)).map_err(words)?;
            writer.finish().map(drop).map_err(words)
        }
        SaveAs::Capture => {
            let records = records(job, source)?;
            let mut writer = PcapngWriter::new(create()?, MediaPayloads::AsRecorded);
            records.chunks(BATCH).try_for_each(|batch| writer.append(batch)).map_err(words)?;
            writer.finish().map(drop).map_err(words)
        }
        SaveAs::Page | SaveAs::Text | SaveAs::Json => {
            let redacted = if job.is_redacted { Some(folded(&records(job, source)?)) } else { None };
            let text = report(job.what, redacted.as_ref().unwrap_or(&job.picture))?;
            create()?.write_all(text.as_bytes()).map_err(words)
        }
    }
}

fn report(what: SaveAs, picture: &Picture) -> Result<String, String> {
    match what {
        SaveAs::Page => Ok(html_page(picture)),
        SaveAs::Text => Ok(text_page(picture)),
        SaveAs::Json | SaveAs::Record | SaveAs::Capture => {
            let text = serde_json::to_string_pretty(&Report::of(picture)).map_err(|error| error.to_string())?;
            Ok(text + "\n")
        }
    }
}

fn records(job: &SaveJob, source: &Kept) -> Result<Vec<Record>, String> {
    let records = source.records()?;
    Ok(if job.is_redacted { redact(&records) } else { records })
}

fn folded(records: &[Record]) -> Picture {
    let mut inspector = Inspector::new();
    for record in records {
        inspector.ingest(record);
    }
    inspector.picture().clone()
}

#[cfg(test)]
mod tests {
    use floe_wire::{Note, RecordBody, Stamp};

    use super::*;

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("floe-save-{}-{name}", std::process::id()))
    }

    fn journal() -> Kept {
        let mut journal = RecordWriter::new(Vec::new());
        let note = |ms| Record { at: Stamp::from_millis(ms), body: RecordBody::note(Note::Muted { muted: true }) };
        journal.append(&[note(1), note(2)]).unwrap();
        Source::Journal(journal).kept()
    }

    fn saved(what: SaveAs, source: &Kept) -> Result<Vec<u8>, String> {
        let path = place(what.extension());
        save(&SaveJob { what, is_redacted: false, path: path.clone(), picture: Arc::default() }, source)?;
        let bytes = fs::read(&path).map_err(|error| error.to_string());
        fs::remove_file(path).unwrap();
        bytes
    }

    #[test]
    fn a_saved_record_holds_what_the_journal_held_and_can_be_saved_again() {
        let bytes = saved(SaveAs::Record, &journal()).unwrap();
        assert_eq!(RecordReader::new(bytes.as_slice()).unwrap().count(), 2);
        let path = place("again.floe");
        fs::write(&path, &bytes).unwrap();
        let again = saved(SaveAs::Record, &Kept::File(FileSource::new(path.clone(), ImportOptions::default())));
        fs::remove_file(path).unwrap();
        assert_eq!(again.unwrap(), bytes);
    }

    #[test]
    fn of_a_file_that_was_not_read_to_its_end_what_is_shown_is_saved() {
        let bytes = saved(SaveAs::Record, &journal()).unwrap();
        let path = place("part.floe");
        fs::write(&path, &bytes).unwrap();
        let count = |part: Part| {
            let source = FileSource { part: Some(part), ..FileSource::new(path.clone(), ImportOptions::default()) };
            source.records().unwrap().len()
        };
        let total = bytes.len() as u64;
        let counts = [(total, None), (total - 1, None), (total, Some((1, 2)))]
            .map(|(read, records)| count(Part { read, total, records }));
        fs::remove_file(&path).unwrap();
        assert_eq!(counts, [2, 1, 1]);
    }

    #[test]
    fn each_sort_of_file_is_what_it_says() {
        assert_eq!(saved(SaveAs::Capture, &journal()).unwrap()[..4], [0x0A, 0x0D, 0x0D, 0x0A]);
        let report: serde_json::Value = serde_json::from_slice(&saved(SaveAs::Json, &journal()).unwrap()).unwrap();
        assert!(report.is_object());
        assert!(saved(SaveAs::Page, &journal()).unwrap().starts_with(b"<!"));
        assert!(saved(SaveAs::Text, &journal()).is_ok());
    }

    #[test]
    fn nothing_real_is_left_when_that_is_asked_for() {
        let mut journal = RecordWriter::new(Vec::new());
        let failed = Note::BaseFailed {
            interface: "wlp3s0".to_owned(),
            address: "93.184.216.34".parse().unwrap(),
            error: "no such device".to_owned(),
        };
        journal.append(&[Record { at: Stamp::ZERO, body: RecordBody::note(failed) }]).unwrap();
        let source = Source::Journal(journal).kept();
        for (is_redacted, what) in
            [(false, SaveAs::Record), (true, SaveAs::Record), (true, SaveAs::Page), (true, SaveAs::Json)]
        {
            let path = place(&format!("redacted-{is_redacted}.{}", what.extension()));
            save(&SaveJob { what, is_redacted, path: path.clone(), picture: Arc::default() }, &source).unwrap();
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            fs::remove_file(path).unwrap();
            assert_eq!(!text.contains("93.184.216.34"), is_redacted, "{what:?}");
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind_and_is_said() {
        let job = |path: &str| SaveJob {
            what: SaveAs::Record,
            is_redacted: false,
            path: PathBuf::from(path),
            picture: Arc::default(),
        };
        assert!(save(&job("/nonexistent/folder/x.floe"), &journal()).is_err());
        let empty = Kept::Journal(Vec::new());
        let path = place("empty.floe");
        let error = save(&job(&path.display().to_string()), &empty).unwrap_err();
        assert!(error.contains("nothing to save"), "{error}");
        assert!(!path.exists() && !beside(&path).exists());
    }
}
