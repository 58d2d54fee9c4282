//! How often news is painted: at once after a quiet while, and at an even pace while it pours in.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A frame costs some 40 ms of processor time where there is no graphics card; five of them a second leave the
/// processor to the call.
const PACE: Duration = Duration::from_millis(200);

/// Tells each piece of news how long it has to wait for its frame.
#[derive(Debug, Default)]
pub struct PaintPace {
    // A lock, because news comes from the threads of both peers of a demo; it is held for an instant.
    next: Mutex<Option<Instant>>,
}

impl PaintPace {
    /// How long the news of this moment has to wait.
    pub fn wait(&self, now: Instant) -> Duration {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        match *next {
            Some(at) if now < at => at - now,
            Some(_) | None => {
                *next = Some(now + PACE);
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_news_after_a_quiet_while_is_painted_at_once() {
        let pace = PaintPace::default();
        let start = Instant::now();
        assert_eq!(pace.wait(start), Duration::ZERO);
        assert_eq!(pace.wait(start + PACE * 3), Duration::ZERO);
    }

    #[test]
    fn pouring_news_shares_one_frame_per_pace() {
        let pace = PaintPace::default();
        let start = Instant::now();
        pace.wait(start);
        for ms in [10, 60, 199] {
            let at = start + Duration::from_millis(ms);
            assert_eq!(at + pace.wait(at), start + PACE);
        }
    }
}
