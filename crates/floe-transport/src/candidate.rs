//! Candidates out of bases and mapped addresses: local preferences, foundations, priorities.

use std::net::{IpAddr, SocketAddr};

use floe_wire::{
    Candidate, CandidateType, InterfaceKind, Protocol, TcpType,
    candidate::{priority, tcp_priority},
};

/// Distance between the local preferences of two addresses. What lies between is free for further reflexive candidates
/// of the same base, so that priorities stay unique (RFC 8445 section 5.1.2.1).
pub const PREFERENCE_STEP: u16 = 256;
/// Addresses of one group that get preferences of their own.
const PLACES: u16 = 13;
/// A place has room for one address of each group.
const GROUPS: u16 = 3;

/// The highest free local preference for an address. It depends on the link and on the kind of address, and hardly on
/// what else is there: a network that comes in the middle of a call has its place before or after the ones in use,
/// whose preferences the peer knows already and which therefore stay what they are.
///
/// Wired goes before wireless and this before mobile data; a tunnel comes last, because a VPN is rarely the way two
/// people meant (RFC 8445 section 5.1.2.2). On one link families alternate, IPv6 first (RFC 8421 section 4), and unique
/// local addresses follow. A machine with a single address does not give it the value of 65535 that RFC 8445 section
/// 5.1.2.1 suggests, unless that is a wired global one of IPv6. Beyond 13 addresses of a sort the rest take the last
/// places of all; 255 addresses have a preference of their own.
#[must_use]
pub fn local_preference(kind: InterfaceKind, ip: IpAddr, taken: &[u16]) -> u16 {
    let first = link_rank(kind) * PLACES * GROUPS + group(ip);
    let preference = |place: u16| u16::MAX - (first + place * GROUPS) * PREFERENCE_STEP;
    let own = (0..PLACES).map(preference);
    let last = (1..=u16::MAX / PREFERENCE_STEP).map(|place| place * PREFERENCE_STEP + PREFERENCE_STEP - 1);
    own.chain(last).find(|preference| !taken.contains(preference)).unwrap_or(0)
}

/// Addresses of a link take turns by group.
const fn group(ip: IpAddr) -> u16 {
    match ip {
        IpAddr::V6(ip) if ip.is_unique_local() => 2,
        IpAddr::V6(_) => 0,
        IpAddr::V4(_) => 1,
    }
}

const fn link_rank(kind: InterfaceKind) -> u16 {
    match kind {
        InterfaceKind::Ethernet => 0,
        InterfaceKind::Wireless => 1,
        InterfaceKind::Unknown => 2,
        InterfaceKind::Cellular => 3,
        InterfaceKind::Tunnel => 4,
        InterfaceKind::Loopback => 5,
    }
}

/// The host candidate of a base.
#[must_use]
pub fn host_candidate(base: SocketAddr, local_preference: u16) -> Candidate {
    Candidate {
        candidate_type: CandidateType::Host,
        protocol: Protocol::Udp,
        tcp_type: None,
        address: base,
        priority: priority(CandidateType::Host, local_preference),
        foundation: foundation(CandidateType::Host, base.ip(), None),
        related_address: None,
    }
}

/// The host candidate of an ICE-TCP base; `local_preference` is that of its address.
#[must_use]
pub fn tcp_candidate(base: SocketAddr, tcp_type: TcpType, local_preference: u16) -> Candidate {
    Candidate {
        candidate_type: CandidateType::Host,
        protocol: Protocol::Tcp,
        tcp_type: Some(tcp_type),
        address: base,
        priority: tcp_priority(CandidateType::Host, tcp_type, local_preference),
        foundation: tcp_foundation(base.ip(), tcp_type),
        related_address: None,
    }
}

