//! A pair that audio left because it fell silent: whether it is back.

use std::time::{Duration, Instant};

use super::{Key, LOSSY, Look, MOST_DISTRUSTED, Past, Quality, Standing, Step, key_of};

/// A pair that answers so soon after it fell silent did not lose its way, but packets. It is not chosen again before.
const WATCHED: Duration = Duration::from_secs(5);

/// The pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silent {
    pub key: Key,
    pub since: Instant,
    /// The share of the audio that it lost before.
    pub lost: Option<f64>,
}

impl Quality {
    /// Audio left this pair because it fell silent.
    pub fn on_silent(&mut self, key: Key, since: Instant) {
        self.silent = Some(Silent { key, since, lost: None });
    }

    /// The windows are still those of the pair that was left.
    pub(super) fn note_loss_of_silent(&mut self) {
        let lost = self.counted_loss().filter(|lost| *lost >= LOSSY);
        let left = self.in_use.map(|(key, _)| key);
        if let Some(silent) = self.silent.as_mut().filter(|silent| Some(silent.key) == left) {
            silent.lost = lost;
        }
    }

    /// Puts the pair that fell silent on trial once it answers again: by chance most of what was asked may be lost on a
    /// pair that loses some of everything, before its audio shows that.
    pub(super) fn watch_silent(&mut self, look: &Look<'_>) -> Vec<Step> {
        let Some(Silent { key, since, lost }) = self.silent else { return Vec::new() };
        let is_over = key == look.selected || self.past.get(&key).is_some_and(|past| !past.is_trusted());
        if is_over || look.now.saturating_duration_since(since) > WATCHED {
            self.silent = None;
            return Vec::new();
        }
        if !look.pairs.iter().any(|measure| key_of(measure) == key && measure.answered_at > since) {
            return Vec::new();
        }
        self.silent = None;
        self.try_out(key, lost, look.now);
        // Those that stand before the one in use were asked as well, and answered no better.
        let before = look.pairs.iter().map(key_of).take_while(|key| *key != look.selected);
        let room = MOST_DISTRUSTED.saturating_sub(self.past.len());
        let others = before.filter(|other| *other != key && !self.distrusts(*other)).take(room);
        let others: Vec<Key> = others.collect();
        others.iter().for_each(|other| self.try_out(*other, None, look.now));
        std::iter::once(key).chain(others).map(|key| Step::Distrust(key, None)).collect()
    }

    fn try_out(&mut self, key: Key, lost: Option<f64>, since: Instant) {
        let times = self.past.get(&key).map_or(0, |past| past.times);
        self.past.insert(key, Past { times, standing: Standing::OnTrial { since }, lost });
    }
}
