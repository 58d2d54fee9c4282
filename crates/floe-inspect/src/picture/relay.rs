//! Relays: what TURN servers say of them.

use std::{net::SocketAddr, time::Duration};

use floe_wire::{BaseId, RelayProtocol, Stamp};

/// What the wire shows of one TURN client of ours (RFC 8656).
#[derive(Debug, Clone, PartialEq)]
pub struct RelayView {
    /// The base that talks to the server.
    pub client: BaseId,
    /// URL as the user wrote it; the server's address in a foreign capture.
    pub server: String,
    /// How the server is reached.
    pub transport: Option<RelayProtocol>,
    /// The server's address.
    pub remote: SocketAddr,
    /// Addresses it relays for us at.
    pub relayed: Vec<SocketAddr>,
    /// When the first allocation was answered.
    pub allocated: Option<Stamp>,
    /// When the allocation was last confirmed.
    pub refreshed: Option<Stamp>,
    /// When it was given up.
    pub released: Option<Stamp>,
    /// How long an allocation lives without a refresh, as the server says.
    pub lifetime: Option<Duration>,
    /// Permissions confirmed, renewals included.
    pub permissions: u64,
    /// Channel bindings confirmed, renewals included.
    pub channels: u64,
    /// Newest round trip of a request to the server.
    pub rtt: Option<Duration>,
    /// Requests refused, apart from the first challenge and stale nonces.
    pub errors: u64,
    /// Stale nonces in a row.
    pub stale_nonces: u64,
    /// The newest refusal that nothing of its kind has mended since.
    pub last_error: Option<RelayError>,
}

impl RelayView {
    pub(crate) fn new(client: BaseId, server: String, transport: Option<RelayProtocol>, remote: SocketAddr) -> Self {
        Self {
            client,
            server,
            transport,
            remote,
            relayed: Vec::new(),
            allocated: None,
            refreshed: None,
            released: None,
            lifetime: None,
            permissions: 0,
            channels: 0,
            rtt: None,
            errors: 0,
            stale_nonces: 0,
            last_error: None,
        }
    }
}

/// A TURN server's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayError {
    /// When.
    pub at: Stamp,
    /// What was asked: `Allocate`, `Refresh`, ….
    pub method: &'static str,
    /// RFC 8656 section 19.
    pub code: u16,
    /// The server's words.
    pub reason: String,
}
