//! A microphone.

use floe_media::Frame;

use crate::{AudioError, DeviceTrouble};

/// An open input device.
pub struct Capture {}

impl Capture {
    /// Opens a device by its stored id, or the system's default; blocks for up to five seconds.
    ///
    /// # Errors
    /// When there is no such device or it cannot be opened.
    pub fn open(_id: Option<&str>) -> Result<Self, AudioError> {
        Err(AudioError::NoDevice { kind: "input" })
    }

    /// Takes the next 20 ms; `false` if they are not there yet.
    pub fn read(&mut self, out: &mut Frame) -> bool {
        out.fill(0.0);
        false
    }

    /// The level of what was read, in dBFS.
    #[must_use]
    pub fn level(&self) -> f64 {
        floe_media::SILENCE_DBFS
    }

    /// What ended the stream, if something did.
    #[must_use]
    pub fn trouble(&self) -> Option<DeviceTrouble> {
        None
    }
}
