//! Turns waiting packets into frames: decodes, rebuilds, conceals, and keeps the playout delay near its target.

use std::time::Instant;

use opus::{Channels, Decoder};

use super::{
    DelayTracker, PacketBuffer, StoredPacket,
    delay::CEILING_MS,
    stretch::{lengthen, shorten},
};
use crate::{FRAME_SAMPLES, Frame, FrameKind, SAMPLE_RATE};

/// The longest packet that Opus knows: 120 ms.
const LONGEST_PACKET: usize = 5760;

const FRAME_TICKS: i64 = FRAME_SAMPLES as i64;

/// Opus conceals multiples of 2.5 ms.
const CONCEAL_STEP: i64 = 120;

const TICKS_PER_MS: f64 = SAMPLE_RATE as f64 / 1000.0;

/// Weight of the newest playout delay; the worker's own jitter is smoothed away.
const DELAY_WEIGHT: f64 = 0.2;

/// Delay above the target that is left alone: less than the coarseness of a frame is not worth a splice.
const SLACK_ABOVE_MS: f64 = 15.0;

/// Delay below the target that is left alone; less than the margin in the target.
const SLACK_BELOW_MS: f64 = 2.0;

/// From here on above the target a splice is made even where it is heard …
const URGENT_ABOVE_MS: f64 = 50.0;

/// … and below it, where the next packet may be missed, which is heard more.
const URGENT_BELOW_MS: f64 = 8.0;

/// Far behind (the worker was stopped, or a stalled link delivered everything at once), packets are dropped.
const HOPELESS_MS: f64 = 200.0;

/// How alike the two sides of an unhurried splice must be.
const LIKENESS: f32 = 0.85;

/// Opus's own concealment is good for about 100 ms; then it hums.
const FADE_AFTER_FRAMES: u32 = 5;

/// Fades to silence within about 300 ms more.
const FADE_PER_FRAME: f32 = 0.75;

/// Below -60 dB it is silence.
const FADED: f32 = 0.001;

/// 5 ms, for coming back after a fade.
const RETURN_SAMPLES: usize = 240;

/// Weight of the newest packet in the loss rate.
const LOSS_WEIGHT: f64 = 1.0 / 128.0;

/// From this rate on FEC gets its extra frame of delay …
const LOSSY_ABOVE: f64 = 0.01;

/// … until it is below this one.
const LOSSY_BELOW: f64 = 0.003;

/// What playback counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PlaybackStats {
    pub concealed_samples: u64,
    pub played_samples: u64,
    pub fec_packets_used: u64,
    pub packets_late: u64,
    pub packets_undecodable: u64,
    pub inserted_samples: u64,
    pub removed_samples: u64,
}

/// Where a started playback is.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// Media time after the last decoded sample.
    decoded: i64,
    /// Sequence number of the last decoded packet.
    sequence: i64,
    /// Smoothed playout delay.
    delay_ms: f64,
}

/// The decoder and what it has decoded ahead.
pub(crate) struct Playback {
    decoder: Decoder,
    position: Option<Position>,
    pcm: Vec<f32>,
    scratch: Box<[f32; LONGEST_PACKET]>,
    concealed_run: u32,
    gain: f32,
    loss: f64,
    /// What was there when the last frame was pulled, in milliseconds.
    held_ms: f64,
    stats: PlaybackStats,
}

impl Playback {
    pub(crate) fn new() -> Result<Self, opus::Error> {
        Ok(Self {
            decoder: Decoder::new(SAMPLE_RATE, Channels::Mono)?,
            position: None,
            pcm: Vec::with_capacity(2 * LONGEST_PACKET),
            scratch: Box::new([0.0; LONGEST_PACKET]),
            concealed_run: 0,
            gain: 1.0,
            loss: 0.0,
            held_ms: 0.0,
            stats: PlaybackStats::default(),
        })
    }

    /// Forgets the stream but not the counters.
    pub(crate) fn restart(&mut self) {
        // Resetting cannot fail on a decoder that was set up; the old state would merely smear into the new stream.
        let _ = self.decoder.reset_state();
        self.position = None;
        self.pcm.clear();
        self.concealed_run = 0;
    }

