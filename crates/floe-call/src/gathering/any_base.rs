//! What packets leave from, of whatever kind.

use std::net::SocketAddr;

use floe_path::PathBase;
use floe_transport::{
    Base, TcpBase,
    candidate::{host_candidate, tcp_candidate},
};
use floe_wire::{
    BaseId, Candidate, CandidateType, InterfaceInfo, TcpType,
    candidate::{passive_preference, priority, tcp_priority},
};

/// A base of any kind. They all send datagrams to addresses and give what arrives to one channel.
pub(super) enum AnyBase {
    /// A UDP socket.
    Udp(Base),
    /// An address that dials or listens over TCP.
    Tcp {
        base: TcpBase,
        tcp_type: TcpType,
        /// Of its port among those that the address listens on.
        place: usize,
    },
}

impl AnyBase {
    pub fn id(&self) -> BaseId {
        match self {
            Self::Udp(base) => base.id(),
            Self::Tcp { base, .. } => base.id(),
        }
    }

    pub fn interface(&self) -> &InterfaceInfo {
        match self {
            Self::Udp(base) => base.interface(),
            Self::Tcp { base, .. } => base.interface(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Udp(base) => base.address(),
            Self::Tcp { base, .. } => base.address(),
        }
    }

    /// Whether servers are asked from it, one per address.
    pub fn asks_servers(&self) -> bool {
        match self {
            Self::Udp(_) => true,
            Self::Tcp { .. } => false,
        }
    }

    /// Sends one datagram; a refusal is a record.
    pub fn send(&self, datagram: &[u8], remote: SocketAddr) {
        match self {
            Self::Udp(base) => base.send(datagram, remote),
            Self::Tcp { base, .. } => base.send(datagram, remote),
        };
    }

    /// Its host candidate.
    pub fn candidate(&self, local_preference: u16) -> Candidate {
        match self {
            Self::Udp(base) => host_candidate(base.address(), local_preference),
            Self::Tcp { base, tcp_type, place } => {
                tcp_candidate(base.address(), *tcp_type, passive_preference(local_preference, *place))
            }
        }
    }

    /// What checks need to know of it.
    pub fn path_base(&self, local_preference: u16) -> PathBase {
        let (id, address) = (self.id(), self.address());
        let (tcp_type, priorities) = match self {
            Self::Udp(_) => (None, KINDS.map(|kind| priority(kind, local_preference))),
            Self::Tcp { tcp_type, place, .. } => {
                let preference = passive_preference(local_preference, *place);
                (Some(*tcp_type), KINDS.map(|kind| tcp_priority(kind, *tcp_type, preference)))
            }
        };
        let [priority, prflx_priority] = priorities;
        PathBase { id, address, tcp_type, priority, prflx_priority }
    }
}

const KINDS: [CandidateType; 2] = [CandidateType::Host, CandidateType::PeerReflexive];
