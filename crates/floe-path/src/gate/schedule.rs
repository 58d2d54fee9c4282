//! Which request takes the next slot of Ta, and which pairs are frozen.

use super::{
    Asked, Duration, Foundation, Gate, IceRole, Instant, LONGEST_RTO, Offer, Pair, PairKey, PairState, Purpose,
    Release, SELECTED_RTO, TransactionId, WORSE_PAUSE,
};

/// An unanswered check of a foundation holds its frozen pairs back for so long, the default Ta of RFC 8445: they go
/// no faster than one after the other, and yet a foreign peer that gives all its candidates one foundation is no slower.
const FROZEN_FOR: Duration = Duration::from_millis(50);
/// While people exchange codes a base sends a check every other second, shared by its pairs, …
const BASE_INTERVAL: Duration = Duration::from_secs(2);
/// … or more often where the mappings of routers would close meanwhile: they forget after 30 s what nothing crosses, …
const MAPPING_INTERVAL: Duration = Duration::from_secs(24);
/// … but less than one a second however many pairs it has.
const SHORTEST_BASE_INTERVAL: Duration = Duration::from_millis(1250);
/// A pair that dials is tried once a minute in the end: each opening that nobody answers takes several packets.
const DIAL_INTERVAL: Duration = Duration::from_secs(60);

impl Gate {
    /// The most urgent request that is due.
    pub(crate) fn release(&mut self, now: Instant) -> Option<Release> {
        self.nomination_request(now).or_else(|| self.consent_request(now)).or_else(|| self.check(now))
    }

    fn nomination_request(&self, now: Instant) -> Option<Release> {
        let (key, number) = self.nominator.request(now)?;
        Some(Release { key, purpose: Purpose::Nomination, nomination: Some(number) })
    }

    fn consent_request(&self, now: Instant) -> Option<Release> {
        let due = self.pairs.iter().filter_map(|(key, pair)| match pair.state {
            PairState::Valid { .. } => Some((pair.due_at().filter(|at| *at <= now)?, *key)),
            PairState::Unproven { .. } => None,
        });
        let (_, key) = due.min()?;
        Some(Release { key, purpose: Purpose::Consent, nomination: None })
    }

    fn check(&mut self, now: Instant) -> Option<Release> {
        let due = self.pairs.iter().filter_map(|(key, pair)| match pair.state {
            PairState::Unproven { triggered, attempts, .. } if pair.due_at()? <= now => {
                Some((triggered, attempts == 0, pair.standing(), *key))
            }
            PairState::Unproven { .. } | PairState::Valid { .. } => None,
        });
        let (.., key) = due.max()?;
        Some(Release { key, purpose: Purpose::Check, nomination: self.offer(key) })
    }

    /// The number that checks carry while nothing is chosen.
    fn offer(&mut self, key: PairKey) -> Option<u32> {
        let is_open = self.role == IceRole::Controlling && self.nominator.chosen().is_none() && self.selected.is_none();
        let pair = self.pairs.get_mut(&key).filter(|pair| is_open && pair.shunned_until.is_none())?;
        let number = self.nominator.offer();
        if pair.offer.is_none_or(|offer| offer.number != number) {
            pair.offer = Some(Offer { number, answered: false });
        }
        Some(number)
    }

    /// The release left with this transaction.
    pub(crate) fn on_sent(&mut self, release: Release, transaction: TransactionId, now: Instant) {
        if let (Purpose::Nomination, Some(number)) = (release.purpose, release.nomination) {
            self.nominator.on_sent(number, now);
        }
        let crowd = self.crowd_interval(release.key);
        let longest = if self.dialing.contains(&release.key.base) { DIAL_INTERVAL } else { LONGEST_RTO.max(crowd) };
        let selected = self.selected();
        let in_use = selected.and_then(|key| self.pairs.get(&key)).map(Pair::standing);
        let Some(pair) = self.pairs.get_mut(&release.key) else { return };
        let is_worse = in_use.is_some_and(|in_use| pair.standing() < in_use);
        let asked = Asked { transaction, at: now, nomination: release.nomination, role: self.role };
        pair.on_sent(asked, longest, |rto| match selected {
            Some(key) if key == release.key => rto.min(SELECTED_RTO),
            Some(_) if is_worse => WORSE_PAUSE.max(crowd),
            Some(_) | None => rto,
        });
        if let Some(foundation) = pair.foundation.clone() {
            self.thaw_next(&foundation, now + FROZEN_FOR);
        }
        if self.waiting().is_some() {
            // A pair whose check has left is waited for much less long than one that is still to be asked.
            self.settle(now);
        }
    }

