//! Who controls: what a request claims about the roles, and how agents that keep theirs are shown requests.

use floe_wire::{
    IceRole,
    stun::{Check, StunMessage},
};

use crate::path::Credentials;

/// The peer's request as it would be without USE-CANDIDATE, and in the role that the agent thinks is the peer's: an
/// agent that sees a nomination selects for good and stops asking for checks, and one that sees its own role claimed
/// does not answer.
pub(super) fn as_agents_like_it(
    message: &StunMessage,
    agent: IceRole,
    local: &Credentials,
    remote: &Credentials,
    tie_breaker: u64,
) -> Vec<u8> {
    let request = Check {
        transaction: message.transaction,
        remote_ufrag: &local.ufrag,
        local_ufrag: &remote.ufrag,
        remote_password: &local.password,
        priority: message.priority.unwrap_or_default(),
        controlling: agent == IceRole::Controlled,
        tie_breaker: message.controlling.or(message.controlled).unwrap_or(tie_breaker),
        nomination: None,
    };
    request.encode()
}

/// What a request's role attribute means for ours (RFC 8445 section 7.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The roles differ, as they should.
    Fits,
    /// The peer claims our role and has to give it up.
    Yields,
    /// The peer claims our role, and it is us who have to give it up.
    Wins,
}

impl Claim {
    pub(super) fn of(ours: IceRole, tie_breaker: u64, message: &StunMessage) -> Self {
        let (theirs, do_we_stay) = match ours {
            IceRole::Controlling => {
                (message.controlling, message.controlling.is_none_or(|theirs| tie_breaker >= theirs))
            }
            // The larger tie-breaker controls: a controlled side that has it must take over.
            IceRole::Controlled => (message.controlled, message.controlled.is_none_or(|theirs| tie_breaker < theirs)),
        };
        let nominates_wrongly = ours == IceRole::Controlling && message.use_candidate;
        match (theirs, do_we_stay) {
            (None, _) if nominates_wrongly => Self::Yields,
            (None, _) => Self::Fits,
            (Some(_), true) => Self::Yields,
            (Some(_), false) => Self::Wins,
        }
    }
}

#[cfg(test)]
mod tests {
    use floe_wire::stun::TransactionId;

    use super::*;

    fn request(controlling: bool, tie_breaker: u64, nomination: Option<u32>) -> StunMessage {
        let check = Check {
            transaction: TransactionId([1; 12]),
            remote_ufrag: "ours",
            local_ufrag: "theirs",
            remote_password: "a-password-of-22-chars",
            priority: 1,
            controlling,
            tie_breaker,
            nomination,
        };
        StunMessage::decode(&check.encode()).unwrap()
    }

    #[test]
    fn the_larger_tie_breaker_controls_and_we_do_if_they_are_equal() {
        use IceRole::{Controlled, Controlling};
        for (ours, their_claim, theirs, expected) in [
            (Controlling, Controlled, 9, Claim::Fits),
            (Controlled, Controlling, 9, Claim::Fits),
            (Controlling, Controlling, 9, Claim::Wins),
            (Controlling, Controlling, 1, Claim::Yields),
            (Controlling, Controlling, 5, Claim::Yields),
            (Controlled, Controlled, 9, Claim::Yields),
            (Controlled, Controlled, 1, Claim::Wins),
            (Controlled, Controlled, 5, Claim::Wins),
        ] {
            let message = request(their_claim == Controlling, theirs, None);
            assert_eq!(Claim::of(ours, 5, &message), expected, "we {ours} with 5, they {their_claim} with {theirs}");
        }
    }

    #[test]
    fn who_is_controlled_must_not_nominate() {
        assert_eq!(Claim::of(IceRole::Controlling, 5, &request(false, 9, Some(1))), Claim::Yields);
    }
}
