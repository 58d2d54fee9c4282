//! DTLS and SRTP over any datagram pipe, with `now` passed in.
//!
//! A [`SecureSession`] shakes hands (DTLS 1.3, or 1.2 with peers that have no other), compares the peer's certificate
//! with the fingerprint from its code before any key is used, and protects RTP and RTCP from then on (RFC 5764).
//!
//! Two things break the rule that pure crates get their randomness passed in: certificate generation and the DTLS
//! library draw keys from the system themselves, because neither library takes them from outside.

mod certificate;
mod error;
mod fingerprint;
mod sas;
mod session;
mod srtp;

pub use certificate::Certificate;
pub use error::SecureError;
pub use fingerprint::Fingerprint;
pub use session::{Output, SecureSession};
