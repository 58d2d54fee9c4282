//! The receiving half: RTP packets in at any time, one frame out every 20 ms.

use std::time::Instant;

use thiserror::Error;

use crate::{
    Frame, SAMPLE_RATE,
    jitter::{DelayTracker, Inserted, PacketBuffer, Playback, StoredPacket, Timing},
    reception::{Arrival, Reception, SourceStats},
    rtp::{PAYLOAD_TYPE_OPUS, RtpError, RtpPacket},
};

/// Receives one audio stream.
pub struct AudioReceiver {
    stream: Option<Stream>,
    /// The first packet of another source, which the next one of it may confirm.
    newcomer: Option<(u32, Vec<u8>, Instant)>,
    playback: Playback,
    /// Counters of sources that are over.
    past: PastStreams,
    packets_duplicate: u64,
    packets_overflowed: u64,
    packets_refused: u64,
}

/// What belongs to one source and ends with it.
struct Stream {
    began: Instant,
    reception: Reception,
    newest_timestamp: i64,
    packets: PacketBuffer,
    delays: DelayTracker,
    lossy: bool,
}

#[derive(Default)]
struct PastStreams {
    expected: u64,
    received: u64,
    lost: i64,
    restarts: u64,
}

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
    /// A wild sequence number; the next packet tells whether the peer began anew.
    #[error("sequence number {sequence} fits nothing before it")]
    WildSequence {
        /// The number.
        sequence: u16,
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
    /// Packets refused with an error, or refused by the decoder.
    pub packets_refused: u64,
    /// Samples added to wait for a slower network.
    pub inserted_samples: u64,
    /// Samples removed to catch up.
    pub removed_samples: u64,
    /// How often the peer's stream began anew.
    pub restarts: u64,
    /// What was buffered when the last frame was pulled, with that frame, in milliseconds.
    pub buffer_ms: Option<f64>,
    /// What the buffer aims at, in milliseconds.
    pub buffer_target_ms: Option<f64>,
    /// How long after the fastest packets' arrival audio is played, in milliseconds: what the buffer adds to latency.
    pub playout_delay_ms: Option<f64>,
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
        Ok(Self {
            stream: None,
            newcomer: None,
            playback: Playback::new()?,
            past: PastStreams::default(),
            packets_duplicate: 0,
            packets_overflowed: 0,
            packets_refused: 0,
        })
    }

    /// Takes one RTP packet that arrived at `now`.
    ///
    /// # Errors
    /// When it cannot be used; it is counted.
    pub fn push_rtp(&mut self, packet: &[u8], now: Instant) -> Result<(), MediaError> {
        let pushed = self.admit(packet, now);
        self.packets_refused += u64::from(pushed.is_err());
        pushed
    }

    /// Fills the next 20 ms; to be called every 20 ms.
    pub fn pull_frame(&mut self, now: Instant, out: &mut Frame) -> FrameKind {
        let Some(stream) = &mut self.stream else {
            out.fill(0.0);
            return FrameKind::Silence;
        };
        let kind = self.playback.pull(&mut stream.packets, &stream.delays, now, out);
        stream.lossy = self.playback.is_lossy(stream.lossy);
        stream.delays.set_lossy(stream.lossy);
        kind
    }

    /// Samples made up so far for lack of packets.
    #[must_use]
    pub fn concealed_samples(&self) -> u64 {
        self.playback.stats().concealed_samples
    }

    /// The counters so far.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        let source = self.stream.as_ref().map(|stream| stream.reception.stats());
        let current = source.unwrap_or_default();
        let played = self.playback.stats();
        ReceiverStats {
            packets_expected: self.past.expected + current.expected,
            packets_received: self.past.received + current.received,
            packets_lost: self.past.lost + current.lost(),
            jitter_s: source.map(|source| source.jitter_s()),
            concealed_samples: played.concealed_samples,
            played_samples: played.played_samples,
            fec_packets_used: played.fec_packets_used,
            packets_late: played.packets_late,
            packets_duplicate: self.packets_duplicate,
            packets_overflowed: self.packets_overflowed,
            packets_refused: self.packets_refused + played.packets_undecodable,
            inserted_samples: played.inserted_samples,
            removed_samples: played.removed_samples,
            restarts: self.past.restarts,
            buffer_ms: self.stream.as_ref().map(|_| self.playback.held_ms()),
            buffer_target_ms: self
                .stream
                .as_ref()
                .map(|stream| stream.delays.target_ms(self.playback.decoded_ahead_ms())),
            playout_delay_ms: self.playback.delay_ms(),
            clock_drift_ppm: self.stream.as_ref().and_then(|stream| stream.delays.drift_ppm()),
            source,
        }
    }

    fn admit(&mut self, bytes: &[u8], now: Instant) -> Result<(), MediaError> {
        let packet = RtpPacket::parse(bytes)?;
        if packet.payload_type != PAYLOAD_TYPE_OPUS {
            return Err(MediaError::PayloadType { payload_type: packet.payload_type });
        }
        let duration = opus_duration(packet.payload).ok_or(MediaError::NotOpus { len: packet.payload.len() })?;
        match &self.stream {
            Some(stream) if stream.reception.ssrc() != packet.ssrc => self.admit_newcomer(&packet, bytes, now),
            Some(_) => {
                self.newcomer = None;
                self.accept(&packet, duration, now)
            }
            None => {
                self.stream = Some(Stream::new(&packet, now));
                self.accept(&packet, duration, now)
            }
        }
    }

    /// Another source takes over once two packets of it came without one of the current source between them: the
    /// peer restarted. A single stray packet changes nothing.
    fn admit_newcomer(&mut self, packet: &RtpPacket<'_>, bytes: &[u8], now: Instant) -> Result<(), MediaError> {
        let confirmed = self.newcomer.take().filter(|(ssrc, ..)| *ssrc == packet.ssrc);
        let Some((_, first, at)) = confirmed else {
            self.newcomer = Some((packet.ssrc, bytes.to_vec(), now));
            return Err(MediaError::OtherSource { ssrc: packet.ssrc });
        };
        self.end_stream();
        self.admit(&first, at)?;
        self.admit(bytes, now)
    }

    fn end_stream(&mut self) {
        self.playback.restart();
        if let Some(stream) = self.stream.take() {
            self.past.add(&stream.reception.stats());
        }
    }

    fn accept(&mut self, packet: &RtpPacket<'_>, duration: i64, now: Instant) -> Result<(), MediaError> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let before = stream.reception.stats();
        let since = now.saturating_duration_since(stream.began);
        let sequence = match stream.reception.receive(packet.sequence, packet.timestamp, since) {
            Arrival::Fresh { sequence } => sequence,
            Arrival::Duplicate => {
                self.packets_duplicate += 1;
                return Ok(());
            }
            Arrival::Suspect => return Err(MediaError::WildSequence { sequence: packet.sequence }),
            Arrival::Restarted { sequence } => {
                self.past.add(&before);
                stream.begin_anew();
                self.playback.restart();
                sequence
            }
        };
        let timestamp = stream.unwrap_timestamp(packet.timestamp);
        if self.playback.has_passed_sequence(sequence) && stream.delays.is_far_off(timestamp, now) {
            // A straggler of seconds (out of the queue of a link that came back) tells nothing of the packets to come.
            self.playback.count_late();
            return Ok(());
        }
        if stream.delays.arrived(timestamp, now) == Timing::NewTimeline {
            stream.packets.clear();
            self.playback.restart();
        }
        let stored = StoredPacket { sequence, timestamp, duration, payload: packet.payload.to_vec() };
        if self.playback.has_passed(&stored) {
            self.playback.count_late();
            return Ok(());
        }
        match stream.packets.insert(stored) {
            Inserted::Kept => {}
            Inserted::Overflowed => self.packets_overflowed += 1,
            Inserted::Duplicate => self.packets_duplicate += 1,
        }
        Ok(())
    }
}

