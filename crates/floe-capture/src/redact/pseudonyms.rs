//! Pseudonyms: the same one for the same thing, of the same class.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Ports that say what a service is, and nothing about who uses it: STUN, TURN and their TLS ports besides those below
/// 1024.
const SERVICES: [u16; 4] = [3478, 3479, 5349, 5350];

/// Ports from here on are shifted.
const FIRST_PORT: u16 = 1_024;

/// Everything that has a pseudonym.
#[derive(Debug, Default)]
pub(super) struct Pseudonyms {
    shift: u16,
    networks_v4: BTreeMap<(ClassV4, [u8; 3]), u16>,
    hosts_v4: BTreeMap<Ipv4Addr, Ipv4Addr>,
    networks_v6: BTreeMap<(ClassV6, [u8; 8]), u16>,
    hosts_v6: BTreeMap<Ipv6Addr, Ipv6Addr>,
    used: BTreeMap<Network, u64>,
    interfaces: BTreeMap<String, String>,
    hosts: BTreeMap<String, String>,
    ufrags: BTreeMap<String, String>,
    others: BTreeMap<String, String>,
}

/// A network whose hosts are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Network {
    V4(ClassV4, u16),
    V6(ClassV6, u16),
}

/// Ranges of IPv4 that mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ClassV4 {
    Private10,
    Private172,
    Private192,
    CarrierGrade,
    LinkLocal,
    Loopback,
    Public,
}

/// Ranges of IPv6 that mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ClassV6 {
    UniqueLocal,
    LinkLocal,
    Global,
}

impl Pseudonyms {
    pub fn new(seed: u32) -> Self {
        // Never zero, so that no port stays what it is.
        let shift = u16::try_from(seed % 50_000).unwrap_or_default() + 1_009;
        Self { shift, ..Self::default() }
    }

