//! The clock of one record: monotonic stamps, and the wall clock of stamp zero.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use floe_wire::Stamp;

/// The clock of one record. Copies tell the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    wall: Duration,
}

impl Clock {
    /// Begins a record at this moment.
    #[must_use]
    pub fn start() -> Self {
        // A wall clock before 1970 is a machine without a battery; zero says "unknown" there.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: now(), wall }
    }

    /// The present moment on the record's axis.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp_of(now())
    }

    /// A moment on the record's axis; zero for one before the record began.
    #[must_use]
    pub fn stamp_of(&self, at: Instant) -> Stamp {
        Stamp(at.saturating_duration_since(self.start))
    }

    /// The present time since the Unix epoch, by the wall clock of stamp zero: it does not jump when that is set.
    #[must_use]
    pub fn wall(&self) -> Duration {
        self.wall + self.stamp().0
    }

    /// The wall clock of stamp zero, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn wall_ms(&self) -> u64 {
        u64::try_from(self.wall.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The present moment. tokio's clock is the system's, except in tests that pause it.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stamps_follow_the_runtimes_clock() {
        let clock = Clock::start();
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.stamp(), Stamp::from_millis(1500));
    }

    #[test]
    fn a_moment_before_the_record_is_stamp_zero() {
        let earlier = now();
        let clock = Clock::start();
        assert_eq!(clock.stamp_of(earlier), Stamp::ZERO);
    }
}
