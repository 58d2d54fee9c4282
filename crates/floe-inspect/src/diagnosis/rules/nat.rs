//! Rules about addresses: what routers translate, and what does not fit together.

use std::net::{IpAddr, SocketAddr};

use floe_wire::{CandidateType, InterfaceKind, Protocol};

use super::{checks_sent, is_anything_answered, is_connected_now, is_time_to_judge, newest_pairs};
use crate::{
    Picture,
    diagnosis::{Confidence, Verdict},
    nat::{endpoint_dependence, is_carrier_grade, is_private},
    phases::newest_generation,
    picture::{CandidateView, Mapping},
};

/// C11: symmetric NATs, and no pair works. The peer's symmetry shows in checks from ports that it has not told.
pub(in crate::diagnosis) fn needs_relay(picture: &Picture) -> Option<Verdict> {
    let (first, second) = own_dependence(picture)?;
    if is_anything_answered(picture) || !is_time_to_judge(picture) || checks_sent(picture) == 0 {
        return None;
    }
    let (confidence, theirs) = match untold_port(picture) {
        Some(address) => (Confidence::Likely, format!("; the peer's is too: its checks come from {address}")),
        None => (Confidence::Possible, String::new()),
    };
    Some(Verdict {
        confidence,
        evidence: format!("{}{theirs}", describe_dependence(&first, &second)),
        advice: "Use a relay, IPv6 or a port mapping on this router: checks alone cannot pass.".to_owned(),
    })
}

/// A peer-reflexive address on the host of a signaled reflexive one, with another port.
fn untold_port(picture: &Picture) -> Option<SocketAddr> {
    let of = |wanted: CandidateType| {
        let views = picture.remote_candidates.iter();
        views.filter(move |view| view.candidate.candidate_type == wanted).map(|view| view.candidate.address)
    };
    of(CandidateType::PeerReflexive).find(|seen| of(CandidateType::ServerReflexive).any(|told| told.ip() == seen.ip()))
}

/// C10: the router maps one socket differently per destination.
pub(in crate::diagnosis) fn symmetric_nat(picture: &Picture) -> Option<Verdict> {
    if !picture.selections.is_empty() {
        return None;
    }
    let (first, second) = own_dependence(picture)?;
    Some(Verdict {
        confidence: Confidence::Certain,
        evidence: describe_dependence(&first, &second),
        advice: "If no path is found, use a relay, IPv6 or a port mapping on this router.".to_owned(),
    })
}

pub(super) fn own_dependence(picture: &Picture) -> Option<(Mapping, Mapping)> {
    picture.bases.iter().find_map(|base| endpoint_dependence(picture, base.base))
}

fn describe_dependence(first: &Mapping, second: &Mapping) -> String {
    let seen = |mapping: &Mapping| match first.mapped.ip() == second.mapped.ip() {
        true => format!("port {}", mapping.mapped.port()),
        false => mapping.mapped.to_string(),
    };
    format!(
        "this router is \"symmetric\": {} sees {}, {} sees {} of one socket",
        first.destination,
        seen(first),
        second.destination,
        seen(second)
    )
}

/// C15: carrier-grade or double NAT. Addresses of a tunnel (a VPN may use 100.64/10) say nothing about the provider.
pub(in crate::diagnosis) fn double_nat(picture: &Picture) -> Option<Verdict> {
    if !picture.selections.is_empty() {
        return None;
    }
    let evidence = carrier_address(picture).or_else(|| private_wan(picture))?;
    Some(Verdict {
        confidence: Confidence::Likely,
        evidence,
        advice: "A port mapping on your own router will not be enough; use IPv6 or a relay if no path is found."
            .to_owned(),
    })
}

fn carrier_address(picture: &Picture) -> Option<String> {
    let mut bases = picture.bases.iter().filter(|base| base.kind != InterfaceKind::Tunnel);
    let base = bases.find(|base| is_carrier_grade(base.address.ip()))?;
    Some(format!("{} has {}, an address of a carrier-grade NAT", base.interface, base.address.ip()))
}

