//! The gate: the pure policy that every check passes. It decides which pair is asked when, which one is nominated,
//! and which one carries media; agents merely ask.
//!
//! Its rules, in the order in which they may take the next slot of Ta:
//! 1. a nomination that is due: four attempts, then the pair is given up and another one chosen;
//! 2. consent of valid pairs, selected or in reserve;
//! 3. the pair that was triggered by an authentic request of the peer, else the one of highest priority, backing off
//!    from 250 ms to 4 s and never giving up, because a human carries the codes.
//!
//! The first checks of the best pair already carry a nomination, so that a LAN needs one round trip. Nothing is
//! chosen before the peer has sent an authentic request: an early peer's agent answers with its own password before
//! it knows ours, and no one is there to talk to yet. (A peer that implements ICE-lite never sends requests, so
//! this gate does not connect to one.)
//!
//! Time is passed in, randomness is seeded.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use floe_wire::{IceRole, stun::TransactionId};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    connection::{Facts, Usability},
    consent::{self, Consent},
    nomination::{self, Nominator},
    pair::{Asked, LONGEST_RTO, Offer, Origin, Pair, PairKey, PairState},
    path::Liveness,
};

/// RFC 8445 section 6.1.2.5.
pub(crate) const MAX_PAIRS: usize = 100;
/// Addresses learned from checks; a NAT may show several, a flood shows hundreds.
const MAX_LEARNED: usize = 32;
/// A learned pair that was not heard for so long makes room for another.
const LEARNED_STALE: Duration = Duration::from_secs(30);
/// Consent is asked at random within RFC 7675's 4 to 6 s.
const CONSENT_MS: std::ops::RangeInclusive<u64> = 4_000..=6_000;
/// Pairs worse than the selected one are asked this often.
const WORSE_PAUSE: Duration = Duration::from_secs(5);
/// The selected pair is asked at least this often when it stopped answering.
const SELECTED_RTO: Duration = Duration::from_secs(1);
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

#[derive(Debug)]
enum Role {
    Controlling(Nominator),
    Controlled,
}

/// The pair that carries media; it stays selected through a silence, until consent expires.
#[derive(Debug, Clone, Copy)]
struct Selected {
    key: PairKey,
    answered_at: Instant,
}

/// The policy of one generation.
#[derive(Debug)]
pub(crate) struct Gate {
    role: Role,
    grace: Duration,
    pairs: BTreeMap<PairKey, Pair>,
    selected: Option<Selected>,
    liveness: Liveness,
    first_valid: Option<Instant>,
    last_answer: Option<Instant>,
    peer_is_here: bool,
    /// A choice is postponed until then for the sake of better pairs.
    choosing_at: Option<Instant>,
    random: StdRng,
}

impl Gate {
    pub(crate) fn new(role: IceRole, grace: Duration, seed: u64) -> Self {
        Self {
            role: match role {
                IceRole::Controlling => Role::Controlling(Nominator::default()),
                IceRole::Controlled => Role::Controlled,
            },
            grace,
            pairs: BTreeMap::new(),
            selected: None,
            liveness: Liveness::Alive,
            first_valid: None,
            last_answer: None,
            peer_is_here: false,
            choosing_at: None,
            random: StdRng::seed_from_u64(seed),
        }
    }

    pub(crate) fn role(&self) -> IceRole {
        match self.role {
            Role::Controlling(_) => IceRole::Controlling,
            Role::Controlled => IceRole::Controlled,
        }
    }

    pub(crate) fn selected(&self) -> Option<PairKey> {
        self.selected.map(|selected| selected.key)
    }

    /// Of the selected pair, as of the last call of [`Self::handle_time`].
    pub(crate) fn liveness(&self) -> Liveness {
        self.liveness
    }

    pub(crate) fn transaction(&mut self) -> TransactionId {
        TransactionId(self.random.random())
    }

