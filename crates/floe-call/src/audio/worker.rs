//! The loop of the audio worker.
//!
//! Its clock of 20 ms runs from when there is audio to send or to play. Before that, while people exchange codes,
//! nothing is encoded or played: a microphone is looked at now and then for the sake of its meter, and without one the
//! worker sleeps.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

use floe_media::{
    AudioReceiver, AudioSender, FRAME_DURATION, FRAME_SAMPLES, Frame, FrameKind, InterruptionMeter, LevelMeter,
    RtcpSession, ToneMeter, WHOLLY_MADE_UP,
};
use floe_transport::{Clock, clock};
use floe_wire::note::AudioMeasure;
use tokio::sync::mpsc;

use super::{AudioInput, AudioOutput, sink::Sink, source::Source};
use crate::CallConfig;

/// How often counters and levels are told: meters look alive at five a second.
const MEASURE_TICKS: u64 = 10;
/// How often RTCP reports leave; RFC 3550 section 6.2 allows less than 5 s when its bandwidth share does (5 % of
/// 40 kb/s is 250 bytes a second, a report has about 100).
const REPORT_TICKS: u64 = 50;
/// A worker that was held up longer than this gives up the lost time and starts its clock anew.
const LATEST: Duration = Duration::from_millis(200);
/// A microphone may deliver frames in bursts; more than this per tick means that the worker was held up.
const BURST: usize = 4;
/// More than a microphone keeps.
const ALL: usize = 64;
/// Before there is audio to send, a microphone is listened to for its meter so often; it keeps twice as much.
const LISTEN_INTERVAL: Duration = Duration::from_millis(100);
/// A level before there is audio to send is news if it differs by so many decibels: the noise of a quiet room is none.
const LEVEL_STEP: f64 = 3.0;

/// Everything the audio worker owns.
pub(super) struct Worker {
    clock: Clock,
    source: Source,
    sink: Sink,
    codec: Option<Codec>,
    rtcp: RtcpSession,
    outputs: mpsc::Sender<AudioOutput>,
    input_dropped: Arc<AtomicU64>,
    output_dropped: u64,
    is_sending: bool,
    is_muted: bool,
    has_heard: bool,
    sent_level: LevelMeter,
    received_level: LevelMeter,
    tone: ToneMeter,
    interruptions: InterruptionMeter,
    last_measure: AudioMeasure,
    ticks: u64,
    /// There is audio to send or to play.
    is_running: bool,
}

/// Both directions of Opus.
struct Codec {
    sender: AudioSender,
    receiver: AudioReceiver,
}

impl Worker {
    pub fn new(
        config: &CallConfig,
        clock: Clock,
        (ssrc, seed): (u32, u64),
        outputs: mpsc::Sender<AudioOutput>,
        input_dropped: Arc<AtomicU64>,
    ) -> Self {
        let (source, source_trouble) = Source::open(&config.source);
        let (sink, sink_trouble) = Sink::open(&config.playback, config.record_wav.as_deref());
        let (codec, codec_trouble) = match Codec::new(ssrc, seed) {
            Ok(codec) => (Some(codec), None),
            Err(error) => (None, Some(format!("There is no audio in this call: {error}"))),
        };
        let mut worker = Self {
            clock,
            source,
            sink,
            codec,
            rtcp: RtcpSession::new(ssrc, format!("{seed:016x}")),
            outputs,
            input_dropped,
            output_dropped: 0,
            is_sending: false,
            is_muted: false,
            has_heard: false,
            sent_level: LevelMeter::new(),
            received_level: LevelMeter::new(),
            tone: ToneMeter::new(),
            interruptions: InterruptionMeter::default(),
            last_measure: AudioMeasure::default(),
            ticks: 0,
            is_running: false,
        };
        for trouble in [source_trouble, sink_trouble, codec_trouble].into_iter().flatten() {
            worker.emit(AudioOutput::Device { message: trouble });
        }
        worker
    }

