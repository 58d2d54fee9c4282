//! Each direction by itself: what both records together say of loss, delay, jitter, and of single messages.

use std::time::Duration;

use floe_inspect::{
    Picture, Report,
    directions::{Directions, Worse, directions},
    ladder::Lane,
    report::{html_page, text_page},
};
use floe_wire::{
    Direction, Note, SightedKind, Sighting, Sightings, Stamp,
    note::AudioMeasure,
    peer::{ClockComparison, Digest, MediaDigest},
};

use super::script::{ETH, Script, pair_id};

const REMOTE: &str = "203.0.113.9:4000";
/// The peer's clock is this far ahead.
const AHEAD_MS: u64 = 5_000;

fn compared(uncertainty_ms: u64) -> Note {
    let offset_us = AHEAD_MS.cast_signed() * 1_000;
    Note::ClocksCompared(ClockComparison { offset_us, uncertainty: Duration::from_millis(uncertainty_ms) })
}

fn key(message: &[u8]) -> u32 {
    u32::from_be_bytes(message[8..12].try_into().expect("four bytes"))
}

/// What the peer saw of a message, at a moment of our clock.
fn seen(message: &[u8], kind: SightedKind, direction: Direction, ours_ms: u64) -> Sighting {
    Sighting { key: key(message), kind, direction, at: Stamp::from_millis(ours_ms + AHEAD_MS) }
}

fn told(until_ms: u64, list: Vec<Sighting>) -> Note {
    let until = Stamp::from_millis(until_ms + AHEAD_MS);
    Note::PeerSightings(Sightings { since: Stamp::ZERO, until, list })
}

/// When the peer saw each message of the pair, in milliseconds of our clock.
fn there(picture: &Picture) -> Vec<Option<u64>> {
    let rows = picture.ladder.rows(Some(&Lane::Pair(pair_id(REMOTE))));
    let ms = |stamp| picture.peer.clock_log.to_ours(stamp).expect("the clocks were compared").0.0.as_millis() as u64;
    rows.iter().map(|(_, message)| message.there.map(ms)).collect()
}

#[test]
fn each_message_of_an_exchange_is_known_at_both_ends() {
    let mut script = Script::checking();
    script.wait(1_000);
    let request = script.check(REMOTE);
    script.wait(50).answered(REMOTE, &request, "192.168.1.2:5000");
    let theirs = script.peer_checks(REMOTE, false);
    script.wait(1).answer(REMOTE, &theirs);
    script.note(compared(25)).note(told(
        3_000,
        vec![
            seen(&request, SightedKind::Request, Direction::Inbound, 1_020),
            seen(&request, SightedKind::Answer, Direction::Outbound, 1_021),
            seen(&theirs, SightedKind::Request, Direction::Outbound, 1_025),
            seen(&theirs, SightedKind::Answer, Direction::Inbound, 1_080),
        ],
    ));
    assert_eq!(there(script.picture()), [Some(1_020), Some(1_021), Some(1_025), Some(1_080)]);
}

#[test]
fn what_the_peer_tells_before_the_clocks_are_compared_is_understood_afterwards() {
    let mut script = Script::checking();
    script.wait(1_000);
    let request = script.check(REMOTE);
    script.note(told(2_000, vec![seen(&request, SightedKind::Request, Direction::Inbound, 1_020)]));
    assert!(script.picture().ladder.rows(None).iter().all(|(_, message)| message.there.is_none()));
    script.note(compared(25));
    assert_eq!(there(script.picture()), [Some(1_020)]);
}

#[test]
fn of_copies_of_a_request_the_one_that_arrived_is_found_by_its_time() {
    let mut script = Script::checking();
    script.wait(1_000);
    let request = script.check(REMOTE);
    for _ in 0..2 {
        script.wait(500).sent(REMOTE, &request);
    }
    script.note(compared(10)).note(told(4_000, vec![seen(&request, SightedKind::Request, Direction::Inbound, 1_530)]));
    assert_eq!(there(script.picture()), [None, Some(1_530), None]);
    script.note(told(4_100, vec![seen(&request, SightedKind::Request, Direction::Inbound, 2_020)]));
    assert_eq!(there(script.picture()), [None, Some(1_530), Some(2_020)]);
}

