//! Files of earlier versions stay readable.

use floe_capture::Opened;
use floe_wire::{Direction, Note, RecordBody, Stamp};

/// Written by an independent implementation of the format, with every note of version 0.1.0.
const V1: &[u8] = include_bytes!("../golden/v1.floe");

const NOTES: usize = 39;

#[test]
fn a_file_of_version_1_reads_without_a_problem() {
    let opened = Opened::read(V1).unwrap();

    assert_eq!(opened.problems, []);
    assert_eq!(opened.wall_ms, 1_700_000_000_000);
    assert_eq!(opened.records.len(), NOTES + 3);
    let first = &opened.records[0].body.as_note();
    assert!(matches!(first, Some(Note::SessionStarted { wall_ms: 1_700_000_000_000, .. })), "{first:?}");
}

#[test]
fn packets_of_version_1_keep_every_field() {
    let opened = Opened::read(V1).unwrap();
    let packets: Vec<_> = opened.records[NOTES..]
        .iter()
        .map(|record| match &record.body {
            RecordBody::Packet(packet) => (record.at, packet),
            RecordBody::Note(note) => panic!("{note:?} is no packet"),
        })
        .collect();

    let (at, stun) = packets[0];
    assert_eq!((at, stun.base.0, stun.direction), (Stamp::from_millis(1000), 1, Direction::Outbound));
    assert_eq!((stun.remote, stun.wire_len), ("203.0.113.9:4000".parse().unwrap(), 28));
    assert_eq!(stun.bytes[..], (0..28).collect::<Vec<u8>>());
    let (_, media) = packets[1];
    assert_eq!((media.direction, media.bytes.len(), media.wire_len), (Direction::Inbound, 64, 200));
    let (_, scoped) = packets[2];
    assert_eq!((scoped.base.0, scoped.remote), (2, "[fe80::9%7]:4001".parse().unwrap()));
}
