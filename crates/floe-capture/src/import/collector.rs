//! Keeps what belongs to ICE: STUN, TURN and handshakes packet by packet, media as counts per second.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use floe_wire::{
    Direction, PacketKind, Protocol, classify,
    note::FramingFault,
    stun::{Class, METHOD_BINDING, StunMessage},
    turn::{CHANNEL_DATA_HEADER, Method, TurnMessage},
};

use super::{
    Counts,
    checks::{Asked, Checks, FragmentsId},
    flows::{Bucket, Flow, FlowId, Flows},
    frames::Frame,
    layers::{self, Carried, Segment, TcpFacts},
    relays::Relays,
    stream::{self, Stream},
};

/// DTLS packets kept of each direction of a flow: handshakes, with all their retransmissions. Later ones are counted.
const DTLS_KEPT: u16 = 64;

/// Bytes of DTLS kept before STUN shows that the flow belongs to ICE.
const UNPROVEN_BYTES: usize = 4 << 20;

/// Media inside TURN indications keep this much: headers of the indication and of RTP.
const INDICATED_MEDIA_KEPT: usize = 160;

/// Packets share pieces of memory: small ones in the beginning, then of this size.
const ARENA: usize = 1 << 18;
const FIRST_ARENA: usize = 1 << 12;

/// A packet that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// Nanoseconds since the Unix epoch.
    pub at: u64,
    pub flow: FlowId,
    pub from_a: bool,
    pub wire_len: u32,
    pub bytes: Bytes,
    /// The user fragments of the check that it is, or that a relay carries in it.
    pub fragments: Option<FragmentsId>,
}

/// Counted packets of a flow.
#[derive(Debug)]
pub(super) struct Counted {
    pub flow: FlowId,
    pub bucket: Bucket,
}

/// Everything of a file that may belong to ICE.
#[derive(Debug, Default)]
pub(super) struct Collector {
    pub flows: Flows,
    pub kept: Vec<Kept>,
    pub counted: Vec<Counted>,
    pub checks: Checks,
    pub relays: Relays,
    pub counts: Counts,
    /// Connections that are badly framed: when, which, whether `a` wrote it, and what is wrong.
    pub faults: Vec<(u64, FlowId, bool, FramingFault)>,
    /// The time of the first frame.
    pub first: Option<u64>,
    pub last: u64,
    streams: BTreeMap<FlowId, Box<[Stream; 2]>>,
    unproven: usize,
    arena: BytesMut,
}

/// A datagram, or a packet from a stream.
#[derive(Debug, Clone, Copy)]
struct Seen<'a> {
    at: u64,
    flow: FlowId,
    from_a: bool,
    bytes: &'a [u8],
    wire_len: u32,
}

impl Seen<'_> {
    fn is_cut(&self) -> bool {
        self.bytes.len() < self.wire_len as usize
    }
}

impl Collector {
    /// Looks at a frame.
    #[inline]
    pub fn take(&mut self, frame: &Frame<'_>) {
        self.counts.frames += 1;
        self.counts.cut += u64::from(frame.is_cut);
        self.first.get_or_insert(frame.at);
        if frame.at < self.last {
            self.counts.backwards += 1;
        } else {
            self.last = frame.at;
        }
        match layers::look(frame.link, frame.bytes) {
            Carried::Udp(segment) => self.udp(frame, &segment),
            Carried::Tcp(segment, facts) => self.tcp(frame, &segment, facts),
            Carried::Fragment => self.counts.fragments += 1,
            Carried::Other => self.counts.other += 1,
            Carried::UnknownLink => self.counts.unknown_link += 1,
        }
    }

    /// Takes what waits for something that never came.
    pub fn finish(&mut self) {
        for (flow, directions) in std::mem::take(&mut self.streams) {
            for (from_a, mut stream) in [true, false].into_iter().zip(*directions) {
                let outcome = stream.finish(&mut |carried| self.carried(flow, from_a, &carried));
                self.count(outcome);
            }
        }
        for (flow, state) in self.flows.iter_mut() {
            let buckets = state.take_counts().into_iter();
            self.counted.extend(buckets.map(|bucket| Counted { flow, bucket }));
        }
    }

    #[inline]
    fn udp(&mut self, frame: &Frame<'_>, segment: &Segment<'_>) {
        self.counts.udp += 1;
        self.counts.fragments += u64::from(segment.is_fragment);
        let found = match classify(segment.payload) {
            PacketKind::Stun | PacketKind::Dtls | PacketKind::Rtp | PacketKind::Rtcp => {
                self.flows.find_or_add(Protocol::Udp, segment.from, segment.to, frame.interface)
            }
            PacketKind::ChannelData | PacketKind::Unknown => self.flows.find(Protocol::Udp, segment.from, segment.to),
        };
        let Some((flow, from_a)) = found else {
            self.counts.other += 1;
            return;
        };
        self.hint(flow, from_a, frame, segment);
        let (bytes, wire_len) = (segment.payload, segment.wire_len);
        self.packet(Seen { at: frame.at, flow, from_a, bytes, wire_len });
    }

