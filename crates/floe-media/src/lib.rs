//! RTP, RTCP, Opus, jitter buffer, concealment, tone, WAV and levels; pure: time, bytes and files are passed in.
//!
//! Everything speaks one shape of audio: 48 kHz mono `f32` frames of 20 ms ([`Frame`]).
//!
//! Deviations from RFC 3550:
//! - section 6.2 (report interval): the caller asks for reports at a plain fixed interval. A call has two members and
//!   one stream each way, so the scaling and randomisation that protect a crowded session have nothing to protect.
//! - appendix A.1 (probation): a source is valid from its first packet. Media reaches this crate only after SRTP
//!   authenticated it, which is a stronger proof than two packets in sequence.
//! - appendix A.1 (large jumps): a jump counts as a restart only when a second packet confirms it, as there; packets
//!   behind the newest by up to 500 are late or reordered, never a restart.

pub mod interruption;
mod jitter;
pub mod level;
pub mod receiver;
pub mod reception;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod sender;
pub mod tone;
pub mod wav;

use std::time::Duration;

pub use interruption::{Interruption, InterruptionMeter, WHOLLY_MADE_UP};
pub use level::{LevelMeter, SILENCE_DBFS};
pub use receiver::{AudioReceiver, FrameKind, MediaError, ReceiverStats};
pub use reception::{Reception, SourceStats};
pub use resample::{RateError, Resampler};
pub use rtcp::session::{RtcpNews, RtcpSession};
pub use sender::{AudioSender, EncodeError, SenderStats};
pub use tone::{ToneMeter, ToneSource};
pub use wav::{WavError, WavSink, WavSource};

/// Samples per second of every [`Frame`].
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in one [`Frame`].
pub const FRAME_SAMPLES: usize = 960;

/// How long one [`Frame`] lasts.
pub const FRAME_DURATION: Duration = Duration::from_millis(20);

/// 20 ms of mono audio at 48 kHz, full scale at ±1.
pub type Frame = [f32; FRAME_SAMPLES];