    /// Runs until the session says stop or is gone.
    pub fn run(mut self, inputs: &Receiver<AudioInput>) {
        if !self.wait_for_audio(inputs) {
            return self.finish();
        }
        let mut next_tick = Instant::now();
        loop {
            match inputs.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
                Ok(AudioInput::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(input) => self.on_input(input),
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    self.tick(now);
                    next_tick += FRAME_DURATION;
                    if now > next_tick + LATEST {
                        next_tick = now + FRAME_DURATION;
                    }
                }
            }
        }
        self.finish();
    }

    /// Sleeps until there is audio to send or to play; `false` if the call ends first.
    fn wait_for_audio(&mut self, inputs: &Receiver<AudioInput>) -> bool {
        while !self.is_running {
            let input = if self.source.is_live() {
                inputs.recv_timeout(LISTEN_INTERVAL)
            } else {
                inputs.recv().map_err(RecvTimeoutError::from)
            };
            match input {
                Ok(AudioInput::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Ok(input) => self.on_input(input),
                Err(RecvTimeoutError::Timeout) => self.listen(Instant::now()),
            }
        }
        true
    }

    /// Runs until the session says stop or is gone, by the runtime's clock.
    pub async fn run_in_runtime(mut self, inputs: Receiver<AudioInput>) {
        let mut next_tick = clock::now();
        loop {
            tokio::time::sleep_until(next_tick.into()).await;
            loop {
                match inputs.try_recv() {
                    Ok(AudioInput::Stop) | Err(TryRecvError::Disconnected) => return self.finish(),
                    Ok(input) => self.on_input(input),
                    Err(TryRecvError::Empty) => break,
                }
            }
            if self.is_running {
                self.tick(next_tick);
            }
            next_tick += FRAME_DURATION;
        }
    }

    fn on_input(&mut self, input: AudioInput) {
        match input {
            AudioInput::Rtp { packet, at } => {
                self.start();
                if let Some(codec) = &mut self.codec
                    && let Err(error) = codec.receiver.push_rtp(&packet, at)
                {
                    tracing::debug!(%error, "RTP packet not used");
                }
            }
            AudioInput::Rtcp { packet } => self.on_rtcp(&packet),
            AudioInput::SetSource(source) => {
                let (source, trouble) = Source::open(&source);
                self.source = source;
                self.say(trouble);
            }
            AudioInput::SetPlayback(playback) => self.sink.set_playback(&playback),
            AudioInput::SetMuted(muted) => self.is_muted = muted,
            AudioInput::BeginSending => {
                self.start();
                self.is_sending = true;
            }
            AudioInput::Stop => {}
        }
    }

    fn on_rtcp(&mut self, packet: &[u8]) {
        match self.rtcp.handle(packet, self.clock.wall()) {
            Ok(news) => {
                if let (Some(codec), Some(lost)) = (&mut self.codec, news.remote_fraction_lost) {
                    codec.sender.set_expected_loss((lost * 100.0).ceil() as u8);
                }
                if news.bye {
                    self.emit(AudioOutput::PeerLeft);
                }
            }
            Err(error) => tracing::debug!(%error, "RTCP packet not used"),
        }
    }

    /// There is audio to send or to play. What was said into a microphone before is nobody's business.
    fn start(&mut self) {
        if !self.is_running && self.source.is_live() {
            self.capture(clock::now(), ALL);
        }
        self.is_running = true;
    }

    /// Follows a microphone that nobody hears yet: whether it works, and how loud it is.
    fn listen(&mut self, now: Instant) {
        self.capture(now, ALL);
        let level = self.sent_level.dbfs();
        let is_news = self.last_measure.sent_level_dbfs.is_none_or(|told| (level - told).abs() >= LEVEL_STEP);
        if is_news {
            self.tell_measure();
        }
    }

    fn tick(&mut self, now: Instant) {
        self.ticks += 1;
        self.capture(now, BURST);
        self.play(now);
        if self.ticks.is_multiple_of(MEASURE_TICKS) {
            self.tell_measure();
        }
        if self.is_sending && self.ticks.is_multiple_of(REPORT_TICKS) {
            self.report();
        }
    }

    fn capture(&mut self, now: Instant, most: usize) {
        let mut frames = Vec::new();
        let trouble = self.source.read(now, most, &mut frames);
        self.say(trouble);
        for mut frame in frames {
            if self.is_muted {
                frame.fill(0.0);
            }
            self.sent_level.push(&frame);
            if self.is_sending {
                self.send(&frame);
            }
        }
    }

    fn send(&mut self, frame: &Frame) {
        let Some(codec) = &mut self.codec else { return };
        match codec.sender.encode(frame) {
            Ok(packet) => self.emit(AudioOutput::Rtp(packet)),
            Err(error) => tracing::warn!(%error, "frame not encoded"),
        }
    }

    fn play(&mut self, now: Instant) {
        let mut frame = [0.0; FRAME_SAMPLES];
        let (kind, concealed) = match &mut self.codec {
            Some(codec) => codec.pull(now, &mut frame),
            None => (FrameKind::Silence, 0),
        };
        if kind == FrameKind::Silence && !self.has_heard {
            return;
        }
        if kind == FrameKind::Decoded && !self.has_heard {
            self.has_heard = true;
            self.emit(AudioOutput::FirstAudio);
        }
        self.received_level.push(&frame);
        self.tone.push(&frame);
        // A stream that begins anew is waited for in silence, which nobody conceals.
        let made_up = if kind == FrameKind::Silence { WHOLLY_MADE_UP } else { concealed };
        if let Some(interruption) = self.interruptions.push(made_up) {
            self.emit(AudioOutput::Interrupted(interruption));
        }
        let trouble = self.sink.write(now, &frame);
        self.say(trouble);
    }

    /// Tells counters and levels that changed; a call that waits for a person has none that do.
    fn tell_measure(&mut self) {
        let measure = self.measure();
        if measure != self.last_measure {
            self.last_measure = measure.clone();
            self.emit(AudioOutput::Measured(measure));
        }
    }

    fn measure(&mut self) -> AudioMeasure {
        let mut measure = AudioMeasure {
            sent_level_dbfs: Some(self.sent_level.dbfs()),
            rtcp_rtt_s: self.rtcp.rtt().map(|rtt| rtt.as_secs_f64()),
            remote_fraction_lost: self.rtcp.remote_fraction_lost(),
            frames_dropped: self.output_dropped + self.input_dropped.load(Ordering::Relaxed),
            ..AudioMeasure::default()
        };
        if let Some(codec) = &self.codec {
            let received = codec.receiver.stats();
            measure.packets_sent = codec.sender.stats().packets;
            measure.packets_received = received.packets_received;
            measure.packets_lost = received.packets_lost;
            measure.jitter_s = received.jitter_s;
            measure.concealed_samples = received.concealed_samples;
            measure.played_samples = received.played_samples;
            measure.fec_packets_used = received.fec_packets_used;
            measure.packets_late = received.packets_late;
            measure.buffer_ms = received.buffer_ms;
            measure.buffer_target_ms = received.buffer_target_ms;
        }
        if self.has_heard {
            measure.received_level_dbfs = Some(self.received_level.dbfs());
            measure.tone_hz = self.tone.hz();
            measure.device_queue_ms = self.sink.queued_ms();
        }
        measure
    }

    fn report(&mut self) {
        let Some(codec) = &self.codec else { return };
        let report = self.rtcp.report(&codec.sender.stats(), &codec.receiver.stats(), self.clock.wall());
        self.emit(AudioOutput::Rtcp(report));
    }

    fn say(&mut self, message: Option<String>) {
        if let Some(message) = message {
            self.emit(AudioOutput::Device { message });
        }
    }

    fn emit(&mut self, output: AudioOutput) {
        if self.outputs.try_send(output).is_err() {
            self.output_dropped += 1;
        }
    }

    fn finish(mut self) {
        if let Some(interruption) = self.interruptions.finish() {
            self.emit(AudioOutput::Interrupted(interruption));
        }
        self.tell_measure();
        if self.is_sending
            && let Some(codec) = &self.codec
        {
            let goodbye = self.rtcp.bye(&codec.sender.stats(), &codec.receiver.stats(), self.clock.wall());
            self.emit(AudioOutput::Rtcp(goodbye));
        }
        let Self { sink, outputs, .. } = self;
        if let Some(message) = sink.finish() {
            // The session that would show it may be gone already.
            let _ = outputs.try_send(AudioOutput::Device { message });
        }
    }
}

