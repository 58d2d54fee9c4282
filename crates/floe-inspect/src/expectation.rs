//! What is known before a path is: the state of our code, both NATs, and what they let expect.

use std::net::{IpAddr, SocketAddr};

use floe_wire::{BaseId, CandidateType, NatFiltering, NatMapping, NatSummary, Stamp};

use crate::{
    Picture,
    forecast::{Forecast, Outlook, Party, Score, forecast},
    picture::CandidateView,
};

/// Our code: whether what it tells still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeView {
    /// When the newest one was made.
    pub made: Stamp,
    /// When servers last saw us at the addresses that it tells.
    pub confirmed: Option<Stamp>,
    /// How often a code was replaced because an address in it had changed or was missing.
    pub replaced: u32,
}

/// Both NATs, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NatView {
    /// In front of each of our bases.
    pub bases: Vec<BaseNat>,
    /// What our code says, or would say.
    pub own: Option<NatSummary>,
    /// What the peer's code says.
    pub peer: Option<NatSummary>,
}

/// The NAT in front of one base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseNat {
    /// The base.
    pub base: BaseId,
    /// When it keeps its mapped address.
    pub mapping: NatMapping,
    /// Who may send to it.
    pub filtering: NatFiltering,
}

/// What both codes let expect, and what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForecastView {
    /// What is expected.
    pub outlook: Outlook,
    /// Why, in one sentence.
    pub why: &'static str,
    /// What came, once something has.
    pub came: Option<Outlook>,
}

impl ForecastView {
    /// How the expectation compares with what came.
    #[must_use]
    pub const fn score(&self) -> Option<Score> {
        match self.came {
            Some(came) => Score::of(self.outlook, came),
            None => None,
        }
    }
}

/// What both codes let expect; none before both are known.
pub(crate) fn expect(picture: &Picture) -> Option<Forecast> {
    picture.timings.both_codes?;
    let relayed =
        |views: &[CandidateView]| views.iter().any(|view| view.candidate.candidate_type == CandidateType::Relayed);
    let party = |views: &[CandidateView], nat: Option<NatSummary>| Party {
        nat: nat.unwrap_or(NatSummary::UNKNOWN),
        has_ipv6: views.iter().any(|view| is_global_ipv6(view.candidate.address.ip())),
        has_ipv4: views.iter().any(|view| view.candidate.address.is_ipv4()),
        has_relay: relayed(views),
    };
    if let Some(why) = shared_network(picture) {
        return Some(Forecast { outlook: Outlook::Direct, why });
    }
    let us = party(&picture.local_candidates, picture.nat.own);
    let them = party(&picture.remote_candidates, picture.nat.peer);
    Some(forecast(&us, &them))
}

/// Whether both sides seem to be on one network, with the sentence that says so.
fn shared_network(picture: &Picture) -> Option<&'static str> {
    let told = |views: &[CandidateView], wanted: CandidateType| -> Vec<SocketAddr> {
        let views = views.iter().filter(|view| view.candidate.candidate_type == wanted);
        views.map(|view| view.candidate.address).collect()
    };
    let (ours, theirs) = (&picture.local_candidates, &picture.remote_candidates);
    let public = told(theirs, CandidateType::ServerReflexive);
    if told(ours, CandidateType::ServerReflexive).iter().any(|own| public.iter().any(|other| other.ip() == own.ip())) {
        return Some("both sides are behind the same public address, so they seem to be on one network");
    }
    // Home networks look alike: addresses of one kind say nothing where servers see two public ones.
    let hosts = told(theirs, CandidateType::Host);
    let is_near = |own: &SocketAddr| hosts.iter().any(|other| is_same_subnet(own.ip(), other.ip()));
    (public.is_empty() && told(ours, CandidateType::Host).iter().any(is_near))
        .then_some("both sides have addresses of one local network")
}

/// The first three bytes of IPv4, as most local networks have it, or the first 64 bits of IPv6.
fn is_same_subnet(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one.octets()[..3] == other.octets()[..3],
        (IpAddr::V6(one), IpAddr::V6(other)) => one.segments()[..4] == other.segments()[..4],
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Global unicast (RFC 4291 section 2.4, 2000::/3).
fn is_global_ipv6(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.segments()[0] & 0xE000 == 0x2000)
}
