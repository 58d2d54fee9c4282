//! The way of what arrives at a base: recorded, classified, handed over, or counted where nobody has room for it.

use std::{
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_wire::{BaseId, Direction, Note, classify, note::DropKind};
use tokio::sync::mpsc;

use crate::{Inbound, Tap, clock};

/// Drops are told at most this often.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// Takes what arrives at one base, from any of its sockets.
pub(crate) struct Intake {
    base: BaseId,
    tap: Tap,
    inbound: mpsc::Sender<Inbound>,
    dropped: DropCount,
}

impl Intake {
    pub fn new(base: BaseId, tap: &Tap, inbound: mpsc::Sender<Inbound>) -> Self {
        Self { base, tap: tap.clone(), inbound, dropped: DropCount::new(DropKind::Datagrams) }
    }

    /// Gives a datagram to the tap and to the session; `false` once the session is gone.
    pub fn take(&self, bytes: Bytes, remote: SocketAddr) -> bool {
        let at = clock::now();
        self.tap.packet_at(at, self.base, Direction::Inbound, remote, &bytes);
        let kind = classify(&bytes);
        let outcome = self.inbound.try_send(Inbound { base: self.base, remote, bytes, at, kind });
        if matches!(outcome, Err(mpsc::error::TrySendError::Full(_))) {
            self.dropped.add();
        }
        self.dropped.tell_if_due(&self.tap, at);
        !matches!(outcome, Err(mpsc::error::TrySendError::Closed(_)))
    }

    /// Tells drops that nobody was told of.
    pub fn tell_drops(&self) {
        self.dropped.tell(&self.tap);
    }
}

/// Counts drops of one kind and tells of them once in a while.
pub(crate) struct DropCount {
    what: DropKind,
    count: AtomicU64,
    told: Mutex<Instant>,
}

impl DropCount {
    pub fn new(what: DropKind) -> Self {
        Self { what, count: AtomicU64::new(0), told: Mutex::new(clock::now()) }
    }

    pub fn add(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells of drops if the last time was long enough ago.
    pub fn tell_if_due(&self, tap: &Tap, now: Instant) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told + TELL_INTERVAL <= now {
            *told = now;
            self.tell(tap);
        }
    }

    /// Tells of drops that were not told.
    pub fn tell(&self, tap: &Tap) {
        let count = self.count.swap(0, Ordering::Relaxed);
        if count > 0 {
            tap.note(Note::Dropped { what: self.what, count });
        }
    }
}
