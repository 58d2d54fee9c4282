//! Where the check of a pair stands, judged by what the wire showed.

use std::time::Duration;

use floe_wire::Stamp;

use crate::{
    pairs::PairFacts,
    picture::{PairId, PairState, PairView},
};

/// Consent expires when nothing was answered for this long (RFC 7675 section 5.1).
pub(crate) const CONSENT_EXPIRY: Duration = Duration::from_secs(30);

/// The answer that says that both sides claim one role; the check is repeated (RFC 8445 section 7.2.5.1).
pub(crate) const ROLE_CONFLICT: u16 = 487;

/// What a pair's state depends on besides its own packets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    /// The time; stands still once the call is over.
    pub at: Stamp,
    /// Whether ICE failed in the pair's generation.
    pub failed: bool,
    /// Whether no further checks are to be expected in the pair's generation.
    pub checking_over: bool,
    /// The pair that media goes over, and its rank.
    pub selected: Option<(PairId, u64)>,
}

/// Judges where a pair stands. `frozen` never comes out: the wire does not show which foundation waits for which.
pub(crate) fn judge(view: &PairView, facts: &PairFacts, now: &Circumstances) -> PairState {
    if view.last_answer.is_some() {
        let lost = facts.unanswered_since.is_some_and(|since| now.failed || now.at.since(since) >= CONSENT_EXPIRY);
        return if lost { PairState::Failed } else { PairState::Succeeded };
    }
    if now.failed || has_final_error(view, facts) || (now.checking_over && view.requests_sent > 0) {
        return PairState::Failed;
    }
    if view.requests_sent == 0 { PairState::Waiting } else { PairState::InProgress }
}

/// Whether the newest check was answered with an error that a repetition does not mend.
pub(crate) fn has_final_error(view: &PairView, facts: &PairFacts) -> bool {
    let is_newest = facts.error_at.is_some() && facts.error_at >= view.last_request_sent;
    is_newest && view.last_error.as_ref().is_some_and(|(code, _)| *code != ROLE_CONFLICT)
}
