//! The public face: generations of checks over bases, and the one pair that carries media.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_wire::{
    BaseId, Candidate, Generation, IceConnectionState, IceRole, TcpType,
    note::{DropKind, RefusalReason},
    stun::{Class, METHOD_BINDING, StunMessage},
};
use tokio::sync::mpsc;

pub use crate::agent::AgentSend;
use crate::{
    gate::Measure,
    generation::{GenerationState, Outputs},
    pair::{PairKey, Verdict},
};

/// What agents want, awaited by the caller and handed to [`Path::handle_agent`].
pub type AgentOutbox = mpsc::Receiver<AgentSend>;

/// Wishes of all agents that may wait for the caller: each of 100 pairs has one wish and a few answers.
const OUTBOX_CAPACITY: usize = 1024;
/// Verdicts that are kept; two generations have no more pairs.
const MAX_VERDICTS: usize = 200;
/// Timers fire so much late, which five slots in a row would add up to a slot.
const TIMER_GRAIN: Duration = Duration::from_millis(1);
/// Ta may be this short (RFC 8445 section 14.2) and need not be longer than its default.
const PACING: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));

/// A user fragment and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user fragment.
    pub ufrag: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// How checks are paced and told apart.
#[derive(Debug, Clone, Copy)]
pub struct PathConfig {
    /// Ta of RFC 8445 section 14: the least time between two requests over all bases; 5 to 50 ms.
    pub pacing: Duration,
    /// How long better pairs are waited for once one works; 30 ms does on most networks.
    pub grace: Duration,
    /// Ours, as the code tells it.
    pub tie_breaker: u64,
    /// Seeds transaction ids and consent jitter: unpredictable, except in tests.
    pub seed: u64,
}

/// A base that checks leave from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathBase {
    /// Its id.
    pub id: BaseId,
    /// Its local address.
    pub address: SocketAddr,
    /// Whether it dials, listens or both; none over UDP. It is paired by RFC 6544 section 6.2.
    pub tcp_type: Option<TcpType>,
    /// Priority of its host candidate.
    pub priority: u32,
    /// Priority of the peer-reflexive candidate that a check from it may create (RFC 8445 section 7.1.1).
    pub prflx_priority: u32,
}

/// Whether the selected pair answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It answers, or has nothing to answer yet.
    Alive,
    /// Something is missing for half a second; extra requests find out.
    Suspect,
    /// It does not answer.
    Silent,
}

/// Why media goes over another pair of the same generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveCause {
    /// Its priority is higher.
    Better,
    /// The pair before is gone or fell silent, here or at the peer.
    Loss,
    /// What a person or a measurement said about either: see [`Path::prefer`], [`Path::block`] and [`Path::penalize`].
    Verdict,
}

/// A move of media between pairs of one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Why.
    pub cause: MoveCause,
    /// The peer chose, and this is what it looks like from here.
    pub is_guess: bool,
}

/// What was measured on a pair that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairMeasure {
    /// Our base.
    pub base: BaseId,
    /// The peer's address.
    pub remote: SocketAddr,
    /// When it last answered.
    pub answered_at: Instant,
    /// The round trip of that answer.
    pub rtt: Duration,
    /// Requests so far; the count begins anew after some four billion.
    pub asked: u32,
    /// Those of them that were answered.
    pub answered: u32,
    /// It was left because it fell silent, or answered no nomination, and is not chosen for some seconds.
    pub is_shunned: bool,
}

