//! The receiving half of a connection: order restored, room told.

use std::collections::BTreeMap;

use bytes::{Buf as _, Bytes, BytesMut};

use crate::tcp::{Control, Segment};

/// Bytes that wait for their reader.
const BUFFER: usize = 65_536;
/// Segments kept that came before their turn.
const MAX_EARLY: usize = 128;

/// What arrived and was not read, and what is expected next.
#[derive(Debug, Default)]
pub(super) struct Receiving {
    /// The byte expected next.
    pub expected: u64,
    /// In order, not read.
    ready: BytesMut,
    /// Segments after a gap, by their place; whether the stream ends with one.
    early: BTreeMap<u64, (Bytes, bool)>,
    /// Whether the stream's end has arrived, with all before it.
    ended: bool,
}

impl Receiving {
    /// What is expected after an opening.
    pub fn after(opening: &Segment) -> Self {
        Self { expected: opening.end(), ..Self::default() }
    }

    pub fn window(&self) -> usize {
        BUFFER - self.ready.len().min(BUFFER)
    }

    /// Whether a place of the stream is one that could arrive next.
    pub const fn covers(&self, sequence: u64) -> bool {
        sequence >= self.expected && sequence - self.expected <= BUFFER as u64
    }

    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Whether everything was read, up to the end.
    pub fn is_finished(&self) -> bool {
        self.ended && self.ready.is_empty()
    }

    pub fn read(&mut self, limit: usize) -> Bytes {
        self.ready.split_to(limit.min(self.ready.len())).freeze()
    }

    /// Takes a segment; whether there is something to read for it.
    pub fn take(&mut self, segment: Segment) -> bool {
        let before = (self.expected, self.ended);
        let ends = segment.control == Control::Finish;
        if segment.sequence <= self.expected {
            self.append(segment.sequence, segment.data, ends);
        } else if segment.end() - self.expected <= BUFFER as u64 && self.early.len() < MAX_EARLY {
            self.early.insert(segment.sequence, (segment.data, ends));
        }
        while let Some(first) = self.early.first_entry().filter(|first| *first.key() <= self.expected) {
            let (sequence, (data, ends)) = first.remove_entry();
            self.append(sequence, data, ends);
        }
        (self.expected, self.ended) != before
    }

    /// Takes what is new and has room of a segment that begins at or before the expected byte.
    fn append(&mut self, sequence: u64, mut data: Bytes, ends: bool) {
        let known = usize::try_from(self.expected - sequence).unwrap_or(usize::MAX);
        let end = sequence + data.len() as u64;
        data.advance(known.min(data.len()));
        data.truncate(self.window());
        self.expected += data.len() as u64;
        self.ready.extend_from_slice(&data);
        if ends && self.expected == end && !self.ended {
            self.ended = true;
            self.expected += 1;
        }
    }
}
