//! What the peer told about the call: the other half of every pair.

use std::{net::SocketAddr, time::Duration};

use floe_wire::{
    Generation, Stamp,
    peer::{ClockComparison, MediaDigest, PairDigest, RestartCause},
};

use crate::{clocks::PeerClocks, picture::PairId};

/// What is known of the peer's side. The default is a peer that said nothing yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PeerView {
    /// The channel it tells over.
    pub channel: ChannelView,
    /// Whether it sends silence on purpose.
    pub muted: bool,
    /// Its clock against ours, newest.
    pub clocks: Option<ClockComparison>,
    /// Its clock against ours at any moment.
    pub clock_log: PeerClocks,
    /// Spans of its record, by its clock, of which it told every message it saw; oldest first.
    pub told_spans: Vec<(Stamp, Stamp)>,
    /// What it hears, newest.
    pub media: Option<MediaDigest>,
    /// Where it sends its media, as it sees us.
    pub sends_to: Option<(Generation, SocketAddr)>,
    /// When its first and its newest digest arrived.
    pub digests: Option<(Stamp, Stamp)>,
    /// Its pairs, each with ours if a check of ours told which that is.
    pub pairs: Vec<PeerPair>,
    /// Its record was added after the fact, and nothing tells when it counted what: of this moment, only what it never
    /// saw is known.
    pub is_undated: bool,
}

/// How far the control channel is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ChannelView {
    /// Not open, yet or ever.
    #[default]
    None,
    /// Open.
    Open {
        /// Since when.
        since: Stamp,
    },
    /// None; a person gave us the other side's record after the fact.
    Added {
        /// Messages that both records have.
        matched: u64,
    },
    /// Over.
    Closed {
        /// Why.
        reason: String,
    },
}

/// A pair of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerPair {
    /// Our pair that its checks belong to.
    pub ours: Option<PairId>,
    /// What the peer counts.
    pub seen: PairDigest,
}

impl PeerView {
    /// What the peer counts on a pair of ours; none if none of our checks over it has arrived.
    #[must_use]
    pub fn seen_of(&self, pair: PairId) -> Option<&PairDigest> {
        self.pairs.iter().find(|peer| peer.ours == Some(pair)).map(|peer| &peer.seen)
    }
}

impl PeerView {
    /// Whether a message that was under way at a moment of ours, and that the peer did not tell of, was not seen there.
    /// A second is left for it to arrive.
    #[must_use]
    pub fn has_told_of(&self, at: Stamp) -> bool {
        let Some(clocks) = self.clock_log.at(at) else { return false };
        let (at, slack) = (at.0, clocks.uncertainty + UNDER_WAY);
        self.told_spans.iter().any(|(since, until)| {
            clocks.to_ours(*since).0 <= at.saturating_sub(clocks.uncertainty) && at + slack < clocks.to_ours(*until).0
        })
    }

    pub(crate) fn add_span(&mut self, since: Stamp, until: Stamp) {
        match self.told_spans.last_mut().filter(|(_, end)| since <= *end) {
            Some((begin, end)) => (*begin, *end) = (since.min(*begin), until.max(*end)),
            None => {
                if self.told_spans.len() >= SPANS_KEPT {
                    self.told_spans.remove(0);
                }
                self.told_spans.push((since, until));
            }
        }
    }
}

/// The longest that a message is under way, as a rule.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// Spans kept; a gap is rare.
const SPANS_KEPT: usize = 16;

/// An ICE restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartView {
    /// The generation it began.
    pub generation: Generation,
    /// Why.
    pub cause: RestartCause,
    /// When.
    pub started: Stamp,
    /// When audio moved to a pair of it.
    pub selected: Option<Stamp>,
    /// How much of the peer's audio was made up around it; told once the audio has settled.
    pub gap: Option<Duration>,
}

/// How many restarts are kept.
const RESTARTS_KEPT: usize = 1_000;
/// Appends a restart; the oldest ones are forgotten.
pub(crate) fn push_restart(restarts: &mut Vec<RestartView>, restart: RestartView) {
    if restarts.len() >= RESTARTS_KEPT {
        restarts.remove(0);
    }
    restarts.push(restart);
}
