//! Time travel: a record that can be folded up to any moment, quickly, while it still grows.
//!
//! Records are kept in *segments*, each with the inspector as it was before its first record. The picture of a moment is
//! the inspector of its segment, plus the records of the segment up to that moment. A segment ends after a bounded amount
//! of work, so a step costs the same at every place of an hour.
//!
//! Memory is bounded: media is kept as its clear header, inspectors share their ladders, segments are merged above
//! [`SEGMENTS_KEPT`], and above [`BYTES_KEPT`] the oldest ones are forgotten.

mod kept;

use std::{collections::VecDeque, sync::Arc};

use floe_wire::{Note, Record, RecordBody, Stamp};

use self::kept::{Flows, Kept};
use crate::{Inspector, Marker, Picture, hindsight::Hindsight};

/// Work of one segment, in records of media; folding it takes a few milliseconds.
const SEGMENT_WORK: u64 = 8_192;

/// Segments kept; above that neighbours are merged and segments may be twice as long from then on.
const SEGMENTS_KEPT: usize = 256;

/// Bytes of records kept: some ten hours of a call.
const BYTES_KEPT: usize = 256 << 20;

/// A record and the way to any moment of it.
#[derive(Debug)]
pub struct History {
    /// The fold of everything.
    head: Inspector,
    segments: VecDeque<Segment>,
    flows: Flows,
    segment_work: u64,
    bytes: usize,
    forgotten: u64,
    records: u64,
    latest: Stamp,
    cursor: Option<Cursor>,
    /// What the other side says of moments before it told anything; worked out when it is asked for first.
    hindsight: Option<Hindsight>,
    folded: u64,
}

#[derive(Debug)]
struct Segment {
    /// Number of its first record.
    number: u64,
    /// Its first record's stamp.
    from: Stamp,
    /// The inspector before its first record.
    before: Inspector,
    records: Vec<Kept>,
    work: u64,
    bytes: usize,
}

/// Where the last look was: the next one is often a little later.
#[derive(Debug)]
struct Cursor {
    segment: u64,
    next: usize,
    at: Stamp,
    inspector: Inspector,
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl FromIterator<Record> for History {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        let mut history = Self::new();
        for record in records {
            history.push(record);
        }
        history
    }
}

impl History {
    /// The history of an empty record.
    #[must_use]
    pub fn new() -> Self {
        Self {
            head: Inspector::new(),
            segments: VecDeque::new(),
            flows: Flows::default(),
            segment_work: SEGMENT_WORK,
            bytes: 0,
            forgotten: 0,
            records: 0,
            latest: Stamp::ZERO,
            cursor: None,
            hindsight: None,
            folded: 0,
        }
    }

    /// Appends a record. A record older than its predecessor counts as simultaneous with it.
    pub fn push(&mut self, mut record: Record) {
        record.at = record.at.max(self.latest);
        self.latest = record.at;
        let is_full = self.segments.back().is_none_or(|segment| segment.work >= self.segment_work);
        if is_full {
            self.begin_segment(record.at);
        }
        if is_word_of_peer(&record) {
            self.hindsight = None;
        }
        self.head.ingest(&record);
        self.records += 1;
        let kept = self.flows.keep(record);
        let (work, bytes) = (kept.work(), kept.bytes());
        self.bytes += bytes;
        if let Some(segment) = self.segments.back_mut() {
            segment.work += work;
            segment.bytes += bytes;
            segment.records.push(kept);
        }
        while self.bytes > BYTES_KEPT && self.segments.len() > 1 {
            self.forget_oldest();
        }
    }

    /// Lets time pass at the end without a record.
    pub fn tick(&mut self, now: Stamp) {
        self.head.tick(now);
    }

    /// The picture of everything.
    #[must_use]
    pub fn latest(&self) -> &Picture {
        self.head.picture()
    }

    /// The moments there are: from the oldest record kept to the newest, ticks included.
    #[must_use]
    pub fn span(&self) -> (Stamp, Stamp) {
        let from = self.segments.front().map_or(Stamp::ZERO, |segment| segment.from);
        (from, self.head.picture().at.max(from))
    }

