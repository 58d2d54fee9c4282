//! What this side of one call is: its credentials, tie-breaker and certificate. Made once, never logged.

use floe_path::Credentials;
use floe_secure::Certificate;
use floe_signal::new_credentials;
use rand::Rng;

/// What this side of one call is.
pub(crate) struct Identity {
    pub tie_breaker: u64,
    pub credentials: Credentials,
    pub certificate: Certificate,
    /// Synchronisation source of our RTP stream (RFC 3550 section 8: random).
    pub ssrc: u32,
}

impl Identity {
    /// Makes a fresh identity from the system's randomness.
    pub fn generate() -> Result<Self, floe_secure::SecureError> {
        let mut random = rand::rng();
        let (ufrag, password) = new_credentials(random.random());
        Ok(Self {
            tie_breaker: random.random(),
            credentials: Credentials { ufrag, password },
            certificate: Certificate::generate()?,
            ssrc: random.random(),
        })
    }
}
