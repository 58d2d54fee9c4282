//! Both ends of each message: which ones this record saw, for the peer, and when the peer saw the same ones.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use floe_wire::{Direction, Packet, SightedKind, Sighting, Sightings, Stamp, peer::ClockComparison};

use super::Inspector;
use crate::{
    ladder::{Lane, Message, TheirMessage},
    picture::Picture,
    series::push_sample,
};

/// Sightings that wait to be told; the channel takes 128 a second.
const UNTOLD_KEPT: usize = 4_096;

/// Sightings of the peer that wait for the clocks to be compared.
const EARLY_KEPT: usize = 4_096;

/// RTP packets remembered for both directions: some three hours.
const MEDIA_KEPT: usize = 20_000;

/// Messages that are looked through for one that the peer saw: a minute of checks.
const LOOKED_BACK: usize = 4_096;

/// From this many sightings on, an index of all messages is cheaper than looking back for each.
const BULK: usize = 256;

/// Messages of the peer that may be on their way at a time.
const AWAITED_KEPT: usize = 1_024;

/// The longest that a message is under way: what is not here after it has been lost.
const LONGEST_WAY: Duration = Duration::from_secs(2);

/// Copies of one request go out within this time (RFC 8489 section 6.2.1).
const COPIES_WITHIN: Duration = Duration::from_secs(40);

/// Copies of one request that are told apart.
const COPIES: usize = 8;

/// How much earlier than it left a message may seem to arrive beyond what the clocks allow: timers and batches.
const SLACK_US: i64 = 5_000;

/// What waits to be told, and what waits to be understood.
#[derive(Debug, Clone, Default)]
pub(super) struct SightingLog {
    untold: VecDeque<Sighting>,
    /// What was seen since then is told or waits.
    since: Stamp,
    early: VecDeque<Sighting>,
    /// Sightings of messages to us that may still be on their way.
    awaited: VecDeque<Sighting>,
}

/// What both ends know a message by, and the way it went here.
type Key = (u32, SightedKind, bool);

impl Inspector {
    /// Messages that this record saw since the last call, for the peer: at most `most`, the oldest ones first.
    pub fn sightings(&mut self, most: usize) -> Sightings {
        let log = &mut self.both_ends.sightings;
        let list: Vec<Sighting> = log.untold.drain(..most.min(log.untold.len())).collect();
        let until = log.untold.front().map_or(self.picture.at, |next| next.at);
        Sightings { since: std::mem::replace(&mut log.since, until), until, list }
    }

    /// Notes a check or an answer to one.
    pub(super) fn sight_stun(&mut self, packet: &Packet, kind: SightedKind) {
        if let Some(key) = stun_key(&packet.bytes) {
            self.sight(Sighting { key, kind, direction: packet.direction, at: self.picture.at });
        }
    }

    /// Notes an RTP packet, if it is one of those that both ends note.
    pub(super) fn sight_media(&mut self, packet: &Packet) {
        let Some(key) = Sighting::media_key(&packet.bytes) else { return };
        let sighting = Sighting { key, kind: SightedKind::Media, direction: packet.direction, at: self.picture.at };
        self.picture.sampled_media.push(sighting, MEDIA_KEPT);
        self.sight(sighting);
    }

    fn sight(&mut self, sighting: Sighting) {
        let log = &mut self.both_ends.sightings;
        if log.untold.len() >= UNTOLD_KEPT {
            log.untold.pop_front();
            log.since = log.untold.front().map_or(sighting.at, |next| next.at);
        }
        log.untold.push_back(sighting);
    }

    pub(super) fn on_peer_sightings(&mut self, told: &Sightings) {
        self.picture.peer.add_span(told.since, told.until);
        if self.picture.peer.clock_log.is_empty() {
            let room = EARLY_KEPT.saturating_sub(self.both_ends.sightings.early.len());
            self.both_ends.sightings.early.extend(told.list.iter().take(room));
            return;
        }
        self.place_sightings(&told.list);
    }

    /// The clocks can be compared from here on.
    pub(super) fn place_early_sightings(&mut self) {
        let early = std::mem::take(&mut self.both_ends.sightings.early);
        self.place_sightings(&Vec::from(early));
    }

