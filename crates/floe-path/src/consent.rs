//! Whether a valid pair still answers: consent (RFC 7675), and the quick questions once something is missing.
//!
//! Consent is asked every 4 to 6 s, far too slow to show a cut link within two seconds. So silence is measured
//! against what was flowing: media that stops makes the pair *suspect* and is followed by a request every 250 ms;
//! without media, one unanswered request is followed by another every 500 ms. A pair in reserve takes over before the
//! silence is certain: once media stopped and a request was not answered in time, or once the peer's media comes over
//! another pair. Only authentic answers prove a path
//! in both directions, so only they renew consent; media merely keeps the suspicion away.

use std::time::{Duration, Instant};

use crate::path::Liveness;

/// Consent is gone this long after the last answer (RFC 7675 section 5.1).
pub(crate) const EXPIRY: Duration = Duration::from_secs(30);
/// Media comes every 20 ms, comfort noise at most every 400 ms.
const MEDIA_GAP: Duration = Duration::from_millis(400);
/// Between questions after media stopped.
const PROBE: Duration = Duration::from_millis(250);
/// Between questions without media (the RTO of RFC 8489), and how long an answer may take unsuspected.
const RETRY: Duration = Duration::from_millis(500);
/// Silence of a pair whose media flowed, just under the two seconds after which people see "disconnected".
const SILENCE: Duration = Duration::from_millis(1800);
/// Within that silence, how long requests must have gone unanswered.
const PROOF: Duration = Duration::from_millis(1300);
/// Media comes in but nothing is answered: what we send does not arrive.
const DEAFNESS: Duration = Duration::from_secs(4);

/// Three audio frames: more than a pause between two packets.
const THREE_FRAMES: Duration = Duration::from_millis(60);
/// Between questions while the peer sends elsewhere.
const DOUBT: Duration = Duration::from_millis(50);
/// A pair that has just answered is not hurried again sooner.
const HURRY: Duration = Duration::from_millis(200);
/// How long an answer may take at least and at most before another pair takes over.
const SHORTEST_ANSWER: Duration = Duration::from_millis(100);
const LONGEST_ANSWER: Duration = Duration::from_secs(1);
/// Media comes in, and several requests were not answered: another pair takes over.
const ONE_WAY: Duration = Duration::from_millis(1200);

/// Consent of one valid pair.
#[derive(Debug, Clone)]
pub(crate) struct Consent {
    answered_at: Instant,
    /// Until the next question if all is well.
    interval: Duration,
    media: Media,
    unanswered: Option<Unanswered>,
    /// The peer sends elsewhere.
    is_doubted: bool,
    /// A question beyond those of consent.
    wanted_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Media {
    None,
    Flowing { last: Instant },
}

/// Requests since the last answer.
#[derive(Debug, Clone, Copy)]
struct Unanswered {
    first: Instant,
    last: Instant,
}

impl Consent {
    /// An answer just proved the pair.
    pub(crate) fn new(now: Instant, interval: Duration) -> Self {
        Self { answered_at: now, interval, media: Media::None, unanswered: None, is_doubted: false, wanted_at: None }
    }

    pub(crate) fn on_sent(&mut self, now: Instant) {
        let first = self.unanswered.map_or(now, |unanswered| unanswered.first);
        self.unanswered = Some(Unanswered { first, last: now });
        self.wanted_at = None;
    }

    pub(crate) fn on_answer(&mut self, now: Instant, interval: Duration) {
        self.answered_at = now;
        self.interval = interval;
        self.unanswered = None;
        self.is_doubted = false;
        // The peer is there and sends no media: muted devices and held calls are not an outage.
        if matches!(self.media, Media::Flowing { last } if now.saturating_duration_since(last) >= MEDIA_GAP) {
            self.media = Media::None;
        }
    }

    pub(crate) fn on_media(&mut self, now: Instant) {
        self.media = Media::Flowing { last: now };
        self.is_doubted = false;
    }

    /// The peer's media comes over another pair: if none came over this one for three frames, it is asked at once, unless
    /// it has just answered.
    pub(crate) fn doubt(&mut self, now: Instant) {
        let is_quiet = match self.media {
            Media::None => true,
            Media::Flowing { last } => now.saturating_duration_since(last) >= THREE_FRAMES,
        };
        let age = now.saturating_duration_since(self.answered_at);
        if is_quiet && !self.is_doubted && age >= HURRY {
            self.is_doubted = true;
            self.interval = self.interval.min(age);
        }
    }

    /// Asks at once, because another pair is suspect, unless this one has just answered.
    pub(crate) fn hurry(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.answered_at);
        if self.unanswered.is_none() && age >= HURRY {
            self.interval = self.interval.min(age);
        }
    }

    /// Asks once more, whatever was asked before.
    pub(crate) fn ask(&mut self, now: Instant) {
        self.wanted_at = Some(now);
    }

    pub(crate) fn answered_at(&self) -> Instant {
        self.answered_at
    }

    /// Since when nothing is answered.
    pub(crate) fn unanswered_since(&self) -> Option<Instant> {
        self.unanswered.map(|unanswered| unanswered.first)
    }

    /// When a pair in reserve that answers is the better choice, unless something is heard before: long before the
    /// silence is certain if media stopped, because a request over a living path is answered within its round trip.
    /// Without media nothing hurts, and a few requests may be lost on a bad path.
    pub(crate) fn leave_at(&self, rtt: Option<Duration>) -> Option<Instant> {
        let first = self.unanswered?.first;
        let answer = first + patience(rtt);
        match self.media {
            // The peer has left already: what counts is when it hears us again.
            _ if self.is_doubted => Some(first + hurried(rtt)),
            Media::None => None,
            Media::Flowing { last } => {
                let heard = last.max(self.answered_at);
                Some(answer.max(heard + MEDIA_GAP).min(first + ONE_WAY))
            }
        }
    }

