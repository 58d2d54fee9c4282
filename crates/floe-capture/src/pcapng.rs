//! pcapng export: what our own sockets sent and received, readable by Wireshark and tshark.
//!
//! Records hold datagrams, not frames, so the IP, UDP and TCP headers are synthesised from the base's address and the
//! remote one. One interface per base, named after it; session notes are comments of the packet that follows them, with
//! their JSON, so that nothing in the record is lost to a reader of the file. Media keep their original length and the
//! beginning that the record has. A TURN base shows what crosses the wire to its server, inside TLS if there is TLS.
//!
//! Our own writer: it needs four kinds of blocks, and the reader knows them anyway. `pcap-file`
//! 2.0 ignores the clock resolution of what it reads and cannot go on after a damaged block.

pub(crate) mod block;
mod packet;
mod stream;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use floe_wire::{
    BaseId, BaseKind, Direction, Note, Packet, PacketKind, Record, RecordBody, RelayProtocol, Stamp, classify,
    turn::CHANNEL_DATA_HEADER,
};

use self::{
    block::{Block, option},
    stream::Streams,
};

/// Comments of one packet; what a packet has no room for is counted in its last one.
const COMMENTS_KEPT: usize = 64;

/// Characters of one comment; an option holds 65,535 bytes.
const LONGEST_COMMENT: usize = 4_000;

/// How much of a media packet is written when payloads are not wanted: the fixed RTP header (RFC 3550 section 5.1).
const RTP_HEADER: usize = 12;

/// Link type of packets that begin with their IP header.
pub(crate) const LINKTYPE_RAW: u16 = 101;

/// What a capture file gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaPayloads {
    /// What the record has of them: the beginning, with room for header extensions.
    AsRecorded,
    /// None: media end after the fixed RTP header.
    LeftOut,
}

/// Appends records to a capture file.
///
/// Every call of [`PcapngWriter::append`] hands all its bytes to the file at once and flushes it.
#[derive(Debug)]
pub struct PcapngWriter<W: Write> {
    file: W,
    buffer: Vec<u8>,
    payloads: MediaPayloads,
    wall_ms: u64,
    is_begun: bool,
    bases: BTreeMap<BaseId, Interface>,
    interfaces: u32,
    streams: Streams,
    comments: Comments,
    latest: Stamp,
}

/// A base as the file's readers see it.
#[derive(Debug, Clone)]
struct Interface {
    id: u32,
    address: SocketAddr,
    carrier: Carrier,
}

/// What a base's packets travel in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    /// UDP.
    Datagrams,
    /// TCP, framed by RFC 4571.
    Frames,
    /// TCP, framed by TURN itself (RFC 8656 section 12.5).
    Turn,
}

/// Notes that wait for a packet to be a comment of.
#[derive(Debug, Default)]
struct Comments {
    texts: Vec<String>,
    left_out: u64,
}

impl<W: Write> PcapngWriter<W> {
    /// A writer of a new file.
    #[must_use]
    pub fn new(file: W, payloads: MediaPayloads) -> Self {
        Self {
            file,
            buffer: Vec::new(),
            payloads,
            wall_ms: 0,
            is_begun: false,
            bases: BTreeMap::new(),
            interfaces: 0,
            streams: Streams::default(),
            comments: Comments::default(),
            latest: Stamp::ZERO,
        }
    }

