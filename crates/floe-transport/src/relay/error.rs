//! What can go wrong with a TURN server, each with its name and what to do about it.

use std::time::Duration;

/// An error code of a TURN server (RFC 8656 section 19, RFC 8489 section 14.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// 300.
    TryAlternate,
    /// 400.
    BadRequest,
    /// 401, answered to our user name and password.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 437: the server does not know our allocation.
    AllocationMismatch,
    /// 438, again and again.
    StaleNonce,
    /// 440.
    AddressFamilyNotSupported,
    /// 441.
    WrongCredentials,
    /// 442.
    UnsupportedTransport,
    /// 443.
    PeerAddressFamilyMismatch,
    /// 486.
    AllocationQuotaReached,
    /// 500.
    ServerError,
    /// 508.
    InsufficientCapacity,
    /// Any other.
    Other(u16),
}

impl Refusal {
    /// The refusal of an error code.
    #[must_use]
    pub const fn of(code: u16) -> Self {
        match code {
            300 => Self::TryAlternate,
            400 => Self::BadRequest,
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            437 => Self::AllocationMismatch,
            438 => Self::StaleNonce,
            440 => Self::AddressFamilyNotSupported,
            441 => Self::WrongCredentials,
            442 => Self::UnsupportedTransport,
            443 => Self::PeerAddressFamilyMismatch,
            486 => Self::AllocationQuotaReached,
            500 => Self::ServerError,
            508 => Self::InsufficientCapacity,
            other => Self::Other(other),
        }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::TryAlternate => 300,
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::AllocationMismatch => 437,
            Self::StaleNonce => 438,
            Self::AddressFamilyNotSupported => 440,
            Self::WrongCredentials => 441,
            Self::UnsupportedTransport => 442,
            Self::PeerAddressFamilyMismatch => 443,
            Self::AllocationQuotaReached => 486,
            Self::ServerError => 500,
            Self::InsufficientCapacity => 508,
            Self::Other(code) => code,
        }
    }

    /// Whether asking again changes nothing: what was asked is wrong, or not for us.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::TryAlternate
            | Self::BadRequest
            | Self::Unauthorized
            | Self::Forbidden
            | Self::AddressFamilyNotSupported
            | Self::WrongCredentials
            | Self::UnsupportedTransport
            | Self::PeerAddressFamilyMismatch => true,
            Self::AllocationMismatch
            | Self::StaleNonce
            | Self::AllocationQuotaReached
            | Self::ServerError
            | Self::InsufficientCapacity
            | Self::Other(_) => false,
        }
    }

    /// The name in the RFC.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TryAlternate => "Try Alternate",
            Self::BadRequest => "Bad Request",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::AllocationMismatch => "Allocation Mismatch",
            Self::StaleNonce => "Stale Nonce",
            Self::AddressFamilyNotSupported => "Address Family not Supported",
            Self::WrongCredentials => "Wrong Credentials",
            Self::UnsupportedTransport => "Unsupported Transport Protocol",
            Self::PeerAddressFamilyMismatch => "Peer Address Family Mismatch",
            Self::AllocationQuotaReached => "Allocation Quota Reached",
            Self::ServerError => "Server Error",
            Self::InsufficientCapacity => "Insufficient Capacity",
            Self::Other(_) => "unknown error",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::TryAlternate => "it sends us to another server; name that one",
            Self::BadRequest => "it did not understand the request; use another server",
            Self::Unauthorized => "the user name or the password is wrong; check both",
            Self::Forbidden => "it does not serve this user or reach this peer; ask its operator or use another server",
            Self::AllocationMismatch => "it has forgotten the relayed address, as after a restart; a new one is needed",
            Self::StaleNonce => "it refuses each of its own nonces; it is misconfigured, use another server",
            Self::AddressFamilyNotSupported => "it has no address of the family asked for; use another server",
            Self::WrongCredentials => "the relayed address belongs to another user; check the user name",
            Self::UnsupportedTransport => "it does not relay UDP; use another server",
            Self::PeerAddressFamilyMismatch => "the peer's address is of another family than the relayed one",
            Self::AllocationQuotaReached => "this user has too many relayed addresses at once; end other calls or wait",
            Self::ServerError => "it has a fault of its own; try again later or use another server",
            Self::InsufficientCapacity => "it is full; try again later or use another server",
            Self::Other(_) => "use another server",
        }
    }
}

/// Why there is no relayed address. The sentences are shown to people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// The server said no.
    #[error("the server refused with error {} ({}): {}", .0.code(), .0.name(), .0.advice())]
    Refused(Refusal),
    /// It said nothing.
    #[error("no answer within {:.1} s; the server is down, or the way to it is blocked here", .0.as_secs_f64())]
    Silent(Duration),
    /// It said something that is no TURN.
    #[error("the server answered with something that is not TURN; check its host name and port")]
    Garbage,
    /// Its answer lacks what it must tell.
    #[error("the server answered without {0}; it is not a usable TURN server")]
    Incomplete(&'static str),
    /// Its answer holds what cannot be.
    #[error("the server told an impossible address; it is misconfigured")]
    Impossible,
    /// The name or password does not fit into a message.
    #[error("the user name is too long for TURN (more than 508 bytes)")]
    Unspeakable,
    /// No socket here can reach it.
    #[error("no socket could be opened towards the server: {0}")]
    Socket(String),
    /// The TCP connection was not made.
    #[error("no TCP connection to the server: {0}")]
    Connect(String),
    /// TLS was not agreed on.
    #[error("no TLS connection to the server: {0}")]
    Tls(String),
    /// The connection ended.
    #[error("the server closed the connection")]
    Closed,
    /// The relayed address was not kept in time.
    #[error("the relayed address expired, because the server stopped answering")]
    Expired,
}

impl RelayError {
    /// Whether asking again changes nothing.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_final(),
            Self::Unspeakable => true,
            Self::Silent(_)
            | Self::Garbage
            | Self::Incomplete(_)
            | Self::Impossible
            | Self::Socket(_)
            | Self::Connect(_)
            | Self::Tls(_)
            | Self::Closed
            | Self::Expired => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_keeps_its_code_and_has_a_name_and_advice() {
        for code in [300, 400, 401, 403, 437, 438, 440, 441, 442, 443, 486, 500, 508, 599] {
            let refusal = Refusal::of(code);
            assert_eq!(refusal.code(), code);
            assert!(!refusal.name().is_empty() && !refusal.advice().is_empty());
        }
        assert_eq!(
            RelayError::Refused(Refusal::of(486)).to_string(),
            "the server refused with error 486 (Allocation Quota Reached): this user has too many relayed addresses at \
             once; end other calls or wait"
        );
    }
}
