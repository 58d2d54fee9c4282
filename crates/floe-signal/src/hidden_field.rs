//! Hosts of a code that are told by name, because their addresses are hidden.

use floe_wire::{Candidate, CandidateType, Protocol, candidate::priority, mdns::HiddenName};
use std::net::{IpAddr, SocketAddr};

use crate::CandidateProblem;

/// How many a code may carry: a computer has a few addresses, and every name is asked for by multicast.
pub const MAX_HIDDEN: usize = 8;

/// A candidate of UDP on a host with a bit for names instead of addresses.
pub(crate) const HIDDEN: u8 = 0x82;

/// A UDP host candidate whose address only its own network is told, by multicast DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HiddenHost {
    /// What to ask for.
    pub name: HiddenName,
    /// The port.
    pub port: u16,
    /// From which the priority follows (RFC 8445 section 5.1.2.1).
    pub local_preference: u16,
}

impl HiddenHost {
    /// The candidate it is once its address is known.
    #[must_use]
    pub fn candidate(&self, address: IpAddr) -> Candidate {
        Candidate {
            candidate_type: CandidateType::Host,
            protocol: Protocol::Udp,
            tcp_type: None,
            address: SocketAddr::new(address, self.port),
            priority: priority(CandidateType::Host, self.local_preference),
            foundation: self.name.to_string(),
            related_address: None,
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut body = self.name.0.to_vec();
        body.extend(self.port.to_be_bytes());
        body.extend(self.local_preference.to_be_bytes());
        body
    }
}

/// Collects the hidden hosts of a code.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    hosts: Vec<HiddenHost>,
    too_many: usize,
}

impl Reader {
    /// Takes one field; one that is too short or has no port names nothing that could be reached.
    pub fn take(&mut self, body: &[u8]) {
        let Some((name, rest)) = body.split_first_chunk::<16>() else { return };
        let Some(&[port_high, port_low, high, low]) = rest.first_chunk::<4>() else { return };
        let port = u16::from_be_bytes([port_high, port_low]);
        let host = HiddenHost { name: HiddenName(*name), port, local_preference: u16::from_be_bytes([high, low]) };
        if port == 0 || self.hosts.iter().any(|known| known.name == host.name) {
            return;
        }
        if self.hosts.len() == MAX_HIDDEN {
            self.too_many += 1;
        } else {
            self.hosts.push(host);
        }
    }

    pub fn finish(self, problems: &mut Vec<CandidateProblem>) -> Vec<HiddenHost> {
        if self.too_many > 0 {
            problems.push(CandidateProblem::TooMany { count: self.too_many });
        }
        self.hosts
    }
}
