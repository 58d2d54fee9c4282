//! The rules, one function each; ids and order are in the table of the parent module.

use std::{net::SocketAddr, time::Duration};

use floe_wire::{
    CandidateType, IceConnectionState, InterfaceKind, Protocol,
    note::{EndReason, RefusalReason},
};

use super::{Confidence, Verdict};
use crate::{
    Picture,
    nat::{NatMapping, endpoint_dependence, is_carrier_grade, is_private, mapping},
    path_facts::last_working_state,
    phases::{checking_for, checking_progress, has_answered, newest_generation},
    picture::{CandidateView, Mapping, PairView, ServerVerdict},
    words::count,
};

/// Silence says something only after the other side had time to paste, and checks had time to cross.
const PATIENCE: Duration = Duration::from_secs(5);

/// C02: the peer checks with a user fragment of an older code of ours.
pub(super) fn older_code(picture: &Picture) -> Option<Verdict> {
    let refused = picture.counters.refused.iter().find(|(reason, _)| *reason == RefusalReason::UnknownUfrag);
    let checks = picture.evidence.checks_for_unknown_ufrag.max(refused.map_or(0, |(_, count)| *count));
    (checks > 0 && !is_anything_answered(picture)).then(|| Verdict {
        confidence: Confidence::Likely,
        evidence: format!("{} arrived for a code that is not this one", count(checks, "check")),
        advice: "Send the code shown here to the other side: it has an older one.".to_owned(),
    })
}

/// C04: no interface can be used.
pub(super) fn no_interface(picture: &Picture) -> Option<Verdict> {
    let is_gathered = picture.timings.gathered.is_some();
    let is_without = picture.bases.is_empty() && (is_gathered || picture.ended == Some(EndReason::NoNetwork));
    let evidence = match picture.base_failures.first() {
        Some((interface, error)) => format!("no interface can be used; {interface}: {error}"),
        None => "no interface has a usable address".to_owned(),
    };
    is_without.then(|| Verdict {
        confidence: Confidence::Certain,
        evidence,
        advice: "Connect this computer to a network.".to_owned(),
    })
}

/// C07: no server answered over UDP, and nothing else arrived either. Whether TCP works is not known.
pub(super) fn udp_blocked(picture: &Picture) -> Option<Verdict> {
    let silent = silent_servers(picture);
    let is_any_answer = picture.servers.iter().any(|row| has_answered(picture, &row.url));
    let is_deaf = picture.bases.iter().all(|base| base.received.packets == 0);
    (!silent.is_empty() && !is_any_answer && is_deaf).then(|| Verdict {
        confidence: if silent.len() > 1 { Confidence::Likely } else { Confidence::Possible },
        evidence: format!("no UDP packet came back from {}", silent.join(", ")),
        advice: "Try another network: this one seems to block UDP.".to_owned(),
    })
}

/// Servers that were asked over the network and never answered.
fn silent_servers(picture: &Picture) -> Vec<&str> {
    let failed = |verdict: &ServerVerdict| matches!(verdict, ServerVerdict::Failed { .. });
    let rows = picture.servers.iter().filter(|row| row.base.is_some() && failed(&row.verdict));
    let mut urls: Vec<_> = rows.map(|row| row.url.as_str()).filter(|url| !has_answered(picture, url)).collect();
    urls.sort_unstable();
    urls.dedup();
    urls
}

/// C09: one server is silent, others are fine.
pub(super) fn server_down(picture: &Picture) -> Option<Verdict> {
    picture.servers.iter().find(|row| has_answered(picture, &row.url))?;
    let (url, error) = picture.servers.iter().find_map(|row| match &row.verdict {
        ServerVerdict::Failed { error } if !has_answered(picture, &row.url) => Some((&row.url, error)),
        ServerVerdict::Failed { .. } | ServerVerdict::Answered { .. } => None,
    })?;
    Some(Verdict {
        confidence: Confidence::Certain,
        evidence: format!("{url} failed while other servers answered: {error}"),
        advice: format!("Nothing has to be done; replace {url} if it stays silent."),
    })
}

