//! Which pair carries media: the controlling side's choice, and how the controlled side follows.

use super::{
    Consent, Duration, Gate, IceRole, Instant, Liveness, MoveCause, Moved, Offer, Pair, PairKey, Selected, Waiting,
    consent::distrust,
    nomination::{self, Following},
};

/// A pair in reserve has proven itself if it answered after the silence began, or so shortly before.
const FRESHNESS: Duration = Duration::from_millis(200);

impl Gate {
    /// Chooses (controlling) or follows (controlled).
    pub(super) fn settle(&mut self, now: Instant) {
        self.waiting = None;
        if !self.peer_is_here {
            return;
        }
        match self.role {
            IceRole::Controlling => {
                self.leave_silent(now);
                self.evaluate(now);
            }
            IceRole::Controlled => self.follow(now),
        }
    }

    /// Leaves the selected pair once it has not answered for a moment, if one in reserve does. Its silence is not
    /// certain yet, and so it may return.
    fn leave_silent(&mut self, now: Instant) {
        let Some(key) = self.nominator.chosen().filter(|chosen| Some(*chosen) == self.selected()) else { return };
        let Some(pair) = self.pairs.get(&key) else { return };
        let Some(consent) = pair.consent() else { return };
        let (Some(since), Some(leave_at)) = (consent.unanswered_since(), consent.leave_at(pair.rtt)) else { return };
        if leave_at > now {
            return;
        }
        let answers = |pair: &Pair| pair.consent().is_some_and(|consent| consent.answered_at() + FRESHNESS >= since);
        let reserve = self.pairs.iter().filter(|(other, pair)| **other != key && pair.is_eligible() && answers(pair));
        // What shares the fate of this one, a server or an interface, is asked as well and answers as little.
        let best = reserve.max_by_key(|(key, pair)| (!pair.is_in_question(), pair.standing(), **key));
        let Some((next, rtt)) = best.map(|(key, pair)| (*key, pair.rtt)) else { return };
        if let Some(pair) = self.pairs.get_mut(&key) {
            pair.shunned_until = Some(now + distrust(pair.failures));
            pair.failures = pair.failures.saturating_add(1);
        }
        self.nominator.choose(next, rtt, now);
        self.select(next, now);
    }

    fn evaluate(&mut self, now: Instant) {
        let chosen_key = self.nominator.chosen();
        let chosen = chosen_key.and_then(|key| self.pairs.get(&key)).filter(|chosen| chosen.is_valid());
        // One that serves is not left for one that owes an answer.
        let is_kept = chosen.is_some_and(|chosen| chosen.shunned_until.is_none());
        let is_known = |key: &PairKey, pair: &Pair| !(is_kept && pair.is_in_question()) || Some(*key) == chosen_key;
        let best = nomination::best_valid(&self.pairs, is_known);
        let (Some(best), Some(first_valid)) = (best, self.first_valid) else {
            if chosen.is_none() {
                self.nominator.withdraw();
            }
            return;
        };
        let pair = &self.pairs[&best];
        if chosen.is_some_and(|chosen| chosen.standing() >= pair.standing() && chosen.shunned_until.is_none()) {
            return;
        }
        let is_first = chosen.is_none();
        let has_fallen = self.has_fallen || self.selected().is_some_and(|key| !self.is_valid(key));
        let hope = nomination::hope(&self.pairs, pair, first_valid, self.grace);
        if let Some(hope) = hope.filter(|hope| hope.until > now && !has_fallen) {
            self.waiting = Some(Waiting { best, hope });
            return;
        }
        let is_alive = pair.consent().is_some_and(|consent| consent.liveness(now) == Liveness::Alive);
        let is_accepted = pair.offer.is_some_and(|offer| offer.answered && self.nominator.is_offered(offer.number));
        if is_first && is_accepted && !self.offered_better_than(pair) {
            self.nominator.adopt(best);
            self.select(best, now);
            return;
        }
        self.nominator.choose(best, pair.rtt, now);
        // The peer took the offer, and the nomination only makes sure that it stays; or media has nowhere else to go.
        if is_first && is_accepted || has_fallen && is_alive {
            self.select(best, now);
        }
    }

