//! What the other side's record says of a moment before that side told anything.
//!
//! A side is added at the end of a record, or tells once a path is found, and a fold up to an earlier moment knows nothing
//! of it. What both records have in common is placed in the whole picture's ladder, on our clock; so what the other side
//! had counted at a moment is told by how much of that is before it, as far as it told of every message. Nothing is kept
//! but when each of them was.

use std::{collections::BTreeMap, time::Duration};

use floe_wire::{Direction, SightedKind, Stamp, peer::PairDigest};

use crate::{
    Inspector, Picture,
    inspector::sighting_of,
    ladder::{Lane, Message},
    peer::{ChannelView, PeerPair, PeerView},
    picture::{PairId, Sample},
};

/// A check is not called lost before it had this long to arrive.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// What is counted of a pair: see [`counts_of`].
const COUNTS: usize = 4;
const SENT: usize = 0;
const ANSWERS_RECEIVED: usize = 1;
const RECEIVED: usize = 2;
const ANSWERED: usize = 3;

/// When the other side saw what it counted, by our clock and oldest first.
#[derive(Debug, Default)]
pub(crate) struct Hindsight {
    /// By the pair of ours.
    pairs: BTreeMap<PairId, [Vec<Stamp>; COUNTS]>,
    /// Checks that never arrived here: nobody knows over which of its pairs they left.
    lost: Vec<Stamp>,
    /// Since when our record has every message; it forgets the oldest ones of a very long call.
    since: Stamp,
}

/// How much of what the other side counted is known of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Every message up to it.
    Before,
    /// Every message after it.
    After,
    /// It had made its record before: everything it counted.
    All,
    /// Not when any of it was.
    Undated,
    /// Nothing: the moment is in a gap of what is told.
    Nothing,
}

impl Hindsight {
    /// Whether the whole picture knows of the other side and that of a moment does not.
    pub(crate) fn is_due(whole: &PeerView, moment: &PeerView) -> bool {
        whole.digests.is_some() && moment.digests.is_none()
    }

    /// Sorts what the other side saw by time.
    pub(crate) fn of(whole: &Picture) -> Self {
        let mut hindsight = Self { since: kept_since(whole), ..Self::default() };
        let mut asked = BTreeMap::new();
        for (_, message) in whole.ladder.rows(None).iter() {
            let (Lane::Pair(pair), Some(ours)) = (message.lane, sighting_of(message)) else { continue };
            if (ours.kind, ours.direction) == (SightedKind::Request, Direction::Outbound) {
                asked.insert(ours.key, pair);
            }
            if let Some(at) = time_there(&whole.peer, message) {
                let count = count_there(ours.kind, ours.direction);
                hindsight.pairs.entry(pair).or_default()[count].push(at);
            }
        }
        for theirs in whole.ladder.theirs() {
            match (theirs.kind, theirs.direction) {
                (SightedKind::Request, Direction::Outbound) => hindsight.lost.push(theirs.at),
                (SightedKind::Answer, Direction::Outbound) => {
                    if let Some(pair) = asked.get(&theirs.key) {
                        hindsight.pairs.entry(*pair).or_default()[ANSWERED].push(theirs.at);
                    }
                }
                (SightedKind::Request | SightedKind::Answer, Direction::Inbound) | (SightedKind::Media, _) => {}
            }
        }
        hindsight.lost.sort_unstable();
        hindsight.pairs.values_mut().flatten().for_each(|times| times.sort_unstable());
        hindsight
    }

    /// The picture of a moment that a fold up to it gives, with what `whole` knows of the other side at that moment.
    pub(crate) fn picture(&self, whole: &Picture, moment: &Inspector) -> Picture {
        let Picture { at, peer, .. } = moment.picture();
        let at = *at;
        let mut picture = moment.picture_with(self.peer(&whole.peer, peer, at));
        let up_to = |samples: &[Sample]| samples[..samples.partition_point(|sample| sample.at <= at)].to_vec();
        picture.series.delay_there_ms = up_to(&whole.series.delay_there_ms);
        picture.series.delay_here_ms = up_to(&whole.series.delay_here_ms);
        picture
    }

    fn peer(&self, whole: &PeerView, moment: &PeerView, at: Stamp) -> PeerView {
        let known = self.known(whole, at);
        // What was told of the time after this moment is not part of it.
        let now_there = whole.clock_log.at(at).map(|clocks| clocks.to_theirs(at));
        let until_now = |(since, until): &(Stamp, Stamp)| {
            let now = now_there.filter(|now| since <= now)?;
            Some((*since, now.min(*until)))
        };
        let pairs = self.pairs(whole, known, at);
        let judged = pairs.as_ref().map(|_| judged_at(whole, at));
        PeerView {
            channel: match (&moment.channel, &whole.channel) {
                (ChannelView::None, ChannelView::Added { .. }) => whole.channel.clone(),
                (then, _) => then.clone(),
            },
            clock_log: whole.clock_log.clone(),
            told_spans: whole.told_spans.iter().filter_map(until_now).collect(),
            digests: judged.map(|judged| (judged, judged)),
            pairs: pairs.unwrap_or_default(),
            is_undated: known == Known::Undated,
            ..moment.clone()
        }
    }

