//! Finds the tone in audio and tells its frequency.

use std::{collections::VecDeque, f64::consts::TAU};

use crate::{SAMPLE_RATE, level::rms_dbfs};

/// Half a second at the reduced rate: 2 Hz of resolution, refined below to a hundredth.
const WINDOW: usize = 4096;

/// 48 kHz / 6: tones up to 3.5 kHz, at a sixth of the work.
const REDUCTION: usize = 6;

/// Rate after reduction.
const RATE: f64 = SAMPLE_RATE as f64 / REDUCTION as f64;

/// Quieter than this is silence.
const LEAST_DBFS: f64 = -60.0;

/// The part of the window's energy that must lie in the tone. White noise has one percent in its strongest bin, a held
/// vowel up to a fifth; a tone with every fifth packet concealed keeps more than a third.
const LEAST_SHARE: f64 = 0.25;

/// Where tones are looked for: above hum and below the reduction filter's slope.
const RANGE_HZ: (f64, f64) = (60.0, 3400.0);

/// Measures the frequency of a tone.
#[derive(Debug, Clone)]
pub struct ToneMeter {
    reducer: Reducer,
    window: VecDeque<f32>,
}

impl Default for ToneMeter {
    fn default() -> Self {
        Self::new()
    }
}

impl ToneMeter {
    /// A meter that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { reducer: Reducer::new(), window: VecDeque::with_capacity(WINDOW) }
    }

    /// Listens to the next samples at 48 kHz.
    pub fn push(&mut self, samples: &[f32]) {
        for &sample in samples {
            if let Some(reduced) = self.reducer.push(sample) {
                if self.window.len() == WINDOW {
                    self.window.pop_front();
                }
                self.window.push_back(reduced);
            }
        }
    }

    /// The tone's frequency in Hz over the last half second; `None` in silence or noise, and before that much was
    /// heard. Takes about a millisecond: ask a few times a second.
    #[must_use]
    pub fn hz(&self) -> Option<f64> {
        if self.window.len() < WINDOW {
            return None;
        }
        let samples: Vec<f32> = self.window.iter().copied().collect();
        if rms_dbfs(&samples) < LEAST_DBFS {
            return None;
        }
        let windowed = hann(&samples);
        let total: f64 = windowed.iter().map(|sample| sample * sample).sum();
        let coarse = strongest_bin(&windowed)?;
        let hz = climb(&windowed, coarse);
        (share(&windowed, hz, total) >= LEAST_SHARE).then_some(hz)
    }
}

fn hann(samples: &[f32]) -> Vec<f64> {
    let step = TAU / samples.len() as f64;
    samples.iter().enumerate().map(|(n, &sample)| f64::from(sample) * (0.5 - 0.5 * (step * n as f64).cos())).collect()
}

/// The frequency of the strongest bin in range.
fn strongest_bin(windowed: &[f64]) -> Option<f64> {
    let bin = RATE / WINDOW as f64;
    let spectrum = Spectrum::of(windowed);
    let first = (RANGE_HZ.0 / bin) as usize;
    let last = (RANGE_HZ.1 / bin) as usize;
    let strongest = (first..=last).max_by(|&a, &b| spectrum.power(a).total_cmp(&spectrum.power(b)))?;
    Some(strongest as f64 * bin)
}

/// Narrows the peak down to a hundredth of a hertz.
fn climb(windowed: &[f64], coarse: f64) -> f64 {
    let mut centre = coarse;
    let mut step = RATE / WINDOW as f64 / 2.0;
    while step > 0.01 {
        let candidates = [centre - step, centre, centre + step];
        let strongest = candidates.into_iter().max_by(|&a, &b| power(windowed, a).total_cmp(&power(windowed, b)));
        centre = strongest.unwrap_or(centre);
        step /= 2.0;
    }
    centre
}

/// The part of the energy that a pure tone of this frequency would explain.
fn share(windowed: &[f64], hz: f64, total: f64) -> f64 {
    // A tone of amplitude A under a Hann window has power (A·N/4)² at its peak and energy A²·3N/16.
    let explained = power(windowed, hz) * 3.0 / windowed.len() as f64;
    explained / total.max(f64::MIN_POSITIVE)
}

/// Squared magnitude at one frequency (Goertzel).
fn power(windowed: &[f64], hz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hz / RATE).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for &sample in windowed {
        let next = sample + coefficient * one - two;
        two = one;
        one = next;
    }
    one * one + two * two - coefficient * one * two
}

