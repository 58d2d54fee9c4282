//! Why something was refused, dropped or ended.

use serde::{Deserialize, Serialize};

/// Why an inbound datagram was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalReason {
    /// No protocol that Floe speaks.
    NotOurs,
    /// STUN that does not parse.
    MalformedStun,
    /// A STUN request for a user fragment that is not ours: an older code, or a stranger.
    UnknownUfrag,
    /// MESSAGE-INTEGRITY is wrong or missing.
    BadIntegrity,
    /// A response to nothing that we asked, or from another address than we asked.
    UnexpectedResponse,
    /// A check over a pair that a person blocked.
    BlockedPair,
    /// DTLS that the session did not accept.
    BadDtls,
    /// Media before keys, or not authentic.
    BadMedia,
    /// Media seen before.
    ReplayedMedia,
}

impl RefusalReason {
    /// The words people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotOurs => "not a protocol Floe speaks",
            Self::MalformedStun => "malformed STUN",
            Self::UnknownUfrag => "unknown user fragment (an older code?)",
            Self::BadIntegrity => "message integrity wrong or missing",
            Self::UnexpectedResponse => "response to nothing we asked",
            Self::BlockedPair => "check over a blocked pair",
            Self::BadDtls => "DTLS not accepted",
            Self::BadMedia => "media not authentic",
            Self::ReplayedMedia => "media seen before",
        }
    }
}

/// What is wrong with the frames on a connection (RFC 4571 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FramingFault {
    /// A frame holds no protocol of RFC 7983: lengths and contents do not fit together.
    OutOfStep,
    /// The connection ended before a frame was whole.
    CutShort,
}

/// What was dropped to keep memory bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropKind {
    /// Records that the tap could not hand over, or that a file has no room for.
    Records,
    /// Inbound datagrams that the session could not take in time.
    Datagrams,
    /// Candidates above the cap.
    Candidates,
    /// Pairs above the cap of 100 (RFC 8445 section 6.1.2.5).
    Pairs,
    /// Audio frames.
    AudioFrames,
    /// Messages of the peer that this version does not know or cannot read.
    ControlMessages,
    /// Outbound datagrams for which an ICE-TCP connection had no room.
    Frames,
    /// Connections of strangers to listening ports.
    Connections,
}

/// Why a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// This side hung up.
    HungUp,
    /// The peer hung up.
    PeerHungUp,
    /// The asked time is over.
    TimeOver,
    /// No pair worked, or the path died.
    NotConnected,
    /// The peer's certificate was not the one in its code, or the handshake failed.
    Insecure {
        /// The sentence shown.
        error: String,
    },
    /// No interface could be used.
    NoNetwork,
}
