//! What decides about pairs beside their priorities: people, who force and block, and measurements.
//!
//! People come first, the last wish about a pair counts, and either side's wishes hold at both: what one side blocks, the
//! other one could only be silent on. The other side is told in the names of its own pairs, which its digests have told
//! together with our checks that arrived there.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_path::{MoveCause, Moved};
use floe_signal::control::Features;
use floe_transport::clock;
use floe_wire::{
    BaseId, Generation, IceRole, Note,
    note::{AudioMeasure, DropKind},
    peer::{MediaDigest, MoveReason},
    verdict::{Judge, Measured, PairRuling, PairVerdict},
};

use crate::{
    media::Media,
    quality::{Key, Look, MediaCounts, Quality, Step},
    session::Session,
};

/// Pairs that people decide about; a generation has at most 100.
const MOST_RULINGS: usize = 100;

/// Checks that left before the peer blocked a pair are here by then.
const CHECKS_ON_THEIR_WAY: Duration = Duration::from_secs(3);

/// What was decided and what was measured.
#[derive(Default)]
pub(crate) struct Steering {
    people: BTreeMap<Key, PairVerdict>,
    /// When the peer blocked a pair, of those that are blocked because of it.
    blocked_there: BTreeMap<Key, Instant>,
    quality: Quality,
    heard: Option<MediaCounts>,
    reported: Option<f64>,
    looked: Option<Instant>,
    /// What media goes over.
    in_use: Option<Key>,
}

/// Why media moved, as far as this side knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reason {
    pub reason: MoveReason,
    /// The peer chose, and tells why if it is of a version that does.
    pub is_guess: bool,
}

impl Steering {
    /// Audio was measured here.
    pub fn on_measured(&mut self, measure: &AudioMeasure) {
        self.heard = Some(MediaCounts { received: measure.packets_received, lost: measure.packets_lost });
        self.reported = measure.remote_fraction_lost;
    }

    /// When pairs are to be looked at.
    pub fn poll_timeout(&self) -> Option<Instant> {
        Some(self.looked? + self.quality.pace())
    }

    fn on_moved(&mut self, moved: Option<Moved>, now: Instant) {
        let fell_silent = moved == Some(Moved { cause: MoveCause::Loss, is_guess: false });
        if let Some(silent) = self.in_use.filter(|_| fell_silent) {
            self.quality.on_silent(silent, now);
        }
    }

    fn forced(&self) -> Option<Key> {
        self.people.iter().find(|(_, verdict)| **verdict == PairVerdict::Forced).map(|(key, _)| *key)
    }

    /// Who decided about the pair that was left, or the one that is used instead.
    fn reason_of_verdict(&self, next: Key) -> MoveReason {
        let is_blocked = self.in_use.and_then(|key| self.people.get(&key)) == Some(&PairVerdict::Blocked);
        let is_wish = is_blocked || self.forced() == Some(next);
        if is_wish { MoveReason::Wish } else { MoveReason::Quality }
    }

    /// Remembers what a person wants; false if there is no room for it.
    fn take(&mut self, key: Key, verdict: PairVerdict) -> bool {
        if verdict == PairVerdict::Forced
            && let Some(earlier) = self.forced()
        {
            self.people.remove(&earlier);
        }
        self.people.remove(&key);
        self.blocked_there.remove(&key);
        let is_kept = matches!(verdict, PairVerdict::Forced | PairVerdict::Blocked);
        if is_kept && self.people.len() >= MOST_RULINGS {
            return false;
        }
        if is_kept {
            self.people.insert(key, verdict);
        }
        true
    }
}

impl Session {
    /// Why media goes over this pair from here on; none of the first one.
    pub(crate) fn reason_of_move(&mut self, generation: Generation, next: Key, moved: Option<Moved>) -> Option<Reason> {
        let reason = if self.restarts.is_move(generation) {
            Some(Reason { reason: MoveReason::Restart, is_guess: false })
        } else {
            // Before there is audio none can be lost: the ends settle on one pair.
            let is_told = |moved: &Moved| !moved.is_guess || self.media.as_ref().is_some_and(Media::is_secured);
            self.steering.on_moved(moved, clock::now());
            moved.filter(is_told).map(|Moved { cause, is_guess }| {
                let reason = match cause {
                    MoveCause::Better => MoveReason::Better,
                    MoveCause::Loss => MoveReason::TookOver,
                    MoveCause::Verdict => self.steering.reason_of_verdict(next),
                };
                Reason { reason, is_guess }
            })
        };
        self.steering.in_use = Some(next);
        reason
    }

    /// A person here wants a pair to be used, not to be used, or neither.
    pub(crate) fn on_pair_wish(&mut self, base: BaseId, remote: SocketAddr, verdict: PairVerdict) {
        let ruling = PairRuling { base, remote, verdict, by: Judge::Here, measured: None, is_shared: false };
        // Before the pair is blocked that may carry the message.
        let is_shared = self.share(ruling);
        self.rule(PairRuling { is_shared, ..ruling });
    }

    /// The other side decided about a pair. Measurements count if it is the one that chooses.
    pub(crate) fn on_peer_ruling(&mut self, ruling: PairRuling) {
        let is_authorized = match ruling.by {
            Judge::Here | Judge::Peer => ruling.verdict != PairVerdict::Distrusted,
            Judge::Measurement => {
                let is_theirs_to_say = matches!(ruling.verdict, PairVerdict::Distrusted | PairVerdict::Released);
                is_theirs_to_say && self.restarts.role() == Some(IceRole::Controlled)
            }
        };
        if is_authorized {
            self.rule(ruling);
        } else {
            self.tap.note(Note::Dropped { what: DropKind::ControlMessages, count: 1 });
        }
    }

