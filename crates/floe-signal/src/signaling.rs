//! The signaling state machine of W3C webrtc-pc, and the symmetric exchange of codes on top of it.

use std::fmt;

use floe_wire::SignalingState;
use thiserror::Error;

/// Whose description it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Ours.
    Local,
    /// The peer's.
    Remote,
}

/// `RTCSdpType` of W3C webrtc-pc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Begins an exchange.
    Offer,
    /// Ends it.
    Answer,
    /// Answers for the time being.
    Pranswer,
    /// Takes the offer back.
    Rollback,
}

/// One description that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message {
    /// Whose it is.
    pub side: Side,
    /// What it does.
    pub kind: MessageKind,
}

/// A message that its state does not allow. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{} is not allowed in signaling state {state}: {}", .message, why(*.state))]
pub struct Illegal {
    /// The state it arrived in.
    pub state: SignalingState,
    /// What it was.
    pub message: Message,
}

/// Another name of [`Illegal`], used by the exchange of codes.
pub type IllegalMessage = Illegal;

/// The signaling state of one call.
///
/// Codes are symmetric: whichever code is known first acts as the offer, the second one as the answer. A code that is
/// set again before the exchange is complete takes the place of the earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signaling {
    state: SignalingState,
}

impl Signaling {
    /// Begins in `stable`.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: SignalingState::Stable }
    }

    /// The state it is in.
    #[must_use]
    pub const fn state(&self) -> SignalingState {
        self.state
    }

    /// Our code is out.
    ///
    /// # Errors
    /// In states that allow neither a local offer nor a local answer.
    pub fn set_local_code(&mut self) -> Result<SignalingState, IllegalMessage> {
        self.set_code(Side::Local)
    }

    /// The peer's code is here.
    ///
    /// # Errors
    /// In states that allow neither a remote offer nor a remote answer.
    pub fn set_remote_code(&mut self) -> Result<SignalingState, IllegalMessage> {
        self.set_code(Side::Remote)
    }

    /// Applies one description by the table of W3C webrtc-pc section 4.3.
    ///
    /// # Errors
    /// When the state does not allow it.
    pub fn apply(&mut self, side: Side, kind: MessageKind) -> Result<SignalingState, Illegal> {
        let message = Message { side, kind };
        self.state = next(self.state, message).ok_or(Illegal { state: self.state, message })?;
        Ok(self.state)
    }

    /// Ends signaling for good. Closing twice is fine.
    pub const fn close(&mut self) -> SignalingState {
        self.state = SignalingState::Closed;
        self.state
    }

    fn set_code(&mut self, side: Side) -> Result<SignalingState, Illegal> {
        self.apply(side, code_kind(self.state, side))
    }
}

impl Default for Signaling {
    fn default() -> Self {
        Self::new()
    }
}

/// What a code of this side acts as.
const fn code_kind(state: SignalingState, side: Side) -> MessageKind {
    use SignalingState as S;
    match (state, side) {
        (S::HaveRemoteOffer | S::HaveLocalPranswer, Side::Local)
        | (S::HaveLocalOffer | S::HaveRemotePranswer, Side::Remote) => MessageKind::Answer,
        (S::Stable | S::Closed, _)
        | (S::HaveLocalOffer | S::HaveRemotePranswer, Side::Local)
        | (S::HaveRemoteOffer | S::HaveLocalPranswer, Side::Remote) => MessageKind::Offer,
    }
}

/// The transition table. Glare (a remote offer in `have-local-offer`) is not rolled back implicitly: whoever wants that
/// says so by a rollback. A rollback comes from the side that made the offer (RFC 8829 section 4.1.10.2).
const fn next(state: SignalingState, message: Message) -> Option<SignalingState> {
    use MessageKind as K;
    use Side::{Local, Remote};
    use SignalingState as S;
    match (state, message.side, message.kind) {
        (S::Stable | S::HaveLocalOffer, Local, K::Offer) => Some(S::HaveLocalOffer),
        (S::Stable | S::HaveRemoteOffer, Remote, K::Offer) => Some(S::HaveRemoteOffer),
        (S::HaveRemoteOffer | S::HaveLocalPranswer, Local, K::Pranswer) => Some(S::HaveLocalPranswer),
        (S::HaveLocalOffer | S::HaveRemotePranswer, Remote, K::Pranswer) => Some(S::HaveRemotePranswer),
        (S::HaveRemoteOffer | S::HaveLocalPranswer, Local, K::Answer)
        | (S::HaveLocalOffer | S::HaveRemotePranswer, Remote, K::Answer)
        | (S::HaveLocalOffer, Local, K::Rollback)
        | (S::HaveRemoteOffer, Remote, K::Rollback) => Some(S::Stable),
        (_, Local | Remote, K::Offer | K::Answer | K::Pranswer | K::Rollback) => None,
    }
}

