//! One side as the window shows it: its newest snapshot, its archive, and what it was last asked to do.

use std::{path::PathBuf, sync::Arc, time::Instant};

use floe_call::{AudioSource, Command, Playback, Snapshot};
use floe_wire::{Note, Stamp};

use super::{
    archive::{Archive, Moment, Opened, SaveAs, SaveJob, Saved},
    break_it::Breakage,
    reading::Reading,
};

/// One side as the window shows it.
pub struct Seat {
    /// Its newest snapshot.
    pub snapshot: Arc<Snapshot>,
    /// What the snapshot says.
    pub reading: Reading,
    /// What it was last asked to send.
    pub source: AudioSource,
    /// Where it was last asked to play.
    pub playback: Playback,
    /// What is broken around it.
    pub breakage: Breakage,
    archive: Option<Archive>,
    arrived: Instant,
}

impl Seat {
    /// A side of a call that begins now.
    pub fn new(source: AudioSource, playback: Playback, archive: Option<Archive>) -> Self {
        let snapshot = Arc::<Snapshot>::default();
        Self {
            reading: Reading::of(&snapshot.picture),
            snapshot,
            source,
            playback,
            breakage: Breakage::default(),
            archive,
            arrived: Instant::now(),
        }
    }

    /// The side that a file was recorded at, before anything of it is read.
    pub fn of_file(archive: Archive) -> Self {
        let snapshot = Arc::new(Snapshot { finished: true, ..Snapshot::default() });
        Self { snapshot, ..Self::new(AudioSource::None, Playback::None, Some(archive)) }
    }

    /// Takes a newer snapshot.
    pub fn take(&mut self, snapshot: Arc<Snapshot>) {
        if snapshot.finished && self.take_added() {
            return;
        }
        if !Arc::ptr_eq(&self.snapshot, &snapshot) {
            self.reading = Reading::of(&snapshot.picture);
            self.snapshot = snapshot;
            self.arrived = Instant::now();
        }
    }

    /// Takes what a file holds.
    pub fn take_file(&mut self, opened: &Opened) {
        if self.take_added() {
            return;
        }
        if !Arc::ptr_eq(&self.snapshot.picture, &opened.picture) {
            self.reading = opened.reading.clone();
            let picture = Arc::clone(&opened.picture);
            self.snapshot = Arc::new(Snapshot { picture, finished: true, ..Snapshot::default() });
        }
    }

    /// Appends to a record that is over what the other side knows; `false` where there is none to append to.
    pub fn add_notes(&self, notes: Vec<Note>) -> bool {
        self.archive.as_ref().is_some_and(|archive| archive.add(notes))
    }

    /// Takes the record with what was added to it, once something was.
    fn take_added(&mut self) -> bool {
        let Some(picture) = self.archive.as_ref().and_then(Archive::with_additions) else { return false };
        if !Arc::ptr_eq(&self.snapshot.picture, &picture) {
            self.reading = Reading::of(&picture);
            self.snapshot = Arc::new(Snapshot { picture, finished: true, ..(*self.snapshot).clone() });
        }
        true
    }

    /// The present on this side's clock: the newest record's stamp, and the time since it came.
    #[must_use]
    pub fn now(&self) -> Stamp {
        let picture = &self.snapshot.picture;
        if self.snapshot.finished {
            picture.ended_at.unwrap_or(picture.at)
        } else {
            picture.at + self.arrived.elapsed()
        }
    }

    /// Asks for an earlier moment; none is the end. Gives the newest answer.
    pub fn look_at(&self, at: Option<Stamp>) -> Option<Arc<Moment>> {
        let archive = self.archive.as_ref()?;
        archive.want(at);
        at.and_then(|_| archive.moment())
    }

    /// Saves it; says whether that was begun.
    pub fn save(&self, what: SaveAs, is_redacted: bool, path: PathBuf) -> bool {
        let job = SaveJob { what, is_redacted, path, picture: Arc::clone(&self.snapshot.picture) };
        self.archive.as_ref().is_some_and(|archive| archive.save(job))
    }

    /// What became of a file, once.
    pub fn saved(&self) -> Option<Saved> {
        self.archive.as_ref()?.saved()
    }

    /// Remembers what it was asked.
    pub fn note(&mut self, command: &Command) {
        match command {
            Command::SetSource(source) => self.source.clone_from(source),
            Command::SetPlayback(playback) => self.playback.clone_from(playback),
            Command::PasteCode(_)
            | Command::SetMuted(_)
            | Command::RestartIce
            | Command::ForcePair { .. }
            | Command::BlockPair { .. }
            | Command::ReleasePair { .. }
            | Command::AddSide(_)
            | Command::HangUp => {}
        }
    }
}
