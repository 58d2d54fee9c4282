//! The archive behind each side and each file: keeps every record and shows any moment of it, on a thread of its own.

mod desk;
mod file;
mod open_state;
mod save;

use std::{path::PathBuf, sync::Arc, thread};

use floe_capture::{ImportOptions, RecordWriter};
use floe_inspect::Picture;
use floe_wire::{Note, Record, Stamp};
use tokio::sync::{mpsc, watch};

use self::{
    desk::{Desk, Wires},
    save::{FileSource, Source},
};
pub use self::{
    file::OpenFile,
    open_state::{Capture, OpenState, Opened, Part, Progress, SessionLine},
    save::{SaveAs, SaveJob},
};
use super::reading::Reading;

/// Batches that may wait while a moment is folded; that takes a few of them.
const BATCHES: usize = 256;

/// Files that may be waited for.
const JOBS: usize = 4;

/// Called when there is something new to paint.
pub type Repaint = Arc<dyn Fn() + Send + Sync>;

/// A record that can be looked at as of any moment. Dropping it ends its thread.
#[derive(Debug)]
pub struct Archive {
    wanted: watch::Sender<Option<Stamp>>,
    moment: watch::Receiver<Option<Arc<Moment>>>,
    jobs: mpsc::Sender<SaveJob>,
    additions: mpsc::Sender<Vec<Note>>,
    added: watch::Receiver<Option<Arc<Picture>>>,
    saved: std::sync::mpsc::Receiver<Saved>,
}

/// What became of something that was saved.
#[derive(Debug, PartialEq, Eq)]
pub struct Saved {
    /// Where to.
    pub path: PathBuf,
    /// Or why not.
    pub outcome: Result<(), String>,
}

/// A record as of a moment.
#[derive(Debug)]
pub struct Moment {
    /// The moment asked for.
    pub at: Stamp,
    /// Everything up to it.
    pub picture: Arc<Picture>,
    /// What that says.
    pub reading: Reading,
}

impl Archive {
    /// The archive of a call, and where the call's records go.
    #[must_use]
    pub fn of_call(repaint: Repaint) -> (Self, mpsc::Sender<Vec<Record>>) {
        let (records, inbox) = mpsc::channel(BATCHES);
        let journal = Source::Journal(RecordWriter::new(Vec::new()));
        (Self::start(journal, repaint, move |desk| desk.serve(Some(inbox))), records)
    }

    /// The archive of a file, and how far reading it is.
    #[must_use]
    pub fn of_file(path: PathBuf, options: ImportOptions, repaint: Repaint) -> (Self, OpenFile) {
        let (state, progress) = watch::channel(OpenState::start());
        let orders = Arc::new(file::Orders::default());
        let open = OpenFile::new(path.clone(), progress, Arc::clone(&orders));
        let source = Source::File(FileSource::new(path.clone(), options.clone()));
        let archive = Self::start(source, repaint, move |mut desk| {
            file::read(&path, &options, &mut desk, &state, &orders);
            desk.serve(None);
        });
        (archive, open)
    }

    fn start(source: Source, repaint: Repaint, work: impl FnOnce(Desk) + Send + 'static) -> Self {
        let (wanted, wishes) = watch::channel(None);
        let (moments, moment) = watch::channel(None);
        let (jobs, inbox) = mpsc::channel(JOBS);
        let (additions, added_notes) = mpsc::channel(JOBS);
        let (pictures, added) = watch::channel(None);
        let (outcomes, saved) = std::sync::mpsc::channel();
        let wires = Wires {
            wanted: wishes,
            moments,
            jobs: inbox,
            additions: added_notes,
            added: pictures,
            saved: outcomes,
            repaint,
        };
        let desk = Desk::new(wires, source);
        // Without the thread the present is still shown; only looking back is not possible.
        if let Err(error) = thread::Builder::new().name("floe-archive".to_owned()).spawn(move || work(desk)) {
            tracing::error!(%error, "the system gives no thread to look back with");
        }
        Self { wanted, moment, jobs, additions, added, saved }
    }