#[test]
fn a_check_that_is_missing_at_the_other_end_is_known_to_be_lost_on_the_way_there() {
    let mut script = Script::checking();
    script.wait(1_000);
    script.check(REMOTE);
    let sent = Stamp::from_millis(1_000);
    script.note(compared(10));
    assert!(!script.picture().peer.has_told_of(sent), "nothing was told yet");
    script.note(told(1_500, Vec::new()));
    assert!(!script.picture().peer.has_told_of(sent), "it may be under way");
    script.note(told(4_000, Vec::new()));
    assert!(script.picture().peer.has_told_of(sent));
    let after_a_gap = Sightings { since: Stamp::from_millis(99_000), until: Stamp::from_millis(100_000), list: vec![] };
    script.note(Note::PeerSightings(after_a_gap));
    assert!(!script.picture().peer.has_told_of(Stamp::from_millis(50_000)), "between the spans nothing is known");
}

#[test]
fn a_thousand_sightings_at_once_find_their_messages_like_a_few() {
    let mut script = Script::checking();
    let mut list = Vec::new();
    for n in 0..1_000 {
        script.wait(10);
        let request = script.check(REMOTE);
        list.push(seen(&request, SightedKind::Request, Direction::Inbound, 10 * (n + 1) + 7));
    }
    script.note(compared(5)).note(told(20_000, list));
    let there = there(script.picture());
    assert_eq!((there.len(), there.iter().flatten().count()), (1_000, 1_000));
    assert_eq!(there[500], Some(10 * 501 + 7));
}

#[test]
fn a_peer_that_tells_of_what_never_was_changes_nothing_and_is_kept_within_bounds() {
    let mut script = Script::checking();
    script.check(REMOTE);
    for n in 0..200_u32 {
        let stranger = |key| Sighting {
            key,
            kind: SightedKind::Request,
            direction: Direction::Inbound,
            at: Stamp(Duration::from_micros(u64::MAX)),
        };
        script.note(Note::PeerSightings(Sightings {
            since: Stamp::from_millis(u64::from(n) * 20_000),
            until: Stamp::from_millis(u64::from(n) * 20_000 + 1),
            list: (0..128).map(|k| stranger(0xAA00_0000 + n * 128 + k)).collect(),
        }));
    }
    script.note(compared(10));
    assert!(script.picture().peer.told_spans.len() <= 16);
    assert!(script.picture().ladder.rows(None).iter().all(|(_, message)| message.there.is_none()));
}

#[test]
fn what_this_record_saw_is_told_once_in_order_and_without_gaps() {
    let mut script = Script::checking();
    script.wait(1_000);
    let request = script.check(REMOTE);
    script.wait(30).answered(REMOTE, &request, "192.168.1.2:5000");
    let first = script.inspector.sightings(1);
    let second = script.inspector.sightings(10);
    assert_eq!((first.since, first.until), (Stamp::ZERO, second.since));
    let all: Vec<_> = first.list.iter().chain(&second.list).map(|seen| (seen.key, seen.kind, seen.direction)).collect();
    let key = key(&request);
    assert_eq!(all, [(key, SightedKind::Request, Direction::Outbound), (key, SightedKind::Answer, Direction::Inbound)]);
    assert_eq!(script.inspector.sightings(10).list, []);
    for _ in 0..10_000 {
        script.check(REMOTE);
    }
    let kept = script.inspector.sightings(usize::MAX);
    assert!(kept.list.len() <= 4_096 && kept.since == kept.list[0].at, "what was forgotten is not claimed");
}

fn media(lost: i64, received: u64) -> Note {
    let media = MediaDigest {
        packets_lost: lost,
        packets_received: received,
        jitter: Duration::from_millis(2),
        ..MediaDigest::default()
    };
    Note::PeerDigest(Digest { media, ..Digest::default() })
}

fn heard(lost: i64, received: u64, jitter_ms: f64) -> Note {
    Note::AudioMeasured(AudioMeasure {
        packets_lost: lost,
        packets_received: received,
        jitter_s: Some(jitter_ms / 1e3),
        ..AudioMeasure::default()
    })
}

/// A call of twenty seconds with one exchange a second: so many milliseconds there and back, clocks known to so many.
fn call(there_ms: u64, back_ms: u64, known_to_ms: u64) -> Script {
    let mut script = Script::checking();
    script.select(REMOTE);
    for second in 1..=20_u64 {
        script.wait(1_000);
        script.note(compared(known_to_ms));
        let now = script.picture().at.0.as_millis() as u64;
        let request = script.check(REMOTE);
        script.wait(there_ms + back_ms).answered(REMOTE, &request, "192.168.1.2:5000");
        script.note(told(
            now + 3_000,
            vec![
                seen(&request, SightedKind::Request, Direction::Inbound, now + there_ms),
                seen(&request, SightedKind::Answer, Direction::Outbound, now + there_ms),
            ],
        ));
        script.note(media(0, 50 * second)).note(heard(0, 50 * second, 2.0));
    }
    script
}

fn of(script: &Script) -> Directions {
    directions(script.picture())
}