impl Stream {
    fn new(first: &RtpPacket<'_>, now: Instant) -> Self {
        Self {
            began: now,
            reception: Reception::new(first.ssrc, first.sequence),
            newest_timestamp: i64::from(first.timestamp),
            packets: PacketBuffer::default(),
            delays: DelayTracker::new(),
            lossy: false,
        }
    }

    fn begin_anew(&mut self) {
        self.packets.clear();
        self.delays = DelayTracker::new();
    }

    fn unwrap_timestamp(&mut self, timestamp: u32) -> i64 {
        let ahead = timestamp.wrapping_sub(self.newest_timestamp as u32).cast_signed();
        let unwrapped = self.newest_timestamp + i64::from(ahead);
        self.newest_timestamp = self.newest_timestamp.max(unwrapped);
        unwrapped
    }
}

impl PastStreams {
    fn add(&mut self, source: &SourceStats) {
        self.expected += source.expected;
        self.received += source.received;
        self.lost += source.lost();
        self.restarts += 1;
    }
}

/// Samples in an Opus packet at 48 kHz; `None` if it is none.
fn opus_duration(payload: &[u8]) -> Option<i64> {
    if payload.is_empty() || opus::packet::parse(payload).is_err() {
        return None;
    }
    let samples = opus::packet::get_nb_samples(payload, SAMPLE_RATE).ok()?;
    i64::try_from(samples).ok().filter(|&samples| samples > 0)
}

#[cfg(test)]
mod tests;
