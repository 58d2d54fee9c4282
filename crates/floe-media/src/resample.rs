//! Streaming conversion of mono audio between sample rates.

use thiserror::Error;

/// Converts a mono stream from one rate to another.
pub struct Resampler {}

/// A conversion that cannot be made.
#[derive(Debug, Clone, Error)]
#[error("cannot convert audio from {from} Hz to {to} Hz")]
pub struct RateError {
    /// Rate of what goes in.
    pub from: u32,
    /// Rate of what should come out.
    pub to: u32,
}
