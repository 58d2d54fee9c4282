//! What the mapped addresses of one base say about the NAT in front of it (RFC 4787 section 4.1).

use std::net::IpAddr;

use floe_wire::BaseId;

use crate::{
    Picture,
    picture::{Mapping, SendEvidence},
};

/// How a NAT maps one base towards different destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatMapping {
    /// Every destination sees the same address, or there is no NAT.
    EndpointIndependent,
    /// Destinations see different addresses ("symmetric"): these two did.
    EndpointDependent {
        /// One destination and what it saw.
        first: Mapping,
        /// Another.
        second: Mapping,
    },
}

impl NatMapping {
    /// The RFC 4787 name. Two destinations on different hosts do not tell whether the port matters as well.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::EndpointIndependent => "endpoint-independent",
            Self::EndpointDependent { first, second } if first.destination.ip() == second.destination.ip() => {
                "address-and-port-dependent"
            }
            Self::EndpointDependent { .. } => "address-dependent or address-and-port-dependent",
        }
    }
}

/// Compares what STUN servers saw of one base; none unless two of them answered.
#[must_use]
pub fn mapping_of(picture: &Picture, base: BaseId) -> Option<NatMapping> {
    let seen: Vec<_> = picture.mappings.iter().filter(|seen| seen.base == base && seen.is_server).collect();
    compare(&seen)
}

/// The mapping in front of the base in use, or else the most restrictive one found on any base.
#[must_use]
pub fn mapping(picture: &Picture) -> Option<NatMapping> {
    let in_use = picture.selections.last().and_then(|selection| mapping_of(picture, selection.pair.base));
    in_use.or_else(|| {
        let found: Vec<_> = picture.bases.iter().filter_map(|base| mapping_of(picture, base.base)).collect();
        found.iter().find(|mapping| **mapping != NatMapping::EndpointIndependent).or(found.first()).copied()
    })
}

/// Two destinations that saw one base at different addresses; the peer's answers count as well where the NAT in
/// question is clearly the same one, because only the port differs.
#[must_use]
pub fn endpoint_dependence(picture: &Picture, base: BaseId) -> Option<(Mapping, Mapping)> {
    if let Some(NatMapping::EndpointDependent { first, second }) = mapping_of(picture, base) {
        return Some((first, second));
    }
    let seen: Vec<_> = picture.mappings.iter().filter(|seen| seen.base == base).collect();
    let pairs = seen.iter().enumerate().flat_map(|(n, first)| seen[n + 1..].iter().map(move |second| (first, second)));
    let mut differing = pairs.filter(|(first, second)| {
        first.mapped.ip() == second.mapped.ip()
            && first.mapped.port() != second.mapped.port()
            && first.destination != second.destination
    });
    differing.next().map(|(first, second)| (**first, **second))
}

/// Only what was seen from the same place is compared: a server inside a carrier's network sees the address between two
/// NATs, which is another one than the outside sees, whatever the ports do.
fn compare(seen: &[&Mapping]) -> Option<NatMapping> {
    let place = |seen: &Mapping| (seen.mapped.is_ipv4(), is_private(seen.mapped.ip()));
    let beside = seen.iter().enumerate().flat_map(|(n, first)| {
        let others = seen[n + 1..].iter().filter(|second| place(first) == place(second));
        others.map(move |second| (**first, **second))
    });
    let mut beside = beside.peekable();
    beside.peek()?;
    Some(match beside.find(|(first, second)| first.mapped != second.mapped) {
        Some((first, second)) => NatMapping::EndpointDependent { first, second },
        None => NatMapping::EndpointIndependent,
    })
}

impl SendEvidence {
    /// Counts a datagram that was to leave over UDP.
    pub(crate) fn count_sent(&mut self, to: IpAddr) {
        let count = if is_private(to) { &mut self.private } else { &mut self.public };
        *count += 1;
    }

    /// Counts the system's refusal of it. Numbers of errors stand in every language (EPERM, EACCES, WSAEACCES).
    pub(crate) fn count_refused(&mut self, to: IpAddr, error: &str) {
        let count = if is_private(to) { &mut self.refused_private } else { &mut self.refused_public };
        *count += 1;
        let is_denied = ["(os error 1)", "(os error 13)", "(os error 10013)"].iter().any(|known| error.contains(known));
        self.denied += u64::from(is_denied);
    }
}

/// Whether an address belongs to the carrier's shared range (RFC 6598).
#[must_use]
pub fn is_carrier_grade(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 100 && address.octets()[1] & 0xC0 == 64,
        IpAddr::V6(_) => false,
    }
}

/// Whether an address is of use inside one network only (RFC 1918, RFC 4193, RFC 6598, link-local, loopback).
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback() || is_carrier_grade(address),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}
