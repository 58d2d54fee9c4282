//! How long the machine has slept: what a clock that goes on in sleep is ahead of the one that stands still.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    /// Stands still in sleep.
    steady: Instant,
    /// Goes on in sleep, since whenever.
    through: Duration,
}

impl Clocks {
    fn now() -> Option<Self> {
        Some(Self { steady: Instant::now(), through: clock_through_sleep()? })
    }

    /// How long the machine slept between two moments.
    fn asleep_since(self, earlier: Self) -> Duration {
        let through = self.through.saturating_sub(earlier.through);
        through.saturating_sub(self.steady.saturating_duration_since(earlier.steady))
    }
}

/// How long the machine has slept since this was asked first.
pub(super) fn time_asleep() -> Duration {
    static FIRST: OnceLock<Option<Clocks>> = OnceLock::new();
    let Some(first) = *FIRST.get_or_init(Clocks::now) else { return Duration::ZERO };
    Clocks::now().map_or(Duration::ZERO, |now| now.asleep_since(first))
}

/// `CLOCK_BOOTTIME`, beside which `Instant` is `CLOCK_MONOTONIC`: the system's time up is the former (proc_uptime(5)),
/// to a hundredth of a second.
#[cfg(target_os = "linux")]
fn clock_through_sleep() -> Option<Duration> {
    uptime(&std::fs::read_to_string("/proc/uptime").ok()?)
}

/// The wall clock, which people and servers set as well; a restart too many is all that comes of it. Where `Instant` goes
/// on in sleep (Windows), nothing is seen here, and the caller sees that it was not called for long.
#[cfg(not(target_os = "linux"))]
fn clock_through_sleep() -> Option<Duration> {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()
}

#[cfg(any(target_os = "linux", test))]
fn uptime(text: &str) -> Option<Duration> {
    let seconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_is_what_the_clocks_are_apart() {
        let steady = Instant::now();
        let at = |steady_s, through_s| Clocks {
            steady: steady + Duration::from_secs(steady_s),
            through: Duration::from_secs(through_s),
        };
        assert_eq!(at(10, 110).asleep_since(at(0, 100)), Duration::ZERO);
        assert_eq!(at(10, 710).asleep_since(at(0, 100)), Duration::from_secs(600));
        assert_eq!(at(10, 50).asleep_since(at(0, 100)), Duration::ZERO, "a wall clock that was set back");
    }

    #[test]
    fn a_machine_that_runs_has_not_slept() {
        time_asleep();
        assert!(time_asleep() < Duration::from_secs(1));
    }

    #[test]
    fn the_first_number_is_the_time_up() {
        assert_eq!(uptime("350735.47 234388.90\n"), Some(Duration::from_millis(350_735_470)));
        for nonsense in ["", "\n", "up 3", "-1.0 2", "nan", "1e300"] {
            assert_eq!(uptime(nonsense), None, "{nonsense}");
        }
    }
}
