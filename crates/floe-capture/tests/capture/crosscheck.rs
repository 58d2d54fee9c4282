//! The same files through tshark: packets of each pair, pairing of transactions, and round trips agree exactly.

use std::{collections::BTreeMap, fs, path::PathBuf};

use floe_inspect::Picture;
use floe_wire::{Direction, Record, RecordBody, stun::StunMessage};

use crate::{
    call::whole_call,
    export::export,
    files::{Link, pcap, raw_packets},
    import::{fold, open},
    tshark::{Tshark, with_tshark},
};

/// A transaction as tshark sees it: when the request was, and how long the answer took, in nanoseconds.
type Transactions = BTreeMap<String, (u64, Option<u64>)>;

pub fn nanoseconds(seconds: &str) -> u64 {
    let (whole, fraction) = seconds.split_once('.').expect("a time has a fraction");
    whole.parse::<u64>().unwrap() * 1_000_000_000 + format!("{fraction:0<9}")[..9].parse::<u64>().unwrap()
}

/// Requests and answers of Binding over UDP and TCP, ChannelData left out: tshark does not look into it.
fn of_tshark(tshark: &Tshark, file: &PathBuf) -> Transactions {
    let fields = ["stun.id", "stun.type.class", "frame.time_epoch", "stun.time"];
    let mut transactions = Transactions::new();
    for line in tshark.fields(file, "stun.type.method == 1 and not stun.channel", &fields) {
        let [id, class, at, time] = &line[..] else { panic!("{line:?}") };
        let is_request = matches!(&class[..], "0x0000" | "0x00");
        let entry = transactions.entry(id.replace(':', "")).or_insert((nanoseconds(at), None));
        if !is_request && !time.is_empty() {
            entry.1.get_or_insert(nanoseconds(time));
        }
    }
    transactions
}

/// The same from the records of an import.
fn of_records(records: &[Record]) -> Transactions {
    let wall = fold(records).wall_ms.unwrap() * 1_000_000;
    let mut transactions = Transactions::new();
    for record in records {
        let RecordBody::Packet(packet) = &record.body else { continue };
        let Ok(message) = StunMessage::decode(&packet.bytes) else { continue };
        if message.method != 1 {
            continue;
        }
        let at = wall + u64::try_from(record.at.0.as_nanos()).unwrap();
        let id = message.transaction.0.map(|byte| format!("{byte:02x}")).concat();
        let entry = transactions.entry(id).or_insert((at, None));
        if message.class != floe_wire::stun::Class::Request {
            entry.1.get_or_insert(at - entry.0);
        }
    }
    transactions
}

/// Packets between two addresses with everything that belongs to ICE and media.
fn pairs_of_tshark(tshark: &Tshark, file: &PathBuf, transport: &str) -> BTreeMap<[String; 2], u64> {
    let (source, destination) = (format!("{transport}.srcport"), format!("{transport}.dstport"));
    let fields = ["ip.src", "ipv6.src", &source[..], "ip.dst", "ipv6.dst", &destination[..]];
    let mut pairs = BTreeMap::new();
    for line in tshark.fields(file, transport, &fields) {
        let [v4, v6, port, to_v4, to_v6, to_port] = &line[..] else { panic!("{line:?}") };
        let mut ends = [format!("{v4}{v6} {port}"), format!("{to_v4}{to_v6} {to_port}")];
        ends.sort();
        *pairs.entry(ends).or_default() += 1;
    }
    pairs
}

/// What the picture says of the traffic of each base and remote address.
fn pairs_of_picture(picture: &Picture, records: &[Record], is_tcp: bool) -> BTreeMap<[String; 2], u64> {
    let mut pairs = BTreeMap::new();
    let protocol = if is_tcp { floe_wire::Protocol::Tcp } else { floe_wire::Protocol::Udp };
    for record in records {
        let (base, remote, packets) = match &record.body {
            RecordBody::Packet(packet) => (packet.base, packet.remote, 1),
            RecordBody::Note(note) => match &**note {
                floe_wire::Note::TrafficCounted { base, remote, counts, .. } => {
                    (*base, *remote, counts.iter().map(|count| count.packets).sum())
                }
                _ => continue,
            },
        };
        let base = picture.base(base).unwrap();
        if base.base_kind.protocol() == protocol {
            let mut ends = [base.address, remote].map(|address| format!("{} {}", address.ip(), address.port()));
            ends.sort();
            *pairs.entry(ends).or_default() += packets;
        }
    }
    pairs
}

/// Asserts that tshark and an import see the same in a file.
pub fn agree(name: &str, file: &[u8]) {
    with_tshark(name, |tshark| {
        let path = tshark.file(file);
        let records = open(file).records;
        let transactions = of_records(&records);
        assert!(transactions.len() > 5 && transactions.values().filter(|(_, rtt)| rtt.is_some()).count() > 5);
        assert_eq!(of_tshark(&tshark, &path), transactions);
        let picture = fold(&records);
        for (transport, is_tcp) in [("udp", false), ("tcp", true)] {
            let expected = pairs_of_tshark(&tshark, &path, transport);
            assert_eq!(pairs_of_picture(&picture, &records, is_tcp), expected, "{transport}");
        }
        fs::remove_file(path).unwrap();
    });
}

#[test]
fn tshark_and_floe_agree_on_an_export() {
    agree("crosscheck_export", &export(&whole_call()));
}

#[test]
fn tshark_and_floe_agree_on_captures_of_networks_and_of_all_interfaces() {
    for link in [Link::Vlan, Link::Cooked2] {
        let wrapped: Vec<_> = raw_packets(&export(&whole_call())).iter().map(|packet| link.wrap(packet)).collect();
        agree(&format!("crosscheck_{link:?}"), &pcap(link.number(), &wrapped, false, true));
    }
}

#[test]
fn round_trips_of_the_picture_are_those_of_tshark() {
    with_tshark("crosscheck_rtt", |tshark| {
        let file = export(&whole_call());
        let path = tshark.file(&file);
        let picture = fold(&open(&file).records);
        let filter = "stun.type == 0x0101 and ip.src == 203.0.113.9 and udp";
        let times = tshark.fields(&path, filter, &["stun.time"]);
        let expected: u64 = times.iter().map(|fields| nanoseconds(&fields[0])).sum();
        let pair = picture.pairs.iter().find(|pair| pair.id.remote == crate::call::addr(crate::call::PEER)).unwrap();
        assert_eq!(pair.total_rtt.as_nanos(), u128::from(expected));
        assert_eq!(pair.responses_received, times.len() as u64);
    });
}

/// Counts of an import in both directions, for a picture that is not at hand.
#[test]
fn both_directions_of_a_flow_are_told_apart() {
    let records = open(&export(&whole_call())).records;
    let outbound = records
        .iter()
        .filter(|record| matches!(&record.body, RecordBody::Packet(packet) if packet.direction == Direction::Outbound));
    let live = whole_call();
    let expected = live.iter().filter(|record| {
        matches!(&record.body, RecordBody::Packet(packet) if packet.direction == Direction::Outbound && packet.bytes[0] < 0x80)
    });
    assert_eq!(outbound.count(), expected.count());
}
