//! Clients that come by TCP or TLS.

use std::{future::poll_fn, io, net::SocketAddr, sync::Arc};

use floe_transport::{TcpListener, TcpStream};
use floe_wire::turn::{ChannelData, stream_frame};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::Input;

/// Connections at once.
const MAX_CLIENTS: usize = 64;
/// Messages that may wait for a slow client.
const OUTGOING: usize = 256;

/// A key and a certificate made for one server, which nobody's authority vouches for.
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    certificate_pem: String,
}

impl TlsIdentity {
    /// Makes an identity for these host names or addresses; `expired` makes one that was valid until long ago.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn generate(names: &[&str], expired: bool) -> io::Result<Self> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let own_name = names.first().cloned().unwrap_or_default();
        let mut parameters = rcgen::CertificateParams::new(names).map_err(io::Error::other)?;
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, own_name);
        if expired {
            parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key = rcgen::KeyPair::generate().map_err(io::Error::other)?;
        let certificate = parameters.self_signed(&key).map_err(io::Error::other)?;
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(io::Error::other)?;
        Ok(Self { config: Arc::new(config), certificate_pem: pem(certificate.der()) })
    }

    /// The certificate, for whoever is to believe it.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }
}

/// RFC 7468, without the crate for it.
fn pem(der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

/// Serves every connection until the listener fails.
pub(super) async fn accept_all(
    listener: Box<dyn TcpListener>,
    identity: Option<TlsIdentity>,
    inputs: mpsc::Sender<Input>,
) {
    let mut connections = JoinSet::new();
    while let Ok(stream) = poll_fn(|cx| listener.poll_accept(cx)).await {
        while connections.try_join_next().is_some() {}
        if connections.len() < MAX_CLIENTS {
            connections.spawn(welcome(stream, identity.clone(), inputs.clone()));
        }
    }
}

async fn welcome(stream: Box<dyn TcpStream>, identity: Option<TlsIdentity>, inputs: mpsc::Sender<Input>) {
    let Ok(client) = stream.peer_addr() else { return };
    let ended = match identity {
        None => serve(stream, client, &inputs).await,
        Some(identity) => match TlsAcceptor::from(identity.config).accept(stream).await {
            Ok(stream) => serve(stream, client, &inputs).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %client, "a TURN client's connection ended");
    }
    // A server that has stopped needs no word of it.
    let _stopped = inputs.send(Input::Gone { client }).await;
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send,
    client: SocketAddr,
    inputs: &mpsc::Sender<Input>,
) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (outgoing, mut queue) = mpsc::channel::<Vec<u8>>(OUTGOING);
    if inputs.send(Input::Connected { client, outgoing }).await.is_err() {
        return Ok(());
    }
    let write = async {
        while let Some(message) = queue.recv().await {
            writer.write_all(&message).await?;
            writer.flush().await?;
        }
        Ok(())
    };
    let read = async {
        let mut incoming = Vec::new();
        loop {
            while let Some(length) = stream_frame(&incoming).map_err(io::Error::other)? {
                if incoming.len() < length {
                    break;
                }
                let rest = incoming.split_off(length);
                let bytes = std::mem::replace(&mut incoming, rest);
                if inputs.send(Input::Message { client, bytes }).await.is_err() {
                    return Ok(());
                }
            }
            if reader.read_buf(&mut incoming).await? == 0 {
                return Ok(());
            }
        }
    };
    tokio::select! {
        ended = write => ended,
        ended = read => ended,
    }
}

/// ChannelData is padded to four bytes on a stream (RFC 8656 section 12.5); STUN always is.
pub(super) fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    if ChannelData::decode(&bytes).is_ok() {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}