    /// Whether an answer takes longer than it should, so that pairs in reserve have to show whether they answer.
    pub(crate) fn is_overdue(&self, rtt: Option<Duration>, now: Instant) -> bool {
        self.is_doubted || self.unanswered.is_some_and(|unanswered| unanswered.first + patience(rtt) <= now)
    }

    /// When the next request is to be sent.
    pub(crate) fn due_at(&self) -> Instant {
        self.wanted_at.map_or(self.next_at(), |wanted| wanted.min(self.next_at()))
    }

    fn next_at(&self) -> Instant {
        let calm = self.answered_at + self.interval;
        match (self.unanswered, self.media) {
            (Some(unanswered), _) if self.is_doubted => unanswered.last + DOUBT,
            (Some(unanswered), Media::None) => unanswered.last + RETRY,
            (Some(unanswered), Media::Flowing { .. }) => unanswered.last + PROBE,
            (None, Media::None) => calm,
            (None, Media::Flowing { last }) => calm.min(last.max(self.answered_at) + MEDIA_GAP),
        }
    }

    pub(crate) fn liveness(&self, now: Instant) -> Liveness {
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if passed(self.silent_at()) {
            Liveness::Silent
        } else if passed(self.suspect_at()) {
            Liveness::Suspect
        } else {
            Liveness::Alive
        }
    }

    /// When silence is certain, unless something is heard before.
    pub(crate) fn silent_at(&self) -> Option<Instant> {
        let unanswered = self.unanswered?;
        Some(match self.media {
            Media::None => unanswered.first + SILENCE,
            Media::Flowing { last } => {
                let heard = last.max(self.answered_at);
                (heard + SILENCE).max(unanswered.first + PROOF).min(unanswered.first + DEAFNESS)
            }
        })
    }

    /// When suspicion begins, unless something is heard before.
    pub(crate) fn suspect_at(&self) -> Option<Instant> {
        let unanswered = self.unanswered?;
        Some(match self.media {
            Media::None => unanswered.first + RETRY,
            Media::Flowing { last } => unanswered.first.max(last.max(self.answered_at) + MEDIA_GAP),
        })
    }
}

/// How long a pair that fell silent in use is not chosen again, doubled each time: a link that comes and goes must not
/// take the call with it.
const DISTRUST: Duration = Duration::from_secs(5);
/// Doublings of [`DISTRUST`].
const MAX_DOUBLINGS: u32 = 4;

/// How long a pair that failed so often in use before is not chosen again.
pub(crate) fn distrust(failures: u32) -> Duration {
    DISTRUST * 2_u32.pow(failures.min(MAX_DOUBLINGS))
}

/// How long an answer may take on a living path.
fn patience(rtt: Option<Duration>) -> Duration {
    rtt.map_or(LONGEST_ANSWER, |rtt| (rtt * 3 / 2).clamp(SHORTEST_ANSWER, LONGEST_ANSWER))
}

/// How long a pair may take to answer that the peer sends nothing over any more: two questions, and the answer to one.
fn hurried(rtt: Option<Duration>) -> Duration {
    DOUBT + rtt.map_or(LONGEST_ANSWER, |rtt| (rtt * 3 / 2).clamp(DOUBT, LONGEST_ANSWER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const CALM: Duration = Duration::from_secs(5);

    /// Sends whatever is due until `until`, nothing comes back; tells when each liveness began.
    fn starve(consent: &mut Consent, from: Instant, until: Duration) -> Vec<(u128, Liveness)> {
        let mut seen = Vec::new();
        let mut now = from;
        while now <= from + until {
            if consent.due_at() <= now {
                consent.on_sent(now);
            }
            let liveness = consent.liveness(now);
            if seen.last().is_none_or(|&(_, last)| last != liveness) {
                seen.push(((now - from).as_millis(), liveness));
            }
            now += MS;
        }
        seen
    }

    #[test]
    fn media_that_stops_is_suspect_within_half_a_second_and_silent_within_two() {
        let start = Instant::now();
        let mut consent = Consent::new(start, CALM);
        consent.on_media(start);
        let seen = starve(&mut consent, start, 3000 * MS);
        assert_eq!(seen, [(0, Liveness::Alive), (400, Liveness::Suspect), (1800, Liveness::Silent)]);
    }

    #[test]
    fn without_media_one_unanswered_request_leads_to_silence_within_two_seconds() {
        let start = Instant::now();
        let mut consent = Consent::new(start, CALM);
        let seen = starve(&mut consent, start, 8000 * MS);
        assert_eq!(seen, [(0, Liveness::Alive), (5500, Liveness::Suspect), (6800, Liveness::Silent)]);
    }

    #[test]
    fn an_answer_clears_every_suspicion() {
        let start = Instant::now();
        let mut consent = Consent::new(start, CALM);
        consent.on_media(start);
        starve(&mut consent, start, 1000 * MS);
        consent.on_answer(start + 1000 * MS, CALM);
        assert_eq!(consent.liveness(start + 5900 * MS), Liveness::Alive);
        assert_eq!(consent.due_at(), start + 6000 * MS, "a peer that answers but sends no media is not probed");
    }

    #[test]
    fn media_alone_does_not_hide_that_nothing_is_answered() {
        let start = Instant::now();
        let mut consent = Consent::new(start, CALM);
        let mut now = start;
        while consent.liveness(now) != Liveness::Silent {
            assert!(now < start + 10_000 * MS, "still thought alive");
            consent.on_media(now);
            if consent.due_at() <= now {
                consent.on_sent(now);
            }
            now += 20 * MS;
        }
        assert!(now > start + CALM + SILENCE, "media keeps the quick suspicion away");
    }
}
