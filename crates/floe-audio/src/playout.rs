//! A loudspeaker.

use floe_media::Frame;

use crate::{AudioError, DeviceTrouble};

/// An open output device.
pub struct Playout {}

impl Playout {
    /// Opens a device by its stored id, or the system's default; blocks for up to five seconds.
    ///
    /// # Errors
    /// When there is no such device or it cannot be opened.
    pub fn open(_id: Option<&str>) -> Result<Self, AudioError> {
        Err(AudioError::NoDevice { kind: "output" })
    }

    /// Queues the next 20 ms, slightly stretched or squeezed to follow the device's clock.
    pub fn write(&mut self, _frame: &Frame) {}

    /// What waits to be played, in milliseconds.
    #[must_use]
    pub fn queued_ms(&self) -> f64 {
        0.0
    }

    /// What ended the stream, if something did.
    #[must_use]
    pub fn trouble(&self) -> Option<DeviceTrouble> {
        None
    }
}
