//! Self-signed certificates, one for each code.

use std::fmt;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::{Fingerprint, SecureError};

/// A self-signed certificate with its key (ECDSA P-256, which every WebRTC peer knows).
#[derive(Clone)]
pub struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) private_key: Vec<u8>,
}

impl Certificate {
    /// Makes a fresh certificate. It names nobody: the fingerprint is all that a peer checks.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, SecureError> {
        // A certificate is made while nobody waits; a handshake is not.
        crate::session::prepare();
        Self::try_generate().map_err(|error| SecureError::Certificate(error.to_string()))
    }

    fn try_generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut parameters = CertificateParams::new(Vec::<String>::new())?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "floe");
        parameters.distinguished_name = name;
        let der = parameters.self_signed(&key)?.der().to_vec();
        Ok(Self { der, private_key: key.serialize_der() })
    }

    /// SHA-256 over the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_der(&self.der)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_is_another_one() {
        let (one, two) = (Certificate::generate().unwrap(), Certificate::generate().unwrap());
        assert_ne!(one.fingerprint(), two.fingerprint());
    }

    #[test]
    fn the_key_is_not_printed() {
        let certificate = Certificate::generate().unwrap();
        let key = format!("{:?}", certificate.private_key);
        assert!(!format!("{certificate:?}").contains(&key));
    }
}
