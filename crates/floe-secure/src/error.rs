//! What can go wrong with the secure channel.

use crate::Fingerprint;

/// What can go wrong with the secure channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecureError {
    /// No certificate could be made.
    #[error("no certificate could be made: {0}")]
    Certificate(String),
    /// The peer's certificate is not the one its code names.
    #[error(
        "somebody answers who is not the owner of the code: the certificate's fingerprint is {got}, the code says \
         {expected}. Ask your friend for a fresh code over another channel"
    )]
    WrongFingerprint {
        /// What the code says.
        expected: Fingerprint,
        /// What the certificate gives.
        got: Fingerprint,
    },
    /// The handshake ended.
    #[error("the DTLS handshake failed: {0}. Try again with fresh codes")]
    Handshake(String),
    /// Both sides speak DTLS, but no common SRTP protection.
    #[error("no SRTP protection both sides know was agreed; is the other side a call program?")]
    NoMediaKeys,
    /// The datagram is no DTLS that can be used here; it was ignored and the association goes on.
    #[error("the datagram is no DTLS that can be used here")]
    BadDatagram,
    /// There are no media keys.
    #[error("there are no media keys")]
    NotSecured,
    /// The packet was seen before.
    #[error("the packet was seen before")]
    Replayed,
    /// The packet was not made with the peer's keys, or is no packet.
    #[error("the packet is not authentic")]
    NotAuthentic,
    /// The peer uses more media sources than a call has; this one is not heard.
    #[error("the other side uses too many media sources")]
    TooManySources,
    /// A packet of our own cannot be protected.
    #[error("the packet cannot be protected: {0}")]
    Unprotectable(String),
}
