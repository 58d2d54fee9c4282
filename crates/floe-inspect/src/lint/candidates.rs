//! Rules about candidates: addresses that must not be told, and priorities that must differ.

use std::net::{IpAddr, Ipv6Addr};

use floe_wire::CandidateType;

use super::{LintFinding, LintRule, Linter, Place, Side, report};
use crate::picture::CandidateView;

pub(super) const ADDRESS: LintRule = LintRule { name: "host-address", section: "RFC 8445 section 5.1.1.1" };
pub(super) const UNIQUE: LintRule = LintRule { name: "priority-unique", section: "RFC 8445 section 5.1.2" };

/// All of them.
pub(super) const RULES: &[LintRule] = &[ADDRESS, UNIQUE];

impl Linter {
    /// Judges a candidate that a side told; `all` holds it and the others of that side.
    pub(crate) fn on_candidate(
        findings: &mut Vec<LintFinding>,
        place: Place,
        side: Side,
        view: &CandidateView,
        all: &[CandidateView],
    ) {
        let candidate = &view.candidate;
        if candidate.candidate_type == CandidateType::PeerReflexive {
            return;
        }
        let address = candidate.address.ip();
        let is_one_computer = || all.iter().all(|other| other.candidate.address.ip().is_loopback());
        if let Some(kind) = forbidden(address).filter(|_| !(address.is_loopback() && is_one_computer())) {
            report(findings, ADDRESS, side, place, || format!("{address} is {kind} and must not be a candidate"));
        }
        let others = all.iter().filter(|other| other.id != view.id && other.generation == view.generation);
        let same = others.filter(|other| other.candidate.candidate_type != CandidateType::PeerReflexive);
        let same = same.filter(|other| !succeeds(view, other));
        if let Some(twin) = same.into_iter().find(|other| other.candidate.priority == candidate.priority) {
            let text = || format!("{} and {} have one priority", twin.candidate.address, candidate.address);
            report(findings, UNIQUE, side, place, text);
        }
    }
}

/// Whether the later of the two took the place of the earlier: an interface that comes back is bound to a new port of
/// the same address, and a NAT then maps it anew.
fn succeeds(one: &CandidateView, other: &CandidateView) -> bool {
    let of = |view: &CandidateView| {
        let candidate = &view.candidate;
        (candidate.candidate_type, candidate.protocol, candidate.tcp_type, candidate.address.ip())
    };
    of(one) == of(other) && one.at != other.at
}

/// What makes an address unfit.
fn forbidden(address: IpAddr) -> Option<&'static str> {
    if address.is_loopback() {
        return Some("a loopback address");
    }
    if address.is_unspecified() || address.is_multicast() {
        return Some("no unicast address");
    }
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => deprecated(address),
    }
}

fn deprecated(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    if segments[0] & 0xFFC0 == 0xFEC0 {
        return Some("site-local (deprecated)");
    }
    if address.to_ipv4_mapped().is_some() {
        return Some("IPv4-mapped");
    }
    (segments[..6] == [0; 6]).then_some("IPv4-compatible (deprecated)")
}