/// C10: the router maps one socket differently per destination.
pub(super) fn symmetric_nat(picture: &Picture) -> Option<Verdict> {
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

fn own_dependence(picture: &Picture) -> Option<(Mapping, Mapping)> {
    picture.bases.iter().find_map(|base| endpoint_dependence(picture, base.base))
}

fn describe_dependence(first: &Mapping, second: &Mapping) -> String {
    format!(
        "this router is \"symmetric\": {} sees port {}, {} sees port {} of one socket",
        first.destination,
        first.mapped.port(),
        second.destination,
        second.mapped.port()
    )
}

/// C11: symmetric NATs, and no pair works. The peer's symmetry shows in checks from ports that it has not told.
pub(super) fn needs_relay(picture: &Picture) -> Option<Verdict> {
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

/// C12: the peer's checks arrive, ours are not answered.
pub(super) fn one_way(picture: &Picture) -> Option<Verdict> {
    let (sent, received) = (checks_sent(picture), checks_received(picture));
    let is_one_way = received > 0 && sent >= 3 && !is_anything_answered(picture) && is_time_to_judge(picture);
    is_one_way.then(|| Verdict {
        confidence: Confidence::Likely,
        evidence: format!("{received} of the peer's checks arrived, none of our {} was answered", count(sent, "check")),
        advice: "They reach you, you do not reach them: check the other side's firewall and router.".to_owned(),
    })
}

/// C13: checks leave and nothing arrives, with no symmetric NAT of ours to blame.
pub(super) fn nothing_received(picture: &Picture) -> Option<Verdict> {
    let sent = checks_sent(picture);
    let is_silent = sent >= 3 && checks_received(picture) == 0 && !is_anything_answered(picture);
    if !is_silent || !is_time_to_judge(picture) || own_dependence(picture).is_some() {
        return None;
    }
    let is_independent = mapping(picture) == Some(NatMapping::EndpointIndependent);
    Some(Verdict {
        confidence: if is_independent { Confidence::Likely } else { Confidence::Possible },
        evidence: format!("{} sent, nothing of the peer arrived", count(sent, "check")),
        advice: "Make sure that the other side has pasted your newest code; else its network filters.".to_owned(),
    })
}

/// C15: carrier-grade or double NAT. Addresses of a tunnel (a VPN may use 100.64/10) say nothing about the provider.
pub(super) fn double_nat(picture: &Picture) -> Option<Verdict> {
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
pub(super) fn no_common_family(picture: &Picture) -> Option<Verdict> {
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

/// C29: it is too early to say.
pub(super) fn still_checking(picture: &Picture) -> Option<Verdict> {
    if !picture.selections.is_empty() {
        return None;
    }
    Some(Verdict {
        confidence: Confidence::Certain,
        evidence: format!("still checking: {}", checking_progress(picture, "; ")?),
        advice: "Wait, and make sure that the other side has pasted your code.".to_owned(),
    })
}

fn is_anything_answered(picture: &Picture) -> bool {
    !picture.selections.is_empty() || picture.pairs.iter().any(|pair| pair.last_answer.is_some())
}

/// Whether checking failed, ended, or has gone on long enough for silence to mean something.
fn is_time_to_judge(picture: &Picture) -> bool {
    let is_over = picture.ended.is_some() || last_working_state(picture) == Some(IceConnectionState::Failed);
    is_over || checking_for(picture).is_some_and(|elapsed| elapsed >= PATIENCE)
}

fn checks_sent(picture: &Picture) -> u64 {
    newest_pairs(picture).map(|pair| pair.requests_sent).sum()
}

fn checks_received(picture: &Picture) -> u64 {
    newest_pairs(picture).map(|pair| pair.requests_received).sum()
}

fn newest_pairs(picture: &Picture) -> impl Iterator<Item = &PairView> {
    let newest = newest_generation(picture);
    picture.pairs.iter().filter(move |pair| pair.id.generation == newest)
}
