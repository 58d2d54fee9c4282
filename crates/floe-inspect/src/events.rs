//! The log: sentences with a stamp, bounded so that routine traffic never pushes out what mattered.

use std::sync::Arc;

use floe_wire::Stamp;

use crate::{
    Picture,
    picture::{Event, Severity},
};

/// Lines kept. A person searches and scrolls this; the record itself keeps everything.
pub(crate) const EVENTS_KEPT: usize = 5_000;

/// Appends to [`Picture::events`] and forgets the oldest routine line first.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventLog {
    /// No line before this position is routine.
    search_from: usize,
}

impl EventLog {
    /// Appends one line.
    pub(crate) fn push(
        &mut self,
        picture: &mut Picture,
        at: Stamp,
        severity: Severity,
        topic: &'static str,
        text: String,
    ) {
        if picture.events.len() >= EVENTS_KEPT {
            self.forget_one(&mut picture.events);
            picture.counters.events_forgotten += 1;
        }
        picture.events.push(Arc::new(Event { at, severity, topic, text }));
    }

    fn forget_one(&mut self, events: &mut Vec<Arc<Event>>) {
        let routine = events.iter().skip(self.search_from).position(|event| event.severity == Severity::Detail);
        match routine {
            Some(offset) => {
                self.search_from += offset;
                events.remove(self.search_from);
            }
            None => {
                events.remove(0);
                self.search_from = events.len();
            }
        }
    }
}

/// Whether the `n`th of many like things deserves a line: the 1st, 10th, 100th, ….
pub(crate) const fn is_milestone(n: u64) -> bool {
    matches!(n, 1 | 10 | 100 | 1_000 | 10_000 | 100_000 | 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(severities: impl Iterator<Item = Severity>) -> Picture {
        let (mut picture, mut log) = (Picture::default(), EventLog::default());
        for (n, severity) in severities.enumerate() {
            log.push(&mut picture, Stamp::from_millis(n as u64), severity, "call", n.to_string());
        }
        picture
    }

    #[test]
    fn routine_lines_are_forgotten_before_important_ones() {
        let picture = fill((0..12_000).map(|n| if n % 10 == 0 { Severity::Info } else { Severity::Detail }));
        assert_eq!(picture.events.len(), EVENTS_KEPT);
        assert_eq!(picture.counters.events_forgotten, 7_000);
        assert_eq!(picture.events.iter().filter(|event| event.severity == Severity::Info).count(), 1_200);
        assert!(picture.events.is_sorted_by_key(|event| event.at));
    }

    #[test]
    fn without_routine_lines_the_oldest_goes() {
        let picture = fill((0..5_003).map(|_| Severity::Warning));
        assert_eq!(picture.events[0].text, "3");
    }

    #[test]
    fn routine_lines_go_first_again_after_important_ones_had_to_go() {
        let warnings = std::iter::repeat_n(Severity::Warning, EVENTS_KEPT + 10);
        let picture = fill(warnings.chain(std::iter::repeat_n(Severity::Detail, 20)));
        assert_eq!(picture.events.iter().filter(|event| event.severity == Severity::Detail).count(), 1);
    }
}
