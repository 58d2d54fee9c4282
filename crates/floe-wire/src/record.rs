//! Records: what the tap saw and what the session noted.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{BaseId, Note, PacketKind, Stamp, classify, stun::IntegrityVerdict, turn::CHANNEL_DATA_HEADER};

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
    Note(Box<Note>),
}

impl RecordBody {
    /// A note. It is boxed because most records of a long file are packets, which are much smaller than the largest note.
    #[must_use]
    pub fn note(note: Note) -> Self {
        Self::Note(Box::new(note))
    }

    /// The note, if it is one.
    #[must_use]
    pub fn as_note(&self) -> Option<&Note> {
        match self {
            Self::Note(note) => Some(note),
            Self::Packet(_) => None,
        }
    }
}

/// Which way a datagram went, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// What a session that knew the password found of the STUN message in it; of the peer's, where a relay carried one.
    #[serde(default)]
    pub integrity: IntegrityVerdict,
}

/// How much of an SRTP or SRTCP packet a record keeps: the clear header with room for extensions. The payload is
/// encrypted and tells the inspector nothing.
pub const MEDIA_SNAP_LEN: usize = 64;

/// How many bytes of a datagram a record keeps: media is cut after [`MEDIA_SNAP_LEN`], also inside TURN ChannelData;
/// everything else is kept in full.
#[must_use]
pub fn kept_len(datagram: &[u8]) -> usize {
    let is_media = |kind: PacketKind| matches!(kind, PacketKind::Rtp | PacketKind::Rtcp);
    let kept = match classify(datagram) {
        PacketKind::Rtp | PacketKind::Rtcp => MEDIA_SNAP_LEN,
        PacketKind::ChannelData
            if datagram.get(CHANNEL_DATA_HEADER..).is_some_and(|inner| is_media(classify(inner))) =>
        {
            CHANNEL_DATA_HEADER + MEDIA_SNAP_LEN
        }
        PacketKind::Stun | PacketKind::Dtls | PacketKind::ChannelData | PacketKind::Unknown => datagram.len(),
    };
    kept.min(datagram.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::ChannelData;

    #[test]
    fn a_record_is_small_whatever_notes_there_are() {
        assert!(size_of::<Record>() <= 96, "{} bytes", size_of::<Record>());
    }

    #[test]
    fn media_is_cut_also_behind_a_channel_number_and_handshakes_are_not() {
        let (media, dtls) = ([0x80; 200], [22; 200]);
        assert_eq!([kept_len(&media), kept_len(&dtls), kept_len(&media[..10])], [64, 200, 10]);
        assert_eq!(kept_len(&ChannelData::encode(0x4000, &media, false)), 68);
        assert_eq!(kept_len(&ChannelData::encode(0x4000, &dtls, false)), 204);
    }
}
