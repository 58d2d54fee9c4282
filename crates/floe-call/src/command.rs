//! What people (or scripts) ask of a call.

use std::path::PathBuf;

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

/// Where received audio is played.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Playback {
    /// Nowhere; it is still decoded and measured.
    #[default]
    None,
    /// A playback device by its stored id; none is the system's default.
    Device(Option<String>),
}
