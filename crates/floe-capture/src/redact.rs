//! Redaction: a record that can be shown to strangers and still says what went wrong.
//!
//! Addresses, ports, host names, interface names and user fragments become pseudonyms, the same one wherever the same
//! thing stands, in notes and inside packets. Kept are the family and class of addresses (public, private, carrier-grade,
//! loopback, link-local), which of them share a network, the distance between ports, and everything that follows from
//! it: what a NAT did, who is behind the same router, which pair failed. Payloads and certificates are blanked.
//!
//! MESSAGE-INTEGRITY cannot be right any more and is blanked; [`Note::Redacted`] says so. FINGERPRINT is computed anew.
//!
//! Notes are rewritten as JSON, string by string, so that a note of tomorrow is redacted as well: a string whose key is
//! not known is searched for addresses and names. A note that cannot be read back is left out rather than shown.

mod names;
mod packet;
mod pseudonyms;
mod stun;

use floe_wire::{Note, Packet, Record, RecordBody};
use serde_json::Value;

use self::pseudonyms::Pseudonyms;

/// Rewrites records so that nothing real is left in them.
#[must_use]
pub fn redact(records: &[Record]) -> Vec<Record> {
    let mut pseudonyms = Pseudonyms::new(seed(records));
    for record in records {
        if let RecordBody::Note(note) = &record.body {
            names::learn(&mut pseudonyms, note);
        }
    }
    let mut redacted = Vec::with_capacity(records.len() + 1);
    for record in records {
        let body = match &record.body {
            RecordBody::Packet(packet) => Some(RecordBody::Packet(redact_packet(&mut pseudonyms, packet))),
            RecordBody::Note(note) => redact_note(&mut pseudonyms, note).map(RecordBody::note),
        };
        redacted.extend(body.map(|body| Record { at: record.at, body }));
    }
    // Behind the first note, which tells when the record began.
    let is_marked = redacted.iter().any(|record| record.body == RecordBody::note(Note::Redacted));
    if let Some(first) = redacted.first().filter(|_| !is_marked) {
        let mark = Record { at: first.at, body: RecordBody::note(Note::Redacted) };
        redacted.insert(1, mark);
    }
    redacted
}

fn redact_packet(pseudonyms: &mut Pseudonyms, packet: &Packet) -> Packet {
    let mut bytes = packet.bytes.to_vec();
    packet::redact(pseudonyms, &mut bytes);
    Packet { remote: pseudonyms.socket(packet.remote), bytes: bytes.into(), ..*packet }
}

fn redact_note(pseudonyms: &mut Pseudonyms, note: &Note) -> Option<Note> {
    if let Note::AudioDevice { .. } = note {
        // People give their devices names.
        return Some(Note::AudioDevice { message: "An audio device came, went or failed".to_owned() });
    }
    let mut value = serde_json::to_value(note).ok()?;
    names::redact(pseudonyms, &mut value);
    serde_json::from_value::<Note>(value).ok()
}

/// Makes ports of different records unlike each other. Not a secret: a pseudonym hides who somebody is from readers,
/// not from those who hold the original.
fn seed(records: &[Record]) -> u32 {
    let first = records.first().map(|record| serde_json::to_value(record).unwrap_or(Value::Null));
    crc32fast::hash(first.unwrap_or(Value::Null).to_string().as_bytes())
}
