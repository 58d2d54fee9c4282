//! NTP's time format (RFC 3550 section 4).

use std::time::Duration;

/// Seconds from NTP's epoch (1900) to Unix's (1970).
const UNIX_EPOCH_IN_NTP: u64 = 2_208_988_800;

/// Seconds since 1900 in 32.32 fixed point; wraps in 2036, which differences survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The NTP time of a moment given as the time since the Unix epoch.
    #[must_use]
    pub fn from_unix(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs().wrapping_add(UNIX_EPOCH_IN_NTP);
        let fraction = (u64::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000;
        Self(seconds << 32 | fraction)
    }

    /// The middle 32 bits, in 1/65536 s, as LSR wants them.
    #[must_use]
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// A duration in 1/65536 s, as DLSR wants it; longer than 18 hours is cut.
#[must_use]
pub fn to_units(duration: Duration) -> u32 {
    let units = duration.as_micros() * 65_536 / 1_000_000;
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// A duration from 1/65536 s.
#[must_use]
pub fn from_units(units: u32) -> Duration {
    Duration::from_nanos(u64::from(units) * 1_000_000_000 / 65_536)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unix_epoch_is_seventy_years_after_ntp_s() {
        assert_eq!(NtpTime::from_unix(Duration::ZERO).0, 2_208_988_800 << 32);
        let half = NtpTime::from_unix(Duration::from_millis(500));
        assert_eq!(half.0 & 0xFFFF_FFFF, 1 << 31);
        assert_eq!(half.middle() & 0xFFFF, 0x8000);
    }

    #[test]
    fn units_keep_durations_within_16_microseconds() {
        let duration = Duration::from_micros(123_456);
        let back = from_units(to_units(duration));
        assert!(duration.abs_diff(back) < Duration::from_micros(16), "{back:?}");
        assert_eq!(to_units(Duration::from_secs(1_000_000)), u32::MAX);
    }
}
