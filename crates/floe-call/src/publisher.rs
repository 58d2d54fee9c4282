//! Folds records as they come and publishes snapshots, at most 20 a second.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use floe_inspect::{Inspector, Picture};
use floe_signal::control::{MAX_DIGEST_PAIRS, MAX_SIGHTINGS};
use floe_transport::Clock;
use floe_wire::{BaseId, IceConnectionState, Note, Record, RecordBody, Sightings, Stamp, note::DropKind, peer::Digest};
use tokio::sync::{mpsc, watch};

use crate::{
    CallConfig,
    control::Recorded,
    seals::Seals,
    snapshot::{PasteOutcome, Snapshot},
};

/// The least time between two snapshots.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(50);
/// How often time alone changes the picture ("12 of 39 s").
const TICK_INTERVAL: Duration = Duration::from_millis(250);
/// The same while somebody is waited for who may come in ten minutes.
const WAITING_INTERVAL: Duration = Duration::from_secs(1);

/// Folds records and publishes snapshots.
pub(crate) struct Publisher {
    clock: Clock,
    /// What checks the packets' integrity before they are folded and handed on.
    pub seals: Seals,
    inspector: Inspector,
    snapshots: watch::Sender<Arc<Snapshot>>,
    records: Option<mpsc::Sender<Vec<Record>>>,
    /// Records that the reader of records could not take and was not yet told of.
    lost: u64,
    repaint: Arc<dyn Fn() + Send + Sync>,
    last_published: Instant,
    is_dirty: bool,
}

/// The parts of a snapshot that are not in the record.
pub(crate) struct Extras {
    pub code: Option<String>,
    pub paste: Option<PasteOutcome>,
}

impl Publisher {
    pub fn new(clock: Clock, snapshots: watch::Sender<Arc<Snapshot>>, config: &CallConfig, now: Instant) -> Self {
        Self {
            clock,
            seals: Seals::new(&config.turn_servers),
            inspector: Inspector::new(),
            snapshots,
            records: config.records.clone(),
            lost: 0,
            repaint: Arc::clone(&config.repaint),
            last_published: now,
            is_dirty: true,
        }
    }

    /// Folds a batch and hands it on to the reader of records.
    pub fn take(&mut self, mut batch: Vec<Record>) {
        for record in &mut batch {
            if let RecordBody::Packet(packet) = &mut record.body {
                packet.integrity = self.seals.judge(packet);
            }
            self.inspector.ingest(record);
        }
        self.is_dirty = true;
        let Some(records) = &self.records else { return };
        let count = batch.len() as u64;
        if self.lost > 0 {
            batch.extend(batch.last().map(|last| last.at).map(|at| dropped(at, self.lost)));
        }
        match records.try_send(batch) {
            Ok(()) => self.lost = 0,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.lost += count;
                self.inspector.ingest(&dropped(self.clock.stamp(), count));
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    /// What the peer calls a pair of ours, as its digests have told; in the newest generation that they name.
    pub fn peers_name(&self, base: BaseId, remote: SocketAddr) -> Option<(BaseId, SocketAddr)> {
        let named = self.inspector.picture().peer.pairs.iter().filter_map(|pair| Some((pair.ours?, pair.seen)));
        let it = named.filter(|(ours, _)| (ours.base, ours.remote) == (base, remote));
        it.max_by_key(|(ours, _)| ours.generation).map(|(_, seen)| (seen.base, seen.remote))
    }

    /// The picture so far.
    pub fn picture(&self) -> &Picture {
        self.inspector.picture()
    }

    /// When the next snapshot is due.
    pub fn poll_timeout(&self) -> Instant {
        let is_waiting = matches!(
            self.inspector.picture().ice_connection_state(),
            IceConnectionState::New | IceConnectionState::Failed
        );
        self.last_published
            + match (self.is_dirty, is_waiting) {
                (true, _) => SNAPSHOT_INTERVAL,
                (false, true) => WAITING_INTERVAL,
                (false, false) => TICK_INTERVAL,
            }
    }

    /// Publishes if it is time.
    pub fn on_timeout(&mut self, now: Instant, extras: impl FnOnce() -> Extras) {
        if now >= self.poll_timeout() {
            self.publish(now, extras(), false);
        }
    }

    /// Publishes the last snapshot.
    pub fn finish(&mut self, now: Instant, extras: Extras) {
        self.publish(now, extras, true);
    }

    fn publish(&mut self, now: Instant, extras: Extras, finished: bool) {
        self.inspector.tick(self.clock.stamp());
        self.last_published = now;
        self.is_dirty = false;
        let picture = Arc::new(self.inspector.picture().clone());
        let snapshot = Snapshot { picture, code: extras.code, paste: extras.paste, finished };
        // Nobody watching any more is no reason to stop: the call ends by its commands.
        if self.snapshots.send_if_modified(|last| replace_if_news(last, snapshot)) {
            (self.repaint)();
        }
    }
}

impl Recorded for Publisher {
    fn digest(&mut self) -> Digest {
        self.inspector.digest(MAX_DIGEST_PAIRS)
    }

    fn sightings(&mut self) -> Sightings {
        self.inspector.sightings(MAX_SIGHTINGS)
    }
}

fn dropped(at: Stamp, count: u64) -> Record {
    Record { at, body: RecordBody::note(Note::Dropped { what: DropKind::Records, count }) }
}

/// Replaces a snapshot by one that says something else than that time has passed; waiting for a person costs nothing.
fn replace_if_news(last: &mut Arc<Snapshot>, mut next: Snapshot) -> bool {
    let at = next.picture.at;
    Arc::make_mut(&mut next.picture).at = last.picture.at;
    if **last == next {
        return false;
    }
    Arc::make_mut(&mut next.picture).at = at;
    *last = Arc::new(next);
    true
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn snapshot(at_ms: u64, muted: bool) -> Snapshot {
        let picture = Picture { at: Stamp(Duration::from_millis(at_ms)), muted, ..Picture::default() };
        Snapshot { picture: Arc::new(picture), ..Snapshot::default() }
    }

    #[test]
    fn time_alone_is_no_news() {
        let mut last = Arc::new(snapshot(10, false));
        assert!(!replace_if_news(&mut last, snapshot(900, false)));
        assert_eq!(last.picture.at, Stamp::from_millis(10));
    }

    #[test]
    fn news_comes_with_its_time() {
        let mut last = Arc::new(snapshot(10, false));
        assert!(replace_if_news(&mut last, snapshot(900, true)));
        assert!(last.picture.muted && last.picture.at == Stamp::from_millis(900));
    }
}
