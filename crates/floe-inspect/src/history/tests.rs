//! Any moment of any record, as cheap at the end of an hour as at its beginning.

use bytes::Bytes;
use floe_wire::{
    BaseId, BaseKind, Direction, Generation, Note, Packet, RecordBody,
    note::AudioMeasure,
    stun::{Check, IntegrityVerdict, TransactionId, binding_success},
};

use super::*;

const REMOTE: &str = "203.0.113.9:4000";

fn packet(ms: u64, direction: Direction, bytes: Vec<u8>) -> Record {
    let (remote, wire_len) = (REMOTE.parse().unwrap(), bytes.len() as u32);
    let packet = Packet {
        base: BaseId(1),
        direction,
        remote,
        bytes: Bytes::from(bytes),
        wire_len,
        integrity: IntegrityVerdict::Unchecked,
    };
    Record { at: Stamp::from_millis(ms), body: RecordBody::Packet(packet) }
}

fn note(ms: u64, note: Note) -> Record {
    Record { at: Stamp::from_millis(ms), body: RecordBody::note(note) }
}

fn beginning() -> Vec<Record> {
    let address = "192.168.1.2:5000".parse().unwrap();
    vec![
        note(0, Note::SessionStarted { wall_ms: 0, version: "0.1.0".to_owned() }),
        note(0, Note::BaseOpened { base: BaseId(1), interface: "eth0".to_owned(), address, kind: BaseKind::Udp }),
        note(0, Note::LocalCredentials { generation: Generation(0), ufrag: "mine".to_owned() }),
        note(0, Note::RemoteCredentials { generation: Generation(0), ufrag: "peer".to_owned() }),
    ]
}

/// A request and its answer.
fn exchange(ms: u64) -> [Record; 2] {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&ms.to_be_bytes());
    let request = Check {
        transaction: TransactionId(id),
        remote_ufrag: "peer",
        local_ufrag: "mine",
        remote_password: "any-password-of-24-chars",
        priority: 1,
        controlling: true,
        tie_breaker: 1,
        nomination: None,
    };
    let request = request.encode();
    let mapped = "203.0.113.21:5000".parse().unwrap();
    let answer = binding_success(&request, mapped, Some("any-password-of-24-chars")).unwrap();
    [packet(ms, Direction::Outbound, request), packet(ms + 20, Direction::Inbound, answer)]
}

/// A call of `seconds`: 50 packets of audio a second both ways, a consent check every 5 s, 5 measurements a second.
fn call(seconds: u64) -> impl Iterator<Item = Record> {
    let selected = Note::PairSelected { generation: Generation(0), base: BaseId(1), remote: REMOTE.parse().unwrap() };
    let steps = (0..seconds * 50).flat_map(|n| {
        let ms = n * 20;
        let mut records = Vec::new();
        if n.is_multiple_of(250) {
            records.extend(exchange(ms));
        }
        let media = |direction| packet(ms, direction, vec![0x80; 64]);
        records.extend([media(Direction::Outbound), media(Direction::Inbound)]);
        if n.is_multiple_of(10) {
            let measure = AudioMeasure { packets_received: n, jitter_s: Some(0.002), ..AudioMeasure::default() };
            records.push(note(ms, Note::AudioMeasured(measure)));
        }
        records
    });
    beginning().into_iter().chain([note(0, selected)]).chain(steps)
}

/// What a fold of the records up to a moment shows.
fn folded(records: &[Record], at: Stamp) -> Picture {
    let mut inspector = Inspector::new();
    let mut latest = Stamp::ZERO;
    for record in records {
        latest = latest.max(record.at);
        if latest > at {
            break;
        }
        inspector.ingest(&Record { at: latest, body: record.body.clone() });
    }
    inspector.tick(at);
    inspector.picture().clone()
}

#[test]
fn any_moment_is_what_a_fold_up_to_it_shows() {
    let records: Vec<_> = call(120).collect();
    let mut history: History = records.iter().cloned().collect();
    for ms in [0, 1, 119_000, 60_010, 60_011, 59_000, 3, 20, 119_980] {
        let at = Stamp::from_millis(ms);
        let (shown, expected) = (history.picture_at(at), folded(&records, at));
        // Judgements that count whole seconds may be a moment younger after a jump.
        assert_eq!(
            shown.pairs[..1].iter().map(|pair| pair.media_sent).collect::<Vec<_>>(),
            [expected.pairs[0].media_sent]
        );
        assert_eq!(
            (shown.at, &shown.counters, &shown.ladder),
            (at, &expected.counters, &expected.ladder),
            "at {ms} ms"
        );
        assert_eq!((&shown.events, &shown.markers), (&expected.events, &expected.markers), "at {ms} ms");
    }
    assert_eq!(*history.picture_at(Stamp::from_millis(1_000_000)), *history.latest());
}