    pub(crate) fn stats(&self) -> PlaybackStats {
        self.stats
    }

    /// Whether a packet of this number, or one after it, was played already.
    pub(crate) fn has_passed_sequence(&self, sequence: i64) -> bool {
        self.position.is_some_and(|at| sequence <= at.sequence)
    }

    /// Whether a packet's time has passed.
    pub(crate) fn has_passed(&self, packet: &StoredPacket) -> bool {
        self.position.is_some_and(|at| packet.sequence <= at.sequence || packet.end() <= at.decoded)
    }

    /// Counts a packet that came after its time.
    pub(crate) fn count_late(&mut self) {
        self.stats.packets_late += 1;
    }

    /// Whether packets are being lost.
    pub(crate) fn is_lossy(&self, before: bool) -> bool {
        self.loss > if before { LOSSY_BELOW } else { LOSSY_ABOVE }
    }

    /// Milliseconds that were decoded or waiting when the last frame was pulled, with that frame.
    pub(crate) fn held_ms(&self) -> f64 {
        self.held_ms
    }

    /// How much later than on an undisturbed network audio is played, in milliseconds.
    pub(crate) fn delay_ms(&self) -> Option<f64> {
        self.position.map(|at| at.delay_ms)
    }

    /// Milliseconds decoded and not yet played.
    pub(crate) fn decoded_ahead_ms(&self) -> f64 {
        self.pcm.len() as f64 / TICKS_PER_MS
    }

    /// Fills the next frame.
    pub(crate) fn pull(
        &mut self,
        packets: &mut PacketBuffer,
        delays: &DelayTracker,
        now: Instant,
        out: &mut Frame,
    ) -> FrameKind {
        self.held_ms = self.measure_held(packets);
        let target_ms = delays.target_ms(self.decoded_ahead_ms());
        let Some(mut at) = self.begin(packets, delays, target_ms, now) else {
            out.fill(0.0);
            return FrameKind::Silence;
        };
        self.catch_up(&mut at, packets, target_ms);
        let mut kind = FrameKind::Decoded;
        while self.pcm.len() < FRAME_SAMPLES {
            kind = worse(kind, self.produce(&mut at, packets, target_ms));
        }
        if kind == FrameKind::Decoded {
            self.steer(&mut at, packets, target_ms);
        }
        self.position = Some(at);
        out.copy_from_slice(&self.pcm[..FRAME_SAMPLES]);
        self.pcm.drain(..FRAME_SAMPLES);
        self.stats.played_samples += FRAME_SAMPLES as u64;
        kind
    }

    fn measure_held(&self, packets: &PacketBuffer) -> f64 {
        let waiting = match (self.position, packets.end(), packets.first()) {
            (Some(at), Some(end), _) => (end - at.decoded).max(0),
            (None, Some(end), Some(first)) => end - first.timestamp,
            _ => 0,
        };
        waiting as f64 / TICKS_PER_MS + self.decoded_ahead_ms()
    }

    /// The current position with its delay brought up to date; `None` until the first packet has waited long enough.
    fn begin(&self, packets: &PacketBuffer, delays: &DelayTracker, target_ms: f64, now: Instant) -> Option<Position> {
        if let Some(at) = self.position {
            let playing = at.decoded - self.pcm.len() as i64;
            let delay = delays.playout_delay_ms(playing, now);
            let delay_ms = at.delay_ms + DELAY_WEIGHT * (delay - at.delay_ms);
            return Some(Position { delay_ms, ..at });
        }
        let first = packets.first()?;
        let delay_ms = delays.playout_delay_ms(first.timestamp, now);
        let started = Position { decoded: first.timestamp, sequence: first.sequence - 1, delay_ms };
        (delay_ms >= target_ms).then_some(started)
    }

    fn catch_up(&mut self, at: &mut Position, packets: &mut PacketBuffer, target_ms: f64) {
        if at.delay_ms < target_ms + HOPELESS_MS {
            return;
        }
        while at.delay_ms > target_ms {
            let Some(packet) = packets.pop() else { return };
            if packet.sequence <= at.sequence || packet.end() <= at.decoded {
                self.stats.packets_late += 1;
                continue;
            }
            let skipped = packet.end() - at.decoded;
            at.decoded = packet.end();
            at.sequence = packet.sequence;
            at.delay_ms -= skipped as f64 / TICKS_PER_MS;
            self.stats.removed_samples += skipped.unsigned_abs();
        }
    }

