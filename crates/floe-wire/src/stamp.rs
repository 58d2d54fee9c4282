//! Time since the start of a record.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Time since the start of a record.
///
/// An `Instant` cannot be read back from a file, so everything that folds records uses this. The wall clock of
/// zero stands once, in [`crate::Note::SessionStarted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Stamp(pub Duration);

impl Stamp {
    /// The start of the record.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// A stamp `ms` milliseconds after the start of the record.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// Milliseconds since the start of the record, with fractions.
    #[must_use]
    pub fn as_millis_f64(self) -> f64 {
        self.0.as_secs_f64() * 1e3
    }

    /// Time from `earlier` to this stamp; zero when `earlier` is later (a capture's clock may go backwards).
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Stamp {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

impl Sub for Stamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Stamp {
    /// Writes `mm:ss.mmm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        write!(f, "{:02}:{:02}.{:03}", ms / 60_000, ms / 1000 % 60, ms % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_as_minutes_seconds_and_milliseconds() {
        assert_eq!(Stamp::from_millis(61_042).to_string(), "01:01.042");
    }

    #[test]
    fn a_clock_that_went_backwards_gives_zero() {
        assert_eq!(Stamp::from_millis(5) - Stamp::from_millis(9), Duration::ZERO);
    }
}
