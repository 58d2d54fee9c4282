//! Whatever a record holds: no panic, and memory that stops growing.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use floe_inspect::{
    History, Inspector, Report, diagnose, failure_code, headline, path_facts,
    report::{html_page, text_page},
};
use floe_wire::{
    BaseId, BaseKind, CandidateType, Direction, GatheringState, Generation, IceConnectionState, IceRole, Note, Packet,
    Record, RecordBody, RelayProtocol, SignalingState, Stamp,
    note::{AudioMeasure, DropKind, EndReason, RefusalReason},
    peer::MoveReason,
    stun::IntegrityVerdict,
    turn::ChannelData,
};
use proptest::prelude::*;

use crate::script::{ETH, Script, candidate, turn_message, two_nat_call, xor};

const REASONS: [MoveReason; 5] =
    [MoveReason::Better, MoveReason::TookOver, MoveReason::Quality, MoveReason::Wish, MoveReason::Restart];

/// A small generator of numbers: the point is variety, and a failure has to repeat.
fn noise(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn a_hundred_thousand_random_packets_leave_nothing_behind() {
    let mut script = Script::checking();
    let mut seed = 1;
    for _ in 0..100_000 {
        let length = noise(&mut seed) % 60;
        let mut bytes: Vec<u8> = (0..length).map(|_| noise(&mut seed) as u8).collect();
        if noise(&mut seed).is_multiple_of(2) && bytes.len() > 8 {
            bytes[0] &= 3;
            bytes[4..8].copy_from_slice(&[0x21, 0x12, 0xA4, 0x42]);
        }
        let remote = format!("198.51.100.{}:{}", noise(&mut seed) % 256, 1 + noise(&mut seed) % 60_000);
        script.wait(1).received(&remote, &bytes);
        script.records.clear();
    }
    let picture = script.picture();
    assert_eq!((picture.pairs.len(), picture.remote_candidates.len()), (1, 1));
    assert!(picture.events.len() < 40, "{} events", picture.events.len());
    assert!(picture.evidence.malformed_stun > 10_000);
    assert_eq!(picture.counters.received_by_kind.iter().map(|(_, count)| count).sum::<u64>(), 100_000);
}

#[test]
fn checks_from_ever_new_addresses_are_capped_and_counted() {
    let mut script = Script::checking();
    for n in 0..20_000_u32 {
        let remote = format!("198.51.{}.{}:{}", 100 + n / 10_000, n % 250, 1_000 + n % 60_000);
        script.wait(1).peer_checks(&remote, false);
        script.records.clear();
    }
    let picture = script.picture();
    assert!(picture.remote_candidates.len() <= 65, "{}", picture.remote_candidates.len());
    assert!(picture.pairs.len() <= 100);
    assert!(picture.counters.dropped.iter().any(|(kind, count)| *kind == DropKind::Candidates && *count > 500));
    assert!(picture.events.len() <= 5_000);
    assert!(picture.pairs.iter().any(|pair| pair.id.remote.to_string() == "203.0.113.9:4000"));
}

#[test]
fn more_than_a_hundred_signaled_pairs_keep_the_best() {
    let mut script = Script::checking();
    for n in 0..300_u16 {
        script.remote(candidate(CandidateType::Relayed, &format!("198.51.100.1:{}", 1_000 + n)));
    }
    script.remote(candidate(CandidateType::Host, "192.168.7.7:6000"));
    let pairs = &script.picture().pairs;
    assert_eq!(pairs.len(), 100);
    assert_eq!(pairs[0].id.remote.to_string(), "192.168.7.7:6000");
    assert_eq!(script.picture().counters.dropped, [(DropKind::Pairs, 202)]);
    script.select("198.51.100.1:1299");
    assert!(script.picture().selected_pair().is_some(), "the pair in use is always shown");
    assert_eq!(script.picture().pairs.len(), 100);
}

#[test]
fn ever_new_generations_keep_the_newest_pairs() {
    let mut script = Script::with_base();
    for n in 0..200 {
        let generation = Generation(n);
        script.note(Note::LocalCredentials { generation, ufrag: format!("gen{n}") });
        script.peer_checks_as(&format!("gen{n}"), "203.0.113.9:4000", false);
    }
    let generations: Vec<_> = script.picture().pairs.iter().map(|pair| pair.id.generation.0).collect();
    assert_eq!(generations, (184..200).collect::<Vec<_>>());
}

#[test]
fn cloning_a_full_picture_twenty_times_a_second_costs_little() {
    let mut script = two_nat_call();
    for n in 0..100_u16 {
        script.remote(candidate(CandidateType::Host, &format!("198.51.100.1:{}", 1_000 + n)));
    }
    for n in 0..20_000 {
        let request = script.wait(200).check("203.0.113.9:4000");
        script.wait(20).answered("203.0.113.9:4000", &request, "203.0.113.21:5000");
        script.note(Note::AudioMeasured(AudioMeasure {
            packets_received: n,
            jitter_s: Some(0.002),
            buffer_ms: Some(40.0),
            received_level_dbfs: Some(-20.0),
            ..AudioMeasure::default()
        }));
        script.records.clear();
    }
    let picture = script.picture();
    assert_eq!((picture.pairs.len(), picture.events.len()), (100, 5_000));
    let began = std::time::Instant::now();
    for _ in 0..20 {
        std::hint::black_box(picture.clone());
    }
    let spent = began.elapsed();
    assert!(spent < Duration::from_millis(500), "a second's clones took {spent:?}");
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (0_u8..4, 1_u16..5).prop_map(|(host, port)| SocketAddr::from(([203, 0, 113, host], port)))
}

/// Real checks and answers between few addresses with few transactions, so that they meet; and damaged ones.
fn packet() -> impl Strategy<Value = RecordBody> {
    let fields = (0_u32..3, any::<bool>(), address(), 0_u8..6, 0_u8..8, any::<Option<(u8, u8)>>(), 0_u8..8);
    fields.prop_map(|(base, is_outbound, remote, transaction, shape, damage, wrapping)| {
        let mut bytes = wrapped(wrapping, transaction, shaped(shape, transaction));
        if let Some((at, value)) = damage {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        RecordBody::Packet(Packet {
            base: BaseId(base),
            direction: if is_outbound { Direction::Outbound } else { Direction::Inbound },
            remote,
            wire_len: bytes.len() as u32,
            integrity: IntegrityVerdict::Unchecked,
            bytes: Bytes::from(bytes),
        })
    })
}

/// A packet as a relay carries it, or what a client and its server say to each other.
fn wrapped(wrapping: u8, transaction: u8, inner: Vec<u8>) -> Vec<u8> {
    let peer = (0x0012, xor("203.0.113.1:1"));
    match wrapping {
        0 => ChannelData::encode(0x4000, &inner, true),
        1 => turn_message(0x0016, transaction, &[peer, (0x0013, inner)]),
        2 => turn_message(0x0017, transaction, &[peer, (0x0013, inner)]),
        3 => turn_message(0x0009, transaction, &[peer, (0x000C, vec![0x40, 0, 0, 0])]),
        4 => turn_message(
            [0x0003, 0x0103, 0x0113][usize::from(transaction) % 3],
            transaction,
            &[(0x0016, xor("203.0.113.2:2"))],
        ),
        _ => inner,
    }
}

fn shaped(shape: u8, transaction: u8) -> Vec<u8> {
    use floe_wire::stun::{Check, TransactionId, binding_error, binding_request, binding_success};
    let check = |receiver, sender, nomination| {
        let transaction = TransactionId([transaction; 12]);
        let (remote_password, tie_breaker) = ("password-of-22-letters", 1);
        Check {
            transaction,
            remote_ufrag: receiver,
            local_ufrag: sender,
            remote_password,
            priority: u32::from(shape),
            controlling: true,
            tie_breaker,
            nomination,
        }
        .encode()
    };
    let request = check("peer", "mine", None);
    match shape {
        0 => request,
        1 => check("mine", "peer", Some(1)),
        2 => check("peer", "mine", Some(2)),
        3 => binding_success(&request, SocketAddr::from(([198, 51, 100, 1], 9)), Some("x")).expect("it is a request"),
        4 => binding_error(&request, 487, "Role Conflict", None).expect("it is a request"),
        5 => binding_request(TransactionId([transaction; 12])),
        6 => vec![0x80, 111, transaction],
        _ => vec![22, 254, 253, transaction],
    }
}

fn base_kind(number: u64) -> BaseKind {
    match number % 4 {
        0 => BaseKind::Relay { client: BaseId((number / 4 % 3) as u32) },
        1 => BaseKind::TurnClient { server: "turn:a".to_owned(), transport: RelayProtocol::Tls },
        _ => BaseKind::Udp,
    }
}

fn note() -> impl Strategy<Value = RecordBody> {
    let generation = (0_u32..3).prop_map(Generation);
    let kind = prop_oneof![
        Just(CandidateType::Host),
        Just(CandidateType::ServerReflexive),
        Just(CandidateType::PeerReflexive),
        Just(CandidateType::Relayed)
    ];
    let place = (generation, (0_u32..3).prop_map(BaseId), address());
    let note = (place, kind, 0_u8..26, any::<u64>()).prop_map(|((generation, base, address), kind, which, number)| {
        let mut candidate = candidate(kind, &address.to_string());
        candidate.priority = number as u32;
        let states = IceConnectionState::ALL;
        let state = states[number as usize % states.len()];
        match which {
            0 => Note::SessionStarted { wall_ms: number, version: String::new() },
            1 => Note::BaseOpened { base, interface: "eth0".to_owned(), address, kind: base_kind(number) },
            2 => Note::BaseClosed { base },
            3 => Note::SendFailed { base, remote: address, error: "no route".to_owned() },
            4 => Note::ServerAnswered {
                server: "stun:a".to_owned(),
                base,
                mapped: address,
                rtt: Duration::from_nanos(number),
            },
            5 => Note::ServerFailed { server: "stun:b".to_owned(), base: Some(base), error: String::new() },
            6 => Note::GatheringChanged { generation, state: GatheringState::ALL[number as usize % 3] },
            7 => Note::CodeReady { characters: number as usize },
            8 => Note::PeerCodeAccepted { created_s: number, candidates: number as usize },
            9 => Note::SignalingChanged { state: SignalingState::ALL[number as usize % 6] },
            10 => Note::LocalCredentials { generation, ufrag: "mine".to_owned() },
            11 => Note::RemoteCredentials { generation, ufrag: "peer".to_owned() },
            12 => Note::LocalCandidate { generation, base, candidate, server: None },
            13 | 14 => Note::RemoteCandidate { generation, candidate },
            15 => Note::RoleDecided {
                role: if number.is_multiple_of(2) { IceRole::Controlled } else { IceRole::Controlling },
            },
            16 | 17 => Note::IceConnectionChanged { generation, state },
            18 => Note::PairSelected { generation, base, remote: address },
            19 => Note::HandshakeStarted { client: true },
            20 => Note::SecurityFailed { error: String::new() },
            21 => Note::AudioMeasured(AudioMeasure {
                packets_received: number,
                packets_lost: number as i64,
                jitter_s: Some(f64::from_bits(number)),
                ..AudioMeasure::default()
            }),
            22 => Note::PacketRefused { base, remote: address, reason: RefusalReason::UnknownUfrag },
            23 => Note::Moved { generation, reason: REASONS[number as usize % 5], is_guess: !number.is_multiple_of(3) },
            24 => Note::PeerMoved { generation, reason: REASONS[(number >> 1) as usize % 5] },
            _ => Note::Ended { reason: EndReason::NotConnected },
        }
    });
    note.prop_map(RecordBody::note)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_record_makes_the_inspector_or_its_views_panic(
        bodies in proptest::collection::vec((any::<u32>(), prop_oneof![packet(), packet(), note()]), 0..120)
    ) {
        let (mut inspector, mut history) = (Inspector::new(), History::new());
        for (ms, body) in bodies {
            let record = Record { at: Stamp::from_millis(u64::from(ms) % 90_000), body };
            inspector.ingest(&record);
            history.push(record);
            let half = Stamp(history.span().1.0 / 2);
            prop_assert!(history.picture_at(half).at >= half);
        }
        let (folded, latest) = (inspector.picture(), history.latest());
        prop_assert_eq!((&folded.counters, &folded.ladder), (&latest.counters, &latest.ladder));
        prop_assert!(!text_page(history.latest()).is_empty() && html_page(history.latest()).ends_with("</html>\n"));
        inspector.tick(Stamp(Duration::MAX));
        let picture = inspector.picture();
        let _ = (headline(picture), path_facts(picture), diagnose(picture), failure_code(picture));
        let report = serde_json::to_string(&Report::of(picture));
        prop_assert!(report.is_ok());
        for pair in &picture.pairs {
            prop_assert!(!pair.why.is_empty());
            prop_assert_eq!(inspector.picture().pair(pair.id).map(|found| found.id), Some(pair.id));
            prop_assert!(pair.responses_received <= pair.requests_sent + pair.retransmissions_sent);
        }
        let is_sorted = picture.pairs.is_sorted_by_key(|pair| (pair.id.generation, std::cmp::Reverse(pair.priority)));
        prop_assert!(is_sorted);
        prop_assert!(picture.pairs.iter().filter(|pair| pair.selected).count() <= 1);
    }
}

#[test]
fn stamps_that_go_backwards_or_to_the_end_of_time_are_survived() {
    let mut inspector = Inspector::new();
    for at in [Stamp(Duration::MAX), Stamp::ZERO, Stamp::from_millis(5)] {
        inspector.ingest(&Record { at, body: RecordBody::note(Note::BaseClosed { base: ETH }) });
    }
    assert_eq!(inspector.picture().at, Stamp(Duration::MAX));
}
