//! The corpus of the STUN fuzz target, replayed, and every cut and flipped byte of it.
#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

use std::{fs, path::Path};

use floe_wire::{
    Direction, PacketKind, classify,
    stun::{StunMessage, is_authentic},
    turn::{ChannelData, TurnMessage, Unwrapper, stream_frame},
};

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/stun");
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.collect()
}

/// What the fuzz target does with a datagram.
fn survive(bytes: &[u8]) {
    let _ = StunMessage::decode(bytes);
    let _ = is_authentic(bytes, "any-password-of-24-chars");
    let _ = (TurnMessage::decode(bytes), ChannelData::decode(bytes), stream_frame(bytes));
    let mut unwrapper = Unwrapper::default();
    for direction in [Direction::Outbound, Direction::Inbound] {
        if let Some(inner) = unwrapper.unwrap(direction, bytes) {
            assert!(inner.range.end <= bytes.len());
        }
    }
}

#[test]
fn messages_of_the_corpus_are_survived_whole_cut_and_damaged() {
    let corpus = corpus();
    assert!(corpus.iter().filter(|bytes| classify(bytes) == PacketKind::Stun).count() > 10, "the corpus is committed");
    for bytes in corpus {
        survive(&bytes);
        for at in 0..bytes.len() {
            survive(&bytes[..at]);
            for bit in [0x01, 0x10, 0x80, 0xFF] {
                let mut damaged = bytes.clone();
                damaged[at] ^= bit;
                survive(&damaged);
            }
        }
    }
}
