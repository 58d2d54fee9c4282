//! Streams: sequence numbers for packets that travelled over TCP.

use std::{collections::BTreeMap, net::SocketAddr};

use floe_wire::{BaseId, Direction, Packet, PacketKind, classify};

use super::packet::{self, Place, Synthesised};

/// Streams whose sequence numbers are remembered; a stranger's connection beyond that begins anew.
const STREAMS_KEPT: usize = 4_096;

/// Both directions begin here, like a capture that shows relative numbers.
const FIRST_SEQUENCE: u32 = 1;

/// Sequence numbers of every connection, by who they are between.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// The next byte outbound, and inbound.
    next: BTreeMap<(BaseId, SocketAddr), [u32; 2]>,
}

impl Streams {
    /// An RFC 4571 frame: its length in two bytes, then the packet.
    pub fn frame(
        &mut self,
        packet: &Packet,
        from: SocketAddr,
        to: SocketAddr,
        kept: &[u8],
        whole: usize,
    ) -> Synthesised {
        let mut framed = u16::try_from(whole).unwrap_or(u16::MAX).to_be_bytes().to_vec();
        framed.extend(kept);
        let place = self.advance(packet, whole + 2);
        packet::tcp(from, to, place, &framed, whole + 2)
    }

    /// A TURN message or ChannelData, which is padded on a stream (RFC 8656 section 12.5).
    pub fn turn(
        &mut self,
        packet: &Packet,
        from: SocketAddr,
        to: SocketAddr,
        kept: &[u8],
        whole: usize,
    ) -> Synthesised {
        let is_padded = classify(kept) == PacketKind::ChannelData;
        let padded = if is_padded { whole.next_multiple_of(4) } else { whole };
        let mut bytes = kept.to_vec();
        if kept.len() == whole {
            bytes.resize(padded, 0);
        }
        let place = self.advance(packet, padded);
        packet::tcp(from, to, place, &bytes, padded)
    }

    fn advance(&mut self, packet: &Packet, length: usize) -> Place {
        let key = (packet.base, packet.remote);
        if self.next.len() >= STREAMS_KEPT && !self.next.contains_key(&key) {
            self.next.clear();
        }
        let next = self.next.entry(key).or_insert([FIRST_SEQUENCE; 2]);
        let (own, other) = match packet.direction {
            Direction::Outbound => (0, 1),
            Direction::Inbound => (1, 0),
        };
        let place = Place { sequence: next[own], acknowledged: next[other] };
        next[own] = next[own].wrapping_add(u32::try_from(length).unwrap_or(u32::MAX));
        place
    }
}
