//! What a code contains and reveals, in sentences.

use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
};

use floe_wire::{Candidate, CandidateType, Protocol};

use crate::Code;

/// Describes a code without its password.
pub(crate) fn describe(code: &Code) -> Vec<String> {
    let mut lines = vec![
        format!("Floe code, version {}, {} characters", code.version, code.encode().len()),
        format!("Made {}", utc(code.created_s)),
        format!("User fragment {}, and a password that is not shown", code.ufrag),
        format!("Certificate SHA-256 {}", colon_hex(&code.fingerprint)),
        format!("Tie-breaker {:016x}: the larger of both codes is controlling", code.tie_breaker),
        format!("Can do: {}", capabilities(code)),
    ];
    if let Some([first, second]) = code.nat_summary {
        lines.push(format!("NAT summary {first:02x} {second:02x}"));
    }
    lines.push(format!("Candidates: {}", code.candidates.len() + code.hidden.len()));
    lines.extend(code.candidates.iter().map(|candidate| format!("  {}", candidate_line(candidate))));
    for host in &code.hidden {
        lines.push(format!("  host udp {}:{}, an address that only its own network is told", host.name, host.port));
    }
    lines.push("Whoever reads this code learns about its maker:".to_owned());
    lines.extend(revealed(code).into_iter().map(|line| format!("  {line}")));
    lines
}

/// Colon-separated upper-case hexadecimal (RFC 8122 section 5).
pub(crate) fn colon_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (at, byte) in bytes.iter().enumerate() {
        let separator = if at == 0 { "" } else { ":" };
        write!(text, "{separator}{byte:02X}").expect("writing to a string cannot fail");
    }
    text
}

fn capabilities(code: &Code) -> String {
    let mut names = code.capabilities.names().join(", ");
    if names.is_empty() {
        names.push_str("nothing this version knows");
    }
    match code.capabilities.unknown() {
        0 => names,
        unknown => format!("{names}, and {unknown} newer"),
    }
}

fn candidate_line(candidate: &Candidate) -> String {
    let protocol = match (candidate.protocol, candidate.tcp_type) {
        (Protocol::Udp, _) => "udp".to_owned(),
        (Protocol::Tcp, Some(tcp_type)) => format!("tcp {}", tcp_type.name()),
        (Protocol::Tcp, None) => "tcp".to_owned(),
    };
    let related = candidate.related_address.map(|address| format!(", behind it {address}")).unwrap_or_default();
    let Candidate { candidate_type, address, priority, foundation, .. } = candidate;
    format!("{candidate_type} {protocol} {address}, priority {priority}, foundation {foundation}{related}")
}

fn revealed(code: &Code) -> Vec<String> {
    let mut lan = Vec::new();
    let mut public = Vec::new();
    let mut relay = Vec::new();
    let mut see = |address: SocketAddr, relayed: bool| {
        let list = match address.ip() {
            ip if ip.is_loopback() || ip.is_unspecified() => return,
            _ if relayed => &mut relay,
            ip if is_local(ip) => &mut lan,
            _ => &mut public,
        };
        if !list.contains(&address.ip()) {
            list.push(address.ip());
        }
    };
    for candidate in &code.candidates {
        see(candidate.address, candidate.candidate_type == CandidateType::Relayed);
        if let Some(related) = candidate.related_address {
            see(related, false);
        }
    }
    let mut lines = Vec::new();
    for (what, addresses) in [("LAN address", lan), ("public address", public), ("relay address", relay)] {
        match addresses[..] {
            [] => {}
            [address] => lines.push(format!("{what} {address}")),
            _ => lines
                .push(format!("{what}es {}", addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", "))),
        }
    }
    match code.hidden.len() {
        0 => {}
        1 => lines
            .push("a random name for a hidden LAN address; only computers in that LAN can find out which".to_owned()),
        many => {
            lines.push(format!(
                "{many} random names for hidden LAN addresses; only computers in that LAN can find out which"
            ));
        }
    }
    lines.push(format!("when the code was made: {}", utc(code.created_s)));
    lines.push(
        "until the call ends, how to reach this Floe: give the code to nobody but the friend you call".to_owned(),
    );
    lines
}

/// Whether an address means something only near its owner: private, shared (RFC 6598), link-local, unique local.
fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_private() || ip.is_link_local() || (first == 100 && second & 0xC0 == 64)
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Spells a Unix time in UTC.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60)
}

/// The Gregorian date of a day since 1970-01-01, counted in years that begin in March so that the leap day is last.
const fn date(days_since_epoch: u64) -> (u64, u64, u64) {
    const DAYS_FROM_0000_03_01_TO_EPOCH: u64 = 719_468;
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let days = days_since_epoch + DAYS_FROM_0000_03_01_TO_EPOCH;
    let (era, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + (month <= 2) as u64, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spelled_in_utc() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_000_000_000, "2001-09-09 01:46:40 UTC"),
            (4_102_444_800, "2100-01-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), expected);
        }
    }

    #[test]
    fn fingerprints_are_colon_hex() {
        assert_eq!(colon_hex(&[0, 171, 255]), "00:AB:FF");
    }
}
