//! How late packets come, and how much playout delay that asks for.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::drift::DriftMeter;
use crate::SAMPLE_RATE;

/// What the base and the target remember: long enough to meet most of a Wi-Fi's regular disturbances.
const WINDOW: Duration = Duration::from_secs(5);

/// Bounds the window for peers that send in smaller pieces than 20 ms.
const WINDOW_PACKETS: usize = 1000;

/// The newest packets, whose percentile may raise the target at once: about a second.
const RECENT_PACKETS: usize = 50;

/// One frame: with less, the worker's clock alone would run the buffer dry.
pub(crate) const FLOOR_MS: f64 = 20.0;

/// Beyond this, conversation suffers more from delay than from loss (ITU-T G.114).
pub(crate) const CEILING_MS: f64 = 400.0;

/// What a network is assumed to need before it is known.
const INITIAL_MS: f64 = 40.0;

/// Kept above the measured percentile for the coarseness of timers.
const MARGIN_MS: f64 = 5.0;

/// FEC needs the packet after the lost one: one frame more.
const FEC_MS: f64 = 20.0;

/// How fast the target may fall: 2 % speed-up is not heard.
const SHRINK_MS_PER_S: f64 = 20.0;

/// When everything that came for so long is later than can be waited for, a sender lost time or the path grew by
/// seconds: what was learnt before means nothing, and nothing would be in time until it is forgotten …
const SHIFTED_FOR: Duration = Duration::from_millis(150);
/// … unless so few came that they may be stragglers.
const SHIFTED_PACKETS: usize = 8;

/// A transit this far from all others is no network but a new timeline.
const NEW_TIMELINE_MS: f64 = 2000.0;

/// Whether a packet's timing fits those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// It does.
    Known,
    /// The sender's media clock jumped; everything learnt was forgotten.
    NewTimeline,
}

/// Learns the network's delay from arrivals.
#[derive(Debug)]
pub(crate) struct DelayTracker {
    /// Where the transit scale begins.
    origin: Option<(Instant, i64)>,
    window: VecDeque<(Instant, f64)>,
    base_ms: f64,
    /// Base plus target: kept absolute, so that a moving base does not tear at the playout.
    deadline_ms: f64,
    updated: Option<Instant>,
    lossy: bool,
    scratch: Vec<f64>,
    drift: DriftMeter,
}

impl DelayTracker {
    pub(crate) fn new() -> Self {
        Self {
            origin: None,
            window: VecDeque::new(),
            base_ms: 0.0,
            deadline_ms: INITIAL_MS,
            updated: None,
            lossy: false,
            scratch: Vec::new(),
            drift: DriftMeter::new(),
        }
    }

    /// Whether a packet's timing does not fit those before it at all.
    pub(crate) fn is_far_off(&self, timestamp: i64, now: Instant) -> bool {
        let transit = self.transit_ms(timestamp, now);
        !self.window.is_empty() && (transit - self.base_ms).abs() > NEW_TIMELINE_MS
    }

    /// Learns from a packet with this unwrapped media time.
    pub(crate) fn arrived(&mut self, timestamp: i64, now: Instant) -> Timing {
        let timing = if self.is_far_off(timestamp, now) {
            *self = Self::new();
            Timing::NewTimeline
        } else {
            Timing::Known
        };
        self.origin.get_or_insert((now, timestamp));
        let transit = self.transit_ms(timestamp, now);
        self.remember(transit, now);
        self.drift.observe(transit, now);
        self.update(now);
        timing
    }

    /// Tells whether packets are being lost, so that FEC gets its extra frame.
    pub(crate) fn set_lossy(&mut self, lossy: bool) {
        self.lossy = lossy;
    }

    /// The playout delay to aim at, when this much was decoded ahead: the next packet is needed that much earlier.
    pub(crate) fn target_ms(&self, decoded_ahead_ms: f64) -> f64 {
        let redundancy = if self.lossy { FEC_MS } else { 0.0 };
        let needed = self.deadline_ms - self.base_ms + decoded_ahead_ms;
        (needed.max(FLOOR_MS) + redundancy).min(CEILING_MS)
    }

    /// How much later than an undisturbed network would allow this media time is, if it is played `now`.
    pub(crate) fn playout_delay_ms(&self, timestamp: i64, now: Instant) -> f64 {
        self.transit_ms(timestamp, now) - self.base_ms
    }

    /// The peer's media clock against ours, in parts per million; positive is fast.
    pub(crate) fn drift_ppm(&self) -> Option<f64> {
        self.drift.ppm()
    }

    fn transit_ms(&self, timestamp: i64, now: Instant) -> f64 {
        let Some((at, origin)) = self.origin else { return 0.0 };
        let media_ms = (timestamp - origin) as f64 * 1000.0 / f64::from(SAMPLE_RATE);
        now.saturating_duration_since(at).as_secs_f64() * 1000.0 - media_ms
    }

    fn remember(&mut self, transit: f64, now: Instant) {
        self.window.push_back((now, transit));
        self.forget_before_shift(now);
        let too_old = |&(at, _): &(Instant, f64)| now.saturating_duration_since(at) > WINDOW;
        while self.window.len() > WINDOW_PACKETS || self.window.front().is_some_and(too_old) {
            self.window.pop_front();
        }
    }

