//! The archive's thread: takes records in and answers for moments.

use std::{future::pending, io, sync::Arc};

use floe_capture::RecordWriter;
use floe_inspect::{History, Picture};
use floe_wire::{Record, Stamp};
use tokio::sync::{mpsc, watch};

use super::{Moment, Repaint};
use crate::window::reading::Reading;

/// The archive's thread.
pub struct Desk {
    history: History,
    /// The record as a file in memory: packets in full and bounded, ready to be saved.
    journal: RecordWriter<Vec<u8>>,
    wanted: watch::Receiver<Option<Stamp>>,
    moments: watch::Sender<Option<Arc<Moment>>>,
    repaint: Repaint,
}

impl Desk {
    /// A desk without records.
    pub fn new(
        wanted: watch::Receiver<Option<Stamp>>,
        moments: watch::Sender<Option<Arc<Moment>>>,
        repaint: Repaint,
    ) -> Self {
        Self { history: History::new(), journal: RecordWriter::new(Vec::new()), wanted, moments, repaint }
    }

    /// What asks for painting.
    pub fn repaint_handle(&self) -> Repaint {
        Arc::clone(&self.repaint)
    }

    /// Paints what is new.
    pub fn repaint(&self) {
        (self.repaint)();
    }

    /// Takes one record of a file.
    pub fn file(&mut self, record: Record) {
        self.history.push(record);
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
                    changed = self.wanted.changed() => match changed {
                        Ok(()) => self.answer(),
                        Err(_) => return,
                    },
                }
            }
        });
    }

    fn take(&mut self, batch: Vec<Record>) {
        // A file in memory is written without a failure.
        let written: io::Result<()> = self.journal.append(&batch);
        debug_assert!(written.is_ok());
        for record in batch {
            self.history.push(record);
        }
    }

    fn answer(&mut self) {
        let at = *self.wanted.borrow_and_update();
        let moment = at.map(|at| {
            let picture = self.history.picture_at(at);
            Arc::new(Moment { at, reading: Reading::of(&picture), picture })
        });
        self.moments.send_replace(moment);
        self.repaint();
    }
}

async fn next(records: &mut Option<mpsc::Receiver<Vec<Record>>>) -> Option<Vec<Record>> {
    match records {
        Some(records) => records.recv().await,
        None => pending().await,
    }
}
