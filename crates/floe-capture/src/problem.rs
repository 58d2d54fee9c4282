//! What could not be read from a file, as a sentence for people.

use std::fmt;

use crate::import::Counts;

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
    /// Frames of a link layer that is not understood.
    UnknownLink {
        /// How many.
        frames: u64,
    },
    /// Frames were captured in part only.
    Cut {
        /// How many.
        frames: u64,
    },
    /// Media was captured without its payload, as Floe's own exports are: everything that is read of it is there.
    CutMedia {
        /// How many packets.
        packets: u64,
    },
    /// The clock of the capture went backwards; its packets were put in order.
    Backwards {
        /// How many frames are older than one before them.
        frames: u64,
    },
    /// Packets that IP cut up are read up to their first cut.
    Fragments {
        /// How many parts there are.
        parts: u64,
    },
    /// Bytes of TCP connections are missing.
    Gaps {
        /// At how many places.
        gaps: u64,
    },
    /// The file could not be read to its end.
    Unreadable {
        /// The system's words.
        error: String,
    },
}

impl Problem {
    /// Whether nothing is missing or wrong that anybody would have seen: worth knowing, nothing to worry about.
    #[must_use]
    pub const fn is_harmless(&self) -> bool {
        matches!(self, Self::CutMedia { .. })
    }

    /// What the counts of an import tell.
    pub(crate) fn of_counts(counts: &Counts) -> Vec<Self> {
        // A segment of TCP may hold more than one packet.
        let cut = counts.cut.saturating_sub(counts.cut_media);
        let problems = [
            (counts.unknown_link, Self::UnknownLink { frames: counts.unknown_link }),
            (cut, Self::Cut { frames: cut }),
            (counts.cut_media, Self::CutMedia { packets: counts.cut_media }),
            (counts.backwards, Self::Backwards { frames: counts.backwards }),
            (counts.fragments, Self::Fragments { parts: counts.fragments }),
            (counts.tcp_gaps, Self::Gaps { gaps: counts.tcp_gaps }),
        ];
        problems.into_iter().filter(|(count, _)| *count > 0).map(|(_, problem)| problem).collect()
    }
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
            Self::UnknownLink { frames } => {
                write!(
                    f,
                    "{frames} frames come from a kind of network that is not known, or that Floe cannot read; they were skipped"
                )
            }
            Self::Cut { frames } => {
                write!(f, "{frames} frames were captured in part only (snap length); what is there was read")
            }
            Self::CutMedia { packets: 1 } => {
                write!(f, "One media packet was captured without what was said in it; its header was read")
            }
            Self::CutMedia { packets } => {
                write!(
                    f,
                    "{packets} media packets were captured without what was said in them; their headers were read"
                )
            }
            Self::Backwards { frames } => {
                write!(f, "The clock of the capture went backwards {frames} times; packets were put in order of time")
            }
            Self::Fragments { parts } => {
                write!(f, "{parts} frames are parts of packets that IP cut up; only the first parts were read")
            }
            Self::Gaps { gaps } => write!(f, "Bytes of TCP connections are missing at {gaps} places"),
            Self::Unreadable { error } => write!(f, "The file could not be read to its end: {error}"),
        }
    }
}
