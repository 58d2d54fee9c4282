//! Measured times, and where they lie.

use std::time::Duration;

/// Times of one thing in several runs, in milliseconds.
#[derive(Debug, Default)]
pub struct Times(Vec<f64>);

impl Times {
    /// Adds one; a run that has none is left out.
    pub fn push(&mut self, time: Option<Duration>) {
        self.0.extend(time.map(|time| time.as_secs_f64() * 1000.0));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that so many percent do not exceed; none if nothing was measured.
    pub fn percentile(&mut self, percent: usize) -> Option<f64> {
        self.0.sort_by(f64::total_cmp);
        self.0.get((self.0.len().checked_sub(1)?) * percent / 100).copied()
    }
}
