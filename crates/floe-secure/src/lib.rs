//! DTLS, SRTP and the control channel over any datagram pipe, with `now` passed in.
//!
//! A [`SecureSession`] shakes hands (DTLS 1.3, or 1.2 with peers that have no other), compares the peer's certificate
//! with the fingerprint from its code before any key is used, and protects RTP and RTCP from then on (RFC 5764). Beside
//! them it carries messages over an SCTP data channel, and derives what later ICE generations authenticate with.
//!
//! Three things break the rule that pure crates get their randomness and time passed in: certificate generation and the
//! DTLS library draw keys from the system themselves, and the SCTP library its tags, and the time of its first packet,
//! because none of them takes these from outside.

mod certificate;
mod control;
mod error;
mod fingerprint;
mod restart;
mod sas;
mod session;
mod srtp;

pub use certificate::Certificate;
pub use control::{ControlEnd, ControlRefusal, MAX_CONTROL_MESSAGE};
pub use error::SecureError;
pub use fingerprint::Fingerprint;
pub use restart::{RESTART_BYTES, RestartKeys, Side};
pub use session::{Output, SecureSession};
