//! Opens whatever holds records: Floe's own files, or captures of any program.

use std::{
    io::{self, Read},
    ops::ControlFlow,
};

use floe_wire::Record;

use crate::{
    Import, ImportError, ImportOptions, Opened, Problem, Progress, RecordFileError, RecordReader, import::import,
    record_file::MAGIC,
};

/// A file's contents.
#[derive(Debug)]
pub enum Loaded {
    /// A record of Floe.
    Record(Opened),
    /// A capture of any program.
    Capture(Import),
}

impl Loaded {
    /// The records in it.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        match self {
            Self::Record(opened) => &opened.records,
            Self::Capture(import) => &import.records,
        }
    }

    /// The records in it, to keep.
    #[must_use]
    pub fn into_records(self) -> Vec<Record> {
        match self {
            Self::Record(opened) => opened.records,
            Self::Capture(import) => import.records,
        }
    }

    /// What could not be read.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Record(opened) => &opened.problems,
            Self::Capture(import) => &import.problems,
        }
    }
}

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It begins like nothing that is known.
    #[error("this is neither a Floe record nor a pcap or pcapng file")]
    Unknown,
    /// It is a Floe record that cannot be read.
    #[error(transparent)]
    Record(RecordFileError),
    /// It is a capture that cannot be imported.
    #[error(transparent)]
    Capture(ImportError),
    /// Nothing could be read.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
}

/// A file whose kind is known.
#[derive(Debug)]
pub enum Begun<R> {
    /// A record of Floe, to be read one record after the other: a long call has millions.
    Record(RecordReader<Whole<R>>),
    /// A capture of any program, which makes sense as a whole only.
    Capture(Import),
}

/// A file with its first bytes, which told its kind, before the rest.
pub type Whole<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

/// Reads a file of any kind. `options` and `progress` are for captures (see [`import`]).
///
/// # Errors
/// When it is of no known kind, of a newer version, was cancelled, or cannot be read at all. Damage is no error.
pub fn load(
    source: impl Read,
    options: &ImportOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Loaded, LoadError> {
    Ok(match begin(source, options, progress)? {
        Begun::Record(reader) => Loaded::Record(Opened::of(reader)),
        Begun::Capture(import) => Loaded::Capture(import),
    })
}

/// Reads a capture, or the beginning of a record. `options` and `progress` are for captures (see [`import`]).
///
/// # Errors
/// As of [`load`].
pub fn begin<R: Read>(
    mut source: R,
    options: &ImportOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Begun<R>, LoadError> {
    let mut head = Vec::new();
    source.by_ref().take(MAGIC.len() as u64).read_to_end(&mut head).map_err(LoadError::Unreadable)?;
    if head.is_empty() {
        return Err(LoadError::Empty);
    }
    let is_record = head == MAGIC;
    let source = io::Cursor::new(head).chain(source);
    if is_record {
        return RecordReader::new(source).map(Begun::Record).map_err(LoadError::Record);
    }
    match import(source, options, progress) {
        Ok(import) => Ok(Begun::Capture(import)),
        Err(ImportError::NotACapture) => Err(LoadError::Unknown),
        Err(error) => Err(LoadError::Capture(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_bytes(bytes: &[u8]) -> Result<Loaded, LoadError> {
        load(bytes, &ImportOptions::default(), &mut |_| ControlFlow::Continue(()))
    }

    /// The sentence that a file with these bytes gives.
    fn refusal(bytes: &[u8]) -> String {
        load_bytes(bytes).expect_err("it holds nothing").to_string()
    }

    #[test]
    fn files_without_records_are_refused_by_what_they_are() {
        assert_eq!(refusal(b""), "the file is empty");
        assert_eq!(refusal(&[0; 40]), "this is neither a Floe record nor a pcap or pcapng file");
    }

    #[test]
    fn a_capture_that_ends_in_its_header_says_so() {
        let loaded = load_bytes(&[0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0]).expect("its beginning is a capture's");
        assert!(matches!(loaded.problems(), [Problem::CutOff { offset: 0 }]), "{:?}", loaded.problems());
    }
}
