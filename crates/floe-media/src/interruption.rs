//! Interruptions of what is played: where audio was made up, and for how long.

use std::time::Duration;

use crate::{FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE};

/// So much whole audio ends an interruption: a single packet in the midst of an outage does not.
const WHOLE_FRAMES: u64 = 3;

/// A stretch of made-up audio. Its times are positions in what was played, as in a recording of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interruption {
    /// Where the first frame with made-up audio began, to a frame.
    pub began: Duration,
    /// From there to the end of the last such frame.
    pub lasted: Duration,
    /// How much of it was made up.
    pub made_up: Duration,
}

/// Finds interruptions frame by frame.
#[derive(Debug, Clone, Default)]
pub struct InterruptionMeter {
    /// Frames played.
    played: u64,
    open: Option<Open>,
}

/// An interruption that may go on; positions are frames.
#[derive(Debug, Clone, Copy)]
struct Open {
    began: u64,
    end: u64,
    made_up_samples: u64,
}

impl InterruptionMeter {
    /// Takes the next frame, of which so many samples were made up; gives an interruption once it is over.
    pub fn push(&mut self, made_up_samples: u64) -> Option<Interruption> {
        let at = self.played;
        self.played += 1;
        if made_up_samples > 0 {
            let open = self.open.get_or_insert(Open { began: at, end: at, made_up_samples: 0 });
            open.end = self.played;
            open.made_up_samples += made_up_samples;
            return None;
        }
        self.over_after(WHOLE_FRAMES)
    }

    /// Nothing follows; gives the interruption that any whole audio came after. What is made up at the very end is the
    /// end, and interrupts nothing.
    pub fn finish(&mut self) -> Option<Interruption> {
        self.over_after(1)
    }

    fn over_after(&mut self, whole_frames: u64) -> Option<Interruption> {
        let open = self.open.take_if(|open| self.played - open.end >= whole_frames)?;
        Some(Interruption {
            began: frames(open.began),
            lasted: frames(open.end - open.began),
            made_up: Duration::from_micros(open.made_up_samples * 1_000_000 / u64::from(SAMPLE_RATE)),
        })
    }
}

fn frames(count: u64) -> Duration {
    Duration::from_micros(u64::try_from(FRAME_DURATION.as_micros()).unwrap_or_default() * count)
}

/// All samples of a frame.
pub const WHOLLY_MADE_UP: u64 = FRAME_SAMPLES as u64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames: `.` is whole, `x` is made up, `h` is half made up.
    fn found(frames: &str) -> Vec<(u128, u128, u128)> {
        found_by(&mut InterruptionMeter::default(), frames)
    }

    fn found_by(meter: &mut InterruptionMeter, frames: &str) -> Vec<(u128, u128, u128)> {
        let samples = |frame| match frame {
            'x' => WHOLLY_MADE_UP,
            'h' => WHOLLY_MADE_UP / 2,
            _ => 0,
        };
        let found = frames.chars().filter_map(|frame| meter.push(samples(frame)));
        found.map(in_ms).collect()
    }

    fn in_ms(found: Interruption) -> (u128, u128, u128) {
        (found.began.as_millis(), found.lasted.as_millis(), found.made_up.as_millis())
    }

    #[test]
    fn an_interruption_has_a_place_and_a_length() {
        assert_eq!(found("..xxx..."), [(40, 60, 60)]);
        assert_eq!(found("..xh..."), [(40, 40, 30)]);
        assert_eq!(found("......"), []);
    }

    #[test]
    fn a_packet_in_the_midst_of_an_outage_does_not_divide_it() {
        assert_eq!(found("xx.xx..xx..."), [(0, 180, 120)]);
        assert_eq!(found("xx...xx..."), [(0, 40, 40), (100, 40, 40)]);
    }

    #[test]
    fn an_interruption_is_told_three_frames_after_its_end_and_not_before() {
        assert_eq!(found("xxx.."), []);
        assert_eq!(found("xxx...").len(), 1);
    }

    #[test]
    fn the_last_interruption_is_told_at_the_end_if_anything_was_heard_after_it() {
        let last = |frames: &str| {
            let mut meter = InterruptionMeter::default();
            assert_eq!(found_by(&mut meter, frames), []);
            meter.finish().map(in_ms)
        };
        assert_eq!(last("..xx."), Some((40, 40, 40)));
        assert_eq!(last("..xx"), None);
        assert_eq!(last("....."), None);
    }
}