    /// Adds a pair with a signaled candidate, to be checked at `due` at the latest.
    pub(crate) fn add(&mut self, key: PairKey, priority: u64, due: Instant) -> Admission {
        if let Some(pair) = self.pairs.get_mut(&key) {
            // RFC 8445 section 7.3.1.3: the signaled candidate tells the priority of one that was learned before.
            pair.priority = priority;
            pair.origin = Origin::Signaled;
            return Admission::Admitted;
        }
        let admission = self.make_room(priority);
        if admission != Admission::NoRoom {
            self.pairs.insert(key, Pair::new(priority, Origin::Signaled, due));
        }
        admission
    }

    /// Makes sure that the pair of an authentic request is known; it may be one with a peer-reflexive candidate.
    pub(crate) fn hear(&mut self, key: PairKey, priority: u64, now: Instant) -> Admission {
        if self.pairs.contains_key(&key) {
            return Admission::Admitted;
        }
        if self.pairs.len() >= MAX_PAIRS || self.learned().count() >= MAX_LEARNED {
            let stale = self.learned().find(|(_, heard)| now.saturating_duration_since(*heard) >= LEARNED_STALE);
            let Some((stale, _)) = stale else { return Admission::NoRoom };
            self.pairs.remove(&stale);
        }
        self.pairs.insert(key, Pair::new(priority, Origin::Learned { heard_at: now }, now + LONGEST_RTO));
        Admission::Admitted
    }

