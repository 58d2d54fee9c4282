//! Rules about the list of pairs, as far as the checks tell it: its length, and that redundant pairs are pruned.

use std::{collections::BTreeMap, net::SocketAddr};

use floe_wire::{BaseId, Generation};

use super::{LintFinding, LintRule, Linter, Place, SeenRequest, Side, report};

const PAIRS: LintRule = LintRule { name: "pairs", section: "RFC 8445 section 6.1.2.5" };
const REDUNDANT: LintRule = LintRule { name: "redundant-pair", section: "RFC 8445 section 6.1.2.4" };

/// All of them.
pub(super) const RULES: &[LintRule] = &[PAIRS, REDUNDANT];

/// Pairs one side may check.
const PAIRS_MAX: usize = 100;

/// The pairs that one side checks in the newest generation.
#[derive(Debug, Clone, Default)]
pub(super) struct Pairs {
    generation: Generation,
    checked: BTreeMap<(BaseId, SocketAddr), Priorities>,
}

/// What the checks between two addresses carried as PRIORITY.
///
/// It follows from the base alone (RFC 8445 section 7.1.1), but agents that do not prune their list write that of the
/// candidate. A value that changes for good is a change of mind; an older one that comes again shows two pairs at once.
#[derive(Debug, Clone, Copy, Default)]
struct Priorities {
    current: Option<u32>,
    former: Option<u32>,
}

impl Priorities {
    /// The two values that take turns, once they do.
    fn take(&mut self, priority: u32) -> Option<(u32, u32)> {
        let current = *self.current.get_or_insert(priority);
        if priority == current {
            return None;
        }
        if self.former == Some(priority) {
            return Some((priority, current));
        }
        (self.former, self.current) = (Some(current), Some(priority));
        None
    }
}

impl Linter {
    /// Judges the pair of a check.
    pub(super) fn check_pair(
        &mut self,
        findings: &mut Vec<LintFinding>,
        place: Place,
        side: Side,
        seen: &SeenRequest<'_>,
    ) {
        let Pairs { generation, checked } = self.pairs.of(side);
        if seen.generation < *generation {
            return;
        }
        if seen.generation > *generation {
            (*generation, *checked) = (seen.generation, BTreeMap::new());
        }
        let pair = (seen.base, seen.remote);
        let is_new = !checked.contains_key(&pair);
        if is_new && checked.len() > PAIRS_MAX {
            return;
        }
        let priorities = checked.entry(pair).or_default();
        let taking_turns = seen.message.priority.and_then(|priority| priorities.take(priority));
        if is_new && checked.len() > PAIRS_MAX {
            report(findings, PAIRS, side, place, || "more than 100 pairs are checked".to_owned());
        }
        if let Some((one, other)) = taking_turns {
            report(findings, REDUNDANT, side, place, || {
                format!("{} is checked from one address with the priorities {one} and {other} by turns", seen.remote)
            });
        }
    }
}
