//! When audio leaves a pair that works because another one is much better, and when it comes back.
//!
//! A pair is *doubted* when it loses a tenth of the audio, or when its round trip is three times that of another pair.
//! While it is, it and the best others are asked four times a second; nothing but consent is asked otherwise. It is left
//! after four seconds of doubt for the best pair that is clearly better: one that loses a third at most, or that has a
//! third of the round trip even if its slow answers are held against the quick ones of the pair in use. So a link that
//! jitters moves nothing, because its quick answers are quick.
//!
//! A pair that was left is *distrusted* for 15 s, and for twice as long each time it is left again. After that it is on
//! trial for five seconds; only if it lost nothing then, does its priority decide again. The same goes for the pairs that
//! would have been chosen before the better one, and were no better: they mostly share the way of the one that was left.
//!
//! A pair that fell silent in use and yet answers a moment later is on trial, too, before it is used again.
//!
//! Time and measurements come in, steps go out. Only the side that chooses decides; the other one is told.

mod silent;
mod window;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_path::PairMeasure;
use floe_wire::{
    BaseId,
    verdict::{Complaint, Measured},
};

pub(crate) use self::window::MediaCounts;
use self::{
    silent::Silent,
    window::{MediaWindow, Track},
};

/// What names a pair, whatever the generation.
pub(crate) type Key = (BaseId, SocketAddr);

/// While something is doubted or on trial, pairs are asked and looked at this often, …
const QUICK: Duration = Duration::from_millis(250);
/// … and otherwise looked at this often.
const CALM: Duration = Duration::from_secs(1);
/// How long a pair is doubted before it is left: longer than a pause on a busy Wi-Fi.
const DOUBT: Duration = Duration::from_secs(4);
/// Loss that is heard, and loss that is not (Opus conceals it).
const LOSSY: f64 = 0.10;
const CLEAN: f64 = 0.05;
/// A round trip that is so many times another one's is slow, …
const SLOW: u32 = 3;
/// … if it is long enough to be noticed in a conversation.
const NOTICED: Duration = Duration::from_millis(100);
/// What arrives so soon after audio moved was sent before.
const SETTLING: Duration = Duration::from_millis(1500);
/// Others that are asked while a pair is doubted.
const RIVALS: usize = 4;
/// Requests to a rival before its losses say something.
const LEAST_ASKED: u32 = 8;
/// How long a pair that was left is distrusted, and how often that is doubled.
const DISTRUST: Duration = Duration::from_secs(15);
const MAX_DOUBLINGS: u32 = 5;
/// How long a pair is on trial, and how many requests of that time may be lost.
const TRIAL: Duration = Duration::from_secs(5);
const TRIAL_ASKED: u32 = 16;
const TRIAL_LOST: u32 = 1;
/// A pair that was trusted again for so long has a clean record.
const FORGIVEN: Duration = Duration::from_secs(600);
/// Pairs whose past is remembered at most, beside the one that is left just now.
const MOST_DISTRUSTED: usize = 64;

/// What is measured at one moment.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub now: Instant,
    /// The pair in use.
    pub selected: Key,
    /// The pairs that work and are not blocked, best first.
    pub pairs: &'a [PairMeasure],
    /// Audio packets of the peer, as counted here.
    pub heard: Option<MediaCounts>,
    /// Ours, as counted by the peer.
    pub arrived: Option<MediaCounts>,
    /// Fraction of ours that the peer's last RTCP report misses, for want of `arrived`.
    pub reported: Option<f64>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Ask for one more answer.
    Ask(Key),
    /// Use this pair only if nothing else works. Told with what was measured, if it is the one in use.
    Distrust(Key, Option<Measured>),
    /// Let its priority decide again.
    Trust(Key),
}

/// The decider.
#[derive(Debug, Default)]
pub(crate) struct Quality {
    in_use: Option<(Key, Instant)>,
    tracks: BTreeMap<Key, Track>,
    heard: MediaWindow,
    arrived: MediaWindow,
    doubted_since: Option<Instant>,
    past: BTreeMap<Key, Past>,
    silent: Option<Silent>,
}

