//! Two calls over one simulated world, the first of which keeps its record in a file.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use floe_call::{AudioClock, Call, CallConfig, Snapshot};
use floe_capture::RecordWriter;
use floe_inspect::{Inspector, Picture, picture::SecurityView};
use floe_simnet::{Scenario, World};
use floe_wire::{IceConnectionState, Record};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    common::{exchange, log_of, pair::config_for, until},
    counts::live_bytes,
};

/// Two ends of a call.
pub struct Line {
    pub a: Call,
    pub b: Call,
    pub world: World,
    kept: [Kept; 2],
    keepers: [JoinHandle<()>; 2],
}

/// How much one record takes.
#[derive(Clone, Default)]
struct Kept {
    /// Bytes of its file.
    written: Arc<AtomicU64>,
    /// Bytes of a fold over it, as the call itself has one.
    folded: Arc<AtomicUsize>,
}

/// What a call has come to.
#[derive(Debug, Clone, Copy)]
pub struct Totals {
    pub generation: u32,
    /// Bytes of the record's file.
    pub record: u64,
    /// Bytes of the folds over both records.
    pub folds: usize,
    /// Bytes of the copies of both pictures that the calls have published.
    pub copies: usize,
    /// Bytes of the messages in both ladders, which a fold shares with whoever sent or received them.
    pub messages: usize,
    /// Audio made up so far.
    pub gap: Duration,
}

impl Line {
    /// A call that can restart by itself.
    pub async fn connected(seed: u64) -> Self {
        let world = World::build(Scenario::Roam, seed).expect("the world can be built");
        let kept = [Kept::default(), Kept::default()];
        let [(records_a, keeper_a), (records_b, keeper_b)] = kept.each_ref().map(begin_keeping);
        let config = CallConfig { audio_clock: AudioClock::Runtime, ..config_for(&world) };
        let a = Call::start(CallConfig { records: Some(records_a), ..config.clone() }, Arc::clone(&world.a));
        let b = Call::start(CallConfig { records: Some(records_b), ..config }, Arc::clone(&world.b));
        let line = Self { a, b, world, kept, keepers: [keeper_a, keeper_b] };
        exchange(&line.a, &line.b).await;
        for call in [&line.a, &line.b] {
            until(call, "the peer has told its features", |snapshot| snapshot.picture.peer.digests.is_some()).await;
        }
        line
    }

    /// Both hear each other, and say so.
    pub async fn goes_on(&self, change: &str) {
        for (call, name) in [(&self.a, "A"), (&self.b, "B")] {
            let before = packets(&call.snapshot());
            let what = format!("{name} hears the other side after this: {change}");
            until(call, &what, |snapshot| {
                let state = snapshot.picture.ice_connection_state();
                let is_connected = matches!(state, IceConnectionState::Connected | IceConnectionState::Completed);
                is_connected && packets(snapshot) > before + 20
            })
            .await;
        }
    }

    /// The words that both ends compare.
    pub fn words(&self) -> [[String; 4]; 2] {
        [&self.a, &self.b].map(|call| match &call.snapshot().picture.security {
            SecurityView::Secured(facts) => facts.sas.clone(),
            other => panic!("not secured: {other:?}"),
        })
    }

    /// However much there was before: what carries the call now is shown.
    pub fn is_in_view(&self) {
        for call in [&self.a, &self.b] {
            let picture = &call.snapshot().picture;
            let pair = picture.selected_pair().unwrap_or_else(|| panic!("no pair in view\n{}", log_of(picture)));
            assert!(picture.base(pair.id.base).is_some(), "its base is not in view");
            let known = |id: &Option<String>| id.as_deref().is_some_and(|id| picture.candidate(id).is_some());
            assert!(known(&pair.local_candidate) && known(&pair.remote_candidate), "{pair:?}");
        }
    }

    pub fn totals(&self) -> Totals {
        let [picture, other] = [&self.a, &self.b].map(|call| call.snapshot().picture.clone());
        let concealed = picture.audio.as_ref().map_or(0, |audio| audio.concealed_samples);
        Totals {
            generation: picture.selections.last().map_or(0, |selection| selection.pair.generation.0),
            record: self.kept[0].written.load(Ordering::Relaxed),
            copies: size_of_copy(&picture) + size_of_copy(&other),
            messages: size_of_messages(&picture) + size_of_messages(&other),
            folds: self.kept.iter().map(|kept| kept.folded.load(Ordering::Relaxed)).sum(),
            gap: Duration::from_micros(concealed * 1_000_000 / 48_000),
        }
    }

    /// Hangs up at both ends; gives the world that remains.
    pub async fn end(self) -> World {
        let Self { a, b, world, keepers, .. } = self;
        tokio::join!(a.finish(), b.finish());
        for keeper in keepers {
            keeper.await.expect("the keeper ends with the call");
        }
        world
    }
}

/// What a copy of a picture takes beside what it shares with the original.
fn size_of_copy(picture: &Picture) -> usize {
    let before = live_bytes();
    let copy = picture.clone();
    let size = live_bytes().wrapping_sub(before);
    drop(copy);
    size
}

fn size_of_messages(picture: &Picture) -> usize {
    picture.ladder.rows(None).iter().map(|(_, message)| message.bytes.len()).sum()
}

fn packets(snapshot: &Snapshot) -> u64 {
    snapshot.picture.audio.as_ref().map_or(0, |audio| audio.packets_received)
}

fn begin_keeping(kept: &Kept) -> (mpsc::Sender<Vec<Record>>, JoinHandle<()>) {
    let (records, batches) = mpsc::channel(1_024);
    (records, tokio::spawn(keep(batches, kept.clone())))
}

/// Writes a record and folds it once more.
async fn keep(mut batches: mpsc::Receiver<Vec<Record>>, kept: Kept) {
    let mut writer = RecordWriter::new(Counted(kept.written));
    let mut inspector = Inspector::new();
    while let Some(batch) = batches.recv().await {
        writer.append(&batch).expect("nothing fails");
        // Nothing else happens meanwhile: there is one thread.
        let before = live_bytes();
        batch.iter().for_each(|record| inspector.ingest(record));
        kept.folded.fetch_add(live_bytes().wrapping_sub(before), Ordering::Relaxed);
    }
    writer.finish().expect("nothing fails");
}

/// A file of which only the length is kept.
struct Counted(Arc<AtomicU64>);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
