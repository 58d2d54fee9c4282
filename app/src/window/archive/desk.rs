//! The archive's thread: takes records in and answers for moments.

use std::{future::pending, sync::Arc, thread};

use floe_inspect::{History, Picture};
use floe_wire::{Note, Record, RecordBody, Stamp};
use tokio::sync::{mpsc, watch};

use super::{
    Moment, Part, Repaint, Saved,
    save::{SaveJob, Source, save},
};
use crate::window::reading::Reading;

/// The archive's thread.
pub struct Desk {
    history: History,
    /// The records in full, to be saved.
    source: Source,
    wires: Wires,
}

/// What leads to and from the window.
pub struct Wires {
    /// The moment that is asked for.
    pub wanted: watch::Receiver<Option<Stamp>>,
    /// The moments that were.
    pub moments: watch::Sender<Option<Arc<Moment>>>,
    /// The files that are asked for.
    pub jobs: mpsc::Receiver<SaveJob>,
    /// Notes to append to a record that is over.
    pub additions: mpsc::Receiver<Vec<Note>>,
    /// The end of the record with them.
    pub added: watch::Sender<Option<Arc<Picture>>>,
    /// What became of them.
    pub saved: std::sync::mpsc::Sender<Saved>,
    /// Asks for painting.
    pub repaint: Repaint,
}

impl Desk {
    /// A desk without records.
    pub fn new(wires: Wires, source: Source) -> Self {
        Self { history: History::new(), source, wires }
    }

    /// A desk of no file, and what keeps its wires.
    #[cfg(test)]
    pub fn idle() -> (Self, impl Sized) {
        let ((want, wanted), (moments, moment)) = (watch::channel(None), watch::channel(None));
        let ((job, jobs), (addition, additions)) = (mpsc::channel(1), mpsc::channel(1));
        let ((added, end), (saved, outcome)) = (watch::channel(None), std::sync::mpsc::channel());
        let wires = Wires { wanted, moments, jobs, additions, added, saved, repaint: Arc::new(|| {}) };
        let source = Source::Journal(floe_capture::RecordWriter::new(Vec::new()));
        (Self::new(wires, source), (want, moment, job, addition, end, outcome))
    }

    /// What asks for painting.
    pub fn repaint_handle(&self) -> Repaint {
        Arc::clone(&self.wires.repaint)
    }

    /// Paints what is new.
    pub fn repaint(&self) {
        (self.wires.repaint)();
    }

    /// Takes one record of a file.
    pub fn file(&mut self, record: Record) {
        self.history.push(record);
    }

    /// Says how much of the file that was; none is all of it.
    pub fn holds(&mut self, part: Option<Part>) {
        if let Source::File(file) = &mut self.source {
            file.part = part;
        }
    }

    /// Everything so far.
    pub fn latest(&self) -> &Picture {
        self.history.latest()
    }

    /// Answers until the archive is dropped.
    pub fn serve(mut self, mut records: Option<mpsc::Receiver<Vec<Record>>>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "the system does not let the archive wait"),
        };
        runtime.block_on(async {
            loop {
                tokio::select! {
                    batch = next(&mut records) => match batch {
                        Some(batch) => self.take(batch),
                        None => records = None,
                    },
                    changed = self.wires.wanted.changed() => match changed {
                        Ok(()) => self.answer(),
                        Err(_) => return,
                    },
                    Some(job) = self.wires.jobs.recv() => self.save(job),
                    Some(notes) = self.wires.additions.recv() => self.add(notes),
                }
            }
        });
    }

    fn take(&mut self, batch: Vec<Record>) {
        match &mut self.source {
            Source::Journal(journal) => {
                // A file in memory is written without a failure.
                let written = journal.append(&batch);
                debug_assert!(written.is_ok());
            }
            Source::File(file) => file.added.extend_from_slice(&batch),
        }
        for record in batch {
            self.history.push(record);
        }
    }

    /// What a person knows afterwards is at the end of the record: it was not known before.
    fn add(&mut self, notes: Vec<Note>) {
        let at = self.history.latest().at;
        self.take(notes.into_iter().map(|note| Record { at, body: RecordBody::note(note) }).collect());
        self.wires.added.send_replace(Some(Arc::new(self.history.latest().clone())));
        // The moment looked at may be that end.
        self.answer();
    }

    /// Writes a file beside everything else: records of a running call must not wait for a slow disk.
    fn save(&mut self, job: SaveJob) {
        let (kept, saved, repaint) = (self.source.kept(), self.wires.saved.clone(), self.repaint_handle());
        let path = job.path.clone();
        let work = move || {
            let outcome = save(&job, &kept);
            // Without a window nobody is left to tell.
            let _ = saved.send(Saved { path: job.path, outcome });
            repaint();
        };
        if let Err(error) = thread::Builder::new().name("floe-save".to_owned()).spawn(work) {
            let _ = self.wires.saved.send(Saved { path, outcome: Err(error.to_string()) });
            self.repaint();
        }
    }

    fn answer(&mut self) {
        let at = *self.wires.wanted.borrow_and_update();
        let moment = at.map(|at| {
            let picture = self.history.picture_at(at);
            Arc::new(Moment { at, reading: Reading::of(&picture), picture })
        });
        self.wires.moments.send_replace(moment);
        self.repaint();
    }
}

async fn next(records: &mut Option<mpsc::Receiver<Vec<Record>>>) -> Option<Vec<Record>> {
    match records {
        Some(records) => records.recv().await,
        None => pending().await,
    }
}
