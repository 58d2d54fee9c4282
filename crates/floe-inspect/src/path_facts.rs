//! What is known of the path that the window draws; unknown is `None`, never guessed.

use std::{net::SocketAddr, time::Duration};

use floe_wire::{BaseId, CandidateType, IceConnectionState, InterfaceKind};

use crate::{
    Picture,
    nat::is_private,
    picture::{CandidateView, PairId, PairState, PairView},
};

/// What is known of the path between the two people.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PathFacts {
    /// The pair in use, or the one that was in use last.
    pub selected: Option<PairId>,
    /// Name of our interface.
    pub local_interface: Option<String>,
    /// The kind of our interface.
    pub local_kind: Option<InterfaceKind>,
    /// Our base address.
    pub local_address: Option<SocketAddr>,
    /// How our NAT shows us to the other side; none when no NAT was seen.
    pub local_nat: Option<SocketAddr>,
    /// Whether a NAT stands in front of us on this path.
    pub local_behind_nat: Option<bool>,
    /// Newest round trip of the pair in use.
    pub rtt: Option<Duration>,
    /// Newest loss of the peer's audio, percent.
    pub loss_percent: Option<f64>,
    /// How the peer's address in use was found.
    pub remote_type: Option<CandidateType>,
    /// The peer's address in use.
    pub remote_address: Option<SocketAddr>,
    /// Whether a NAT stands in front of the peer on this path.
    pub remote_behind_nat: Option<bool>,
    /// The relay that carries the audio, if one does.
    pub relay: Option<Relay>,
    /// Pairs that answer and are not in use, best first.
    pub standby: Vec<Standby>,
    /// Where packets stop, when nothing gets through.
    pub stops: Option<PacketStop>,
}

/// A relay on the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Whose relay it is.
    pub side: RelaySide,
    /// The relayed address.
    pub address: SocketAddr,
    /// The server's URL, known for our own relay only.
    pub server: Option<String>,
}

/// Who brought the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelaySide {
    /// We did.
    Ours,
    /// The peer did.
    Peers,
}

/// A pair that would take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standby {
    /// The pair.
    pub pair: PairId,
    /// Our interface.
    pub interface: Option<String>,
    /// Its newest round trip.
    pub rtt: Option<Duration>,
}

/// Where packets stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketStop {
    /// No check of ours left this computer.
    NothingSent,
    /// Our checks leave and nothing of the peer arrives.
    NothingArrives,
    /// The peer's checks arrive and none of ours is answered.
    NothingAnswered,
    /// A path that worked stopped answering.
    PathDied,
}

/// Tells what is known of the path. Before a pair is selected it is about the best base there is.
#[must_use]
pub fn path_facts(picture: &Picture) -> PathFacts {
    let selected = picture.selected_pair();
    let base = selected.map(|pair| pair.id.base).or_else(|| likely_base(picture));
    let view = base.and_then(|base| picture.base(base));
    let mapped = base.and_then(|base| mapped_address(picture, base, selected));
    let is_translated = mapped.zip(view).map(|(mapped, view)| mapped.ip() != view.address.ip());
    let remote = selected.and_then(|pair| picture.candidate(pair.remote_candidate.as_deref()?));
    PathFacts {
        selected: picture.selections.last().map(|selection| selection.pair),
        local_interface: view.map(|view| view.interface.clone()),
        local_kind: view.map(|view| view.kind),
        local_address: view.map(|view| view.address),
        local_nat: mapped.filter(|_| is_translated == Some(true)),
        local_behind_nat: is_translated,
        rtt: selected.and_then(|pair| pair.rtt),
        loss_percent: picture.series.loss_percent.last().map(|sample| sample.value),
        remote_type: remote.map(|view| view.candidate.candidate_type),
        remote_address: selected.map(|pair| pair.id.remote),
        remote_behind_nat: remote.and_then(is_behind_nat),
        relay: selected.and_then(|pair| relay(picture, pair, remote)),
        standby: standby(picture),
        stops: packet_stop(picture),
    }
}

