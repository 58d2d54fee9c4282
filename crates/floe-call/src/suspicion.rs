//! When people are told that the path in use fell silent, and that it answers again: not at every hiccup.

use std::time::{Duration, Instant};

/// A path that answers again is believed after this long, twice as long after each relapse…
const FIRST_CALM: Duration = Duration::from_millis(500);
/// … and four seconds in the end, so that a link that stutters all day fills no record.
const MAX_DOUBLINGS: u32 = 3;
/// So long without a relapse, and the path is believed as soon as at first.
const FORGIVEN: Duration = Duration::from_secs(30);

/// What people were told, and what is held back.
#[derive(Debug, Default)]
pub(crate) struct Suspicion {
    is_told: bool,
    /// When it is told that the path answers again, if nothing happens until then.
    calm_at: Option<Instant>,
    /// When suspicion ended last, as told.
    ended: Option<Instant>,
    relapses: u32,
}

impl Suspicion {
    /// The path in use began or ceased to answer; whether it is to be told as suspected or not, if something is.
    pub fn on_liveness(&mut self, is_alive: bool, now: Instant) -> Option<bool> {
        match (self.is_told, is_alive) {
            (true, true) => {
                self.calm_at.get_or_insert(now + FIRST_CALM * 2_u32.pow(self.relapses.min(MAX_DOUBLINGS)));
                None
            }
            (true, false) => {
                let has_relapsed = self.calm_at.take().is_some();
                self.relapses += u32::from(has_relapsed);
                None
            }
            (false, true) => None,
            (false, false) => {
                let is_forgiven = self.ended.is_none_or(|ended| ended + FORGIVEN <= now);
                self.relapses = if is_forgiven { 0 } else { self.relapses.saturating_add(1) };
                self.is_told = true;
                Some(true)
            }
        }
    }

    /// Media goes over another pair, which answers.
    pub fn on_moved(&mut self, now: Instant) -> Option<bool> {
        self.calm_at = None;
        self.is_told.then(|| self.end(now))
    }

    /// When [`Self::on_time`] has something.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.calm_at
    }

    /// What is to be told now.
    pub fn on_time(&mut self, now: Instant) -> Option<bool> {
        self.calm_at.take_if(|at| *at <= now)?;
        Some(self.end(now))
    }

    fn end(&mut self, now: Instant) -> bool {
        self.is_told = false;
        self.ended = Some(now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Lets a path answer or not, step by step of 10 ms; what is told, and when.
    fn told(until: Duration, is_alive: impl Fn(u128) -> bool) -> Vec<(u128, bool)> {
        let (start, mut suspicion, mut told) = (Instant::now(), Suspicion::default(), Vec::new());
        let mut was_alive = true;
        for step in 0..until.as_millis() / 10 {
            let (ms, now) = (step * 10, start + MS * 10 * step as u32);
            let alive = is_alive(ms);
            if alive != was_alive {
                told.extend(suspicion.on_liveness(alive, now).map(|said| (ms, said)));
            }
            was_alive = alive;
            if suspicion.poll_timeout().is_some_and(|at| at <= now) {
                told.extend(suspicion.on_time(now).map(|said| (ms, said)));
            }
        }
        told
    }

    #[test]
    fn a_silence_is_told_at_once_and_its_end_when_it_has_lasted() {
        let silent = |ms| (1000..3000).contains(&ms);
        assert_eq!(told(MS * 6000, |ms| !silent(ms)), [(1000, true), (3500, false)]);
    }

    #[test]
    fn a_path_that_stutters_for_ten_minutes_is_told_of_a_few_times() {
        for pause in [600, 1000, 3000, 4500] {
            let told = told(MS * 600_000, |ms| ms % (400 + pause) >= 400);
            assert!(told.len() <= 250, "{} times with pauses of {pause} ms", told.len());
            let per_minute = told.iter().filter(|(ms, _)| (300_000..360_000).contains(ms)).count();
            assert!(per_minute <= 26, "{per_minute} in a minute with pauses of {pause} ms");
        }
    }

    #[test]
    fn each_of_two_outages_a_minute_apart_is_told_of_as_soon_as_the_first() {
        let silent = |ms| (1000..2000).contains(&ms) || (62_000..63_000).contains(&ms);
        let expected = [(1000, true), (2500, false), (62_000, true), (63_500, false)];
        assert_eq!(told(MS * 70_000, |ms| !silent(ms)), expected);
    }

    #[test]
    fn a_move_ends_a_suspicion_at_once_and_only_once() {
        let (now, mut suspicion) = (Instant::now(), Suspicion::default());
        assert_eq!(suspicion.on_moved(now), None);
        assert_eq!(suspicion.on_liveness(false, now), Some(true));
        assert_eq!(suspicion.on_liveness(true, now), None);
        assert_eq!(suspicion.on_moved(now), Some(false));
        assert_eq!((suspicion.poll_timeout(), suspicion.on_time(now + FORGIVEN)), (None, None));
    }
}
