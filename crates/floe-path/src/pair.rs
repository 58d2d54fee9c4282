//! One candidate pair as the gate keeps it: its timers, what it asked, and whether it was proven.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_wire::{BaseId, stun::TransactionId};

use crate::consent::Consent;

/// First wait for an answer; half of RFC 8445's 500 ms, because the first check usually dies at the other NAT.
pub(crate) const FIRST_RTO: Duration = Duration::from_millis(250);
/// Longest wait between checks of a pair that does not answer: a quarter of a packet per second.
pub(crate) const LONGEST_RTO: Duration = Duration::from_secs(4);
/// A second trigger waits this long after the last check, whose answer may be under way.
const TRIGGER_GAP: Duration = Duration::from_millis(100);
/// Answers are accepted for so many requests of one pair; the oldest is a minute old when checks are slow.
const ASKED_CAPACITY: usize = 16;

/// Where a pair's packets leave and where they go. RFC 8445 section 6.1.2.4 replaces reflexive candidates of ours by
/// their base, so that this names a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PairKey {
    pub(crate) base: BaseId,
    pub(crate) remote: SocketAddr,
}

/// How the peer's address became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The peer's code, or a later message of it.
    Signaled,
    /// A check from there: a peer-reflexive candidate.
    Learned { heard_at: Instant },
}

/// A candidate pair.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) priority: u64,
    pub(crate) origin: Origin,
    pub(crate) state: PairState,
    pub(crate) first_sent: Option<Instant>,
    pub(crate) rtt: Option<Duration>,
    /// The largest number the peer nominated it with; 0 from a peer that does not number.
    pub(crate) nominated: Option<u32>,
    /// The number its own first checks carry, while nothing else is chosen.
    pub(crate) offer: Option<Offer>,
    /// Not chosen before: it answered checks but no nomination.
    pub(crate) shunned_until: Option<Instant>,
    asked: VecDeque<Asked>,
}

/// Whether a pair was proven.
#[derive(Debug)]
pub(crate) enum PairState {
    /// No answer, or none any more.
    Unproven { due: Instant, rto: Duration, attempts: u32, last_sent: Option<Instant>, triggered: bool },
    /// It answers.
    Valid { consent: Consent },
}

/// A nomination that rides on checks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) number: u32,
    pub(crate) answered: bool,
}

/// A request that may still be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) transaction: TransactionId,
    pub(crate) at: Instant,
    pub(crate) nomination: Option<u32>,
}

impl Pair {
    pub(crate) fn new(priority: u64, origin: Origin, due: Instant) -> Self {
        Self {
            priority,
            origin,
            state: PairState::unproven(due),
            first_sent: None,
            rtt: None,
            nominated: None,
            offer: None,
            shunned_until: None,
            asked: VecDeque::new(),
        }
    }

    pub(crate) fn is_valid(&self) -> bool {
        matches!(self.state, PairState::Valid { .. })
    }

    pub(crate) fn consent(&self) -> Option<&Consent> {
        match &self.state {
            PairState::Valid { consent } => Some(consent),
            PairState::Unproven { .. } => None,
        }
    }

    pub(crate) fn consent_mut(&mut self) -> Option<&mut Consent> {
        match &mut self.state {
            PairState::Valid { consent } => Some(consent),
            PairState::Unproven { .. } => None,
        }
    }

    /// Checks sent in vain since it was last proven.
    pub(crate) fn attempts(&self) -> u32 {
        match self.state {
            PairState::Unproven { attempts, .. } => attempts,
            PairState::Valid { .. } => 0,
        }
    }

    /// When its next request is due.
    pub(crate) fn due_at(&self) -> Instant {
        match &self.state {
            PairState::Unproven { due, .. } => *due,
            PairState::Valid { consent } => consent.due_at(),
        }
    }

    /// It stopped answering; checks begin anew.
    pub(crate) fn lose(&mut self, now: Instant) {
        self.state = PairState::unproven(now);
    }

    /// Agents ask for first checks: no reason to wait any longer.
    pub(crate) fn wish(&mut self, now: Instant) {
        if let PairState::Unproven { due, attempts: 0, .. } = &mut self.state {
            *due = (*due).min(now);
        }
    }

    /// An authentic request came over it: it may work in both directions, so it is checked at once.
    pub(crate) fn trigger(&mut self, now: Instant) {
        if let Origin::Learned { heard_at } = &mut self.origin {
            *heard_at = now;
        }
        let PairState::Unproven { due, rto, last_sent, triggered, .. } = &mut self.state else { return };
        let earliest = match last_sent {
            Some(sent) if *triggered => now.max(*sent + TRIGGER_GAP),
            Some(_) | None => now,
        };
        *due = (*due).min(earliest);
        *rto = FIRST_RTO;
        *triggered = true;
    }

    /// A request left. `next` tells when the following check of an unproven pair is due, given the wait that RTO
    /// back-off asks for.
    pub(crate) fn on_sent(&mut self, asked: Asked, next: impl FnOnce(Duration) -> Duration) {
        let now = asked.at;
        self.first_sent.get_or_insert(now);
        if self.asked.len() == ASKED_CAPACITY {
            self.asked.pop_front();
        }
        self.asked.push_back(asked);
        match &mut self.state {
            PairState::Unproven { due, rto, attempts, last_sent, .. } => {
                *due = now + next(*rto);
                *rto = (*rto * 2).min(LONGEST_RTO);
                *attempts += 1;
                *last_sent = Some(now);
            }
            PairState::Valid { consent } => consent.on_sent(now),
        }
    }

    pub(crate) fn has_asked(&self, transaction: TransactionId) -> bool {
        self.asked.iter().any(|asked| asked.transaction == transaction)
    }

    /// Takes the request that an answer belongs to: a second answer to it is not expected.
    pub(crate) fn take_asked(&mut self, transaction: TransactionId) -> Option<Asked> {
        let position = self.asked.iter().position(|asked| asked.transaction == transaction)?;
        self.asked.remove(position)
    }
}

impl PairState {
    fn unproven(due: Instant) -> Self {
        Self::Unproven { due, rto: FIRST_RTO, attempts: 0, last_sent: None, triggered: false }
    }
}