    fn produce(&mut self, at: &mut Position, packets: &mut PacketBuffer, target_ms: f64) -> FrameKind {
        while packets.first().is_some_and(|first| first.sequence <= at.sequence || first.end() <= at.decoded) {
            packets.pop();
            self.stats.packets_late += 1;
        }
        let Some(first) = packets.first() else { return self.starve(at) };
        if first.timestamp > at.decoded {
            return self.bridge(at, first, target_ms);
        }
        match packets.pop() {
            Some(packet) => self.decode(at, &packet),
            None => self.starve(at),
        }
    }

    /// Nothing is there: waits for it, within reason.
    fn starve(&mut self, at: &mut Position) -> FrameKind {
        let frame_ms = FRAME_TICKS as f64 / TICKS_PER_MS;
        if at.delay_ms + frame_ms <= CEILING_MS {
            at.delay_ms += frame_ms;
        } else {
            at.decoded += FRAME_TICKS;
        }
        self.conceal(FRAME_SAMPLES);
        FrameKind::Concealed
    }

    /// The next packet is there, but not the one before it.
    fn bridge(&mut self, at: &mut Position, next: &StoredPacket, target_ms: f64) -> FrameKind {
        let paused = next.sequence == at.sequence + 1;
        let gap = self.skip_waited(at, next.timestamp - at.decoded, target_ms);
        if gap == 0 {
            return FrameKind::Decoded;
        }
        if !paused && gap <= next.duration && gap <= FRAME_TICKS && has_redundancy(&next.payload) {
            at.decoded += gap;
            return self.rebuild(&next.payload, gap as usize);
        }
        let left_for_fec = if gap > FRAME_TICKS && !paused { gap - FRAME_TICKS } else { gap };
        let piece = left_for_fec.min(FRAME_TICKS);
        at.decoded += piece;
        self.conceal(piece as usize);
        if paused { FrameKind::Silence } else { FrameKind::Concealed }
    }

    /// Takes off a gap what waiting already stood for, in whole frames, and what Opus could not conceal. Returns what
    /// is left.
    fn skip_waited(&mut self, at: &mut Position, gap: i64, target_ms: f64) -> i64 {
        let excess = ((at.delay_ms - target_ms) * TICKS_PER_MS) as i64;
        let waited = if self.concealed_run > 0 { (excess + FRAME_TICKS / 2) / FRAME_TICKS * FRAME_TICKS } else { 0 };
        let skipped = (waited.max(0) + gap % CONCEAL_STEP).min(gap);
        at.decoded += skipped;
        at.delay_ms -= skipped as f64 / TICKS_PER_MS;
        gap - skipped
    }

    fn decode(&mut self, at: &mut Position, packet: &StoredPacket) -> FrameKind {
        self.learn_loss(packet.sequence - at.sequence - 1);
        at.decoded = packet.end();
        at.sequence = packet.sequence;
        match self.decoder.decode_float(&packet.payload, &mut self.scratch[..], false) {
            Ok(len) => {
                self.append_heard(len);
                FrameKind::Decoded
            }
            Err(_) => {
                self.stats.packets_undecodable += 1;
                self.conceal(packet.duration as usize);
                FrameKind::Concealed
            }
        }
    }

    fn rebuild(&mut self, payload: &[u8], samples: usize) -> FrameKind {
        match self.decoder.decode_float(payload, &mut self.scratch[..samples], true) {
            Ok(len) => {
                self.stats.fec_packets_used += 1;
                self.append_heard(len);
                FrameKind::Fec
            }
            Err(_) => {
                self.conceal(samples);
                FrameKind::Concealed
            }
        }
    }

