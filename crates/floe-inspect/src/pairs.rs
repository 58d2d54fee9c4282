//! The candidate pairs of a record: formed, found, ordered, and kept to a bounded number.

use std::{cmp::Reverse, collections::BTreeMap, net::SocketAddr, ops::Bound, time::Duration};

use floe_wire::{BaseId, Generation, IceRole, Stamp, candidate::pair_priority, note::DropKind};

use crate::{
    Picture,
    bounded::{FirstTimes, add_count},
    picture::{PairId, PairSigns, PairState, PairView, Traffic},
};

/// Pairs per generation (RFC 8445 section 6.1.2.5).
pub(crate) const PAIRS_PER_GENERATION: usize = 100;

/// What is read so soon after an idle time may have waited in a socket, on a computer that slept.
const BUFFERED: Duration = Duration::from_secs(2);

/// Generations whose pairs are kept; the oldest go first.
const GENERATIONS_KEPT: usize = 16;

/// What is known of a pair beyond what people see.
#[derive(Debug, Clone, Default)]
pub(crate) struct PairFacts {
    /// Priority of our host candidate.
    pub local_priority: Option<u32>,
    /// Priority of the peer's candidate.
    pub remote_priority: Option<u32>,
    /// Orders pairs even while the role is not known.
    pub rank: u64,
    /// When our first check left.
    pub first_request: Option<Stamp>,
    /// When the oldest request after the newest valid answer left.
    pub unanswered_since: Option<Stamp>,
    /// New requests since the newest valid answer.
    pub unanswered: u64,
    /// When the newest error answer arrived.
    pub error_at: Option<Stamp>,
    /// Answers that came from another address than asked.
    pub answers_from_elsewhere: u64,
    /// Whether its checks join the user fragment of one generation with that of another.
    pub mixes_generations: bool,
}

/// Why a pair is to be in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Both candidates are known.
    Formed,
    /// A packet went over it.
    Packet,
    /// Media goes over it.
    Selected,
}

/// Finds pairs by id; the views themselves live in [`Picture::pairs`].
#[derive(Debug, Clone, Default)]
pub(crate) struct PairTable {
    entries: BTreeMap<PairId, Entry>,
    refused: FirstTimes<PairId>,
}

#[derive(Debug, Clone)]
struct Entry {
    position: usize,
    facts: PairFacts,
}

impl PairTable {
    /// Whether the pair is in the list.
    pub(crate) fn contains(&self, id: PairId) -> bool {
        self.entries.contains_key(&id)
    }

