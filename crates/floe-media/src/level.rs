//! A level meter in dBFS.

use crate::SAMPLE_RATE;

/// What the meter shows for digital silence.
pub const SILENCE_DBFS: f64 = -100.0;

/// How fast the shown level falls after a peak, in dB per second (a peak programme meter falls about 12).
const DECAY_DB_PER_S: f64 = 15.0;

/// The RMS level that rises at once and falls slowly, so that a glance at 10 Hz misses no syllable.
#[derive(Debug, Clone)]
pub struct LevelMeter {
    dbfs: f64,
}

impl Default for LevelMeter {
    fn default() -> Self {
        Self::new()
    }
}

impl LevelMeter {
    /// A meter that shows silence.
    #[must_use]
    pub fn new() -> Self {
        Self { dbfs: SILENCE_DBFS }
    }

    /// Measures the next samples at 48 kHz.
    pub fn push(&mut self, samples: &[f32]) {
        if samples.is_empty() {
            return;
        }
        let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
        let fallen = self.dbfs - DECAY_DB_PER_S * seconds;
        self.dbfs = rms_dbfs(samples).max(fallen).max(SILENCE_DBFS);
    }

    /// The level to show: 0 is a full-scale square wave, a full-scale sine is -3.
    #[must_use]
    pub fn dbfs(&self) -> f64 {
        self.dbfs
    }
}

/// RMS level of some samples in dBFS, not below [`SILENCE_DBFS`].
#[must_use]
pub fn rms_dbfs(samples: &[f32]) -> f64 {
    let energy: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).filter(|square| square.is_finite()).sum();
    let mean = energy / samples.len().max(1) as f64;
    (10.0 * mean.log10()).max(SILENCE_DBFS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FRAME_SAMPLES, ToneSource};

    #[test]
    fn a_tone_at_a_quarter_of_full_scale_reads_minus_15_dbfs() {
        let mut frame = [0.0; FRAME_SAMPLES];
        ToneSource::new(1000.0).read(&mut frame);
        let mut meter = LevelMeter::new();
        meter.push(&frame);
        assert!((meter.dbfs() - -15.05).abs() < 0.1, "{}", meter.dbfs());
    }

    #[test]
    fn the_level_falls_slowly_to_silence() {
        let mut meter = LevelMeter::new();
        meter.push(&[1.0; FRAME_SAMPLES]);
        assert!(meter.dbfs().abs() < 1e-9);
        for _ in 0..50 {
            meter.push(&[0.0; FRAME_SAMPLES]);
        }
        assert!((meter.dbfs() - -DECAY_DB_PER_S).abs() < 1e-6, "{}", meter.dbfs());
        for _ in 0..500 {
            meter.push(&[0.0; FRAME_SAMPLES]);
        }
        assert_eq!(meter.dbfs(), SILENCE_DBFS);
    }

    #[test]
    fn broken_samples_do_not_stick_in_the_meter() {
        let mut meter = LevelMeter::new();
        meter.push(&[f32::NAN, f32::INFINITY, 0.0]);
        assert_eq!(meter.dbfs(), SILENCE_DBFS);
    }
}