    fn forget_before_shift(&mut self, now: Instant) {
        let is_late = |&&(_, transit): &&(Instant, f64)| transit > self.base_ms + CEILING_MS;
        let late = self.window.iter().rev().take_while(is_late).count();
        let since = self.window.len() - late;
        let lasts = self.window.get(since).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= SHIFTED_FOR);
        if late >= SHIFTED_PACKETS && lasts {
            self.window.drain(..since);
        }
    }

    fn update(&mut self, now: Instant) {
        let transits = self.window.iter().map(|&(_, transit)| transit);
        self.base_ms = transits.fold(f64::INFINITY, f64::min);
        let needed = self.needed_ms() + MARGIN_MS;
        let elapsed = self.updated.map_or(Duration::ZERO, |before| now.saturating_duration_since(before));
        self.updated = Some(now);
        let fallen = self.deadline_ms - SHRINK_MS_PER_S * elapsed.as_secs_f64();
        let deadline = fallen.max(self.base_ms + needed);
        self.deadline_ms = deadline.min(self.base_ms + CEILING_MS);
    }

    /// Excess over the base of all but the latest few packets, of the window or of the last second.
    fn needed_ms(&mut self) -> f64 {
        let long = self.percentile(self.window.len(), 0.98);
        let recent = self.percentile(RECENT_PACKETS, 0.95);
        long.max(recent) - self.base_ms
    }

    fn percentile(&mut self, newest: usize, part: f64) -> f64 {
        self.scratch.clear();
        self.scratch.extend(self.window.iter().rev().take(newest).map(|&(_, transit)| transit));
        let last = self.scratch.len().saturating_sub(1);
        let index = (last as f64 * part).floor() as usize;
        if self.scratch.is_empty() {
            return self.base_ms;
        }
        *self.scratch.select_nth_unstable_by(index, f64::total_cmp).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds packets of 20 ms with these delays and returns when the last came.
    fn feed(tracker: &mut DelayTracker, start: Instant, first: u64, delays_ms: impl IntoIterator<Item = f64>) -> u64 {
        let mut index = first;
        for delay in delays_ms {
            let at = start + Duration::from_millis(20 * index) + Duration::from_secs_f64(delay / 1000.0);
            tracker.arrived(960 * index as i64, at);
            index += 1;
        }
        index
    }

    #[test]
    fn a_steady_network_ends_at_one_frame() {
        let mut tracker = DelayTracker::new();
        feed(&mut tracker, Instant::now(), 0, [30.0; 200]);
        assert!((tracker.target_ms(0.0) - FLOOR_MS).abs() < 1e-6, "{}", tracker.target_ms(0.0));
    }

    #[test]
    fn jitter_raises_the_target_within_a_second_and_calm_lowers_it_slowly() {
        let mut tracker = DelayTracker::new();
        let start = Instant::now();
        let next = feed(&mut tracker, start, 0, [0.0; 200]);
        let jitter = (0..50).map(|index| if index % 5 == 0 { 80.0 } else { 0.0 });
        let next = feed(&mut tracker, start, next, jitter);
        let high = tracker.target_ms(0.0);
        assert!((80.0..100.0).contains(&high), "{high}");
        let next = feed(&mut tracker, start, next, [0.0; 50]);
        assert!(tracker.target_ms(0.0) > high - 25.0, "{} one second later", tracker.target_ms(0.0));
        feed(&mut tracker, start, next, [0.0; 500]);
        assert!((tracker.target_ms(0.0) - FLOOR_MS).abs() < 1e-6, "{}", tracker.target_ms(0.0));
    }

    #[test]
    fn audio_decoded_ahead_asks_for_the_next_packet_earlier() {
        let mut tracker = DelayTracker::new();
        feed(&mut tracker, Instant::now(), 0, (0..500).map(|index| f64::from(index % 2) * 30.0));
        let difference = tracker.target_ms(15.0) - tracker.target_ms(0.0);
        assert!((difference - 15.0).abs() < 1e-6, "{difference}");
    }

    #[test]
    fn the_target_never_exceeds_its_ceiling() {
        let mut tracker = DelayTracker::new();
        feed(&mut tracker, Instant::now(), 0, (0..200).map(|index| f64::from(index % 2) * 1500.0));
        assert!((tracker.target_ms(0.0) - CEILING_MS).abs() < 1e-6, "{}", tracker.target_ms(0.0));
    }

    #[test]
    fn a_longer_path_becomes_the_new_base_without_a_jump_of_the_deadline() {
        let mut tracker = DelayTracker::new();
        let start = Instant::now();
        let mut next = feed(&mut tracker, start, 0, [10.0; 200]);
        let mut deadline = tracker.deadline_ms;
        for _ in 0..1000 {
            next = feed(&mut tracker, start, next, [110.0]);
            assert!(tracker.deadline_ms > deadline - 0.5, "the deadline fell by more than it may");
            deadline = tracker.deadline_ms;
        }
        assert!((tracker.target_ms(0.0) - FLOOR_MS).abs() < 1e-6, "{}", tracker.target_ms(0.0));
    }

    #[test]
    fn a_jump_of_the_media_clock_starts_a_new_timeline() {
        let mut tracker = DelayTracker::new();
        let now = Instant::now();
        assert_eq!(tracker.arrived(0, now), Timing::Known);
        assert_eq!(tracker.arrived(960, now + Duration::from_millis(20)), Timing::Known);
        assert_eq!(tracker.arrived(1_000_000, now + Duration::from_millis(40)), Timing::NewTimeline);
        assert_eq!(tracker.arrived(1_000_960, now + Duration::from_millis(60)), Timing::Known);
    }
}