    /// The pseudonym of a socket address.
    pub fn socket(&mut self, address: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.ip(address.ip()), self.port(address.port()))
    }

    /// The pseudonym of a port: those of services stay, the others are shifted, so that distances stay.
    pub fn port(&self, port: u16) -> u16 {
        let is_kept = |port: u16| port < FIRST_PORT || SERVICES.contains(&port);
        if is_kept(port) {
            return port;
        }
        let room = u32::from(u16::MAX - FIRST_PORT) + 1;
        let mut shifted = port;
        loop {
            let moved = (u32::from(shifted - FIRST_PORT) + u32::from(self.shift)) % room;
            shifted = FIRST_PORT + u16::try_from(moved).unwrap_or_default();
            // Who lands on a service goes on from there; the service's own place is free.
            if !is_kept(shifted) {
                return shifted;
            }
        }
    }

    /// The pseudonym of an address.
    pub fn ip(&mut self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(v4) => self.v4(v4).into(),
            IpAddr::V6(v6) => self.v6(v6).into(),
        }
    }

    fn v4(&mut self, address: Ipv4Addr) -> Ipv4Addr {
        let Some(class) = ClassV4::of(address) else { return address };
        if let Some(known) = self.hosts_v4.get(&address) {
            return *known;
        }
        let [a, b, c, _] = address.octets();
        let next = self.networks_v4.keys().filter(|(other, _)| *other == class).count();
        let next = u16::try_from(next).unwrap_or(u16::MAX);
        let network = *self.networks_v4.entry((class, [a, b, c])).or_insert(next);
        let host = self.number(Network::V4(class, network));
        let pseudonym = class.address(network, u8::try_from(host % 256).unwrap_or_default());
        self.hosts_v4.insert(address, pseudonym);
        pseudonym
    }

    fn v6(&mut self, address: Ipv6Addr) -> Ipv6Addr {
        if let Some(v4) = address.to_ipv4_mapped() {
            return self.v4(v4).to_ipv6_mapped();
        }
        let Some(class) = ClassV6::of(address) else { return address };
        if let Some(known) = self.hosts_v6.get(&address) {
            return *known;
        }
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&address.octets()[..8]);
        let next = self.networks_v6.keys().filter(|(other, _)| *other == class).count();
        let next = u16::try_from(next).unwrap_or(u16::MAX);
        let network = *self.networks_v6.entry((class, prefix)).or_insert(next);
        let host = self.number(Network::V6(class, network));
        let pseudonym = class.address(network, host);
        self.hosts_v6.insert(address, pseudonym);
        pseudonym
    }

    /// The next number of a network, from 1 on.
    fn number(&mut self, network: Network) -> u64 {
        let used = self.used.entry(network).or_default();
        *used += 1;
        *used
    }

    /// The pseudonym of an interface's name. The loopback interface is called alike everywhere.
    pub fn interface(&mut self, name: &str) -> String {
        let next = self.interfaces.len() + 1;
        match name {
            "lo" | "" => name.to_owned(),
            _ => self.interfaces.entry(name.to_owned()).or_insert_with(|| format!("if{next}")).clone(),
        }
    }

    /// The pseudonym of an interface that was named before.
    pub fn known_interface(&self, name: &str) -> Option<String> {
        self.interfaces.get(name).cloned()
    }

    /// The pseudonym of a host name; names of the link stay names of the link (RFC 6762).
    pub fn host(&mut self, name: &str) -> String {
        let lower = name.to_ascii_lowercase();
        let next = self.hosts.len() + 1;
        if lower == "localhost" {
            return lower;
        }
        let suffix = if lower.ends_with(".local") { "local" } else { "example" };
        self.hosts.entry(lower).or_insert_with(|| format!("host{next}.{suffix}")).clone()
    }

    /// The pseudonym of a host that was named before.
    pub fn known_host(&self, name: &str) -> Option<String> {
        self.hosts.get(&name.to_ascii_lowercase()).cloned()
    }

    /// The pseudonym of a user fragment or user name, of the same length.
    pub fn ufrag(&mut self, ufrag: &str) -> String {
        let next = self.ufrags.len() + 1;
        let width = ufrag.len();
        self.ufrags.entry(ufrag.to_owned()).or_insert_with(|| numbered(next, width)).clone()
    }

    /// The pseudonym of a user fragment that was named before.
    pub fn known_ufrag(&self, ufrag: &str) -> Option<String> {
        self.ufrags.get(ufrag).cloned()
    }

    /// A number that stands for something that tells nothing but whether it is the same.
    pub fn other(&mut self, what: &str, value: &str) -> String {
        let next = self.others.len() + 1;
        self.others.entry(value.to_owned()).or_insert_with(|| format!("{what}{next}")).clone()
    }
}

/// `n` in base 36 with exactly `width` characters, of which the first are `u`.
fn numbered(mut n: usize, width: usize) -> String {
    let mut text = Vec::new();
    while n > 0 && text.len() < width {
        text.push(char::from_digit(u32::try_from(n % 36).unwrap_or_default(), 36).unwrap_or('0'));
        n /= 36;
    }
    text.resize(width, 'u');
    text.iter().rev().collect()
}

impl ClassV4 {
    /// The class of an address; none for addresses that are no host's.
    fn of(address: Ipv4Addr) -> Option<Self> {
        let [a, b, ..] = address.octets();
        if address == Ipv4Addr::LOCALHOST
            || address.is_unspecified()
            || address.is_broadcast()
            || address.is_multicast()
        {
            return None;
        }
        Some(match (a, b) {
            (10, _) => Self::Private10,
            (172, 16..=31) => Self::Private172,
            (192, 168) => Self::Private192,
            (100, 64..=127) => Self::CarrierGrade,
            (169, 254) => Self::LinkLocal,
            (127, _) => Self::Loopback,
            _ => Self::Public,
        })
    }

    /// Host `host` of network `network`. Public networks come from the benchmarking range (RFC 2544), which nobody owns;
    /// what does not fit there from the reserved class E.
    fn address(self, network: u16, host: u8) -> Ipv4Addr {
        let [high, low] = network.to_be_bytes();
        match self {
            Self::Private10 => Ipv4Addr::new(10, high, low, host),
            Self::Private172 => Ipv4Addr::new(172, 16 + high % 16, low, host),
            Self::Private192 => Ipv4Addr::new(192, 168, low, host),
            Self::CarrierGrade => Ipv4Addr::new(100, 64 + high % 64, low, host),
            Self::LinkLocal => Ipv4Addr::new(169, 254, low, host),
            Self::Loopback => Ipv4Addr::new(127, 1 + high % 250, low, host),
            Self::Public if high < 2 => Ipv4Addr::new(198, 18 + high, low, host),
            Self::Public => Ipv4Addr::new(240, high, low, host),
        }
    }
}

