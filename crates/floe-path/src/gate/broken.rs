//! Connections that broke: unlike a silent path, one over a connection that ended is known to be dead at once.

use super::{Gate, Instant, PairKey};
use crate::consent::distrust;

impl Gate {
    /// The connection of a pair has ended. The best pair in reserve takes over; without one, the pair stays selected, and
    /// is silent until it is connected anew. A side that dials does so with the next check, which is due at once; where
    /// only the peer can, its next connection is another pair.
    pub(crate) fn on_broken(&mut self, key: PairKey, dials: bool, now: Instant) {
        let has_reserve = self.pairs.iter().any(|(other, pair)| *other != key && pair.is_eligible());
        let is_selected = self.selected() == Some(key);
        let Some(pair) = self.pairs.get_mut(&key).filter(|pair| pair.is_valid()) else { return };
        pair.lose(now);
        pair.nominated = None;
        if has_reserve && is_selected {
            pair.shunned_until = Some(now + distrust(pair.failures));
            pair.failures = pair.failures.saturating_add(1);
        }
        if has_reserve || !is_selected {
            self.let_go_of(|known| known == key, false);
            if !dials {
                self.pairs.remove(&key);
            }
        }
        self.settle(now);
        self.update_liveness(now);
    }
}
