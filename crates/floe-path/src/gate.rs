//! The gate: the pure policy that every check passes. It decides which pair is asked when (`schedule`), which one is
//! nominated and which one carries media (`choice`); agents merely ask.
//!
//! Its rules, in the order in which they may take the next slot of Ta:
//! 1. a nomination that is due: four attempts, then the pair is given up and another one chosen;
//! 2. consent of valid pairs, selected or in reserve;
//! 3. a check: triggered by an authentic request of the peer, else of a pair that was never checked, else again; the
//!    highest priority first. Pairs back off from 250 ms to 4 s, or more where a base has many or dials, and never give
//!    up, because a human carries the codes. Of several fresh pairs with one foundation, one is checked and the others
//!    are frozen for its result.
//!
//! Checks carry a nomination until something is chosen, so that a call needs one round trip. Nothing is
//! chosen before the peer has sent an authentic request: an early peer's agent answers with its own password before
//! it knows ours, and no one is there to talk to yet. (A peer that implements ICE-lite never sends requests, so
//! this gate does not connect to one.)
//!
//! Time is passed in, randomness is seeded.

mod broken;
mod choice;
mod measures;
mod schedule;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use floe_wire::{BaseId, IceRole, stun::TransactionId};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

pub(crate) use self::measures::Measure;
use crate::{
    connection::{Facts, Usability},
    consent::{self, Consent},
    nomination::{self, Hope, Nominator},
    pair::{Asked, Foundation, LONGEST_RTO, Offer, Origin, Pair, PairKey, PairState, Rank, Verdict},
    path::{Liveness, MoveCause, Moved},
};

/// RFC 8445 section 6.1.2.5.
pub(crate) const MAX_PAIRS: usize = 100;
/// Addresses learned from checks; a NAT may show several, a flood shows hundreds.
const MAX_LEARNED: usize = 32;
/// A learned pair that was not heard for so long makes room for another.
const LEARNED_STALE: Duration = Duration::from_secs(30);
/// Consent is asked at random within RFC 7675's 4 to 6 s.
const CONSENT_MS: std::ops::RangeInclusive<u64> = 4_000..=6_000;
/// So many pairs in reserve are kept at the pace of consent; the others at four times that interval, within which no
/// NAT forgets them.
const RESERVE: usize = 8;
const SLOW_RESERVE: u32 = 4;
/// Pairs worse than the selected one are asked this often.
const WORSE_PAUSE: Duration = Duration::from_secs(5);
/// The selected pair is asked at least this often when it stopped answering.
const SELECTED_RTO: Duration = Duration::from_secs(1);
/// A peer that sends over another pair than the one it confirmed is told again after this long, beyond two round trips…
const INSIST_AFTER: Duration = Duration::from_millis(200);
/// … and as long as it does not help, after this long.
const INSIST_AGAIN: Duration = Duration::from_secs(1);
/// A better pair counts as tried after so many unanswered checks (about four seconds).
const TRIED: u32 = 5;

/// One request to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) key: PairKey,
    pub(crate) purpose: Purpose,
    /// Adds USE-CANDIDATE and NOMINATION with this number.
    pub(crate) nomination: Option<u32>,
}

/// What a request is for, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    Nomination,
    Consent,
    Check,
}

/// Whether a pair has a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted,
    /// A worse pair had to go.
    Replaced,
    NoRoom,
}

/// The pair that carries media; it stays selected through a silence, until consent expires.
#[derive(Debug, Clone, Copy)]
struct Selected {
    key: PairKey,
    answered_at: Instant,
}

/// What a choice is postponed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The best pair that works.
    pub(crate) best: PairKey,
    /// The better one that may still work, and until when that is hoped for.
    pub(crate) hope: Hope,
}

