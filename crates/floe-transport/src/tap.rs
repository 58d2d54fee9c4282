//! The tap: every datagram and note becomes a record, without ever holding up a socket.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use floe_wire::{
    BaseId, Direction, Note, Packet, Record, RecordBody, Stamp, note::DropKind, record::kept_len,
    stun::IntegrityVerdict,
};
use tokio::sync::mpsc;

use crate::{Clock, clock};

/// Most records handed over by one [`TapReceiver::recv_many`].
const BATCH: usize = 1024;

/// Writes records. Clones write to the same receiver.
#[derive(Debug, Clone)]
pub struct Tap {
    records: mpsc::Sender<Record>,
    dropped: Arc<AtomicU64>,
    clock: Clock,
}

/// Reads what the taps wrote.
#[derive(Debug)]
pub struct TapReceiver {
    records: mpsc::Receiver<Record>,
    dropped: Arc<AtomicU64>,
    latest: Stamp,
}

impl Tap {
    /// Makes a tap that keeps at most `capacity` records (at least 2) until they are read.
    #[must_use]
    pub fn new(clock: Clock, capacity: usize) -> (Self, TapReceiver) {
        let (sender, receiver) = mpsc::channel(capacity.max(2));
        let dropped = Arc::new(AtomicU64::new(0));
        let tap = Self { records: sender, dropped: Arc::clone(&dropped), clock };
        (tap, TapReceiver { records: receiver, dropped, latest: Stamp::ZERO })
    }

    /// The clock that stamps the records.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Records a datagram as of this moment.
    pub fn packet(&self, base: BaseId, direction: Direction, remote: SocketAddr, bytes: &[u8]) {
        self.packet_at(clock::now(), base, direction, remote, bytes);
    }

    /// Records a datagram as of `at`.
    ///
    /// Media is cut after [`floe_wire::record::MEDIA_SNAP_LEN`]; everything else is kept in full.
    pub fn packet_at(&self, at: Instant, base: BaseId, direction: Direction, remote: SocketAddr, bytes: &[u8]) {
        // The last quarter of the room is for notes: a flood of datagrams must not hide what the session decided.
        if self.records.capacity() * 4 <= self.records.max_capacity() {
            self.count_drop();
            return;
        }
        let kept = &bytes[..kept_len(bytes)];
        let packet = Packet {
            base,
            direction,
            remote,
            bytes: Bytes::copy_from_slice(kept),
            wire_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            integrity: IntegrityVerdict::Unchecked,
        };
        self.write(at, RecordBody::Packet(packet));
    }

    /// Records a note as of this moment.
    pub fn note(&self, note: Note) {
        self.write(clock::now(), RecordBody::note(note));
    }

    fn write(&self, at: Instant, body: RecordBody) {
        let record = Record { at: self.clock.stamp_of(at), body };
        // A receiver that is gone wants no records; only a full one is a loss.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.records.try_send(record) {
            self.count_drop();
        }
    }

    fn count_drop(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl TapReceiver {
    /// Waits for records and appends them to `out`; gives how many, 0 once every tap is gone.
    ///
    /// Stamps never go backwards. Records that had no room are told by a [`Note::Dropped`] at the end of the batch.
    /// Cancelling the future loses nothing.
    pub async fn recv_many(&mut self, out: &mut Vec<Record>) -> usize {
        let before = out.len();
        self.records.recv_many(out, BATCH).await;
        for record in &mut out[before..] {
            // Readers on other threads stamp first and write later.
            record.at = record.at.max(self.latest);
            self.latest = record.at;
        }
        let count = self.dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            let note = Note::Dropped { what: DropKind::Records, count };
            out.push(Record { at: self.latest, body: RecordBody::note(note) });
        }
        out.len() - before
    }
}

#[cfg(test)]
mod tests {
    use floe_wire::record::MEDIA_SNAP_LEN;

    use super::*;

    const BASE: BaseId = BaseId(1);

    fn remote() -> SocketAddr {
        "192.0.2.1:7".parse().unwrap()
    }

    async fn records(receiver: &mut TapReceiver) -> Vec<Record> {
        let mut out = Vec::new();
        receiver.recv_many(&mut out).await;
        out
    }

    #[tokio::test]
    async fn media_is_cut_to_its_clear_header_and_keeps_its_wire_length() {
        let (tap, mut receiver) = Tap::new(Clock::start(), 8);
        let media = [0x80; 200];
        tap.packet(BASE, Direction::Inbound, remote(), &media);
        let RecordBody::Packet(packet) = records(&mut receiver).await.remove(0).body else { panic!("not a packet") };
        assert_eq!((packet.bytes.len(), packet.wire_len), (MEDIA_SNAP_LEN, 200));
    }

    #[tokio::test]
    async fn handshakes_are_kept_in_full() {
        let (tap, mut receiver) = Tap::new(Clock::start(), 8);
        let dtls = [22; 1200];
        tap.packet(BASE, Direction::Outbound, remote(), &dtls);
        let RecordBody::Packet(packet) = records(&mut receiver).await.remove(0).body else { panic!("not a packet") };
        assert_eq!(packet.bytes.len(), 1200);
    }

    #[tokio::test]
    async fn a_flood_is_counted_and_leaves_room_for_notes() {
        let (tap, mut receiver) = Tap::new(Clock::start(), 8);
        for _ in 0..100 {
            tap.packet(BASE, Direction::Inbound, remote(), &[22]);
        }
        tap.note(Note::FirstAudio);
        let records = records(&mut receiver).await;
        let notes: Vec<_> = records.iter().filter(|record| matches!(record.body, RecordBody::Note(_))).collect();
        assert_eq!(notes[0].body, RecordBody::note(Note::FirstAudio));
        let kept = records.len() - 2;
        let lost = Note::Dropped { what: DropKind::Records, count: 100 - u64::try_from(kept).unwrap() };
        assert_eq!(notes[1].body, RecordBody::note(lost));
    }

    #[tokio::test(start_paused = true)]
    async fn stamps_never_go_backwards() {
        let (tap, mut receiver) = Tap::new(Clock::start(), 8);
        let early = clock::now();
        tokio::time::advance(std::time::Duration::from_millis(5)).await;
        tap.note(Note::FirstAudio);
        tap.packet_at(early, BASE, Direction::Inbound, remote(), &[22]);
        let records = records(&mut receiver).await;
        assert_eq!(records[1].at, Stamp::from_millis(5));
    }

    #[tokio::test]
    async fn the_end_of_all_taps_is_told_once_everything_is_read() {
        let (tap, mut receiver) = Tap::new(Clock::start(), 8);
        tap.note(Note::FirstAudio);
        drop(tap);
        assert_eq!(records(&mut receiver).await.len(), 1);
        assert_eq!(records(&mut receiver).await.len(), 0);
    }
}
