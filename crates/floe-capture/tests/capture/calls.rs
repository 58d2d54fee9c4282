//! Captures of our own calls through relays and over TCP: tshark and an import see the same messages, pairs and round
//! trips.

use std::{collections::BTreeMap, path::PathBuf};

use floe_wire::{
    BaseKind, Direction, Note, PacketKind, Record, RecordBody, classify,
    stun::{Class, METHOD_BINDING, StunMessage},
    turn::carried,
};

use crate::{
    crosscheck::nanoseconds,
    import::{fold, open},
    tshark::{Tshark, with_tshark},
};

const RELAY_UDP: &[u8] = include_bytes!("../calls/relay-udp.pcap");
const RELAY_TCP: &[u8] = include_bytes!("../calls/relay-tcp.pcap");
const ICE_TCP: &[u8] = include_bytes!("../calls/ice-tcp.pcap");

/// The port of the server.
const TURN: &str = "3478";

/// Requests by transaction: when the first one was, and how long the first answer took, in nanoseconds.
type Transactions = BTreeMap<String, (u64, Option<u64>)>;

/// Messages from one address to another.
type Ways = BTreeMap<[String; 2], u64>;

/// Adds a message of a type to the transactions; indications are in none.
fn add(transactions: &mut Transactions, at: u64, kind: u16, id: String) {
    match kind & 0x0110 {
        0x0000 => {
            transactions.entry(id).or_insert((at, None));
        }
        0x0100 | 0x0110 => {
            if let Some((asked, rtt)) = transactions.get_mut(&id) {
                rtt.get_or_insert(at - *asked);
            }
        }
        _ => {}
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()).collect()
}

/// What tshark decodes, and inside of indications and ChannelData, where it shows bytes, the STUN headers in these.
fn transactions_of_tshark(tshark: &Tshark, file: &PathBuf) -> Transactions {
    let mut transactions = Transactions::new();
    for line in tshark.fields(file, "stun", &["frame.time_epoch", "stun.type", "stun.id", "data.data"]) {
        let [at, kinds, ids, inner] = &line[..] else { panic!("{line:?}") };
        let at = nanoseconds(at);
        let split = |list: &str| -> Vec<String> { list.split(',').map(str::to_owned).collect() };
        for (kind, id) in split(kinds).into_iter().zip(split(ids)).filter(|(kind, _)| !kind.is_empty()) {
            let kind = u16::from_str_radix(kind.trim_start_matches("0x"), 16).unwrap();
            add(&mut transactions, at, kind, id.replace(':', ""));
        }
        for bytes in split(inner).iter().map(|bytes| unhex(&bytes.replace(':', ""))) {
            if let [high @ 0..=3, low, _, _, 0x21, 0x12, 0xA4, 0x42, rest @ ..] = &bytes[..]
                && let Some(id) = rest.get(..12)
            {
                let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
                add(&mut transactions, at, u16::from_be_bytes([*high, *low]), id);
            }
        }
    }
    transactions
}

/// The same from the records of an import.
fn transactions_of_records(records: &[Record]) -> Transactions {
    let wall = fold(records).wall_ms.unwrap() * 1_000_000;
    let mut transactions = Transactions::new();
    for record in records {
        let RecordBody::Packet(packet) = &record.body else { continue };
        let at = wall + u64::try_from(record.at.0.as_nanos()).unwrap();
        let inner = carried(&packet.bytes).map(|range| packet.bytes.slice(range));
        for bytes in [Some(packet.bytes.clone()), inner].into_iter().flatten() {
            let Some(Ok(message)) = (classify(&bytes) == PacketKind::Stun).then(|| StunMessage::decode(&bytes)) else {
                continue;
            };
            let kind = match message.class {
                Class::Request => 0x0000,
                Class::Indication => 0x0010,
                Class::Success => 0x0100,
                Class::Error => 0x0110,
            };
            let id = message.transaction.0.map(|byte| format!("{byte:02x}")).concat();
            add(&mut transactions, at, kind, id);
        }
    }
    transactions
}

/// UDP datagrams by who sent them to whom.
fn datagrams_of_tshark(tshark: &Tshark, file: &PathBuf) -> Ways {
    let mut ways = Ways::new();
    for line in tshark.fields(file, "udp", &["ip.src", "udp.srcport", "ip.dst", "udp.dstport"]) {
        let [from, port, to, to_port] = &line[..] else { panic!("{line:?}") };
        *ways.entry([format!("{from}:{port}"), format!("{to}:{to_port}")]).or_default() += 1;
    }
    ways
}

/// Messages on TCP connections: tshark puts the streams together, and lengths alone tell where messages end.
fn messages_of_tshark(tshark: &Tshark, file: &PathBuf) -> Ways {
    let mut ways = Ways::new();
    let streams: std::collections::BTreeSet<String> =
        tshark.fields(file, "tcp.len > 0", &["tcp.stream"]).into_iter().flatten().collect();
    for stream in streams {
        let follow = format!("follow,tcp,raw,{stream}");
        let lines = tshark.read(file, &["-q", "-z", &follow]);
        let node = |number: u8| -> String {
            let before = format!("Node {number}: ");
            lines.iter().find_map(|line| line.strip_prefix(&before)).expect("both ends are named").to_owned()
        };
        let ends = [node(0), node(1)];
        let said = lines.iter().skip_while(|line| !line.starts_with("Node 1")).skip(1);
        let mut sent = [Vec::new(), Vec::new()];
        for line in said.filter(|line| !line.starts_with('=')) {
            sent[usize::from(line.starts_with('\t'))].extend(unhex(line.trim()));
        }
        let is_turn = ends.iter().any(|end| end.ends_with(&format!(":{TURN}")));
        for (which, bytes) in sent.iter().enumerate() {
            let count = messages_in(bytes, is_turn);
            if count > 0 {
                ways.insert([ends[which].clone(), ends[1 - which].clone()], count);
            }
        }
    }
    ways
}