/// The server-reflexive candidate of a base.
///
/// A second mapping of the same base takes a `local_preference` a little lower than the first one's.
#[must_use]
pub fn server_reflexive_candidate(mapped: SocketAddr, base: SocketAddr, local_preference: u16) -> Candidate {
    Candidate {
        candidate_type: CandidateType::ServerReflexive,
        protocol: Protocol::Udp,
        tcp_type: None,
        address: mapped,
        priority: priority(CandidateType::ServerReflexive, local_preference),
        foundation: foundation(CandidateType::ServerReflexive, base.ip(), Some(mapped)),
        related_address: Some(base),
    }
}

/// A foundation (RFC 8445 section 5.1.1.3): eight characters, the same for the same arguments on every run.
///
/// `learned` tells reflexive candidates of one base apart. The RFC takes the server's address for that; the mapped
/// address serves as well, because candidates with one base and one mapped address are one candidate.
#[must_use]
pub fn foundation(candidate_type: CandidateType, base: IpAddr, learned: Option<SocketAddr>) -> String {
    let text =
        format!("{candidate_type} udp {base} {}", learned.map_or_else(String::new, |address| address.to_string()));
    format!("{:08x}", fnv1a(text.as_bytes()))
}

/// RFC 6544 section 4.3: candidates of different roles have different foundations.
fn tcp_foundation(base: IpAddr, tcp_type: TcpType) -> String {
    format!("{:08x}", fnv1a(format!("host tcp {} {base}", tcp_type.name()).as_bytes()))
}