/// The policy of one generation.
#[derive(Debug)]
pub(crate) struct Gate {
    role: IceRole,
    /// Silent while we are controlled; its numbers go on if the role comes back.
    nominator: Nominator,
    grace: Duration,
    pairs: BTreeMap<PairKey, Pair>,
    /// Bases whose checks open connections.
    dialing: BTreeSet<BaseId>,
    selected: Option<Selected>,
    liveness: Liveness,
    first_valid: Option<Instant>,
    last_answer: Option<Instant>,
    peer_is_here: bool,
    /// The pair that carried media is gone, and no other one was selected since.
    has_fallen: bool,
    /// It is gone because it was blocked.
    is_fall_wanted: bool,
    /// The pair that was selected when no better one was left to try.
    concluded: Option<PairKey>,
    /// Why the selected pair was selected in place of the one before.
    moved: Option<Moved>,
    /// A choice is postponed for the sake of a better pair.
    waiting: Option<Waiting>,
    /// When the selected pair is left for one in reserve that answers.
    leaving_at: Option<Instant>,
    /// When the peer, which sends over another pair, is told the choice again.
    insist_at: Option<Instant>,
    random: StdRng,
}

impl Gate {
    pub(crate) fn new(role: IceRole, grace: Duration, seed: u64) -> Self {
        Self {
            role,
            nominator: Nominator::default(),
            grace,
            pairs: BTreeMap::new(),
            dialing: BTreeSet::new(),
            selected: None,
            liveness: Liveness::Alive,
            first_valid: None,
            last_answer: None,
            peer_is_here: false,
            has_fallen: false,
            is_fall_wanted: false,
            concluded: None,
            moved: None,
            waiting: None,
            leaving_at: None,
            insist_at: None,
            random: StdRng::seed_from_u64(seed),
        }
    }

    pub(crate) fn role(&self) -> IceRole {
        self.role
    }

    pub(crate) fn knows(&self, key: PairKey) -> bool {
        self.pairs.contains_key(&key)
    }

    pub(crate) fn selected(&self) -> Option<PairKey> {
        self.selected.map(|selected| selected.key)
    }

    /// Why the selected pair is used in place of the one before, of which there may be none.
    pub(crate) fn moved(&self) -> Option<Moved> {
        self.moved
    }

    /// Why nothing is chosen although a pair works.
    pub(crate) fn waiting(&self) -> Option<Waiting> {
        self.waiting
    }

    /// The pairs in reserve, best first: they answer, and are asked for consent like the selected one.
    pub(crate) fn standby(&self) -> Vec<PairKey> {
        let selected = self.selected();
        let reserve = self.pairs.iter().filter(|(key, pair)| pair.is_eligible() && Some(**key) != selected);
        let mut reserve: Vec<_> = reserve.map(|(key, pair)| (pair.standing(), *key)).collect();
        reserve.sort_unstable_by(|one, other| other.cmp(one));
        reserve.into_iter().map(|(_, key)| key).collect()
    }

    /// Of the selected pair, as of the last call of [`Self::handle_time`].
    pub(crate) fn liveness(&self) -> Liveness {
        self.liveness
    }

    pub(crate) fn transaction(&mut self) -> TransactionId {
        TransactionId(self.random.random())
    }

    /// Checks from this base open connections, each with several packets where nobody answers.
    pub(crate) fn dials_from(&mut self, base: BaseId) {
        self.dialing.insert(base);
    }

    /// Adds a pair with a signaled candidate, to be checked at `due` at the latest.
    pub(crate) fn add(&mut self, key: PairKey, rank: Rank, foundation: Foundation, due: Instant) -> Admission {
        let priority = rank.priority(self.role);
        if let Some(pair) = self.pairs.get_mut(&key) {
            // RFC 8445 section 7.3.1.3: the signaled candidate tells the priority of one that was learned before.
            (pair.rank, pair.priority) = (rank, priority);
            pair.origin = Origin::Signaled;
            pair.foundation.get_or_insert(foundation);
            return Admission::Admitted;
        }
        let admission = self.make_room(priority, due);
        if admission != Admission::NoRoom {
            let mut pair = Pair::new(rank, self.role, Origin::Signaled, due);
            pair.foundation = Some(foundation.clone());
            self.pairs.insert(key, pair);
            self.freeze(&foundation);
        }
        admission
    }

