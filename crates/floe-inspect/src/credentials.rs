//! Which ICE generation a user fragment belongs to.

use std::collections::BTreeMap;

use floe_wire::{Generation, stun::StunMessage};

/// Fragments remembered per side.
const FRAGMENTS_KEPT: usize = 64;

/// User fragments of both sides. A record of ours notes them; in a foreign capture they are learnt from the checks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    local: BTreeMap<String, Generation>,
    remote: BTreeMap<String, Generation>,
    noted: bool,
}

impl Credentials {
    /// Takes a note of our fragment.
    pub(crate) fn note_local(&mut self, generation: Generation, ufrag: &str) {
        self.noted = true;
        remember(&mut self.local, generation, ufrag);
    }

    /// Takes a note of the peer's fragment.
    pub(crate) fn note_remote(&mut self, generation: Generation, ufrag: &str) {
        remember(&mut self.remote, generation, ufrag);
    }

    /// Whether a check comes from a fragment that the peer's code does not have.
    pub(crate) fn is_stranger(&self, check: &StunMessage) -> bool {
        self.noted
            && !self.remote.is_empty()
            && check.sender_ufrag().is_some_and(|sender| !self.remote.contains_key(sender))
    }

    /// The generation of a check; none when it is not one of this call.
    pub(crate) fn generation_of(&mut self, check: &StunMessage, outbound: bool) -> Option<Generation> {
        let (receiver, sender) = (check.receiver_ufrag()?, check.sender_ufrag().unwrap_or_default());
        let (ours, theirs) = if outbound { (sender, receiver) } else { (receiver, sender) };
        if let Some(generation) = self.local.get(ours) {
            return Some(*generation);
        }
        if outbound && let Some(generation) = self.remote.get(theirs) {
            return Some(*generation);
        }
        (!self.noted).then(|| self.learn(ours, theirs))
    }

    /// Whether a check joins our user fragment of one generation with the peer's of another, as browsers do while ICE
    /// restarts.
    pub(crate) fn mixes_generations(&self, check: &StunMessage, outbound: bool) -> bool {
        let (Some(receiver), Some(sender)) = (check.receiver_ufrag(), check.sender_ufrag()) else { return false };
        let (ours, theirs) = if outbound { (sender, receiver) } else { (receiver, sender) };
        matches!((self.local.get(ours), self.remote.get(theirs)), (Some(ours), Some(theirs)) if ours != theirs)
    }

    fn learn(&mut self, ours: &str, theirs: &str) -> Generation {
        let newest = self.local.values().chain(self.remote.values()).max();
        let generation = newest.map_or(Generation(0), |newest| Generation(newest.0.saturating_add(1)));
        remember(&mut self.local, generation, ours);
        remember(&mut self.remote, generation, theirs);
        generation
    }
}

fn remember(fragments: &mut BTreeMap<String, Generation>, generation: Generation, ufrag: &str) {
    fragments.insert(ufrag.to_owned(), generation);
    if fragments.len() > FRAGMENTS_KEPT {
        let oldest = fragments.iter().min_by_key(|(_, generation)| **generation).map(|(ufrag, _)| ufrag.clone());
        if let Some(oldest) = oldest {
            fragments.remove(&oldest);
        }
    }
}
