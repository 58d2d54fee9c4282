//! How long this machine lets a program wait that has something to do.
//!
//! Bounds of time in a lab hold for a machine that has time for it. What a busy one costs is measured beside each test, by a
//! thread of the same priority that does nothing but ask to be woken.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// What the thread asks for: short beside every bound, and no load.
const STEP: Duration = Duration::from_millis(5);

static LONGEST_US: AtomicU64 = AtomicU64::new(0);

/// Watches for the rest of this process, which is one test's.
pub(crate) fn watch() {
    thread::spawn(|| {
        loop {
            let asked = Instant::now();
            thread::sleep(STEP);
            let late = asked.elapsed().saturating_sub(STEP);
            LONGEST_US.fetch_max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    });
}

/// A bound in milliseconds with what this machine takes away: either end of a call may have been held up like the watcher. At
/// most twice the bound; a machine that takes more has nothing to say about it.
#[must_use]
pub fn bearable(bound_ms: f64) -> f64 {
    let longest = Duration::from_micros(LONGEST_US.load(Ordering::Relaxed));
    bound_ms + (2000.0 * longest.as_secs_f64()).min(bound_ms)
}