#[test]
fn a_step_in_an_hour_costs_one_segment_at_most() {
    let mut history: History = call(3_600).collect();
    assert!(history.len() > 370_000);
    let mut worst = 0;
    for step in 0..200_u64 {
        let before = history.folded();
        let ms = (step * 7_919_000) % 3_600_000;
        assert_eq!(history.picture_at(Stamp::from_millis(ms)).at, Stamp::from_millis(ms));
        worst = worst.max(history.folded() - before);
    }
    assert!(worst <= SEGMENT_WORK + 64, "{worst} records of media folded for one step");
    assert!(history.bytes < 48 << 20, "{} bytes", history.bytes);
}

#[test]
fn a_step_forward_folds_only_what_is_new() {
    let mut history: History = call(100).collect();
    let _ = history.picture_at(Stamp::from_millis(20_000));
    let before = history.folded();
    let _ = history.picture_at(Stamp::from_millis(20_100));
    assert!(history.folded() - before < 30, "{}", history.folded() - before);
}

#[test]
fn a_growing_record_can_be_looked_at_anywhere() {
    let mut history = History::new();
    for (n, record) in call(60).enumerate() {
        history.push(record);
        if n % 500 == 499 {
            let half = Stamp(history.span().1.0 / 2);
            assert_eq!(history.picture_at(half).at, half);
        }
    }
    assert_eq!(history.latest().at, history.span().1);
}

#[test]
fn a_clock_that_goes_backwards_leaves_the_order_alone() {
    let mut records: Vec<_> = call(2).collect();
    records.push(packet(5, Direction::Inbound, vec![0x80; 64]));
    let total = records.len() as u64;
    let mut history: History = records.into_iter().collect();
    assert_eq!(history.picture_at(history.span().1).counters.records, total);
    assert!(history.picture_at(Stamp::from_millis(5)).counters.records < total);
}

#[test]
fn segments_are_merged_and_forgotten_to_keep_memory_bounded() {
    let mut history = History::new();
    history.segment_work = 8;
    for record in call(100) {
        history.push(record);
    }
    assert!(history.segments.len() <= SEGMENTS_KEPT, "{}", history.segments.len());
    assert_eq!(history.picture_at(Stamp::from_millis(50_000)).at, Stamp::from_millis(50_000));
    let oldest = history.segments[0].records.len() as u64;
    history.forget_oldest();
    assert_eq!(history.forgotten(), oldest);
    assert_eq!(history.picture_at(Stamp::ZERO).at, history.span().0);
}

#[test]
fn markers_lead_from_event_to_event() {
    let history: History = call(10).collect();
    let kinds: Vec<_> = history.markers().map(|marker| marker.kind).collect();
    assert!(kinds.contains(&crate::MarkerKind::Selection), "{kinds:?}");
    assert!(history.next_marker(Stamp::ZERO).is_some());
    assert!(history.previous_marker(Stamp::from_millis(1)).is_some());
}

#[test]
fn time_that_passed_before_a_record_came_leaves_the_record_s_own_time_alone() {
    let (mut slow, mut quick) = (Inspector::new(), Inspector::new());
    for record in call(2) {
        quick.ingest(&record);
        // The clock of a running call is ahead of what waits to be folded.
        slow.tick(Stamp(record.at.0 + std::time::Duration::from_millis(170)));
        slow.ingest(&record);
    }
    let (slow, quick) = (slow.picture(), quick.picture());
    assert_eq!((slow.at, &slow.timings, &slow.gathering), (quick.at, &quick.timings, &quick.gathering));
    assert_eq!((&slow.ladder, &slow.series), (&quick.ladder, &quick.series));
}

/// Steps of the playhead through an hour, to places in no order and then dragged along.
#[test]
#[ignore = "a measurement: cargo xtask bench window"]
fn a_step_through_an_hour_is_measured() {
    let mut history: History = call(3_600).collect();
    let jumps = (0..200_u64).map(|step| (step * 7_919_000) % 3_600_000);
    let drag = (0..200_u64).map(|step| 1_800_000 + step * 400);
    for (name, steps) in [("jumps", jumps.collect::<Vec<_>>()), ("drag", drag.collect())] {
        let measured = steps.iter().map(|ms| {
            let begun = std::time::Instant::now();
            let _ = history.picture_at(Stamp::from_millis(*ms));
            begun.elapsed()
        });
        let mut times: Vec<_> = measured.collect();
        times.sort_unstable();
        let build = if cfg!(debug_assertions) { "dev: opt-level 0" } else { "release: opt-level 3" };
        println!("{name} in {} records, {build}: median {:?}, worst {:?}", history.len(), times[100], times[199]);
    }
}