    /// How many records were appended.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.records
    }

    /// Whether no record was appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// How many of the oldest records were forgotten to keep memory bounded. [`History::latest`] still counts them.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The picture of a moment: of every record up to it and including it, with the time that passed since. Moments
    /// before the oldest record kept show that one; moments after the end show the end. Where the other side had told
    /// nothing yet, it has what that side told later, or was added after the fact, of the moment.
    #[must_use]
    pub fn picture_at(&mut self, at: Stamp) -> Arc<Picture> {
        let (from, until) = self.span();
        if at >= until {
            return Arc::new(self.head.picture().clone());
        }
        let at = at.max(from);
        let position = self.segments.partition_point(|segment| segment.from <= at).saturating_sub(1);
        let Some(segment) = self.segments.get(position) else { return Arc::new(self.head.picture().clone()) };
        let cursor = match self.cursor.take() {
            Some(cursor) if cursor.segment == segment.number && cursor.at <= at => cursor,
            _ => Cursor { segment: segment.number, next: 0, at: segment.from, inspector: segment.before.clone() },
        };
        let cursor = self.cursor.insert(cursor);
        while let Some(kept) = segment.records.get(cursor.next).filter(|kept| kept.at() <= at) {
            cursor.inspector.ingest(&self.flows.restore(kept));
            cursor.next += 1;
            self.folded += kept.work();
        }
        cursor.at = at;
        cursor.inspector.tick(at);
        let (whole, moment) = (self.head.picture(), &cursor.inspector);
        Arc::new(match Hindsight::is_due(&whole.peer, &moment.picture().peer) {
            true => self.hindsight.get_or_insert_with(|| Hindsight::of(whole)).picture(whole, moment),
            false => moment.picture().clone(),
        })
    }

    /// The first marker after a moment.
    #[must_use]
    pub fn next_marker(&self, after: Stamp) -> Option<&Marker> {
        self.latest().next_marker(after)
    }

    /// The last marker before a moment.
    #[must_use]
    pub fn previous_marker(&self, before: Stamp) -> Option<&Marker> {
        self.latest().previous_marker(before)
    }

    /// All markers, oldest first.
    pub fn markers(&self) -> impl DoubleEndedIterator<Item = &Marker> {
        self.latest().markers.iter()
    }

    fn begin_segment(&mut self, from: Stamp) {
        if self.segments.len() >= SEGMENTS_KEPT {
            self.merge_neighbours();
        }
        let is_full = self.segments.back().is_none_or(|segment| segment.work >= self.segment_work);
        if is_full {
            let before = self.head.clone();
            let (number, records) = (self.records, Vec::new());
            self.segments.push_back(Segment { number, from, before, records, work: 0, bytes: 0 });
        }
    }

    /// Halves the number of segments; each step may cost twice as much from now on.
    fn merge_neighbours(&mut self) {
        self.cursor = None;
        self.segment_work *= 2;
        let mut merged: VecDeque<Segment> = VecDeque::with_capacity(SEGMENTS_KEPT);
        for segment in self.segments.drain(..) {
            match merged.back_mut().filter(|last| last.work + segment.work <= self.segment_work * 3 / 2) {
                Some(last) => {
                    last.records.extend(segment.records);
                    last.work += segment.work;
                    last.bytes += segment.bytes;
                }
                None => merged.push_back(segment),
            }
        }
        self.segments = merged;
    }

    fn forget_oldest(&mut self) {
        self.cursor = None;
        let Some(oldest) = self.segments.pop_front() else { return };
        self.bytes -= oldest.bytes;
        self.forgotten += oldest.records.len() as u64;
    }

    /// Work done by looks so far, in records of media: tests count it because clocks are not exact.
    #[cfg(test)]
    fn folded(&self) -> u64 {
        self.folded
    }
}

/// Whether a record changes what is known of the other side's record.
fn is_word_of_peer(record: &Record) -> bool {
    let RecordBody::Note(note) = &record.body else { return false };
    matches!(
        **note,
        Note::PeerSideAdded { .. }
            | Note::ClocksMatched { .. }
            | Note::ClocksCompared(_)
            | Note::PeerSightings(_)
            | Note::PeerDigest(_)
    )
}

#[cfg(test)]
mod tests;
