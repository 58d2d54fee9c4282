//! A loudspeaker.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use floe_media::{Frame, Resampler, SAMPLE_RATE};
use rtrb::Producer;

use crate::{
    AudioError, DeviceCounters, DeviceTrouble, Direction,
    pacer::{Pace, Pacer},
    shared::Shared,
    stream::OpenStream,
};

/// What the queue holds before a write at least: half a frame, for a worker that comes late.
const SPARE_MS: f64 = 10.0;

/// Writes over which the device's largest bite is remembered: a second. Many devices take one large bite at the start.
const BITE_WINDOW: u32 = 50;

/// An open output device.
pub struct Playout {
    stream: OpenStream,
    writer: PlayoutWriter,
}

impl Playout {
    /// Opens a device by its stored id, or the system's default; blocks for up to five seconds.
    ///
    /// # Errors
    /// When there is no such device or it cannot be opened.
    pub fn open(id: Option<&str>) -> Result<Self, AudioError> {
        let (stream, ring) = OpenStream::output(id)?;
        let writer = PlayoutWriter::new(ring, stream.rate, stream.shared.clone())?;
        Ok(Self { stream, writer })
    }

    /// Queues the next 20 ms, slightly stretched or squeezed to follow the device's clock; to be called every 20 ms.
    pub fn write(&mut self, frame: &Frame) {
        self.writer.write(frame);
    }

    /// What waits to be played, in milliseconds.
    #[must_use]
    pub fn queued_ms(&self) -> f64 {
        self.writer.queued_ms()
    }

    /// What ended the stream, if something did.
    #[must_use]
    pub fn trouble(&self) -> Option<DeviceTrouble> {
        self.stream.shared.trouble()
    }

    /// What was counted since opening.
    #[must_use]
    pub fn counters(&self) -> DeviceCounters {
        self.stream.shared.counters()
    }

    /// What the system says lies between us and the air, in milliseconds.
    #[must_use]
    pub fn latency_ms(&self) -> f64 {
        self.stream.shared.latency_ms()
    }

    /// The device's own rate.
    #[must_use]
    pub fn device_rate(&self) -> u32 {
        self.stream.rate
    }
}

/// Turns frames into the ring's samples.
struct PlayoutWriter {
    ring: Producer<f32>,
    rate: u32,
    shared: Arc<Shared>,
    resampler: Resampler,
    pacer: Pacer,
    converted: Vec<f32>,
    bite: Bite,
}

/// The largest number of sample frames that the device took at once lately.
#[derive(Default)]
struct Bite {
    writes: u32,
    before: u32,
    lately: u32,
}

impl Bite {
    /// Takes the largest bite since the last write.
    fn observe(&mut self, largest: u32) -> u32 {
        self.writes += 1;
        if self.writes == BITE_WINDOW {
            *self = Self { writes: 0, before: self.lately, lately: 0 };
        }
        self.lately = self.lately.max(largest);
        self.lately.max(self.before)
    }
}

impl PlayoutWriter {
    fn new(ring: Producer<f32>, rate: u32, shared: Arc<Shared>) -> Result<Self, AudioError> {
        let resampler = Resampler::trimmable(SAMPLE_RATE, rate)
            .map_err(|error| AudioError::Refused { direction: Direction::Output, reason: error.to_string() })?;
        Ok(Self {
            ring,
            rate,
            shared,
            resampler,
            pacer: Pacer::default(),
            converted: Vec::new(),
            bite: Bite::default(),
        })
    }

    fn write(&mut self, frame: &Frame) {
        let target_ms = self.aim();
        if !self.shared.primed.load(Relaxed) {
            self.pacer.restart();
        }
        match self.pacer.pace(self.queued_ms(), target_ms) {
            Pace::Drop => self.shared.count_dropped(frame.len()),
            Pace::Stretch(factor) => {
                self.resampler.set_trim(factor);
                self.push(frame);
            }
        }
    }

    fn push(&mut self, frame: &Frame) {
        self.converted.clear();
        self.resampler.process(frame, &mut self.converted);
        let room = self.ring.slots().min(self.converted.len());
        for &sample in &self.converted[..room] {
            // There is room: only this end fills the ring.
            let _ = self.ring.push(sample);
        }
        if room < self.converted.len() {
            self.shared.count_dropped(self.converted.len() - room);
        }
    }

    fn queued_ms(&self) -> f64 {
        let queued = self.ring.buffer().capacity() - self.ring.slots();
        queued as f64 * 1000.0 / f64::from(self.rate)
    }

