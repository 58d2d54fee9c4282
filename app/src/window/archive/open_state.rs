//! How far reading a file is, and what it holds once it was read.

use std::{fmt, sync::Arc};

use floe_capture::{Import, ImportOptions};
use floe_inspect::Picture;

use crate::window::{format, reading::Reading};

/// How far reading a file is.
#[derive(Debug, Clone)]
pub enum OpenState {
    /// Under way.
    Reading {
        /// Bytes read.
        read: u64,
        /// Bytes the file has; zero when that is not known.
        total: u64,
    },
    /// It was read, and its records are taken in one by one.
    Folding {
        /// How many were.
        taken: usize,
        /// How many there are.
        total: usize,
    },
    /// Everything that can be read was, or as much as somebody wanted.
    Open(Arc<Opened>),
    /// Nothing could be read; the sentence says why and what to do.
    Refused(String),
}

/// What a file holds.
#[derive(Debug)]
pub struct Opened {
    /// The end of the record.
    pub picture: Arc<Picture>,
    /// What that says.
    pub reading: Reading,
    /// What could not be read, a sentence each.
    pub problems: Vec<String>,
    /// What is worth knowing of it, a sentence each.
    pub notices: Vec<String>,
    /// What else a capture of another program holds.
    pub capture: Option<Capture>,
    /// Bytes of the file.
    pub bytes: u64,
    /// How much of it that is, if somebody stopped the reading.
    pub part: Option<Part>,
}

/// How much of a file was read before somebody stopped the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Bytes read.
    pub read: u64,
    /// Bytes the file has.
    pub total: u64,
    /// How many of the records in them were taken in, and how many there are; none if all were.
    pub records: Option<(usize, usize)>,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Read {} of {}, then you stopped it", format::bytes(self.read), format::bytes(self.total))?;
        match self.records {
            Some((taken, total)) => write!(f, ": {taken} of the {total} records in it are shown."),
            None => f.write_str(": the rest is not shown."),
        }
    }
}

/// What a capture of another program holds, besides what is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// A line for each ICE session, the earliest first.
    pub sessions: Vec<SessionLine>,
    /// Which of them is shown.
    pub chosen: Option<usize>,
    /// Which side was taken for us, and why.
    pub us: Option<String>,
    /// How it was read.
    pub options: ImportOptions,
}

/// An ICE session of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLine {
    /// A user fragment that names it.
    pub ufrag: String,
    /// Both user fragments.
    pub name: String,
    /// When it began.
    pub at: floe_wire::Stamp,
    /// Checks captured.
    pub checks: u64,
}

impl Capture {
    pub(super) fn of(import: &Import, options: &ImportOptions) -> Self {
        let line = |session: &floe_capture::import::Session| {
            let ufrags = session.generations.first().cloned().unwrap_or_default();
            let name = ufrags.join(" and ");
            let [ufrag, _] = ufrags;
            SessionLine { ufrag, name, at: session.span.0, checks: session.checks }
        };
        Self {
            sessions: import.sessions.iter().map(line).collect(),
            chosen: import.chosen,
            us: import.us_sentence(),
            options: options.clone(),
        }
    }
}

impl OpenState {
    /// Before the first byte.
    pub const fn start() -> Self {
        Self::Reading { read: 0, total: 0 }
    }

    /// How far it is, while it is under way.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        let (done, total, words) = match self {
            Self::Reading { read, total } => {
                let words = format!("{} of {}", format::bytes(*read), format::bytes(*total));
                (*read as f32, *total as f32, words)
            }
            Self::Folding { taken, total } => (*taken as f32, *total as f32, format!("{taken} of {total} records")),
            Self::Open(_) | Self::Refused(_) => return None,
        };
        let share = if total > 0.0 { (done / total).clamp(0.0, 1.0) } else { 0.0 };
        Some(Progress { share, words })
    }
}

/// How far reading a file is, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// From 0 to 1, of what is being done.
    pub share: f32,
    /// How much was read of how much.
    pub words: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_is_told_until_it_is_open() {
        let reading = OpenState::Reading { read: 120_000_000, total: 500_000_000 }.progress().unwrap();
        assert_eq!((reading.share, reading.words.as_str()), (0.24, "120.0 MB of 500.0 MB"));
        assert_eq!(OpenState::start().progress().unwrap().share, 0.0);
        let folding = OpenState::Folding { taken: 30, total: 40 }.progress().unwrap();
        assert_eq!((folding.share, folding.words.as_str()), (0.75, "30 of 40 records"));
        assert_eq!(OpenState::Refused(String::new()).progress(), None);
    }

    #[test]
    fn a_part_says_how_much_it_is() {
        let part = Part { read: 120_000_000, total: 500_000_000, records: None };
        assert_eq!(part.to_string(), "Read 120.0 MB of 500.0 MB, then you stopped it: the rest is not shown.");
        let part = Part { records: Some((3, 9)), ..part };
        assert!(part.to_string().ends_with("3 of the 9 records in it are shown."), "{part}");
    }
}