/// A pair that was left at least once.
#[derive(Debug, Clone, Copy)]
struct Past {
    times: u32,
    standing: Standing,
    /// The share of audio that it lost, if it was left because it fell silent: what that came from is known after its
    /// trial.
    lost: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Standing {
    Distrusted { until: Instant },
    OnTrial { since: Instant },
    Trusted { since: Instant },
}

impl Past {
    fn length(self) -> Duration {
        DISTRUST * 2_u32.pow(self.times.saturating_sub(1).min(MAX_DOUBLINGS))
    }

    /// It lost so much of the audio, and what is asked as well; the pair in use does not.
    fn lossy(self, lost: f64, (rtt, better_rtt): (Duration, Duration)) -> Measured {
        let loss_percent = percent(lost);
        Measured { complaint: Complaint::Loss, loss_percent, rtt, better_rtt, distrust: self.length() }
    }

    fn is_trusted(self) -> bool {
        matches!(self.standing, Standing::Trusted { .. })
    }
}

impl Quality {
    /// When to look again.
    pub fn pace(&self) -> Duration {
        let is_on_trial = self.past.values().any(|past| matches!(past.standing, Standing::OnTrial { .. }));
        if self.doubted_since.is_some() || self.silent.is_some() || is_on_trial { QUICK } else { CALM }
    }

    /// Whether a pair is not used for its quality.
    pub fn distrusts(&self, key: Key) -> bool {
        self.past.get(&key).is_some_and(|past| !past.is_trusted())
    }

    /// Nothing is measured for a while: what was is no more than memory.
    pub fn pause(&mut self) {
        self.silent = None;
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        (self.in_use, self.doubted_since) = (None, None);
        (self.heard, self.arrived) = (MediaWindow::default(), MediaWindow::default());
    }

    /// Takes what is measured, and tells what is to be done.
    pub fn look(&mut self, look: &Look<'_>) -> Vec<Step> {
        self.take(look);
        let mut steps = self.judge(look);
        steps.extend(self.watch_silent(look));
        steps.extend(self.try_again(look));
        let doubted = self.doubted_since.map(|_| look.selected).into_iter().chain(self.rivals(look));
        let on_trial = look.pairs.iter().map(key_of).filter(|key| self.is_on_trial(*key));
        let mut asked: Vec<Key> = doubted.chain(on_trial).collect();
        asked.sort_unstable();
        asked.dedup();
        steps.extend(asked.into_iter().map(Step::Ask));
        steps
    }

    fn take(&mut self, look: &Look<'_>) {
        if self.in_use.is_none_or(|(key, _)| key != look.selected) {
            self.note_loss_of_silent();
            self.begin_anew();
            self.in_use = Some((look.selected, look.now));
        }
        for measure in look.pairs {
            self.tracks.entry(key_of(measure)).or_default().push(measure, look.now);
        }
        self.tracks.retain(|key, _| look.pairs.iter().any(|measure| key_of(measure) == *key));
        if self.is_settled(look.now) {
            self.heard.push(look.heard, look.now);
            self.arrived.push(look.arrived, look.now);
        }
        self.past.retain(|_, past| match past.standing {
            Standing::Trusted { since } => look.now.saturating_duration_since(since) < FORGIVEN,
            Standing::Distrusted { .. } | Standing::OnTrial { .. } => true,
        });
    }

    fn is_settled(&self, now: Instant) -> bool {
        self.in_use.is_some_and(|(_, since)| now.saturating_duration_since(since) >= SETTLING)
    }

    /// Audio lost in the worse direction.
    fn loss(&self, look: &Look<'_>) -> f64 {
        let reported = look.reported.filter(|_| look.arrived.is_none() && self.is_settled(look.now));
        [self.counted_loss(), reported].into_iter().flatten().fold(0.0, f64::max)
    }

