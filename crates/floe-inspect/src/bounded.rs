//! Lists and sets that stop growing: a record may hold anything, and memory must not.

use std::collections::BTreeSet;

/// Distinct things remembered before [`FirstTimes`] stops counting.
const REMEMBERED: usize = 1_024;

/// Appends unless the list is full. Returns whether it was appended.
pub(crate) fn push_bounded<T>(list: &mut Vec<T>, item: T, cap: usize) -> bool {
    let fits = list.len() < cap;
    if fits {
        list.push(item);
    }
    fits
}

/// Adds to the count of `key` in a short list of counts.
pub(crate) fn add_count<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K, more: u64) -> u64 {
    match counts.iter_mut().find(|(known, _)| *known == key) {
        Some((_, count)) => {
            *count = count.saturating_add(more);
            *count
        }
        None => {
            counts.push((key, more));
            more
        }
    }
}

/// Tells the first sight of a thing from later ones, up to a bound.
#[derive(Debug, Clone)]
pub(crate) struct FirstTimes<K>(BTreeSet<K>);

impl<K> Default for FirstTimes<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K: Ord> FirstTimes<K> {
    /// Whether `key` is seen for the first time; what exceeds the bound counts as seen.
    pub(crate) fn is_first(&mut self, key: K) -> bool {
        self.0.len() < REMEMBERED && self.0.insert(key)
    }
}
