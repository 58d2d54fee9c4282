//! Each direction of a call by itself: loss, delay and jitter from here to there and back, and which one is worse.
//!
//! Loss and jitter are counted where packets arrive, so the direction to the peer is known only once the peer tells.
//! A one-way delay needs both clocks; where the clocks are not known well enough, no direction is called slower.

use std::time::Duration;

use floe_wire::{Stamp, peer::ClockComparison};

use crate::{
    Picture,
    picture::{PairView, Sample},
    words::millis,
};

/// What "now" means: long enough for a share of some hundred packets.
const RECENT: Duration = Duration::from_secs(10);

/// Points kept per direction: one a second for [`RECENT`], with room.
const POINTS_KEPT: usize = 16;

/// Loss from which on people hear it.
const LOSS_WORTH_NAMING: f64 = 2.0;
/// Jitter from which on buffers grow.
const JITTER_WORTH_NAMING: Duration = Duration::from_millis(15);
/// A difference of delays that matters in a conversation.
const DELAY_WORTH_NAMING: Duration = Duration::from_millis(30);
/// One direction is worse than the other if it has this many times its loss or jitter.
const TIMES_WORSE: f64 = 3.0;

/// Packets of both directions, as the receiving end counts them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WayCounts {
    /// Ours, as the peer counts them.
    pub there: Counts,
    /// The peer's, as we count them.
    pub here: Counts,
}

/// Lost and received packets of one direction.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// When, lost and received since the beginning; newest last.
    points: Vec<(Stamp, i64, u64)>,
}

impl Counts {
    /// Takes counters that run since the beginning; one point a second is kept.
    pub(crate) fn push(&mut self, lost: i64, received: u64, at: Stamp) {
        let is_close = |points: &[(Stamp, i64, u64)]| match points {
            [.., before, last] => last.0.since(before.0) < Duration::from_secs(1),
            [_] | [] => false,
        };
        if is_close(&self.points) {
            self.points.pop();
        }
        if self.points.len() >= POINTS_KEPT {
            self.points.remove(0);
        }
        self.points.push((at, lost, received));
    }

    /// Share of packets lost over the last ten seconds, percent; none if none were expected.
    #[must_use]
    pub fn recent_percent(&self) -> Option<f64> {
        let (now, lost, received) = *self.points.last()?;
        let before = self.points.iter().find(|(at, ..)| now.since(*at) <= RECENT)?;
        let is_only = before.0 == now;
        let (lost_before, received_before) = if is_only { (0, 0) } else { (before.1, before.2) };
        percent(lost.saturating_sub(lost_before), received.checked_sub(received_before)?)
    }

    /// Share of packets lost since the beginning, percent; none if none were expected.
    #[must_use]
    pub fn total_percent(&self) -> Option<f64> {
        let (_, lost, received) = *self.points.last()?;
        percent(lost, received)
    }
}

/// Late packets make up for losses of earlier times, so that less than nothing can be lost.
fn percent(lost: i64, received: u64) -> Option<f64> {
    let expected = lost as f64 + received as f64;
    (expected > 0.0).then(|| (100.0 * lost as f64 / expected).clamp(0.0, 100.0))
}

/// One direction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Way {
    /// Share of packets lost, percent.
    pub loss_percent: Option<f64>,
    /// From one end to the other.
    pub delay: Option<Delay>,
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub jitter: Option<Duration>,
    /// Checks that left, retransmissions among them, and those of them that arrived.
    pub checks: Option<(u64, u64)>,
}

/// A one-way delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// Half of the packets take at most this long.
    pub median: Duration,
    /// How far it may be wrong: what is too much in one direction is missing in the other one.
    pub uncertainty: Duration,
}

/// Both directions, and what is to be said of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Directions {
    /// From us to the peer.
    pub there: Way,
    /// From the peer to us.
    pub here: Way,
    /// The direction that is worse, if one is for sure.
    pub worse: Option<Worse>,
    /// What people read; empty while nothing is to be said.
    pub sentences: Vec<String>,
}

/// The direction that is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Worse {
    /// From us to the peer.
    There,
    /// From the peer to us.
    Here,
}

impl Directions {
    /// Whether anything is known that only both ends together know.
    #[must_use]
    pub fn is_known(&self) -> bool {
        let Way { loss_percent, delay, jitter, checks } = self.there;
        loss_percent.is_some() || delay.is_some() || jitter.is_some() || checks.is_some()
    }
}

