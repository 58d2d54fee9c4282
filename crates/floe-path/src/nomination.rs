//! Which pair is nominated: the controlling side's choice and its requests, and how the controlled side follows.
//!
//! RFC 8445 lets a pair be nominated once. So that a better pair may replace it, every nomination carries a number
//! (libwebrtc's NOMINATION attribute, `a=ice-options:renomination`) and the largest number wins. Without it, a late
//! retransmission of an older nomination leaves the ends on different pairs; and "the highest priority wins" does so
//! when a nomination was given up. A peer that does not number its nominations is followed by priority.
//!
//! Falling back to an earlier pair is a new nomination too: the controlled side does not go back by itself, unless the
//! base of its pair is gone.
//!
//! *Offers* save the round trip that a nomination costs: while nothing is chosen, every check nominates, all with one
//! number. An answered offer is a confirmed nomination, and of several the controlled side takes the best. Should the
//! controlling side settle on a pair while a better one's offer may have arrived, it follows up with a number of its
//! own, so that both ends stand on one pair whatever was lost.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::pair::{Pair, PairKey, Verdict};

/// First wait for the answer to a nomination, doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest first wait, for paths with a very long round trip.
const LONGEST_FIRST_WAIT: Duration = Duration::from_secs(1);
/// Unanswered nominations until the pair is given up.
const ATTEMPTS: u32 = 4;
/// How long a pair that answered checks but no nomination is not chosen again.
pub(crate) const SHUNNED: Duration = Duration::from_secs(5);
/// A better pair whose check has not even left is waited for this many times longer.
const UNSENT_GRACE: u32 = 4;
/// A better pair is not expected to be slower than the best one that works by more than a quarter and this.
const MARGIN: Duration = Duration::from_millis(5);

/// The controlling side's choice.
#[derive(Debug, Default)]
pub(crate) struct Nominator {
    chosen: Option<Chosen>,
    last_number: u32,
    /// The number that checks carry while nothing is chosen.
    offering: Option<u32>,
}

#[derive(Debug)]
struct Chosen {
    key: PairKey,
    number: u32,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Asking { attempts: u32, due: Instant, wait: Duration },
    Confirmed,
}

impl Nominator {
    pub(crate) fn chosen(&self) -> Option<PairKey> {
        self.chosen.as_ref().map(|chosen| chosen.key)
    }

    /// Whether the peer has acknowledged the choice.
    pub(crate) fn is_confirmed(&self) -> bool {
        matches!(&self.chosen, Some(Chosen { stage: Stage::Confirmed, .. }))
    }

    /// Whether checks carry this number: nothing was chosen since.
    pub(crate) fn is_offered(&self, number: u32) -> bool {
        self.offering == Some(number)
    }

    fn new_number(&mut self) -> u32 {
        self.last_number += 1;
        self.last_number
    }

    /// The number of a check that nominates; all of them have one until something is chosen.
    pub(crate) fn offer(&mut self) -> u32 {
        match self.offering {
            Some(number) => number,
            None => {
                let number = self.new_number();
                self.offering = Some(number);
                number
            }
        }
    }

    /// Begins to nominate a pair with a new number.
    pub(crate) fn choose(&mut self, key: PairKey, rtt: Option<Duration>, now: Instant) {
        self.offering = None;
        let number = self.new_number();
        let wait = rtt.map_or(FIRST_WAIT, |rtt| (rtt * 3 / 2).clamp(FIRST_WAIT, LONGEST_FIRST_WAIT));
        self.chosen = Some(Chosen { key, number, stage: Stage::Asking { attempts: 0, due: now, wait } });
    }

    /// Takes a pair whose checks carried the latest number and were answered: no further request is needed.
    pub(crate) fn adopt(&mut self, key: PairKey) {
        self.offering = None;
        self.chosen = Some(Chosen { key, number: self.last_number, stage: Stage::Confirmed });
    }

    pub(crate) fn withdraw(&mut self) {
        self.chosen = None;
    }

    /// The next request with its number, if one is due.
    pub(crate) fn request(&self, now: Instant) -> Option<(PairKey, u32)> {
        match &self.chosen {
            Some(Chosen { key, number, stage: Stage::Asking { attempts, due, .. } })
                if *attempts < ATTEMPTS && *due <= now =>
            {
                Some((*key, *number))
            }
            Some(_) | None => None,
        }
    }

