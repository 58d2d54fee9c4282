//! Records as a history keeps them: media as its clear header, everything else as it is.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use bytes::Bytes;
use floe_wire::{
    BaseId, Direction, Note, Packet, PacketKind, Record, RecordBody, Stamp, classify, stun::IntegrityVerdict,
};

/// What the fold reads of media: the fixed RTP header behind a channel number.
const HEAD: usize = 16;

/// Flows of media told apart; packets of further ones are kept like other records.
const FLOWS_KEPT: usize = 4_096;

/// One record.
#[derive(Debug)]
pub(super) enum Kept {
    /// A packet of media.
    Media(Media),
    /// Anything else.
    Full(Box<Record>),
}

/// The beginning of a packet of media.
#[derive(Debug, Clone, Copy)]
pub(super) struct Media {
    at: Duration,
    flow: u32,
    wire_len: u32,
    head: [u8; HEAD],
}

/// The ways media goes: one number instead of an address in every packet.
#[derive(Debug, Default)]
pub(super) struct Flows {
    numbers: BTreeMap<Flow, u32>,
    flows: Vec<Flow>,
}

type Flow = (BaseId, bool, SocketAddr);

impl Flows {
    /// Takes a record in its shortest form.
    pub(super) fn keep(&mut self, record: Record) -> Kept {
        let media = match &record.body {
            RecordBody::Packet(packet) => self.media(record.at, packet),
            RecordBody::Note(_) => None,
        };
        media.map_or_else(|| Kept::Full(Box::new(record)), Kept::Media)
    }

    fn media(&mut self, at: Stamp, packet: &Packet) -> Option<Media> {
        let is_media = match classify(&packet.bytes) {
            PacketKind::Rtp | PacketKind::Rtcp => true,
            PacketKind::ChannelData => packet.bytes.get(4).is_some_and(|first| (128..=191).contains(first)),
            PacketKind::Stun | PacketKind::Dtls | PacketKind::Unknown => false,
        };
        let head = is_media.then(|| packet.bytes.first_chunk::<HEAD>()).flatten()?;
        let flow = self.number((packet.base, packet.direction == Direction::Outbound, packet.remote))?;
        Some(Media { at: at.0, flow, wire_len: packet.wire_len, head: *head })
    }

    fn number(&mut self, flow: Flow) -> Option<u32> {
        if let Some(number) = self.numbers.get(&flow) {
            return Some(*number);
        }
        let number = u32::try_from(self.flows.len()).ok().filter(|_| self.flows.len() < FLOWS_KEPT)?;
        self.numbers.insert(flow, number);
        self.flows.push(flow);
        Some(number)
    }

    /// The record again, as far as the fold reads it.
    pub(super) fn restore(&self, kept: &Kept) -> Record {
        match kept {
            Kept::Full(record) => (**record).clone(),
            Kept::Media(media) => {
                let (base, outbound, remote) = self.flows[media.flow as usize];
                let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
                let bytes = Bytes::copy_from_slice(&media.head);
                let integrity = IntegrityVerdict::Unchecked;
                let packet = Packet { base, direction, remote, bytes, wire_len: media.wire_len, integrity };
                Record { at: Stamp(media.at), body: RecordBody::Packet(packet) }
            }
        }
    }
}

impl Kept {
    /// When it happened.
    pub(super) fn at(&self) -> Stamp {
        match self {
            Self::Media(media) => Stamp(media.at),
            Self::Full(record) => record.at,
        }
    }

    /// What folding it costs, in records of media.
    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Media(_) => 1,
            // STUN is parsed, notes make sentences.
            Self::Full(_) => 8,
        }
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let body = match self {
            Self::Media(_) => 0,
            Self::Full(record) => match &record.body {
                RecordBody::Packet(packet) => size_of::<Record>() + packet.bytes.len(),
                // Strings of a note are short.
                RecordBody::Note(_) => size_of::<Record>() + size_of::<Note>() + 64,
            },
        };
        size_of::<Self>() + body
    }
}
