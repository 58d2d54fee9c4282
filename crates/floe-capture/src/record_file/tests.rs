//! Record files: what is written is read, and damage costs only what it hit.

use std::time::Duration;

use bytes::Bytes;
use floe_wire::{BaseId, Direction, Note, Packet, Record, RecordBody, Stamp, note::DropKind, stun::IntegrityVerdict};
use proptest::prelude::*;

use super::*;
use crate::Problem;

fn note(ms: u64, note: Note) -> Record {
    Record { at: Stamp::from_millis(ms), body: RecordBody::note(note) }
}

fn packet(ms: u64, first_byte: u8, length: usize) -> Record {
    let packet = Packet {
        base: BaseId(1),
        direction: Direction::Inbound,
        remote: "203.0.113.9:4000".parse().unwrap(),
        bytes: Bytes::from(vec![first_byte; length.min(64)]),
        wire_len: length as u32,
        integrity: IntegrityVerdict::Unchecked,
    };
    Record { at: Stamp::from_millis(ms), body: RecordBody::Packet(packet) }
}

fn some_records() -> Vec<Record> {
    vec![
        note(0, Note::SessionStarted { wall_ms: 77, version: "0.1.0".to_owned() }),
        packet(1, 22, 40),
        note(2, Note::FirstAudio),
        packet(3, 0x80, 200),
    ]
}

fn write(records: &[Record]) -> Vec<u8> {
    let mut writer = RecordWriter::new(Vec::new());
    writer.append(records).unwrap();
    writer.finish().unwrap()
}

fn read(bytes: &[u8]) -> Opened {
    Opened::read(bytes).unwrap()
}

/// Where each frame begins.
fn frames(file: &[u8]) -> Vec<usize> {
    file.windows(4).enumerate().filter(|(_, window)| *window == frame::MARK).map(|(at, _)| at).collect()
}

#[test]
fn what_is_written_is_read() {
    let records = some_records();
    assert_eq!(read(&write(&records)), Opened { wall_ms: 77, records, problems: Vec::new() });
}

#[test]
fn what_was_found_of_a_packets_integrity_is_kept() {
    let verdicts = [IntegrityVerdict::Unchecked, IntegrityVerdict::Valid, IntegrityVerdict::Wrong];
    let records: Vec<_> = verdicts
        .into_iter()
        .map(|integrity| match packet(1, 0, 40) {
            Record { at, body: RecordBody::Packet(packet) } => {
                Record { at, body: RecordBody::Packet(Packet { integrity, ..packet }) }
            }
            note => note,
        })
        .collect();
    assert_eq!(read(&write(&records)).records, records);
}

#[test]
fn an_empty_record_is_a_file_that_opens() {
    let file = RecordWriter::new(Vec::new()).finish().unwrap();
    assert_eq!(read(&file), Opened::default());
}

#[test]
fn everything_appended_is_in_the_file_before_the_next_batch() {
    let mut file = Vec::new();
    let mut writer = RecordWriter::new(&mut file);
    writer.append(&some_records()).unwrap();
    // A crash: nobody calls finish.
    drop(writer);
    assert_eq!(read(&file).records, some_records());
}

#[test]
fn a_file_cut_anywhere_gives_everything_before_the_cut() {
    let records = some_records();
    let file = write(&records);
    let frames = frames(&file);
    for cut in frames[0]..file.len() {
        let opened = read(&file[..cut]);
        let whole = frames.iter().filter(|frame| **frame <= cut).count() - 1;
        assert_eq!(opened.records, records[..whole], "cut at {cut}");
        let at_a_frame = frames.contains(&cut);
        let expected = if at_a_frame { vec![] } else { vec![Problem::CutOff { offset: frames[whole] as u64 }] };
        assert_eq!(opened.problems, expected, "cut at {cut}");
    }
}

#[test]
fn a_header_cut_anywhere_is_an_error_or_an_empty_record() {
    let file = write(&some_records());
    for cut in 0..frames(&file)[0] {
        match Opened::read(&file[..cut]) {
            Ok(opened) => assert!(opened.records.is_empty() && !opened.problems.is_empty(), "cut at {cut}"),
            Err(error) => assert!(matches!(error, RecordFileError::NotARecord), "cut at {cut}: {error}"),
        }
    }
}

#[test]
fn a_damaged_frame_costs_only_itself() {
    let records = some_records();
    let file = write(&records);
    let frames = frames(&file);
    for at in frames[1]..frames[2] {
        let mut damaged = file.clone();
        damaged[at] ^= 0x55;
        let opened = read(&damaged);
        assert_eq!(opened.records, [&records[..1], &records[2..]].concat(), "damage at {at}");
        let bytes = (frames[2] - frames[1]) as u64;
        assert_eq!(opened.problems, [Problem::Damaged { offset: frames[1] as u64, bytes }], "damage at {at}");
    }
}

#[test]
fn a_length_of_4_gb_is_not_believed() {
    let mut file = write(&some_records());
    let last = *frames(&file).last().unwrap();
    file[last + 5..last + 9].copy_from_slice(&u32::MAX.to_le_bytes());
    let opened = read(&file);
    assert_eq!(opened.records, some_records()[..3]);
    assert_eq!(opened.problems.len(), 1);
}