    /// Makes sure that the pair of an authentic request is known, with this rank; it may be one with a peer-reflexive
    /// candidate.
    pub(crate) fn hear(&mut self, key: PairKey, rank: Rank, now: Instant) -> Admission {
        if let Some(pair) = self.pairs.get_mut(&key) {
            (pair.rank, pair.priority) = (rank, rank.priority(self.role));
            return Admission::Admitted;
        }
        let admission = self.make_room_for_learned(now);
        if admission != Admission::NoRoom {
            let origin = Origin::Learned { heard_at: now };
            self.pairs.insert(key, Pair::new(rank, self.role, origin, now + LONGEST_RTO));
        }
        admission
    }

    /// Forgets the pairs of bases that are gone; the best one in reserve takes over.
    pub(crate) fn remove_bases(&mut self, gone: &[BaseId], now: Instant) {
        self.pairs.retain(|key, _| !gone.contains(&key.base));
        self.thaw_orphans(now);
        self.let_go_of(|key| gone.contains(&key.base), false);
        self.settle(now);
    }

    /// What a person or a measurement says about a pair, known or not yet.
    pub(crate) fn judge(&mut self, key: PairKey, verdict: Verdict, now: Instant) {
        let Some(pair) = self.pairs.get_mut(&key).filter(|pair| pair.verdict != verdict) else { return };
        let before = std::mem::replace(&mut pair.verdict, verdict);
        if verdict == Verdict::Blocked {
            pair.lose(now);
            pair.nominated = None;
            self.thaw_orphans(now);
            self.let_go_of(|known| known == key, true);
        } else if before == Verdict::Blocked {
            pair.lose(now);
        }
        self.settle(now);
    }

    /// Neither selects nor nominates what is gone.
    fn let_go_of(&mut self, is_gone: impl Fn(PairKey) -> bool, is_wanted: bool) {
        if self.selected.is_some_and(|selected| is_gone(selected.key)) {
            self.selected = None;
            self.has_fallen = true;
            self.is_fall_wanted = is_wanted;
        }
        if self.nominator.chosen().is_some_and(is_gone) {
            self.nominator.withdraw();
        }
    }

    /// The tie-breakers say that the other role is ours (RFC 8445 sections 7.2.5.1 and 7.3.1.1).
    pub(crate) fn switch_role(&mut self, now: Instant) {
        self.role = match self.role {
            IceRole::Controlling => IceRole::Controlled,
            IceRole::Controlled => IceRole::Controlling,
        };
        self.nominator.withdraw();
        for pair in self.pairs.values_mut() {
            pair.priority = pair.rank.priority(self.role);
            (pair.nominated, pair.offer) = (None, None);
        }
        self.settle(now);
    }

    /// An agent asks for a check. Pairs that were never asked are due with it: the best one goes first, whichever
    /// agent was the fastest.
    pub(crate) fn on_wish(&mut self, now: Instant) {
        self.pairs.values_mut().for_each(|pair| pair.wish(now));
    }

    /// An authentic request of the peer was answered. `nomination` is its number, 0 if it does not number.
    pub(crate) fn on_request_answered(&mut self, key: PairKey, nomination: Option<u32>, now: Instant) {
        self.peer_is_here = true;
        let standing = self.pairs.get(&key).map(Pair::standing);
        let mut promising = self.pairs.values().filter(|pair| pair.is_valid() || pair.is_triggered());
        let is_best = promising.all(|pair| Some(pair.standing()) <= standing);
        if let Some(pair) = self.pairs.get_mut(&key) {
            pair.nominated = pair.nominated.max(nomination);
            pair.trigger(is_best, now);
        }
        self.settle(now);
    }