/// FNV-1a, 32 bits: no secrecy is needed, only the same value on every platform.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use floe_wire::{InterfaceInfo, candidate::passive_preference};
    use proptest::prelude::*;

    use super::*;

    fn address(kind: InterfaceKind, ip: &str) -> (InterfaceInfo, IpAddr) {
        (InterfaceInfo { name: format!("{kind:?}"), kind, addresses: Vec::new() }, ip.parse().unwrap())
    }

    fn local_preferences(addresses: &[(InterfaceInfo, IpAddr)]) -> Vec<u16> {
        addresses.iter().fold(Vec::new(), |mut given, (interface, ip)| {
            given.push(local_preference(interface.kind, *ip, &given));
            given
        })
    }

    /// The addresses from the most preferred to the least.
    fn order(addresses: &[(InterfaceInfo, IpAddr)]) -> Vec<String> {
        let preferences = local_preferences(addresses);
        let mut order: Vec<_> = addresses.iter().map(|(_, ip)| ip.to_string()).zip(preferences).collect();
        order.sort_by_key(|(_, preference)| std::cmp::Reverse(*preference));
        order.into_iter().map(|(ip, _)| ip).collect()
    }

    #[test]
    fn families_alternate_beginning_with_ipv6_and_wired_goes_before_wireless() {
        let addresses = [
            address(InterfaceKind::Wireless, "192.0.2.2"),
            address(InterfaceKind::Wireless, "2001:db8::2"),
            address(InterfaceKind::Ethernet, "192.0.2.1"),
            address(InterfaceKind::Ethernet, "2001:db8::1"),
        ];
        assert_eq!(order(&addresses), ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"]);
    }

    #[test]
    fn mobile_data_and_tunnels_come_last_whatever_their_family() {
        let addresses = [
            address(InterfaceKind::Tunnel, "2001:db8::4"),
            address(InterfaceKind::Cellular, "2001:db8::3"),
            address(InterfaceKind::Wireless, "192.0.2.2"),
            address(InterfaceKind::Ethernet, "192.0.2.1"),
        ];
        assert_eq!(order(&addresses), ["192.0.2.1", "192.0.2.2", "2001:db8::3", "2001:db8::4"]);
    }

    #[test]
    fn of_one_link_the_global_address_goes_before_the_unique_local_one() {
        let addresses = [address(InterfaceKind::Ethernet, "fd00::1"), address(InterfaceKind::Ethernet, "2001:db8::1")];
        assert_eq!(order(&addresses), ["2001:db8::1", "fd00::1"]);
    }

    #[test]
    fn more_addresses_of_a_sort_than_there_is_room_for_take_the_last_places() {
        let many: Vec<_> = (1..=200).map(|host| address(InterfaceKind::Ethernet, &format!("192.0.2.{host}"))).collect();
        let preferences = local_preferences(&many);
        assert_eq!(preferences.iter().collect::<HashSet<_>>().len(), 200);
        assert!(preferences[14] < local_preference(InterfaceKind::Loopback, "127.0.0.1".parse().unwrap(), &[]));
    }

    #[test]
    fn a_better_link_goes_before_a_worse_one_whichever_came_first() {
        let (wifi, mobile) =
            (address(InterfaceKind::Wireless, "192.0.2.2"), address(InterfaceKind::Cellular, "10.0.0.2"));
        let both = local_preferences(&[mobile.clone(), wifi.clone()]);
        assert!(both[1] > both[0]);
        assert_eq!(both[..1], local_preferences(&[mobile]), "what was there keeps its preference");
        assert_eq!(both[1..], local_preferences(&[wifi]));
    }

    const KINDS: [InterfaceKind; 3] = [InterfaceKind::Ethernet, InterfaceKind::Cellular, InterfaceKind::Loopback];

    proptest! {
        #[test]
        fn priorities_stay_unique_however_addresses_come_and_go(
            steps in prop::collection::vec((0..3_usize, any::<bool>(), any::<u8>(), any::<u8>()), 1..60),
        ) {
            let mut taken = Vec::new();
            for (kind, comes, which, last) in steps {
                if comes && taken.len() < 32 {
                    taken.push(local_preference(KINDS[kind], [192, 0, 2, last].into(), &taken));
                } else if !taken.is_empty() {
                    taken.swap_remove(usize::from(which) % taken.len());
                }
                let priorities: Vec<u32> = taken.iter().flat_map(|preference| priorities(*preference)).collect();
                let distinct: HashSet<&u32> = priorities.iter().collect();
                prop_assert_eq!(distinct.len(), priorities.len(), "{:?}", taken);
            }
        }
    }

    /// Of all candidates that one address may have: host, three mappings, and TCP in every role, passive at eight ports.
    fn priorities(preference: u16) -> Vec<u32> {
        use TcpType::{Active, Passive, SimultaneousOpen};
        let tcp = |tcp_type, preference| tcp_priority(CandidateType::Host, tcp_type, preference);
        let mapped = (0..3).map(|rank| priority(CandidateType::ServerReflexive, preference - rank));
        let passive = (0..8).map(|place| tcp(Passive, passive_preference(preference, place)));
        let others =
            [priority(CandidateType::Host, preference), tcp(Active, preference), tcp(SimultaneousOpen, preference)];
        mapped.chain(passive).chain(others).collect()
    }

    #[test]
    fn foundations_are_stable_and_differ_by_type_base_and_mapping() {
        let (base, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.9".parse().unwrap());
        let mapped = |port| Some(SocketAddr::new("203.0.113.1".parse().unwrap(), port));
        let all = [
            foundation(CandidateType::Host, base, None),
            foundation(CandidateType::Host, other, None),
            foundation(CandidateType::ServerReflexive, base, mapped(1)),
            foundation(CandidateType::ServerReflexive, base, mapped(2)),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4);
        assert_eq!(foundation(CandidateType::Host, base, None), all[0]);
        assert_eq!(all[0].len(), 8);
    }

    #[test]
    fn a_reflexive_candidate_names_its_base() {
        let (base, mapped) = ("192.168.1.2:5000".parse().unwrap(), "203.0.113.1:6000".parse().unwrap());
        let candidate = server_reflexive_candidate(mapped, base, 65_535);
        assert_eq!((candidate.address, candidate.related_address), (mapped, Some(base)));
        assert_eq!(candidate.priority >> 24, 100);
    }
}
