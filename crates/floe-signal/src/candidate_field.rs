//! Candidates inside a code: few bytes each, and skippable where their kind is newer.

use std::net::{IpAddr, SocketAddr};

use floe_wire::{Candidate, CandidateType, Protocol, TcpType, candidate::priority};

use crate::{CandidateProblem, CodeError, Unusable};

/// How many candidates a code may carry. RFC 8445 section 6.1.2.5 bounds pairs by 100; more candidates than this only
/// serve to make a reader work.
pub const MAX_CANDIDATES: usize = 64;

/// Set in the tag of every candidate.
pub(crate) const CANDIDATE: u8 = 0x80;
const IPV6: u8 = 0b100;
const NEWER_KIND: u8 = 0b010;
const EXPLICIT_PRIORITY: u8 = 0b001;

/// By the number that stands for each in codes and in messages of the control channel.
pub(crate) const TYPES: [CandidateType; 4] =
    [CandidateType::Host, CandidateType::ServerReflexive, CandidateType::PeerReflexive, CandidateType::Relayed];
/// As [`TYPES`].
pub(crate) const PROTOCOLS: [(Protocol, Option<TcpType>); 4] = [
    (Protocol::Udp, None),
    (Protocol::Tcp, Some(TcpType::Active)),
    (Protocol::Tcp, Some(TcpType::Passive)),
    (Protocol::Tcp, Some(TcpType::SimultaneousOpen)),
];

/// Gives the tag and the body of each candidate.
pub(crate) fn write_all(candidates: &[Candidate]) -> Vec<(u8, Vec<u8>)> {
    let candidates = &candidates[..candidates.len().min(MAX_CANDIDATES)];
    let mut foundations: Vec<&str> = Vec::new();
    candidates
        .iter()
        .map(|candidate| {
            let foundation = foundations.iter().position(|known| *known == candidate.foundation).unwrap_or_else(|| {
                foundations.push(&candidate.foundation);
                foundations.len() - 1
            });
            (tag(candidate), body(candidate, low_byte(foundation + 1), candidates))
        })
        .collect()
}

fn tag(candidate: &Candidate) -> u8 {
    let kind = TYPES.iter().position(|kind| *kind == candidate.candidate_type).unwrap_or(0);
    let protocol = PROTOCOLS
        .iter()
        .position(|protocol| *protocol == (candidate.protocol, candidate.tcp_type))
        .unwrap_or(if candidate.protocol == Protocol::Tcp { 2 } else { 0 });
    let family = if candidate.address.is_ipv6() { IPV6 } else { 0 };
    let explicit = if local_preference(candidate).is_none() { EXPLICIT_PRIORITY } else { 0 };
    CANDIDATE | low_byte(kind) << 5 | low_byte(protocol) << 3 | family | explicit
}

fn body(candidate: &Candidate, foundation: u8, all: &[Candidate]) -> Vec<u8> {
    let mut body = Vec::new();
    put_address(&mut body, candidate.address);
    match local_preference(candidate) {
        Some(preference) => body.extend(preference.to_be_bytes()),
        None => body.extend(candidate.priority.to_be_bytes()),
    }
    body.push(foundation);
    if let Some(related) = candidate.related_address {
        match all.iter().position(|other| other.address == related) {
            Some(position) => body.push(low_byte(position)),
            None => put_address(&mut body, related),
        }
    }
    body
}

/// The local preference from which the priority follows, if one does.
pub(crate) fn local_preference(candidate: &Candidate) -> Option<u16> {
    let [_, high, low, _] = candidate.priority.to_be_bytes();
    let preference = u16::from_be_bytes([high, low]);
    (priority(candidate.candidate_type, preference) == candidate.priority).then_some(preference)
}

fn put_address(body: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => body.extend(ip.octets()),
        IpAddr::V6(ip) => body.extend(ip.octets()),
    }
    body.extend(address.port().to_be_bytes());
}

/// Positions of at most [`MAX_CANDIDATES`] things and of table entries fit into a byte.
fn low_byte(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// Collects the candidates of a code.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// One for each candidate field; none where it was of a newer kind.
    fields: Vec<Option<Field>>,
    too_many: usize,
}

#[derive(Debug)]
struct Field {
    candidate: Candidate,
    related: Related,
}

