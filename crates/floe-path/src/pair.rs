//! One candidate pair as the gate keeps it: its timers, what it asked, and whether it was proven.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use floe_wire::{BaseId, IceRole, candidate::pair_priority, stun::TransactionId};

use crate::consent::Consent;

/// First wait for an answer; half of RFC 8445's 500 ms, because the first check usually dies at the other NAT.
pub(crate) const FIRST_RTO: Duration = Duration::from_millis(250);
/// Longest wait between checks of a pair that does not answer, as long as its base has few pairs.
pub(crate) const LONGEST_RTO: Duration = Duration::from_secs(4);
/// A second trigger waits this long after the last check, whose answer may be under way.
const TRIGGER_GAP: Duration = Duration::from_millis(100);
/// How much later than expected an answer may come.
const ANSWER_JITTER: Duration = Duration::from_millis(10);
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

/// Priorities of the two candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rank {
    pub(crate) local: u32,
    pub(crate) remote: u32,
}

impl Rank {
    /// RFC 8445 section 6.1.2.3: both ends get the same number, because each knows who controls.
    pub(crate) fn priority(self, role: IceRole) -> u64 {
        match role {
            IceRole::Controlling => pair_priority(self.local, self.remote),
            IceRole::Controlled => pair_priority(self.remote, self.local),
        }
    }
}

/// What two pairs share if they will probably fare alike (RFC 8445 section 6.1.2.6): our address (host and relayed
/// candidates are their own base) and the foundation the peer gave its candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foundation {
    pub(crate) local: IpAddr,
    pub(crate) remote: Arc<str>,
}

/// What a person or a measurement says about a pair. Better ones are chosen before worse ones, whatever their
/// priorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Verdict {
    /// Neither asked nor answered nor used.
    Blocked,
    /// Used if nothing else works.
    Penalized,
    /// Its priority decides.
    #[default]
    Neutral,
    /// Used whenever it works.
    Preferred,
}

/// A candidate pair.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) rank: Rank,
    /// None for a peer-reflexive candidate, whose foundation is its own (RFC 8445 section 7.3.1.3).
    pub(crate) foundation: Option<Foundation>,
    pub(crate) priority: u64,
    pub(crate) verdict: Verdict,
    pub(crate) origin: Origin,
    pub(crate) state: PairState,
    pub(crate) first_sent: Option<Instant>,
    pub(crate) rtt: Option<Duration>,
    /// The largest number the peer nominated it with; 0 from a peer that does not number.
    pub(crate) nominated: Option<u32>,
    /// The number its own first checks carry, while nothing else is chosen.
    pub(crate) offer: Option<Offer>,
    /// Not chosen before: it answered checks but no nomination, or fell silent while it was in use.
    pub(crate) shunned_until: Option<Instant>,
    /// How often it fell silent while it was in use.
    pub(crate) failures: u32,
    asked: VecDeque<Asked>,
    /// Requests so far, and those of them that were answered.
    counts: (u32, u32),
}

/// Whether a pair was proven.
#[derive(Debug)]
pub(crate) enum PairState {
    /// No answer, or none any more.
    Unproven { due: Instant, rto: Duration, attempts: u32, last_sent: Option<Instant>, triggered: bool, frozen: bool },
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
    /// What we were when we asked: a role conflict that was repaired since is over.
    pub(crate) role: IceRole,
}

impl Pair {
    pub(crate) fn new(rank: Rank, role: IceRole, origin: Origin, due: Instant) -> Self {
        Self {
            rank,
            foundation: None,
            priority: rank.priority(role),
            verdict: Verdict::Neutral,
            origin,
            state: PairState::unproven(due),
            first_sent: None,
            rtt: None,
            nominated: None,
            offer: None,
            shunned_until: None,
            failures: 0,
            asked: VecDeque::new(),
            counts: (0, 0),
        }
    }

    pub(crate) fn is_valid(&self) -> bool {
        matches!(self.state, PairState::Valid { .. })
    }

    /// What the choice goes by, the larger the better.
    pub(crate) fn standing(&self) -> (Verdict, u64) {
        (self.verdict, self.priority)
    }

    /// Whether it may be chosen.
    pub(crate) fn is_eligible(&self) -> bool {
        self.is_valid() && self.shunned_until.is_none() && self.verdict != Verdict::Blocked
    }

