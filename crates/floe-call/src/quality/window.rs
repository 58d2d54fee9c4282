//! What was measured lately: audio counted at either end, and the answers of one pair.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use floe_path::PairMeasure;

use super::QUICK;

/// Loss is of this much time: long enough for 100 packets, short enough to be over soon after a pause.
const SPAN: Duration = Duration::from_millis(2500);
/// Less says little.
const LEAST_SPAN: Duration = Duration::from_millis(1200);
const LEAST_PACKETS: i64 = 40;
/// Round trips that are held against others, none older than this.
const ANSWERS: usize = 8;
const LEAST_ANSWERS: usize = 4;
const STALE: Duration = Duration::from_secs(20);
/// Counts of requests are remembered longer than any doubt or trial needs.
const COUNTED: Duration = Duration::from_secs(8);

/// Audio packets since the start of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MediaCounts {
    pub received: u64,
    /// Expected and never received; less with duplicates.
    pub lost: i64,
}

/// What was counted lately in one direction.
#[derive(Debug, Default)]
pub(super) struct MediaWindow(VecDeque<(Instant, MediaCounts)>);

impl MediaWindow {
    pub(super) fn push(&mut self, counts: Option<MediaCounts>, now: Instant) {
        while self.0.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > SPAN) {
            self.0.pop_front();
        }
        let Some(counts) = counts else { return };
        if self.0.back().is_none_or(|(_, last)| *last != counts) {
            self.0.push_back((now, counts));
        }
    }

    /// The share of the packets that were lost; none if too little was counted.
    pub(super) fn loss(&self) -> Option<f64> {
        let ((began, first), (ended, last)) = (self.0.front()?, self.0.back()?);
        let received = i64::try_from(last.received.checked_sub(first.received)?).ok()?;
        // A packet that comes late takes back a loss.
        let lost = last.lost.saturating_sub(first.lost).max(0);
        let expected = received.saturating_add(lost);
        let is_enough = ended.saturating_duration_since(*began) >= LEAST_SPAN && expected >= LEAST_PACKETS;
        is_enough.then(|| lost as f64 / expected as f64)
    }
}

/// The newest answers of a pair, and how much of what it was asked it answered.
#[derive(Debug, Default)]
pub(super) struct Track {
    rtts: VecDeque<(Instant, Duration)>,
    counts: VecDeque<(Instant, u32, u32)>,
}

impl Track {
    pub(super) fn push(&mut self, measure: &PairMeasure, now: Instant) {
        if self.rtts.back().is_none_or(|(at, _)| *at < measure.answered_at) {
            self.rtts.push_back((measure.answered_at, measure.rtt));
        }
        while self.rtts.len() > ANSWERS
            || self.rtts.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > STALE)
        {
            self.rtts.pop_front();
        }
        // Another generation counts anew.
        if self.counts.back().is_some_and(|(_, asked, _)| *asked > measure.asked) {
            self.counts.clear();
        }
        self.counts.push_back((now, measure.asked, measure.answered));
        while self.counts.front().is_some_and(|(at, ..)| now.saturating_duration_since(*at) > COUNTED) {
            self.counts.pop_front();
        }
    }

    pub(super) fn newest(&self) -> Option<Duration> {
        self.rtts.back().map(|(_, rtt)| *rtt)
    }

    /// The second quickest of the newest answers: one alone may be chance.
    pub(super) fn lower(&self) -> Option<Duration> {
        self.sorted()?.get(1).copied()
    }

    /// The second slowest.
    pub(super) fn upper(&self) -> Option<Duration> {
        let sorted = self.sorted()?;
        sorted.get(sorted.len() - 2).copied()
    }

    fn sorted(&self) -> Option<Vec<Duration>> {
        let mut rtts: Vec<Duration> = self.rtts.iter().map(|(_, rtt)| *rtt).collect();
        rtts.sort_unstable();
        (rtts.len() >= LEAST_ANSWERS).then_some(rtts)
    }

    /// Requests since a moment, and those of them that were lost; what may be under way is not.
    pub(super) fn asked_since(&self, since: Instant) -> Option<(u32, u32)> {
        let (_, asked_before, answered_before) = self.counts.iter().find(|(at, ..)| *at >= since)?;
        let (_, asked, answered) = self.counts.back()?;
        let (asked, answered) = (asked.wrapping_sub(*asked_before), answered.wrapping_sub(*answered_before));
        let under_way = self.newest().map_or(0, |rtt| rtt.as_millis() / QUICK.as_millis());
        let under_way = u32::try_from(under_way).unwrap_or(u32::MAX);
        Some((asked, asked.saturating_sub(answered).saturating_sub(under_way)))
    }
}
