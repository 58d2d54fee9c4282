//! How often news is painted: at once after a quiet while, and at an even pace while it pours in.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A frame costs some 40 ms of processor time where there is no graphics card; five of them a second leave the
/// processor to the call.
const PACE: Duration = Duration::from_millis(200);
/// "At once": egui paints two frames for a request without any delay.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Tells each piece of news how long it has to wait for its frame.
#[derive(Debug, Default)]
pub struct PaintPace {
    // A lock, because news comes from the threads of both peers of a demo; it is held for an instant.
    plan: Mutex<Option<Plan>>,
}

/// When the next frame may be.
#[derive(Debug, Clone, Copy)]
struct Plan {
    next: Instant,
    /// Whether news waits for that frame already.
    is_awaited: bool,
}

impl PaintPace {
    /// How long the news of this moment has to wait.
    pub fn wait(&self, now: Instant) -> Duration {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let next = plan.map(|plan| {
            // The frame that news waited for has been painted by now; the one after it keeps its distance.
            if plan.is_awaited && now >= plan.next { plan.next + PACE } else { plan.next }
        });
        let (planned, wait) = match next {
            Some(next) if now < next => (Plan { next, is_awaited: true }, next - now),
            Some(_) | None => (Plan { next: now + PACE, is_awaited: false }, AT_ONCE),
        };
        *plan = Some(planned);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_news_after_a_quiet_while_is_painted_at_once() {
        let pace = PaintPace::default();
        let start = Instant::now();
        assert_eq!(pace.wait(start), AT_ONCE);
        assert_eq!(pace.wait(start + PACE * 3), AT_ONCE);
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

    #[test]
    fn news_right_after_an_awaited_frame_waits_for_the_next_one() {
        let pace = PaintPace::default();
        let start = Instant::now();
        pace.wait(start);
        pace.wait(start + PACE / 2);
        let after = start + PACE + Duration::from_millis(10);
        assert_eq!(after + pace.wait(after), start + PACE * 2);
    }
}