    /// Remembers which end the machine is that captured. Where a machine talks to itself, both are.
    #[inline]
    fn hint(&mut self, flow: FlowId, from_a: bool, frame: &Frame<'_>, segment: &Segment<'_>) {
        let flow = self.flows.get_mut(flow);
        flow.hops[usize::from(!from_a)] = segment.hops;
        if let Some(direction) = frame.direction.or(segment.direction) {
            let a_is_here = from_a == (direction == Direction::Outbound);
            flow.is_here[usize::from(!a_is_here)] = true;
        }
    }

    fn tcp(&mut self, frame: &Frame<'_>, segment: &Segment<'_>, facts: TcpFacts) {
        self.counts.tcp += 1;
        self.counts.fragments += u64::from(segment.is_fragment);
        let found = self.flows.find_or_add(Protocol::Tcp, segment.from, segment.to, frame.interface);
        let Some((flow, from_a)) = found else {
            self.counts.other += 1;
            return;
        };
        self.hint(flow, from_a, frame, segment);
        if facts.is_syn {
            let a_opens = from_a != facts.is_ack;
            self.flows.get_mut(flow).a_opened.get_or_insert(a_opens);
        }
        // The streams step out of the map, so that what they carry can be taken by everything else.
        let mut directions = self.streams.remove(&flow).unwrap_or_default();
        let stream = &mut directions[usize::from(!from_a)];
        let Segment { payload, wire_len, .. } = *segment;
        let outcome =
            stream.take(frame.at, facts, payload, wire_len, &mut |carried| self.carried(flow, from_a, &carried));
        self.streams.insert(flow, directions);
        self.faults.extend(outcome.fault.map(|fault| (frame.at, flow, from_a, fault)));
        self.count(outcome);
    }

    fn carried(&mut self, flow: FlowId, from_a: bool, carried: &stream::Carried<'_>) {
        let stream::Carried { at, bytes, wire_len } = *carried;
        self.packet(Seen { at, flow, from_a, bytes, wire_len });
    }

    fn count(&mut self, outcome: stream::Outcome) {
        self.counts.tcp_overlaps += outcome.overlaps;
        self.counts.tcp_gaps += outcome.gaps;
    }

    #[inline]
    fn packet(&mut self, seen: Seen<'_>) {
        match classify(seen.bytes) {
            PacketKind::Stun => self.stun(seen),
            PacketKind::ChannelData if self.relays.has(seen.flow) => self.channel_data(seen),
            PacketKind::Dtls => self.dtls(seen),
            kind @ (PacketKind::Rtp | PacketKind::Rtcp) => {
                self.counts.media += 1;
                self.counts.cut_media += u64::from(seen.is_cut() && has_clear_part(kind, seen.bytes));
                self.count_packet(seen, 0, kind);
            }
            PacketKind::ChannelData | PacketKind::Unknown => {
                if self.flows.get(seen.flow).has_stun {
                    self.count_packet(seen, 0, PacketKind::Unknown);
                } else {
                    self.counts.other += 1;
                }
            }
        }
    }

    fn stun(&mut self, seen: Seen<'_>) {
        self.counts.stun += 1;
        self.flows.get_mut(seen.flow).has_stun = true;
        let mut kept = seen.bytes;
        let mut fragments = None;
        // Method and class from the type's bits (RFC 8489 section 5), so that only what tells something is decoded.
        let kind = u16::from_be_bytes([seen.bytes[0], seen.bytes[1]]);
        match kind {
            0x0001 => fragments = self.check(seen.flow, seen.from_a, seen.at, seen.bytes),
            0x0101 | 0x0111 | 0x0011 => {}
            0x0016 | 0x0017 => {
                fragments = self.relayed(&seen);
                kept = &kept[..indicated_length(kept)];
            }
            _ => self.relays.observe(seen.flow, seen.from_a, seen.bytes),
        }
        self.keep(seen, kept, fragments);
    }

    /// Remembers who checks whom; none when it is no check.
    fn check(&mut self, flow: FlowId, from_a: bool, at: u64, bytes: &[u8]) -> Option<FragmentsId> {
        let Ok(message) = StunMessage::decode(bytes) else {
            self.counts.malformed_stun += 1;
            return None;
        };
        if message.username.is_none() {
            self.checks.note_question(flow, from_a);
        }
        self.note_check(flow, from_a, at, &message)
    }

