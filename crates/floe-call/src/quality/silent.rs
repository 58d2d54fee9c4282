//! A pair that audio left because it fell silent: whether it is back.

use std::time::{Duration, Instant};

use super::{Key, Look, Past, Quality, Standing, Step, key_of};

/// A pair that answers so soon after it fell silent did not lose its way, but packets. It is not chosen again before.
const WATCHED: Duration = Duration::from_secs(5);

/// The pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silent {
    pub key: Key,
    pub since: Instant,
}

impl Quality {
    /// Audio left this pair because it fell silent.
    pub fn on_silent(&mut self, key: Key, since: Instant) {
        self.silent = Some(Silent { key, since });
    }

    /// Puts the pair that fell silent on trial once it answers again: by chance most of what was asked may be lost on a
    /// pair that loses some of everything, before its audio shows that.
    pub(super) fn watch_silent(&mut self, look: &Look<'_>) -> Option<Step> {
        let Silent { key, since } = self.silent?;
        let is_over = key == look.selected || self.past.get(&key).is_some_and(|past| !past.is_trusted());
        if is_over || look.now.saturating_duration_since(since) > WATCHED {
            self.silent = None;
            return None;
        }
        look.pairs.iter().find(|measure| key_of(measure) == key && measure.answered_at > since)?;
        self.silent = None;
        let times = self.past.get(&key).map_or(0, |past| past.times);
        self.past.insert(key, Past { times, standing: Standing::OnTrial { since: look.now } });
        Some(Step::Distrust(key, None))
    }
}
