//! How numbers, times and addresses are written for people.

use std::{net::SocketAddr, time::Duration};

use floe_wire::{InterfaceKind, Stamp};

/// What stands for a value that is not known. Never zero.
pub const UNKNOWN: &str = "–";

/// Milliseconds: one decimal below ten, none above.
#[must_use]
pub fn ms(duration: Duration) -> String {
    ms_value(duration.as_secs_f64() * 1e3)
}

/// Milliseconds given as a number.
#[must_use]
pub fn ms_value(ms: f64) -> String {
    if ms < 0.05 {
        return "<0.1 ms".to_owned();
    }
    if ms < 9.95 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// A duration in the unit that suits it: `41 ms`, `1.8 s`, `04:12`.
#[must_use]
pub fn span(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 1.0 => ms(duration),
        seconds if seconds < 60.0 => format!("{seconds:.1} s"),
        _ => clock(duration),
    }
}

/// `mm:ss`, with hours only when there are some.
#[must_use]
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

/// Milliseconds since the Unix epoch as date and time in UTC, to the minute.
#[must_use]
pub fn wall_clock(ms: u64) -> String {
    let (days, minutes) = (ms / 86_400_000, ms / 60_000 % 1440);
    // The civil calendar, counted in years that begin in March, so that leap days come last.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) =
        (day_of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// A stamp as `mm:ss.mmm`.
#[must_use]
pub fn stamp(at: Stamp) -> String {
    at.to_string()
}

/// An optional value, or the sign for unknown.
#[must_use]
pub fn or_unknown<T>(value: Option<T>, write: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), write)
}

/// Cuts a text in its middle so that at most `max` characters remain.
#[must_use]
pub fn shorten(text: &str, max: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= max || max < 3 {
        return text.to_owned();
    }
    let (head, tail) = (max / 2, max - max / 2 - 1);
    let start: String = characters[..head].iter().collect();
    let end: String = characters[characters.len() - tail..].iter().collect();
    format!("{start}…{end}")
}

/// An address short enough for a grid header; its full form belongs into the tooltip.
#[must_use]
pub fn short_address(address: SocketAddr) -> String {
    shorten(&address.ip().to_string(), 15)
}

/// Bytes in the unit that suits them.
#[must_use]
pub fn bytes(count: u64) -> String {
    match count {
        0..1000 => format!("{count} B"),
        1000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}

/// `1 check`, `2 checks`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A count of things whose plural is not made with an `s`.
#[must_use]
pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The words people read for a kind of interface.
#[must_use]
pub const fn interface_kind(kind: InterfaceKind) -> &'static str {
    match kind {
        InterfaceKind::Ethernet => "wired",
        InterfaceKind::Wireless => "Wi-Fi",
        InterfaceKind::Cellular => "mobile",
        InterfaceKind::Tunnel => "VPN or tunnel",
        InterfaceKind::Loopback => "loopback",
        InterfaceKind::Unknown => "kind not known",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_lose_their_decimals_above_ten() {
        assert_eq!(ms(Duration::from_micros(1240)), "1.2 ms");
        assert_eq!(ms(Duration::from_micros(9960)), "10 ms");
        assert_eq!(ms(Duration::from_nanos(20_300)), "<0.1 ms");
        assert_eq!(ms(Duration::from_micros(31_400)), "31 ms");
    }

    #[test]
    fn durations_choose_their_unit() {
        assert_eq!(span(Duration::from_millis(41)), "41 ms");
        assert_eq!(span(Duration::from_millis(1830)), "1.8 s");
        assert_eq!(span(Duration::from_secs(252)), "04:12");
        assert_eq!(clock(Duration::from_secs(3661)), "1:01:01");
    }

    #[test]
    fn a_long_text_is_cut_in_its_middle() {
        assert_eq!(shorten("2001:db8:85a3::8a2e:370:7334", 15), "2001:db…70:7334");
        assert_eq!(shorten("192.168.1.2", 15), "192.168.1.2");
    }

    #[test]
    fn a_wall_clock_knows_leap_years_and_midnight() {
        assert_eq!(wall_clock(0), "1970-01-01 00:00 UTC");
        assert_eq!(wall_clock(951_782_399_000), "2000-02-28 23:59 UTC");
        assert_eq!(wall_clock(951_782_400_000), "2000-02-29 00:00 UTC");
        assert_eq!(wall_clock(1_760_000_000_000), "2025-10-09 08:53 UTC");
    }

    #[test]
    fn an_unknown_value_is_never_zero() {
        assert_eq!(or_unknown(None, ms), "–");
    }
}