    fn rule(&mut self, ruling: PairRuling) {
        let key = (ruling.base, ruling.remote);
        let now = clock::now();
        match ruling.by {
            Judge::Measurement if self.steering.people.contains_key(&key) => return,
            Judge::Measurement => {}
            Judge::Here | Judge::Peer => {
                if !self.steering.take(key, ruling.verdict) {
                    self.tap.note(Note::Dropped { what: DropKind::Pairs, count: 1 });
                    return;
                }
            }
        }
        if (ruling.by, ruling.verdict) == (Judge::Peer, PairVerdict::Blocked) {
            self.steering.blocked_there.insert(key, now);
        }
        self.tap.note(Note::PairJudged(ruling));
        let (base, remote) = key;
        match ruling.verdict {
            PairVerdict::Forced => self.path.prefer(base, remote, now),
            PairVerdict::Blocked => self.path.block(base, remote, now),
            PairVerdict::Distrusted => self.path.penalize(base, remote, now),
            PairVerdict::Released if self.steering.quality.distrusts(key) => self.path.penalize(base, remote, now),
            PairVerdict::Released => self.path.acquit(base, remote, now),
        }
        self.drain_path();
    }

    /// The peer checks a pair that it blocked itself: it has released it, and had no path to tell so.
    pub(crate) fn on_blocked_pair_asked(&mut self, base: BaseId, remote: SocketAddr) {
        let since = self.steering.blocked_there.get(&(base, remote));
        if since.is_some_and(|since| clock::now().duration_since(*since) >= CHECKS_ON_THEIR_WAY) {
            let verdict = PairVerdict::Released;
            self.rule(PairRuling { base, remote, verdict, by: Judge::Peer, measured: None, is_shared: false });
        }
    }

    /// Tells the other side, if it follows and has told which of its pairs this is.
    fn share(&mut self, ruling: PairRuling) -> bool {
        if !self.talk.control.peer_can(Features::RULING) {
            return false;
        }
        let Some((base, remote)) = self.publisher.peers_name(ruling.base, ruling.remote) else { return false };
        let is_told = self.talk.control.tell_ruling(PairRuling { base, remote, ..ruling });
        self.talk(clock::now());
        is_told
    }

    /// Looks whether the pair in use is still a good one, if it is this side that chooses and nobody else has chosen.
    pub(crate) fn steer(&mut self, now: Instant) {
        if self.steering.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        self.steering.looked = Some(now);
        let selected = self.path.selected();
        let is_ours = self.restarts.role() == Some(IceRole::Controlling) && !self.restarts.is_under_way();
        let Some(selected) = selected.filter(|key| is_ours && self.steering.forced() != Some(*key)) else {
            self.steering.quality.pause();
            return;
        };
        let pairs = self.path.measures();
        let arrived = self.talk.control.peer_media().map(arrived);
        let Steering { quality, heard, reported, .. } = &mut self.steering;
        let look = Look { now, selected, pairs: &pairs, heard: *heard, arrived, reported: *reported };
        for step in quality.look(&look) {
            self.take_step(step, now);
        }
        self.drain_path();
    }

    fn take_step(&mut self, step: Step, now: Instant) {
        match step {
            Step::Ask((base, remote)) => self.path.ask(base, remote, now),
            Step::Distrust(key, measured) => self.on_measured_verdict(key, PairVerdict::Distrusted, measured),
            Step::Trust(key) => self.on_measured_verdict(key, PairVerdict::Released, None),
        }
    }

    fn on_measured_verdict(&mut self, key: Key, verdict: PairVerdict, measured: Option<Measured>) {
        let (base, remote) = key;
        let ruling = PairRuling { base, remote, verdict, by: Judge::Measurement, measured, is_shared: false };
        let is_shared = !self.steering.people.contains_key(&key) && self.share(ruling);
        self.rule(PairRuling { is_shared, ..ruling });
    }

    /// The pairs are looked at from here on.
    pub(crate) fn begin_steering(&mut self, now: Instant) {
        self.steering.looked.get_or_insert(now);
    }
}

fn arrived(media: MediaDigest) -> MediaCounts {
    MediaCounts { received: media.packets_received, lost: media.packets_lost }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> Key {
        (BaseId(1), SocketAddr::from(([203, 0, 113, 7], port)))
    }

    #[test]
    fn one_pair_is_forced_and_the_last_wish_about_a_pair_counts() {
        let mut steering = Steering::default();
        assert!(steering.take(key(1), PairVerdict::Forced));
        assert!(steering.take(key(2), PairVerdict::Forced));
        assert_eq!(steering.forced(), Some(key(2)));
        assert!(steering.take(key(2), PairVerdict::Blocked));
        assert_eq!(steering.forced(), None);
        assert!(steering.take(key(2), PairVerdict::Released));
        assert!(steering.people.is_empty());
    }

    #[test]
    fn wishes_are_bounded_and_can_be_taken_back_at_the_bound() {
        let mut steering = Steering::default();
        for port in 1..=100 {
            assert!(steering.take(key(port), PairVerdict::Blocked));
        }
        assert!(!steering.take(key(200), PairVerdict::Blocked));
        assert!(steering.take(key(1), PairVerdict::Released));
        assert!(steering.take(key(200), PairVerdict::Blocked));
    }
}
