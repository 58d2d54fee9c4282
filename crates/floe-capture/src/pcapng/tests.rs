//! Exports: blocks in order, comments bounded, nothing lost silently.

use bytes::Bytes;

use super::*;

fn record(ms: u64, body: RecordBody) -> Record {
    Record { at: Stamp::from_millis(ms), body }
}

fn started() -> Record {
    let note = Note::SessionStarted { wall_ms: 1_700_000_000_000, version: "0.1.0".to_owned() };
    record(0, RecordBody::note(note))
}

fn opened(base: u32, address: &str, kind: BaseKind) -> Record {
    let note =
        Note::BaseOpened { base: BaseId(base), interface: "eth0".to_owned(), address: address.parse().unwrap(), kind };
    record(1, RecordBody::note(note))
}

fn packet(base: u32, direction: Direction, remote: &str, bytes: &[u8], wire_len: u32) -> Record {
    let packet = Packet {
        base: BaseId(base),
        direction,
        remote: remote.parse().unwrap(),
        bytes: Bytes::copy_from_slice(bytes),
        wire_len,
        integrity: floe_wire::stun::IntegrityVerdict::Unchecked,
    };
    record(2, RecordBody::Packet(packet))
}

fn export(records: &[Record], payloads: MediaPayloads) -> Vec<(u32, Vec<u8>)> {
    let mut writer = PcapngWriter::new(Vec::new(), payloads);
    writer.append(records).unwrap();
    blocks(&writer.finish().unwrap())
}

/// Type and body of each block.
fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let length = number(4) as usize;
        assert_eq!((length % 4, number(length - 4) as usize), (0, length));
        blocks.push((number(0), file[8..length - 4].to_vec()));
        file = &file[length..];
    }
    blocks
}

fn packets(blocks: &[(u32, Vec<u8>)]) -> Vec<Vec<u8>> {
    let packets = blocks.iter().filter(|(kind, _)| *kind == block::kind::PACKET);
    packets
        .map(|(_, body)| {
            let captured = u32::from_le_bytes(body[12..16].try_into().unwrap()) as usize;
            body[20..20 + captured].to_vec()
        })
        .collect()
}

#[test]
fn an_empty_record_is_an_empty_capture() {
    let blocks = export(&[], MediaPayloads::AsRecorded);
    assert_eq!(blocks.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [block::kind::SECTION]);
}

#[test]
fn notes_without_a_packet_after_them_are_not_lost() {
    let records =
        [started(), opened(1, "192.168.1.2:5000", BaseKind::Udp), record(3, RecordBody::note(Note::FirstAudio))];
    let blocks = export(&records, MediaPayloads::AsRecorded);
    let (kind, body) = blocks.last().unwrap();
    assert_eq!(*kind, block::kind::STATISTICS);
    assert!(String::from_utf8_lossy(body).contains("FirstAudio"));
}

#[test]
fn media_payloads_can_be_left_out_also_behind_a_relay() {
    let relay = ChannelDataBytes::of(&[0x80; 64]);
    let server = BaseKind::TurnClient { server: "turn:turn.example.org".to_owned(), transport: RelayProtocol::Udp };
    let records = [
        started(),
        opened(1, "192.168.1.2:5000", BaseKind::Udp),
        opened(2, "192.168.1.2:5001", server),
        packet(1, Direction::Outbound, "203.0.113.9:4000", &[0x80; 64], 180),
        packet(2, Direction::Inbound, "198.51.100.1:3478", &relay.0, 184),
    ];
    let sizes =
        |payloads| packets(&export(&records, payloads)).iter().map(|packet| packet.len() - 28).collect::<Vec<_>>();
    assert_eq!(sizes(MediaPayloads::AsRecorded), [64, 68]);
    assert_eq!(sizes(MediaPayloads::LeftOut), [12, 16]);
}

/// A packet of a relay.
struct ChannelDataBytes(Vec<u8>);

impl ChannelDataBytes {
    fn of(inner: &[u8]) -> Self {
        Self(floe_wire::turn::ChannelData::encode(0x4000, inner, false))
    }
}

#[test]
fn a_stream_has_consecutive_sequence_numbers_in_both_directions() {
    let kind = BaseKind::Tcp { tcp_type: floe_wire::TcpType::Active };
    let peer = "203.0.113.9:4000";
    let records = [
        opened(1, "192.168.1.2:9", kind),
        packet(1, Direction::Outbound, peer, &[1; 10], 10),
        packet(1, Direction::Inbound, peer, &[2; 20], 20),
        packet(1, Direction::Outbound, peer, &[3; 30], 30),
    ];
    let packets = packets(&export(&records, MediaPayloads::AsRecorded));
    let number = |packet: &[u8], at: usize| u32::from_be_bytes(packet[20 + at..24 + at].try_into().unwrap());
    let places: Vec<_> = packets.iter().map(|packet| (number(packet, 4), number(packet, 8))).collect();
    assert_eq!(places, [(1, 1), (1, 13), (13, 23)]);
    assert_eq!(packets[0][40..44], [0, 10, 1, 1]);
}

#[test]
fn a_thousand_notes_before_a_packet_are_counted_beyond_64() {
    let mut records = vec![started(), opened(1, "192.168.1.2:5000", BaseKind::Udp)];
    records.extend((0..1_000).map(|_| record(2, RecordBody::note(Note::FirstAudio))));
    records.push(packet(1, Direction::Outbound, "203.0.113.9:4000", &[22], 1));
    let blocks = export(&records, MediaPayloads::AsRecorded);
    let (_, body) = blocks.last().unwrap();
    assert!(String::from_utf8_lossy(body).contains("and 937 more notes"));
}

#[test]
fn packets_of_a_base_that_was_never_named_are_exported() {
    let blocks = export(&[packet(7, Direction::Inbound, "[2001:db8::9]:4000", &[22], 1)], MediaPayloads::LeftOut);
    assert_eq!(packets(&blocks).len(), 1);
    assert!(String::from_utf8_lossy(&blocks[1].1).contains("unknown base 7"));
}
