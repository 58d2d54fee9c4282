//! Decisions about pairs, as people see them.

use std::time::Duration;

use floe_wire::{
    Stamp,
    verdict::{Complaint, Judge, Measured, PairRuling, PairVerdict},
};

use crate::{
    Picture,
    phases::newest_generation,
    picture::{PairId, PairState, PairView, Selection},
    words::millis,
};

/// A decision and the selection that follows from it are this far apart at most: the side that chooses decides first,
/// and the other side may hear of both in either order.
const SAME_MOVE: Duration = Duration::from_secs(3);

/// A decision about a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulingView {
    /// What was decided, by whom, and what was measured.
    pub ruling: PairRuling,
    /// When.
    pub at: Stamp,
}

impl RulingView {
    /// What people are told of the pair.
    #[must_use]
    pub fn sentence(&self) -> String {
        let who = match self.ruling.by {
            Judge::Here => "you",
            Judge::Peer => "the other side",
            Judge::Measurement => "measurements",
        };
        match (self.ruling.verdict, self.ruling.measured) {
            (PairVerdict::Forced, _) => format!("forced by {who}"),
            (PairVerdict::Blocked, _) => format!("blocked by {who}"),
            (PairVerdict::Released, _) => format!("released by {who}"),
            (PairVerdict::Distrusted, Some(measured)) => format!("left at {}: {}", self.at, reason(&measured)),
            (PairVerdict::Distrusted, None) => {
                format!("not trusted since {}: it is tried for some seconds before it is used again", self.at)
            }
        }
    }
}

/// What was wrong with the pair that was left.
pub(crate) fn reason(measured: &Measured) -> String {
    let Measured { complaint, loss_percent, rtt, better_rtt, .. } = measured;
    let better = millis(*better_rtt);
    match complaint {
        Complaint::Loss => format!("lost {loss_percent} % of the audio, and another pair loses nothing in {better}"),
        Complaint::RoundTrip => format!("took {}, and another pair takes {better}", millis(*rtt)),
    }
}

/// Every path is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllBlocked {
    /// Paths that were blocked at this end.
    pub here: usize,
    /// Paths that were blocked at the other one.
    pub there: usize,
}

impl AllBlocked {
    /// Who it was.
    #[must_use]
    pub const fn by(self) -> &'static str {
        match (self.here, self.there) {
            (_, 0) => "you",
            (0, _) => "the other side",
            (_, _) => "you and the other side",
        }
    }
}

impl Picture {
    /// What holds for a pair whatever its priority, in any generation.
    #[must_use]
    pub fn ruling_of(&self, pair: PairId) -> Option<&RulingView> {
        self.rulings.iter().find(|known| (known.ruling.base, known.ruling.remote) == (pair.base, pair.remote))
    }

    /// Whether a person took a pair out of use.
    #[must_use]
    pub fn is_blocked(&self, pair: PairId) -> bool {
        self.ruling_of(pair).is_some_and(|known| known.ruling.verdict == PairVerdict::Blocked)
    }

    /// Who blocked every path there is, and which of them; none while a path is left.
    ///
    /// Paths are the pairs of the newest generation that was answered, but for those that died; before any was answered,
    /// all of the newest one.
    #[must_use]
    pub fn all_blocked(&self) -> Option<AllBlocked> {
        if !self.rulings.iter().any(|known| known.ruling.verdict == PairVerdict::Blocked) {
            return None;
        }
        let answered = || self.pairs.iter().filter(|pair| pair.last_answer.is_some());
        let newest = answered().map(|pair| pair.id.generation).max();
        let is_path = |pair: &&PairView| match newest {
            Some(newest) => pair.id.generation == newest && pair.last_answer.is_some() && !self.is_dead(pair),
            None => pair.id.generation == newest_generation(self),
        };
        let mut blocked = AllBlocked { here: 0, there: 0 };
        for pair in self.pairs.iter().filter(is_path) {
            let known = self.ruling_of(pair.id).filter(|known| known.ruling.verdict == PairVerdict::Blocked)?;
            *if known.ruling.by == Judge::Here { &mut blocked.here } else { &mut blocked.there } += 1;
        }
        (blocked.here + blocked.there > 0).then_some(blocked)
    }

    /// Whether a pair gives no answer any more, and not because nobody asks it.
    fn is_dead(&self, pair: &PairView) -> bool {
        pair.state == PairState::Failed && !self.is_blocked(pair.id)
    }

    /// Why audio moved, if it was for the quality of the pair before.
    #[must_use]
    pub fn reason_of(&self, selection: &Selection) -> Option<String> {
        let position = self.selections.iter().position(|known| known == selection)?;
        let before = self.selections.get(position.checked_sub(1)?)?.pair;
        let is_it = |left: &&RulingView| {
            let is_near = left.at.since(selection.at) <= SAME_MOVE && selection.at.since(left.at) <= SAME_MOVE;
            is_near && (left.ruling.base, left.ruling.remote) == (before.base, before.remote)
        };
        let measured = self.departures.iter().rev().find(is_it)?.ruling.measured?;
        Some(format!("{} {}", before.remote, reason(&measured)))
    }
}
