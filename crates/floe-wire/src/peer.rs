//! What the two ends of a call tell each other about it, once they are connected.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{BaseId, Generation, Stamp};

/// What one side's record says, in numbers. Counters run since the start of that record; a pair that is not named has
/// not changed since the last digest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Digest {
    /// When it was made, by its maker's record.
    pub at: Stamp,
    /// Pairs that changed.
    pub pairs: Vec<PairDigest>,
    /// What its maker hears.
    pub media: MediaDigest,
}

/// One candidate pair as the maker of a digest sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairDigest {
    /// The generation.
    pub generation: Generation,
    /// The maker's base.
    pub base: BaseId,
    /// Where the maker sees the reader.
    pub remote: SocketAddr,
    /// Checks the maker sent, retransmissions among them.
    pub requests_sent: u32,
    /// Answers to them that arrived.
    pub responses_received: u32,
    /// Checks of the reader that arrived.
    pub requests_received: u32,
    /// Answers the maker sent.
    pub responses_sent: u32,
    /// The first four bytes of the transaction id of the reader's newest check that arrived: it tells the reader which
    /// of its pairs this is, whatever NATs made of the addresses.
    pub newest_request: Option<u32>,
}

/// What one side hears, since the start of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MediaDigest {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received and authenticated.
    pub packets_received: u64,
    /// Packets expected and never received.
    pub packets_lost: i64,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// Samples made up because nothing arrived in time.
    pub concealed_samples: u64,
    /// All samples played.
    pub played_samples: u64,
}

/// The peer's clock against ours, from a four-timestamp exchange (as NTP, RFC 5905 section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockComparison {
    /// What is to be added to a stamp of ours to get the peer's stamp of the same moment, in microseconds.
    pub offset_us: i64,
    /// Half of the round trip, at most which the offset may be wrong.
    pub uncertainty: Duration,
}

impl ClockComparison {
    /// Our stamp of the moment that the peer's record calls `theirs`; zero if that was before our record began.
    #[must_use]
    pub fn to_ours(&self, theirs: Stamp) -> Stamp {
        let us = micros(theirs).saturating_sub(self.offset_us);
        Stamp(Duration::from_micros(u64::try_from(us).unwrap_or(0)))
    }

    /// The peer's stamp of a moment of ours; zero if that was before its record began.
    #[must_use]
    pub fn to_theirs(&self, ours: Stamp) -> Stamp {
        let us = micros(ours).saturating_add(self.offset_us);
        Stamp(Duration::from_micros(u64::try_from(us).unwrap_or(0)))
    }

    /// How long something took that left here at `ours` and arrived there at `theirs`, in microseconds. Less than nothing
    /// is possible within the uncertainty.
    #[must_use]
    pub fn there_us(&self, ours: Stamp, theirs: Stamp) -> i64 {
        micros(theirs).saturating_sub(self.offset_us).saturating_sub(micros(ours))
    }
}

fn micros(stamp: Stamp) -> i64 {
    i64::try_from(stamp.0.as_micros()).unwrap_or(i64::MAX)
}

/// Why ICE was restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartCause {
    /// A person asked for it here.
    Asked,
    /// The peer began, for reasons of its own.
    Peer,
    /// An interface or an address came.
    NetworkUp,
    /// An interface or an address went away.
    NetworkDown,
    /// The pair in use does not answer.
    PathSilent,
    /// A relay lost its allocation.
    RelayLost,
    /// Packets to the wide world leave by another interface.
    DefaultRoute,
    /// The computer had slept.
    Resumed,
    /// No generation began: the path in use was lost, and one in reserve took over.
    TookOver,
    /// No generation began: the path in use worked, and was left for a better one because of its quality.
    Quality,
    /// No generation began: a person wanted another path, or not the one in use.
    Wish,
    /// A capture shows that ICE was restarted and not why.
    Untold,
}

impl RestartCause {
    /// The words people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked for here",
            Self::Peer => "the other side began",
            Self::NetworkUp => "a network came",
            Self::NetworkDown => "a network went away",
            Self::PathSilent => "the path does not answer",
            Self::RelayLost => "a relay was lost",
            Self::DefaultRoute => "the default route moved",
            Self::Resumed => "the computer had slept",
            Self::TookOver => "a path in reserve took over",
            Self::Quality => "the path in use was bad, and a better one is used",
            Self::Wish => "a person wanted another path",
            Self::Untold => "the capture does not tell why",
        }
    }
}

/// Why media moved from one pair to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoveReason {
    /// A better pair works.
    Better,
    /// The pair before is gone or fell silent.
    TookOver,
    /// The pair before works, and measurements say that another one is clearly better.
    Quality,
    /// A person forced this pair, or blocked the one before.
    Wish,
    /// The pair is of a newer generation.
    Restart,
}

impl MoveReason {
    /// The words people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Better => "a better path works",
            Self::TookOver => "the path before was lost",
            Self::Quality => "the path before was bad",
            Self::Wish => "a person wanted it",
            Self::Restart => "ICE was restarted",
        }
    }

    /// The cause that stands among the restarts: what such a move costs is measured like that of a restart.
    #[must_use]
    pub const fn cause(self) -> Option<RestartCause> {
        match self {
            Self::TookOver => Some(RestartCause::TookOver),
            Self::Quality => Some(RestartCause::Quality),
            Self::Wish => Some(RestartCause::Wish),
            Self::Better | Self::Restart => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_of_the_peer_becomes_one_of_ours() {
        let clocks = ClockComparison { offset_us: 2_500_000, uncertainty: Duration::from_millis(5) };
        assert_eq!(clocks.to_ours(Stamp::from_millis(4000)), Stamp::from_millis(1500));
        assert_eq!(clocks.to_ours(Stamp::from_millis(1000)), Stamp::ZERO, "before our record began");
        let behind = ClockComparison { offset_us: -1_000_000, ..clocks };
        assert_eq!(behind.to_ours(Stamp::from_millis(4000)), Stamp::from_millis(5000));
    }
}