/// A public server that sees a private address stands behind our router, not outside.
fn private_wan(picture: &Picture) -> Option<String> {
    let seen = picture.mappings.iter().find(|seen| {
        let own = picture.base(seen.base).map(|base| base.address.ip());
        let is_translated = own.is_some_and(|own| own != seen.mapped.ip());
        let is_from_outside = seen.is_server && !is_private(seen.destination.ip());
        is_translated && is_from_outside && is_private(seen.mapped.ip())
    })?;
    Some(format!("{} sees the private address {}: two NATs in a row", seen.destination, seen.mapped.ip()))
}

/// C18: no address of ours has the family (or protocol) of one of the peer's.
pub(in crate::diagnosis) fn no_common_family(picture: &Picture) -> Option<Verdict> {
    let newest = newest_generation(picture);
    let of = |views: &[CandidateView]| families(views.iter().filter(|view| view.generation == newest));
    let (ours, theirs) = (of(&picture.local_candidates), of(&picture.remote_candidates));
    let is_known = !ours.is_empty() && !theirs.is_empty() && picture.timings.gathered.is_some();
    let is_disjoint = !ours.iter().any(|family| theirs.contains(family));
    (is_known && is_disjoint).then(|| Verdict {
        confidence: Confidence::Certain,
        evidence: format!("you have {} only, the peer has {} only", ours.join(" and "), theirs.join(" and ")),
        advice: "Use a relay that has both, or a network with the other side's address family.".to_owned(),
    })
}

fn families<'a>(views: impl Iterator<Item = &'a CandidateView>) -> Vec<&'static str> {
    let mut families: Vec<_> = views
        .map(|view| match (view.candidate.address.is_ipv4(), view.candidate.protocol) {
            (true, Protocol::Udp) => "IPv4",
            (false, Protocol::Udp) => "IPv6",
            (true, Protocol::Tcp) => "IPv4 over TCP",
            (false, Protocol::Tcp) => "IPv6 over TCP",
        })
        .collect();
    families.sort_unstable();
    families.dedup();
    families
}

/// C14: one router in front of both, and it keeps its devices apart.
pub(in crate::diagnosis) fn devices_isolated(picture: &Picture) -> Option<Verdict> {
    if is_connected_now(picture) || !is_time_to_judge(picture) {
        return None;
    }
    let shared = shared_router(picture)?;
    let mut inside = newest_pairs(picture).filter(|pair| is_private(pair.id.remote.ip()) && pair.requests_sent >= 3);
    let is_silent = inside.clone().all(|pair| pair.last_answer.is_none());
    (inside.next().is_some() && is_silent).then(|| Verdict {
        confidence: Confidence::Likely,
        evidence: format!("both sides are behind {shared}, and local addresses do not answer"),
        advice:
            "This router keeps its devices apart (guest Wi-Fi, \"AP isolation\"): use another network for one side."
                .to_owned(),
    })
}

/// The public address that both sides share.
fn shared_router(picture: &Picture) -> Option<IpAddr> {
    let reflexive = |views: &[CandidateView]| -> Vec<IpAddr> {
        let views = views.iter().filter(|view| view.candidate.candidate_type == CandidateType::ServerReflexive);
        views.map(|view| view.candidate.address.ip()).filter(|ip| ip.is_ipv4()).collect()
    };
    let theirs = reflexive(&picture.remote_candidates);
    reflexive(&picture.local_candidates).into_iter().find(|ours| theirs.contains(ours))
}

/// C19: what our code tells is no longer true.
pub(in crate::diagnosis) fn mapping_moved(picture: &Picture) -> Option<Verdict> {
    let ready = picture.timings.code_ready?;
    let moved = picture.moved_mappings.iter().find(|moved| moved.at > ready)?;
    picture.selections.is_empty().then(|| Verdict {
        confidence: Confidence::Certain,
        evidence: format!(
            "{} saw us at {} when the code was made, and at {} now",
            moved.server, moved.before, moved.after
        ),
        advice: "Send the code again: the address in the old one has expired.".to_owned(),
    })
}
