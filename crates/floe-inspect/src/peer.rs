//! What the peer told about the call: the other half of every pair.

use std::{net::SocketAddr, time::Duration};

use floe_wire::{
    Generation, Stamp,
    note::AudioMeasure,
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
/// Samples per second of everything that is played.
const SAMPLE_RATE: u64 = 48_000;
/// Audio that is missing before a restart belongs to it if its cause is that very silence.
const BEFORE: Duration = Duration::from_secs(3);
/// What the jitter buffer held back, and a measurement every 200 ms.
const AFTER: Duration = Duration::from_millis(1_200);
/// Audio that is never whole for a moment is as settled as it gets.
const AT_LAST: Duration = Duration::from_secs(40);

/// Measures the gaps of restarts out of the counters of played audio.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gaps {
    /// Made-up samples by time, as old as [`BEFORE`].
    concealed: Vec<(Stamp, u64)>,
}

impl Gaps {
    /// Takes a measurement; completes the restarts whose audio has settled.
    pub(crate) fn on_measure(&mut self, at: Stamp, measure: &AudioMeasure, restarts: &mut [RestartView]) {
        let now = measure.concealed_samples;
        // What was selected may carry nothing either.
        let is_whole = self.concealed.last().is_none_or(|(_, before)| *before == now);
        let has_settled = |since: Duration| since >= AFTER && is_whole || since >= AT_LAST;
        for restart in restarts.iter_mut().rev().take_while(|restart| restart.gap.is_none()) {
            if restart.selected.is_some_and(|selected| has_settled(at.since(selected))) {
                let before = self.concealed_at(restart.started);
                restart.gap = Some(Duration::from_micros(now.saturating_sub(before) * 1_000_000 / SAMPLE_RATE));
            }
        }
        let is_waiting = restarts.last().is_some_and(|restart| restart.gap.is_none());
        if !is_waiting {
            self.concealed.retain(|(then, _)| at.since(*then) <= BEFORE);
        }
        if self.concealed.len() < RESTARTS_KEPT {
            self.concealed.push((at, now));
        }
    }

    /// What had been made up when the audio around a moment was last whole.
    fn concealed_at(&self, started: Stamp) -> u64 {
        let before = self.concealed.iter().filter(|(at, _)| *at <= started);
        let recent: Vec<u64> = before.filter(|(at, _)| started.since(*at) <= BEFORE).map(|(_, count)| *count).collect();
        // The counter rises while audio is missing: the outage began after the last two measurements that agree.
        let whole = recent.windows(2).rev().find(|pair| pair[0] == pair[1]).map(|pair| pair[1]);
        whole.or(recent.first().copied()).or(self.concealed.first().map(|(_, count)| *count)).unwrap_or(0)
    }
}

/// Appends a restart; the oldest ones are forgotten.
pub(crate) fn push_restart(restarts: &mut Vec<RestartView>, restart: RestartView) {
    if restarts.len() >= RESTARTS_KEPT {
        restarts.remove(0);
    }
    restarts.push(restart);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 960;

    fn measure(concealed_frames: u64) -> AudioMeasure {
        AudioMeasure { concealed_samples: concealed_frames * FRAME, ..AudioMeasure::default() }
    }

    fn restart(started_ms: u64, selected_ms: u64) -> RestartView {
        RestartView {
            generation: Generation(1),
            cause: RestartCause::PathSilent,
            started: Stamp::from_millis(started_ms),
            selected: Some(Stamp::from_millis(selected_ms)),
            gap: None,
        }
    }

    /// Feeds one count of made-up frames per 200 ms.
    fn gap_of(restart: RestartView, frames: &[u64]) -> Option<Duration> {
        let (mut gaps, mut restarts) = (Gaps::default(), vec![restart]);
        for (number, frames) in frames.iter().enumerate() {
            gaps.on_measure(Stamp::from_millis(200 * number as u64), &measure(*frames), &mut restarts);
        }
        restarts[0].gap
    }

    #[test]
    fn an_outage_that_led_to_the_restart_is_counted_from_its_beginning() {
        // Five frames were lost long ago; the outage begins at 400 ms, is noticed at 1,000, is over at 1,400.
        let frames = [5, 5, 5, 15, 25, 35, 45, 55, 55, 55, 55, 55, 55, 55, 55];
        assert_eq!(gap_of(restart(1000, 1400), &frames), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_gap_ends_with_the_audio_and_not_with_the_next_selection() {
        // What is selected at 1,000 ms carries nothing either; audio is back at 3,000.
        let frames: Vec<u64> = (0..25_u64).map(|tick| tick.clamp(3, 15) * 10).collect();
        assert_eq!(gap_of(restart(1000, 1000), &frames), Some(Duration::from_millis(2400)));
    }

    #[test]
    fn a_move_without_a_gap_has_none() {
        assert_eq!(gap_of(restart(1000, 1100), &[7; 15]), Some(Duration::ZERO));
    }

    #[test]
    fn a_gap_is_told_once_the_audio_has_settled() {
        assert_eq!(gap_of(restart(1000, 1400), &[0; 12]), None);
        assert_eq!(gap_of(RestartView { selected: None, ..restart(0, 0) }, &[0; 50]), None, "nothing was selected");
    }
}
