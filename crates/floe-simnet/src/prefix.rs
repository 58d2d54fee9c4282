//! Address prefixes, for routes.

use std::net::IpAddr;

/// An address prefix, `192.0.2.0/24` for example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Any address in it.
    pub ip: IpAddr,
    /// Its length in bits; longer than the address counts as the whole address.
    pub length: u8,
}

impl Prefix {
    /// The first `length` bits of `ip`.
    #[must_use]
    pub const fn new(ip: IpAddr, length: u8) -> Self {
        Self { ip, length }
    }

    /// The prefix of one single address.
    #[must_use]
    pub const fn host(ip: IpAddr) -> Self {
        Self { ip, length: 128 }
    }

    /// Whether `ip` begins with it.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same_start(u128::from(own.to_bits()) << 96, u128::from(other.to_bits()) << 96, self.length.min(32))
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => same_start(own.to_bits(), other.to_bits(), self.length.min(128)),
            _ => false,
        }
    }
}

fn same_start(a: u128, b: u128, length: u8) -> bool {
    (a ^ b).checked_shr(128 - u32::from(length)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_contains_what_begins_with_it_in_its_own_family() {
        let prefix = |ip: &str, length| Prefix::new(ip.parse().unwrap(), length);
        for (prefix, ip, inside) in [
            (prefix("192.0.2.0", 24), "192.0.2.255", true),
            (prefix("192.0.2.0", 24), "192.0.3.0", false),
            (prefix("0.0.0.0", 0), "203.0.113.1", true),
            (prefix("0.0.0.0", 0), "2001:db8::1", false),
            (prefix("::", 0), "2001:db8::1", true),
            (prefix("2001:db8:a::", 48), "2001:db8:a:1::5", true),
            (prefix("2001:db8:a::", 48), "2001:db8:b::5", false),
            (Prefix::host("192.0.2.1".parse().unwrap()), "192.0.2.1", true),
            (Prefix::host("192.0.2.1".parse().unwrap()), "192.0.2.0", false),
        ] {
            assert_eq!(prefix.contains(ip.parse().unwrap()), inside, "{prefix:?} {ip}");
        }
    }
}
