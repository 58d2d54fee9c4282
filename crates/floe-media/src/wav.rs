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
    /// The file has the size that the format allows.
    #[error("the WAV file is full: the format ends at 4 GB, 12 hours")]
    Full,
    /// Reading or writing failed.
    #[error("WAV file: {0}")]
    Io(#[from] std::io::Error),
}

impl WavError {
    fn from_hound(error: hound::Error) -> Self {
        match error {
            hound::Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Self::Malformed { reason: "the file is cut off".into() }
            }
            hound::Error::IoError(error) if error.kind() == std::io::ErrorKind::Other => {
                // hound's own reader words a premature end like this.
                Self::Malformed { reason: error.to_string() }
            }
            hound::Error::IoError(error) => Self::Io(error),
            hound::Error::FormatError(reason) => Self::Malformed { reason: reason.into() },
            other => Self::Malformed { reason: other.to_string() },
        }
    }

    fn unsupported(spec: &hound::WavSpec) -> Self {
        let encoding = match spec.sample_format {
            hound::SampleFormat::Int => "integer",
            hound::SampleFormat::Float => "float",
        };
        Self::Unsupported { bits: spec.bits_per_sample, encoding, channels: spec.channels, rate: spec.sample_rate }
    }
}