/// Tells both directions apart: over the last ten seconds of a call, over all of it once it has ended.
#[must_use]
pub fn directions(picture: &Picture) -> Directions {
    let mut directions =
        Directions { there: way_there(picture), here: way_here(picture), worse: None, sentences: Vec::new() };
    let Directions { there, here, .. } = directions;
    let mut say = |finding: Option<(Option<Worse>, String)>| {
        if let Some((worse, sentence)) = finding {
            directions.worse = directions.worse.or(worse);
            directions.sentences.push(sentence);
        }
    };
    say(checks_sentence(picture, &there, &here));
    say(loss_sentence(&there, &here));
    say(delay_sentence(&there, &here));
    say(jitter_sentence(&there, &here));
    directions
}

fn way_there(picture: &Picture) -> Way {
    let told = picture.peer.media.filter(|media| media.packets_received > 0);
    Way {
        loss_percent: loss(picture, &picture.ways.there),
        delay: delay(picture, &picture.series.delay_there_ms),
        jitter: told.map(|media| media.jitter),
        checks: checks(picture, |pair| pair.requests_sent + pair.retransmissions_sent, |seen| seen.requests_received),
    }
}

fn way_here(picture: &Picture) -> Way {
    let jitter = picture.audio.as_ref().and_then(|audio| audio.jitter_s).filter(|jitter| (0.0..60.0).contains(jitter));
    // When the peer sent what it counts is not known of every moment.
    let is_dated = !picture.peer.is_undated;
    let checks = checks(picture, |pair| pair.requests_received, |seen| seen.requests_sent).filter(|_| is_dated);
    Way {
        loss_percent: loss(picture, &picture.ways.here),
        delay: delay(picture, &picture.series.delay_here_ms),
        jitter: jitter.map(Duration::from_secs_f64),
        checks: checks.map(|(arrived, left)| (left, arrived)),
    }
}

fn loss(picture: &Picture, counts: &Counts) -> Option<f64> {
    if picture.ended.is_some() { counts.total_percent() } else { counts.recent_percent() }
}

/// What we count and what the peer counts, over all pairs; none if the peer told of none, or nothing was there to count.
fn checks(
    picture: &Picture,
    ours: fn(&PairView) -> u64,
    theirs: fn(&floe_wire::peer::PairDigest) -> u32,
) -> Option<(u64, u64)> {
    picture.peer.digests?;
    let seen: u64 = picture.peer.pairs.iter().map(|pair| u64::from(theirs(&pair.seen))).sum();
    let counted: u64 = picture.pairs.iter().map(ours).sum();
    Some((counted, seen)).filter(|_| counted + seen > 0)
}

fn delay(picture: &Picture, samples: &[Sample]) -> Option<Delay> {
    let newest = samples.last()?.at;
    let is_wanted = |sample: &&Sample| picture.ended.is_some() || newest.since(sample.at) <= RECENT;
    let mut values: Vec<f64> = samples.iter().filter(is_wanted).map(|sample| sample.value).collect();
    values.sort_by(f64::total_cmp);
    let median = *values.get(values.len().saturating_sub(1) / 2)?;
    let ClockComparison { uncertainty, .. } = picture.peer.clock_log.at(newest)?;
    Some(Delay { median: Duration::from_secs_f64(median.clamp(0.0, 1e6) / 1e3), uncertainty })
}

/// Before a path is found: checks that arrive in one direction only.
fn checks_sentence(picture: &Picture, there: &Way, here: &Way) -> Option<(Option<Worse>, String)> {
    let (((left, arrived), (left_there, arrived_here)), None) =
        (there.checks.zip(here.checks)?, picture.timings.selected)
    else {
        return None;
    };
    // Where answers arrive, checks could.
    let answers_there = picture.peer.pairs.iter().any(|pair| pair.seen.responses_received > 0);
    let answers_here = picture.pairs.iter().any(|pair| pair.responses_received > 0);
    let is_lost = |left: u64, arrived: u64, answers: bool| left > 0 && arrived == 0 && !answers;
    match (is_lost(left, arrived, answers_there), is_lost(left_there, arrived_here, answers_here)) {
        (true, true) => Some((
            None,
            format!(
                "Nothing gets through in either direction: {left} checks left here, {left_there} there, none arrived"
            ),
        )),
        (true, false) if arrived_here > 0 => Some((
            Some(Worse::There),
            format!(
                "Our direction is blocked: none of {left} checks arrived there, {arrived_here} of theirs arrived here"
            ),
        )),
        (false, true) if arrived > 0 => Some((
            Some(Worse::Here),
            format!(
                "Their direction is blocked: none of {left_there} checks arrived here, {arrived} of ours arrived there"
            ),
        )),
        (true, false) | (false, true | false) => None,
    }
}

