//! ICE restarts: which generation is the newest, which one carries media, and when another one begins.
//!
//! Both ends derive the credentials of every generation from the DTLS keying material, so a generation needs no message:
//! the first authentic check for it begins it. The older generation lives on until the newer one carries media, and a
//! little longer, so that nothing is lost that is still under way.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use floe_path::Credentials;
use floe_secure::{RestartKeys, Side};
use floe_signal::new_credentials;
use floe_transport::Inbound;
use floe_wire::{
    Candidate, Generation, IceConnectionState, IceRole, Protocol,
    peer::RestartCause,
    stun::{StunMessage, is_authentic},
};

/// How far ahead of ours a peer's generation may be: it may have begun some that never reached us.
const AHEAD: u32 = 4;
/// Between two restarts that nobody asked for.
const CALM: Duration = Duration::from_secs(3);
/// Between any two: agents cost milliseconds, and a peer could ask without end.
const PACE: Duration = Duration::from_millis(200);
/// A path that is silent this long after it was suspected (some 0.4 s after its last packet) is not waited for.
const PATIENCE: Duration = Duration::from_millis(300);
/// A path that is silent for so long may need a fresh code: two addresses that were lost at once are found in no other way.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// The older generation answers this long after the newer one took over here: the peer may follow a little later.
const AFTERLIFE: Duration = Duration::from_secs(2);
/// Checks that wait for their generation to begin.
const MOST_HELD: usize = 16;
/// Candidates of the peer that later generations begin with.
const MOST_CANDIDATES: usize = 64;

/// What is known of generations.
#[derive(Default)]
pub(crate) struct Restarts {
    current: Generation,
    /// The generation whose pair media goes over.
    carrying: Option<Generation>,
    /// Generations that exist, the current one among them.
    alive: BTreeSet<Generation>,
    retire_at: Option<Instant>,
    role: Option<IceRole>,
    remote: Vec<Candidate>,
    pending: Option<(Generation, RestartCause)>,
    held: Vec<Inbound>,
    began: Option<Instant>,
    silent_since: Option<Instant>,
    /// The current generation was begun because the path fell silent: what people see stays with the path until the
    /// generation works.
    is_hidden: bool,
}

impl Restarts {
    /// The newest generation.
    pub fn current(&self) -> Generation {
        self.current
    }

    /// The first generation begins, with what the peer's code says.
    pub fn on_first(&mut self, role: IceRole, candidates: &[Candidate]) {
        self.alive.insert(self.current);
        self.role = Some(role);
        candidates.iter().for_each(|candidate| self.add_candidate(candidate));
    }

    /// Our role, once it is known.
    pub fn role(&self) -> Option<IceRole> {
        self.role
    }

    /// A role conflict was repaired.
    pub fn on_role(&mut self, role: IceRole) {
        self.role = Some(role);
    }

    /// The peer has this candidate as well.
    pub fn add_candidate(&mut self, candidate: &Candidate) {
        let key = |candidate: &Candidate| (candidate.address, candidate.protocol, candidate.tcp_type);
        if let Some(known) = self.remote.iter_mut().find(|known| key(known) == key(candidate)) {
            // What was told last counts: both ends are to rank pairs alike.
            known.clone_from(candidate);
            return;
        }
        if self.remote.len() >= MOST_CANDIDATES {
            // The code's own come first and stay; what was found on the way may be stale by now.
            self.remote.remove(MOST_CANDIDATES / 2);
        }
        self.remote.push(candidate.clone());
    }

    /// The peer was reached there, whether it told so or not.
    pub fn add_reached(&mut self, candidate: &Candidate) {
        let is_known = self.remote.iter().any(|known| {
            known.protocol == Protocol::Udp && candidate.protocol == Protocol::Udp && known.address == candidate.address
        });
        if !is_known {
            self.add_candidate(candidate);
        }
    }

    /// What the peer is known to be reachable at.
    pub fn candidates(&self) -> &[Candidate] {
        &self.remote
    }

    /// Whether media moves to another generation with a pair of this one; not with the first pair there is.
    pub fn is_move(&self, generation: Generation) -> bool {
        self.carrying.is_some_and(|carrying| carrying != generation)
    }

    /// Whether media went over to a newer generation than this one.
    pub fn is_superseded(&self, generation: Generation) -> bool {
        self.carrying.is_some_and(|carrying| generation < carrying)
    }

    /// Whether a newer generation has begun that carries nothing yet.
    pub fn is_under_way(&self) -> bool {
        self.carrying.is_some_and(|carrying| carrying < self.current)
    }

    /// Wants a new generation, for a reason of ours. One that is under way serves every reason but a person's wish.
    pub fn want(&mut self, cause: RestartCause) {
        if self.carrying.is_none() || self.pending.is_some() {
            return;
        }
        if !self.is_under_way() || cause == RestartCause::Asked {
            self.pending = Some((Generation(self.current.0.saturating_add(1)), cause));
        }
    }