    fn known(&self, whole: &PeerView, at: Stamp) -> Known {
        let Some(clocks) = whole.clock_log.at(at) else { return Known::Undated };
        let now = clocks.to_theirs(at);
        let (is_from_beginning, is_kept) = (self.since == Stamp::ZERO, at >= self.since);
        match (whole.told_spans.first(), whole.told_spans.last()) {
            (_, Some((_, until))) if now > *until => Known::All,
            (Some((Stamp::ZERO, until)), _) if is_from_beginning && now <= *until => Known::Before,
            (_, Some((since, _))) if is_kept && *since <= now => Known::After,
            _ => Known::Nothing,
        }
    }

    /// The pairs of the other side as it counted them at a moment; none if that is not known.
    fn pairs(&self, whole: &PeerView, known: Known, at: Stamp) -> Option<Vec<PeerPair>> {
        match known {
            Known::Nothing => None,
            Known::All => Some(whole.pairs.clone()),
            // What never arrived had not arrived before either.
            Known::Undated => whole.pairs.iter().all(|pair| pair.seen.requests_received == 0).then(Vec::new),
            Known::Before | Known::After => Some(self.counted(&whole.pairs, known == Known::Before, at)),
        }
    }

    /// Counts up from the beginning, or down from the end.
    fn counted(&self, whole: &[PeerPair], is_up: bool, at: Stamp) -> Vec<PeerPair> {
        let mut named: BTreeMap<Option<PairId>, Vec<usize>> = BTreeMap::new();
        for (row, pair) in whole.iter().enumerate() {
            named.entry(pair.ours).or_default().push(row);
        }
        let nameless = named.get(&None).cloned().unwrap_or_default();
        let mut count = Count::begin(whole, is_up, at);
        for (id, times) in &self.pairs {
            let rows = named.get(&Some(*id)).unwrap_or(&nameless);
            (0..COUNTS).for_each(|what| count.take(what, &times[what], rows.iter().copied()));
        }
        count.take(SENT, &self.lost, nameless.iter().copied().chain(0..whole.len()));
        count.end(whole)
    }
}

/// Counts of pairs at a moment, between nothing and what they were at the end.
struct Count {
    at: Stamp,
    is_up: bool,
    now: Vec<[u32; COUNTS]>,
    end: Vec<[u32; COUNTS]>,
}

impl Count {
    fn begin(whole: &[PeerPair], is_up: bool, at: Stamp) -> Self {
        let end: Vec<_> = whole.iter().map(|pair| counts_of(&pair.seen)).collect();
        let now = if is_up { vec![[0; COUNTS]; end.len()] } else { end.clone() };
        Self { at, is_up, now, end }
    }

    /// Counts messages in the first rows that have room for them.
    fn take(&mut self, what: usize, times: &[Stamp], rows: impl Iterator<Item = usize>) {
        let until_now = times.partition_point(|time| *time <= self.at);
        let count = if self.is_up { until_now } else { times.len() - until_now };
        let mut left = u32::try_from(count).unwrap_or(u32::MAX);
        for row in rows {
            let (now, end) = (&mut self.now[row][what], self.end[row][what]);
            let room = if self.is_up { end - *now } else { *now };
            let taken = left.min(room);
            *now = if self.is_up { *now + taken } else { *now - taken };
            left -= taken;
        }
    }

    /// The pairs that were used by then. A pair is ours by a check that arrived.
    fn end(self, whole: &[PeerPair]) -> Vec<PeerPair> {
        let used = whole.iter().zip(self.now).filter(|(_, now)| now.iter().any(|count| *count > 0));
        let pair = |(pair, now): (&PeerPair, [u32; COUNTS])| PeerPair {
            ours: pair.ours.filter(|_| now[RECEIVED] > 0),
            seen: PairDigest {
                requests_sent: now[SENT],
                responses_received: now[ANSWERS_RECEIVED],
                requests_received: now[RECEIVED],
                responses_sent: now[ANSWERED],
                newest_request: None,
                ..pair.seen
            },
        };
        used.map(pair).collect()
    }
}

fn counts_of(seen: &PairDigest) -> [u32; COUNTS] {
    [seen.requests_sent, seen.responses_received, seen.requests_received, seen.responses_sent]
}

/// What a message that went this way here counts as there.
const fn count_there(kind: SightedKind, direction: Direction) -> usize {
    match (kind, direction) {
        (SightedKind::Answer, Direction::Outbound) => ANSWERS_RECEIVED,
        (SightedKind::Answer, Direction::Inbound) => ANSWERED,
        (SightedKind::Request | SightedKind::Media, Direction::Outbound) => RECEIVED,
        (SightedKind::Request | SightedKind::Media, Direction::Inbound) => SENT,
    }
}

/// When the other side saw a message, by our clock. However wrong that may be, nothing arrives before it leaves.
fn time_there(peer: &PeerView, message: &Message) -> Option<Stamp> {
    let (there, _) = peer.clock_log.to_ours(message.there?)?;
    Some(match message.direction {
        Direction::Outbound => there.max(message.at),
        Direction::Inbound => there.min(message.at),
    })
}

