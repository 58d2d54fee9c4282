//! Keeps a playout's queue near its target although the device's clock and ours differ.
//!
//! Each write looks at the queue. Its average is steered by stretching or squeezing the audio by a few tenths of a
//! percent, which is not heard; a queue far too long (the device stood still) is cut by dropping frames.

/// Weight of the newest queue length: an average over about a second.
const WEIGHT: f64 = 0.02;

/// Stretch per millisecond off the target: 10 ms are made good within some 10 s, 200 ppm of drift cost 1 ms.
const GAIN_PER_MS: f64 = 0.0002;

/// Half a percent: a twelfth of a semitone.
const MOST_STRETCH: f64 = 0.005;

/// This far above the target, frames are dropped until it is reached.
const CUT_ABOVE_MS: f64 = 60.0;

/// What to do with the next frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Play it, longer (above 1) or shorter by this factor.
    Stretch(f64),
    /// Drop it.
    Drop,
}

/// Decides about frames.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    average_ms: Option<f64>,
    cutting: bool,
}

impl Pacer {
    /// Decides about the next frame with this much queued before it.
    pub(crate) fn pace(&mut self, queued_ms: f64, target_ms: f64) -> Pace {
        if queued_ms > target_ms + CUT_ABOVE_MS {
            self.cutting = true;
        }
        if self.cutting && queued_ms > target_ms {
            return Pace::Drop;
        }
        if self.cutting {
            self.cutting = false;
            self.average_ms = None;
        }
        let average = self.average_ms.get_or_insert(queued_ms);
        *average += WEIGHT * (queued_ms - *average);
        let error = *average - target_ms;
        Pace::Stretch(1.0 - (GAIN_PER_MS * error).clamp(-MOST_STRETCH, MOST_STRETCH))
    }

    /// Forgets the average after the queue ran dry.
    pub(crate) fn restart(&mut self) {
        self.average_ms = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten minutes against a device whose clock is this fast, with 10 ms callbacks; returns the queue's extremes in
    /// the second half, seen before each write.
    fn play_against(ppm: f64) -> (f64, f64) {
        let (mut pacer, mut queued, mut extremes) = (Pacer::default(), 30.0f64, (f64::MAX, f64::MIN));
        for frame in 0..30_000 {
            if frame > 15_000 {
                extremes = (extremes.0.min(queued), extremes.1.max(queued));
            }
            match pacer.pace(queued, 20.0) {
                Pace::Stretch(factor) => queued += 20.0 * factor,
                Pace::Drop => panic!("dropped at {queued} ms"),
            }
            queued = (queued - 20.0 * (1.0 + ppm / 1e6)).max(0.0);
        }
        extremes
    }

    #[test]
    fn drift_is_followed_within_two_milliseconds() {
        for ppm in [-300.0, -200.0, 0.0, 200.0, 300.0] {
            let (least, most) = play_against(ppm);
            assert!(least > 18.0 && most < 22.0, "{least} to {most} ms at {ppm} ppm");
        }
    }

    #[test]
    fn a_device_that_stood_still_costs_one_cut() {
        let mut pacer = Pacer::default();
        let paces: Vec<_> = [30.0, 81.0, 61.0, 41.0, 21.0, 19.0].map(|queued| pacer.pace(queued, 20.0)).into();
        assert!(matches!(paces[0], Pace::Stretch(_)));
        assert_eq!(paces[1..5], [Pace::Drop; 4]);
        assert!(matches!(paces[5], Pace::Stretch(factor) if (factor - 1.0).abs() < 0.001));
    }

    #[test]
    fn the_stretch_stays_inaudible() {
        let mut pacer = Pacer::default();
        assert_eq!(pacer.pace(79.0, 20.0), Pace::Stretch(1.0 - MOST_STRETCH));
        pacer.restart();
        assert_eq!(pacer.pace(0.0, 100.0), Pace::Stretch(1.0 + MOST_STRETCH));
    }
}