impl PairMeasure {
    fn of(measure: Measure) -> Self {
        let Measure { key: PairKey { base, remote }, answered_at, rtt, asked, answered, is_shunned } = measure;
        Self { base, remote, answered_at, rtt, asked, answered, is_shunned }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathEvent {
    /// The ICE connection changed state.
    ConnectionChanged {
        /// The generation.
        generation: Generation,
        /// The state it is in.
        state: IceConnectionState,
    },
    /// Media goes over this pair from here on.
    Selected {
        /// The generation.
        generation: Generation,
        /// Our base.
        base: BaseId,
        /// The peer's address.
        remote: SocketAddr,
        /// Why it is used in place of the one before; none if there was none in its generation.
        moved: Option<Moved>,
    },
    /// The selected pair began or ceased to answer.
    LivenessChanged {
        /// The generation.
        generation: Generation,
        /// What it is.
        liveness: Liveness,
    },
    /// A pair works, and is not chosen yet for the sake of a better one.
    Waiting {
        /// The generation.
        generation: Generation,
        /// Base of the pair that works.
        base: BaseId,
        /// Where it leads.
        remote: SocketAddr,
        /// The better pair that is waited for.
        better: (BaseId, SocketAddr),
        /// For how long at most.
        wait: Duration,
    },
    /// The pairs in reserve changed, best first: each is kept alive and can take over without a check.
    StandbyChanged {
        /// The generation.
        generation: Generation,
        /// Our base and the peer's address of each.
        pairs: Vec<(BaseId, SocketAddr)>,
    },
    /// A role conflict was repaired: this is our role from here on (RFC 8445 section 7.3.1.1).
    RoleSwitched {
        /// The generation.
        generation: Generation,
        /// Our role.
        role: IceRole,
    },
    /// The peer asked over a pair that is blocked, and got no answer.
    BlockedPairAsked {
        /// Our base.
        base: BaseId,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// Both sides claim one role; 487 was sent or received. The side with the larger tie-breaker controls.
    RoleConflict {
        /// The generation.
        generation: Generation,
        /// The base it was seen at.
        base: BaseId,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// Something was dropped to keep memory bounded.
    Dropped {
        /// What.
        what: DropKind,
        /// How many since the last such event.
        count: u64,
    },
}

/// What the caller does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathOutput {
    /// Send this datagram.
    Send {
        /// From this base.
        base: BaseId,
        /// To this address.
        to: SocketAddr,
        /// These bytes.
        bytes: Bytes,
    },
    /// Know this.
    Event(PathEvent),
}

/// Every generation of checks of one call.
///
/// The caller's loop brings inbound STUN, what agents want, and the time; it drains [`Path::poll_output`] after each.
/// Agents need a tokio runtime; everything that is decided depends on the times passed in alone.
pub struct Path {
    config: PathConfig,
    outbox: mpsc::Sender<AgentSend>,
    generations: BTreeMap<Generation, GenerationState>,
    /// What people and measurements say about pairs, whatever the generation.
    verdicts: BTreeMap<PairKey, Verdict>,
    /// When the last request left or was to leave, over all bases and generations.
    released_at: Option<Instant>,
    outputs: Outputs,
}

impl Path {
    /// Prepares a path without bases; the outbox belongs into the caller's `select!`.
    #[must_use]
    pub fn new(config: PathConfig) -> (Self, AgentOutbox) {
        let (outbox, receiver) = mpsc::channel(OUTBOX_CAPACITY);
        let config = PathConfig { pacing: config.pacing.clamp(PACING.0, PACING.1), ..config };
        let path = Self {
            config,
            outbox,
            generations: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            released_at: None,
            outputs: Outputs::default(),
        };
        (path, receiver)
    }

    /// Begins a generation beside earlier ones, which go on (ICE restart, RFC 8445 section 9). From here on early
    /// checks of the peer are answered, although its credentials are not known yet.
    pub async fn start(&mut self, generation: Generation, local: Credentials, bases: &[PathBase]) {
        let mut state = GenerationState::new(generation, local, self.verdicts.clone());
        for base in bases {
            state.add_base(*base, self.outbox.clone(), None, &mut self.outputs).await;
        }
        self.generations.insert(generation, state);
    }

    /// Installs the peer's credentials and candidates in the newest generation and begins to check.
    pub async fn set_remote(&mut self, role: IceRole, remote: Credentials, candidates: &[Candidate], now: Instant) {
        let Some(newest) = self.generations.values_mut().next_back() else { return };
        newest.set_remote(role, remote, candidates, &self.config, now, &mut self.outputs).await;
        self.advance(now);
    }

    /// Adds a base to the newest generation.
    pub async fn add_base(&mut self, base: PathBase, now: Instant) {
        let Some(newest) = self.generations.values_mut().next_back() else { return };
        newest.add_base(base, self.outbox.clone(), Some(now), &mut self.outputs).await;
        self.advance(now);
    }

    /// Forgets bases that were closed, in every generation. The best pair in reserve takes over at once.
    pub fn remove_bases(&mut self, gone: &[BaseId], now: Instant) {
        for state in self.generations.values_mut() {
            state.remove_bases(gone, now, &mut self.outputs);
        }
        self.advance(now);
    }

    /// Adds a candidate of the peer to the newest generation, whose remote credentials are known.
    pub fn add_remote_candidate(&mut self, candidate: &Candidate, now: Instant) {
        let Some(newest) = self.generations.values_mut().next_back() else { return };
        newest.add_remote_candidate(candidate, now, &mut self.outputs);
        self.advance(now);
    }

    /// Takes an inbound STUN datagram.
    ///
    /// # Errors
    /// Why it was ignored; nothing changed then.
    pub fn handle_stun(
        &mut self,
        base: BaseId,
        from: SocketAddr,
        bytes: Bytes,
        now: Instant,
    ) -> Result<(), RefusalReason> {
        let message = StunMessage::decode(&bytes).map_err(|_| RefusalReason::MalformedStun)?;
        if message.method != METHOD_BINDING {
            return Err(RefusalReason::NotOurs);
        }
        let key = PairKey { base, remote: from };
        match message.class {
            Class::Request => self.on_request(key, &message, bytes, now)?,
            Class::Success | Class::Error => self.on_response(key, &message, bytes, now)?,
            // A keepalive (RFC 8445 section 11): unauthenticated, so it proves nothing.
            Class::Indication => {}
        }
        self.advance(now);
        Ok(())
    }

    fn on_request(
        &mut self,
        key: PairKey,
        message: &StunMessage,
        bytes: Bytes,
        now: Instant,
    ) -> Result<(), RefusalReason> {
        let ufrag = message.receiver_ufrag().ok_or(RefusalReason::UnknownUfrag)?;
        let state = self.generations.values_mut().find(|state| state.is_for(ufrag));
        let state = state.ok_or(RefusalReason::UnknownUfrag)?;
        state.on_request(key, message, bytes, self.config.tie_breaker, now, &mut self.outputs)
    }

    fn on_response(
        &mut self,
        key: PairKey,
        message: &StunMessage,
        bytes: Bytes,
        now: Instant,
    ) -> Result<(), RefusalReason> {
        let state = self.generations.values_mut().find(|state| state.has_asked(key, message.transaction));
        state.ok_or(RefusalReason::UnexpectedResponse)?.on_response(key, message, bytes, now, &mut self.outputs)
    }

    /// Takes what an agent wants.
    pub fn handle_agent(&mut self, send: AgentSend, now: Instant) {
        if let Some(state) = self.generations.get_mut(&send.generation) {
            state.on_agent(send, now, &mut self.outputs);
        }
        self.advance(now);
    }

    /// The connection between a TCP base and this address has ended: the best pair in reserve takes over at once, and the
    /// pair is checked anew, which dials where this side does.
    pub fn connection_broke(&mut self, base: BaseId, remote: SocketAddr, now: Instant) {
        for state in self.generations.values_mut() {
            state.connection_broke(PairKey { base, remote }, now, &mut self.outputs);
        }
        self.advance(now);
    }

    /// Whether the peer may be there, as its candidates or an authentic check of it tell.
    #[must_use]
    pub fn knows(&self, base: BaseId, remote: SocketAddr) -> bool {
        self.generations.values().any(|state| state.knows(PairKey { base, remote }))
    }

    /// Authentic media arrived from there: the quick suspicion rests.
    pub fn media_heard(&mut self, base: BaseId, remote: SocketAddr, now: Instant) {
        for state in self.generations.values_mut() {
            state.media_heard(PairKey { base, remote }, now, &mut self.outputs);
        }
    }

    /// When [`Path::handle_timeout`] is to be called, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let free = self.free_at();
        let states = || self.generations.values();
        let releases = states().filter_map(GenerationState::release_at).map(|(at, why)| match free {
            Some(free) if free > at => (free, "pacing"),
            Some(_) | None => (at, why),
        });
        let drops = self.outputs.drops.due_at().map(|at| (at, "counts of what was dropped"));
        states().filter_map(GenerationState::time_at).chain(releases).chain(drops).min_by_key(|(at, _)| *at)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    fn advance(&mut self, now: Instant) {
        for state in self.generations.values_mut() {
            state.handle_time(now, &mut self.outputs);
        }
        while self.free_at().is_none_or(|free| free <= now) && self.release_one(now) {
            let planned = self.free_at().unwrap_or(now);
            // What the timer was late is no reason for the next slot to be late, too.
            self.released_at =
                Some(now.checked_sub(TIMER_GRAIN).map_or(now, |earliest| earliest.max(planned)).min(now));
        }
        self.outputs.drops.tell(now, &mut self.outputs.queue);
    }

    fn free_at(&self) -> Option<Instant> {
        self.released_at.map(|released| released + self.config.pacing)
    }

    /// Lets one request go, of the generation that has waited longest; the newest if equal.
    fn release_one(&mut self, now: Instant) -> bool {
        let due = self.generations.iter().filter_map(|(id, state)| Some((state.release_at()?.0, Reverse(*id))));
        let Some((_, Reverse(id))) = due.filter(|(at, _)| *at <= now).min() else { return false };
        let state = self.generations.get_mut(&id);
        state.is_some_and(|state| state.release(self.config.tie_breaker, now, &mut self.outputs))
    }

    /// Uses this pair whenever it works, instead of the one preferred before. The controlling side chooses, so that on
    /// the other one this has to be told to the peer.
    pub fn prefer(&mut self, base: BaseId, remote: SocketAddr, now: Instant) {
        let earlier = self.verdicts.iter().find(|(_, verdict)| **verdict == Verdict::Preferred).map(|(key, _)| *key);
        if let Some(earlier) = earlier {
            self.judge(earlier, Verdict::Neutral, now);
        }
        self.judge(PairKey { base, remote }, Verdict::Preferred, now);
    }

    /// Does not use this pair: neither asks nor answers, so that the peer leaves it too.
    pub fn block(&mut self, base: BaseId, remote: SocketAddr, now: Instant) {
        self.judge(PairKey { base, remote }, Verdict::Blocked, now);
    }

    /// Uses this pair only if no other works, because its quality is bad. The controlling side chooses.
    pub fn penalize(&mut self, base: BaseId, remote: SocketAddr, now: Instant) {
        self.judge(PairKey { base, remote }, Verdict::Penalized, now);
    }

    /// Takes back [`Path::prefer`], [`Path::block`] and [`Path::penalize`]: the pair's priority decides.
    pub fn acquit(&mut self, base: BaseId, remote: SocketAddr, now: Instant) {
        self.judge(PairKey { base, remote }, Verdict::Neutral, now);
    }

    fn judge(&mut self, key: PairKey, verdict: Verdict, now: Instant) {
        self.verdicts.remove(&key);
        if verdict != Verdict::Neutral {
            if self.verdicts.len() >= MAX_VERDICTS {
                self.outputs.drops.count(DropKind::Pairs);
                return;
            }
            self.verdicts.insert(key, verdict);
        }
        for state in self.generations.values_mut() {
            state.judge(key, verdict, now, &mut self.outputs);
        }
        self.advance(now);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<PathOutput> {
        self.outputs.queue.pop_front()
    }

    /// Where media goes: the selected pair of the newest generation that has one.
    #[must_use]
    pub fn selected(&self) -> Option<(BaseId, SocketAddr)> {
        let pair = self.generations.values().rev().find_map(GenerationState::selected)?;
        Some((pair.base, pair.remote))
    }

    /// The generation whose choice that is.
    #[must_use]
    pub fn carrying(&self) -> Option<Generation> {
        let carrying = self.generations.iter().rev().find(|(_, state)| state.selected().is_some());
        carrying.map(|(generation, _)| *generation)
    }

    /// The pairs in reserve of the generation that carries media, best first.
    #[must_use]
    pub fn standby(&self) -> Vec<(BaseId, SocketAddr)> {
        let carrying = self.generations.values().rev().find(|state| state.selected().is_some());
        let pairs = carrying.map(GenerationState::standby).unwrap_or_default();
        pairs.into_iter().map(|pair| (pair.base, pair.remote)).collect()
    }

    /// What was measured on the pairs that work in the generation that carries media, best first.
    #[must_use]
    pub fn measures(&self) -> Vec<PairMeasure> {
        let carrying = self.generations.values().rev().find(|state| state.selected().is_some());
        let measures = carrying.map(GenerationState::measures).unwrap_or_default();
        measures.into_iter().map(PairMeasure::of).collect()
    }

    /// Asks a pair that works in the generation that carries media for one more answer, to measure it.
    pub fn ask(&mut self, base: BaseId, remote: SocketAddr, now: Instant) {
        if let Some(carrying) = self.generations.values_mut().rev().find(|state| state.selected().is_some()) {
            carrying.ask(PairKey { base, remote }, now);
        }
        self.advance(now);
    }

    /// Ends a generation whose successor has taken over: its credentials mean nothing from here on. Its agents end in
    /// their own time, of which the call that goes on has none to spare.
    pub fn retire(&mut self, generation: Generation) {
        self.generations.remove(&generation);
    }

    /// Ends everything; takes at most half a second per base, however stuck an agent is.
    pub async fn close(self) {
        for state in self.generations.into_values() {
            state.close().await;
        }
    }
}
