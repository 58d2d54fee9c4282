//! What goes wrong with audio devices.

use thiserror::Error;

/// Why a device cannot be listed or opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AudioError {
    /// No device of that kind.
    #[error("this machine has no audio {kind} device")]
    NoDevice {
        /// `input` or `output`.
        kind: &'static str,
    },
    /// The named device is not there.
    #[error("audio {kind} device not found: {id}")]
    NotFound {
        /// `input` or `output`.
        kind: &'static str,
        /// The id asked for.
        id: String,
    },
    /// The audio system did not answer in time.
    #[error("the audio system did not answer within {seconds} s")]
    Unresponsive {
        /// How long it was given.
        seconds: u64,
    },
    /// The system refused.
    #[error("the audio {kind} device cannot be opened: {reason}")]
    Refused {
        /// `input` or `output`.
        kind: &'static str,
        /// In the system's words.
        reason: String,
    },
}

/// What happened to an open device. The stream is dead unless said otherwise; reopening is the caller's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum DeviceTrouble {
    /// Unplugged or switched off.
    #[error("the audio device went away")]
    Gone,
    /// The system changed the stream's terms; opening it again helps.
    #[error("the audio system ended the stream")]
    Invalidated,
    /// Anything else that ended the stream.
    #[error("the audio device failed")]
    Failed,
}