    fn place_sightings(&mut self, list: &[Sighting]) {
        let awaited = std::mem::take(&mut self.both_ends.sightings.awaited);
        for theirs in awaited {
            self.place_message(&theirs, None);
        }
        let index = (list.len() >= BULK).then(|| Index::of(&self.picture));
        for theirs in list {
            match theirs.kind {
                SightedKind::Media => self.place_media(theirs, index.as_ref()),
                SightedKind::Request | SightedKind::Answer => self.place_message(theirs, index.as_ref()),
            }
        }
    }

    fn place_media(&mut self, theirs: &Sighting, index: Option<&Index>) {
        let sampled = &self.picture.sampled_media;
        let ours = match index {
            Some(index) => index.media.get(&here(theirs)).copied(),
            None => {
                let newest = sampled.iter().rev().take(LOOKED_BACK);
                newest.into_iter().find(|ours| ours.is_other_end_of(theirs)).map(|ours| ours.at)
            }
        };
        if let Some(at) = ours {
            self.add_delay(at, theirs);
        }
    }

    fn place_message(&mut self, theirs: &Sighting, index: Option<&Index>) {
        let copies = match index {
            Some(index) => index.messages.get(&here(theirs)).cloned().unwrap_or_default(),
            None => copies_of(&self.picture, theirs),
        };
        let Some(number) = self.likely_copy(&copies, theirs) else {
            return self.place_alone(theirs, &copies, index);
        };
        let Some(message) = self.picture.ladder.message_mut(number) else { return };
        message.there = Some(theirs.at);
        let (at, lane) = (message.at, message.lane);
        let is_in_use = self.picture.selections.iter().rev().any(|selection| lane == Lane::Pair(selection.pair));
        if is_in_use {
            self.add_delay(at, theirs);
        }
    }

    /// A message that the peer has and we do not.
    fn place_alone(&mut self, theirs: &Sighting, copies: &[u64], index: Option<&Index>) {
        let Some((at, uncertainty)) = self.picture.peer.clock_log.to_ours(theirs.at) else { return };
        if theirs.direction == Direction::Outbound && self.picture.at.since(at) < LONGEST_WAY {
            let awaited = &mut self.both_ends.sightings.awaited;
            if awaited.len() < AWAITED_KEPT && !awaited.contains(theirs) {
                awaited.push_back(*theirs);
            }
            return;
        }
        let told = copies.iter().filter_map(|number| self.picture.ladder.message(*number)?.there);
        let is_known = told.into_iter().any(|there| there == theirs.at) || is_of_no_pair(&self.picture, theirs, index);
        if !is_known && self.was_recording(at) {
            let Sighting { key, kind, direction, at: told_at } = *theirs;
            self.picture.ladder.add_theirs(TheirMessage { at, uncertainty, theirs: told_at, key, kind, direction });
        }
    }

    /// Whether this record would have a message of that moment.
    fn was_recording(&self, at: Stamp) -> bool {
        let ladder = &self.picture.ladder;
        let oldest = ladder.rows(None).get(0).map(|(_, message)| message.at);
        let begun = match ladder.forgotten() {
            0 => Some(self.picture.timings.code_ready.unwrap_or(Stamp::ZERO)),
            _ => oldest,
        };
        begun.is_some_and(|begun| at > begun) && self.picture.ended_at.is_none_or(|ended| at < ended)
    }

    /// Of copies that nothing but the time tells apart, the one that took the least time from one end to the other.
    fn likely_copy(&self, copies: &[u64], theirs: &Sighting) -> Option<u64> {
        let is_free = |number: &u64| self.picture.ladder.message(*number).is_some_and(|copy| copy.there.is_none());
        let free: Vec<u64> = copies.iter().copied().filter(is_free).collect();
        if let [only] = free[..]
            && copies.len() == 1
        {
            return Some(only);
        }
        let took = |number: &u64| {
            let at = self.picture.ladder.message(*number)?.at;
            let clocks = self.picture.peer.clock_log.at(at)?;
            let least = -SLACK_US - i64::try_from(clocks.uncertainty.as_micros()).unwrap_or(i64::MAX - SLACK_US);
            Some(took_us(clocks, at, theirs)).filter(|us| *us >= least)
        };
        free.into_iter().filter_map(|number| Some((took(&number)?, number))).min().map(|(_, number)| number)
    }

