//! Phases: the seven steps of a call, with their times.

use floe_wire::Stamp;

/// One of the seven phases.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Which.
    pub kind: PhaseKind,
    /// How far it is.
    pub progress: PhaseProgress,
    /// One line: "12 of 39 s; 14 pairs left", "3 candidates, 1 server silent".
    pub detail: String,
}

/// The phases of a call, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PhaseKind {
    /// Finding our candidates.
    Gathering,
    /// Ordering them.
    Prioritization,
    /// Both codes known.
    Exchange,
    /// Forming pairs.
    Pairing,
    /// Checking pairs.
    Checks,
    /// Agreeing on one.
    Nomination,
    /// Secure media, or the end.
    Conclusion,
}

impl PhaseKind {
    /// The word people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gathering => "gathering",
            Self::Prioritization => "prioritization",
            Self::Exchange => "exchange",
            Self::Pairing => "pairing",
            Self::Checks => "checks",
            Self::Nomination => "nomination",
            Self::Conclusion => "conclusion",
        }
    }
}

/// How far a phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseProgress {
    /// Not begun.
    Ahead,
    /// Begun.
    Running {
        /// When.
        since: Stamp,
    },
    /// Begun; the record does not tell whether it is over.
    Untold {
        /// When.
        since: Stamp,
    },
    /// Over.
    Done {
        /// When it began.
        since: Stamp,
        /// When it was over.
        until: Stamp,
    },
    /// Over without success.
    Failed {
        /// When it began.
        since: Stamp,
        /// When it was given up.
        until: Stamp,
    },
}
