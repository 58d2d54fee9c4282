//! Demultiplexing of what shares one port (RFC 7983, RFC 5761).

use serde::{Deserialize, Serialize};

/// What a datagram is, judged by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PacketKind {
    /// First byte 0–3 and the magic cookie in place.
    Stun,
    /// First byte 20–63: a DTLS record.
    Dtls,
    /// First byte 64–79: TURN ChannelData.
    ChannelData,
    /// First byte 128–191, payload type not in the RTCP range.
    Rtp,
    /// First byte 128–191, second byte 192–223 (RFC 5761 section 4).
    Rtcp,
    /// None of these.
    Unknown,
}

/// The magic cookie of RFC 8489 section 5.
pub const STUN_MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// Tells what a datagram is by its first bytes (RFC 7983 section 7).
#[must_use]
pub fn classify(datagram: &[u8]) -> PacketKind {
    match datagram {
        [0..=3, _, _, _, cookie @ ..] if cookie.starts_with(&STUN_MAGIC_COOKIE) => PacketKind::Stun,
        [20..=63, ..] => PacketKind::Dtls,
        [64..=79, ..] => PacketKind::ChannelData,
        [128..=191, 192..=223, ..] => PacketKind::Rtcp,
        [128..=191, _, ..] => PacketKind::Rtp,
        _ => PacketKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_is_told_by_its_first_bytes() {
        let stun = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0, 0];
        assert_eq!(classify(&stun), PacketKind::Stun);
        assert_eq!(classify(&[22, 254, 253]), PacketKind::Dtls);
        assert_eq!(classify(&[0x40, 0]), PacketKind::ChannelData);
        assert_eq!(classify(&[0x80, 111]), PacketKind::Rtp);
        assert_eq!(classify(&[0x80, 200]), PacketKind::Rtcp);
        assert_eq!(classify(&[0x81, 206]), PacketKind::Rtcp);
    }

    #[test]
    fn a_stun_lookalike_without_the_cookie_is_unknown() {
        assert_eq!(classify(&[0, 1, 0, 0, 9, 9, 9, 9]), PacketKind::Unknown);
        assert_eq!(classify(&[]), PacketKind::Unknown);
    }
}
