//! A redacted record tells the same story about nobody.

use std::net::{IpAddr, SocketAddr};

use floe_capture::{MediaPayloads, Opened, PcapngWriter, RecordWriter, redact};
use floe_inspect::{Picture, Report, diagnose};
use floe_wire::{
    BaseKind, CandidateType, Generation, IceConnectionState, Note, Record, RecordBody,
    note::{EndReason, RefusalReason},
    stun::StunMessage,
};

use crate::{
    call::{self, Call, UDP, addr, whole_call},
    export::export,
    import::{fold, open},
};

/// Everything in the calls below that belongs to somebody.
const NAMES: [&str; 9] = [
    "eth0",
    "wlp3s0",
    "stun.example.org",
    "turn.example.org",
    "Kq7m",
    "Zx9p",
    "Anna",
    "1f9c2c6e-8d7a-4a5b-9c3d-0e1f2a3b4c5d",
    "annas-laptop",
];

fn addresses() -> Vec<SocketAddr> {
    let all = [
        call::HOST,
        call::MAPPED,
        call::PEER,
        call::HOST_V6,
        call::PEER_V6,
        call::HOST_TCP,
        call::PEER_TCP,
        call::HOST_TURN,
        call::TURN_SERVER,
        call::RELAYED,
        "192.168.7.7:6000",
        "100.70.1.1:9999",
    ];
    all.map(addr).to_vec()
}

/// A call that fails behind a carrier's NAT, with names in sentences.
fn failed_call() -> Vec<Record> {
    let mut call = Call::new();
    call.open(UDP, call::HOST, BaseKind::Udp);
    call.credentials();
    call.candidate(Some(UDP), CandidateType::Host, call::HOST);
    call.candidate(Some(UDP), CandidateType::ServerReflexive, "100.70.1.1:9999");
    let error = "stun.example.org (203.0.113.21:5000) did not answer on wlp3s0 within 2.5 s".to_owned();
    call.note(Note::ServerFailed { server: "stun:stun.example.org".to_owned(), base: Some(UDP), error });
    call.note(Note::BaseFailed {
        interface: "wlp3s0".to_owned(),
        address: addr("192.168.7.7:1").ip(),
        error: "Address not available".to_owned(),
    });
    call.note(Note::AudioDevice { message: "Anna's headphones are gone".to_owned() });
    // A name for multicast DNS, and a line of SDP.
    let error = "1f9c2c6e-8d7a-4a5b-9c3d-0e1f2a3b4c5d.local did not answer annas-laptop.local".to_owned();
    call.note(Note::ServerFailed { server: "stun:annas-laptop.local".to_owned(), base: None, error });
    let line = "a=candidate:1 1 udp 2122260223 192.168.7.7 6000 typ host raddr 100.70.1.1 rport 9999 ufrag Kq7m";
    call.note(Note::PeerCodeRefused { reason: format!("cannot read the line {line}") });
    call.candidate(None, CandidateType::Host, "192.168.7.7:6000");
    call.candidate(None, CandidateType::ServerReflexive, call::PEER);
    let state = IceConnectionState::Checking;
    call.note(Note::IceConnectionChanged { generation: Generation(0), state });
    for _ in 0..20 {
        let request = call.request(true, None);
        call.wait(2_000_000).sent(UDP, call::PEER, &request);
        let request = call.request(true, None);
        call.sent(UDP, "192.168.7.7:6000", &request);
    }
    let reason = RefusalReason::NotOurs;
    call.note(Note::PacketRefused { base: UDP, remote: addr(call::PEER), reason });
    let state = IceConnectionState::Failed;
    call.note(Note::IceConnectionChanged { generation: Generation(0), state });
    call.note(Note::Ended { reason: EndReason::NotConnected });
    call.records
}

fn save(records: &[Record]) -> Vec<u8> {
    let mut writer = RecordWriter::new(Vec::new());
    writer.append(records).unwrap();
    writer.finish().unwrap()
}

fn findings(picture: &Picture) -> Vec<(&'static str, floe_inspect::Confidence)> {
    diagnose(picture).iter().map(|finding| (finding.id, finding.confidence)).collect()
}

