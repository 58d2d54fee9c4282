//! What could not be read from a file, as a sentence for people.

use std::fmt;

/// What could not be read from a file; everything else was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The file ends in the middle of something.
    CutOff {
        /// Where the unfinished thing begins, in bytes from the start of the file.
        offset: u64,
    },
    /// Bytes that make no sense were skipped.
    Damaged {
        /// Where they begin.
        offset: u64,
        /// How many were skipped.
        bytes: u64,
    },
    /// So much makes no sense that reading was given up.
    GivenUp {
        /// Where.
        offset: u64,
    },
    /// A newer version of the program wrote things that this one does not know.
    Unknown {
        /// How many were skipped.
        count: u64,
    },
    /// The file could not be read to its end.
    Unreadable {
        /// The system's words.
        error: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff { offset } => write!(f, "The file is cut off at byte {offset}; everything before it was read"),
            Self::Damaged { offset, bytes } => {
                write!(f, "The file is damaged at byte {offset}: {bytes} bytes were skipped, the rest was read")
            }
            Self::GivenUp { offset } => {
                write!(f, "The file is damaged from byte {offset} on; everything before it was read")
            }
            Self::Unknown { count: 1 } => {
                write!(f, "One entry was written by a newer version of Floe and was skipped")
            }
            Self::Unknown { count } => {
                write!(f, "{count} entries were written by a newer version of Floe and were skipped")
            }
            Self::Unreadable { error } => write!(f, "The file could not be read to its end: {error}"),
        }
    }
}
