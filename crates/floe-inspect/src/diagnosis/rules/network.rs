//! Rules about this computer, its network and its servers.

use floe_wire::{BaseKind, InterfaceKind, Protocol, RelayProtocol, note::EndReason};

use super::{is_anything_answered, is_connected_now, is_time_to_judge};
use crate::{
    Picture,
    diagnosis::{Confidence, Verdict},
    phases::has_answered,
    picture::{BaseView, RelayError, RelayView, ServerVerdict, ServerView},
    words::count,
};

/// C04: no interface can be used.
pub(in crate::diagnosis) fn no_interface(picture: &Picture) -> Option<Verdict> {
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

/// C07: no server answered over UDP, and nothing else arrived over UDP either.
pub(in crate::diagnosis) fn udp_blocked(picture: &Picture) -> Option<Verdict> {
    let silent = silent_servers(picture);
    let is_any_answer =
        picture.servers.iter().any(|row| is_answer(row) && is_asked_over_udp(picture, row) == Some(true));
    let is_deaf = picture.bases.iter().filter(|base| is_udp(base)).all(|base| base.received.packets == 0);
    if silent.is_empty() || is_any_answer || !is_deaf {
        return None;
    }
    let evidence = format!("no UDP packet came back from {}", silent.join(", "));
    Some(match working_stream(picture) {
        Some(relay) => Verdict {
            confidence: Confidence::Certain,
            evidence: format!("{evidence}, while {relay} answers over TCP"),
            advice: "UDP is blocked here: a relay over TCP or TLS is used; another network may be faster.".to_owned(),
        },
        None => Verdict {
            confidence: if silent.len() > 1 { Confidence::Likely } else { Confidence::Possible },
            evidence,
            advice: "Try another network: this one seems to block UDP.".to_owned(),
        },
    })
}

/// Whether what it sends leaves this computer as UDP.
fn is_udp(base: &BaseView) -> bool {
    match &base.base_kind {
        BaseKind::Udp => true,
        BaseKind::TurnClient { .. } => base.base_kind.protocol() == Protocol::Udp,
        BaseKind::Tcp { .. } | BaseKind::Relay { .. } => false,
    }
}

/// A relay that answered over a stream.
fn working_stream(picture: &Picture) -> Option<&str> {
    let is_stream = |relay: &&RelayView| matches!(relay.transport, Some(RelayProtocol::Tcp | RelayProtocol::Tls));
    picture.relays.iter().filter(is_stream).find(|relay| relay.rtt.is_some()).map(|relay| relay.server.as_str())
}

/// Servers that were asked over UDP and never answered.
fn silent_servers(picture: &Picture) -> Vec<&str> {
    let failed = |verdict: &ServerVerdict| matches!(verdict, ServerVerdict::Failed { .. });
    let asked = picture.servers.iter().filter(|row| is_asked_over_udp(picture, row) == Some(true));
    let rows = asked.filter(|row| failed(&row.verdict));
    let mut urls: Vec<_> = rows.map(|row| row.url.as_str()).filter(|url| !has_answered(picture, url)).collect();
    urls.sort_unstable();
    urls.dedup();
    urls
}

/// C09: one server is silent, others are fine. One that refuses is no silent one, and only what was asked over UDP can be
/// compared.
pub(in crate::diagnosis) fn server_down(picture: &Picture) -> Option<Verdict> {
    let over_udp = picture.servers.iter().filter(|row| is_asked_over_udp(picture, row) != Some(false));
    over_udp.clone().find(|row| is_answer(row) && is_asked_over_udp(picture, row) == Some(true))?;
    let is_refusing = |url: &str| picture.relays.iter().any(|relay| relay.server == url && relay.errors > 0);
    let (url, error) = over_udp.into_iter().find_map(|row| match &row.verdict {
        ServerVerdict::Failed { error } if !has_answered(picture, &row.url) && !is_refusing(&row.url) => {
            Some((&row.url, error))
        }
        ServerVerdict::Failed { .. } | ServerVerdict::Answered { .. } => None,
    })?;
    Some(Verdict {
        confidence: Confidence::Certain,
        evidence: format!("{url} failed while other servers answered: {error}"),
        advice: format!("Nothing has to be done; replace {url} if it stays silent."),
    })
}

/// Whether a server was asked over UDP; none when it was not asked at all.
fn is_asked_over_udp(picture: &Picture, row: &ServerView) -> Option<bool> {
    let base = row.base?;
    Some(picture.base(base).is_none_or(is_udp))
}

fn is_answer(row: &ServerView) -> bool {
    matches!(row.verdict, ServerVerdict::Answered { .. })
}

/// C05: only addresses of the local network are refused. macOS 15 asks people once whether a program may use it.
pub(in crate::diagnosis) fn local_network_denied(picture: &Picture) -> Option<Verdict> {
    let sends = &picture.evidence.sends;
    let is_local_only = sends.refused_private >= 3
        && sends.refused_private >= sends.private
        && sends.public > 0
        && sends.refused_public == 0
        && sends.denied < sends.refused_private + 1;
    (is_local_only && !is_connected_now(picture)).then(|| Verdict {
        confidence: Confidence::Possible,
        evidence: format!("all {} to local addresses failed, those to others left", count(sends.private, "packet")),
        advice: "Allow Floe to use the local network (on a Mac: System Settings, Privacy & Security, Local Network)."
            .to_owned(),
    })
}

/// C06: the system lets nothing out.
pub(in crate::diagnosis) fn sends_denied(picture: &Picture) -> Option<Verdict> {
    let sends = &picture.evidence.sends;
    let is_everything = sends.denied >= 3 && sends.denied >= sends.private + sends.public;
    is_everything.then(|| Verdict {
        confidence: Confidence::Certain,
        evidence: format!("the system refused permission for all {}", count(sends.denied, "packet")),
        advice: "Allow Floe in this computer's firewall.".to_owned(),
    })
}

/// C08: a web page answers in place of the one asked for.
pub(in crate::diagnosis) fn captive_portal(picture: &Picture) -> Option<Verdict> {
    let portal = picture.captive_portal.as_ref().filter(|_| !is_connected_now(picture))?;
    Some(Verdict {
        confidence: Confidence::Likely,
        evidence: format!("this network leads web pages to {portal}"),
        advice: "Sign in to the Wi-Fi in a browser first.".to_owned(),
    })
}

/// C16: everything leaves through a tunnel, and nothing works.
pub(in crate::diagnosis) fn tunnel_in_the_way(picture: &Picture) -> Option<Verdict> {
    if is_anything_answered(picture) || !is_time_to_judge(picture) {
        return None;
    }
    let kind_of = |name: &str| picture.interfaces.iter().find(|known| known.name == name).map(|known| known.kind);
    let default_route = picture.default_route.as_deref();
    if let Some(name) = default_route.filter(|name| kind_of(name) == Some(InterfaceKind::Tunnel)) {
        return Some(tunnel_verdict(Confidence::Likely, format!("everything leaves through the tunnel {name}")));
    }
    let mut open =
        picture.bases.iter().filter(|base| base.closed.is_none() && base.base_kind == BaseKind::Udp).peekable();
    let first = open.peek()?.interface.clone();
    let all_tunnels = default_route.is_none() && open.all(|base| base.kind == InterfaceKind::Tunnel);
    all_tunnels
        .then(|| tunnel_verdict(Confidence::Possible, format!("the only usable interface is the tunnel {first}")))
}

fn tunnel_verdict(confidence: Confidence, evidence: String) -> Verdict {
    let advice = "Switch the VPN off, or let it carry UDP to other computers.".to_owned();
    Verdict { confidence, evidence, advice }
}

/// C17: names of the local network are all the peer tells, and nobody answers for them.
pub(in crate::diagnosis) fn multicast_blocked(picture: &Picture) -> Option<Verdict> {
    let silent = &picture.silent_names;
    let has_address = picture
        .remote_candidates
        .iter()
        .any(|view| view.candidate.candidate_type != floe_wire::CandidateType::PeerReflexive);
    (!silent.is_empty() && !has_address && !is_anything_answered(picture)).then(|| Verdict {
        confidence: Confidence::Likely,
        evidence: format!("the other side told only {}, and nobody here answers for it", silent.join(", ")),
        advice: "This network blocks multicast: ask the other side to show its addresses, or use a STUN server."
            .to_owned(),
    })
}

/// C20: a TURN server refuses.
pub(in crate::diagnosis) fn relay_refused(picture: &Picture) -> Option<Verdict> {
    let (relay, error) = picture.relays.iter().find_map(|relay| Some((relay, relay.last_error.as_ref()?)))?;
    Some(Verdict {
        confidence: Confidence::Certain,
        evidence: format!("{} refused {} with {} {}", relay.server, error.method, error.code, error.reason),
        advice: relay_advice(error).to_owned(),
    })
}

/// What each code means for a person (RFC 8656 section 19, RFC 8489 section 14.8).
fn relay_advice(error: &RelayError) -> &'static str {
    match error.code {
        401 => "The relay does not accept the user name or password: check them in the settings.",
        403 => "The relay does not carry packets to this address: its operator decides that.",
        437 => "The relay has forgotten our allocation or has another one for this socket: a new one is asked for.",
        438 => "The relay refuses every nonce: its clock or its set-up is broken.",
        440 => "The relay has no addresses of this family: use a relay that has.",
        441 => "The relay's allocation belongs to another user: check the user name.",
        442 => "The relay does not carry UDP: use another one.",
        486 => "The relay's quota for this user is used up: wait, or use another user or relay.",
        508 => "The relay has no addresses left: use another one.",
        _ => "Ask the relay's operator, or use another relay.",
    }
}