    /// Whether this is an answer we wait for, from where we asked.
    pub(crate) fn has_asked(&self, key: PairKey, transaction: TransactionId) -> bool {
        self.pairs.get(&key).is_some_and(|pair| pair.has_asked(transaction))
    }

    /// An authentic success answer to a request of ours.
    pub(crate) fn on_success(&mut self, key: PairKey, transaction: TransactionId, now: Instant) {
        let interval = Duration::from_millis(self.random.random_range(CONSENT_MS)) * self.slowness(key);
        let Some(pair) = self.pairs.get_mut(&key) else { return };
        let Some(asked) = pair.take_asked(transaction) else { return };
        if pair.verdict == Verdict::Blocked {
            return;
        }
        pair.rtt = Some(now.saturating_duration_since(asked.at));
        match &mut pair.state {
            PairState::Valid { consent } => consent.on_answer(now, interval),
            PairState::Unproven { .. } => pair.state = PairState::Valid { consent: Consent::new(now, interval) },
        }
        if let Some(foundation) = pair.foundation.clone() {
            self.thaw(&foundation, now);
        }
        self.first_valid.get_or_insert(now);
        self.last_answer = Some(now);
        if let Some(selected) = self.selected.as_mut().filter(|selected| selected.key == key) {
            selected.answered_at = now;
        }
        if let Some(number) = asked.nomination.filter(|_| asked.role == self.role) {
            self.on_nomination_answered(key, number, now);
        }
        self.handle_time(now);
    }

    /// How much slower than consent asks a pair is asked: those that will hardly ever take over are merely kept open.
    fn slowness(&self, key: PairKey) -> u32 {
        let Some(own) = self.pairs.get(&key).map(Pair::standing) else { return 1 };
        let better = self.pairs.values().filter(|pair| pair.is_valid() && pair.standing() > own).count();
        if better > RESERVE && self.selected() != Some(key) { SLOW_RESERVE } else { 1 }
    }

    fn on_nomination_answered(&mut self, key: PairKey, number: u32, now: Instant) {
        if self.nominator.on_answer(key, number) {
            self.select(key, now);
        }
        if let Some(Pair { offer: Some(offer), .. }) = self.pairs.get_mut(&key)
            && offer.number == number
        {
            offer.answered = true;
        }
    }

    /// An authentic error answer: the transaction is over and proves nothing. Tells which role it was asked in.
    pub(crate) fn on_error(&mut self, key: PairKey, transaction: TransactionId, now: Instant) -> Option<IceRole> {
        let pair = self.pairs.get_mut(&key)?;
        let asked = pair.take_asked(transaction)?;
        if asked.role != self.role {
            pair.ask_again(now);
        }
        Some(asked.role)
    }

    /// The check that showed a role conflict is sent again in the new role.
    pub(crate) fn ask_again(&mut self, key: PairKey, now: Instant) {
        if let Some(pair) = self.pairs.get_mut(&key) {
            pair.ask_again(now);
        }
    }

    /// Authentic media arrived over a pair.
    pub(crate) fn on_media(&mut self, key: PairKey, now: Instant) {
        let Some(consent) = self.pairs.get_mut(&key).and_then(Pair::consent_mut) else { return };
        consent.on_media(now);
        match self.selected.filter(|selected| selected.key != key) {
            Some(selected) if self.role == IceRole::Controlling => self.on_media_elsewhere(selected.key, now),
            Some(_) => {}
            None => self.insist_at = None,
        }
        self.update_liveness(now);
    }

    /// The controlled side cannot nominate; where it sends is all it can say. Either it lost the base of the selected pair,
    /// which has to prove itself then; or it followed another nomination, because it ranks pairs by what it was told of
    /// our candidates when they were told. Then it gets one that leaves no choice.
    fn on_media_elsewhere(&mut self, selected: PairKey, now: Instant) {
        let Some(pair) = self.pairs.get_mut(&selected) else { return };
        let rtt = pair.rtt;
        let Some(consent) = pair.consent_mut() else { return };
        consent.doubt(now);
        let does_answer = consent.unanswered_since().is_none();
        let insist_at = *self.insist_at.get_or_insert(now + INSIST_AFTER + rtt.unwrap_or_default() * 2);
        if insist_at <= now && does_answer && self.nominator.chosen() == Some(selected) && self.nominator.is_confirmed()
        {
            self.nominator.choose(selected, rtt, now);
            self.insist_at = Some(now + INSIST_AGAIN);
        }
    }

