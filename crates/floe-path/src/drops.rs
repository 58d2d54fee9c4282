//! Counts of what was dropped, told at most once a second however much it is.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use floe_wire::note::DropKind;

use crate::path::{PathEvent, PathOutput};

const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Drops {
    counts: BTreeMap<DropKind, u64>,
    told_at: Option<Instant>,
}

impl Drops {
    pub(crate) fn count(&mut self, what: DropKind) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// When the next counts are told; they are told at once if none were lately.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.told_at.filter(|_| !self.counts.is_empty()).map(|told| told + PAUSE)
    }

    pub(crate) fn tell(&mut self, now: Instant, outputs: &mut impl Extend<PathOutput>) {
        if self.counts.is_empty() || self.told_at.is_some_and(|told| now < told + PAUSE) {
            return;
        }
        self.told_at = Some(now);
        let counts = std::mem::take(&mut self.counts);
        outputs.extend(counts.into_iter().map(|(what, count)| PathOutput::Event(PathEvent::Dropped { what, count })));
    }
}