impl ClassV6 {
    /// The class of an address; none for addresses that are no host's.
    fn of(address: Ipv6Addr) -> Option<Self> {
        if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
            None
        } else if address.is_unique_local() {
            Some(Self::UniqueLocal)
        } else if address.is_unicast_link_local() {
            Some(Self::LinkLocal)
        } else {
            Some(Self::Global)
        }
    }

    /// Host `host` of network `network`; global ones come from the documentation range (RFC 3849).
    fn address(self, network: u16, host: u64) -> Ipv6Addr {
        let prefix: [u16; 4] = match self {
            Self::UniqueLocal => [0xFD00, 0, 0, network],
            Self::LinkLocal => [0xFE80, 0, 0, 0],
            Self::Global => [0x2001, 0xDB8, 0, network],
        };
        let mut octets = [0; 16];
        for (at, group) in prefix.iter().enumerate() {
            octets[2 * at..2 * at + 2].copy_from_slice(&group.to_be_bytes());
        }
        octets[8..].copy_from_slice(&host.to_be_bytes());
        octets.into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ip(pseudonyms: &mut Pseudonyms, text: &str) -> String {
        pseudonyms.ip(text.parse().unwrap()).to_string()
    }

    #[test]
    fn the_same_address_gets_the_same_pseudonym_of_its_class() {
        let mut pseudonyms = Pseudonyms::new(1);
        let public = ip(&mut pseudonyms, "93.184.216.34");
        assert_eq!(public, "198.18.0.1");
        assert_eq!(ip(&mut pseudonyms, "93.184.216.34"), public);
        assert_eq!(ip(&mut pseudonyms, "93.184.216.99"), "198.18.0.2");
        assert_eq!(ip(&mut pseudonyms, "93.184.217.34"), "198.18.1.1");
        for (real, pseudonym) in [
            ("192.168.178.21", "192.168.0.1"),
            ("10.20.30.40", "10.0.0.1"),
            ("172.20.1.1", "172.16.0.1"),
            ("100.99.1.1", "100.64.0.1"),
            ("169.254.7.7", "169.254.0.1"),
            ("127.0.0.1", "127.0.0.1"),
            ("0.0.0.0", "0.0.0.0"),
            ("224.0.0.251", "224.0.0.251"),
            ("2a02:8108:1:2::99", "2001:db8::1"),
            ("2a02:8108:1:3::99", "2001:db8:0:1::1"),
            ("fd12:3456::7", "fd00::1"),
            ("fe80::1234", "fe80::1"),
            ("::1", "::1"),
            ("::ffff:93.184.216.34", "::ffff:198.18.0.1"),
        ] {
            assert_eq!(ip(&mut pseudonyms, real), pseudonym, "{real}");
        }
    }

    #[test]
    fn every_port_has_its_own_pseudonym_and_services_keep_theirs() {
        for seed in [0, 1, 2_454, 49_999] {
            let pseudonyms = Pseudonyms::new(seed);
            let ports: BTreeSet<u16> = (0..=u16::MAX).map(|port| pseudonyms.port(port)).collect();
            assert_eq!(ports.len(), 65_536);
            assert_eq!([80, 443, 3478, 5349].map(|port| pseudonyms.port(port)), [80, 443, 3478, 5349]);
            assert_eq!(pseudonyms.port(50_001).wrapping_sub(pseudonyms.port(50_000)), 1);
            assert_ne!(pseudonyms.port(50_000), 50_000);
        }
    }

    #[test]
    fn user_fragments_keep_their_length() {
        let mut pseudonyms = Pseudonyms::new(1);
        assert_eq!(
            (pseudonyms.ufrag("Ab3x"), pseudonyms.ufrag("longerfragment")),
            ("uuu1".into(), "uuuuuuuuuuuuu2".into())
        );
        assert_eq!(pseudonyms.ufrag("Ab3x"), "uuu1");
    }
}
