//! TCP candidates of a host in few characters: the ports, since all else follows from its UDP candidates.

use std::net::IpAddr;

use floe_wire::{
    Candidate, CandidateType, Protocol, TcpType,
    candidate::{ACTIVE_PORT, passive_preference, tcp_priority},
};

use crate::{
    CandidateProblem, MAX_CANDIDATES,
    candidate_field::{admit, local_preference},
};

/// Passive ports of one code that count; each address has a candidate for every one of them.
const MAX_PASSIVE: usize = 8;

/// The ports that every address of a host has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TcpPorts {
    simultaneous: Option<u16>,
    passive: Vec<u16>,
}

/// An address of the host, and the local preference of its UDP candidate.
type Host = (IpAddr, u16);

/// Takes out the candidates that ports can stand for; gives the ports and the rest.
pub(crate) fn fold(candidates: &[Candidate]) -> (Option<TcpPorts>, Vec<Candidate>) {
    let hosts = hosts(candidates);
    let Some(ports) = TcpPorts::common(&hosts, candidates) else { return (None, candidates.to_vec()) };
    let implied = ports.candidates(&hosts);
    let is_implied = |candidate: &&Candidate| implied.iter().any(|other| is_same(candidate, other));
    (Some(ports), candidates.iter().filter(|candidate| !is_implied(candidate)).cloned().collect())
}

impl TcpPorts {
    /// The ports that stand for candidates of every host; none if not every host dials.
    fn common(hosts: &[Host], candidates: &[Candidate]) -> Option<Self> {
        let all_have = |tcp_type, place, port| {
            let has = |host: &Host| {
                let wanted = candidate(*host, 0, tcp_type, place, port);
                candidates.iter().any(|candidate| is_same(candidate, &wanted))
            };
            hosts.iter().all(has)
        };
        if hosts.is_empty() || !all_have(TcpType::Active, 0, ACTIVE_PORT) {
            return None;
        }
        let ports_of = |tcp_type| {
            let mut ports: Vec<u16> = Vec::new();
            for candidate in candidates.iter().filter(|candidate| candidate.tcp_type == Some(tcp_type)) {
                let port = candidate.address.port();
                if port != 0 && !ports.contains(&port) && all_have(tcp_type, ports.len(), port) {
                    ports.push(port);
                }
            }
            ports
        };
        let mut passive = ports_of(TcpType::Passive);
        passive.truncate(MAX_PASSIVE);
        let simultaneous = ports_of(TcpType::SimultaneousOpen).first().copied();
        Some(Self { simultaneous, passive })
    }

    pub fn write(&self) -> Vec<u8> {
        let ports = std::iter::once(self.simultaneous.unwrap_or(0)).chain(self.passive.iter().copied());
        ports.flat_map(u16::to_be_bytes).collect()
    }

    /// Reads a field; none if it is too short for what it must have.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut ports = body.chunks_exact(2).map(|port| u16::from_be_bytes([port[0], port[1]]));
        let simultaneous = ports.next()?;
        let passive = ports.filter(|port| *port != 0).take(MAX_PASSIVE).collect();
        Some(Self { simultaneous: (simultaneous != 0).then_some(simultaneous), passive })
    }

    /// Adds the candidates that the ports stand for.
    pub fn unfold(&self, candidates: &mut Vec<Candidate>, problems: &mut Vec<CandidateProblem>) {
        let mut too_many = 0;
        for candidate in self.candidates(&hosts(candidates)) {
            if candidates.len() == MAX_CANDIDATES {
                too_many += 1;
            } else {
                admit(candidate, candidates, problems);
            }
        }
        if too_many > 0 {
            problems.push(CandidateProblem::TooMany { count: too_many });
        }
    }

    fn candidates(&self, hosts: &[Host]) -> Vec<Candidate> {
        let all = |number, host: Host| {
            let one = move |tcp_type, place, port| candidate(host, number, tcp_type, place, port);
            let passive = self.passive.iter().enumerate();
            let passive = passive.map(move |(place, port)| one(TcpType::Passive, place, *port));
            let simultaneous = self.simultaneous.map(|port| one(TcpType::SimultaneousOpen, 0, port));
            passive.chain(simultaneous).chain([one(TcpType::Active, 0, ACTIVE_PORT)])
        };
        hosts.iter().enumerate().flat_map(|(number, host)| all(number, *host)).collect()
    }
}

/// The addresses of a host's UDP candidates, each once. Loopback has no need of TCP.
fn hosts(candidates: &[Candidate]) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    for candidate in candidates {
        let is_host = candidate.candidate_type == CandidateType::Host && candidate.protocol == Protocol::Udp;
        let ip = candidate.address.ip();
        if let Some(preference) = local_preference(candidate).filter(|_| is_host)
            && !ip.is_loopback()
            && !hosts.iter().any(|(known, _)| *known == ip)
        {
            hosts.push((ip, preference));
        }
    }
    hosts
}

/// The candidate of one host, on a port whose `place` is among the passive ones; addresses and roles have foundations
/// of their own (RFC 6544 section 4.3).
fn candidate((ip, preference): Host, number: usize, tcp_type: TcpType, place: usize, port: u16) -> Candidate {
    Candidate {
        candidate_type: CandidateType::Host,
        protocol: Protocol::Tcp,
        tcp_type: Some(tcp_type),
        address: (ip, port).into(),
        priority: tcp_priority(CandidateType::Host, tcp_type, passive_preference(preference, place)),
        foundation: format!("{}{number}", tcp_type.name()),
        related_address: None,
    }
}

/// Whether two are the same, foundations aside.
fn is_same(one: &Candidate, other: &Candidate) -> bool {
    let key = |candidate: &Candidate| {
        let Candidate { candidate_type, protocol, tcp_type, address, priority, related_address, .. } =
            candidate.clone();
        (candidate_type, protocol, tcp_type, address, priority, related_address)
    };
    key(one) == key(other)
}
