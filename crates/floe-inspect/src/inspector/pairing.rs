//! Candidates of both sides, and the pairs they form.

use std::{net::SocketAddr, time::Duration};

use floe_wire::{BaseId, Candidate, CandidateType, Generation, Protocol, candidate::priority};

use super::{Inspector, moves::Move};
use crate::{
    bounded::push_bounded,
    candidates::{Added, Position, peer_reflexive, row},
    lint::{Linter, Side},
    markers::MarkerKind,
    pairs::{Origin, PairFacts, rank},
    picture::{Mapping, MovedMapping, NominationWait, PairId, Selection, Severity},
    words::{count, millis},
};

/// Moves of media shown; more would be a fault, and its beginning tells enough.
const SELECTIONS_KEPT: usize = 1_000;

/// Pairs in reserve that are shown; a checklist has no more.
const MAX_STANDBY: usize = 100;

/// Mapped addresses remembered.
const MAPPINGS_KEPT: usize = 512;

impl Inspector {
    pub(super) fn on_local_candidate(
        &mut self,
        generation: Generation,
        base: BaseId,
        candidate: &Candidate,
        server: Option<&str>,
    ) {
        let Some(position) = self.add_local(generation, base, candidate.clone(), server) else { return };
        self.lint_candidate(Side::Us, position);
        let named = name_candidate(candidate);
        let from = server.map_or_else(|| format!(" on {}", self.base_name(base)), |server| format!(" from {server}"));
        self.say(Severity::Info, "gathering", format!("Found our {named}{from}"));
        if !is_pairable(candidate) {
            return;
        }
        self.link_local(position);
        for remote in self.remote_of(generation, candidate) {
            self.form_pair(PairId { generation, base, remote });
        }
        self.after_pairing();
    }

    /// Adds a candidate of ours; none when its address was known or the list is full.
    fn add_local(
        &mut self,
        generation: Generation,
        base: BaseId,
        candidate: Candidate,
        server: Option<&str>,
    ) -> Option<Position> {
        let interface = self.picture.base(base).map(|view| view.interface.clone());
        let view = row(self.picture.at, generation, Some((base, interface)), server.map(str::to_owned), candidate);
        match self.local.add(&mut self.picture.local_candidates, 'L', view.clone()) {
            Added::New(position) | Added::Merged(position) => Some(position),
            Added::Known(_) => None,
            Added::Refused => {
                self.local.count_refused(&mut self.picture, &view);
                None
            }
        }
    }

    pub(super) fn on_remote_candidate(&mut self, generation: Generation, candidate: &Candidate) {
        let view = row(self.picture.at, generation, None, None, candidate.clone());
        let named = name_candidate(candidate);
        let (position, text) = match self.remote.add(&mut self.picture.remote_candidates, 'R', view.clone()) {
            Added::New(position) => (position, format!("The peer has a {named}")),
            Added::Merged(position) => (position, format!("The address the peer showed up from is its {named}")),
            Added::Known(_) => return,
            Added::Refused => return self.remote.count_refused(&mut self.picture, &view),
        };
        self.say(Severity::Info, "signaling", text);
        self.lint_candidate(Side::Peer, position);
        self.link_remote(position);
        for base in self.bases_for(generation, candidate) {
            self.form_pair(PairId { generation, base, remote: candidate.address });
        }
        self.after_pairing();
    }

    fn lint_candidate(&mut self, side: Side, position: Position) {
        let place = self.here();
        let all = match side {
            Side::Us => &self.picture.local_candidates,
            Side::Peer => &self.picture.remote_candidates,
        };
        Linter::on_candidate(&mut self.picture.lint, place, side, &all[position], all);
    }

    /// The peer's addresses that `ours` can be paired with.
    fn remote_of(&self, generation: Generation, ours: &Candidate) -> Vec<SocketAddr> {
        let theirs = self.picture.remote_candidates.iter().filter(|view| view.generation == generation);
        theirs.filter(|view| fits(ours, &view.candidate)).map(|view| view.candidate.address).collect()
    }

    /// Our bases that `theirs` can be paired with.
    fn bases_for(&self, generation: Generation, theirs: &Candidate) -> Vec<BaseId> {
        let ours = self.picture.local_candidates.iter().filter(|view| view.generation == generation);
        ours.filter(|view| is_pairable(&view.candidate) && fits(&view.candidate, theirs))
            .filter_map(|view| view.base)
            .collect()
    }

    fn form_pair(&mut self, id: PairId) {
        self.add_pair(id, Origin::Formed);
    }

