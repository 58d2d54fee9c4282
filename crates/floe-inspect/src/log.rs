//! A list that only grows at its end and forgets at its beginning, and whose copies share what they have in common.
//!
//! Pictures are copied twenty times a second. A copy of a [`Log`] costs one reference count; the next change after it
//! copies one chunk and the list of chunks, whatever the length.

use std::{collections::VecDeque, ops::Range, sync::Arc};

/// Items per chunk: the most that one change after a copy has to copy.
const CHUNK: usize = 256;

/// Room that a chunk takes first; then twice as much each time, up to a whole chunk.
const LEAST_ROOM: usize = 4;

/// Items with consecutive numbers. Numbers never change; the oldest items may be forgotten.
#[derive(Debug, Clone)]
pub struct Log<T> {
    chunks: Arc<VecDeque<Arc<Vec<T>>>>,
    /// Number of the oldest item kept; a multiple of the chunk length.
    first: u64,
    len: usize,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { chunks: Arc::default(), first: 0, len: 0 }
    }
}

impl<T> Log<T> {
    /// How many items are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Numbers of the items kept; what is before its start was forgotten.
    #[must_use]
    pub fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.len as u64
    }

    /// The item of a number, unless it was forgotten or is not there yet.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&T> {
        let offset = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.chunks.get(offset / CHUNK)?.get(offset % CHUNK)
    }

    /// The newest item.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.chunks.back()?.last()
    }

    /// All items kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + Clone {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Number of the first item for which `is_before` is false, in a list where those for which it is true come first.
    pub fn partition_point(&self, mut is_before: impl FnMut(&T) -> bool) -> u64 {
        let Range { start: mut low, end: mut high } = self.numbers();
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(&mut is_before) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

impl<T: Clone> Log<T> {
    /// Appends an item and forgets old ones above `cap`, a chunk at a time. Gives the item's number.
    pub(crate) fn push(&mut self, item: T, cap: usize) -> u64 {
        let number = self.first + self.len as u64;
        let chunks = Arc::make_mut(&mut self.chunks);
        match chunks.back_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => {
                let chunk = Arc::make_mut(chunk);
                // Copied for this change, it has no room beyond its items, and would take room for twice as many.
                if chunk.len() == chunk.capacity() {
                    chunk.reserve_exact(chunk.len().max(LEAST_ROOM).min(CHUNK - chunk.len()));
                }
                chunk.push(item);
            }
            None => chunks.push_back(Arc::new(vec![item])),
        }
        self.len += 1;
        if self.len > cap.max(CHUNK) {
            let forgotten = chunks.pop_front().map_or(0, |chunk| chunk.len());
            self.first += forgotten as u64;
            self.len -= forgotten;
        }
        number
    }

    /// An item, to change.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let offset = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let is_there = offset < self.len;
        let chunk = is_there.then(|| Arc::make_mut(&mut self.chunks).get_mut(offset / CHUNK)).flatten()?;
        Arc::make_mut(chunk).get_mut(offset % CHUNK)
    }

    /// Forgets whole chunks of items for which `is_old` holds.
    pub(crate) fn forget_while(&mut self, is_old: impl Fn(&T) -> bool) {
        while self.chunks.front().is_some_and(|chunk| chunk.len() == CHUNK && chunk.last().is_some_and(&is_old)) {
            Arc::make_mut(&mut self.chunks).pop_front();
            self.first += CHUNK as u64;
            self.len -= CHUNK;
        }
    }
}

impl<T: PartialEq> PartialEq for Log<T> {
    /// Copies that share their chunks are equal without a look at the items.
    fn eq(&self, other: &Self) -> bool {
        let same_chunk = |(a, b): (&Arc<Vec<T>>, &Arc<Vec<T>>)| Arc::ptr_eq(a, b) || a == b;
        self.numbers() == other.numbers()
            && (Arc::ptr_eq(&self.chunks, &other.chunks) || self.chunks.iter().zip(other.chunks.iter()).all(same_chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: u64, cap: usize) -> Log<u64> {
        let mut log = Log::default();
        for n in 0..count {
            assert_eq!(log.push(n, cap), n);
        }
        log
    }

    #[test]
    fn numbers_stay_while_the_oldest_items_are_forgotten() {
        let log = filled(10_000, 1_000);
        assert!(log.len() <= 1_000 && log.len() > 1_000 - CHUNK);
        assert_eq!(log.numbers().end, 10_000);
        assert!(log.numbers().all(|number| log.get(number) == Some(&number)));
        assert_eq!((log.get(0), log.get(10_000), log.last()), (None, None, Some(&9_999)));
        assert_eq!(log.iter().copied().collect::<Vec<_>>(), log.numbers().collect::<Vec<_>>());
    }

    #[test]
    fn chunks_have_room_for_a_chunk_and_no_more_however_often_they_are_copied() {
        let mut log = Log::default();
        let mut copy = Log::default();
        for n in 0..2 * CHUNK as u64 {
            log.push(n, 10_000);
            if n % 5 == 0 {
                copy = log.clone();
            }
        }
        assert_eq!(copy.last(), Some(&(2 * CHUNK as u64 - 2)));
        assert!(log.chunks.iter().all(|chunk| chunk.capacity() == CHUNK));
    }

    #[test]
    fn a_copy_keeps_what_it_had_and_shares_the_rest() {
        let mut log = filled(1_000, 10_000);
        let copy = log.clone();
        assert!(copy == log);
        *log.get_mut(3).unwrap() = 77;
        log.push(1_000, 10_000);
        assert_eq!((copy.get(3), copy.len(), log.get(3), log.len()), (Some(&3), 1_000, Some(&77), 1_001));
        assert!(copy != log);
        let shared = log.chunks.iter().zip(copy.chunks.iter()).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, 2, "of four chunks the first and the last were changed");
        assert_eq!(log.get_mut(5_000), None);
    }

    #[test]
    fn a_place_is_found_without_a_walk() {
        let log = filled(5_000, 1_000);
        assert_eq!(log.partition_point(|item| *item < 4_500), 4_500);
        assert_eq!(log.partition_point(|item| *item < 3), log.numbers().start);
        assert_eq!(log.partition_point(|_| true), 5_000);
    }

    #[test]
    fn whole_chunks_of_old_items_can_go() {
        let mut log = filled(1_000, 10_000);
        log.forget_while(|item| *item < 600);
        assert_eq!(log.numbers(), 512..1_000);
    }
}