/// TURN messages say how long they are, and ChannelData is padded (RFC 8656 section 12.5); else two bytes stand before
/// each.
fn messages_in(mut bytes: &[u8], is_turn: bool) -> u64 {
    let mut count = 0;
    while let [first, second, third, fourth, ..] = bytes {
        let length = match is_turn {
            false => 2 + usize::from(u16::from_be_bytes([*first, *second])),
            true if *first < 0x40 => 20 + usize::from(u16::from_be_bytes([*third, *fourth])),
            true => (4 + usize::from(u16::from_be_bytes([*third, *fourth]))).next_multiple_of(4),
        };
        let Some(rest) = bytes.get(length..) else { break };
        (bytes, count) = (rest, count + 1);
    }
    count
}

/// What an import counts between two addresses, over UDP or TCP; what a relay carries is counted outside.
fn ways_of_records(records: &[Record], is_tcp: bool) -> Ways {
    let picture = fold(records);
    let mut ways = Ways::new();
    for record in records {
        let (base, remote, direction, packets) = match &record.body {
            RecordBody::Packet(packet) => (packet.base, packet.remote, packet.direction, 1),
            RecordBody::Note(note) => match &**note {
                Note::TrafficCounted { base, remote, direction, counts } => {
                    (*base, *remote, *direction, counts.iter().map(|count| count.packets).sum())
                }
                _ => continue,
            },
        };
        let base = picture.base(base).unwrap();
        let is_carried = matches!(base.base_kind, BaseKind::Relay { .. });
        if is_carried || (base.base_kind.protocol() == floe_wire::Protocol::Tcp) != is_tcp {
            continue;
        }
        let mut way = [base.address.to_string(), remote.to_string()];
        if direction == Direction::Inbound {
            way.reverse();
        }
        *ways.entry(way).or_default() += packets;
    }
    ways
}

/// Asserts that tshark and an import see the same.
fn agree(name: &str, file: &[u8]) {
    with_tshark(&format!("calls_{name}"), |tshark| {
        let path = tshark.file(file);
        let records = open(file).records;
        assert_eq!(ways_of_records(&records, false), datagrams_of_tshark(&tshark, &path), "{name}: UDP");
        assert_eq!(ways_of_records(&records, true), messages_of_tshark(&tshark, &path), "{name}: TCP");
        let transactions = transactions_of_records(&records);
        assert!(transactions.values().filter(|(_, rtt)| rtt.is_some()).count() > 5, "{name}");
        assert_eq!(transactions_of_tshark(&tshark, &path), transactions, "{name}");
        std::fs::remove_file(path).unwrap();
        check_round_trips(name, &records, &transactions);
    });
}

/// The round trips of the picture's pairs are those of the transactions.
fn check_round_trips(name: &str, records: &[Record], transactions: &Transactions) {
    let picture = fold(records);
    let mut expected = (0, 0);
    for record in records {
        let RecordBody::Packet(packet) = &record.body else { continue };
        let bytes = carried(&packet.bytes).map_or(packet.bytes.clone(), |range| packet.bytes.slice(range));
        let Ok(message) = StunMessage::decode(&bytes) else { continue };
        let is_check = message.method == METHOD_BINDING && message.username.is_some();
        if is_check && message.class == Class::Request && packet.direction == Direction::Outbound {
            let id = message.transaction.0.map(|byte| format!("{byte:02x}")).concat();
            if let Some((_, Some(rtt))) = transactions.get(&id) {
                expected = (expected.0 + 1, expected.1 + u128::from(*rtt));
            }
        }
    }
    let answers: u64 = picture.pairs.iter().map(|pair| pair.responses_received).sum();
    let total: u128 = picture.pairs.iter().map(|pair| pair.total_rtt.as_nanos()).sum();
    assert_eq!((answers, total), expected, "{name}");
}

#[test]
fn a_call_through_a_relay_over_udp_is_seen_as_tshark_sees_it() {
    agree("relay_udp", RELAY_UDP);
}

#[test]
fn a_call_through_a_relay_over_tcp_is_seen_as_tshark_sees_it() {
    agree("relay_tcp", RELAY_TCP);
}

#[test]
fn a_call_over_ice_tcp_is_seen_as_tshark_sees_it() {
    agree("ice_tcp", ICE_TCP);
}

#[test]
fn calls_of_our_own_have_no_finding_when_they_are_imported() {
    for (name, file) in [("relay_udp", RELAY_UDP), ("relay_tcp", RELAY_TCP), ("ice_tcp", ICE_TCP)] {
        let picture = fold(&open(file).records);
        assert_eq!(picture.lint, [], "{name}");
        assert!(floe_inspect::diagnose(&picture).is_empty(), "{name}: {:?}", floe_inspect::diagnose(&picture));
        let report = floe_inspect::Report::of(&picture);
        let security = report.security.expect("the handshake is in the capture");
        assert_eq!(security.dtls_version.as_deref(), Some("DTLS 1.3"), "{name}");
        assert!(security.dtls_cipher.is_some() && security.srtp_cipher.is_none(), "{name}: {security:?}");
    }
}