    /// Forgets the pairs of a base that is gone.
    pub(crate) fn remove_base(&mut self, base: floe_wire::BaseId, now: Instant) {
        self.pairs.retain(|key, _| key.base != base);
        if self.selected.is_some_and(|selected| selected.key.base == base) {
            self.selected = None;
        }
        if let Role::Controlling(nominator) = &mut self.role
            && nominator.chosen().is_some_and(|chosen| chosen.base == base)
        {
            nominator.withdraw();
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
        if let Some(pair) = self.pairs.get_mut(&key) {
            pair.nominated = pair.nominated.max(nomination);
            pair.trigger(now);
        }
        self.settle(now);
    }

    /// Whether this is an answer we wait for, from where we asked.
    pub(crate) fn has_asked(&self, key: PairKey, transaction: TransactionId) -> bool {
        self.pairs.get(&key).is_some_and(|pair| pair.has_asked(transaction))
    }

    /// An authentic success answer to a request of ours.
    pub(crate) fn on_success(&mut self, key: PairKey, transaction: TransactionId, now: Instant) {
        let interval = Duration::from_millis(self.random.random_range(CONSENT_MS));
        let Some(pair) = self.pairs.get_mut(&key) else { return };
        let Some(asked) = pair.take_asked(transaction) else { return };
        pair.rtt = Some(now.saturating_duration_since(asked.at));
        match &mut pair.state {
            PairState::Valid { consent } => consent.on_answer(now, interval),
            PairState::Unproven { .. } => pair.state = PairState::Valid { consent: Consent::new(now, interval) },
        }
        self.first_valid.get_or_insert(now);
        self.last_answer = Some(now);
        if let Some(selected) = self.selected.as_mut().filter(|selected| selected.key == key) {
            selected.answered_at = now;
        }
        if let Some(number) = asked.nomination {
            self.on_nomination_answered(key, number, now);
        }
        self.handle_time(now);
    }

    fn on_nomination_answered(&mut self, key: PairKey, number: u32, now: Instant) {
        let Role::Controlling(nominator) = &mut self.role else { return };
        if nominator.on_answer(key, number) {
            self.selected = Some(Selected { key, answered_at: now });
        }
        if let Some(Pair { offer: Some(offer), .. }) = self.pairs.get_mut(&key)
            && offer.number == number
        {
            offer.answered = true;
        }
    }

    /// An authentic error answer: the transaction is over and proves nothing.
    pub(crate) fn on_error(&mut self, key: PairKey, transaction: TransactionId) {
        if let Some(pair) = self.pairs.get_mut(&key) {
            pair.take_asked(transaction);
        }
    }

    /// Authentic media arrived over a pair.
    pub(crate) fn on_media(&mut self, key: PairKey, now: Instant) {
        if let Some(consent) = self.pairs.get_mut(&key).and_then(Pair::consent_mut) {
            consent.on_media(now);
            self.update_liveness(now);
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
        self.settle(now);
        self.update_liveness(now);
    }

    fn lose_silent_pairs(&mut self, now: Instant) {
        for pair in self.pairs.values_mut() {
            if pair.consent().is_some_and(|consent| consent.liveness(now) == Liveness::Silent) {
                pair.lose(now);
            }
        }
    }

    fn give_up_nomination(&mut self, now: Instant) {
        let Role::Controlling(nominator) = &mut self.role else { return };
        let Some(key) = nominator.given_up(now) else { return };
        nominator.withdraw();
        if let Some(pair) = self.pairs.get_mut(&key) {
            pair.lose(now);
            pair.shunned_until = Some(now + nomination::SHUNNED);
        }
    }

    fn update_liveness(&mut self, now: Instant) {
        let pair = self.selected.and_then(|selected| Some((selected.key, self.pairs.get(&selected.key)?)));
        let Some((key, pair)) = pair else {
            self.liveness = Liveness::Alive;
            return;
        };
        self.liveness = pair.consent().map_or(Liveness::Silent, |consent| consent.liveness(now));
        if self.liveness != Liveness::Alive {
            // Pairs in reserve show now whether they could take over.
            let reserve = self.pairs.iter_mut().filter(|(other, _)| **other != key);
            reserve.filter_map(|(_, pair)| pair.consent_mut()).for_each(|consent| consent.hurry(now));
        }
    }

    /// Chooses (controlling) or follows (controlled).
    fn settle(&mut self, now: Instant) {
        self.choosing_at = None;
        if !self.peer_is_here {
            return;
        }
        match &self.role {
            Role::Controlling(_) => self.evaluate(now),
            Role::Controlled => {
                if let Some(key) = nomination::follow(&self.pairs, self.selected()) {
                    self.select(key, now);
                }
            }
        }
    }

    fn evaluate(&mut self, now: Instant) {
        let Role::Controlling(nominator) = &mut self.role else { return };
        let (Some(best), Some(first_valid)) = (nomination::best_valid(&self.pairs), self.first_valid) else {
            if nominator.chosen().is_some_and(|key| !self.pairs.get(&key).is_some_and(Pair::is_valid)) {
                nominator.withdraw();
            }
            return;
        };
        let pair = &self.pairs[&best];
        let chosen = nominator.chosen().and_then(|key| self.pairs.get(&key)).filter(|chosen| chosen.is_valid());
        if chosen.is_some_and(|chosen| chosen.priority >= pair.priority) {
            return;
        }
        let until = nomination::better_pairs_until(&self.pairs, pair.priority, first_valid, self.grace);
        if until > now {
            self.choosing_at = Some(until);
            return;
        }
        if chosen.is_none() && pair.offer.is_some_and(|offer| offer.answered && nominator.is_latest(offer.number)) {
            nominator.adopt(best);
            self.select(best, now);
        } else {
            nominator.choose(best, pair.rtt, now);
        }
    }

    fn select(&mut self, key: PairKey, now: Instant) {
        let answered_at = self.pairs.get(&key).and_then(Pair::consent).map_or(now, Consent::answered_at);
        self.selected = Some(Selected { key, answered_at });
    }

    /// The most urgent request that is due.
    pub(crate) fn release(&mut self, now: Instant) -> Option<Release> {
        self.nomination_request(now).or_else(|| self.consent_request(now)).or_else(|| self.check(now))
    }

    fn nomination_request(&self, now: Instant) -> Option<Release> {
        let Role::Controlling(nominator) = &self.role else { return None };
        let (key, number) = nominator.request(now)?;
        Some(Release { key, purpose: Purpose::Nomination, nomination: Some(number) })
    }

    fn consent_request(&self, now: Instant) -> Option<Release> {
        let valid = self.pairs.iter().filter(|(_, pair)| pair.is_valid() && pair.due_at() <= now);
        let (key, _) = valid.min_by_key(|(_, pair)| pair.due_at())?;
        Some(Release { key: *key, purpose: Purpose::Consent, nomination: None })
    }

    fn check(&mut self, now: Instant) -> Option<Release> {
        let due = self.pairs.iter().filter_map(|(key, pair)| match pair.state {
            PairState::Unproven { due, triggered, .. } if due <= now => Some((triggered, pair.priority, *key)),
            PairState::Unproven { .. } | PairState::Valid { .. } => None,
        });
        let (_, priority, key) = due.max()?;
        Some(Release { key, purpose: Purpose::Check, nomination: self.offer(key, priority) })
    }

    /// The number that a check of the best pair carries while nothing is chosen.
    fn offer(&mut self, key: PairKey, priority: u64) -> Option<u32> {
        let Role::Controlling(nominator) = &mut self.role else { return None };
        let is_best = self.pairs.values().all(|pair| pair.priority <= priority);
        let pair = self.pairs.get_mut(&key)?;
        if !is_best || nominator.chosen().is_some() || self.selected.is_some() || pair.shunned_until.is_some() {
            return None;
        }
        match pair.offer {
            Some(offer) if nominator.is_latest(offer.number) => Some(offer.number),
            Some(_) | None => {
                let number = nominator.new_number();
                pair.offer = Some(Offer { number, answered: false });
                Some(number)
            }
        }
    }

    /// The release left with this transaction.
    pub(crate) fn on_sent(&mut self, release: Release, transaction: TransactionId, now: Instant) {
        if let (Role::Controlling(nominator), Purpose::Nomination, Some(number)) =
            (&mut self.role, release.purpose, release.nomination)
        {
            nominator.on_sent(number, now);
        }
        let selected = self.selected();
        let selected_priority = selected.and_then(|key| self.pairs.get(&key)).map(|pair| pair.priority);
        let Some(pair) = self.pairs.get_mut(&release.key) else { return };
        let is_worse = selected_priority.is_some_and(|selected| pair.priority < selected);
        let asked = Asked { transaction, at: now, nomination: release.nomination };
        pair.on_sent(asked, |rto| match selected {
            Some(key) if key == release.key => rto.min(SELECTED_RTO),
            Some(_) if is_worse => WORSE_PAUSE,
            Some(_) | None => rto,
        });
    }

    /// When the next request is due, the pacing aside.
    pub(crate) fn release_at(&self) -> Option<(Instant, &'static str)> {
        let nomination = match &self.role {
            Role::Controlling(nominator) => nominator.due_at().map(|at| (at, "nomination")),
            Role::Controlled => None,
        };
        let why = |pair: &Pair| if pair.is_valid() { "consent" } else { "check" };
        let pairs = self.pairs.values().map(|pair| (pair.due_at(), why(pair))).min_by_key(|(at, _)| *at);
        nomination.into_iter().chain(pairs).min_by_key(|(at, _)| *at)
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
            (self.choosing_at, "waiting for a better pair"),
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
            Some((_, Some(pair))) if pair.is_valid() && self.is_concluded(pair) => Usability::Concluded,
            Some((_, Some(pair))) if pair.is_valid() => Usability::Usable,
            Some(_) => Usability::Silent,
            None if self.peer_is_here && self.pairs.values().any(Pair::is_valid) => Usability::Usable,
            None => Usability::Nothing,
        };
        Facts { usability, last_answer: self.last_answer }
    }

    /// Whether the selected pair is agreed upon and no better one is left to try.
    fn is_concluded(&self, selected: &Pair) -> bool {
        let is_agreed = match &self.role {
            Role::Controlling(nominator) => nominator.is_confirmed(),
            Role::Controlled => true,
        };
        let mut better = self.pairs.values().filter(|pair| pair.priority > selected.priority);
        is_agreed && better.all(|pair| pair.is_valid() || pair.attempts() >= TRIED)
    }

    /// At the cap, the worst unproven pair goes if it is worse than the new one.
    fn make_room(&mut self, priority: u64) -> Admission {
        if self.pairs.len() < MAX_PAIRS {
            return Admission::Admitted;
        }
        let selected = self.selected();
        let expendable = self
            .pairs
            .iter()
            .filter(|(key, pair)| !pair.is_valid() && Some(**key) != selected)
            .map(|(key, pair)| (pair.priority, *key));
        match expendable.min() {
            Some((worst, key)) if worst < priority => {
                self.pairs.remove(&key);
                Admission::Replaced
            }
            Some(_) | None => Admission::NoRoom,
        }
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
