//! The ICE connection state of one generation (W3C webrtc-pc), derived from authentic answers and the time.

use std::time::{Duration, Instant};

use floe_wire::IceConnectionState as State;

use crate::consent;

/// First-time checking is not declared failed before this (RFC 8863 section 4).
const PATIENCE: Duration = Duration::from_millis(39_500);
/// A peer that sends checks after this much silence has (re)started: checking begins anew.
const RETURN: Duration = Duration::from_secs(30);

/// What the gate knows, as far as the state depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) usability: Usability,
    /// When anything was last answered.
    pub(crate) last_answer: Option<Instant>,
}

/// Whether packets can be exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usability {
    /// No pair answers, or the peer has not checked anything yet.
    Nothing,
    /// A pair works and none is selected, or better ones are still tried.
    Usable,
    /// A pair is selected and no better one is left to try.
    Concluded,
    /// The selected pair does not answer.
    Silent,
}

/// The state and since when it counts.
#[derive(Debug)]
pub(crate) struct Connection {
    state: State,
    checking_since: Option<Instant>,
    peer_heard_at: Option<Instant>,
}

impl Connection {
    pub(crate) fn new() -> Self {
        Self { state: State::New, checking_since: None, peer_heard_at: None }
    }

    /// Remote candidates are installed.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.state = State::Checking;
        self.checking_since = Some(now);
    }

    /// An authentic request arrived; true if that brings a failed connection back to checking.
    pub(crate) fn on_request(&mut self, now: Instant) -> bool {
        let is_back = self.peer_heard_at.is_none_or(|heard| now.saturating_duration_since(heard) >= RETURN);
        self.peer_heard_at = Some(now);
        let revives = self.state == State::Failed && is_back;
        if revives {
            self.begin(now);
        }
        revives
    }

    /// The next state the facts demand, one legal transition at a time; none if they demand no change.
    pub(crate) fn advance(&mut self, facts: Facts, now: Instant) -> Option<State> {
        let next = self.target(facts, now);
        if next == self.state {
            return None;
        }
        self.state = next;
        Some(next)
    }

    fn target(&self, facts: Facts, now: Instant) -> State {
        let is_over = self.deadline(facts).is_some_and(|deadline| deadline <= now);
        match (facts.usability, self.state) {
            (_, State::New | State::Closed) => self.state,
            // W3C allows "completed" from "connected" and "disconnected" only.
            (Usability::Usable, _) | (Usability::Concluded, State::Checking | State::Failed) => State::Connected,
            (Usability::Concluded, State::Connected | State::Completed | State::Disconnected) => State::Completed,
            (Usability::Nothing | Usability::Silent, State::Connected | State::Completed) => State::Disconnected,
            (Usability::Nothing | Usability::Silent, State::Checking | State::Disconnected) if is_over => State::Failed,
            (Usability::Nothing | Usability::Silent, State::Checking | State::Disconnected | State::Failed) => {
                self.state
            }
        }
    }

    /// When the state fails if nothing is answered until then.
    pub(crate) fn deadline(&self, facts: Facts) -> Option<Instant> {
        match self.state {
            State::Checking => self.checking_since.max(facts.last_answer).map(|since| since + PATIENCE),
            State::Disconnected => Some(facts.last_answer? + consent::EXPIRY),
            State::New | State::Connected | State::Completed | State::Failed | State::Closed => None,
        }
    }
}
