//! Streaming conversion of mono audio between sample rates, with a ratio that can be trimmed to follow a clock.

use rubato::{
    Adjustable, Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
    audioadapter_buffers::direct::InterleavedSlice,
};
use thiserror::Error;

/// Samples per step: 5 ms at 48 kHz, so that conversion adds little delay.
const CHUNK: usize = 240;

/// A quarter of the length usual for music; speech does not reach where it differs.
const FILTER_LEN: usize = 64;

/// How far the ratio may be trimmed.
const MOST_TRIM: f64 = 1.02;

/// Rates outside are no audio device's and no file's.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// Converts a mono stream from one rate to another.
pub struct Resampler {
    /// `None` while both rates are the same and no trim was asked for: samples pass untouched.
    inner: Option<Async<f32>>,
    from: u32,
    to: u32,
    pending: Vec<f32>,
    produced: Vec<f32>,
}

/// A conversion that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot convert audio from {from} Hz to {to} Hz")]
pub struct RateError {
    /// Rate of what goes in.
    pub from: u32,
    /// Rate of what should come out.
    pub to: u32,
}

impl Resampler {
    /// A converter; samples pass untouched if the rates are equal.
    ///
    /// # Errors
    /// When a rate is outside of 1 to 768 kHz.
    pub fn new(from: u32, to: u32) -> Result<Self, RateError> {
        if !RATES.contains(&from) || !RATES.contains(&to) {
            return Err(RateError { from, to });
        }
        let inner = if from == to { None } else { Some(converter(from, to)?) };
        Ok(Self { inner, from, to, pending: Vec::new(), produced: Vec::new() })
    }

    /// A converter whose ratio will be trimmed, even between equal rates.
    ///
    /// # Errors
    /// When a rate is outside of 1 to 768 kHz.
    pub fn trimmable(from: u32, to: u32) -> Result<Self, RateError> {
        let plain = Self::new(from, to)?;
        let inner = Some(converter(from, to)?);
        Ok(Self { inner, ..plain })
    }

    /// Makes the output longer (above 1) or shorter by this factor, from the next step on; at most 2 %.
    pub fn set_trim(&mut self, factor: f64) {
        let factor = if factor.is_finite() { factor.clamp(1.0 / MOST_TRIM, MOST_TRIM) } else { 1.0 };
        if let Some(inner) = &mut self.inner {
            // Cannot be refused: the clamp is the bound given at construction.
            let _ = inner.set_resample_ratio_relative(factor, true);
        }
    }

    /// Converts what was given and appends what is ready to `out`; up to 5 ms stay behind.
    pub fn process(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let Some(inner) = &mut self.inner else {
            out.extend_from_slice(samples);
            return;
        };
        self.pending.extend_from_slice(samples);
        let mut used = 0;
        while self.pending.len() - used >= inner.input_frames_next() {
            self.produced.resize(inner.output_frames_max(), 0.0);
            let Some((read, written)) = step(inner, &self.pending[used..], &mut self.produced) else { break };
            used += read;
            out.extend_from_slice(&self.produced[..written]);
        }
        self.pending.drain(..used);
    }

    /// How much later the output is than the input, in samples of the output.
    #[must_use]
    pub fn delay(&self) -> usize {
        self.inner.as_ref().map_or(0, |inner| inner.output_delay())
    }

    /// Rate of what goes in.
    #[must_use]
    pub fn from_rate(&self) -> u32 {
        self.from
    }

    /// Rate of what comes out.
    #[must_use]
    pub fn to_rate(&self) -> u32 {
        self.to
    }
}

fn converter(from: u32, to: u32) -> Result<Async<f32>, RateError> {
    let parameters = SincInterpolationParameters::new(FILTER_LEN, WindowFunction::BlackmanHarris2)
        .interpolation(SincInterpolationType::Quadratic);
    let ratio = f64::from(to) / f64::from(from);
    Async::new_sinc(ratio, MOST_TRIM, &parameters, CHUNK, 1, FixedAsync::Input).map_err(|_| RateError { from, to })
}

/// One step of the converter; `None` only if the buffers contradict their own lengths.
fn step(inner: &mut Async<f32>, input: &[f32], output: &mut [f32]) -> Option<(usize, usize)> {
    let (given, room) = (input.len(), output.len());
    let input = InterleavedSlice::new(input, 1, given).ok()?;
    let mut output = InterleavedSlice::new_mut(output, 1, room).ok()?;
    inner.process_into_buffer(&input, &mut output, None).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FRAME_SAMPLES, ToneMeter, ToneSource};

    fn tone(samples: usize) -> Vec<f32> {
        let (mut source, mut all, mut frame) = (ToneSource::new(440.0), Vec::new(), [0.0; FRAME_SAMPLES]);
        while all.len() < samples {
            source.read(&mut frame);
            all.extend_from_slice(&frame);
        }
        all
    }

    #[test]
    fn length_and_pitch_are_right_at_any_rate() {
        let input = tone(96_000);
        for rate in [8_000, 11_025, 44_100, 96_000, 192_000] {
            let (mut there, mut back) = (Resampler::new(48_000, rate).unwrap(), Resampler::new(rate, 48_000).unwrap());
            let (mut device, mut heard) = (Vec::new(), Vec::new());
            for piece in input.chunks(317) {
                there.process(piece, &mut device);
            }
            back.process(&device, &mut heard);
            let expected = input.len() as f64 * f64::from(rate) / 48_000.0;
            assert!((device.len() as f64 - expected).abs() < f64::from(rate) / 50.0, "{} at {rate}", device.len());
            let mut meter = ToneMeter::new();
            meter.push(&heard);
            let hz = meter.hz().unwrap();
            assert!((hz - 440.0).abs() < 0.1, "{hz} Hz through {rate}");
        }
    }

    #[test]
    fn equal_rates_pass_samples_untouched() {
        let mut same = Resampler::new(48_000, 48_000).unwrap();
        let mut out = Vec::new();
        same.process(&[0.1, 0.2, 0.3], &mut out);
        assert_eq!((out.as_slice(), same.delay()), ([0.1, 0.2, 0.3].as_slice(), 0));
    }

    #[test]
    fn a_trim_changes_the_length_by_its_factor() {
        let mut resampler = Resampler::trimmable(48_000, 48_000).unwrap();
        resampler.set_trim(1.001);
        let mut out = Vec::new();
        resampler.process(&tone(480_000), &mut out);
        let factor = out.len() as f64 / 480_000.0;
        assert!((factor - 1.001).abs() < 0.0003, "{factor}");
        resampler.set_trim(f64::NAN);
        resampler.set_trim(99.0);
    }

    #[test]
    fn absurd_rates_are_refused() {
        assert_eq!(Resampler::new(0, 48_000).err(), Some(RateError { from: 0, to: 48_000 }));
        assert!(Resampler::new(48_000, u32::MAX).is_err());
    }
}
