//! The peer's clock against ours over the whole record: every comparison counts for the time around it.

use std::time::Duration;

use floe_wire::{Stamp, peer::ClockComparison};

/// How far two clocks drift apart in a second at most, in microseconds: crystals keep within 25 ppm.
const DRIFT_US: u128 = 50;

/// Comparisons kept: some hours of them.
const COMPARISONS_KEPT: usize = 512;

/// Comparisons of two clocks, and what they say of any moment.
///
/// A comparison is as good as its round trip was short, and its certainty wears off with the time that passes. So a
/// comparison made while the path was quick tells which direction became slow later, which no comparison over the slow
/// path could.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerClocks {
    comparisons: Vec<(Stamp, ClockComparison)>,
}

impl PeerClocks {
    /// Takes a comparison made at `at`, by our clock.
    pub(crate) fn push(&mut self, at: Stamp, clocks: ClockComparison) {
        // What the new one says better of its own time is forgotten.
        self.comparisons.retain(|(then, known)| aged(at, clocks, *then) > known.uncertainty);
        if self.comparisons.len() >= COMPARISONS_KEPT {
            self.comparisons.remove(0);
        }
        self.comparisons.push((at, clocks));
    }

    /// What is known of both clocks at `at`, by ours.
    #[must_use]
    pub fn at(&self, at: Stamp) -> Option<ClockComparison> {
        let aged = self
            .comparisons
            .iter()
            .map(|(then, clocks)| ClockComparison { uncertainty: aged(*then, *clocks, at), ..*clocks });
        aged.min_by_key(|clocks| clocks.uncertainty)
    }

    /// Our stamp of a moment of the peer's record, and how far it may be wrong.
    #[must_use]
    pub fn to_ours(&self, theirs: Stamp) -> Option<(Stamp, Duration)> {
        // The offset of any comparison leads close enough to the one that counts for the moment.
        let near = self.comparisons.last()?.1.to_ours(theirs);
        let clocks = self.at(near)?;
        Some((clocks.to_ours(theirs), clocks.uncertainty))
    }

    /// Whether no comparison was made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.comparisons.is_empty()
    }
}

/// The uncertainty of a comparison made `then`, at another moment.
fn aged(then: Stamp, clocks: ClockComparison, at: Stamp) -> Duration {
    let passed = then.0.abs_diff(at.0).as_micros();
    let drift = u64::try_from(passed * DRIFT_US / 1_000_000).unwrap_or(u64::MAX);
    clocks.uncertainty.saturating_add(Duration::from_micros(drift))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known_to(ms: u64, offset_us: i64) -> ClockComparison {
        ClockComparison { offset_us, uncertainty: Duration::from_millis(ms) }
    }

    #[test]
    fn a_comparison_over_a_quick_path_outlives_those_over_a_slow_one() {
        let mut clocks = PeerClocks::default();
        assert_eq!((clocks.at(Stamp::ZERO), clocks.is_empty()), (None, true));
        clocks.push(Stamp::from_millis(1_000), known_to(5, 100));
        clocks.push(Stamp::from_millis(61_000), known_to(70, 50_100));
        let now = clocks.at(Stamp::from_millis(61_000)).expect("it was compared");
        assert_eq!((now.offset_us, now.uncertainty), (100, Duration::from_millis(8)), "a minute adds 3 ms");
        clocks.push(Stamp::from_millis(3_000_000), known_to(70, 50_100));
        let much_later = clocks.at(Stamp::from_millis(3_000_000)).expect("it was compared");
        assert_eq!(much_later.offset_us, 50_100, "clocks drift, and the old comparison with them");
    }

    #[test]
    fn a_better_comparison_replaces_those_it_outdoes_and_their_number_is_bounded() {
        let mut clocks = PeerClocks::default();
        for second in 0..10_000 {
            clocks.push(Stamp::from_millis(1_000 * second), known_to(10 + second % 7, 0));
        }
        assert!(clocks.comparisons.len() <= COMPARISONS_KEPT);
        clocks.push(Stamp::from_millis(10_000_000), known_to(0, 7));
        let known = clocks.at(Stamp::from_millis(9_999_000)).expect("it was compared");
        assert_eq!(known.offset_us, 7);
        assert_eq!(clocks.to_ours(Stamp::from_millis(10_000_000)).expect("compared").1, Duration::ZERO);
    }
}
