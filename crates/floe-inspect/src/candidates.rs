//! The candidates of both sides: signaled ones, and peer-reflexive ones that only packets reveal.

use std::{collections::BTreeMap, net::SocketAddr};

use floe_wire::{BaseId, Candidate, CandidateType, Generation, Protocol, Stamp, note::DropKind};

use crate::{
    Picture,
    bounded::{FirstTimes, add_count},
    picture::CandidateView,
};

/// Candidates shown per side.
const CANDIDATES_KEPT: usize = 1_000;

/// Peer-reflexive candidates per side and generation: anyone who knows the user fragment can cause them.
const PEER_REFLEXIVE_KEPT: usize = 64;

/// Where a candidate stands in a side's list.
pub(crate) type Position = usize;

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in the list.
    New(Position),
    /// It took the place of the peer-reflexive candidate with its address (RFC 8838 section 11.4).
    Merged(Position),
    /// Its address is known (RFC 8445 section 5.1.3).
    Known(Position),
    /// The list is full.
    Refused,
}

/// What makes two candidates of one side the same.
type Key = (Generation, Option<BaseId>, Protocol, SocketAddr);

/// Finds candidates of one side by address and keeps the list bounded.
#[derive(Debug, Clone, Default)]
pub(crate) struct CandidateIndex {
    positions: BTreeMap<Key, Position>,
    peer_reflexive: BTreeMap<Generation, usize>,
    refused: FirstTimes<Key>,
    /// How many were taken off the beginning of the list; ids are never used again.
    forgotten: usize,
}

impl CandidateIndex {
    /// The candidate of `generation` (and `base`, for ours) with this address.
    pub(crate) fn find(
        &self,
        generation: Generation,
        base: Option<BaseId>,
        protocol: Protocol,
        address: SocketAddr,
    ) -> Option<Position> {
        self.positions.get(&(generation, base, protocol, address)).copied()
    }

    /// Adds `view` to `list`, which this index belongs to; `prefix` is `L` or `R`.
    pub(crate) fn add(&mut self, list: &mut Vec<CandidateView>, prefix: char, mut view: CandidateView) -> Added {
        let key = (view.generation, view.base, view.candidate.protocol, view.candidate.address);
        if let Some(position) = self.positions.get(&key).copied() {
            return self.merge(list, position, view);
        }
        let is_reflexive = view.candidate.candidate_type == CandidateType::PeerReflexive;
        let reflexive = self.peer_reflexive.get(&view.generation).copied().unwrap_or(0);
        if list.len() >= CANDIDATES_KEPT || (is_reflexive && reflexive >= PEER_REFLEXIVE_KEPT) {
            return Added::Refused;
        }
        if is_reflexive {
            *self.peer_reflexive.entry(view.generation).or_default() += 1;
        }
        view.id = format!("{prefix}{}", self.forgotten + list.len() + 1);
        self.positions.insert(key, list.len());
        list.push(view);
        Added::New(list.len() - 1)
    }

    fn merge(&mut self, list: &mut [CandidateView], position: Position, view: CandidateView) -> Added {
        let known = &mut list[position];
        let was_reflexive = known.candidate.candidate_type == CandidateType::PeerReflexive;
        if !was_reflexive || view.candidate.candidate_type == CandidateType::PeerReflexive {
            return Added::Known(position);
        }
        if let Some(count) = self.peer_reflexive.get_mut(&known.generation) {
            *count = count.saturating_sub(1);
        }
        known.candidate = view.candidate;
        known.server = view.server;
        Added::Merged(position)
    }

    /// Forgets the candidates of generations before this one, to make room in a call that restarts again and again.
    pub(crate) fn forget_before(&mut self, list: &mut Vec<CandidateView>, oldest: Generation) {
        let before = list.len();
        list.retain(|view| view.generation >= oldest);
        if list.len() == before {
            return;
        }
        self.forgotten += before - list.len();
        self.peer_reflexive.retain(|generation, _| *generation >= oldest);
        let key = |view: &CandidateView| (view.generation, view.base, view.candidate.protocol, view.candidate.address);
        self.positions = list.iter().enumerate().map(|(position, view)| (key(view), position)).collect();
    }

    /// Counts a refused candidate once.
    pub(crate) fn count_refused(&mut self, picture: &mut Picture, view: &CandidateView) {
        let key = (view.generation, view.base, view.candidate.protocol, view.candidate.address);
        if self.refused.is_first(key) {
            add_count(&mut picture.counters.dropped, DropKind::Candidates, 1);
        }
    }
}

/// A candidate that nobody signaled; its foundation only has to differ from the others (RFC 8445 section 7.3.1.3).
pub(crate) fn peer_reflexive(address: SocketAddr, protocol: Protocol, priority: u32) -> Candidate {
    Candidate {
        candidate_type: CandidateType::PeerReflexive,
        protocol,
        tcp_type: None,
        address,
        priority,
        foundation: format!("prflx-{}", address.ip()),
        related_address: None,
    }
}

/// A row of the candidate lists before it has its id.
pub(crate) fn row(
    at: Stamp,
    generation: Generation,
    base: Option<(BaseId, Option<String>)>,
    server: Option<String>,
    candidate: Candidate,
) -> CandidateView {
    let (base, interface) = base.map_or((None, None), |(base, interface)| (Some(base), interface));
    CandidateView { id: String::new(), at, generation, base, interface, server, candidate }
}
