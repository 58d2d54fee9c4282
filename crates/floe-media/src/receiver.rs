//! The receiving half: RTP packets in at any time, one frame out every 20 ms.

use std::time::Instant;

use thiserror::Error;

use crate::{Frame, reception::SourceStats, rtp::RtpError};

/// Receives one audio stream.
pub struct AudioReceiver {}

/// What a pulled frame is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// Audio of the peer.
    Decoded,
    /// A lost packet rebuilt from the redundant copy in the one after it.
    Fec,
    /// Made up, because nothing came in time.
    Concealed,
    /// Nothing to play: not started, or the peer paused.
    Silence,
}

/// Why a packet was refused.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum MediaError {
    /// No RTP.
    #[error(transparent)]
    Rtp(#[from] RtpError),
    /// Not the payload type of Opus.
    #[error("payload type {payload_type} is not Opus (111)")]
    PayloadType {
        /// What the packet says.
        payload_type: u8,
    },
    /// The payload is not an Opus packet.
    #[error("the payload of {len} bytes is not Opus")]
    NotOpus {
        /// Its length.
        len: usize,
    },
    /// From another source while the current one still sends.
    #[error("packet of source {ssrc:#010x} while another one sends")]
    OtherSource {
        /// Whose packet it is.
        ssrc: u32,
    },
}

/// Counters and measurements since the receiver began; restarts of the peer's stream are added up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReceiverStats {
    /// Packets expected.
    pub packets_expected: u64,
    /// Packets received, with duplicates.
    pub packets_received: u64,
    /// Packets lost (RFC 3550 A.3), negative with duplicates.
    pub packets_lost: i64,
    /// Interarrival jitter in seconds (RFC 3550 A.8).
    pub jitter_s: Option<f64>,
    /// Samples made up for lack of packets.
    pub concealed_samples: u64,
    /// All samples handed out since the first packet was played.
    pub played_samples: u64,
    /// Lost packets rebuilt from in-band FEC.
    pub fec_packets_used: u64,
    /// Packets that came after their time to play.
    pub packets_late: u64,
    /// Packets that came twice.
    pub packets_duplicate: u64,
    /// Packets dropped because the buffer was full.
    pub packets_overflowed: u64,
    /// Packets refused with an error.
    pub packets_refused: u64,
    /// Samples added to wait for a slower network.
    pub inserted_samples: u64,
    /// Samples removed to catch up.
    pub removed_samples: u64,
    /// How often the peer's stream began anew.
    pub restarts: u64,
    /// What is buffered, in milliseconds.
    pub buffer_ms: Option<f64>,
    /// What the buffer aims at, in milliseconds.
    pub buffer_target_ms: Option<f64>,
    /// The peer's media clock against ours, in parts per million: positive is fast.
    pub clock_drift_ppm: Option<f64>,
    /// The current source, for report blocks.
    pub source: Option<SourceStats>,
}

impl AudioReceiver {
    /// A receiver that waits for its first packet.
    ///
    /// # Errors
    /// When Opus cannot be set up.
    pub fn new() -> Result<Self, opus::Error> {
        Ok(Self {})
    }

    /// Takes one RTP packet that arrived at `now`.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn push_rtp(&mut self, _packet: &[u8], _now: Instant) -> Result<(), MediaError> {
        Ok(())
    }

    /// Fills the next 20 ms.
    pub fn pull_frame(&mut self, _now: Instant, out: &mut Frame) -> FrameKind {
        out.fill(0.0);
        FrameKind::Silence
    }

    /// The counters so far.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        ReceiverStats::default()
    }
}