fn kept_since(whole: &Picture) -> Stamp {
    let oldest = whole.ladder.rows(None).get(0).map(|(_, message)| message.at);
    oldest.filter(|_| whole.ladder.forgotten() > 0).unwrap_or(Stamp::ZERO)
}

/// Up to when checks are judged by what had arrived at a moment.
fn judged_at(whole: &PeerView, at: Stamp) -> Stamp {
    let told = whole.told_spans.last().and_then(|(_, until)| whole.clock_log.to_ours(*until));
    let patient = Stamp(at.0.saturating_sub(UNDER_WAY));
    told.map_or(patient, |(told, _)| told.min(patient))
}

#[cfg(test)]
mod tests {
    use floe_wire::{BaseId, Generation};

    use super::*;

    fn pair(port: u16, ours: bool, counts: [u32; COUNTS]) -> PeerPair {
        let (generation, base) = (Generation(0), BaseId(1));
        let remote = std::net::SocketAddr::from(([203, 0, 113, 9], port));
        let [requests_sent, responses_received, requests_received, responses_sent] = counts;
        PeerPair {
            ours: ours.then_some(PairId { generation, base, remote }),
            seen: PairDigest {
                generation,
                base,
                remote,
                requests_sent,
                responses_received,
                requests_received,
                responses_sent,
                newest_request: None,
            },
        }
    }

    fn at_seconds(seconds: &[u64]) -> Vec<Stamp> {
        seconds.iter().map(|second| Stamp::from_millis(second * 1_000)).collect()
    }

    #[test]
    fn counting_up_and_down_meet_where_everything_is_told() {
        let whole = [pair(1, true, [3, 0, 2, 2]), pair(2, false, [4, 0, 0, 0])];
        let id = whole[0].ours.expect("it is named");
        let times = [at_seconds(&[1, 5, 9]), vec![], at_seconds(&[2, 6]), at_seconds(&[2, 6])];
        let hindsight = Hindsight { pairs: [(id, times)].into(), lost: at_seconds(&[3, 4, 7, 8]), since: Stamp::ZERO };
        for second in 0..=10 {
            let at = Stamp::from_millis(second * 1_000);
            assert_eq!(hindsight.counted(&whole, true, at), hindsight.counted(&whole, false, at), "{second} s");
        }
        assert_eq!(hindsight.counted(&whole, true, Stamp::ZERO), [], "nothing had happened");
        let middle = hindsight.counted(&whole, true, Stamp::from_millis(5_000));
        assert_eq!(middle.iter().map(|pair| counts_of(&pair.seen)).collect::<Vec<_>>(), [[2, 0, 1, 1], [2, 0, 0, 0]]);
        assert_eq!(middle[0].ours, Some(id));
    }

    #[test]
    fn counts_that_contradict_what_is_seen_stay_within_those_of_the_end() {
        let whole = [pair(1, true, [0, 0, 1, 0])];
        let id = whole[0].ours.expect("it is named");
        let times = [(); COUNTS].map(|()| at_seconds(&[1, 2, 3]));
        let hindsight = Hindsight { pairs: [(id, times)].into(), lost: at_seconds(&[1, 2]), since: Stamp::ZERO };
        for is_up in [true, false] {
            for second in [0, 2, 4] {
                let counted = hindsight.counted(&whole, is_up, Stamp::from_millis(second * 1_000));
                assert!(counted.iter().all(|pair| pair.seen.requests_received <= 1), "{counted:?}");
            }
        }
    }

    #[test]
    fn a_moment_in_a_gap_of_what_is_told_is_not_known() {
        let span = |since: u64, until: u64| (Stamp::from_millis(since), Stamp::from_millis(until));
        let mut whole = PeerView::default();
        let known = |whole: &PeerView, at| Hindsight::default().known(whole, at);
        assert_eq!(known(&whole, Stamp::ZERO), Known::Undated);
        let clocks = floe_wire::peer::ClockComparison { offset_us: 0, uncertainty: Duration::ZERO };
        whole.clock_log.push(Stamp::ZERO, clocks);
        assert_eq!(known(&whole, Stamp::ZERO), Known::Nothing);
        whole.told_spans = vec![span(0, 100), span(500, 900)];
        let found = [50, 100, 300, 500, 900, 901].map(|ms| known(&whole, Stamp::from_millis(ms)));
        let expected = [Known::Before, Known::Before, Known::Nothing, Known::After, Known::After, Known::All];
        assert_eq!(found, expected);
        whole.told_spans = vec![span(10, 900)];
        assert_eq!(known(&whole, Stamp::from_millis(50)), Known::After, "its record forgot its beginning");
        let forgetful = Hindsight { since: Stamp::from_millis(100), ..Hindsight::default() };
        let found = [50, 100].map(|ms| forgetful.known(&whole, Stamp::from_millis(ms)));
        assert_eq!(found, [Known::Nothing, Known::After], "ours forgot its beginning");
    }
}
