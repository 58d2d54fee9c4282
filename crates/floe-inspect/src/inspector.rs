//! The inspector: one record after the other in, the picture out.

use floe_wire::{Record, Stamp};

use crate::Picture;

/// Folds records into a [`Picture`]. Reads no clock: time is in the records and in [`Inspector::tick`].
#[derive(Debug, Default)]
pub struct Inspector {
    picture: Picture,
}

impl Inspector {
    /// An inspector of an empty record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Folds one record in.
    pub fn ingest(&mut self, record: &Record) {
        self.picture.at = self.picture.at.max(record.at);
    }

    /// Lets time pass without a record: "12 of 39 s" moves on, unanswered pairs expire.
    pub fn tick(&mut self, now: Stamp) {
        self.picture.at = self.picture.at.max(now);
    }

    /// The picture of everything folded in so far.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        &self.picture
    }
}
