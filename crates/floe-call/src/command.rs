//! What people (or scripts) ask of a call.

use std::{net::SocketAddr, path::PathBuf};

use floe_wire::{BaseId, side::SideDigest};

/// What people (or scripts) ask of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Take the peer's code, exactly as it was pasted.
    PasteCode(String),
    /// Send silence (`true`) or the source again.
    SetMuted(bool),
    /// Send another source.
    SetSource(AudioSource),
    /// Play on another device, or nowhere.
    SetPlayback(Playback),
    /// Begin ICE anew beside the path in use, and move to what it finds.
    RestartIce,
    /// Use a pair whenever it works, instead of one forced before; another one is used while it does not.
    ForcePair {
        /// Our base.
        base: BaseId,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// Neither check nor answer nor use a pair.
    BlockPair {
        /// Our base.
        base: BaseId,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// Let a pair's priority decide again, whoever forced or blocked it.
    ReleasePair {
        /// Our base.
        base: BaseId,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// Take the other side's record, which a person handed over because the two sides cannot tell each other.
    AddSide(Box<SideDigest>),
    /// Hang up; the record stays readable.
    HangUp,
}

/// What is sent as audio.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AudioSource {
    /// Nothing is sent.
    #[default]
    None,
    /// A sine tone.
    Tone {
        /// Its frequency.
        hz: u32,
    },
    /// A WAV file, from its start, once; silence after its end.
    Wav(PathBuf),
    /// A capture device by its stored id; none is the system's default.
    Device(Option<String>),
}

/// Whose clock audio keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AudioClock {
    /// The system's, on a thread of its own, away from whatever else the program does.
    #[default]
    System,
    /// The runtime's, in one of its tasks: for calls whose time is simulated. Devices keep a time of their own.
    Runtime,
}

/// Where received audio is played.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Playback {
    /// Nowhere; it is still decoded and measured.
    #[default]
    None,
    /// A playback device by its stored id; none is the system's default.
    Device(Option<String>),
}
