//! What packets show besides STUN: nothing but their kind and their first numbers.

use floe_wire::{PacketKind, classify, turn::CHANNEL_DATA_HEADER};

use super::{pseudonyms::Pseudonyms, stun};

/// The fixed header of RTP (RFC 3550 section 5.1): sequence, time, source.
const RTP_HEADER: usize = 12;

/// The header of RTCP with the sender's source, which SRTCP leaves clear (RFC 3711 section 3.4).
const RTCP_HEADER: usize = 8;

/// A DTLS 1.2 record's header: type, version, epoch, sequence, length (RFC 6347 section 4.1).
const DTLS_HEADER: usize = 13;

/// A handshake message's header: type, length, sequence, fragment (RFC 6347 section 4.2.2).
const HANDSHAKE_HEADER: usize = 12;

/// Rewrites a packet; its length stays.
pub(super) fn redact(pseudonyms: &mut Pseudonyms, packet: &mut [u8]) {
    match classify(packet) {
        PacketKind::Stun => stun::redact(pseudonyms, packet),
        PacketKind::ChannelData => {
            if let Some(inner) = packet.get_mut(CHANNEL_DATA_HEADER..) {
                redact(pseudonyms, inner);
            }
        }
        PacketKind::Rtp => blank(packet, RTP_HEADER),
        PacketKind::Rtcp => blank(packet, RTCP_HEADER),
        PacketKind::Dtls => redact_dtls(packet),
        PacketKind::Unknown => blank(packet, 1),
    }
}

/// Zeroes everything behind the first bytes.
fn blank(packet: &mut [u8], keep: usize) {
    if let Some(rest) = packet.get_mut(keep..) {
        rest.fill(0);
    }
}

/// Blanks the contents of each record; certificates and server names are among them.
fn redact_dtls(mut rest: &mut [u8]) {
    // The short header of DTLS 1.3 tells no length that could be relied on (RFC 9147 section 4).
    while let [20..=26, ..] = rest {
        if rest.len() < DTLS_HEADER {
            return;
        }
        let length = usize::from(u16::from_be_bytes([rest[11], rest[12]]));
        let is_clear_handshake = rest[0] == 22 && rest[3..5] == [0, 0];
        let (record, behind) = rest.split_at_mut((DTLS_HEADER + length).min(rest.len()));
        blank(record, DTLS_HEADER + if is_clear_handshake { HANDSHAKE_HEADER } else { 0 });
        rest = behind;
    }
    blank(rest, 1);
}
