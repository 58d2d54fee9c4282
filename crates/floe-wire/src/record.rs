//! Records: what the tap saw and what the session noted.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{BaseId, Note, Stamp};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When, since the start of the record.
    pub at: Stamp,
    /// What.
    pub body: RecordBody,
}

/// The two sorts of records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RecordBody {
    /// A datagram on the wire, before anyone interpreted it.
    Packet(Packet),
    /// Something the session knows and the wire does not show.
    Note(Note),
}

/// Which way a datagram went, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// We sent it.
    Outbound,
    /// We received it.
    Inbound,
}

/// A datagram on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// The base it left from or arrived at.
    pub base: BaseId,
    /// Which way it went.
    pub direction: Direction,
    /// The other end.
    pub remote: SocketAddr,
    /// Its bytes; media is cut after [`MEDIA_SNAP_LEN`].
    pub bytes: Bytes,
    /// Its length on the wire, in bytes.
    pub wire_len: u32,
}

/// How much of an SRTP or SRTCP packet a record keeps: the clear header with room for extensions. The payload is
/// encrypted and tells the inspector nothing.
pub const MEDIA_SNAP_LEN: usize = 64;
