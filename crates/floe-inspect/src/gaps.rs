//! Interruptions of the audio, and what restarts cost in them.

use std::time::Duration;

use floe_wire::{Stamp, note::AudioMeasure};

use crate::peer::RestartView;

/// A stretch of made-up audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterruptionView {
    /// When the audio was whole again.
    pub ended: Stamp,
    /// Where it began, as a position in what was played and perhaps recorded.
    pub position: Duration,
    /// From its beginning to its end.
    pub lasted: Duration,
    /// How much of it was made up.
    pub made_up: Duration,
}

/// An interruption is told after so much whole audio.
const CERTAIN: Duration = Duration::from_millis(60);
/// Interruptions kept.
const KEPT: usize = 256;
/// What ended shortly before a restart led to it: the peer may have moved first.
const BEFORE: Duration = Duration::from_millis(500);
/// What the jitter buffer held back is played until then.
const AFTER: Duration = Duration::from_millis(600);
/// When what there is to tell of a restart has been told, with a measurement every 200 ms.
const SETTLED: Duration = Duration::from_millis(1_200);
/// Audio that is never whole for a moment is as settled as it gets.
const AT_LAST: Duration = Duration::from_secs(40);

impl InterruptionView {
    /// One that is told at this time.
    pub(crate) fn told(at: Stamp, position: Duration, lasted: Duration, made_up: Duration) -> Self {
        Self { ended: Stamp(at.0.saturating_sub(CERTAIN)), position, lasted, made_up }
    }

    /// Whether it belongs to a restart that began and carried audio at these times.
    fn belongs_to(&self, started: Stamp, selected: Stamp) -> bool {
        let began = self.ended.0.saturating_sub(self.lasted);
        self.ended.0 + BEFORE >= started.0 && began <= selected.0 + AFTER
    }
}

/// Appends an interruption; the oldest ones are forgotten.
pub(crate) fn push_interruption(interruptions: &mut Vec<InterruptionView>, interruption: InterruptionView) {
    if interruptions.len() >= KEPT {
        interruptions.remove(0);
    }
    interruptions.push(interruption);
}

/// Measures the gaps of restarts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gaps {
    /// Samples made up at the measurement before.
    concealed: Option<u64>,
}

impl Gaps {
    /// Takes a measurement; completes the restarts whose audio has settled.
    pub(crate) fn on_measure(
        &mut self,
        at: Stamp,
        measure: &AudioMeasure,
        interruptions: &[InterruptionView],
        restarts: &mut [RestartView],
    ) {
        // What was selected may carry nothing either.
        let is_whole =
            self.concealed.replace(measure.concealed_samples).is_none_or(|before| before == measure.concealed_samples);
        let has_settled = |since: Duration| since >= SETTLED && is_whole || since >= AT_LAST;
        for restart in restarts.iter_mut().rev().take_while(|restart| restart.gap.is_none()) {
            let Some(selected) = restart.selected.filter(|selected| has_settled(at.since(*selected))) else { continue };
            let own = interruptions.iter().filter(|one| one.belongs_to(restart.started, selected));
            restart.gap = Some(own.map(|one| one.made_up).sum());
        }
    }
}

#[cfg(test)]
mod tests {
    use floe_wire::{Generation, peer::RestartCause};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn restart(started_ms: u64, selected_ms: u64) -> RestartView {
        RestartView {
            generation: Generation(1),
            cause: RestartCause::PathSilent,
            started: Stamp::from_millis(started_ms),
            selected: Some(Stamp::from_millis(selected_ms)),
            gap: None,
        }
    }

    /// Measures every 200 ms until `until`, with these interruptions: beginnings and ends in milliseconds.
    fn gap_of(restart: RestartView, spans: &[(u32, u32)], until: u32) -> Option<Duration> {
        let (mut gaps, mut restarts, mut told) = (Gaps::default(), vec![restart], Vec::new());
        for now in (0..=until).step_by(200) {
            for (begin, end) in spans.iter().filter(|(_, end)| (end + 60) / 200 == now / 200) {
                let lasted = MS * (end - begin);
                let at = Stamp::from_millis(u64::from(end + 60));
                push_interruption(&mut told, InterruptionView::told(at, MS * *begin, lasted, lasted));
            }
            let missing: u32 = spans.iter().map(|(begin, end)| now.clamp(*begin, *end) - begin).sum();
            let measure = AudioMeasure { concealed_samples: u64::from(missing) * 48, ..AudioMeasure::default() };
            gaps.on_measure(Stamp::from_millis(u64::from(now)), &measure, &told, &mut restarts);
        }
        restarts[0].gap
    }

    #[test]
    fn an_outage_that_led_to_the_restart_is_counted_from_its_beginning() {
        assert_eq!(gap_of(restart(1000, 1400), &[(100, 120), (480, 1480)], 3000), Some(1000 * MS));
    }

    #[test]
    fn a_gap_ends_with_the_audio_and_not_with_the_next_selection() {
        assert_eq!(gap_of(restart(1000, 1000), &[(600, 3000)], 5000), Some(2400 * MS));
    }

    #[test]
    fn a_peer_that_moved_first_leaves_the_gap_to_the_restart_that_follows() {
        assert_eq!(gap_of(restart(1000, 1000), &[(740, 800)], 3000), Some(60 * MS));
    }

    #[test]
    fn what_is_lost_long_before_and_after_belongs_to_nobody() {
        assert_eq!(gap_of(restart(1000, 1100), &[(200, 220), (1800, 1820)], 3400), Some(Duration::ZERO));
    }

    #[test]
    fn a_gap_is_told_once_the_audio_has_settled() {
        assert_eq!(gap_of(restart(1000, 1400), &[], 2400), None);
        assert_eq!(gap_of(restart(1000, 1400), &[(1000, 3000)], 3000), None, "it is not over");
        assert_eq!(gap_of(RestartView { selected: None, ..restart(0, 0) }, &[], 9000), None, "nothing was selected");
    }

    #[test]
    fn interruptions_without_end_are_forgotten_one_by_one() {
        let mut kept = Vec::new();
        for number in 0..1000_u32 {
            push_interruption(&mut kept, InterruptionView::told(Stamp::ZERO, MS * number, MS, MS));
        }
        assert_eq!((kept.len(), kept[0].position), (KEPT, 744 * MS));
    }
}