#[test]
fn a_newer_version_is_refused_with_a_sentence() {
    let mut file = write(&some_records());
    file[8] = 2;
    let error = Opened::read(&file[..]).unwrap_err();
    assert!(matches!(error, RecordFileError::NewerVersion { version: 2 }));
    assert!(error.to_string().contains("please update Floe"), "{error}");
}

#[test]
fn a_longer_header_of_the_same_version_is_read() {
    let mut file = write(&some_records());
    file.splice(20..20, [1, 2, 3]);
    file[10] += 3;
    assert_eq!(read(&file), Opened { wall_ms: 77, records: some_records(), problems: Vec::new() });
}

#[test]
fn notes_and_frames_of_later_versions_are_skipped_and_counted() {
    let mut file = write(&some_records());
    for (kind, payload) in
        [(2, &b"\0\0\0\0\0\0\0\0{\"Teleported\":{\"to\":\"Mars\"}}"[..]), (9, b"anything"), (1, b"short")]
    {
        let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
        let checksum = crc32fast::hash(&[&[kind], &length[..], payload].concat());
        file.extend(frame::MARK);
        file.push(kind);
        file.extend(length);
        file.extend(checksum.to_le_bytes());
        file.extend(payload);
    }
    file.extend(&write(&[note(9, Note::FirstAudio)])[20..]);
    let opened = read(&file);
    assert_eq!(opened.records.len(), 5);
    assert_eq!(opened.problems, [Problem::Unknown { count: 3 }]);
}

#[test]
fn a_long_call_keeps_its_file_small_and_its_traffic_counted() {
    let mut writer = RecordWriter::with_budgets(Vec::new(), 20_000, 1 << 20);
    let media: Vec<_> = (0..10_000).map(|n| packet(n * 20, 0x80, 180)).collect();
    let checks: Vec<_> = (0..40).map(|n| packet(n * 5_000 + 4_990, 22, 100)).collect();
    for (media, check) in media.chunks(250).zip(&checks) {
        writer.append(media).unwrap();
        writer.append([check]).unwrap();
    }
    let file = writer.finish().unwrap();
    assert!(file.len() < 70_000, "{} bytes", file.len());
    let opened = read(&file);
    let (mut packets, mut bytes, mut handshakes) = (0, 0, 0);
    for record in &opened.records {
        match &record.body {
            RecordBody::Packet(packet) if packet.bytes[0] == 22 => handshakes += 1,
            RecordBody::Packet(packet) => (packets, bytes) = (packets + 1, bytes + u64::from(packet.wire_len)),
            RecordBody::Note(note) => {
                let Note::TrafficCounted { counts, .. } = &**note else { panic!("{note:?}") };
                packets += counts[0].packets;
                bytes += counts[0].bytes;
            }
        }
    }
    assert_eq!((packets, bytes, handshakes), (10_000, 1_800_000, 40));
    let gaps = opened.records.windows(2).map(|pair| pair[1].at.since(pair[0].at));
    assert!(gaps.max().unwrap() <= Duration::from_millis(1_100));
}

#[test]
fn a_flood_of_handshakes_stops_growing_the_file() {
    let mut writer = RecordWriter::with_budgets(Vec::new(), 1_000, 10_000);
    let flood: Vec<_> = (0..50_000).map(|n| packet(n / 100, 22, 64)).collect();
    writer.append(&flood).unwrap();
    assert!(writer.finish().unwrap().len() < 90_000);
}

#[test]
fn endless_notes_stop_growing_the_file_and_are_counted() {
    let device = |n| note(n, Note::AudioDevice { message: "a device came and went".to_owned() });
    let mut writer = RecordWriter::with_budgets(Vec::new(), 1_000, 32_000);
    for n in 0..5_000 {
        writer.append([&device(n)]).unwrap();
    }
    let file = writer.finish().unwrap();
    assert!(file.len() < 35_000, "{} bytes", file.len());
    let opened = read(&file);
    let last = opened.records.last().and_then(|record| record.body.as_note());
    let Some(Note::Dropped { what: DropKind::Records, count }) = last else { panic!("{last:?}") };
    assert_eq!(*count + opened.records.len() as u64 - 1, 5_000);
}

proptest! {
    #[test]
    fn random_bytes_behind_a_header_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let mut file = write(&[]);
        file.extend(bytes);
        read(&file);
    }

    #[test]
    fn random_bytes_are_no_record(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assume!(!bytes.starts_with(&MAGIC));
        prop_assert!(matches!(Opened::read(&bytes[..]), Err(RecordFileError::NotARecord)));
    }

    #[test]
    fn marks_and_lengths_sprinkled_over_a_file_cost_no_more_than_they_hit(
        at in proptest::collection::vec(0..600_usize, 1..20),
        length in any::<u32>(),
    ) {
        let mut file = write(&[(); 4].map(|()| some_records()).concat());
        for at in at {
            let at = at % (file.len() - 13);
            file[at..at + 4].copy_from_slice(&frame::MARK);
            file[at + 5..at + 9].copy_from_slice(&length.to_le_bytes());
        }
        if let Ok(opened) = Opened::read(&file[..]) {
            prop_assert!(opened.records.len() <= 16);
        }
    }
}
