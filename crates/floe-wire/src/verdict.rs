//! What is decided about a candidate pair whatever its priority, and by whom.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::BaseId;

/// What was decided about a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairVerdict {
    /// It is used whenever it works.
    Forced,
    /// It is neither checked nor answered nor used.
    Blocked,
    /// It is used if nothing else works, because another one was much better, or it fell silent.
    Distrusted,
    /// Its priority decides again.
    Released,
}

impl PairVerdict {
    /// The word people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forced => "forced",
            Self::Blocked => "blocked",
            Self::Distrusted => "distrusted",
            Self::Released => "released",
        }
    }
}

/// Who decided about a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judge {
    /// A person on this side.
    Here,
    /// A person on the other side.
    Peer,
    /// Measurements of the side that chooses the pair.
    Measurement,
}

/// A decision about a pair. It holds for the pair in every generation, until the next one about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairRuling {
    /// Our base.
    pub base: BaseId,
    /// The peer's address.
    pub remote: SocketAddr,
    /// What.
    pub verdict: PairVerdict,
    /// By whom.
    pub by: Judge,
    /// What was measured on the pair that audio left; none for others that are judged along with it, and for one that
    /// fell silent and is back.
    pub measured: Option<Measured>,
    /// The peer knows of it. Where it does not, it goes on as before, and chooses if that is its role.
    pub is_shared: bool,
}

/// What showed that another pair is much better than the one in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Which of the numbers it was.
    pub complaint: Complaint,
    /// Audio packets lost on the pair in use, in the worse direction, percent.
    pub loss_percent: u8,
    /// Its round trip.
    pub rtt: Duration,
    /// The round trip of the better pair.
    pub better_rtt: Duration,
    /// How long it is not used again at least.
    pub distrust: Duration,
}

/// What is wrong with a pair that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Complaint {
    /// It loses packets, and another one does not.
    Loss,
    /// Its round trip is several times that of another one.
    RoundTrip,
}