    /// Appends a batch and flushes it to the file.
    ///
    /// # Errors
    /// When the file cannot be written. The batch may then be there in part.
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) -> io::Result<()> {
        for record in records {
            self.take(record);
            if self.buffer.len() >= 1 << 16 {
                self.write_out()?;
            }
        }
        self.write_out()?;
        self.file.flush()
    }

    /// Writes the notes that no packet followed, and gives the file back.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.begin("");
        if !self.comments.texts.is_empty() {
            if self.interfaces == 0 {
                self.describe_interface("floe", "no packet was sent or received");
            }
            let mut block = Block::statistics(0, self.microseconds(self.latest));
            self.comments.write(&mut block);
            block.write_to(&mut self.buffer);
        }
        self.write_out()?;
        self.file.flush()?;
        Ok(self.file)
    }

    fn take(&mut self, record: &Record) {
        self.latest = self.latest.max(record.at);
        match &record.body {
            RecordBody::Note(note) => self.note(record.at, note),
            RecordBody::Packet(packet) => {
                self.begin("");
                self.packet(record.at, packet);
            }
        }
    }

    fn note(&mut self, at: Stamp, note: &Note) {
        if let Note::SessionStarted { wall_ms, version } = note {
            self.wall_ms = *wall_ms;
            self.begin(version);
            return;
        }
        self.begin("");
        if let Note::BaseOpened { base, interface, address, kind } = note {
            self.open(*base, interface, *address, kind);
        }
        self.comments.add(at, note);
    }

    fn begin(&mut self, version: &str) {
        if self.is_begun {
            return;
        }
        self.is_begun = true;
        let mut block = Block::section();
        block.option(option::COMMENT, b"Packets of Floe's own sockets. IP, UDP and TCP headers are synthesised.");
        block.option(option::SECTION_APPLICATION, format!("Floe {version}").trim().as_bytes());
        block.write_to(&mut self.buffer);
    }

    fn open(&mut self, base: BaseId, interface: &str, address: SocketAddr, kind: &BaseKind) {
        let (carrier, how) = match kind {
            BaseKind::Udp => (Carrier::Datagrams, "UDP".to_owned()),
            BaseKind::Tcp { .. } => (Carrier::Frames, "ICE-TCP".to_owned()),
            BaseKind::TurnClient { server, transport: RelayProtocol::Udp } => {
                (Carrier::Datagrams, format!("TURN to {server}"))
            }
            BaseKind::TurnClient { server, transport } => {
                (Carrier::Turn, format!("TURN over {} to {server}, without TLS", transport.name()))
            }
            BaseKind::Relay { client } => (Carrier::Datagrams, format!("relayed by {client}")),
        };
        let id = self.describe_interface(&format!("{interface} {base}"), &format!("{how} from {address}"));
        self.bases.insert(base, Interface { id, address, carrier });
    }

    fn describe_interface(&mut self, name: &str, description: &str) -> u32 {
        let mut block = Block::interface(LINKTYPE_RAW);
        block.option(option::INTERFACE_NAME, name.as_bytes());
        block.option(option::INTERFACE_DESCRIPTION, description.as_bytes());
        // Stamps count nanoseconds.
        block.option(option::INTERFACE_RESOLUTION, &[9]);
        block.write_to(&mut self.buffer);
        self.interfaces += 1;
        self.interfaces - 1
    }

    fn packet(&mut self, at: Stamp, packet: &Packet) {
        let base = match self.bases.get(&packet.base) {
            Some(base) => base.clone(),
            None => self.unknown_base(packet),
        };
        if base.address.is_ipv4() != packet.remote.is_ipv4() {
            let text = format!("{} bytes from another address family than the base's are left out", packet.wire_len);
            return self.comments.say(at, text);
        }
        let kept = &packet.bytes[..packet.bytes.len().min(self.longest(&packet.bytes))];
        let (from, to) = match packet.direction {
            Direction::Outbound => (base.address, packet.remote),
            Direction::Inbound => (packet.remote, base.address),
        };
        let whole = packet.wire_len.max(u32::try_from(kept.len()).unwrap_or(u32::MAX)) as usize;
        let synthesised = match base.carrier {
            Carrier::Datagrams => packet::udp(from, to, kept, whole),
            Carrier::Frames => self.streams.frame(packet, from, to, kept, whole),
            Carrier::Turn => self.streams.turn(packet, from, to, kept, whole),
        };
        let nanoseconds = u64::try_from(at.0.as_nanos()).unwrap_or(u64::MAX);
        let nanoseconds = self.wall_ms.saturating_mul(1_000_000).saturating_add(nanoseconds);
        let mut block = Block::packet(base.id, nanoseconds, &synthesised.bytes, synthesised.whole);
        block.option(option::PACKET_FLAGS, &flags(packet.direction).to_le_bytes());
        self.comments.write(&mut block);
        block.write_to(&mut self.buffer);
    }

    /// A record that begins in the middle has packets of bases it never named.
    fn unknown_base(&mut self, packet: &Packet) -> Interface {
        let address = match packet.remote.ip() {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::from(std::net::Ipv6Addr::UNSPECIFIED),
        };
        let address = SocketAddr::new(address, 0);
        self.open(packet.base, "unknown", address, &BaseKind::Udp);
        self.bases[&packet.base].clone()
    }

    fn longest(&self, bytes: &[u8]) -> usize {
        let media = |bytes| matches!(classify(bytes), PacketKind::Rtp | PacketKind::Rtcp);
        match self.payloads {
            MediaPayloads::AsRecorded => usize::MAX,
            MediaPayloads::LeftOut if media(bytes) => RTP_HEADER,
            MediaPayloads::LeftOut
                if classify(bytes) == PacketKind::ChannelData
                    && media(bytes.get(CHANNEL_DATA_HEADER..).unwrap_or_default()) =>
            {
                CHANNEL_DATA_HEADER + RTP_HEADER
            }
            MediaPayloads::LeftOut => usize::MAX,
        }
    }

    fn microseconds(&self, at: Stamp) -> u64 {
        self.wall_ms.saturating_mul(1_000).saturating_add(u64::try_from(at.0.as_micros()).unwrap_or(u64::MAX))
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl Comments {
    fn add(&mut self, at: Stamp, note: &Note) {
        // Measurements come several times a second and are no events.
        if matches!(note, Note::AudioMeasured(_)) {
            return;
        }
        self.say(at, serde_json::to_string(note).expect("notes have string keys"));
    }

    fn say(&mut self, at: Stamp, text: String) {
        if self.texts.len() >= COMMENTS_KEPT {
            self.left_out += 1;
            return;
        }
        let text: String = text.chars().take(LONGEST_COMMENT).collect();
        self.texts.push(format!("{at} {text}"));
    }

    fn write(&mut self, block: &mut Block) {
        for text in self.texts.drain(..) {
            block.option(option::COMMENT, text.as_bytes());
        }
        if self.left_out > 0 {
            block.option(option::COMMENT, format!("and {} more notes", self.left_out).as_bytes());
            self.left_out = 0;
        }
    }
}

/// The direction bits of `epb_flags`.
fn flags(direction: Direction) -> u32 {
    match direction {
        Direction::Inbound => 1,
        Direction::Outbound => 2,
    }
}

#[cfg(test)]
mod tests;