    /// Whether it works as far as is known, and an answer is due.
    pub(crate) fn is_in_question(&self) -> bool {
        self.consent().is_some_and(|consent| consent.unanswered_since().is_some())
    }

    /// Whether it waits for the result of another pair of its foundation.
    pub(crate) fn is_frozen(&self) -> bool {
        matches!(self.state, PairState::Unproven { frozen: true, .. })
    }

    /// When the check left whose answer is worth waiting for: the first one, or the one that the peer's own check
    /// triggered.
    pub(crate) fn hopeful_since(&self) -> Option<Instant> {
        match self.state {
            PairState::Unproven { triggered: true, last_sent, .. } => last_sent,
            PairState::Unproven { .. } | PairState::Valid { .. } => self.first_sent,
        }
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

    /// When its next request is due; none while it is frozen or blocked.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        match &self.state {
            _ if self.verdict == Verdict::Blocked => None,
            PairState::Unproven { frozen: true, .. } => None,
            PairState::Unproven { due, .. } => Some(*due),
            PairState::Valid { consent } => Some(consent.due_at()),
        }
    }

    /// Neither checked nor on its way to be: the pairs of its foundation may be frozen for its sake or not.
    pub(crate) fn is_fresh(&self) -> bool {
        matches!(self.state, PairState::Unproven { attempts: 0, triggered: false, .. })
    }

    pub(crate) fn set_frozen(&mut self, is_frozen: bool) {
        if let PairState::Unproven { frozen, .. } = &mut self.state {
            *frozen = is_frozen;
        }
    }

    /// Its foundation has proven itself, or is worth another try: it is checked at `at`, unless it was before.
    pub(crate) fn thaw(&mut self, at: Instant) {
        if let PairState::Unproven { frozen, due, attempts: 0, .. } = &mut self.state {
            *due = if *frozen { at } else { at.min(*due) };
            *frozen = false;
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

    pub(crate) fn is_triggered(&self) -> bool {
        matches!(self.state, PairState::Unproven { triggered: true, .. })
    }

    /// An authentic request came over it: it may work in both directions, so it is checked at once if it is the best
    /// such pair. Others wait for the answer to a check that is under way: if both ends began at once, it comes as long
    /// after the request as the check left before it.
    pub(crate) fn trigger(&mut self, is_best: bool, now: Instant) {
        if let Origin::Learned { heard_at } = &mut self.origin {
            *heard_at = now;
        }
        let PairState::Unproven { due, rto, last_sent, triggered, frozen, .. } = &mut self.state else { return };
        let earliest = match last_sent {
            Some(sent) if *triggered => now.max(*sent + TRIGGER_GAP),
            Some(sent) if !is_best && now.saturating_duration_since(*sent) < TRIGGER_GAP => {
                now + now.saturating_duration_since(*sent) + ANSWER_JITTER
            }
            Some(_) | None => now,
        };
        *due = (*due).min(earliest);
        *rto = FIRST_RTO;
        *triggered = true;
        *frozen = false;
    }

    /// The role conflict is repaired: the check that showed it is sent again (RFC 8445 section 7.2.5.1).
    pub(crate) fn ask_again(&mut self, now: Instant) {
        if let PairState::Unproven { due, .. } = &mut self.state {
            *due = now;
        }
    }

    /// A request left. `next` tells when the following check of an unproven pair is due, given the wait that RTO
    /// back-off asks for, which grows up to `longest`.
    pub(crate) fn on_sent(&mut self, asked: Asked, longest: Duration, next: impl FnOnce(Duration) -> Duration) {
        let now = asked.at;
        self.first_sent.get_or_insert(now);
        if self.asked.len() == ASKED_CAPACITY {
            self.asked.pop_front();
        }
        self.asked.push_back(asked);
        self.counts.0 = self.counts.0.wrapping_add(1);
        match &mut self.state {
            PairState::Unproven { due, rto, attempts, last_sent, .. } => {
                *due = now + next(*rto);
                *rto = (*rto * 2).min(longest);
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
        self.counts.1 = self.counts.1.wrapping_add(1);
        self.asked.remove(position)
    }

    /// Requests so far, and those of them that were answered.
    pub(crate) fn counts(&self) -> (u32, u32) {
        self.counts
    }
}

impl PairState {
    fn unproven(due: Instant) -> Self {
        Self::Unproven { due, rto: FIRST_RTO, attempts: 0, last_sent: None, triggered: false, frozen: false }
    }
}
