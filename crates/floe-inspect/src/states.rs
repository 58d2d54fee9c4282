//! Visits of the three state machines, and where each ICE generation stands.

use std::collections::BTreeMap;

use floe_wire::{Generation, IceConnectionState, Stamp};

use crate::picture::Visit;

/// Visits kept per machine: a call that moves every second is shown for a quarter of an hour.
const VISITS_KEPT: usize = 1_000;

/// Generations remembered.
const GENERATIONS_KEPT: usize = 64;

/// Ends the running visit and begins one in `state`; staying in a state is one visit. Returns the state left.
pub(crate) fn enter<S: Copy + PartialEq>(visits: &mut Vec<Visit<S>>, state: S, at: Stamp) -> Option<S> {
    let left = visits.last().map(|visit| visit.state);
    if left == Some(state) {
        return None;
    }
    if let Some(visit) = visits.last_mut() {
        visit.left = Some(at);
    }
    if visits.len() >= VISITS_KEPT {
        visits.remove(0);
    }
    visits.push(Visit { state, entered: at, left: None });
    left
}

/// The newest ICE connection state of each generation, apart from `closed`, which is of the whole call.
#[derive(Debug, Clone, Default)]
pub(crate) struct GenerationStates(BTreeMap<Generation, IceConnectionState>);

impl GenerationStates {
    /// Notes a state.
    pub(crate) fn set(&mut self, generation: Generation, state: IceConnectionState) {
        if state == IceConnectionState::Closed {
            return;
        }
        self.0.insert(generation, state);
        if self.0.len() > GENERATIONS_KEPT {
            self.0.pop_first();
        }
    }

    /// The newest state of a generation.
    pub(crate) fn get(&self, generation: Generation) -> IceConnectionState {
        self.0.get(&generation).copied().unwrap_or(IceConnectionState::New)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staying_in_a_state_is_one_visit() {
        let mut visits = Vec::new();
        enter(&mut visits, 'a', Stamp::from_millis(1));
        enter(&mut visits, 'a', Stamp::from_millis(2));
        assert_eq!(enter(&mut visits, 'b', Stamp::from_millis(3)), Some('a'));
        assert_eq!(visits[0], Visit { state: 'a', entered: Stamp::from_millis(1), left: Some(Stamp::from_millis(3)) });
        assert_eq!(visits[1].left, None);
    }

    #[test]
    fn a_machine_that_never_rests_stays_bounded() {
        let mut visits = Vec::new();
        for n in 0..10_000_u64 {
            enter(&mut visits, n, Stamp::from_millis(n));
        }
        assert_eq!((visits.len(), visits[999].state), (VISITS_KEPT, 9_999));
    }
}