    /// Everything that only the passing of time brings about.
    pub(crate) fn handle_time(&mut self, now: Instant) {
        self.lose_silent_pairs(now);
        self.give_up_nomination(now);
        for pair in self.pairs.values_mut() {
            pair.shunned_until = pair.shunned_until.filter(|until| *until > now);
        }
        self.selected = self.selected.filter(|selected| selected.answered_at + consent::EXPIRY > now);
        self.update_liveness(now);
        self.settle(now);
        self.update_liveness(now);
        self.conclude();
    }

    fn conclude(&mut self) {
        let Some(Selected { key, .. }) = self.selected else { return };
        if self.pairs.get(&key).is_some_and(|pair| pair.is_valid() && self.is_concluded(key, pair)) {
            self.concluded = Some(key);
        }
    }

    fn lose_silent_pairs(&mut self, now: Instant) {
        for pair in self.pairs.values_mut() {
            if pair.consent().is_some_and(|consent| consent.liveness(now) == Liveness::Silent) {
                pair.lose(now);
            }
        }
    }

    fn give_up_nomination(&mut self, now: Instant) {
        let Some(key) = self.nominator.given_up(now) else { return };
        self.nominator.withdraw();
        if let Some(pair) = self.pairs.get_mut(&key) {
            pair.lose(now);
            pair.shunned_until = Some(now + nomination::SHUNNED);
        }
    }

    fn update_liveness(&mut self, now: Instant) {
        self.leaving_at = None;
        let pair = self.selected.and_then(|selected| Some((selected.key, self.pairs.get(&selected.key)?)));
        // A pair that is gone does not answer again; the next one tells.
        let Some((key, pair)) = pair else { return };
        self.liveness = pair.consent().map_or(Liveness::Silent, |consent| consent.liveness(now));
        let leave_at = pair.consent().and_then(|consent| consent.leave_at(pair.rtt));
        let is_overdue = pair.consent().is_none_or(|consent| consent.is_overdue(pair.rtt, now));
        self.leaving_at = leave_at.filter(|at| *at > now);
        if self.liveness != Liveness::Alive || is_overdue {
            // Pairs in reserve show now whether they could take over.
            let reserve = self.pairs.iter_mut().filter(|(other, _)| **other != key);
            reserve.filter_map(|(_, pair)| pair.consent_mut()).for_each(|consent| consent.hurry(now));
        }
    }

    /// When [`Self::handle_time`] has something to do.
    pub(crate) fn time_at(&self) -> Option<(Instant, &'static str)> {
        let consents = || self.pairs.values().filter_map(Pair::consent);
        let suspicion = match (self.liveness, self.selected.and_then(|selected| self.pairs.get(&selected.key))) {
            (Liveness::Alive, Some(pair)) => pair.consent().and_then(Consent::suspect_at),
            (Liveness::Alive | Liveness::Suspect | Liveness::Silent, _) => None,
        };
        [
            (consents().filter_map(Consent::silent_at).min(), "silence of a pair"),
            (suspicion, "suspicion"),
            (self.leaving_at, "leaving a silent pair"),
            (self.waiting.map(|waiting| waiting.hope.until), "waiting for a better pair"),
            (self.pairs.values().filter_map(|pair| pair.shunned_until).min(), "a refused pair may be chosen again"),
            (self.selected.map(|selected| selected.answered_at + consent::EXPIRY), "consent expiry"),
        ]
        .into_iter()
        .filter_map(|(at, why)| Some((at?, why)))
        .min_by_key(|(at, _)| *at)
    }