/// The base of the best pair, or of the best candidate while there are no pairs.
fn likely_base(picture: &Picture) -> Option<BaseId> {
    let pair = picture.pairs.iter().max_by_key(|pair| (pair.id.generation, pair.priority)).map(|pair| pair.id.base);
    let candidates = picture.local_candidates.iter();
    pair.or_else(|| candidates.max_by_key(|view| (view.generation, view.candidate.priority))?.base)
}

/// The address we are seen at: on the path in use its own answers tell, before that a STUN server does.
fn mapped_address(picture: &Picture, base: BaseId, selected: Option<&PairView>) -> Option<SocketAddr> {
    let mut seen = picture.mappings.iter().filter(|seen| seen.base == base);
    if let Some(pair) = selected {
        return seen.find(|seen| !seen.is_server && seen.destination == pair.id.remote).map(|seen| seen.mapped);
    }
    let mut candidates = picture.local_candidates.iter().filter(|view| view.base == Some(base));
    let reflexive = candidates.find(|view| view.candidate.candidate_type == CandidateType::ServerReflexive);
    reflexive.map(|view| view.candidate.address).or_else(|| seen.next().map(|seen| seen.mapped))
}

/// A peer-reflexive private address may also be an interface that the peer does not tell: not known.
fn is_behind_nat(remote: &CandidateView) -> Option<bool> {
    match remote.candidate.candidate_type {
        CandidateType::Host => Some(false),
        CandidateType::ServerReflexive => Some(true),
        CandidateType::PeerReflexive if is_private(remote.candidate.address.ip()) => None,
        CandidateType::PeerReflexive => Some(true),
        CandidateType::Relayed => None,
    }
}

fn relay(picture: &Picture, pair: &PairView, remote: Option<&CandidateView>) -> Option<Relay> {
    let local = picture.candidate(pair.local_candidate.as_deref().unwrap_or_default());
    let is_relayed = |view: &&CandidateView| view.candidate.candidate_type == CandidateType::Relayed;
    let of = |side, view: &CandidateView| Relay { side, address: view.candidate.address, server: view.server.clone() };
    let ours = local.filter(is_relayed).map(|view| of(RelaySide::Ours, view));
    ours.or_else(|| remote.filter(is_relayed).map(|view| of(RelaySide::Peers, view)))
}

fn standby(picture: &Picture) -> Vec<Standby> {
    let Some(in_use) = picture.selections.last().map(|selection| selection.pair) else { return Vec::new() };
    let others = picture.pairs.iter().filter(|pair| {
        pair.id != in_use
            && pair.id.generation == in_use.generation
            && pair.state == PairState::Succeeded
            && !picture.is_blocked(pair.id)
    });
    others
        .map(|pair| Standby {
            pair: pair.id,
            interface: picture.base(pair.id.base).map(|base| base.interface.clone()),
            rtt: pair.rtt,
        })
        .collect()
}

/// Says nothing while things may still go well.
fn packet_stop(picture: &Picture) -> Option<PacketStop> {
    if last_working_state(picture) != Some(IceConnectionState::Failed) {
        return None;
    }
    let total = |count: fn(&PairView) -> u64| picture.pairs.iter().map(count).sum::<u64>();
    let is_answered = picture.pairs.iter().any(|pair| pair.last_answer.is_some());
    Some(match () {
        () if is_answered => PacketStop::PathDied,
        () if total(|pair| pair.requests_sent) == 0 => PacketStop::NothingSent,
        () if total(|pair| pair.requests_received) == 0 => PacketStop::NothingArrives,
        () => PacketStop::NothingAnswered,
    })
}

/// The newest ICE connection state before `closed`, which hides how the call went.
pub(crate) fn last_working_state(picture: &Picture) -> Option<IceConnectionState> {
    let states = picture.ice_connection.iter().rev().map(|visit| visit.state);
    states.into_iter().find(|state| *state != IceConnectionState::Closed)
}
