//! What goes wrong with audio devices.

use std::fmt;

use cpal::ErrorKind;
use thiserror::Error;

/// Which way a device carries sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// A microphone or the like.
    Input,
    /// A loudspeaker or the like.
    Output,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}

/// Why devices cannot be listed or opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AudioError {
    /// No device of that kind.
    #[error("this machine has no audio {direction} device")]
    NoDevice {
        /// Which kind.
        direction: Direction,
    },
    /// The named device is not there.
    #[error("audio {direction} device not found; it may be unplugged: {id}")]
    NotFound {
        /// Which kind.
        direction: Direction,
        /// The id asked for.
        id: String,
    },
    /// The audio system did not answer in time.
    #[error("the audio system did not answer within {seconds} s")]
    Unresponsive {
        /// How long it was given.
        seconds: u64,
    },
    /// The system does not let us.
    #[error("the system denies access to the audio {direction} device; allow it in the privacy settings")]
    Denied {
        /// Which kind.
        direction: Direction,
    },
    /// Another program has it.
    #[error("the audio {direction} device is in use by another program")]
    Busy {
        /// Which kind.
        direction: Direction,
    },
    /// The system refused.
    #[error("the audio {direction} device cannot be opened: {reason}")]
    Refused {
        /// Which kind.
        direction: Direction,
        /// In the system's words.
        reason: String,
    },
    /// The devices cannot be listed.
    #[error("audio devices cannot be listed: {reason}")]
    NotListed {
        /// In the system's words.
        reason: String,
    },
}

impl AudioError {
    pub(crate) fn opening(direction: Direction, error: &cpal::Error) -> Self {
        match error.kind() {
            ErrorKind::PermissionDenied => Self::Denied { direction },
            ErrorKind::DeviceBusy => Self::Busy { direction },
            _ => Self::Refused { direction, reason: error.to_string() },
        }
    }
}

/// What ended an open device's stream; opening again is the caller's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[repr(u8)]
pub enum DeviceTrouble {
    /// Unplugged or switched off.
    #[error("the audio device went away")]
    Gone = 1,
    /// The system changed the stream's terms or was restarted; opening again helps.
    #[error("the audio system ended the stream")]
    Invalidated = 2,
    /// Anything else.
    #[error("the audio device failed")]
    Failed = 3,
}

/// What a running stream's error means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamEvent {
    /// The stream is over.
    Ended(DeviceTrouble),
    /// A glitch.
    Xrun,
    /// Nothing to act on: rerouted, or without real-time priority.
    Harmless,
}

impl From<ErrorKind> for StreamEvent {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Xrun => Self::Xrun,
            ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => Self::Harmless,
            ErrorKind::DeviceNotAvailable => Self::Ended(DeviceTrouble::Gone),
            ErrorKind::StreamInvalidated | ErrorKind::HostUnavailable => Self::Ended(DeviceTrouble::Invalidated),
            // cpal's list is open; what it adds is a failure until known better.
            _ => Self::Ended(DeviceTrouble::Failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glitches_and_reroutes_do_not_end_a_stream() {
        assert_eq!(StreamEvent::from(ErrorKind::Xrun), StreamEvent::Xrun);
        assert_eq!(StreamEvent::from(ErrorKind::DeviceChanged), StreamEvent::Harmless);
        assert_eq!(StreamEvent::from(ErrorKind::RealtimeDenied), StreamEvent::Harmless);
        let gone = StreamEvent::Ended(DeviceTrouble::Gone);
        assert_eq!(StreamEvent::from(ErrorKind::DeviceNotAvailable), gone);
        assert_eq!(StreamEvent::from(ErrorKind::Other), StreamEvent::Ended(DeviceTrouble::Failed));
    }
}