    /// Appends decoded samples, fading in if concealment had faded out.
    fn append_heard(&mut self, len: usize) {
        let from = self.gain;
        let start = self.pcm.len();
        self.pcm.extend_from_slice(&self.scratch[..len]);
        if from < 1.0 {
            for (index, sample) in self.pcm[start..].iter_mut().take(RETURN_SAMPLES).enumerate() {
                *sample *= from + (1.0 - from) * index as f32 / RETURN_SAMPLES as f32;
            }
        }
        self.gain = 1.0;
        self.concealed_run = 0;
    }

    fn conceal(&mut self, samples: usize) {
        self.concealed_run = self.concealed_run.saturating_add(1);
        self.stats.concealed_samples += samples as u64;
        let from = self.gain;
        if self.concealed_run > FADE_AFTER_FRAMES {
            self.gain = if from < FADED { 0.0 } else { from * FADE_PER_FRAME };
        }
        let len = self.decoder.decode_float(&[], &mut self.scratch[..samples], false).unwrap_or(0);
        self.scratch[len..samples].fill(0.0);
        let (step, start) = ((self.gain - from) / samples as f32, self.pcm.len());
        self.pcm.extend_from_slice(&self.scratch[..samples]);
        for (index, sample) in self.pcm[start..].iter_mut().enumerate() {
            *sample *= from + step * index as f32;
        }
    }

    fn learn_loss(&mut self, missing: i64) {
        for _ in 0..missing.clamp(0, 50) {
            self.loss += LOSS_WEIGHT * (1.0 - self.loss);
        }
        self.loss -= LOSS_WEIGHT * self.loss;
    }

    /// Shortens or lengthens what is about to be played, if the delay is off its target.
    fn steer(&mut self, at: &mut Position, packets: &mut PacketBuffer, target_ms: f64) {
        let excess = at.delay_ms - target_ms;
        let urgent = !(-URGENT_BELOW_MS..=URGENT_ABOVE_MS).contains(&excess);
        let likeness = if urgent { -1.0 } else { LIKENESS };
        if excess > SLACK_ABOVE_MS {
            self.decode_ahead(at, packets);
            let spare = self.pcm.len().saturating_sub(FRAME_SAMPLES);
            let most = spare.min((excess * TICKS_PER_MS) as usize);
            let removed = shorten(&mut self.pcm, most, likeness);
            at.delay_ms -= removed as f64 / TICKS_PER_MS;
            self.stats.removed_samples += removed as u64;
        } else if excess < -SLACK_BELOW_MS {
            let added = lengthen(&mut self.pcm, (-excess * TICKS_PER_MS) as usize, likeness);
            at.delay_ms += added as f64 / TICKS_PER_MS;
            self.stats.inserted_samples += added as u64;
        }
    }

    fn decode_ahead(&mut self, at: &mut Position, packets: &mut PacketBuffer) {
        if self.pcm.len() >= 2 * FRAME_SAMPLES {
            return;
        }
        if packets.first().is_some_and(|first| first.sequence == at.sequence + 1 && first.timestamp == at.decoded)
            && let Some(packet) = packets.pop()
        {
            self.decode(at, &packet);
        }
    }
}

fn worse(one: FrameKind, other: FrameKind) -> FrameKind {
    let rank = |kind| match kind {
        FrameKind::Decoded => 0,
        FrameKind::Fec => 1,
        FrameKind::Silence => 2,
        FrameKind::Concealed => 3,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// Whether a packet carries a copy of the one before it: the LBRR flag behind the voice-activity flags of a SILK or
/// hybrid frame (RFC 6716 section 4.2.3; mono, or the mid channel of stereo).
fn has_redundancy(payload: &[u8]) -> bool {
    const FIRST_CELT_ONLY_CONFIG: u8 = 16;
    let Some(&toc) = payload.first() else { return false };
    if toc >> 3 >= FIRST_CELT_ONLY_CONFIG {
        return false;
    }
    let Ok(parsed) = opus::packet::parse(payload) else { return false };
    let samples = opus::packet::get_samples_per_frame(payload, SAMPLE_RATE).unwrap_or(0);
    let activity_flags = (samples / FRAME_SAMPLES).clamp(1, 3);
    let first = parsed.frames.first().and_then(|frame| frame.first());
    first.is_some_and(|byte| byte >> (7 - activity_flags) & 1 == 1)
}
