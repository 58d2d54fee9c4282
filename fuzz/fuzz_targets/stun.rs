//! A datagram of any bytes is classified and decoded without a panic.
#![no_main]

use floe_wire::{
    Direction, classify,
    stun::{StunMessage, is_authentic},
    turn::{ChannelData, TurnMessage, Unwrapper, stream_frame},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = classify(bytes);
    let _ = StunMessage::decode(bytes);
    let _ = is_authentic(bytes, "any-password-of-24-chars");
    let _ = TurnMessage::decode(bytes);
    let _ = ChannelData::decode(bytes);
    let _ = stream_frame(bytes);
    let mut unwrapper = Unwrapper::default();
    for direction in [Direction::Outbound, Direction::Inbound] {
        if let Some(inner) = unwrapper.unwrap(direction, bytes) {
            assert!(inner.range.end <= bytes.len());
        }
    }
});
