//! Writes record files while the call runs.

use std::io::{self, Write};

use floe_wire::{Note, PacketKind, Record, RecordBody, Stamp, classify, note::DropKind, turn::CHANNEL_DATA_HEADER};

use super::{MAGIC, VERSION, budget::TrafficCounter, frame};

/// Media, and datagrams that are no protocol of ours, are kept one by one up to this many bytes of file: the first 45
/// minutes or so of a call. Later ones are counted, once a second.
pub const BULK_BUDGET: u64 = 32 << 20;

/// Whatever arrives, STUN and DTLS floods included, is counted instead of kept beyond this many bytes of file.
pub const TOTAL_BUDGET: u64 = 1 << 30;

/// Notes, counts among them, are written for this part of the total budget beyond it: a day or more of a quiet call.
/// After that a record ends, and its last entry says how many are missing.
const NOTES_SHARE: u64 = 16;

/// Appends records to a file.
///
/// Every call of [`RecordWriter::append`] hands all its bytes to the file at once and flushes it, so that a crash
/// loses at most what was not yet appended. An hour of a call is about 35 MB, every further hour about 3 MB: media
/// beyond [`BULK_BUDGET`] are counts ([`floe_wire::Note::TrafficCounted`]), while STUN, DTLS and notes stay whole up to
/// [`TOTAL_BUDGET`].
#[derive(Debug)]
pub struct RecordWriter<W: Write> {
    file: W,
    buffer: Vec<u8>,
    written: u64,
    bulk_budget: u64,
    total_budget: u64,
    counter: TrafficCounter,
    latest: Stamp,
    is_begun: bool,
    /// Records for which there was no room, not even as counts.
    left_out: u64,
}

impl<W: Write> RecordWriter<W> {
    /// A writer of a new file. The header is written with the first records, because the wall clock of stamp zero
    /// stands in the first note.
    #[must_use]
    pub fn new(file: W) -> Self {
        Self::with_budgets(file, BULK_BUDGET, TOTAL_BUDGET)
    }

    /// A writer with budgets of its own, in bytes of file.
    #[must_use]
    pub fn with_budgets(file: W, bulk_budget: u64, total_budget: u64) -> Self {
        Self {
            file,
            buffer: Vec::new(),
            written: 0,
            bulk_budget,
            total_budget,
            counter: TrafficCounter::default(),
            latest: Stamp::ZERO,
            is_begun: false,
            left_out: 0,
        }
    }

    /// Appends a batch and flushes it to the file.
    ///
    /// # Errors
    /// When the file cannot be written. The batch may then be there in part.
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) -> io::Result<()> {
        for record in records {
            if !self.is_begun {
                self.begin(wall_ms(record));
            }
            self.take(record);
            if self.buffer.len() >= 1 << 16 {
                self.write_out()?;
            }
        }
        self.write_out()?;
        self.file.flush()
    }

    /// Writes what is still counted only, and gives the file back.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.is_begun {
            self.begin(0);
        }
        for record in self.counter.drain(self.latest) {
            self.note(&record);
        }
        if self.left_out > 0 {
            let note = Note::Dropped { what: DropKind::Records, count: self.left_out };
            frame::encode(&Record { at: self.latest, body: RecordBody::note(note) }, &mut self.buffer);
        }
        self.write_out()?;
        self.file.flush()?;
        Ok(self.file)
    }

    /// The file, with everything appended so far.
    #[must_use]
    pub fn get_ref(&self) -> &W {
        &self.file
    }

    /// How many bytes the file has.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    fn begin(&mut self, wall_ms: u64) {
        self.is_begun = true;
        self.buffer.extend(MAGIC);
        self.buffer.extend(VERSION.to_le_bytes());
        self.buffer.extend(8_u16.to_le_bytes());
        self.buffer.extend(wall_ms.to_le_bytes());
    }

    fn take(&mut self, record: &Record) {
        self.latest = self.latest.max(record.at);
        if let RecordBody::Packet(packet) = &record.body {
            let kind = kind_of(&packet.bytes);
            if self.length() < self.budget_for(kind) {
                // What no reader would believe cannot come from a socket: no datagram is a quarter of a MiB long.
                frame::encode(record, &mut self.buffer);
                return;
            }
            for note in self.counter.count(record.at, kind, packet) {
                self.note(&note);
            }
        } else {
            self.note(record);
        }
    }

    fn note(&mut self, record: &Record) {
        if self.length() < self.total_budget + self.total_budget / NOTES_SHARE {
            frame::encode(record, &mut self.buffer);
        } else {
            self.left_out += 1;
        }
    }

    /// How long the file is going to be.
    fn length(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn budget_for(&self, kind: PacketKind) -> u64 {
        match kind {
            PacketKind::Rtp | PacketKind::Rtcp | PacketKind::Unknown | PacketKind::ChannelData => self.bulk_budget,
            PacketKind::Stun | PacketKind::Dtls => self.total_budget,
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// What a datagram is, and for one that a relay carries on a channel, what is inside.
fn kind_of(bytes: &[u8]) -> PacketKind {
    match classify(bytes) {
        PacketKind::ChannelData => classify(bytes.get(CHANNEL_DATA_HEADER..).unwrap_or_default()),
        kind => kind,
    }
}

/// The wall clock that the first note of a record tells.
fn wall_ms(record: &Record) -> u64 {
    match record.body.as_note() {
        Some(Note::SessionStarted { wall_ms, .. }) => *wall_ms,
        _ => 0,
    }
}
