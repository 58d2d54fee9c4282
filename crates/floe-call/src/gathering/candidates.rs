//! Candidates of ours: found, noted, and what of them the peer may be told.

use std::net::SocketAddr;

use floe_transport::Tap;
use floe_wire::{BaseId, Candidate, CandidateType, Generation, Note};

use crate::privacy::Privacy;

/// All candidates of this side.
pub(super) struct Candidates {
    tap: Tap,
    generation: Generation,
    list: Vec<OwnCandidate>,
    /// The ways that the newest code tells; none before there is one.
    in_code: Option<Vec<Way>>,
}

/// A sort of address that a peer may need: its type, and whether it is one of IPv4.
type Way = (CandidateType, bool);

fn way(candidate: &Candidate) -> Way {
    (candidate.candidate_type, candidate.address.is_ipv4())
}

/// A candidate of ours.
struct OwnCandidate {
    base: BaseId,
    candidate: Candidate,
    server: Option<String>,
}

impl OwnCandidate {
    fn note(&self, generation: Generation) -> Note {
        let (candidate, server) = (self.candidate.clone(), self.server.clone());
        Note::LocalCandidate { generation, base: self.base, candidate, server }
    }
}

impl Candidates {
    pub fn new(tap: &Tap) -> Self {
        Self { tap: tap.clone(), generation: Generation(0), list: Vec::new(), in_code: None }
    }

    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Takes one that was found, and by which server.
    pub fn add(&mut self, base: BaseId, candidate: Candidate, server: Option<String>) {
        let own = OwnCandidate { base, candidate, server };
        self.tap.note(own.note(self.generation));
        self.list.push(own);
    }

    /// Forgets those of bases that are gone.
    pub fn forget_bases(&mut self, gone: &[BaseId]) {
        self.list.retain(|own| !gone.contains(&own.base));
    }

    /// Forgets what a server does not see any more: a code made later must not tell it.
    pub fn forget_mapped(&mut self, local: SocketAddr, mapped: SocketAddr) {
        let is_stale = |candidate: &Candidate| {
            candidate.candidate_type == CandidateType::ServerReflexive
                && candidate.address == mapped
                && candidate.related_address == Some(local)
        };
        self.list.retain(|own| !is_stale(&own.candidate));
    }

    /// A new generation of checks has the same candidates.
    pub fn begin_generation(&mut self, generation: Generation) {
        self.generation = generation;
        for own in &self.list {
            self.tap.note(own.note(generation));
        }
    }

    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Those that the peer may know, best first.
    pub fn told(&self, privacy: Privacy) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = self.list.iter().map(|own| own.candidate.clone()).collect();
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
        privacy.told(candidates)
    }

    /// Those that a code tells from here on, best first.
    pub fn for_code(&mut self, privacy: Privacy) -> Vec<Candidate> {
        let told = self.told(privacy);
        self.in_code = Some(told.iter().map(way).collect());
        told
    }

    /// Whether the newest code lacks any candidate of this sort: a server has answered after it was made.
    pub fn is_missed(&self, candidate: &Candidate, privacy: Privacy) -> bool {
        let is_lacking = self.in_code.as_ref().is_some_and(|ways| !ways.contains(&way(candidate)));
        is_lacking && !privacy.told(vec![candidate.clone()]).is_empty()
    }

    /// The relayed addresses, each with its candidate's priority.
    pub fn relayed(&self) -> impl Iterator<Item = (BaseId, SocketAddr, u32)> {
        let relayed = self.list.iter().filter(|own| own.candidate.candidate_type == CandidateType::Relayed);
        relayed.map(|own| (own.base, own.candidate.address, own.candidate.priority))
    }
}
