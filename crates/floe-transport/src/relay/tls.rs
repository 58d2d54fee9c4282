//! TLS to a TURN server: whom to believe, and what a refusal means.

use std::{fmt, io, sync::Arc};

use tokio::sync::OnceCell;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, CertificateError, ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use super::{RelayError, link::Duplex};
use crate::TcpStream;

/// Whom to believe: the system's authorities, and perhaps one that people name. Clones share what was loaded.
#[derive(Clone, Default)]
pub struct TlsTrust {
    extra: Vec<CertificateDer<'static>>,
    /// Reading the system's authorities takes tens of milliseconds: once, and only when TLS is used.
    config: Arc<OnceCell<Arc<ClientConfig>>>,
}

/// Why a file does not say whom to believe; the sentences are shown to people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsTrustError {
    /// No PEM, or no certificate in it.
    #[error("there is no certificate in this file; it must be in PEM form (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// A certificate that cannot be an authority.
    #[error("a certificate in this file cannot be used: {0}")]
    Unusable(String),
}

impl TlsTrust {
    /// Believes the system's authorities and those in `pem`.
    ///
    /// # Errors
    /// When there is no certificate in it, or one that cannot be used.
    pub fn with_authorities(pem: &[u8]) -> Result<Self, TlsTrustError> {
        let extra: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| TlsTrustError::NoCertificate)?;
        if extra.is_empty() {
            return Err(TlsTrustError::NoCertificate);
        }
        let mut probe = RootCertStore::empty();
        for certificate in &extra {
            probe.add(certificate.clone()).map_err(|error| TlsTrustError::Unusable(error.to_string()))?;
        }
        Ok(Self { extra, config: Arc::default() })
    }

    /// Reads the system's authorities, if that was not done before; worth doing while something else is waited for.
    pub async fn prepare(&self) {
        // Whoever connects is told why it failed.
        let _told_later = self.config.get_or_try_init(|| self.load()).await;
    }

    /// Agrees on TLS with the server of that name.
    ///
    /// # Errors
    /// A sentence that says what is wrong with its certificate, or else went wrong.
    pub async fn connect(&self, host: &str, stream: Box<dyn TcpStream>) -> Result<Box<dyn Duplex>, RelayError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| RelayError::Tls("the host name cannot stand in a certificate".to_owned()))?;
        let config = self.config.get_or_try_init(|| self.load()).await?;
        let connected = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
        Ok(Box::new(connected.map_err(|error| RelayError::Tls(explain(&error)))?))
    }

    async fn load(&self) -> Result<Arc<ClientConfig>, RelayError> {
        let extra = self.extra.clone();
        let loaded = tokio::task::spawn_blocking(|| client_config(extra)).await;
        loaded.map_err(|_| RelayError::Tls("the system's certificates could not be read".to_owned()))?
    }
}

fn client_config(extra: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, RelayError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::debug!(%error, "an authority of the system cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    roots.add_parsable_certificates(extra);
    if roots.is_empty() {
        return Err(RelayError::Tls(
            "this system trusts no certificate authority; name one for this server".to_owned(),
        ));
    }
    // One provider, ring, which DTLS certificates use too.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| RelayError::Tls(error.to_string()))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// The sentence for a handshake that failed.
fn explain(error: &io::Error) -> String {
    let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match reason {
        Some(rustls::Error::InvalidCertificate(problem)) => explain_certificate(problem),
        Some(rustls::Error::InvalidMessage(_)) => {
            "the server does not speak TLS there; turns: needs its TLS port, often 5349 or 443".to_owned()
        }
        Some(other) => other.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server ended the handshake; is this its TLS port?".to_owned()
        }
        None => error.to_string(),
    }
}

fn explain_certificate(problem: &CertificateError) -> String {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; its operator must renew it (or the clock here is wrong)".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; check the clock of this computer".to_owned()
        }
        // A forged certificate of an authority that is trusted has its name and not its signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is from an authority that is not trusted here; name that authority if you trust it"
                .to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host name; use the name that the certificate is for".to_owned()
        }
        other => format!("its certificate is not accepted: {other}"),
    }
}

impl fmt::Debug for TlsTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTrust").field("extra", &self.extra.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_told() {
        for text in ["", "hello", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"] {
            assert_eq!(TlsTrust::with_authorities(text.as_bytes()).unwrap_err(), TlsTrustError::NoCertificate);
        }
    }
}
