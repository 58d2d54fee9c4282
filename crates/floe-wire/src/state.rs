//! The three state machines people see: signaling, gathering and ICE connection (W3C webrtc-pc spelling).

use std::fmt;

use serde::{Deserialize, Serialize};

/// `RTCSignalingState` of W3C webrtc-pc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalingState {
    /// No exchange is under way.
    Stable,
    /// Our code (or offer) is out, the peer's is not here.
    HaveLocalOffer,
    /// The peer's code (or offer) is here, ours is not out.
    HaveRemoteOffer,
    /// A provisional answer of ours is out.
    HaveLocalPranswer,
    /// A provisional answer of the peer is here.
    HaveRemotePranswer,
    /// The call is over.
    Closed,
}

/// `RTCIceGatheringState` of W3C webrtc-pc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatheringState {
    /// Not begun.
    New,
    /// Interfaces are bound, servers are asked.
    Gathering,
    /// Every server answered or was given up.
    Complete,
}

/// `RTCIceConnectionState` of W3C webrtc-pc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IceConnectionState {
    /// No remote candidates are installed.
    New,
    /// Pairs are being checked and none is usable.
    Checking,
    /// A pair is usable, checks go on.
    Connected,
    /// A pair is selected and checks are finished.
    Completed,
    /// The selected pair does not answer.
    Disconnected,
    /// Nothing answered for 30 s (or checking ended without a pair).
    Failed,
    /// Hung up.
    Closed,
}

/// Who nominates (RFC 8445 section 6.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IceRole {
    /// Nominates.
    Controlling,
    /// Follows the nomination.
    Controlled,
}

/// Gives a fieldless state enum its W3C name, its list of states and its legal transitions.
macro_rules! states {
    ($state:ident { $($variant:ident = $name:literal => [$($next:ident),*]),+ $(,)? }) => {
        impl $state {
            /// Every state, in drawing order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The W3C name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The states that may follow this one.
            #[must_use]
            pub const fn successors(self) -> &'static [Self] {
                match self { $(Self::$variant => &[$(Self::$next),*]),+ }
            }
        }

        impl fmt::Display for $state {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

states!(SignalingState {
    Stable = "stable" => [HaveLocalOffer, HaveRemoteOffer, Closed],
    HaveLocalOffer = "have-local-offer" => [Stable, HaveRemotePranswer, Closed],
    HaveRemoteOffer = "have-remote-offer" => [Stable, HaveLocalPranswer, Closed],
    HaveLocalPranswer = "have-local-pranswer" => [Stable, Closed],
    HaveRemotePranswer = "have-remote-pranswer" => [Stable, Closed],
    Closed = "closed" => [],
});

states!(GatheringState {
    New = "new" => [Gathering],
    Gathering = "gathering" => [Complete],
    Complete = "complete" => [Gathering],
});

states!(IceConnectionState {
    New = "new" => [Checking, Closed],
    Checking = "checking" => [Connected, Failed, Closed],
    Connected = "connected" => [Completed, Disconnected, Checking, Closed],
    Completed = "completed" => [Connected, Disconnected, Checking, Closed],
    Disconnected = "disconnected" => [Connected, Completed, Checking, Failed, Closed],
    Failed = "failed" => [Checking, Connected, Closed],
    Closed = "closed" => [],
});

impl IceRole {
    /// The word people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Controlling => "controlling",
            Self::Controlled => "controlled",
        }
    }
}

impl fmt::Display for IceRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_is_final_in_both_machines_that_have_it() {
        assert!(SignalingState::Closed.successors().is_empty());
        assert!(IceConnectionState::Closed.successors().is_empty());
    }

    #[test]
    fn disconnected_can_recover_or_fail() {
        let next = IceConnectionState::Disconnected.successors();
        assert!(next.contains(&IceConnectionState::Connected) && next.contains(&IceConnectionState::Failed));
    }
}