    /// A pair with what is known of it.
    pub(crate) fn get<'a>(&'a self, picture: &'a Picture, id: PairId) -> Option<(&'a PairView, &'a PairFacts)> {
        let entry = self.entries.get(&id)?;
        Some((picture.pairs.get(entry.position)?, &entry.facts))
    }

    /// A pair with what is known of it, to change.
    pub(crate) fn get_mut<'a>(
        &'a mut self,
        pairs: &'a mut [PairView],
        id: PairId,
    ) -> Option<(&'a mut PairView, &'a mut PairFacts)> {
        let entry = self.entries.get_mut(&id)?;
        Some((pairs.get_mut(entry.position)?, &mut entry.facts))
    }

    /// The generations that have pairs, newest first.
    pub(crate) fn generations(&self) -> impl Iterator<Item = Generation> + '_ {
        let newest_before = |upper: Bound<PairId>| {
            self.entries.range((Bound::Unbounded, upper)).next_back().map(|(id, _)| id.generation)
        };
        std::iter::successors(newest_before(Bound::Unbounded), move |generation| {
            newest_before(Bound::Excluded(lowest(*generation)))
        })
    }

    /// The pair between these addresses in the newest generation that has it.
    pub(crate) fn newest_between(&self, base: BaseId, remote: SocketAddr) -> Option<PairId> {
        self.generations().map(|generation| PairId { generation, base, remote }).find(|id| self.contains(*id))
    }

    /// Adds a pair unless it is there. Returns whether it is in the list afterwards.
    pub(crate) fn add(&mut self, picture: &mut Picture, id: PairId, facts: PairFacts, origin: Origin) -> bool {
        if self.contains(id) {
            return true;
        }
        if !self.make_room(picture, id, facts.rank, origin) {
            if self.refused.is_first(id) {
                add_count(&mut picture.counters.dropped, DropKind::Pairs, 1);
            }
            return false;
        }
        self.entries.insert(id, Entry { position: picture.pairs.len(), facts });
        picture.pairs.push(new_view(id, picture.at));
        self.sort(picture);
        true
    }

    fn make_room(&mut self, picture: &mut Picture, id: PairId, rank: u64, origin: Origin) -> bool {
        let siblings = self.entries.range(generation_range(id.generation)).count();
        if siblings == 0 {
            return self.make_room_for_generation(picture, id.generation);
        }
        if siblings < PAIRS_PER_GENERATION {
            return true;
        }
        let Some((victim, victim_rank)) = self.least_useful(picture, id.generation) else { return false };
        let gives_way = origin != Origin::Formed || rank > victim_rank;
        if gives_way {
            self.remove(picture, |pair| pair == victim);
            add_count(&mut picture.counters.dropped, DropKind::Pairs, 1);
        }
        gives_way
    }

    fn make_room_for_generation(&mut self, picture: &mut Picture, generation: Generation) -> bool {
        if self.generations().count() < GENERATIONS_KEPT {
            return true;
        }
        let Some(oldest) = self.entries.keys().next().map(|id| id.generation) else { return true };
        let is_newer = generation > oldest;
        if is_newer {
            let dropped = self.remove(picture, |pair| pair.generation == oldest);
            add_count(&mut picture.counters.dropped, DropKind::Pairs, dropped);
        }
        is_newer
    }

    /// The pair of lowest rank that no packet went over.
    fn least_useful(&self, picture: &Picture, generation: Generation) -> Option<(PairId, u64)> {
        let untouched = self.entries.range(generation_range(generation)).filter(|(_, entry)| {
            picture.pairs.get(entry.position).is_some_and(|view| {
                !view.selected && view.requests_sent + view.requests_received + view.media_received.packets == 0
            })
        });
        untouched.map(|(id, entry)| (*id, entry.facts.rank)).min_by_key(|(_, rank)| *rank)
    }

    fn remove(&mut self, picture: &mut Picture, is_removed: impl Fn(PairId) -> bool) -> u64 {
        let before = picture.pairs.len();
        picture.pairs.retain(|view| !is_removed(view.id));
        self.entries.retain(|id, _| !is_removed(*id));
        self.index(picture);
        (before - picture.pairs.len()) as u64
    }

    /// Computes priorities anew, after the role or a candidate became known, and orders the list.
    pub(crate) fn prioritize(&mut self, picture: &mut Picture) {
        let role = picture.role;
        for view in &mut picture.pairs {
            let Some(entry) = self.entries.get_mut(&view.id) else { continue };
            entry.facts.rank = rank(entry.facts.local_priority, entry.facts.remote_priority, role);
            view.priority = if role.is_some() { entry.facts.rank } else { 0 };
        }
        self.sort(picture);
    }

    fn sort(&mut self, picture: &mut Picture) {
        let rank_of = |id: &PairId| self.entries.get(id).map_or(0, |entry| entry.facts.rank);
        picture.pairs.sort_by_cached_key(|view| (view.id.generation, Reverse(rank_of(&view.id)), view.id));
        self.index(picture);
    }

    fn index(&mut self, picture: &Picture) {
        for (position, view) in picture.pairs.iter().enumerate() {
            if let Some(entry) = self.entries.get_mut(&view.id) {
                entry.position = position;
            }
        }
    }
}

/// RFC 8445 section 6.1.2.3; zero when a priority is not known. Without a role we count as controlling, which
/// changes the order of no two pairs that differ in their lower priority.
pub(crate) fn rank(local: Option<u32>, remote: Option<u32>, role: Option<IceRole>) -> u64 {
    let (Some(local), Some(remote)) = (local, remote) else { return 0 };
    match role {
        Some(IceRole::Controlling) | None => pair_priority(local, remote),
        Some(IceRole::Controlled) => pair_priority(remote, local),
    }
}

/// The id that no id of the generation stands before.
fn lowest(generation: Generation) -> PairId {
    PairId { generation, base: BaseId(0), remote: SocketAddr::from(([0, 0, 0, 0], 0)) }
}

fn generation_range(generation: Generation) -> (Bound<PairId>, Bound<PairId>) {
    let next = generation.0.checked_add(1).map(|next| Bound::Excluded(lowest(Generation(next))));
    (Bound::Included(lowest(generation)), next.unwrap_or(Bound::Unbounded))
}

fn new_view(id: PairId, formed: Stamp) -> PairView {
    PairView {
        id,
        local_candidate: None,
        remote_candidate: None,
        priority: 0,
        state: PairState::Waiting,
        nominated: false,
        selected: false,
        formed,
        requests_sent: 0,
        requests_received: 0,
        responses_sent: 0,
        responses_received: 0,
        retransmissions_sent: 0,
        consent_requests_sent: 0,
        last_error: None,
        rtt: None,
        total_rtt: Duration::ZERO,
        last_request_sent: None,
        last_answer: None,
        last_request_received: None,
        media_sent: Traffic::default(),
        media_received: Traffic::default(),
        why: String::new(),
        signs: PairSigns::default(),
    }
}

impl PairSigns {
    /// Something went over the pair.
    pub(crate) fn on_activity(&mut self, at: Stamp, is_heard: bool) {
        let idle = self.last_activity.map_or(Duration::ZERO, |last| at.since(last));
        if idle >= self.longest_idle {
            (self.longest_idle, self.idle_ended) = (idle, Some(at));
        }
        if is_heard && self.idle_ended.is_none_or(|ended| at.since(ended) >= BUFFERED) {
            (self.longest_idle, self.idle_ended) = (Duration::ZERO, None);
        }
        self.last_activity = Some(at);
    }
}
