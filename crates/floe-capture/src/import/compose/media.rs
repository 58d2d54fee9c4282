//! Notes that handshakes and media on the wire allow: which pair is used, when keys were agreed, when audio came.

use std::net::SocketAddr;

use floe_wire::{BaseId, Direction, Generation, Note, PacketKind, note::TrafficCount};

use super::{Composer, Role};
use crate::import::collector::Counted;

/// Moves of media told; two paths used at once would have one per second.
const SELECTIONS_TOLD: u32 = 1_000;

/// DTLS content types (RFC 6347 section 4.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;

/// Where the type of the first handshake message stands in a DTLS record.
const HANDSHAKE_TYPE: usize = 13;

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Media {
    selected: Option<(Generation, BaseId, SocketAddr)>,
    selections: u32,
    has_handshake: bool,
    version: Option<&'static str>,
    is_secured: bool,
    has_audio: bool,
    is_sent: bool,
    is_received: bool,
}

impl Composer {
    pub(super) fn on_handshake(&mut self, direction: Direction, bytes: &[u8]) {
        match bytes.first() {
            Some(&HANDSHAKE) if bytes.get(HANDSHAKE_TYPE) == Some(&1) && !self.media.has_handshake => {
                self.note(Note::HandshakeStarted { client: direction == Direction::Outbound });
            }
            // Only DTLS 1.2 and older have this record; only 1.3 has the short header (RFC 9147 section 4).
            Some(&CHANGE_CIPHER_SPEC) => self.media.version = Some("DTLS 1.2"),
            Some(32..=63) => self.media.version = Some("DTLS 1.3"),
            _ => {}
        }
        self.media.has_handshake = true;
    }

    /// The first packet of those that are counted together.
    pub(super) fn media_begins(&mut self, counted: &Counted) {
        let Some(seen) = self.seen(counted.flow, counted.bucket.from_a) else { return };
        let is_sent = seen.direction == Direction::Outbound;
        let Some((base, remote)) = self.pair_of(counted) else { return };
        let has_media = counted.bucket.has_media();
        if has_media && (is_sent || self.media.selected.is_none()) {
            let generation = self.ice.pairs.get(&(base, remote)).copied().unwrap_or_default();
            self.select(generation, base, remote);
        }
        self.media.is_sent |= has_media && is_sent;
        self.media.is_received |= has_media && !is_sent;
        let both = self.media.is_sent && self.media.is_received;
        if has_media && (self.media.has_handshake || both) && !self.media.is_secured {
            self.media.is_secured = true;
            self.note(Note::HandshakeSeen { dtls_version: self.media.version.map(str::to_owned) });
        }
        let has_rtp = counted.bucket.counts().iter().any(|count| count.kind == PacketKind::Rtp);
        if !is_sent && has_rtp && !self.media.has_audio {
            self.media.has_audio = true;
            self.note(Note::FirstAudio);
        }
    }

    /// The last packet of those that are counted together.
    pub(super) fn counted(&mut self, counted: &Counted) {
        let Some(seen) = self.seen(counted.flow, counted.bucket.from_a) else { return };
        let counts = counted.bucket.counts();
        let direction = seen.direction;
        if seen.role != Role::Client || counted.bucket.channel == 0 {
            return self.note(Note::TrafficCounted { base: seen.base, remote: seen.remote, direction, counts });
        }
        let packets = counts.iter().map(|count| count.packets).sum();
        let bytes = counts.iter().map(|count| count.bytes).sum();
        let outer = vec![TrafficCount { kind: PacketKind::ChannelData, packets, bytes }];
        self.note(Note::TrafficCounted { base: seen.base, remote: seen.remote, direction, counts: outer });
        if let Some((base, remote)) = self.pair_of(counted) {
            // What is inside is four bytes shorter each.
            let inner = counts.into_iter().map(|count| {
                let bytes = count.bytes.saturating_sub(4 * count.packets);
                TrafficCount { bytes, ..count }
            });
            let counts = inner.collect();
            self.note(Note::TrafficCounted { base, remote, direction, counts });
        }
    }

    /// The pair that counted packets belong to.
    fn pair_of(&mut self, counted: &Counted) -> Option<(BaseId, SocketAddr)> {
        let seen = self.seen(counted.flow, counted.bucket.from_a)?;
        match seen.role {
            Role::Pair => Some((seen.base, seen.remote)),
            Role::Server => None,
            Role::Client => {
                let peer = self.bases.peer_of(counted.flow, counted.bucket.channel)?;
                Some((self.relay_for(counted.flow, seen.base, seen.remote, peer).0, peer))
            }
        }
    }

    /// Says that media goes over a pair, once for each move.
    pub(super) fn select(&mut self, generation: Generation, base: BaseId, remote: SocketAddr) {
        let pair = (generation, base, remote);
        if self.media.selected == Some(pair) || self.media.selections >= SELECTIONS_TOLD {
            return;
        }
        self.media.selected = Some(pair);
        self.media.selections += 1;
        self.note(Note::PairSelected { generation, base, remote });
    }
}
