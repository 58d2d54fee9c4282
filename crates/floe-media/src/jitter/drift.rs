//! How much faster the peer's media clock runs than ours.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// One point per second: the fastest packet's transit, which queues disturb least.
const BUCKET: Duration = Duration::from_secs(1);

/// Two minutes: 1 ms of remaining noise is then about 10 ppm.
const BUCKETS: usize = 120;

/// Fewer seconds say nothing.
const LEAST_BUCKETS: usize = 15;

/// Fits a line through the least transit of every second.
#[derive(Debug)]
pub(crate) struct DriftMeter {
    start: Option<Instant>,
    current: Option<(Instant, f64)>,
    /// Seconds since the start, milliseconds of transit.
    points: VecDeque<(f64, f64)>,
}

impl DriftMeter {
    pub(crate) fn new() -> Self {
        Self { start: None, current: None, points: VecDeque::new() }
    }

    pub(crate) fn observe(&mut self, transit_ms: f64, now: Instant) {
        let start = *self.start.get_or_insert(now);
        let (since, least) = *self.current.get_or_insert((now, transit_ms));
        if now.saturating_duration_since(since) < BUCKET {
            self.current = Some((since, least.min(transit_ms)));
            return;
        }
        self.points.push_back((since.saturating_duration_since(start).as_secs_f64(), least));
        if self.points.len() > BUCKETS {
            self.points.pop_front();
        }
        self.current = Some((now, transit_ms));
    }

    /// The slope in parts per million, or `None` before enough was seen.
    pub(crate) fn ppm(&self) -> Option<f64> {
        if self.points.len() < LEAST_BUCKETS {
            return None;
        }
        let count = self.points.len() as f64;
        let mean_x = self.points.iter().map(|point| point.0).sum::<f64>() / count;
        let mean_y = self.points.iter().map(|point| point.1).sum::<f64>() / count;
        let covariance: f64 = self.points.iter().map(|&(x, y)| (x - mean_x) * (y - mean_y)).sum();
        let variance: f64 = self.points.iter().map(|&(x, _)| (x - mean_x).powi(2)).sum();
        // ms per s are thousands of ppm; a fast sender's packets come earlier and earlier.
        (variance > 0.0).then(|| -1000.0 * covariance / variance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_sender_reads_as_positive_drift() {
        let mut meter = DriftMeter::new();
        let start = Instant::now();
        for index in 0..1500u32 {
            let seconds = f64::from(index) * 0.02;
            let jitter = f64::from(index % 7);
            meter.observe(-0.15 * seconds + jitter, start + Duration::from_secs_f64(seconds));
        }
        let ppm = meter.ppm().unwrap();
        assert!((ppm - 150.0).abs() < 5.0, "{ppm}");
    }

    #[test]
    fn a_few_seconds_are_not_enough_to_say() {
        let mut meter = DriftMeter::new();
        meter.observe(0.0, Instant::now());
        assert_eq!(meter.ppm(), None);
    }
}