    /// The peer tells that it begins this generation.
    pub fn on_peer_restart(&mut self, generation: Generation) {
        let is_next = generation > self.current && generation.0 - self.current.0 <= AHEAD;
        if is_next && self.pending.is_none_or(|(pending, _)| pending < generation) {
            self.pending = Some((generation, RestartCause::Peer));
        }
    }

    /// Looks at a check for a user fragment that is none of ours yet; `true` if it was kept, because it begins one of the
    /// next generations.
    pub fn on_unknown_check(&mut self, inbound: &Inbound, keys: &RestartKeys) -> bool {
        let Ok(message) = StunMessage::decode(&inbound.bytes) else { return false };
        let Some(ufrag) = message.receiver_ufrag() else { return false };
        for ahead in 1..=AHEAD {
            let generation = Generation(self.current.0.saturating_add(ahead));
            let ours = credentials(keys, Side::Local, generation);
            if ours.ufrag == ufrag && is_authentic(&inbound.bytes, &ours.password) {
                self.on_peer_restart(generation);
                if self.held.len() < MOST_HELD {
                    self.held.push(inbound.clone());
                }
                return true;
            }
        }
        false
    }

    /// The generation that carries media began or ceased to be suspected.
    pub fn on_liveness(&mut self, generation: Generation, is_alive: bool, now: Instant) {
        if self.carrying == Some(generation) {
            self.silent_since = if is_alive { None } else { self.silent_since.or(Some(now)) };
        }
    }

    /// Whether the path has been silent for so long that people may have to help.
    pub fn is_lost(&self, now: Instant) -> bool {
        self.silent_since.is_some_and(|since| since + LOST_AFTER <= now)
    }

    /// Media goes over a pair of this generation from here on.
    pub fn on_selected(&mut self, generation: Generation, now: Instant) {
        let is_newer = self.carrying.is_none_or(|carrying| carrying < generation);
        if is_newer {
            self.carrying = Some(generation);
        }
        self.silent_since = None;
        if is_newer && self.alive.first().is_some_and(|oldest| *oldest < generation) {
            self.retire_at = Some(now + AFTERLIFE);
        }
    }

    /// Whether people see this change of state.
    pub fn shows(&mut self, generation: Generation, state: IceConnectionState) -> bool {
        let works = matches!(state, IceConnectionState::Connected | IceConnectionState::Completed);
        if generation == self.current {
            self.is_hidden &= !works;
            return !self.is_hidden;
        }
        self.is_hidden && self.carrying == Some(generation)
    }

    /// When [`Restarts::take_due`] or [`Restarts::take_retired`] has something.
    /// Silence is nothing to wake up for while a pair in reserve may end it.
    pub fn poll_timeout(&self, has_standby: bool) -> Option<Instant> {
        let silence = self.silent_since.filter(|_| !self.is_under_way() && !has_standby).map(|since| since + PATIENCE);
        let silence = silence.map(|at| self.began.map_or(at, |began| at.max(began + CALM)));
        let pending = self.pending.and(self.began).map(|began| began + PACE);
        [silence, pending, self.retire_at].into_iter().flatten().min()
    }

    /// The generation to begin at this time.
    pub fn take_due(&mut self, has_standby: bool, now: Instant) -> Option<(Generation, RestartCause)> {
        let is_silent = self.silent_since.is_some_and(|since| since + PATIENCE <= now);
        let is_calm = self.began.is_none_or(|began| began + CALM <= now);
        if is_silent && is_calm && !has_standby {
            // Without keys for it nothing begins, and that is to be found out now and then, not all the time.
            self.silent_since = Some(now);
            self.want(RestartCause::PathSilent);
        }
        if self.began.is_some_and(|began| began + PACE > now) {
            return None;
        }
        self.pending.take()
    }

    /// A generation begins. Gives the ones that end for it: those that never carried anything.
    pub fn begin(&mut self, generation: Generation, cause: RestartCause, now: Instant) -> Vec<Generation> {
        let carrying = self.carrying;
        let ended = self.alive.extract_if(.., |alive| Some(*alive) != carrying).collect();
        self.is_hidden =
            cause == RestartCause::PathSilent || (cause == RestartCause::Peer && self.silent_since.is_some());
        self.current = generation;
        self.alive.insert(generation);
        self.began = Some(now);
        self.retire_at = None;
        ended
    }

    /// The generations that are over at this time.
    pub fn take_retired(&mut self, now: Instant) -> Vec<Generation> {
        if self.retire_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.retire_at = None;
        let carrying = self.carrying.unwrap_or(self.current);
        self.alive.extract_if(.., |alive| *alive < carrying).collect()
    }

    /// Checks that waited for their generation.
    pub fn take_held(&mut self) -> Vec<Inbound> {
        std::mem::take(&mut self.held)
    }
}

/// One side's credentials of a generation after the first.
pub(crate) fn credentials(keys: &RestartKeys, side: Side, generation: Generation) -> Credentials {
    let (ufrag, password) = new_credentials(keys.credentials(side, generation.0));
    Credentials { ufrag, password }
}

#[cfg(test)]
mod tests;
