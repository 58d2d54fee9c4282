//! Messages that only the peer's record has, and rows of both records in one order.

use std::{sync::Arc, time::Duration};

use floe_wire::{Direction, SightedKind, Stamp};

use super::{Ladder, Message, Rows};

/// Messages of the peer's record alone that are kept; what exceeds them is left out, the newest first.
pub const THEIRS_KEPT: usize = 4_096;

/// A message that the peer's record has and ours does not: it got lost on the way here, or came from somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TheirMessage {
    /// When it was there, by our clock.
    pub at: Stamp,
    /// How far that may be wrong.
    pub uncertainty: Duration,
    /// When it was there, by the peer's clock.
    pub theirs: Stamp,
    /// What both ends would know it by.
    pub key: u32,
    /// What it is.
    pub kind: SightedKind,
    /// Which way it went, seen from the peer.
    pub direction: Direction,
}

/// Which row, whatever comes before it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowId {
    /// A message of ours, by its number.
    Ours(u64),
    /// One that only the peer has.
    Theirs(TheirMessage),
}

/// A row of both records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BothRow<'a> {
    /// A message of ours, with its number.
    Ours(u64, &'a Message),
    /// One that only the peer has.
    Theirs(&'a TheirMessage),
}

impl BothRow<'_> {
    /// Which row it is.
    #[must_use]
    pub const fn id(&self) -> RowId {
        match self {
            Self::Ours(number, _) => RowId::Ours(*number),
            Self::Theirs(message) => RowId::Theirs(**message),
        }
    }

    /// When, by our clock.
    #[must_use]
    pub const fn at(&self) -> Stamp {
        match self {
            Self::Ours(_, message) => message.at,
            Self::Theirs(message) => message.at,
        }
    }
}

/// Rows of both records, oldest first. No row costs a walk over the others.
#[derive(Debug, Clone, Copy)]
pub struct BothRows<'a> {
    ours: Rows<'a>,
    theirs: &'a [TheirMessage],
}

impl<'a> BothRows<'a> {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ours.len() + self.theirs.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A row by its place.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<BothRow<'a>> {
        let before = partition(self.theirs.len(), |index| self.place(index) < row);
        if before < self.theirs.len() && self.place(before) == row {
            return self.theirs.get(before).map(BothRow::Theirs);
        }
        self.ours.get(row - before).map(|(number, message)| BothRow::Ours(number, message))
    }

    /// The first row at or after a moment; the number of rows when all are earlier.
    #[must_use]
    pub fn first_at(&self, at: Stamp) -> usize {
        self.ours.first_at(at) + self.theirs.partition_point(|message| message.at < at)
    }

    /// Where a row is.
    #[must_use]
    pub fn row_of(&self, id: RowId) -> Option<usize> {
        match id {
            RowId::Ours(number) => {
                let row = self.ours.row_of(number)?;
                Some(row + partition(self.theirs.len(), |index| self.place(index) - index <= row))
            }
            RowId::Theirs(message) => {
                let from = self.theirs.partition_point(|known| known.at < message.at);
                let same = self.theirs.iter().skip(from).take_while(|known| known.at == message.at);
                let index = from + same.into_iter().position(|known| *known == message)?;
                Some(self.place(index))
            }
        }
    }

    /// The rows from one on.
    pub fn iter_from(&self, row: usize) -> impl Iterator<Item = BothRow<'a>> + '_ {
        (row..self.len()).filter_map(|row| self.get(row))
    }

    /// The row of a message of the peer: before ours of the same time.
    fn place(&self, index: usize) -> usize {
        self.theirs.get(index).map_or(usize::MAX, |message| self.ours.first_at(message.at) + index)
    }
}

/// The first of `0..count` for which `is_before` is false.
fn partition(count: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

impl Ladder {
    /// Messages that only the peer's record has, oldest first.
    #[must_use]
    pub fn theirs(&self) -> &[TheirMessage] {
        &self.theirs
    }

    /// Every row of the ladder, those of the peer's record alone among them.
    #[must_use]
    pub fn both_rows(&self) -> BothRows<'_> {
        BothRows { ours: self.rows(None), theirs: &self.theirs }
    }

    /// The rows of one lane. Of what only the peer has, nobody knows which lane it is of.
    #[must_use]
    pub fn rows_of_lane(&self, lane: &super::Lane) -> BothRows<'_> {
        BothRows { ours: self.rows(Some(lane)), theirs: &[] }
    }

    /// Adds a message that only the peer has, unless it is there already.
    pub(crate) fn add_theirs(&mut self, message: TheirMessage) {
        let place = self.theirs.partition_point(|known| known.at <= message.at);
        let is_same =
            |known: &TheirMessage| (known.key, known.kind, known.theirs) == (message.key, message.kind, message.theirs);
        if self.theirs.len() >= THEIRS_KEPT || self.theirs.iter().rev().any(is_same) {
            return;
        }
        Arc::make_mut(&mut self.theirs).insert(place, message);
    }
}