    fn add_delay(&mut self, at: Stamp, theirs: &Sighting) {
        let Some(clocks) = self.picture.peer.clock_log.at(at) else { return };
        let series = &mut self.picture.series;
        let series = match theirs.direction {
            Direction::Inbound => &mut series.delay_there_ms,
            Direction::Outbound => &mut series.delay_here_ms,
        };
        // What was known before is told again when a whole side is added.
        if series.last().is_some_and(|last| last.at >= at) {
            return;
        }
        push_sample(series, at, took_us(clocks, at, theirs).max(0) as f64 / 1e3);
    }
}

/// How long a message took that was here at `at`, in microseconds.
fn took_us(clocks: ClockComparison, at: Stamp, theirs: &Sighting) -> i64 {
    let there = clocks.there_us(at, theirs.at);
    match theirs.direction {
        Direction::Inbound => there,
        Direction::Outbound => there.saturating_neg(),
    }
}

/// The key under which this record has what the peer sighted.
fn here(theirs: &Sighting) -> Key {
    (theirs.key, theirs.kind, theirs.direction == Direction::Inbound)
}

fn stun_key(bytes: &[u8]) -> Option<u32> {
    bytes.get(8..12).map(|id| u32::from_be_bytes([id[0], id[1], id[2], id[3]]))
}

/// A message of a pair as a sighting of ours.
pub(crate) fn sighting_of(message: &Message) -> Option<Sighting> {
    let kind = message.kind.sighted().filter(|_| matches!(message.lane, Lane::Pair(_)))?;
    Some(Sighting { key: stun_key(&message.bytes)?, kind, direction: message.direction, at: message.at })
}

/// Whether the other end of a message is here among those that belong to no pair.
fn is_of_no_pair(picture: &Picture, theirs: &Sighting, index: Option<&Index>) -> bool {
    if let Some(index) = index {
        return index.others.contains(&(theirs.key, theirs.direction == Direction::Inbound));
    }
    let newest = picture.ladder.rows(None);
    newest.iter().rev().take(LOOKED_BACK).any(|(_, message)| {
        !matches!(message.lane, Lane::Pair(_))
            && message.direction != theirs.direction
            && stun_key(&message.bytes) == Some(theirs.key)
    })
}

fn copies_of(picture: &Picture, theirs: &Sighting) -> Vec<u64> {
    let mut copies = Vec::new();
    let mut newest = None;
    for (number, message) in picture.ladder.rows(None).iter().rev().take(LOOKED_BACK) {
        if newest.is_some_and(|newest: Stamp| newest.since(message.at) > COPIES_WITHIN) || copies.len() >= COPIES {
            break;
        }
        if sighting_of(message).is_some_and(|ours| ours.is_other_end_of(theirs)) {
            newest = newest.or(Some(message.at));
            copies.push(number);
        }
    }
    copies
}

/// Everything in a record that a peer may have sighted.
struct Index {
    messages: BTreeMap<Key, Vec<u64>>,
    media: BTreeMap<Key, Stamp>,
    /// Messages of no pair, and whether they went out here.
    others: BTreeSet<(u32, bool)>,
}

impl Index {
    fn of(picture: &Picture) -> Self {
        let key = |ours: &Sighting| (ours.key, ours.kind, ours.direction == Direction::Outbound);
        let mut messages: BTreeMap<Key, Vec<u64>> = BTreeMap::new();
        let mut others = BTreeSet::new();
        for (number, message) in picture.ladder.rows(None).iter() {
            let Some(ours) = sighting_of(message) else {
                others.extend(stun_key(&message.bytes).map(|key| (key, message.direction == Direction::Outbound)));
                continue;
            };
            let copies = messages.entry(key(&ours)).or_default();
            if copies.len() < COPIES {
                copies.push(number);
            }
        }
        let media = picture.sampled_media.iter().map(|ours| (key(ours), ours.at)).collect();
        Self { messages, media, others }
    }
}