    fn counted_loss(&self) -> Option<f64> {
        [self.heard.loss(), self.arrived.loss()].into_iter().flatten().max_by(f64::total_cmp)
    }

    /// Doubts the pair in use, and leaves it for a clearly better one.
    fn judge(&mut self, look: &Look<'_>) -> Vec<Step> {
        let loss = self.loss(look);
        let limit = if self.doubted_since.is_some() { CLEAN } else { LOSSY };
        if loss < limit && !self.looks_slow(look) {
            self.doubted_since = None;
            return Vec::new();
        }
        let since = *self.doubted_since.get_or_insert(look.now);
        if look.now.saturating_duration_since(since) < DOUBT {
            return Vec::new();
        }
        let better = look.pairs.iter().find_map(|rival| Some((rival, self.complaint(look, rival, loss, since)?)));
        let Some((better, complaint)) = better else { return Vec::new() };
        let rtt = self.tracks.get(&look.selected).and_then(Track::newest).unwrap_or_default();
        self.doubted_since = None;
        // Those that stand before it would be chosen in its place, and are no better.
        let before = look.pairs.iter().map(key_of).take_while(|key| *key != key_of(better));
        let room = MOST_DISTRUSTED.saturating_sub(self.past.len());
        let others = before.filter(|key| *key != look.selected && !self.distrusts(*key)).take(room);
        let others: Vec<Key> = others.collect();
        let distrust = self.leave(look.selected, look.now);
        let measured = Measured { complaint, loss_percent: percent(loss), rtt, better_rtt: better.rtt, distrust };
        let mut steps = vec![Step::Distrust(look.selected, Some(measured))];
        for other in others {
            self.leave(other, look.now);
            steps.push(Step::Distrust(other, None));
        }
        steps
    }

    /// What the pair in use is left for this one for; none if it is not clearly better.
    fn complaint(&self, look: &Look<'_>, rival: &PairMeasure, loss: f64, since: Instant) -> Option<Complaint> {
        let key = key_of(rival);
        if !self.is_rival(look, rival) {
            return None;
        }
        let (track, in_use) = (self.tracks.get(&key)?, self.tracks.get(&look.selected));
        let (asked, lost) = track.asked_since(since)?;
        let lost = f64::from(lost) / f64::from(asked.max(1));
        if asked < LEAST_ASKED || lost > LOSSY {
            return None;
        }
        let is_slower = in_use.is_some_and(|in_use| track.lower() > in_use.upper().map(|upper| upper * SLOW));
        if loss >= LOSSY && lost <= loss / 3.0 && !(is_slower && track.newest() > Some(NOTICED * SLOW)) {
            return Some(Complaint::Loss);
        }
        let quickest = in_use?.lower()?;
        let slowest = track.upper()?;
        (quickest >= slowest * SLOW && quickest >= NOTICED).then_some(Complaint::RoundTrip)
    }

    /// Whether the newest answers make the pair in use look slow; what is asked then shows whether it is.
    fn looks_slow(&self, look: &Look<'_>) -> bool {
        let newest = |key: Key| self.tracks.get(&key).and_then(Track::newest);
        let Some(ours) = newest(look.selected).filter(|rtt| *rtt >= NOTICED) else { return false };
        let mut others = look.pairs.iter().filter(|other| self.is_rival(look, other)).map(key_of);
        others.any(|key| newest(key).is_some_and(|rtt| ours >= rtt * SLOW))
    }

    /// The pairs that may be better while the one in use is doubted: the best, and the quickest.
    fn rivals(&self, look: &Look<'_>) -> Vec<Key> {
        if self.doubted_since.is_none() {
            return Vec::new();
        }
        let mut others: Vec<_> = look.pairs.iter().filter(|rival| self.is_rival(look, rival)).collect();
        let mut rivals: Vec<Key> = others.iter().take(RIVALS / 2).map(|rival| key_of(rival)).collect();
        others.sort_by_key(|rival| rival.rtt);
        let quickest = others.into_iter().map(key_of).filter(|key| !rivals.contains(key)).take(RIVALS / 2);
        let quickest: Vec<Key> = quickest.collect();
        rivals.extend(quickest);
        rivals
    }

