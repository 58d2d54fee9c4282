//! One frame: a record as bytes with a checksum.

use std::{
    net::{IpAddr, SocketAddr, SocketAddrV6},
    time::Duration,
};

use bytes::Bytes;
use floe_wire::{BaseId, Direction, Packet, Record, RecordBody, Stamp, stun::IntegrityVerdict};

/// How a frame begins; not valid UTF-8, so no note holds it.
pub(super) const MARK: [u8; 4] = [0xF1, 0x0E, 0x0E, 0xF1];

/// Mark, kind, length, checksum.
pub(super) const HEAD: usize = 4 + 1 + 4 + 4;

/// The longest payload written or believed: a UDP datagram or a long note with room to spare.
pub(super) const LONGEST: usize = 1 << 18;

const PACKET: u8 = 1;
const NOTE: u8 = 2;

/// Bits of a packet's flags.
const INBOUND: u8 = 1;
const IPV6: u8 = 2;
/// Readers of a version without these two take a packet for unchecked.
const INTEGRITY_VALID: u8 = 4;
const INTEGRITY_WRONG: u8 = 8;

/// A frame whose checksum is right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    kind: u8,
    payload: &'a [u8],
}

impl Frame<'_> {
    /// How many bytes it takes in the file.
    pub fn length(&self) -> usize {
        HEAD + self.payload.len()
    }

    /// The record in it; none when this version does not know what it is.
    pub fn decode(&self) -> Option<Record> {
        let (at, rest) = self.payload.split_first_chunk()?;
        let at = Stamp(Duration::from_nanos(u64::from_le_bytes(*at)));
        let body = match self.kind {
            PACKET => RecordBody::Packet(decode_packet(rest)?),
            NOTE => RecordBody::note(serde_json::from_slice(rest).ok()?),
            _ => return None,
        };
        Some(Record { at, body })
    }
}

/// What the first bytes of a buffer are.
#[derive(Debug)]
pub(super) enum Parsed<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// The beginning of one; this many bytes would tell more.
    NeedsBytes(usize),
    /// No frame.
    Nonsense,
}

/// Appends a record as a frame; `false`, with nothing appended, when it is longer than any reader would believe.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.extend(MARK);
    out.push(match record.body {
        RecordBody::Packet(_) => PACKET,
        RecordBody::Note(_) => NOTE,
    });
    out.extend([0; 8]);
    out.extend(nanoseconds(record.at).to_le_bytes());
    match &record.body {
        RecordBody::Packet(packet) => encode_packet(packet, out),
        RecordBody::Note(note) => serde_json::to_writer(&mut *out, note).expect("notes have string keys"),
    }
    let length = out.len() - start - HEAD;
    if length > LONGEST {
        out.truncate(start);
        return false;
    }
    let length = u32::try_from(length).expect("a quarter of a MiB fits").to_le_bytes();
    out[start + 5..start + 9].copy_from_slice(&length);
    let checksum = checksum(out[start + 4], length, &out[start + HEAD..]);
    out[start + 9..start + HEAD].copy_from_slice(&checksum.to_le_bytes());
    true
}

fn encode_packet(packet: &Packet, out: &mut Vec<u8>) {
    let inbound = if packet.direction == Direction::Inbound { INBOUND } else { 0 };
    let family = if packet.remote.is_ipv6() { IPV6 } else { 0 };
    out.extend(packet.base.0.to_le_bytes());
    let integrity = match packet.integrity {
        IntegrityVerdict::Unchecked => 0,
        IntegrityVerdict::Valid => INTEGRITY_VALID,
        IntegrityVerdict::Wrong => INTEGRITY_WRONG,
    };
    out.push(inbound | family | integrity);
    out.extend(packet.wire_len.to_le_bytes());
    out.extend(packet.remote.port().to_le_bytes());
    match packet.remote {
        SocketAddr::V4(remote) => out.extend(remote.ip().octets()),
        SocketAddr::V6(remote) => {
            out.extend(remote.ip().octets());
            out.extend(remote.scope_id().to_le_bytes());
        }
    }
    out.extend(&packet.bytes[..]);
}

/// Tells what stands at the start of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let marked = bytes.len().min(MARK.len());
    if bytes[..marked] != MARK[..marked] {
        return Parsed::Nonsense;
    }
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else { return Parsed::NeedsBytes(HEAD) };
    let length = [head[5], head[6], head[7], head[8]];
    let payload_len = u32::from_le_bytes(length) as usize;
    if payload_len > LONGEST {
        return Parsed::Nonsense;
    }
    let Some(payload) = rest.get(..payload_len) else { return Parsed::NeedsBytes(HEAD + payload_len) };
    if checksum(head[4], length, payload).to_le_bytes() != head[9..HEAD] {
        return Parsed::Nonsense;
    }
    Parsed::Frame(Frame { kind: head[4], payload })
}

fn checksum(kind: u8, length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

fn decode_packet(bytes: &[u8]) -> Option<Packet> {
    let (base, bytes) = bytes.split_first_chunk()?;
    let (flags, bytes) = bytes.split_first()?;
    let (wire_len, bytes) = bytes.split_first_chunk()?;
    let (port, bytes) = bytes.split_first_chunk()?;
    let port = u16::from_le_bytes(*port);
    let (remote, bytes) = if flags & IPV6 == 0 {
        let (ip, bytes) = bytes.split_first_chunk::<4>()?;
        (SocketAddr::new(IpAddr::from(*ip), port), bytes)
    } else {
        let (ip, bytes) = bytes.split_first_chunk::<16>()?;
        let (scope, bytes) = bytes.split_first_chunk()?;
        (SocketAddrV6::new((*ip).into(), port, 0, u32::from_le_bytes(*scope)).into(), bytes)
    };
    Some(Packet {
        base: BaseId(u32::from_le_bytes(*base)),
        direction: if flags & INBOUND == 0 { Direction::Outbound } else { Direction::Inbound },
        remote,
        bytes: Bytes::copy_from_slice(bytes),
        wire_len: u32::from_le_bytes(*wire_len),
        integrity: match flags & (INTEGRITY_VALID | INTEGRITY_WRONG) {
            INTEGRITY_VALID => IntegrityVerdict::Valid,
            INTEGRITY_WRONG => IntegrityVerdict::Wrong,
            _ => IntegrityVerdict::Unchecked,
        },
    })
}

/// A stamp in nanoseconds; 584 years are enough for a call.
fn nanoseconds(at: Stamp) -> u64 {
    u64::try_from(at.0.as_nanos()).unwrap_or(u64::MAX)
}