#[test]
fn a_slow_direction_is_named_where_the_clocks_allow_it() {
    let found = of(&call(20, 120, 5));
    let (there, here) = (found.there.delay.unwrap(), found.here.delay.unwrap());
    assert_eq!((there.median.as_millis(), here.median.as_millis()), (20, 120));
    assert_eq!(found.worse, Some(Worse::Here));
    assert_eq!(found.sentences, ["Their packets reach you late: 120 ms ± 5.0 ms there → here, 20 ms here → there"]);
    assert_eq!(of(&call(120, 20, 5)).worse, Some(Worse::There));
}

#[test]
fn a_slow_direction_is_not_named_where_the_clocks_could_be_wrong_by_as_much() {
    let found = of(&call(20, 120, 70));
    assert_eq!((found.worse, found.sentences), (None, vec![]));
    assert_eq!(found.here.delay.unwrap().uncertainty.as_millis(), 70);
}

#[test]
fn the_direction_that_loses_is_named_on_both_ends() {
    let (mut ours, mut theirs) = (call(20, 20, 5), call(20, 20, 5));
    ours.wait(5_000).note(media(30, 1_220)).note(heard(0, 1_250, 2.0));
    theirs.wait(5_000).note(media(0, 1_250)).note(heard(30, 1_220, 2.0));
    let (ours, theirs) = (of(&ours), of(&theirs));
    assert_eq!((ours.worse, theirs.worse), (Some(Worse::There), Some(Worse::Here)));
    assert!(ours.sentences[0].starts_with("Your direction loses ") && ours.sentences[0].ends_with("theirs 0 %"));
    assert!(theirs.sentences[0].starts_with("Their direction loses "), "{:?}", theirs.sentences);
}

#[test]
fn the_direction_that_jitters_is_named() {
    let mut script = call(20, 20, 5);
    script.wait(500).note(heard(0, 1_000, 40.0));
    let found = of(&script);
    assert_eq!(found.worse, Some(Worse::Here));
    assert_eq!(found.sentences, ["Their packets reach you unevenly: jitter 40 ms there → here, 2.0 ms here → there"]);
}

#[test]
fn without_a_word_of_the_peer_nothing_is_claimed() {
    let mut script = Script::checking();
    script.select(REMOTE);
    let request = script.check(REMOTE);
    script.wait(40).answered(REMOTE, &request, "192.168.1.2:5000");
    script.note(heard(5, 95, 40.0));
    let found = of(&script);
    assert!(!found.is_known() && found.sentences.is_empty() && found.worse.is_none(), "{found:?}");
    assert_eq!(found.here.loss_percent, Some(5.0), "what we count ourselves is known");
}

#[test]
fn rtp_packets_that_both_ends_sample_measure_the_delay() {
    let mut script = Script::checking();
    script.select(REMOTE);
    let mut rtp = [0x80, 111, 0, 100, 0, 0, 0, 0, 1, 2, 3, 4];
    script.wait(1_000).on(ETH, Direction::Outbound, REMOTE, &rtp);
    let sighted = |key, direction, ms: u64| Sighting {
        key,
        kind: SightedKind::Media,
        direction,
        at: Stamp::from_millis(ms + AHEAD_MS),
    };
    let ours = Sighting::media_key(&rtp).expect("it is sampled");
    rtp[3] = 150;
    script.wait(60).on(ETH, Direction::Inbound, REMOTE, &rtp);
    let theirs = Sighting::media_key(&rtp).expect("it is sampled");
    script.note(compared(1));
    script
        .note(told(3_000, vec![sighted(ours, Direction::Inbound, 1_015), sighted(theirs, Direction::Outbound, 1_030)]));
    let found = of(&script);
    assert_eq!(found.there.delay.map(|delay| delay.median), Some(Duration::from_millis(15)));
    assert_eq!(found.here.delay.map(|delay| delay.median), Some(Duration::from_millis(30)));
}

#[test]
fn each_direction_is_in_the_report_and_on_its_pages() {
    let script = call(20, 120, 5);
    let report = Report::of(script.picture()).directions.expect("both ends are known");
    assert_eq!((report.to_us.one_way_delay_ms, report.to_peer.one_way_delay_ms), (Some(120.0), Some(20.0)));
    assert_eq!((report.worse, report.to_us.loss_percent), (Some("toUs"), Some(0.0)));
    for page in [text_page(script.picture()), html_page(script.picture())] {
        assert!(page.contains("Each direction") && page.contains("Their packets reach you late"), "{page}");
    }
    let alone = Script::checking();
    assert_eq!(Report::of(alone.picture()).directions, None);
    assert!(!text_page(alone.picture()).contains("Each direction"));
}
