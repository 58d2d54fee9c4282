//! A sine tone without seams between frames.

use std::f64::consts::TAU;

use crate::{Frame, SAMPLE_RATE};

/// -12 dBFS: clearly audible and far from clipping after any processing.
const AMPLITUDE: f64 = 0.25;

/// A sine generator whose phase runs on from frame to frame.
#[derive(Debug, Clone)]
pub struct ToneSource {
    /// Frequency in Hz; changing it keeps the phase.
    pub hz: f64,
    /// Turns, 0 to 1; kept small so that hours of tone lose no precision.
    phase: f64,
}

impl ToneSource {
    /// A tone of this frequency, starting at a zero crossing.
    #[must_use]
    pub fn new(hz: f64) -> Self {
        Self { hz, phase: 0.0 }
    }

    /// Fills the next frame.
    pub fn read(&mut self, out: &mut Frame) {
        let step = self.hz / f64::from(SAMPLE_RATE);
        for sample in out {
            *sample = (AMPLITUDE * (self.phase * TAU).sin()) as f32;
            self.phase = (self.phase + step).rem_euclid(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME_SAMPLES;

    #[test]
    fn frames_join_without_a_seam_even_after_hours() {
        let mut tone = ToneSource::new(439.7);
        tone.phase = 0.123_456;
        let mut frames = Vec::new();
        let mut frame = [0.0; FRAME_SAMPLES];
        for _ in 0..500 {
            tone.read(&mut frame);
            frames.extend_from_slice(&frame);
        }
        let largest_step = frames.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        let steepest = (AMPLITUDE * TAU * 439.7 / 48_000.0) as f32;
        assert!(largest_step <= steepest * 1.001, "{largest_step} > {steepest}");
    }
}