    /// Adds a pair with what is known of its candidates. Returns whether it is in the list.
    pub(super) fn add_pair(&mut self, id: PairId, origin: Origin) -> bool {
        if self.pairs.contains(id) {
            return true;
        }
        let local = self.host_candidate(id).map(|position| self.picture.local_candidates[position].clone());
        let remote = self.remote_candidate(id).map(|position| self.picture.remote_candidates[position].clone());
        let (local_priority, remote_priority) =
            (local.as_ref().map(|view| view.candidate.priority), remote.as_ref().map(|view| view.candidate.priority));
        let rank = rank(local_priority, remote_priority, self.picture.role);
        let facts = PairFacts { local_priority, remote_priority, rank, ..PairFacts::default() };
        if !self.pairs.add(&mut self.picture, id, facts, origin) {
            return false;
        }
        let role = self.picture.role;
        if let Some((view, facts)) = self.pairs.get_mut(&mut self.picture.pairs, id) {
            view.local_candidate = local.map(|view| view.id);
            view.remote_candidate = remote.map(|view| view.id);
            view.priority = if role.is_some() { facts.rank } else { 0 };
        }
        self.judge_pair(id);
        self.is_phases_stale = true;
        true
    }

    /// Our pairable candidate of a pair's base.
    fn host_candidate(&self, id: PairId) -> Option<Position> {
        self.picture.local_candidates.iter().position(|view| {
            view.generation == id.generation && view.base == Some(id.base) && is_pairable(&view.candidate)
        })
    }

    fn remote_candidate(&self, id: PairId) -> Option<Position> {
        self.remote.find(id.generation, None, self.protocol_of(id.base), id.remote)
    }

    pub(super) fn protocol_of(&self, base: BaseId) -> Protocol {
        self.picture.base(base).map_or(Protocol::Udp, |view| view.base_kind.protocol())
    }

    /// Tells the pairs of a base which candidate of ours they have.
    fn link_local(&mut self, position: Position) {
        let view = &self.picture.local_candidates[position];
        let (generation, base) = (view.generation, view.base);
        let (id, priority) = (view.id.clone(), view.candidate.priority);
        let ids = self.picture.pairs.iter().map(|pair| pair.id);
        let ids: Vec<_> = ids.filter(|pair| pair.generation == generation && Some(pair.base) == base).collect();
        for pair in ids {
            if let Some((view, facts)) = self.pairs.get_mut(&mut self.picture.pairs, pair) {
                view.local_candidate = Some(id.clone());
                facts.local_priority = Some(priority);
            }
        }
    }

    /// Tells the pairs of a remote address which candidate of the peer they have.
    fn link_remote(&mut self, position: Position) {
        let view = &self.picture.remote_candidates[position];
        let (generation, protocol, address) = (view.generation, view.candidate.protocol, view.candidate.address);
        let (id, priority) = (view.id.clone(), view.candidate.priority);
        let ids = self.picture.pairs.iter().map(|pair| pair.id);
        let ids: Vec<_> = ids.filter(|pair| pair.generation == generation && pair.remote == address).collect();
        for pair in ids {
            if self.protocol_of(pair.base) != protocol {
                continue;
            }
            if let Some((view, facts)) = self.pairs.get_mut(&mut self.picture.pairs, pair) {
                view.remote_candidate = Some(id.clone());
                facts.remote_priority = Some(priority);
            }
        }
    }

    fn after_pairing(&mut self) {
        self.pairs.prioritize(&mut self.picture);
        self.is_pairs_stale = true;
    }

    /// Makes sure that the address a check came from is a candidate of the peer. Returns whether it is.
    pub(super) fn reveal_remote(&mut self, id: PairId, request_priority: Option<u32>) -> bool {
        if self.remote_candidate(id).is_some() {
            return true;
        }
        let candidate = peer_reflexive(id.remote, self.protocol_of(id.base), reflexive_priority(request_priority));
        let view = row(self.picture.at, id.generation, None, None, candidate);
        match self.remote.add(&mut self.picture.remote_candidates, 'R', view.clone()) {
            Added::New(position) => {
                self.link_remote(position);
                self.after_pairing();
                let text = format!("The peer shows up from {}, an address it has not told", id.remote);
                self.say(Severity::Info, "check", text);
                true
            }
            Added::Merged(_) | Added::Known(_) => true,
            Added::Refused => {
                self.remote.count_refused(&mut self.picture, &view);
                false
            }
        }
    }

    /// Takes the address that an answer says it saw us at.
    pub(super) fn reveal_local(&mut self, id: PairId, mapped: SocketAddr, request_priority: Option<u32>) {
        self.note_mapping(Mapping { base: id.base, destination: id.remote, is_server: false, mapped });
        if self.picture.base(id.base).is_none_or(|base| base.address == mapped) {
            return;
        }
        let candidate = peer_reflexive(mapped, self.protocol_of(id.base), reflexive_priority(request_priority));
        if self.add_local(id.generation, id.base, candidate, None).is_some() {
            let text = format!("{} sees us at {mapped}, an address no server told", id.remote);
            self.say(Severity::Info, "check", text);
        }
    }