    /// What the connection state is derived from.
    pub(crate) fn facts(&self) -> Facts {
        let usability = match self.selected.map(|selected| (selected.key, self.pairs.get(&selected.key))) {
            Some((key, Some(pair))) if pair.is_valid() && self.is_concluded(key, pair) => Usability::Concluded,
            Some((_, Some(pair))) if pair.is_valid() => Usability::Usable,
            Some(_) => Usability::Silent,
            None if self.peer_is_here && self.pairs.values().any(Pair::is_valid) => Usability::Usable,
            None => Usability::Nothing,
        };
        Facts { usability, last_answer: self.last_answer }
    }

    /// Whether the selected pair is agreed upon and no better one is left to try. Later on a pair that was merely heard is
    /// none before it answers: anybody who has seen a check can send it again from elsewhere.
    fn is_concluded(&self, key: PairKey, selected: &Pair) -> bool {
        let is_agreed = match self.role {
            IceRole::Controlling => self.nominator.is_confirmed(),
            IceRole::Controlled => true,
        };
        let mut better = self.pairs.values().filter(|pair| pair.standing() > selected.standing());
        let is_settled = self.concluded == Some(key);
        is_agreed
            && better.all(|pair| {
                let is_rumour = is_settled && matches!(pair.origin, Origin::Learned { .. });
                pair.is_valid() || is_rumour || pair.attempts() >= TRIED
            })
    }

    /// At the cap, the worst unproven pair goes if it is worse than the new one.
    fn make_room(&mut self, priority: u64, now: Instant) -> Admission {
        if self.pairs.len() < MAX_PAIRS {
            return Admission::Admitted;
        }
        match self.worst_unproven(|_| true) {
            Some((worst, key)) if worst < priority => {
                self.forget(key, now);
                Admission::Replaced
            }
            Some(_) | None => Admission::NoRoom,
        }
    }

    /// At the cap, a check of the peer says more for its pair than silence does for the worst signaled one: behind a NAT
    /// that maps by destination, the addresses of a code may all be in vain.
    fn make_room_for_learned(&mut self, now: Instant) -> Admission {
        let is_flooded = self.learned().count() >= MAX_LEARNED;
        if !is_flooded && self.pairs.len() < MAX_PAIRS {
            return Admission::Admitted;
        }
        let stale = self.learned().find(|(_, heard)| now.saturating_duration_since(*heard) >= LEARNED_STALE);
        if let Some((stale, _)) = stale {
            self.forget(stale, now);
            return Admission::Admitted;
        }
        let is_in_vain = |pair: &Pair| pair.origin == Origin::Signaled && !pair.is_triggered();
        match self.worst_unproven(is_in_vain).filter(|_| !is_flooded) {
            Some((_, worst)) => {
                self.forget(worst, now);
                Admission::Replaced
            }
            None => Admission::NoRoom,
        }
    }

    fn worst_unproven(&self, is_expendable: impl Fn(&Pair) -> bool) -> Option<(u64, PairKey)> {
        let selected = self.selected();
        let unproven = self.pairs.iter().filter(|(key, pair)| !pair.is_valid() && Some(**key) != selected);
        unproven.filter(|(_, pair)| is_expendable(pair)).map(|(key, pair)| (pair.priority, *key)).min()
    }

    fn forget(&mut self, key: PairKey, now: Instant) {
        self.pairs.remove(&key);
        self.thaw_orphans(now);
    }

    /// Unproven pairs with peer-reflexive candidates, and when they were heard.
    fn learned(&self) -> impl Iterator<Item = (PairKey, Instant)> {
        let selected = self.selected();
        self.pairs.iter().filter_map(move |(key, pair)| match pair.origin {
            Origin::Learned { heard_at } if !pair.is_valid() && Some(*key) != selected => Some((*key, heard_at)),
            Origin::Learned { .. } | Origin::Signaled => None,
        })
    }
}

#[cfg(test)]
mod tests;
