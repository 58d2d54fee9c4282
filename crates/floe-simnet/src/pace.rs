//! Sleeping as precisely as a link's delay needs, on real and on paused clocks.

use std::time::{Duration, Instant};

/// tokio's timers wake on whole milliseconds, up to one late. Below this a thread sleeps instead, which costs more and
/// is late by about 0.1 ms; above, the fabric makes up for the lateness at the next hop, and the rest does not matter.
const PRECISE_BELOW: Duration = Duration::from_millis(2);

/// Sleeps until `at`.
pub(crate) async fn sleep_until(at: Instant) {
    let rest = at.saturating_duration_since(Instant::now());
    if rest >= PRECISE_BELOW || is_paused() {
        tokio::time::sleep_until(at.into()).await;
    } else if !rest.is_zero() {
        // It can only fail when the runtime shuts down, and then nobody waits any more.
        let _ = tokio::task::spawn_blocking(move || std::thread::sleep(rest)).await;
    }
}

/// Whether tokio's clock is a test's, not the system's. A thread would sleep real time while the test's stands still.
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
