//! Floe as it is: two whole sessions, with codes, audio and encryption behind the checks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use floe_call::{AudioSource, Call, CallConfig, Command, Snapshot};
use floe_inspect::{Inspector, Picture};
use floe_wire::{Candidate, CandidateType, Note, Record, Stamp};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{Outcome, PATIENCE, ground::World};

/// Batches of records that may wait for the bench.
const QUEUE: usize = 4096;
/// Servers answer within a few round trips.
const GATHERING: Duration = Duration::from_secs(10);
/// A session that hung up lets go of its records within milliseconds.
const CLOSING: Duration = Duration::from_secs(2);
/// How long both ends may differ about the pair: one round trip on any network here.
const SETTLING: Duration = Duration::from_millis(150);

/// A session, and what its records have shown so far.
pub struct Session {
    pub call: Call,
    pub seen: watch::Receiver<Seen>,
    /// From where it began.
    pub started: Instant,
    /// Ends with the call; gives the records until a pair was selected.
    reader: JoinHandle<Vec<Record>>,
}

/// When something was first in the records.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// When the session's clock began, as far as can be seen from outside: no later than any batch came, less the stamp of
    /// its last record. A session hands records over when it has nothing better to do, so the best of many counts.
    began: Option<Instant>,
    selected: Option<Stamp>,
    reflexive: Option<Stamp>,
    relayed: Option<Stamp>,
}

impl Seen {
    pub fn selected(&self) -> Option<Instant> {
        Some(self.began? + self.selected?.0)
    }

    pub fn reflexive(&self) -> Option<Instant> {
        Some(self.began? + self.reflexive?.0)
    }

    pub fn relayed(&self) -> Option<Instant> {
        Some(self.began? + self.relayed?.0)
    }

    fn note(&mut self, record: &Record) {
        match record.body.as_note() {
            Some(Note::PairSelected { .. }) => self.selected = self.selected.or(Some(record.at)),
            Some(Note::LocalCandidate { candidate: Candidate { candidate_type, .. }, .. }) => match candidate_type {
                CandidateType::ServerReflexive => self.reflexive = self.reflexive.or(Some(record.at)),
                CandidateType::Relayed => self.relayed = self.relayed.or(Some(record.at)),
                CandidateType::Host | CandidateType::PeerReflexive => {}
            },
            _ => {}
        }
    }
}

impl Session {
    /// Starts to gather at one end of a network.
    pub fn start(world: &World, side: usize) -> Self {
        let (records, queue) = mpsc::channel(QUEUE);
        let config = CallConfig {
            stun_servers: world.stun_servers.clone(),
            turn_servers: world.turn_servers.clone(),
            turn_trust: world.turn_trust.clone(),
            source: AudioSource::Tone { hz: 440 },
            records: Some(records),
            ..CallConfig::default()
        };
        let (show, seen) = watch::channel(Seen::default());
        let started = Instant::now();
        let call = Call::start(config, Arc::clone(&world.ends[side]));
        Self { call, seen, started, reader: tokio::spawn(watch_records(queue, show)) }
    }

    /// Its code, once it can be given away; none if it is not.
    pub async fn code(&self) -> Option<String> {
        let mut snapshots = self.call.watch();
        let ready = tokio::time::timeout(GATHERING, snapshots.wait_for(|snapshot| snapshot.code.is_some())).await;
        ready.ok()?.ok()?.code.clone()
    }

    /// Hangs up; gives the last snapshot, and how many checks had left when a pair was selected.
    pub async fn finish(self) -> (Arc<Snapshot>, u64) {
        let last = self.call.finish().await;
        let records = tokio::time::timeout(CLOSING, self.reader).await.ok().and_then(Result::ok).unwrap_or_default();
        let mut inspector = Inspector::new();
        records.iter().for_each(|record| inspector.ingest(record));
        (last, inspector.picture().pairs.iter().map(|pair| pair.requests_sent).sum())
    }
}

/// Looks for a few notes only: whatever is folded here meanwhile is time that the ends do not have.
async fn watch_records(mut queue: mpsc::Receiver<Vec<Record>>, show: watch::Sender<Seen>) -> Vec<Record> {
    let mut kept = Vec::new();
    while let Some(batch) = queue.recv().await {
        let began = batch.last().and_then(|last| Instant::now().checked_sub(last.at.0));
        show.send_modify(|seen| {
            seen.began = [seen.began, began].into_iter().flatten().min();
            for record in batch {
                let is_early = seen.selected.is_none();
                seen.note(&record);
                kept.extend(is_early.then_some(record));
            }
        });
    }
    kept
}

/// Connects two ends; none if they did not within the patience.
pub async fn run(world: &World) -> Option<Outcome> {
    let (a, b) = (Session::start(world, 0), Session::start(world, 1));
    let (code_a, code_b) = (a.code().await?, b.code().await?);
    let (mut seen_a, mut seen_b) = (a.seen.clone(), b.seen.clone());
    let start = Instant::now();
    a.call.send(Command::PasteCode(code_b));
    b.call.send(Command::PasteCode(code_a));
    let both = async {
        seen_a.wait_for(|seen| seen.selected.is_some()).await.ok()?;
        seen_b.wait_for(|seen| seen.selected.is_some()).await.ok()?;
        Some(())
    };
    let both = tokio::time::timeout(PATIENCE, both).await.ok().flatten();
    tokio::time::sleep(SETTLING).await;
    let (one, other) = (*a.seen.borrow(), *b.seen.borrow());
    let ((last_a, checks_a), (last_b, checks_b)) = tokio::join!(a.finish(), b.finish());
    both?;
    Some(Outcome {
        took: one.selected()?.max(other.selected()?) - start,
        checks: usize::try_from(checks_a + checks_b).ok()?,
        agreed: are_on_one_pair(&last_a.picture, &last_b.picture),
    })
}

/// What one sends to is an address of the other's base: its own, or one that servers or checks showed.
fn are_on_one_pair(a: &Picture, b: &Picture) -> bool {
    let (Some(ours), Some(theirs)) = (a.selected_pair(), b.selected_pair()) else { return false };
    let leads_to = |picture: &Picture, address, base| {
        let mut known = picture.local_candidates.iter();
        known.any(|view| view.base == Some(base) && view.candidate.address == address)
    };
    leads_to(b, ours.id.remote, theirs.id.base) && leads_to(a, theirs.id.remote, ours.id.base)
}
