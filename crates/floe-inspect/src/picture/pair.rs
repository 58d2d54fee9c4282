//! Pairs: what each one is, did and is used for.

use std::{net::SocketAddr, time::Duration};

use floe_wire::{BaseId, Generation, Stamp, peer::MoveReason};

use super::Traffic;

/// What identifies a candidate pair in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairId {
    /// The generation.
    pub generation: Generation,
    /// Our base (RFC 8445 section 6.1.2.4: a reflexive candidate is replaced by its base).
    pub base: BaseId,
    /// The peer's address.
    pub remote: SocketAddr,
}

/// A candidate pair and what the wire showed of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PairView {
    /// What identifies it.
    pub id: PairId,
    /// Id of our (host) candidate.
    pub local_candidate: Option<String>,
    /// Id of the peer's candidate.
    pub remote_candidate: Option<String>,
    /// RFC 8445 section 6.1.2.3; zero while the role is not known.
    pub priority: u64,
    /// Where the check stands.
    pub state: PairState,
    /// USE-CANDIDATE was sent or received, and answered.
    pub nominated: bool,
    /// Media goes over it.
    pub selected: bool,
    /// When the pair was formed.
    pub formed: Stamp,
    /// New transactions sent.
    pub requests_sent: u64,
    /// Requests received.
    pub requests_received: u64,
    /// Answers sent.
    pub responses_sent: u64,
    /// Answers received for our transactions.
    pub responses_received: u64,
    /// Requests sent again with a known transaction.
    pub retransmissions_sent: u64,
    /// Requests sent after the pair had succeeded (RFC 7675 consent, keepalive).
    pub consent_requests_sent: u64,
    /// Error answers received, newest code.
    pub last_error: Option<(u16, String)>,
    /// Newest round trip.
    pub rtt: Option<Duration>,
    /// Sum of all round trips.
    pub total_rtt: Duration,
    /// When we last sent a request.
    pub last_request_sent: Option<Stamp>,
    /// When a valid answer last arrived.
    pub last_answer: Option<Stamp>,
    /// When the peer's last request arrived.
    pub last_request_received: Option<Stamp>,
    /// Media datagrams sent over it.
    pub media_sent: Traffic,
    /// Media datagrams received over it.
    pub media_received: Traffic,
    /// One sentence that says why the pair is as it is.
    pub why: String,
    /// What rules about it look at.
    pub signs: PairSigns,
}

/// What rules look at beyond the numbers that people read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairSigns {
    /// Requests with USE-CANDIDATE sent.
    pub nominations_sent: u64,
    /// Those of them that were answered well.
    pub nominations_answered: u64,
    /// Answers that came from another address than asked.
    pub answers_from_elsewhere: u64,
    /// When the oldest request after the newest valid answer left.
    pub unanswered_since: Option<Stamp>,
    /// How long nothing had gone over the pair when that request left, or shortly before.
    pub idle_before_silence: Option<Duration>,
    /// When media was last received over it.
    pub last_media_received: Option<Stamp>,
    /// When audio was last received over it; the control channel stays on the pair that was agreed on.
    pub last_audio_received: Option<Stamp>,
    /// When anything last went over it, in either direction.
    pub last_activity: Option<Stamp>,
    /// The longest that nothing went over it since the other side was last heard there.
    pub longest_idle: Duration,
    /// When that ended.
    pub idle_ended: Option<Stamp>,
}

/// Where the check of a pair stands (RFC 8445 section 6.1.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PairState {
    /// Waits for another pair of its foundation.
    Frozen,
    /// Its turn has not come.
    Waiting,
    /// A check is under way.
    InProgress,
    /// A check was answered.
    Succeeded,
    /// Checks were not answered, or with an error.
    Failed,
}

impl PairState {
    /// The W3C webrtc-stats name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Waiting => "waiting",
            Self::InProgress => "in-progress",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// Media moved to a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// When.
    pub at: Stamp,
    /// To which pair.
    pub pair: PairId,
    /// Why, in place of the one before; none of the first one, and where nothing tells.
    pub reason: Option<MoveReason>,
    /// The peer chose, and has not said why: the reason is what it looks like from here.
    pub is_guess: bool,
}
