//! What is wrong with single candidates of a code that is usable otherwise.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use floe_wire::{Candidate, TcpType};

/// Something a reader of a code should know about its candidates. The code stays usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CandidateProblem {
    /// Nothing can be sent there; the candidate was dropped.
    Dropped {
        /// The candidate's address.
        address: SocketAddr,
        /// What is wrong with it.
        reason: Unusable,
    },
    /// A loopback address: it was kept and works only on the machine that made the code.
    Loopback {
        /// The candidate's address.
        address: SocketAddr,
    },
    /// The same transport address came twice; the later one was dropped.
    Duplicate {
        /// The candidate's address.
        address: SocketAddr,
    },
    /// Candidates of a kind that this version does not know were skipped.
    UnknownKind {
        /// How many.
        count: usize,
    },
    /// Candidates above [`MAX_CANDIDATES`](crate::MAX_CANDIDATES) were dropped.
    TooMany {
        /// How many.
        count: usize,
    },
}

/// Why nothing can be sent to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unusable {
    /// The port is 0.
    PortZero,
    /// `0.0.0.0` or `::`.
    Unspecified,
    /// A multicast group.
    Multicast,
    /// The IPv4 broadcast address.
    Broadcast,
    /// IPv6 link-local: it means nothing without the interface (RFC 8445 section 5.1.1.1).
    LinkLocal,
    /// An IPv4 address in IPv6 clothing (RFC 8445 section 5.1.1.1).
    MappedIpv4,
}

impl CandidateProblem {
    /// Whether candidates were left out; otherwise the problem is a mere hint.
    #[must_use]
    pub const fn is_dropped(&self) -> bool {
        self.dropped() > 0
    }

    /// How many candidates were left out.
    #[must_use]
    pub const fn dropped(&self) -> usize {
        match self {
            Self::Loopback { .. } => 0,
            Self::Dropped { .. } | Self::Duplicate { .. } => 1,
            Self::UnknownKind { count } | Self::TooMany { count } => *count,
        }
    }
}

impl Unusable {
    /// The words people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PortZero => "its port is 0",
            Self::Unspecified => "the address is unspecified",
            Self::Multicast => "the address is a multicast group",
            Self::Broadcast => "the address is the broadcast address",
            Self::LinkLocal => "the address is link-local",
            Self::MappedIpv4 => "the address is IPv4 written as IPv6",
        }
    }

    /// Judges the address of a candidate.
    pub(crate) fn of(candidate: &Candidate) -> Option<Self> {
        // An active TCP candidate is never dialled; its port is a placeholder (RFC 6544 section 4.5).
        if candidate.address.port() == 0 && candidate.tcp_type != Some(TcpType::Active) {
            return Some(Self::PortZero);
        }
        match candidate.address.ip() {
            ip if ip.is_unspecified() => Some(Self::Unspecified),
            ip if ip.is_multicast() => Some(Self::Multicast),
            IpAddr::V4(Ipv4Addr::BROADCAST) => Some(Self::Broadcast),
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Some(Self::LinkLocal),
            IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => Some(Self::MappedIpv4),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }
}

impl fmt::Display for CandidateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped { address, reason } => write!(f, "a candidate was dropped: {}: {address}", reason.name()),
            Self::Loopback { address } => {
                write!(f, "a candidate works only on the machine that made the code: {address}")
            }
            Self::Duplicate { address } => write!(f, "a candidate was dropped because it came twice: {address}"),
            Self::UnknownKind { count: 1 } => {
                write!(f, "1 candidate was skipped: its kind is newer than this version of Floe")
            }
            Self::UnknownKind { count } => {
                write!(f, "{count} candidates were skipped: their kinds are newer than this version of Floe")
            }
            Self::TooMany { count } => {
                write!(f, "{count} candidates were dropped: a code may carry {}", crate::MAX_CANDIDATES)
            }
        }
    }
}