#[derive(Debug, Clone, Copy)]
enum Related {
    Untold,
    Position(u8),
    Address(SocketAddr),
}

impl Reader {
    /// Takes one candidate field.
    pub(crate) fn take(&mut self, tag: u8, body: &[u8]) -> Result<(), CodeError> {
        if self.fields.len() == MAX_CANDIDATES {
            self.too_many += 1;
            return Ok(());
        }
        let field = match tag & NEWER_KIND {
            0 => Some(read_field(tag, body).ok_or(CodeError::BadContents { what: "a candidate is too short" })?),
            _ => None,
        };
        self.fields.push(field);
        Ok(())
    }

    /// Gives the candidates that can be used, and what is wrong with the others.
    pub(crate) fn finish(self) -> (Vec<Candidate>, Vec<CandidateProblem>) {
        let addresses: Vec<_> =
            self.fields.iter().map(|field| field.as_ref().map(|field| field.candidate.address)).collect();
        let newer = self.fields.iter().filter(|field| field.is_none()).count();
        let (mut candidates, mut problems) = (Vec::new(), Vec::new());
        for Field { mut candidate, related } in self.fields.into_iter().flatten() {
            candidate.related_address = match related {
                Related::Untold => None,
                Related::Position(position) => addresses.get(usize::from(position)).copied().flatten(),
                Related::Address(address) => Some(address),
            };
            admit(candidate, &mut candidates, &mut problems);
        }
        if newer > 0 {
            problems.push(CandidateProblem::UnknownKind { count: newer });
        }
        if self.too_many > 0 {
            problems.push(CandidateProblem::TooMany { count: self.too_many });
        }
        (candidates, problems)
    }
}

/// Takes a candidate if it can be used; what is wrong with it otherwise.
pub(crate) fn admit(candidate: Candidate, candidates: &mut Vec<Candidate>, problems: &mut Vec<CandidateProblem>) {
    let address = candidate.address;
    if let Some(reason) = Unusable::of(&candidate) {
        problems.push(CandidateProblem::Dropped { address, reason });
        return;
    }
    // Active TCP candidates share the placeholder port; one per address is enough all the same.
    let is_twin = |other: &Candidate| {
        (other.address, other.protocol, other.tcp_type) == (address, candidate.protocol, candidate.tcp_type)
    };
    if candidates.iter().any(is_twin) {
        problems.push(CandidateProblem::Duplicate { address });
        return;
    }
    if address.ip().is_loopback() {
        problems.push(CandidateProblem::Loopback { address });
    }
    candidates.push(candidate);
}

fn read_field(tag: u8, body: &[u8]) -> Option<Field> {
    let candidate_type = TYPES[usize::from(tag >> 5 & 3)];
    let (protocol, tcp_type) = PROTOCOLS[usize::from(tag >> 3 & 3)];
    let (address, rest) = if tag & IPV6 == 0 { read_address::<4>(body)? } else { read_address::<16>(body)? };
    let (priority, rest) = match tag & EXPLICIT_PRIORITY {
        0 => rest
            .split_first_chunk()
            .map(|(bytes, rest)| (priority(candidate_type, u16::from_be_bytes(*bytes)), rest))?,
        _ => rest.split_first_chunk().map(|(bytes, rest)| (u32::from_be_bytes(*bytes), rest))?,
    };
    let (foundation, rest) = rest.split_first()?;
    let related_address = None;
    let foundation = foundation.to_string();
    let candidate = Candidate { candidate_type, protocol, tcp_type, address, priority, foundation, related_address };
    Some(Field { candidate, related: read_related(rest) })
}

fn read_related(rest: &[u8]) -> Related {
    match rest.len() {
        1 => Related::Position(rest[0]),
        6 => read_address::<4>(rest).map_or(Related::Untold, |(address, _)| Related::Address(address)),
        18 => read_address::<16>(rest).map_or(Related::Untold, |(address, _)| Related::Address(address)),
        _ => Related::Untold,
    }
}

fn read_address<const N: usize>(bytes: &[u8]) -> Option<(SocketAddr, &[u8])>
where
    IpAddr: From<[u8; N]>,
{
    let (ip, rest) = bytes.split_first_chunk::<N>()?;
    let (port, rest) = rest.split_first_chunk()?;
    Some((SocketAddr::new(IpAddr::from(*ip), u16::from_be_bytes(*port)), rest))
}
