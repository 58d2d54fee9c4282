//! Numbers and durations in plain English.

use std::time::Duration;

/// `1 check`, `8 checks`.
pub(crate) fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `31 ms`, `0.4 ms`; no decimals from 10 ms on, where they are noise.
pub(crate) fn millis(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    if ms < 9.95 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// `7 s`, rounded down: a second counts once it is over.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_everything_else_plural() {
        assert_eq!(
            [count(0_u64, "check"), count(1_u64, "check"), count(2_u64, "check")],
            ["0 checks", "1 check", "2 checks"]
        );
    }

    #[test]
    fn short_times_keep_one_decimal_and_long_ones_none() {
        assert_eq!(millis(Duration::from_micros(420)), "0.4 ms");
        assert_eq!(millis(Duration::from_micros(9_990)), "10 ms");
        assert_eq!(millis(Duration::from_micros(31_400)), "31 ms");
    }
}