/// What must not change: everything a report says besides who it is about.
fn story(picture: &Picture) -> impl PartialEq + std::fmt::Debug {
    let report = Report::of(picture);
    let pairs: Vec<_> = picture
        .pairs
        .iter()
        .map(|pair| {
            let counts = (pair.requests_sent, pair.requests_received, pair.responses_sent, pair.responses_received);
            let media = (pair.media_sent, pair.media_received);
            (pair.id.base, pair.state, pair.nominated, pair.selected, counts, pair.total_rtt, media, pair.priority)
        })
        .collect();
    let types = |views: &[floe_inspect::picture::CandidateView]| {
        views.iter().map(|view| view.candidate.candidate_type).collect::<Vec<_>>()
    };
    let candidates = (types(&picture.local_candidates), types(&picture.remote_candidates));
    let evidence = (picture.evidence, picture.mappings.len());
    let outcome = (report.outcome, report.failure_code, report.nat.mapping, report.role);
    (findings(picture), outcome, pairs, candidates, evidence, picture.ladder.rows(None).len())
}

#[test]
fn a_redacted_record_has_the_identical_diagnosis_also_after_saving_and_opening() {
    for records in [whole_call(), failed_call()] {
        let before = fold(&records);
        let redacted = redact(&records);
        let opened = Opened::read(&save(&redacted)[..]).unwrap();
        assert_eq!(opened.records, redacted);
        let after = fold(&opened.records);
        assert_eq!(format!("{:?}", story(&after)), format!("{:?}", story(&before)));
        assert!(!findings(&before).is_empty() || before.timings.selected.is_some());
    }
}

#[test]
fn the_capture_of_a_redacted_record_opens_with_the_same_pairs() {
    let records = whole_call();
    let facts = |records: &[Record]| {
        let picture = fold(&open(&export(records)).records);
        let pairs =
            picture.pairs.iter().map(|pair| (pair.state, pair.requests_sent, pair.responses_received, pair.total_rtt));
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_by_key(|pair| pair.3);
        (pairs, picture.role, picture.mappings.len())
    };
    assert_eq!(facts(&redact(&records)), facts(&records));
}

#[test]
fn nothing_real_is_left_in_any_file() {
    for records in [whole_call(), failed_call()] {
        let redacted = redact(&records);
        let report = serde_json::to_vec(&Report::of(&fold(&redacted))).unwrap();
        for (what, file) in [("record", save(&redacted)), ("capture", export(&redacted)), ("report", report)] {
            let contains = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
            for name in NAMES {
                assert!(!contains(name.as_bytes()), "{name} is in the {what}");
            }
            for address in addresses() {
                assert!(!contains(address.ip().to_string().as_bytes()), "{address} is in the {what}");
                let octets = match address.ip() {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                assert!(!contains(&octets), "the bytes of {address} are in the {what}");
                // As XOR-MAPPED-ADDRESS has it; of IPv6 that begins like the documentation range that pseudonyms are from.
                let hidden: Vec<u8> = octets[..4].iter().zip([0x21, 0x12, 0xA4, 0x42]).map(|(a, b)| a ^ b).collect();
                assert!(address.is_ipv6() || !contains(&hidden), "the hidden bytes of {address} are in the {what}");
            }
        }
    }
}

#[test]
fn stun_inside_stays_well_formed_and_says_that_its_integrity_is_gone() {
    let redacted = redact(&whole_call());
    assert!(matches!(redacted[1].body.as_note(), Some(Note::Redacted)));
    let before = whole_call();
    let messages = |records: &[Record]| {
        let packets = records.iter().filter_map(|record| match &record.body {
            RecordBody::Packet(packet) => StunMessage::decode(&packet.bytes).ok(),
            RecordBody::Note(_) => None,
        });
        packets.map(|message| (message.transaction, message.attributes, message.priority)).collect::<Vec<_>>()
    };
    assert!(messages(&before).len() > 10);
    assert_eq!(messages(&redacted), messages(&before));
}

#[test]
fn redacting_twice_keeps_the_story() {
    let once = redact(&failed_call());
    let twice = redact(&once);
    assert_eq!(twice.len(), once.len());
    assert_eq!(findings(&fold(&twice)), findings(&fold(&once)));
}

#[test]
fn an_empty_record_stays_empty() {
    assert_eq!(redact(&[]), []);
    let writer = PcapngWriter::new(Vec::new(), MediaPayloads::LeftOut);
    assert!(writer.finish().is_ok());
}
