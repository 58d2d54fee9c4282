//! Notes that handshakes and media on the wire allow: which pair is used, when keys were agreed, when audio came.

use std::net::SocketAddr;

use floe_wire::{BaseId, Direction, Generation, Note, PacketKind, Stamp, note::TrafficCount};

use super::{Composer, Role, handshake::Handshake};
use crate::import::collector::Counted;

/// Moves of media told; two paths used at once would have one per second.
const SELECTIONS_TOLD: u32 = 1_000;

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Media {
    selected: Option<(Generation, BaseId, SocketAddr)>,
    selections: u32,
    has_handshake: bool,
    handshake: Handshake,
    /// When both sides had keys.
    agreed: Option<Stamp>,
    is_secured: bool,
    has_audio: bool,
    is_sent: bool,
    is_received: bool,
}

impl Composer {
    pub(super) fn on_handshake(&mut self, direction: Direction, bytes: &[u8]) {
        let is_hello = self.media.handshake.take(direction, bytes);
        if is_hello && !self.media.has_handshake {
            self.note(Note::HandshakeStarted { client: direction == Direction::Outbound });
        }
        if self.media.handshake.is_over() {
            self.media.agreed.get_or_insert(self.at);
        }
        self.media.has_handshake = true;
    }

    /// A handshake that media did not follow, as where only data is exchanged.
    pub(super) fn conclude_handshake(&mut self) {
        if let Some(agreed) = self.media.agreed.filter(|_| !self.media.is_secured) {
            let seen = std::mem::take(&mut self.media.handshake.security);
            self.insert(agreed, Note::HandshakeSeen(seen));
        }
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
            self.note(Note::HandshakeSeen(self.media.handshake.security.clone()));
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
