//! What is measured on the pairs that work, and questions beyond those of consent.

use super::{Duration, Gate, Instant, Pair, PairKey, Verdict};

/// What was measured on a pair that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(crate) key: PairKey,
    /// When it last answered, and its newest round trip.
    pub(crate) answered_at: Instant,
    pub(crate) rtt: Duration,
    /// Requests so far, and those of them that were answered.
    pub(crate) asked: u32,
    pub(crate) answered: u32,
    /// It was left because it fell silent, or answered no nomination, and is not chosen for some seconds.
    pub(crate) is_shunned: bool,
}

impl Gate {
    /// What was measured on the pairs that work and are not blocked, best first.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        let mut usable: Vec<_> = self.pairs.iter().filter(|(_, pair)| pair.verdict != Verdict::Blocked).collect();
        usable.sort_unstable_by(|one, other| (other.1.standing(), other.0).cmp(&(one.1.standing(), one.0)));
        let measure = |(key, pair): (&PairKey, &Pair)| {
            let (asked, answered) = pair.counts();
            let (answered_at, rtt) = (pair.consent()?.answered_at(), pair.rtt?);
            Some(Measure { key: *key, answered_at, rtt, asked, answered, is_shunned: pair.shunned_until.is_some() })
        };
        usable.into_iter().filter_map(measure).collect()
    }

    /// Asks a pair that works for one more answer.
    pub(crate) fn ask(&mut self, key: PairKey, now: Instant) {
        if let Some(consent) = self.pairs.get_mut(&key).and_then(Pair::consent_mut) {
            consent.ask(now);
        }
    }
}
