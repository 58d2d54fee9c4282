//! The peer's clock against ours: the best of the last few exchanges, as NTP's clock filter does (RFC 5905 section 10).

use std::collections::VecDeque;

use floe_signal::control::compare_clocks;
use floe_wire::{Stamp, peer::ClockComparison};

/// Exchanges that are remembered: clocks drift by some 10 ppm, far less than the uncertainty within this many seconds.
const KEPT: usize = 8;
/// After the first few, one question in this many rounds.
const CALM: u32 = 5;

/// Collects exchanges.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    exchanges: VecDeque<ClockComparison>,
    told: Option<ClockComparison>,
    rounds: u32,
}

impl Clocks {
    /// Whether this round asks.
    pub(super) fn is_question_due(&mut self) -> bool {
        self.rounds = self.rounds.wrapping_add(1);
        self.exchanges.len() < KEPT || self.rounds.is_multiple_of(CALM)
    }

    /// Takes an answer; gives the best comparison if it is news.
    pub(super) fn on_answer(
        &mut self,
        asked: Stamp,
        received: Stamp,
        answered: Stamp,
        heard: Stamp,
    ) -> Option<ClockComparison> {
        let comparison = compare_clocks(asked, received, answered, heard)?;
        if self.exchanges.len() >= KEPT {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(comparison);
        let best = self.exchanges.iter().min_by_key(|comparison| comparison.uncertainty).copied();
        let is_news = best != self.told;
        self.told = best;
        best.filter(|_| is_news)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// An exchange with a peer 100 ms ahead; the ways there and back take so many milliseconds.
    fn exchange(clocks: &mut Clocks, at_ms: u64, there: u64, back: u64) -> Option<ClockComparison> {
        let ms = Stamp::from_millis;
        clocks.on_answer(ms(at_ms), ms(at_ms + there + 100), ms(at_ms + there + 100), ms(at_ms + there + back))
    }

    #[test]
    fn the_quickest_exchange_is_believed() {
        let mut clocks = Clocks::default();
        let first = exchange(&mut clocks, 0, 30, 10).expect("the first is news");
        assert_eq!((first.offset_us, first.uncertainty), (110_000, Duration::from_millis(20)));
        assert_eq!(exchange(&mut clocks, 1000, 80, 20), None, "slower, and so less certain");
        assert_eq!(exchange(&mut clocks, 2000, 5, 5).expect("better").offset_us, 100_000);
        for second in 3..10 {
            assert_eq!(exchange(&mut clocks, second * 1000, 40, 20), None);
        }
        assert_eq!(exchange(&mut clocks, 11_000, 40, 20).expect("the best is forgotten in the end").offset_us, 110_000);
    }
}
