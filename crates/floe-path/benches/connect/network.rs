//! The networks of the bench, as data: bases of both ends, what is in front of them, and how far it is.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_wire::{Candidate, CandidateType, Protocol, candidate::priority};

use crate::wire::Access;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// 2×2 bases on one switch.
    Lan,
    /// 2×2 bases, each end behind a NAT that filters by address and port.
    TwoNats,
    /// The same without any delay: what the engine itself adds.
    TwoNatsNear,
    /// 2×2 bases on a network 80 ms wide.
    Far,
    /// One base and one relayed address each, behind NATs that map by destination.
    Relay,
}

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Controlling.
    A,
    /// Controlled.
    B,
}

/// A place packets leave from.
#[derive(Debug, Clone, Copy)]
pub struct Base {
    pub address: SocketAddr,
    pub access: Access,
    pub local_preference: u16,
}

impl Network {
    pub const ALL: [Self; 5] = [Self::Lan, Self::TwoNatsNear, Self::TwoNats, Self::Far, Self::Relay];

    pub const fn describe(self) -> &'static str {
        match self {
            Self::Lan => "LAN, 2×2 bases, no delay",
            Self::TwoNatsNear => "Two NATs (mapping by endpoint, filtering by address and port), 2×2 bases, no delay",
            Self::TwoNats => "Two NATs (mapping by endpoint, filtering by address and port), 2×2 bases, 30 ms RTT",
            Self::Far => "80 ms RTT, 2×2 bases",
            Self::Relay => "Relay between two symmetric NATs, 1×1 bases with a relayed address each, no delay",
        }
    }

    /// One way.
    pub const fn delay(self) -> Duration {
        match self {
            Self::Lan | Self::TwoNatsNear | Self::Relay => Duration::ZERO,
            Self::TwoNats => Duration::from_millis(15),
            Self::Far => Duration::from_millis(40),
        }
    }

    pub const fn has_direct_path(self) -> bool {
        !matches!(self, Self::Relay)
    }

    /// What two agents with the RFC's default pacing send until the best pair that works is nominated, without loss:
    /// an ordinary check per Ta of 50 ms and end, pairs in order of priority, and one nomination. (They send more if
    /// their checks trigger others.)
    pub fn rfc_checks(self) -> usize {
        const TA_MS: u128 = 50;
        let (pairs, first_working) = match self {
            Self::Lan | Self::Far => (4, 0),
            // Two private addresses of the peer first, from each base.
            Self::TwoNats | Self::TwoNatsNear => (8, 4),
            // A relay lets in whom it was used to send to, which first is the peer's reflexive address.
            Self::Relay => (6, 4),
        };
        let rtt = 2 * self.delay().as_millis();
        let over_at = TA_MS * first_working + 2 * rtt;
        let ordinary = (over_at / TA_MS + 1).min(pairs);
        usize::try_from(2 * ordinary + 1).expect("a handful")
    }

    /// The bases of an end, best first.
    pub fn bases(self, end: End) -> Vec<Base> {
        let (site, external) = match end {
            End::A => (1, [203, 0, 113, 1]),
            End::B => (2, [198, 51, 100, 2]),
        };
        let host = |index: u8, access| Base {
            address: SocketAddr::from(([10, index, site, 9], 5000 + u16::from(index))),
            access,
            local_preference: u16::MAX - 256 * u16::from(index),
        };
        let nat = |is_symmetric| Access::Nat { external: IpAddr::from(external), is_symmetric };
        match self {
            Self::Lan | Self::Far => vec![host(0, Access::Open), host(1, Access::Open)],
            Self::TwoNats | Self::TwoNatsNear => vec![host(0, nat(false)), host(1, nat(false))],
            Self::Relay => {
                let relayed = SocketAddr::from(([192, 0, 2, site], 49_152));
                let relay = Base { address: relayed, access: Access::Relay, local_preference: u16::MAX - 256 };
                vec![host(0, nat(true)), relay]
            }
        }
    }

    /// Whether both ends are on one pair, each told by its base and where that sends.
    pub fn is_one_pair(self, a: (SocketAddr, SocketAddr), b: (SocketAddr, SocketAddr)) -> bool {
        self.owner(End::B, a.1) == Some(b.0) && self.owner(End::A, b.1) == Some(a.0)
    }

    /// The base of an end that an address leads to.
    fn owner(self, end: End, address: SocketAddr) -> Option<SocketAddr> {
        let bases = self.bases(end);
        let known = bases.iter().find(|base| base.address == address || base.mapped() == Some(address));
        // A symmetric NAT shows ports that nobody knew before; there is one base behind it.
        let behind = || bases.iter().find(|base| base.mapped().is_some_and(|mapped| mapped.ip() == address.ip()));
        known.or_else(behind).map(|base| base.address)
    }

    /// What the code of an end carries.
    pub fn candidates(self, end: End) -> Vec<Candidate> {
        self.bases(end).iter().flat_map(Base::candidates).collect()
    }
}

impl Base {
    pub const fn candidate_type(&self) -> CandidateType {
        match self.access {
            Access::Open | Access::Nat { .. } => CandidateType::Host,
            Access::Relay => CandidateType::Relayed,
        }
    }

    /// The address that a STUN server sees.
    pub fn mapped(&self) -> Option<SocketAddr> {
        match self.access {
            Access::Nat { external, .. } => Some(SocketAddr::new(external, self.address.port())),
            Access::Open | Access::Relay => None,
        }
    }

    fn candidates(&self) -> Vec<Candidate> {
        let own = self.candidate(self.candidate_type(), self.address);
        let reflexive = self.mapped().map(|mapped| self.candidate(CandidateType::ServerReflexive, mapped));
        [own].into_iter().chain(reflexive).collect()
    }

    fn candidate(&self, candidate_type: CandidateType, address: SocketAddr) -> Candidate {
        Candidate {
            candidate_type,
            protocol: Protocol::Udp,
            tcp_type: None,
            address,
            priority: priority(candidate_type, self.local_preference),
            foundation: format!("{candidate_type}{}", self.address.ip()),
            related_address: (candidate_type == CandidateType::ServerReflexive).then_some(self.address),
        }
    }
}