    /// Remembers the address a destination saw a base at.
    pub(super) fn note_mapping(&mut self, seen: Mapping) {
        let known = self.picture.mappings.iter_mut();
        let same = |known: &Mapping| known.base == seen.base && known.destination == seen.destination;
        match known.into_iter().find(|known| same(known)) {
            Some(known) => {
                let before = std::mem::replace(known, seen).mapped;
                if seen.is_server && before != seen.mapped {
                    self.on_mapping_moved(&seen, before);
                }
            }
            None => {
                let fits = push_bounded(&mut self.picture.mappings, seen, MAPPINGS_KEPT);
                self.count_if_dropped(fits);
            }
        }
    }

    pub(super) fn on_nomination_delayed(&mut self, pair: PairId, better: PairId, wait: Duration) {
        self.picture.nomination_wait = Some(NominationWait { pair, better, since: self.picture.at, wait });
        let (works, hoped) = (self.pair_name(pair), self.pair_name(better));
        let text = format!("{works} works; waiting {} for a better path, {hoped}", millis(wait));
        self.say(Severity::Info, "selection", text);
    }

    pub(super) fn on_standby_changed(&mut self, generation: Generation, pairs: &[(BaseId, SocketAddr)]) {
        let ids = pairs.iter().map(|&(base, remote)| PairId { generation, base, remote });
        self.picture.standby = ids.take(MAX_STANDBY).collect();
        self.is_pairs_stale = true;
        let text = match self.picture.standby.first() {
            Some(first) => format!("{} in reserve, first {}", count(pairs.len(), "path"), self.pair_name(*first)),
            None => "No path in reserve".to_owned(),
        };
        self.say(Severity::Detail, "selection", text);
    }

    fn on_mapping_moved(&mut self, seen: &Mapping, before: SocketAddr) {
        let (at, base, server, after) = (self.picture.at, seen.base, seen.destination, seen.mapped);
        let moved = MovedMapping { at, base, server, before, after };
        let fits = push_bounded(&mut self.picture.moved_mappings, moved, MAPPINGS_KEPT);
        self.count_if_dropped(fits);
        let text = format!("{server} sees us at {after} instead of {before}");
        self.mark(MarkerKind::NetworkChange, text.clone());
        self.say(Severity::Warning, "network", text);
    }

    pub(super) fn on_pair_selected(&mut self, id: PairId) {
        let at = self.picture.at;
        let Move { reason, is_guess } = self.moves.take(id.generation, at);
        if self.picture.selections.last().is_some_and(|last| last.pair == id) {
            return;
        }
        self.add_pair(id, Origin::Selected);
        for pair in &mut self.picture.pairs {
            pair.selected = pair.id == id;
        }
        if self.picture.selections.len() >= SELECTIONS_KEPT {
            self.picture.selections.remove(0);
        }
        self.picture.selections.push(Selection { at, pair: id, reason, is_guess });
        self.linter.on_pair_in_use(at);
        self.picture.timings.selected.get_or_insert(at);
        self.begin_move(id.generation, reason);
        self.on_restart_selected(id.generation);
        self.score_selection(id);
        self.is_pairs_stale = true;
        let rtt = self.picture.pair(id).and_then(|pair| pair.rtt);
        let rtt = rtt.map_or_else(String::new, |rtt| format!(", {}", millis(rtt)));
        self.mark(MarkerKind::Selection, self.selection_mark(id, reason));
        self.say(Severity::Info, "selection", format!("Audio goes over {}{rtt}", self.pair_name(id)));
        self.say_move(reason, is_guess);
        self.note_wish_and_selection(id);
    }
}

/// A check has to carry PRIORITY; where it does not, the lowest one that fits its type stands in.
fn reflexive_priority(request_priority: Option<u32>) -> u32 {
    request_priority.unwrap_or(priority(CandidateType::PeerReflexive, 0))
}

/// Whether packets leave from this candidate itself: reflexive ones are replaced by their base (RFC 8445 section
/// 6.1.2.4).
fn is_pairable(candidate: &Candidate) -> bool {
    match candidate.candidate_type {
        CandidateType::Host | CandidateType::Relayed => true,
        CandidateType::ServerReflexive | CandidateType::PeerReflexive => false,
    }
}

/// Whether two candidates form a pair (RFC 8445 section 6.1.2.2, RFC 6544 section 6.2).
fn fits(ours: &Candidate, theirs: &Candidate) -> bool {
    let tcp_fits = match (ours.tcp_type, theirs.tcp_type) {
        (Some(ours), Some(theirs)) => ours.reaches(theirs),
        // A peer-reflexive candidate tells no role.
        (None, _) | (_, None) => true,
    };
    ours.protocol == theirs.protocol && ours.address.is_ipv4() == theirs.address.is_ipv4() && tcp_fits
}

fn name_candidate(candidate: &Candidate) -> String {
    let role = candidate.tcp_type.map_or_else(String::new, |role| format!(" (TCP {})", role.name()));
    format!("{} candidate {}{role}", candidate.candidate_type, candidate.address)
}