    fn channel_data(&mut self, seen: Seen<'_>) {
        let Some(inner) = seen.bytes.get(CHANNEL_DATA_HEADER..) else { return };
        match classify(inner) {
            PacketKind::Stun => {
                self.counts.stun += 1;
                let fragments = self.relayed(&seen);
                self.keep(seen, seen.bytes, fragments);
            }
            PacketKind::Dtls if self.may_keep_dtls(seen.flow, seen.from_a) => {
                self.counts.dtls += 1;
                self.keep(seen, seen.bytes, None);
            }
            kind => {
                self.counts.media += 1;
                self.counts.cut_media += u64::from(seen.is_cut() && has_clear_part(kind, inner));
                self.count_packet(seen, u16::from_be_bytes([seen.bytes[0], seen.bytes[1]]), kind);
            }
        }
    }

    /// The check that a relay carries for us or brings to us.
    fn relayed(&mut self, seen: &Seen<'_>) -> Option<FragmentsId> {
        let inner = self.relays.unwrap(&mut self.flows, seen.flow, seen.from_a, seen.bytes)?;
        if classify(&seen.bytes[inner.range.clone()]) != PacketKind::Stun {
            return None;
        }
        let message = StunMessage::decode(&seen.bytes[inner.range]).ok()?;
        if message.class != Class::Request || message.method != METHOD_BINDING {
            return None;
        }
        self.note_check(inner.flow, inner.from_a, seen.at, &message)
    }

    fn note_check(&mut self, flow: FlowId, from_a: bool, at: u64, message: &StunMessage) -> Option<FragmentsId> {
        let (receiver, sender) = (message.receiver_ufrag()?, message.sender_ufrag()?);
        if let Some(priority) = message.priority {
            self.checks.note_priority(flow, from_a, priority);
        }
        let tie_breaker = message.controlling.or(message.controlled);
        self.checks.note(flow, from_a, at, Asked { sender, receiver, tie_breaker })
    }

    fn dtls(&mut self, seen: Seen<'_>) {
        self.counts.dtls += 1;
        if !self.may_keep_dtls(seen.flow, seen.from_a) {
            return self.count_packet(seen, 0, PacketKind::Dtls);
        }
        self.keep(seen, seen.bytes, None);
    }

    fn may_keep_dtls(&mut self, flow: FlowId, from_a: bool) -> bool {
        let unproven = self.unproven;
        let flow = self.flows.get_mut(flow);
        let kept = &mut flow.dtls_kept[usize::from(!from_a)];
        if *kept >= DTLS_KEPT || (!flow.has_stun && unproven > UNPROVEN_BYTES) {
            return false;
        }
        *kept += 1;
        true
    }

    #[inline]
    fn count_packet(&mut self, seen: Seen<'_>, channel: u16, kind: PacketKind) {
        let flow: &mut Flow = self.flows.get_mut(seen.flow);
        let full = flow.count(seen.from_a, channel, kind, seen.wire_len, seen.at);
        let is_ours = flow.has_stun;
        // Of a flow that never shows STUN, nothing but the newest counts is kept.
        if let Some(bucket) = full.filter(|_| is_ours) {
            self.counted.push(Counted { flow: seen.flow, bucket });
        }
    }

    fn keep(&mut self, seen: Seen<'_>, bytes: &[u8], fragments: Option<FragmentsId>) {
        if !self.flows.get(seen.flow).has_stun {
            self.unproven += bytes.len();
        }
        if self.arena.capacity() < bytes.len() {
            let size = if self.kept.is_empty() { FIRST_ARENA } else { ARENA };
            self.arena = BytesMut::with_capacity(size.max(bytes.len()));
        }
        self.arena.extend_from_slice(bytes);
        let bytes = self.arena.split().freeze();
        let Seen { at, flow, from_a, wire_len, .. } = seen;
        self.kept.push(Kept { at, flow, from_a, wire_len, bytes, fragments });
    }
}

/// How much of an indication is kept: all of it, unless it carries media.
fn indicated_length(bytes: &[u8]) -> usize {
    let Ok(message) = TurnMessage::decode(bytes) else { return bytes.len() };
    let is_indication = matches!(message.method, Method::Send | Method::Data);
    let inner = message.data.map(|range| classify(&bytes[range]));
    match inner {
        Some(PacketKind::Rtp | PacketKind::Rtcp) if is_indication => bytes.len().min(INDICATED_MEDIA_KEPT),
        _ => bytes.len(),
    }
}

/// Whether everything of a media packet is there that is not encrypted: the fixed header of RTP, of RTCP the first eight
/// bytes (RFC 3711 sections 3.1 and 3.4).
fn has_clear_part(kind: PacketKind, bytes: &[u8]) -> bool {
    match kind {
        PacketKind::Rtp => bytes.len() >= 12,
        PacketKind::Rtcp => bytes.len() >= 8,
        PacketKind::Stun | PacketKind::Dtls | PacketKind::ChannelData | PacketKind::Unknown => false,
    }
}
