//! Candidates out of bases and mapped addresses: local preferences, foundations, priorities.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use floe_wire::{
    Candidate, CandidateType, InterfaceInfo, InterfaceKind, Protocol, TcpType,
    candidate::{priority, tcp_priority},
};

/// Distance between the local preferences of two bases. What lies between is free for further reflexive candidates
/// of the same base, so that priorities stay unique (RFC 8445 section 5.1.2.1).
pub const PREFERENCE_STEP: u16 = 256;

/// Gives each address its local preference, in the order they stand.
///
/// Preferences are unique. Families alternate, IPv6 first (RFC 8421 section 4), and within a family wired goes before
/// wireless and global before unique local addresses. Mobile data comes after all of these, and tunnels after that,
/// whatever their family: a VPN is rarely the way two people meant (RFC 8445 section 5.1.2.2). Above 255 addresses the
/// rest share 0.
#[must_use]
pub fn local_preferences(addresses: &[(InterfaceInfo, IpAddr)]) -> Vec<u16> {
    let mut turns: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (index, (interface, ip)) in addresses.iter().enumerate() {
        let turn = turns.entry((cost(interface.kind), ip.is_ipv4())).or_default();
        turn.push((link_rank(interface.kind), is_unique_local(ip), index));
    }
    // Cost, then rank, then family: the first IPv6, the first IPv4, the second IPv6, ...
    let mut order = Vec::with_capacity(addresses.len());
    for ((cost, is_ipv4), members) in &mut turns {
        members.sort_unstable();
        order.extend(members.iter().enumerate().map(|(rank, (.., index))| (*cost, rank, *is_ipv4, *index)));
    }
    order.sort_unstable();
    let mut preferences = vec![0; addresses.len()];
    for (place, (.., index)) in order.into_iter().enumerate() {
        let below = u16::try_from(place).unwrap_or(u16::MAX).saturating_mul(PREFERENCE_STEP);
        preferences[index] = u16::MAX.saturating_sub(below);
    }
    preferences
}

/// How far apart the local preferences of two addresses are at least: enough for the reflexive candidates of one and for
/// its TCP candidates, whose priorities have room for every eighth preference only (RFC 6544 section 4.2).
pub const PREFERENCE_GAP: u16 = 128;

/// The local preference of an address that came later: the highest one up to `wanted` that keeps its distance from those
/// `taken`, or else the lowest one above.
#[must_use]
pub fn unused_preference(wanted: u16, taken: impl IntoIterator<Item = u16>) -> u16 {
    let taken: Vec<u16> = taken.into_iter().collect();
    let is_free = |preference: &u16| {
        *preference >= PREFERENCE_GAP && taken.iter().all(|taken| taken.abs_diff(*preference) >= PREFERENCE_GAP)
    };
    let below = taken.iter().filter_map(|taken| taken.checked_sub(PREFERENCE_GAP)).filter(|below| *below <= wanted);
    let above = taken.iter().filter_map(|taken| taken.checked_add(PREFERENCE_GAP)).filter(|above| *above > wanted);
    let highest = below.chain([wanted]).filter(is_free).max();
    highest.or_else(|| above.chain([PREFERENCE_GAP]).filter(is_free).min()).unwrap_or(0)
}

fn is_unique_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unique_local())
}

/// Links of a class compete with each other only.
const fn cost(kind: InterfaceKind) -> u8 {
    match kind {
        InterfaceKind::Ethernet | InterfaceKind::Wireless | InterfaceKind::Unknown => 0,
        InterfaceKind::Cellular => 1,
        InterfaceKind::Tunnel => 2,
        InterfaceKind::Loopback => 3,
    }
}

const fn link_rank(kind: InterfaceKind) -> u8 {
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

    use floe_wire::candidate::passive_preference;
    use proptest::prelude::*;

    use super::*;

    fn address(kind: InterfaceKind, ip: &str) -> (InterfaceInfo, IpAddr) {
        (InterfaceInfo { name: format!("{kind:?}"), kind, addresses: Vec::new() }, ip.parse().unwrap())
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
    fn preferences_are_unique_and_a_single_address_gets_the_highest() {
        assert_eq!(local_preferences(&[address(InterfaceKind::Ethernet, "192.0.2.1")]), [u16::MAX]);
        let many: Vec<_> = (1..=200).map(|host| address(InterfaceKind::Unknown, &format!("192.0.2.{host}"))).collect();
        let preferences: HashSet<_> = local_preferences(&many).into_iter().collect();
        assert_eq!(preferences.len(), 200);
    }

    proptest! {
        #[test]
        fn priorities_stay_unique_however_addresses_come_and_go(
            steps in prop::collection::vec((any::<u16>(), any::<bool>(), any::<u8>()), 1..60),
        ) {
            let mut taken = local_preferences(&vec![address(InterfaceKind::Ethernet, "192.0.2.1"); 4]);
            for (wanted, comes, which) in steps {
                if comes && taken.len() < 16 {
                    let preference = unused_preference(wanted, taken.iter().copied());
                    taken.push(preference);
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
    fn a_later_address_is_preferred_as_it_would_have_been_if_there_is_room() {
        assert_eq!(unused_preference(1000, []), 1000);
        assert_eq!(unused_preference(1000, [1000]), 1000 - PREFERENCE_GAP);
        assert_eq!(unused_preference(150, [150, 200]), 328, "there is no room below");
        assert_eq!(unused_preference(0, [u16::MAX]), PREFERENCE_GAP, "the lowest has room below it");
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