    /// Asks for a moment; none asks for nothing. A question not answered yet is replaced.
    pub fn want(&self, at: Option<Stamp>) {
        self.wanted.send_if_modified(|wanted| std::mem::replace(wanted, at) != at);
    }

    /// Asks for a file; `false` when some are being written already.
    pub fn save(&self, job: SaveJob) -> bool {
        self.jobs.try_send(job).is_ok()
    }

    /// Appends notes at the end of a record that is over; `false` when some are being appended already.
    pub fn add(&self, notes: Vec<Note>) -> bool {
        self.additions.try_send(notes).is_ok()
    }

    /// The end of the record with what was appended; none while nothing was.
    #[must_use]
    pub fn with_additions(&self) -> Option<Arc<Picture>> {
        self.added.borrow().clone()
    }

    /// What became of a file that was asked for, once.
    #[must_use]
    pub fn saved(&self) -> Option<Saved> {
        self.saved.try_recv().ok()
    }

    /// The newest answer.
    #[must_use]
    pub fn moment(&self) -> Option<Arc<Moment>> {
        self.moment.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use floe_wire::RecordBody;

    use super::*;

    fn muted(ms: u64, muted: bool) -> Record {
        Record { at: Stamp::from_millis(ms), body: RecordBody::note(Note::Muted { muted }) }
    }

    /// Waits for an answer that is as wanted, at most ten seconds.
    fn answer(archive: &Archive, is_it: impl Fn(&Moment) -> bool) -> Arc<Moment> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(moment) = archive.moment().filter(|moment| is_it(moment)) {
                return moment;
            }
            assert!(Instant::now() < deadline, "no such answer: {:?}", archive.moment());
            thread::yield_now();
        }
    }

    #[test]
    fn a_moment_of_a_running_call_is_shown_as_it_was() {
        let (archive, records) = Archive::of_call(Arc::new(|| {}));
        records.try_send(vec![muted(10, true), muted(500, false), muted(900, true)]).unwrap();
        // The question may overtake the records; it is asked again, as the window does when the playhead moves.
        let deadline = Instant::now() + Duration::from_secs(10);
        for ms in (600..).take_while(|_| Instant::now() < deadline) {
            archive.want(Some(Stamp::from_millis(ms.min(800))));
            if archive.moment().is_some_and(|moment| moment.picture.counters.records == 2) {
                break;
            }
            thread::yield_now();
            archive.want(None);
        }
        archive.want(Some(Stamp::from_millis(100)));
        let moment = answer(&archive, |moment| moment.at == Stamp::from_millis(100));
        assert!(moment.picture.muted);
        archive.want(Some(Stamp::from_millis(700)));
        let moment = answer(&archive, |moment| moment.at == Stamp::from_millis(700));
        assert!(!moment.picture.muted);
    }

    #[test]
    fn what_is_added_afterwards_is_at_the_end_of_the_record() {
        let (archive, records) = Archive::of_call(Arc::new(|| {}));
        records.try_send(vec![muted(10, true)]).unwrap();
        assert!(archive.with_additions().is_none());
        assert!(archive.add(vec![Note::PeerSideAdded { matched: 7 }]));
        let deadline = Instant::now() + Duration::from_secs(10);
        let picture = loop {
            if let Some(picture) = archive.with_additions() {
                break picture;
            }
            assert!(Instant::now() < deadline, "nothing was added");
            thread::yield_now();
        };
        assert!(matches!(picture.peer.channel, floe_inspect::peer::ChannelView::Added { matched: 7 }));
    }

    #[test]
    fn the_records_of_a_dropped_archive_have_nowhere_to_go() {
        let (archive, records) = Archive::of_call(Arc::new(|| {}));
        drop(archive);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !records.is_closed() {
            assert!(Instant::now() < deadline, "the archive's thread goes on");
            thread::yield_now();
        }
    }
}