    /// How long a pair may be left alone for the sake of the others of its base.
    fn crowd_interval(&self, key: PairKey) -> Duration {
        let unproven = self.pairs.iter().filter(|(other, pair)| other.base == key.base && !pair.is_valid());
        let unproven = u32::try_from(unproven.count()).unwrap_or(u32::MAX);
        (BASE_INTERVAL * unproven).min(MAPPING_INTERVAL).max(SHORTEST_BASE_INTERVAL * unproven)
    }

    /// When the next request is due, the pacing aside.
    pub(crate) fn release_at(&self) -> Option<(Instant, &'static str)> {
        let nomination = self.nominator.due_at().map(|at| (at, "nomination"));
        let why = |pair: &Pair| if pair.is_valid() { "consent" } else { "check" };
        let pairs = self.pairs.values().filter_map(|pair| Some((pair.due_at()?, why(pair))));
        nomination.into_iter().chain(pairs).min_by_key(|(at, _)| *at)
    }

    /// Of the fresh pairs of a foundation, the best one is checked and the others are frozen (RFC 8445 section
    /// 6.1.2.6), unless one has proven the foundation already.
    pub(super) fn freeze(&mut self, foundation: &Foundation) {
        let is_proven = self.alike(foundation).any(|(_, pair)| pair.is_valid());
        let is_tried = self.alike(foundation).any(|(_, pair)| !pair.is_valid() && !pair.is_fresh());
        let fresh = self.alike(foundation).filter(|(_, pair)| pair.is_fresh());
        let best = fresh.max_by_key(|(key, pair)| (pair.standing(), **key)).map(|(key, _)| *key);
        let mates = self.pairs.iter_mut().filter(|(_, pair)| pair.foundation.as_ref() == Some(foundation));
        for (key, pair) in mates.filter(|(_, pair)| pair.is_fresh()) {
            pair.set_frozen(!is_proven && (is_tried || Some(*key) != best));
        }
        if is_tried && !is_proven {
            // Its check left before this pair came, so that nothing else would thaw it.
            let latest = self.alike(foundation).filter_map(|(_, pair)| pair.first_sent).max();
            if let Some(latest) = latest {
                self.thaw_next(foundation, latest + FROZEN_FOR);
            }
        }
    }

    /// One pair worked, so the others of its foundation probably will (RFC 8445 section 7.2.5.3.3).
    pub(super) fn thaw(&mut self, foundation: &Foundation, now: Instant) {
        for pair in self.pairs.values_mut().filter(|pair| pair.foundation.as_ref() == Some(foundation)) {
            pair.thaw(now);
        }
    }

    /// The next frozen pair of a foundation may be checked at `at`, whatever came of the last one. One at a time.
    fn thaw_next(&mut self, foundation: &Foundation, at: Instant) {
        let mates = || self.alike(foundation);
        if mates().any(|(_, pair)| pair.is_fresh() && pair.due_at().is_some()) {
            return;
        }
        let frozen = mates().filter(|(_, pair)| pair.is_frozen());
        let next = frozen.max_by_key(|(key, pair)| (pair.standing(), **key)).map(|(key, _)| *key);
        if let Some(pair) = next.and_then(|key| self.pairs.get_mut(&key)) {
            pair.thaw(at);
        }
    }

    /// Frozen pairs wait for the check of another one; where that is gone or blocked, the next takes its place.
    pub(super) fn thaw_orphans(&mut self, now: Instant) {
        let frozen = self.pairs.values().filter(|pair| pair.is_frozen());
        let foundations: Vec<Foundation> = frozen.filter_map(|pair| pair.foundation.clone()).collect();
        for foundation in foundations {
            if !self.alike(&foundation).any(|(_, pair)| pair.due_at().is_some()) {
                self.thaw_next(&foundation, now);
            }
        }
    }

    fn alike<'a>(&'a self, foundation: &'a Foundation) -> impl Iterator<Item = (&'a PairKey, &'a Pair)> {
        self.pairs.iter().filter(move |(_, pair)| pair.foundation.as_ref() == Some(foundation))
    }
}