    /// What should be queued before a write: enough for the largest bite that the device takes at once. The callback
    /// starts with that and a frame.
    fn aim(&mut self) -> f64 {
        let bite = self.bite.observe(self.shared.largest_callback.swap(0, Relaxed));
        let target_ms = SPARE_MS + f64::from(bite) * 1000.0 / f64::from(self.rate);
        let prime = target_ms / 1000.0 * f64::from(self.rate) + frame_at(self.rate);
        self.shared.prime.store(prime as u32, Relaxed);
        target_ms
    }
}

fn frame_at(rate: u32) -> f64 {
    f64::from(rate) * floe_media::FRAME_DURATION.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use floe_media::{FRAME_SAMPLES, ToneMeter, ToneSource};
    use rtrb::{Consumer, RingBuffer};

    use super::*;
    use crate::callback;

    struct Rig {
        writer: PlayoutWriter,
        ring: Consumer<f32>,
        shared: Arc<Shared>,
        tone: ToneSource,
        frame: Frame,
    }

    impl Rig {
        fn new(rate: u32) -> Self {
            let (producer, ring) = RingBuffer::new(rate as usize);
            let shared = Arc::new(Shared::default());
            let writer = PlayoutWriter::new(producer, rate, shared.clone()).unwrap();
            Self { writer, ring, shared, tone: ToneSource::new(440.0), frame: [0.0; FRAME_SAMPLES] }
        }

        fn write(&mut self) {
            self.tone.read(&mut self.frame);
            self.writer.write(&self.frame);
        }

        fn play(&mut self, samples: usize) -> Vec<f32> {
            let mut device = vec![0.0f32; samples];
            callback::play(&mut device, 1, 0, &mut self.ring, &self.shared);
            device
        }
    }

    /// Ten seconds per call against a device of this rate that is this fast; returns what was played.
    fn play_for(rig: &mut Rig, rate: f64, callback: usize, seconds: usize) -> Vec<f32> {
        let (mut played, mut due) = (Vec::new(), 0.0);
        for _ in 0..seconds * 50 {
            rig.write();
            due += rate / 50.0;
            while due >= callback as f64 {
                due -= callback as f64;
                played.extend(rig.play(callback));
            }
        }
        played
    }

    #[test]
    fn a_tone_is_played_without_a_gap_at_any_rate_drift_and_callback_size() {
        for (rate, ppm, callback) in [
            (48_000u32, 0.0, 480),
            (48_000, 200.0, 480),
            (44_100, -200.0, 441),
            (48_000, 200.0, 2048),
            (96_000, 0.0, 512),
        ] {
            let mut rig = Rig::new(rate);
            let real_rate = f64::from(rate) * (1.0 + ppm / 1e6);
            play_for(&mut rig, real_rate, callback, 30);
            let before = rig.shared.counters();
            let played = play_for(&mut rig, real_rate, callback, 60);
            let after = rig.shared.counters();
            let case = format!("{rate} Hz, {ppm} ppm, callbacks of {callback}: {after:?}");
            assert_eq!(after.underruns, before.underruns, "{case}");
            assert_eq!(after.samples_dropped, 0, "{case}");
            let steepest = 0.25 * std::f32::consts::TAU * 440.0 / rate as f32;
            let steep = played.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(steep < steepest * 1.05, "a step of {steep}: {case}");
            let queued = rig.writer.queued_ms();
            let bite_ms = callback as f64 * 1000.0 / f64::from(rate);
            assert!(queued < SPARE_MS + 2.0 * bite_ms + 25.0, "{queued} ms queued: {case}");
        }
    }

    #[test]
    fn one_large_bite_at_the_start_does_not_keep_the_queue_long() {
        let mut bite = Bite::default();
        assert_eq!(bite.observe(4096), 4096);
        let last = (0..2 * BITE_WINDOW).map(|_| bite.observe(480)).last();
        assert_eq!(last, Some(480));
    }

    #[test]
    fn the_tone_keeps_its_pitch() {
        let mut rig = Rig::new(48_000);
        let played = play_for(&mut rig, 48_000.0 * 1.0002, 480, 20);
        let mut meter = ToneMeter::new();
        meter.push(&played);
        assert!(meter.hz().is_some_and(|hz| (hz - 440.0).abs() < 0.5), "{:?}", meter.hz());
    }

    #[test]
    fn a_device_that_does_not_play_costs_bounded_memory_and_delay() {
        let mut rig = Rig::new(48_000);
        for _ in 0..500 {
            rig.write();
        }
        assert!(rig.writer.queued_ms() < 120.0, "{}", rig.writer.queued_ms());
        assert!(rig.shared.counters().samples_dropped > 0);
        play_for(&mut rig, 48_000.0, 480, 5);
        assert!(rig.writer.queued_ms() < 60.0, "{}", rig.writer.queued_ms());
    }
}