impl Codec {
    fn new(ssrc: u32, seed: u64) -> Result<Self, String> {
        let (sequence, timestamp) = first_numbers(seed);
        let sender = AudioSender::new(ssrc, sequence, timestamp).map_err(|error| error.to_string())?;
        let receiver = AudioReceiver::new().map_err(|error| error.to_string())?;
        Ok(Self { sender, receiver })
    }

    /// The next frame, with what it is and how many samples were made up for it.
    fn pull(&mut self, now: Instant, frame: &mut Frame) -> (FrameKind, u64) {
        let before = self.receiver.concealed_samples();
        let kind = self.receiver.pull_frame(now, frame);
        (kind, self.receiver.concealed_samples() - before)
    }
}

/// Random starts (RFC 3550 section 5.1) from independent bits of the seed. Sequence numbers begin in the lower half: what
/// is sent before the peer has its keys is lost, and if they wrapped in it, the peer could not know and would decrypt
/// nothing (RFC 3711 section 3.3.1).
fn first_numbers(seed: u64) -> (u16, u32) {
    ((seed >> 49) as u16, seed as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sequence_numbers_do_not_wrap_in_the_first_ten_minutes(seed in any::<u64>()) {
            prop_assert!(first_numbers(seed).0 < 1 << 15);
        }
    }

    #[test]
    fn both_numbers_differ_from_call_to_call() {
        assert_ne!(first_numbers(u64::MAX).0, first_numbers(u64::MAX >> 1).0);
        assert_ne!(first_numbers(1).1, first_numbers(2).1);
    }
}
