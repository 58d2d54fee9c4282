//! Sleeping to a fraction of a millisecond, on real and on paused clocks.

use std::time::{Duration, Instant};

/// tokio's timers wake on whole milliseconds, up to one late; the rest is slept by a thread.
const TIMER_SLACK: Duration = Duration::from_micros(1500);

/// Sleeps until `at`, to about 0.1 ms on a real clock.
pub(crate) async fn sleep_until(at: Instant) {
    if is_paused() {
        tokio::time::sleep_until(at.into()).await;
        return;
    }
    if let Some(coarse) = at.checked_sub(TIMER_SLACK).filter(|coarse| *coarse > Instant::now()) {
        tokio::time::sleep_until(coarse.into()).await;
    }
    let rest = at.saturating_duration_since(Instant::now());
    if !rest.is_zero() {
        // It can only fail when the runtime shuts down, and then nobody waits any more.
        let _ = tokio::task::spawn_blocking(move || std::thread::sleep(rest)).await;
    }
}

/// Whether tokio's clock is a test's, not the system's. A thread would sleep real time beside it.
fn is_paused() -> bool {
    let before = Instant::now();
    let runtime = tokio::time::Instant::now().into_std();
    runtime < before || runtime > Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_is_recognised_and_advanced() {
        // The clock stands still; real time must pass it by before the two can be told apart.
        while !is_paused() {
            std::hint::spin_loop();
        }
        let start = floe_transport::clock::now();
        sleep_until(start + Duration::from_secs(3600)).await;
        assert!(floe_transport::clock::now() >= start + Duration::from_secs(3600));
    }

    #[tokio::test]
    async fn a_real_clock_is_never_woken_early() {
        assert!(!is_paused());
        for micros in [50, 300, 2500] {
            let at = Instant::now() + Duration::from_micros(micros);
            sleep_until(at).await;
            assert!(Instant::now() >= at);
        }
    }
}