    /// Whether a pair may be used in place of the one in use.
    fn is_rival(&self, look: &Look<'_>, measure: &PairMeasure) -> bool {
        let key = key_of(measure);
        key != look.selected && !measure.is_shunned && !self.distrusts(key)
    }

    fn leave(&mut self, key: Key, now: Instant) -> Duration {
        if self.past.len() >= MOST_DISTRUSTED
            && let Some(forgotten) = self.past.iter().find(|(_, past)| past.is_trusted()).map(|(key, _)| *key)
        {
            self.past.remove(&forgotten);
        }
        let times = self.past.get(&key).map_or(0, |past| past.times).saturating_add(1);
        let mut past = Past { times, standing: Standing::Distrusted { until: now }, lost: None };
        past.standing = Standing::Distrusted { until: now + past.length() };
        self.past.insert(key, past);
        past.length()
    }

    fn is_on_trial(&self, key: Key) -> bool {
        self.past.get(&key).is_some_and(|past| matches!(past.standing, Standing::OnTrial { .. }))
    }

    /// Puts pairs that were distrusted long enough on trial, and trusts those that passed.
    fn try_again(&mut self, look: &Look<'_>) -> Vec<Step> {
        let in_use = self.tracks.get(&look.selected).and_then(Track::upper);
        let is_clean = self.counted_loss().is_some_and(|loss| loss < CLEAN);
        let mut steps = Vec::new();
        for (key, past) in &mut self.past {
            match past.standing {
                Standing::Distrusted { until } if until <= look.now => {
                    // One that does not answer now is tried when it does, unless it is gone for good: an address of a
                    // network that was left.
                    if self.tracks.contains_key(key) {
                        past.standing = Standing::OnTrial { since: look.now };
                    } else if look.now.saturating_duration_since(until) >= FORGIVEN {
                        steps.push(Step::Trust(*key));
                        past.standing = Standing::Trusted { since: until };
                    }
                }
                Standing::OnTrial { since } if look.now.saturating_duration_since(since) >= TRIAL => {
                    let has_passed = self.tracks.get(key).is_some_and(|track| track.passes(since, in_use));
                    past.standing = if has_passed {
                        steps.push(Step::Trust(*key));
                        Standing::Trusted { since: look.now }
                    } else {
                        let rtt = |key: &Key| self.tracks.get(key).and_then(Track::newest);
                        let rtts = rtt(key).zip(rtt(&look.selected));
                        let measured =
                            past.lost.zip(rtts).filter(|_| is_clean).map(|(lost, rtts)| past.lossy(lost, rtts));
                        steps.extend(measured.map(|measured| Step::Distrust(*key, Some(measured))));
                        Standing::Distrusted { until: look.now + past.length() }
                    };
                    past.lost = None;
                }
                Standing::Distrusted { .. } | Standing::OnTrial { .. } | Standing::Trusted { .. } => {}
            }
        }
        steps
    }
}

impl Track {
    /// Whether it lost next to nothing since its trial began, and is not slow beside the pair in use.
    fn passes(&self, since: Instant, in_use: Option<Duration>) -> bool {
        let Some((asked, lost)) = self.asked_since(since) else { return false };
        let is_slow = match (self.lower(), in_use) {
            // Two times and not three, so that it does not come back to be left again at once.
            (Some(quickest), Some(slowest)) => quickest >= NOTICED && quickest >= slowest * (SLOW - 1),
            _ => false,
        };
        asked >= TRIAL_ASKED && lost <= TRIAL_LOST && !is_slow
    }
}

fn percent(share: f64) -> u8 {
    (share * 100.0).round().clamp(0.0, 100.0) as u8
}

fn key_of(measure: &PairMeasure) -> Key {
    (measure.base, measure.remote)
}

#[cfg(test)]
mod tests;