fn loss_sentence(there: &Way, here: &Way) -> Option<(Option<Worse>, String)> {
    let (there, here) = there.loss_percent.zip(here.loss_percent)?;
    let worse = worse(there, here, LOSS_WORTH_NAMING)?;
    Some((
        Some(worse),
        match worse {
            Worse::There => format!("Your direction loses {there:.0} %, theirs {here:.0} %"),
            Worse::Here => format!("Their direction loses {here:.0} %, yours {there:.0} %"),
        },
    ))
}

fn delay_sentence(there: &Way, here: &Way) -> Option<(Option<Worse>, String)> {
    let (there, here) = there.delay.zip(here.delay)?;
    let difference = there.median.abs_diff(here.median);
    if difference < DELAY_WORTH_NAMING {
        return None;
    }
    let uncertainty = there.uncertainty.max(here.uncertainty);
    // What one direction has too much the other one lacks, so that an error counts twice.
    if difference <= 2 * uncertainty {
        return None;
    }
    let (sum, within) = (|way: Delay| millis(way.median), millis(uncertainty));
    let worse = if there.median > here.median { Worse::There } else { Worse::Here };
    Some((
        Some(worse),
        match worse {
            Worse::There => {
                format!(
                    "Your packets reach them late: {} ± {within} here → there, {} there → here",
                    sum(there),
                    sum(here)
                )
            }
            Worse::Here => {
                format!(
                    "Their packets reach you late: {} ± {within} there → here, {} here → there",
                    sum(here),
                    sum(there)
                )
            }
        },
    ))
}

fn jitter_sentence(there: &Way, here: &Way) -> Option<(Option<Worse>, String)> {
    let (there, here) = there.jitter.zip(here.jitter)?;
    let ms = |jitter: Duration| jitter.as_secs_f64() * 1e3;
    let worse = worse(ms(there), ms(here), ms(JITTER_WORTH_NAMING))?;
    let (there, here) = (millis(there), millis(here));
    Some((
        Some(worse),
        match worse {
            Worse::There => {
                format!("Your packets reach them unevenly: jitter {there} here → there, {here} there → here")
            }
            Worse::Here => {
                format!("Their packets reach you unevenly: jitter {here} there → here, {there} here → there")
            }
        },
    ))
}

/// Which of two figures is bad in itself and much worse than the other one.
fn worse(there: f64, here: f64, worth_naming: f64) -> Option<Worse> {
    let is_worse = |bad: f64, good: f64| bad >= worth_naming && bad >= TIMES_WORSE * good;
    match () {
        () if is_worse(there, here) => Some(Worse::There),
        () if is_worse(here, there) => Some(Worse::Here),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(points: &[(u64, i64, u64)]) -> Counts {
        let mut counts = Counts::default();
        for (ms, lost, received) in points {
            counts.push(*lost, *received, Stamp::from_millis(*ms));
        }
        counts
    }

    #[test]
    fn loss_is_of_the_last_ten_seconds_and_of_the_whole_call() {
        let bad_then_good: Vec<_> = (0..60).map(|second| (1000 * second, 50, 50 * (second + 1))).collect();
        let counts = counts(&bad_then_good);
        assert_eq!(counts.recent_percent(), Some(0.0));
        assert!(counts.total_percent().is_some_and(|percent| (1.0..2.0).contains(&percent)), "{counts:?}");
        assert!(counts.points.len() <= POINTS_KEPT);
    }

    #[test]
    fn several_points_a_second_are_one() {
        let counts = counts(&[(0, 0, 0), (200, 0, 10), (400, 0, 20), (1000, 10, 40), (1200, 10, 50)]);
        assert_eq!(counts.points.len(), 3, "{counts:?}");
        assert_eq!(counts.recent_percent().map(f64::round), Some(17.0));
    }

    #[test]
    fn nothing_expected_is_unknown() {
        assert_eq!(counts(&[]).recent_percent(), None);
        assert_eq!(counts(&[(0, 0, 0)]).recent_percent(), None);
        assert_eq!(counts(&[(0, 0, 10), (5_000, 0, 10)]).recent_percent(), None);
    }

    #[test]
    fn one_direction_is_worse_only_if_it_is_bad_and_the_other_one_is_not() {
        assert_eq!(worse(12.0, 0.0, 2.0), Some(Worse::There));
        assert_eq!(worse(0.5, 9.0, 2.0), Some(Worse::Here));
        assert_eq!(worse(12.0, 9.0, 2.0), None, "both are bad");
        assert_eq!(worse(1.0, 0.0, 2.0), None, "neither is");
    }
}
