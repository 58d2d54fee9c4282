//! The candidate of a relayed address.

use std::net::SocketAddr;

use floe_wire::{Candidate, CandidateType, Protocol, RelayProtocol, candidate::priority};

use crate::candidate::foundation;

/// Servers whose preferences are told apart; further ones share the last.
const MAX_SERVERS: u16 = 63;

/// The local preference of a relay: the cheaper way to the server goes first, then the base it leaves from, then the
/// order in which people name their servers (RFC 8445 section 5.1.2.1 asks for unique ones).
///
/// `base` is the local preference of the base's own host candidate; those are 256 apart.
#[must_use]
pub fn relay_preference(transport: RelayProtocol, base: u16, server: u16) -> u16 {
    let rank: u16 = match transport {
        RelayProtocol::Udp => 3,
        RelayProtocol::Tcp => 2,
        RelayProtocol::Tls => 1,
    };
    (rank << 14) | ((base >> 2).saturating_sub(server.min(MAX_SERVERS)) & 0x3FFF)
}

/// The relayed candidate of an allocation (RFC 8445 section 5.1.1.2): its base is the relayed address itself, and what
/// it is related to is the address that the server sees us at.
#[must_use]
pub fn relayed_candidate(
    relayed: SocketAddr,
    mapped: Option<SocketAddr>,
    server: SocketAddr,
    local_preference: u16,
) -> Candidate {
    Candidate {
        candidate_type: CandidateType::Relayed,
        protocol: Protocol::Udp,
        tcp_type: None,
        address: relayed,
        priority: priority(CandidateType::Relayed, local_preference),
        foundation: foundation(CandidateType::Relayed, relayed.ip(), Some(server)),
        related_address: mapped,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn udp_goes_before_tcp_before_tls_and_no_two_are_equal() {
        let transports = [RelayProtocol::Udp, RelayProtocol::Tcp, RelayProtocol::Tls];
        let bases: Vec<u16> = (0..16).map(|base| u16::MAX - 256 * base).collect();
        let all: Vec<u16> = transports
            .iter()
            .flat_map(|transport| {
                bases.iter().flat_map(move |base| (0..8).map(move |server| relay_preference(*transport, *base, server)))
            })
            .collect();
        assert!(all.is_sorted_by(|one, next| one > next), "{all:?}");
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn a_relayed_candidate_comes_after_every_direct_one() {
        let relayed = "203.0.113.9:50000".parse().unwrap();
        let candidate = relayed_candidate(relayed, None, "203.0.113.9:3478".parse().unwrap(), u16::MAX);
        assert!(candidate.priority < priority(CandidateType::ServerReflexive, 0));
    }
}
