//! Control messages: what is written is read, and what strangers write does no harm.

use std::net::SocketAddr;

use floe_wire::{CandidateType, Direction, Protocol, SightedKind, TcpType, peer::PairDigest};
use proptest::prelude::*;

use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn candidate() -> Candidate {
    Candidate {
        candidate_type: CandidateType::ServerReflexive,
        protocol: Protocol::Udp,
        tcp_type: None,
        address: address("203.0.113.7:4000"),
        priority: 1_694_498_815,
        foundation: "srflx3".to_owned(),
        related_address: Some(address("192.168.1.10:4000")),
    }
}

fn pair(number: u32) -> PairDigest {
    PairDigest {
        generation: Generation(1),
        base: BaseId(number),
        remote: address("[2001:db8::7]:9"),
        requests_sent: 5,
        responses_received: 4,
        requests_received: 3,
        responses_sent: 2,
        newest_request: number.is_multiple_of(2).then_some(0xDEAD_BEEF),
    }
}

fn digest(pairs: u32) -> Digest {
    let media = MediaDigest { packets_lost: -2, jitter: Duration::from_micros(1500), ..MediaDigest::default() };
    Digest { at: Stamp::from_millis(12_345), pairs: (0..pairs).map(pair).collect(), media }
}

fn sightings(count: u64) -> Sightings {
    let sighting = |n: u64| Sighting {
        key: 0xDEAD_0000 + n as u32,
        kind: [SightedKind::Request, SightedKind::Answer, SightedKind::Media][n as usize % 3],
        direction: if n.is_multiple_of(2) { Direction::Inbound } else { Direction::Outbound },
        at: Stamp::from_millis(1_000 + n),
    };
    let list = (0..count).map(sighting).collect();
    Sightings { since: Stamp::from_millis(900), until: Stamp::from_millis(2_000), list }
}

fn measured() -> Measured {
    Measured {
        complaint: Complaint::RoundTrip,
        loss_percent: 3,
        rtt: Duration::from_millis(400),
        better_rtt: Duration::from_millis(40),
        distrust: Duration::from_secs(15),
    }
}

fn ruling(verdict: PairVerdict, by: Judge, measured: Option<Measured>) -> PairRuling {
    PairRuling { base: BaseId(7), remote: address("203.0.113.7:9"), verdict, by, measured, is_shared: true }
}

#[test]
fn a_person_here_is_the_other_side_there() {
    let told = ControlMessage::Ruling(ruling(PairVerdict::Blocked, Judge::Here, None));
    let heard = ControlMessage::Ruling(ruling(PairVerdict::Blocked, Judge::Peer, None));
    assert_eq!(ControlMessage::decode(&told.encode()), Ok(heard));
}

#[test]
fn a_verdict_of_the_future_is_passed_over() {
    let mut bytes = ControlMessage::Ruling(ruling(PairVerdict::Forced, Judge::Peer, None)).encode();
    bytes[1] = 99;
    assert_eq!(ControlMessage::decode(&bytes), Err(Unreadable::Unknown { kind: RULING }));
}

fn one_of_each() -> Vec<ControlMessage> {
    let generation = Generation(3);
    let tcp =
        Candidate { protocol: Protocol::Tcp, tcp_type: Some(TcpType::Passive), related_address: None, ..candidate() };
    vec![
        ControlMessage::Hello { version: 1, features: Features::RESTART.union(Features::DIGEST) },
        ControlMessage::Candidate { generation, candidate: candidate() },
        ControlMessage::Candidate { generation, candidate: tcp },
        ControlMessage::Restart { generation, cause: RestartCause::NetworkDown },
        ControlMessage::PairChosen { generation, remote: address("[2001:db8::1]:65535"), reason: None },
        ControlMessage::Muted(true),
        ControlMessage::Muted(false),
        ControlMessage::ClockAsk { asked: Stamp::from_millis(7) },
        ControlMessage::ClockAnswer {
            asked: Stamp::ZERO,
            received: Stamp::from_millis(8),
            answered: Stamp::from_millis(9),
        },
        ControlMessage::Digest(digest(3)),
        ControlMessage::Sightings(sightings(3)),
        ControlMessage::Ruling(ruling(PairVerdict::Forced, Judge::Peer, None)),
        ControlMessage::Ruling(ruling(PairVerdict::Distrusted, Judge::Measurement, Some(measured()))),
        ControlMessage::Goodbye,
    ]
}

#[test]
fn what_is_written_is_read() {
    for message in one_of_each() {
        assert_eq!(ControlMessage::decode(&message.encode()), Ok(message));
    }
}

#[test]
fn what_a_later_version_appends_is_passed_over() {
    for message in one_of_each() {
        let longer = [&message.encode()[..], b"something new"].concat();
        assert_eq!(ControlMessage::decode(&longer), Ok(message));
    }
}

#[test]
fn newer_kinds_are_told_from_broken_ones() {
    assert_eq!(ControlMessage::decode(&[200, 1, 2]), Err(Unreadable::Unknown { kind: 200 }));
    assert_eq!(ControlMessage::decode(&[HELLO, 0]), Err(Unreadable::Malformed { kind: HELLO }));
    assert_eq!(ControlMessage::decode(&[]), Err(Unreadable::Empty));
}