    /// When the next request is due, or the pair is to be given up.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        match &self.chosen {
            Some(Chosen { stage: Stage::Asking { due, .. }, .. }) => Some(*due),
            Some(_) | None => None,
        }
    }

    pub(crate) fn on_sent(&mut self, sent: u32, now: Instant) {
        if let Some(Chosen { number, stage: Stage::Asking { attempts, due, wait }, .. }) = &mut self.chosen
            && *number == sent
        {
            *attempts += 1;
            *due = now + *wait;
            *wait *= 2;
        }
    }

    /// The peer acknowledged a nomination; true if it was the current one.
    pub(crate) fn on_answer(&mut self, answered: PairKey, with: u32) -> bool {
        match &mut self.chosen {
            Some(Chosen { key, number, stage }) if *key == answered && *number == with => {
                *stage = Stage::Confirmed;
                true
            }
            Some(_) | None => false,
        }
    }

    /// The pair whose last nomination went unanswered too.
    pub(crate) fn given_up(&self, now: Instant) -> Option<PairKey> {
        match &self.chosen {
            Some(Chosen { key, stage: Stage::Asking { attempts: ATTEMPTS, due, .. }, .. }) if *due <= now => Some(*key),
            Some(_) | None => None,
        }
    }
}

/// The best pair that works, of those that may be asked for.
pub(crate) fn best_valid(pairs: &BTreeMap<PairKey, Pair>, may_be: impl Fn(&PairKey, &Pair) -> bool) -> Option<PairKey> {
    let eligible = pairs.iter().filter(|(key, pair)| pair.is_eligible() && may_be(key, pair));
    eligible.max_by_key(|(key, pair)| (pair.standing(), **key)).map(|(key, _)| *key)
}

/// Until when a choice is postponed, and for the sake of which pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hope {
    pub(crate) until: Instant,
    pub(crate) better: PairKey,
}

/// Which pair that is better than `best`, and works not yet, is waited for longest. None if nothing better is there.
///
/// Each gets the grace from its check, or from the first pair that worked if that came later; and no longer than an
/// answer takes on a path that is hardly slower than `best`.
pub(crate) fn hope(
    pairs: &BTreeMap<PairKey, Pair>,
    best: &Pair,
    first_valid: Instant,
    grace: Duration,
) -> Option<Hope> {
    let slowest = best.rtt.map_or(grace, |rtt| rtt * 5 / 4 + MARGIN);
    let better = pairs.iter().filter(|(_, pair)| {
        let is_open = !pair.is_valid() && !pair.is_frozen() && pair.shunned_until.is_none();
        is_open && pair.standing() > best.standing()
    });
    let hopes = better.map(|(key, pair)| {
        let until = match pair.hopeful_since() {
            Some(sent) => (sent.max(first_valid) + grace).min(sent + slowest),
            None => first_valid + grace * UNSENT_GRACE,
        };
        Hope { until, better: *key }
    });
    hopes.max_by_key(|hope| hope.until)
}

/// Where the controlled side goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Following {
    pub(crate) key: PairKey,
    /// The peer has nominated with one number only: a better pair of the same number may follow.
    pub(crate) is_offer: bool,
}

/// The pair that the controlled side goes to: valid here, nominated by the peer with the largest number. None if
/// that is no later than the one it is on.
pub(crate) fn follow(pairs: &BTreeMap<PairKey, Pair>, selected: Option<PairKey>) -> Option<Following> {
    let rank = |key: &PairKey, pair: &Pair| pair.nominated.map(|number| (number, pair.priority, *key));
    let current = selected.and_then(|key| rank(&key, pairs.get(&key)?));
    let usable = pairs.iter().filter(|(_, pair)| pair.is_valid() && pair.verdict != Verdict::Blocked);
    let newest = usable.filter_map(|(key, pair)| rank(key, pair)).max()?;
    let is_offer = pairs.values().filter_map(|pair| pair.nominated).all(|number| number == newest.0);
    (current.is_none_or(|current| newest > current)).then_some(Following { key: newest.2, is_offer })
}
