//! WAV files in and out, over any reader and writer.

mod sink;
mod source;

use thiserror::Error;

pub use sink::WavSink;
pub use source::WavSource;

/// Why a WAV file cannot be read or written.
#[derive(Debug, Error)]
pub enum WavError {
    /// Not a WAV file, or a damaged one.
    #[error("not a readable WAV file: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// An encoding other than 8 to 32 bit integer or 32 bit float PCM.
    #[error("WAV encoding not supported: {bits} bit {encoding}, {channels} channels at {rate} Hz")]
    Unsupported {
        /// Bits per sample.
        bits: u16,
        /// Integer or float.
        encoding: &'static str,
        /// Channels.
        channels: u16,
        /// Samples per second.
        rate: u32,
    },
    /// Reading or writing failed.
    #[error("WAV file: {0}")]
    Io(#[from] std::io::Error),
}
