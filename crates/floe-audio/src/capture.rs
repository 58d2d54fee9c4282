//! A microphone.

use floe_media::{FRAME_SAMPLES, Frame, LevelMeter, Resampler, SAMPLE_RATE};
use rtrb::Consumer;

use crate::{AudioError, DeviceCounters, DeviceTrouble, Direction, stream::OpenStream};

/// A reader this far behind was stopped; what is older than the limit below is of no use to a conversation.
const MOST_BEHIND: usize = SAMPLE_RATE as usize / 5;

/// What is kept then.
const KEPT: usize = SAMPLE_RATE as usize / 25;

/// An open input device.
pub struct Capture {
    stream: OpenStream,
    reader: CaptureReader,
}

impl Capture {
    /// Opens a device by its stored id, or the system's default; blocks for up to five seconds.
    ///
    /// # Errors
    /// When there is no such device or it cannot be opened.
    pub fn open(id: Option<&str>) -> Result<Self, AudioError> {
        let (stream, ring) = OpenStream::input(id)?;
        let reader = CaptureReader::new(ring, stream.rate)?;
        Ok(Self { stream, reader })
    }

    /// Takes the next 20 ms; `false` if they are not there yet. To follow the device's clock, read until `false`.
    pub fn read(&mut self, out: &mut Frame) -> bool {
        let (was_there, dropped) = self.reader.read(out);
        if dropped > 0 {
            self.stream.shared.count_dropped(dropped);
        }
        was_there
    }

    /// The level of what was read, in dBFS.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.reader.level.dbfs()
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

    /// What the system says lies between the air and us, in milliseconds.
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

/// Turns the ring's samples into frames.
struct CaptureReader {
    ring: Consumer<f32>,
    resampler: Resampler,
    raw: Vec<f32>,
    ready: Vec<f32>,
    level: LevelMeter,
}

impl CaptureReader {
    fn new(ring: Consumer<f32>, rate: u32) -> Result<Self, AudioError> {
        let resampler = Resampler::new(rate, SAMPLE_RATE)
            .map_err(|error| AudioError::Refused { direction: Direction::Input, reason: error.to_string() })?;
        Ok(Self { ring, resampler, raw: Vec::new(), ready: Vec::new(), level: LevelMeter::new() })
    }

    /// Whether a frame was there, and how many samples were too old.
    fn read(&mut self, out: &mut Frame) -> (bool, usize) {
        self.raw.clear();
        self.raw.extend(std::iter::from_fn(|| self.ring.pop().ok()));
        self.resampler.process(&self.raw, &mut self.ready);
        let dropped = if self.ready.len() > MOST_BEHIND { self.ready.len() - KEPT } else { 0 };
        self.ready.drain(..dropped);
        if self.ready.len() < FRAME_SAMPLES {
            return (false, dropped);
        }
        out.copy_from_slice(&self.ready[..FRAME_SAMPLES]);
        self.ready.drain(..FRAME_SAMPLES);
        self.level.push(out);
        (true, dropped)
    }
}

#[cfg(test)]
mod tests {
    use floe_media::ToneMeter;
    use rtrb::RingBuffer;

    use super::*;

    fn push_tone(ring: &mut rtrb::Producer<f32>, rate: u32, from: usize, samples: usize) {
        for n in from..from + samples {
            let turns = 440.0 * n as f64 / f64::from(rate);
            ring.push((0.25 * (turns * std::f64::consts::TAU).sin()) as f32).unwrap();
        }
    }

    #[test]
    fn frames_come_at_48_khz_from_any_device_rate() {
        for rate in [8_000u32, 44_100, 48_000, 96_000] {
            let (mut device, ring) = RingBuffer::new(rate as usize);
            let mut reader = CaptureReader::new(ring, rate).unwrap();
            let (mut frame, mut frames, mut meter) = ([0.0; FRAME_SAMPLES], 0, ToneMeter::new());
            let per_callback = rate as usize / 100;
            for callback in 0..100 {
                push_tone(&mut device, rate, callback * per_callback, per_callback);
                while reader.read(&mut frame).0 {
                    frames += 1;
                    meter.push(&frame);
                }
            }
            assert!((48..=50).contains(&frames), "{frames} frames from a second at {rate} Hz");
            assert!(meter.hz().is_some_and(|hz| (hz - 440.0).abs() < 0.5), "at {rate} Hz");
            assert!((reader.level.dbfs() - -15.05).abs() < 0.5);
        }
    }

    #[test]
    fn a_reader_that_was_stopped_goes_on_with_what_is_recent() {
        let (mut device, ring) = RingBuffer::new(48_000);
        let mut reader = CaptureReader::new(ring, 48_000).unwrap();
        push_tone(&mut device, 48_000, 0, 48_000);
        let mut frame = [0.0; FRAME_SAMPLES];
        assert_eq!(reader.read(&mut frame), (true, 48_000 - KEPT));
        assert_eq!(reader.read(&mut frame), (true, 0));
        assert_eq!(reader.read(&mut frame), (false, 0));
    }
}