/// A radix-2 Fourier transform, small enough not to need a library.
struct Spectrum {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl Spectrum {
    /// Transforms a power of two of samples.
    fn of(samples: &[f64]) -> Self {
        let len = samples.len();
        let bits = len.trailing_zeros();
        let reversed = |index: usize| index.reverse_bits() >> (usize::BITS - bits);
        let re = (0..len).map(|index| samples[reversed(index)]).collect();
        let mut spectrum = Self { re, im: vec![0.0; len] };
        let mut half = 1;
        while half < len {
            spectrum.pass(half);
            half *= 2;
        }
        spectrum
    }

    fn power(&self, bin: usize) -> f64 {
        self.re[bin].powi(2) + self.im[bin].powi(2)
    }

    fn pass(&mut self, half: usize) {
        for offset in 0..half {
            let (sin, cos) = (-TAU * offset as f64 / (2 * half) as f64).sin_cos();
            for low in (offset..self.re.len()).step_by(2 * half) {
                let high = low + half;
                let re = self.re[high] * cos - self.im[high] * sin;
                let im = self.re[high] * sin + self.im[high] * cos;
                self.re[high] = self.re[low] - re;
                self.im[high] = self.im[low] - im;
                self.re[low] += re;
                self.im[low] += im;
            }
        }
    }
}

/// Keeps every sixth sample behind a low-pass filter.
#[derive(Debug, Clone)]
struct Reducer {
    taps: [f32; Reducer::TAPS],
    recent: [f32; Reducer::TAPS],
    at: usize,
    phase: usize,
}

impl Reducer {
    const TAPS: usize = 64;

    fn new() -> Self {
        let cutoff = 0.5 / REDUCTION as f64;
        let middle = (Self::TAPS - 1) as f64 / 2.0;
        let tap = |n: usize| {
            let x = n as f64 - middle;
            let sinc = (TAU * cutoff * x).sin() / (TAU / 2.0 * x);
            let window = 0.54 - 0.46 * (TAU * n as f64 / (Self::TAPS - 1) as f64).cos();
            (sinc * window) as f32
        };
        Self { taps: std::array::from_fn(tap), recent: [0.0; Self::TAPS], at: 0, phase: 0 }
    }

    fn push(&mut self, sample: f32) -> Option<f32> {
        self.recent[self.at] = if sample.is_finite() { sample } else { 0.0 };
        self.at = (self.at + 1) % Self::TAPS;
        self.phase = (self.phase + 1) % REDUCTION;
        let (newer, older) = self.recent.split_at(self.at);
        let in_order = older.iter().chain(newer);
        (self.phase == 0).then(|| in_order.zip(&self.taps).map(|(sample, tap)| sample * tap).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FRAME_SAMPLES, ToneSource};

    /// A seeded noise generator, -0.5 to 0.5.
    fn noise(seed: &mut u32) -> f32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / 16_777_216.0 - 0.5
    }

    fn measure(hz: f64, frames: usize, noise_level: f32) -> Option<f64> {
        let (mut tone, mut meter, mut seed) = (ToneSource::new(hz), ToneMeter::new(), 7);
        let mut frame = [0.0; FRAME_SAMPLES];
        for _ in 0..frames {
            tone.read(&mut frame);
            frame.iter_mut().for_each(|sample| *sample += noise_level * noise(&mut seed));
            meter.push(&frame);
        }
        meter.hz()
    }

    #[test]
    fn tones_are_measured_to_a_tenth_of_a_hertz() {
        for hz in [100.0, 439.3, 440.0, 441.2, 1000.0, 3000.5] {
            let measured = measure(hz, 30, 0.0).unwrap();
            assert!((measured - hz).abs() < 0.1, "{measured} instead of {hz}");
        }
    }

    #[test]
    fn a_tone_is_found_under_noise() {
        let measured = measure(440.0, 30, 0.3).unwrap();
        assert!((measured - 440.0).abs() < 0.5, "{measured}");
    }

    #[test]
    fn noise_silence_and_too_short_a_listen_have_no_tone() {
        assert_eq!(measure(440.0, 20, 0.0), None, "400 ms");
        let mut meter = ToneMeter::new();
        meter.push(&[0.0; 48_000]);
        assert_eq!(meter.hz(), None, "silence");
        let mut seed = 3;
        let hiss: Vec<f32> = (0..48_000).map(|_| noise(&mut seed)).collect();
        meter.push(&hiss);
        assert_eq!(meter.hz(), None, "noise");
        meter.push(&[f32::NAN; 48_000]);
        assert_eq!(meter.hz(), None, "garbage");
    }
}