#[test]
fn a_message_cut_anywhere_is_not_read() {
    for message in one_of_each() {
        let bytes = message.encode();
        for cut in 1..bytes.len() {
            assert!(ControlMessage::decode(&bytes[..cut]).is_err(), "{message:?} cut after {cut}");
        }
    }
}

#[test]
fn a_restart_for_a_reason_of_the_future_is_a_restart() {
    let unknown = [RESTART, 0, 0, 0, 9, 77];
    let restart = ControlMessage::Restart { generation: Generation(9), cause: RestartCause::Peer };
    assert_eq!(ControlMessage::decode(&unknown), Ok(restart));
}

#[test]
fn a_reason_of_a_choice_may_be_missing_or_of_the_future() {
    let chosen =
        |reason| ControlMessage::PairChosen { generation: Generation(2), remote: address("203.0.113.7:4000"), reason };
    let without = chosen(None).encode();
    for (place, reason) in REASONS.into_iter().enumerate() {
        let bytes = chosen(Some(reason)).encode();
        assert_eq!(bytes, [&without[..], &[place as u8]].concat(), "earlier versions read what they know of");
        assert_eq!(ControlMessage::decode(&bytes), Ok(chosen(Some(reason))));
    }
    assert_eq!(ControlMessage::decode(&without), Ok(chosen(None)));
    assert_eq!(ControlMessage::decode(&[&without[..], &[77, 1, 2]].concat()), Ok(chosen(None)));
}

#[test]
fn candidates_that_nobody_may_be_sent_to_are_refused() {
    for bad in ["203.0.113.7:0", "0.0.0.0:9", "224.0.0.1:9", "255.255.255.255:9", "[ff02::1]:9"] {
        let candidate = Candidate { address: address(bad), ..candidate() };
        let message = ControlMessage::Candidate { generation: Generation(0), candidate };
        assert_eq!(ControlMessage::decode(&message.encode()), Err(Unreadable::Malformed { kind: CANDIDATE }), "{bad}");
    }
}

#[test]
fn a_digest_has_a_longest_length() {
    let Ok(ControlMessage::Digest(read)) = ControlMessage::decode(&ControlMessage::Digest(digest(500)).encode()) else {
        panic!("not read")
    };
    assert_eq!(read.pairs, digest(MAX_DIGEST_PAIRS as u32).pairs);
    assert!(ControlMessage::Digest(digest(500)).encode().len() < 4096);
}

#[test]
fn sightings_are_told_in_pieces_and_those_of_the_future_are_passed_over() {
    let bytes = ControlMessage::Sightings(sightings(500)).encode();
    assert!(bytes.len() < 1_200, "one packet or so: {}", bytes.len());
    let Ok(ControlMessage::Sightings(read)) = ControlMessage::decode(&bytes) else { panic!("not read") };
    assert_eq!(read.list, sightings(MAX_SIGHTINGS as u64).list);
    let mut bytes = ControlMessage::Sightings(sightings(2)).encode();
    let tag_of_first = 1 + 8 + 8 + 1 + 4;
    bytes[tag_of_first] = 200;
    let Ok(ControlMessage::Sightings(read)) = ControlMessage::decode(&bytes) else { panic!("not read") };
    assert_eq!(read.list, sightings(2).list[1..]);
}

#[test]
fn clocks_are_compared_as_ntp_does() {
    let ms = Stamp::from_millis;
    // The peer's record began 5 s later; 20 ms there, 3 ms in between, 10 ms back.
    let comparison = compare_clocks(ms(10_000), ms(5_020), ms(5_023), ms(10_033)).expect("it is possible");
    assert_eq!((comparison.offset_us, comparison.uncertainty), (-4_995_000, Duration::from_millis(15)));
    let error = (comparison.offset_us + 5_000_000).unsigned_abs();
    assert!(Duration::from_micros(error) <= comparison.uncertainty);
}

#[test]
fn timestamps_that_cannot_be_true_give_nothing() {
    let ms = Stamp::from_millis;
    assert_eq!(compare_clocks(ms(10), ms(0), ms(500), ms(12)), None, "answered longer than it took");
    assert_eq!(compare_clocks(ms(10), ms(0), ms(0), ms(5)), None, "heard before it was asked");
    let latest = Stamp(Duration::from_micros(u64::MAX));
    assert_eq!(compare_clocks(Stamp::ZERO, latest, latest, ms(1)), None);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = ControlMessage::decode(&bytes);
    }

    #[test]
    fn every_kind_survives_arbitrary_bodies(kind in 0_u8..13, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = ControlMessage::decode(&[&[kind], &body[..]].concat()) {
            prop_assert_eq!(ControlMessage::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn comparing_clocks_never_panics(stamps in any::<[u64; 4]>()) {
        let [a, b, c, d] = stamps.map(|us| Stamp(Duration::from_micros(us)));
        let _ = compare_clocks(a, b, c, d);
    }
}