    /// Whether the peer may have taken the offer of a pair that it holds for better than the one to be chosen. Both ends
    /// rank what is better at both ends alike; apart from that, NATs make priorities differ.
    fn offered_better_than(&self, chosen: &Pair) -> bool {
        self.pairs.values().any(|pair| {
            let is_better_somewhere = pair.standing() > chosen.standing()
                || pair.rank.local > chosen.rank.local
                || pair.rank.remote > chosen.rank.remote;
            is_better_somewhere && matches!(pair.offer, Some(Offer { number, .. }) if self.nominator.is_offered(number))
        })
    }

    fn follow(&mut self, now: Instant) {
        let Some(Following { key, is_offer }) = nomination::follow(&self.pairs, self.selected()) else {
            self.take_over_unasked(now);
            return;
        };
        if let (true, None, false, Some(first_valid)) = (is_offer, self.selected, self.has_fallen, self.first_valid) {
            // The peer waits for better pairs by the same rule.
            let hope = nomination::hope(&self.pairs, &self.pairs[&key], first_valid, self.grace);
            if let Some(hope) = hope.filter(|hope| hope.until > now) {
                self.waiting = Some(Waiting { best: key, hope });
                return;
            }
        }
        // The peer knows why. What it looks like from here is certain only if we lost the pair ourselves.
        let is_guess = !self.has_fallen && self.selected().is_some_and(|before| before != key);
        self.select(key, now);
        if let Some(moved) = self.moved.as_mut().filter(|_| is_guess) {
            moved.is_guess = true;
        }
    }

    /// What we were on is gone, and the peer nominated nothing else: media goes where it is answered, from which the peer
    /// learns that it has to nominate again.
    fn take_over_unasked(&mut self, now: Instant) {
        if !self.has_fallen || self.selected.is_some() {
            return;
        }
        let is_alive = |pair: &Pair| pair.consent().is_some_and(|consent| consent.liveness(now) == Liveness::Alive);
        let best = nomination::best_valid(&self.pairs, |_, _| true);
        if let Some(key) = best.filter(|key| self.pairs.get(key).is_some_and(is_alive)) {
            self.select(key, now);
        }
    }

    pub(super) fn select(&mut self, key: PairKey, now: Instant) {
        let answered_at = self.pairs.get(&key).and_then(Pair::consent).map_or(now, Consent::answered_at);
        if self.selected().is_none_or(|selected| selected != key) {
            self.insist_at = None;
            self.moved = self.cause_of_move_to(key).map(|cause| Moved { cause, is_guess: false });
        }
        self.selected = Some(Selected { key, answered_at });
        self.has_fallen = false;
    }

    /// What the selected pair is left for; none if there is none. One that is left for a worse one fell silent, here or,
    /// if we follow, at the peer.
    fn cause_of_move_to(&self, next: PairKey) -> Option<MoveCause> {
        if self.has_fallen {
            return Some(if self.is_fall_wanted { MoveCause::Verdict } else { MoveCause::Loss });
        }
        let (before, next) = (self.pairs.get(&self.selected()?), self.pairs.get(&next)?);
        let Some(before) = before else { return Some(MoveCause::Loss) };
        let is_lost = !before.is_valid() || before.shunned_until.is_some();
        Some(match (next.verdict, next.priority) {
            _ if is_lost => MoveCause::Loss,
            (_, priority) if next.standing() > before.standing() && priority > before.priority => MoveCause::Better,
            (verdict, _) if verdict > before.verdict => MoveCause::Verdict,
            _ => MoveCause::Loss,
        })
    }

    fn is_valid(&self, key: PairKey) -> bool {
        self.pairs.get(&key).is_some_and(Pair::is_valid)
    }
}
