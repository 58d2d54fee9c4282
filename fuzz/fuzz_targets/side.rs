//! A text of any characters is a side of a call or a named mistake, and what an intact one says can be laid beside a
//! record.
#![no_main]

use data_encoding::BASE64URL_NOPAD;
use floe_inspect::{
    Inspector,
    side::{add_side, side_of},
};
use floe_signal::side_text::{SIDE_MARK, SIDE_VERSION, read_side, write_side};
use floe_wire::{Generation, Note, Record, RecordBody, Stamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    lay_beside(&String::from_utf8_lossy(data));
    // Hardly any bytes have the right checksum: these have.
    lay_beside(&intact(data));
});

fn lay_beside(text: &str) {
    let Ok(side) = read_side(text) else { return };
    assert_eq!(read_side(&write_side(&side)).as_ref(), Ok(&side), "what was written is read");
    let mut inspector = Inspector::new();
    let mut take = |note| inspector.ingest(&Record { at: Stamp::ZERO, body: RecordBody::note(note) });
    let generation = Generation(0);
    take(Note::LocalCredentials { generation, ufrag: "mine".to_owned() });
    take(Note::RemoteCredentials { generation, ufrag: "peer".to_owned() });
    let Ok(notes) = add_side(inspector.picture(), &side) else { return };
    for note in notes {
        inspector.ingest(&Record { at: Stamp::ZERO, body: RecordBody::note(note) });
    }
    inspector.tick(Stamp::from_millis(60_000));
    let _ = floe_inspect::directions::directions(inspector.picture());
    let _ = side_of(inspector.picture());
}

/// The text whose contents are these bytes.
fn intact(contents: &[u8]) -> String {
    let length = u32::try_from(contents.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = vec![SIDE_VERSION, length[1], length[2], length[3]];
    bytes.extend_from_slice(contents);
    bytes.extend(crc32(&bytes).to_le_bytes());
    format!("{SIDE_MARK}{}", BASE64URL_NOPAD.encode(&bytes))
}

/// CRC-32 as of Ethernet, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}