const fn why(state: SignalingState) -> &'static str {
    match state {
        SignalingState::Stable => "no offer is waiting for an answer",
        SignalingState::HaveLocalOffer => "our offer waits for the peer's answer",
        SignalingState::HaveRemoteOffer => "the peer's offer waits for our answer",
        SignalingState::HaveLocalPranswer => "our final answer is still to come",
        SignalingState::HaveRemotePranswer => "the peer's final answer is still to come",
        SignalingState::Closed => "the call is over",
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Remote => "remote",
        })
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::Pranswer => "pranswer",
            Self::Rollback => "rollback",
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A {} {}", self.side, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use MessageKind::{Answer, Offer, Pranswer, Rollback};
    use Side::{Local, Remote};

    const MESSAGES: [(Side, MessageKind); 8] = [
        (Local, Offer),
        (Local, Answer),
        (Local, Pranswer),
        (Local, Rollback),
        (Remote, Offer),
        (Remote, Answer),
        (Remote, Pranswer),
        (Remote, Rollback),
    ];

    /// Per state, what each of [`MESSAGES`] leads to, from W3C webrtc-pc section 4.3.1.
    fn table() -> [(SignalingState, [Option<SignalingState>; 8]); 6] {
        use SignalingState::{
            Closed, HaveLocalOffer as LO, HaveLocalPranswer as LP, HaveRemoteOffer as RO, HaveRemotePranswer as RP,
            Stable,
        };
        let s = Some(Stable);
        [
            (Stable, [Some(LO), None, None, None, Some(RO), None, None, None]),
            (LO, [Some(LO), None, None, s, None, s, Some(RP), None]),
            (RO, [None, s, Some(LP), None, Some(RO), None, None, s]),
            (LP, [None, s, Some(LP), None, None, None, None, None]),
            (RP, [None, None, None, None, None, s, Some(RP), None]),
            (Closed, [None; 8]),
        ]
    }

    #[test]
    fn every_message_in_every_state_follows_the_w3c_table() {
        for (state, row) in table() {
            for ((side, kind), expected) in MESSAGES.into_iter().zip(row) {
                let mut signaling = Signaling { state };
                let message = Message { side, kind };
                let result = signaling.apply(side, kind);
                assert_eq!(result, expected.ok_or(Illegal { state, message }), "{message} in {state}");
                assert_eq!(signaling.state(), expected.unwrap_or(state), "{message} in {state}");
            }
        }
    }

    #[test]
    fn every_transition_is_one_the_vocabulary_draws() {
        for (state, row) in table() {
            for next in row.into_iter().flatten().filter(|next| *next != state) {
                assert!(state.successors().contains(&next), "{state} to {next}");
            }
        }
    }

    #[test]
    fn codes_complete_an_exchange_in_either_order() {
        let mut ours_first = Signaling::new();
        assert_eq!(ours_first.set_local_code(), Ok(SignalingState::HaveLocalOffer));
        assert_eq!(ours_first.set_remote_code(), Ok(SignalingState::Stable));
        let mut theirs_first = Signaling::new();
        assert_eq!(theirs_first.set_remote_code(), Ok(SignalingState::HaveRemoteOffer));
        assert_eq!(theirs_first.set_local_code(), Ok(SignalingState::Stable));
    }

    #[test]
    fn a_refreshed_code_takes_the_place_of_the_one_before() {
        let mut signaling = Signaling::new();
        for _ in 0..3 {
            assert_eq!(signaling.set_local_code(), Ok(SignalingState::HaveLocalOffer));
        }
        assert_eq!(signaling.set_remote_code(), Ok(SignalingState::Stable));
    }

    #[test]
    fn nothing_is_allowed_after_closing() {
        let mut signaling = Signaling::new();
        assert_eq!(signaling.close(), SignalingState::Closed);
        assert_eq!(signaling.close(), SignalingState::Closed);
        assert!(signaling.set_local_code().is_err() && signaling.set_remote_code().is_err());
    }

    #[test]
    fn the_sentence_names_message_state_and_reason() {
        let error = Signaling::new().apply(Remote, Answer).unwrap_err();
        assert_eq!(
            error.to_string(),
            "A remote answer is not allowed in signaling state stable: no offer is waiting for an answer"
        );
    }
}
