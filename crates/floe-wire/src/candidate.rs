//! ICE candidates and their priorities (RFC 8445 section 5.1).

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

/// How a candidate was found (RFC 8445 section 5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CandidateType {
    /// An address of the machine itself.
    #[serde(rename = "host")]
    Host,
    /// Mapped by a NAT, seen by a STUN server.
    #[serde(rename = "srflx")]
    ServerReflexive,
    /// Mapped by a NAT, seen by the peer during checks.
    #[serde(rename = "prflx")]
    PeerReflexive,
    /// Allocated on a TURN server.
    #[serde(rename = "relay")]
    Relayed,
}

impl CandidateType {
    /// The SDP name (RFC 8839 section 5.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }

    /// The type preference RFC 8445 section 5.1.2.2 recommends.
    #[must_use]
    pub const fn preference(self) -> u8 {
        match self {
            Self::Host => 126,
            Self::PeerReflexive => 110,
            Self::ServerReflexive => 100,
            Self::Relayed => 0,
        }
    }
}

impl fmt::Display for CandidateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The transport protocol of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP with RFC 4571 framing (RFC 6544).
    Tcp,
}

impl Protocol {
    /// The SDP name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// The role of a TCP candidate (RFC 6544 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TcpType {
    /// Dials.
    #[serde(rename = "active")]
    Active,
    /// Listens.
    #[serde(rename = "passive")]
    Passive,
    /// Dials and listens at once.
    #[serde(rename = "so")]
    SimultaneousOpen,
}

impl TcpType {
    /// The SDP name (RFC 6544 section 4.5).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }

    /// Whether a check can go from a candidate of this role to one of `remote` (RFC 6544 section 6.2, with the pairs
    /// of passive candidates pruned: they wait for the other side's connection).
    #[must_use]
    pub const fn reaches(self, remote: Self) -> bool {
        matches!((self, remote), (Self::Active, Self::Passive) | (Self::SimultaneousOpen, Self::SimultaneousOpen))
    }

    /// Whether connections are made from it.
    #[must_use]
    pub const fn dials(self) -> bool {
        matches!(self, Self::Active | Self::SimultaneousOpen)
    }

    /// The role at the other end of a connection.
    #[must_use]
    pub const fn counterpart(self) -> Self {
        match self {
            Self::Active => Self::Passive,
            Self::Passive => Self::Active,
            Self::SimultaneousOpen => Self::SimultaneousOpen,
        }
    }

    /// The direction preference of RFC 6544 section 4.2 for host candidates and those that are not reflexive.
    const fn direction_preference(self) -> u16 {
        match self {
            Self::Active => 6,
            Self::Passive => 4,
            Self::SimultaneousOpen => 2,
        }
    }
}

/// The port that candidates tell which only dial (RFC 6544 section 4.5).
pub const ACTIVE_PORT: u16 = 9;

/// One candidate of either side. Component 1 is the only one: RTP and RTCP share a port (RFC 5761).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Candidate {
    /// How it was found.
    pub candidate_type: CandidateType,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// The TCP role, for TCP candidates.
    pub tcp_type: Option<TcpType>,
    /// The transport address the peer sends to.
    pub address: SocketAddr,
    /// RFC 8445 section 5.1.2.
    pub priority: u32,
    /// RFC 8445 section 5.1.1.3; at most 32 characters.
    pub foundation: String,
    /// The base (or mapped) address behind it, where the owner tells.
    pub related_address: Option<SocketAddr>,
}

/// Computes a candidate priority (RFC 8445 section 5.1.2.1) for component 1.
#[must_use]
pub const fn priority(candidate_type: CandidateType, local_preference: u16) -> u32 {
    ((candidate_type.preference() as u32) << 24) | ((local_preference as u32) << 8) | 255
}

/// Computes the priority of a TCP candidate of a host (RFC 6544 section 4.2) for component 1.
///
/// `local_preference` is that of the UDP candidate on the same address; its upper 13 bits tell the addresses apart. Type
/// preferences lie below UDP's reflexive ones and far above relays: a direct path over TCP is taken when there is none
/// over UDP.
#[must_use]
pub const fn tcp_priority(candidate_type: CandidateType, tcp_type: TcpType, local_preference: u16) -> u32 {
    let type_preference = match candidate_type {
        CandidateType::Host => 90,
        CandidateType::PeerReflexive => 80,
        CandidateType::ServerReflexive => 70,
        CandidateType::Relayed => 0,
    };
    let direction = (tcp_type.direction_preference() << 13) | (local_preference >> 3);
    (type_preference << 24) | ((direction as u32) << 8) | 255
}

/// The local preference of the passive TCP candidate at the `place`-th port of an address: those of one address differ by
/// what the 13 bits of [`tcp_priority`] tell apart, so that priorities are unique (RFC 8445 section 5.1.2.1). The
/// sixteenth and further ones share a preference.
#[must_use]
pub const fn passive_preference(local_preference: u16, place: usize) -> u16 {
    let place = if place < 15 { place as u16 } else { 15 };
    local_preference.saturating_sub(8 * place)
}

/// Computes a pair priority (RFC 8445 section 6.1.2.3): `g` is the controlling side's candidate priority, `d` the
/// controlled side's.
#[must_use]
pub const fn pair_priority(g: u32, d: u32) -> u64 {
    let (min, max) = if g < d { (g, d) } else { (d, g) };
    ((min as u64) << 32) + 2 * (max as u64) + (g > d) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_priority_with_full_local_preference_is_the_well_known_number() {
        assert_eq!(priority(CandidateType::Host, 65_535), 2_130_706_431);
    }

    #[test]
    fn direct_tcp_lies_between_reflexive_udp_and_relays_and_dialing_first() {
        let roles = [TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen];
        let [active, passive, both] = roles.map(|role| tcp_priority(CandidateType::Host, role, 0xFF00));
        assert!(priority(CandidateType::ServerReflexive, 0) > active && active > passive && passive > both);
        assert!(
            tcp_priority(CandidateType::PeerReflexive, TcpType::SimultaneousOpen, 0)
                > priority(CandidateType::Relayed, u16::MAX)
        );
        assert!(active > tcp_priority(CandidateType::Host, TcpType::Active, 0xFE00), "addresses stay apart");
    }

    #[test]
    fn who_dials_meets_who_listens() {
        use TcpType::{Active, Passive, SimultaneousOpen};
        let roles = [Active, Passive, SimultaneousOpen];
        let pairs = roles.into_iter().flat_map(|ours| roles.map(|theirs| (ours, theirs)));
        let reaching: Vec<_> = pairs.filter(|(ours, theirs)| ours.reaches(*theirs)).collect();
        assert_eq!(reaching, [(Active, Passive), (SimultaneousOpen, SimultaneousOpen)]);
    }

    #[test]
    fn both_sides_compute_the_same_pair_priority_order() {
        let (host, relay) = (priority(CandidateType::Host, 1), priority(CandidateType::Relayed, 1));
        assert!(pair_priority(host, host) > pair_priority(host, relay));
        assert_eq!(pair_priority(host, relay) - pair_priority(relay, host), 1);
    }
}
