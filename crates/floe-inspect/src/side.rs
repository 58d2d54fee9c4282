//! Two records of one call, laid side by side after the fact.
//!
//! [`side_of`] says what one record knows, [`add_side`] turns what the other one knows into notes: appended to a record,
//! they give the picture that both ends would have had if they had told each other all along. The clocks are compared
//! by the messages that both records have: what left there and arrived here, and the other way round, are the four
//! timestamps of NTP (RFC 5905 section 8), of the quickest message in either direction.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use floe_wire::{
    Direction, Note, SightedKind, Sighting, Sightings, Stamp,
    peer::{ClockComparison, Digest},
    side::{SIDE_PAIRS, SIGHTINGS_OF_BEGINNING, SIGHTINGS_OF_END, SideDigest},
};

use crate::{
    Picture,
    inspector::{digest_of, media_digest, sighting_of},
    ladder::Lane,
    picture::PairId,
};

/// Clocks are compared anew for every such piece of a record, because they drift apart.
const PIECE: Duration = Duration::from_secs(30);

/// The longest that a message is under way, as a rule; counts only where messages were seen in one direction alone.
const LONGEST_WAY_US: i64 = 1_000_000;

/// Sightings in one note: a note of a record file has its longest length.
const SIGHTINGS_PER_NOTE: usize = 4_000;

/// Why another record is not the other side of this call. `Display` is the sentence shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTheOtherSide {
    /// It is this side.
    OwnSide,
    /// No message and no user fragment is in both.
    OtherCall,
}

impl fmt::Display for NotTheOtherSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OwnSide => "This is your own side of the call: paste what your friend copied",
            Self::OtherCall => {
                "This is a side of another call: no message in it is in yours. Ask your friend to copy it anew from this \
                 call"
            }
        })
    }
}

impl std::error::Error for NotTheOtherSide {}

/// What a record knows of a call, for the other side.
#[must_use]
pub fn side_of(picture: &Picture) -> SideDigest {
    let newest = newest_requests(picture);
    let is_used = |pair: &&crate::picture::PairView| pair.requests_sent + pair.requests_received > 0;
    let pairs = picture.pairs.iter().filter(is_used).take(SIDE_PAIRS);
    SideDigest {
        own_fragments: picture.fragments.own.clone(),
        peer_fragments: picture.fragments.peer.clone(),
        digest: Digest {
            at: picture.at,
            pairs: pairs.map(|pair| digest_of(pair, newest.get(&pair.id).copied())).collect(),
            media: media_digest(picture),
        },
        sightings: spans(picture),
    }
}

/// The peer's newest check over each pair.
fn newest_requests(picture: &Picture) -> BTreeMap<PairId, u32> {
    let rows = picture.ladder.rows(None);
    let checks = rows.iter().filter_map(|(_, message)| match (message.lane, sighting_of(message)?) {
        (Lane::Pair(pair), Sighting { key, kind: SightedKind::Request, direction: Direction::Inbound, .. }) => {
            Some((pair, key))
        }
        (Lane::Pair(_) | Lane::Server { .. } | Lane::Other, _) => None,
    });
    checks.collect()
}

/// Everything this record saw, oldest first.
fn all_sightings(picture: &Picture) -> Vec<Sighting> {
    let rows = picture.ladder.rows(None);
    let messages = rows.iter().filter_map(|(_, message)| sighting_of(message));
    let mut all: Vec<Sighting> = messages.chain(picture.sampled_media.iter().copied()).collect();
    all.sort_by_key(|sighting| sighting.at);
    all
}

/// What was seen, as far as there is room: the beginning and the end.
fn spans(picture: &Picture) -> Vec<Sightings> {
    let mut all = all_sightings(picture);
    let is_whole = picture.ladder.forgotten() == 0;
    let since = if is_whole { Stamp::ZERO } else { all.first().map_or(picture.at, |first| first.at) };
    if all.len() <= SIGHTINGS_OF_BEGINNING + SIGHTINGS_OF_END {
        return vec![Sightings { since, until: picture.at, list: all }];
    }
    let end = all.split_off(all.len() - SIGHTINGS_OF_END);
    all.truncate(SIGHTINGS_OF_BEGINNING);
    let until = all.last().map_or(since, |last| last.at);
    let begins = end.first().map_or(picture.at, |first| first.at);
    vec![Sightings { since, until, list: all }, Sightings { since: begins, until: picture.at, list: end }]
}

/// The notes that tell what the other side's record knows, to be appended to the record of `picture`.
///
/// # Errors
/// When the other record is not of the other side of this call.
pub fn add_side(picture: &Picture, side: &SideDigest) -> Result<Vec<Note>, NotTheOtherSide> {
    let ours = all_sightings(picture);
    let matches = Matches::between(&ours, side);
    judge(picture, side, &matches)?;
    let mut notes = vec![Note::PeerSideAdded { matched: matches.count }];
    notes.extend(matches.clocks().into_iter().map(|(at, clocks)| Note::ClocksMatched { at, clocks }));
    for told in &side.sightings {
        notes.extend(pieces(told).map(Note::PeerSightings));
    }
    notes.push(Note::PeerDigest(side.digest.clone()));
    Ok(notes)
}

fn judge(picture: &Picture, side: &SideDigest, matches: &Matches) -> Result<(), NotTheOtherSide> {
    let share = |a: &[u32], b: &[u32]| a.iter().any(|print| b.contains(print));
    let is_own = share(&picture.fragments.own, &side.own_fragments);
    if is_own || (matches.count == 0 && matches.own > 0) {
        return Err(NotTheOtherSide::OwnSide);
    }
    // Where nothing gets through, no message is in both records, and the user fragments tell which call it was.
    let is_known = share(&picture.fragments.own, &side.peer_fragments);
    let is_known = is_known || share(&picture.fragments.peer, &side.own_fragments);
    if matches.count > 0 || is_known { Ok(()) } else { Err(NotTheOtherSide::OtherCall) }
}

fn pieces(told: &Sightings) -> impl Iterator<Item = Sightings> + '_ {
    let count = told.list.len().div_ceil(SIGHTINGS_PER_NOTE).max(1);
    (0..count).map(move |number| {
        let begin = number * SIGHTINGS_PER_NOTE;
        let end = told.list.len().min(begin + SIGHTINGS_PER_NOTE);
        let at = |index: usize, otherwise| told.list.get(index).map_or(otherwise, |sighting| sighting.at);
        Sightings {
            since: if number == 0 { told.since } else { at(begin, told.since) },
            until: if end == told.list.len() { told.until } else { at(end, told.until) },
            list: told.list[begin..end].to_vec(),
        }
    })
}

/// Messages that are in both records.
#[derive(Debug, Default)]
struct Matches {
    /// How many.
    count: u64,
    /// Messages that went the same way in both records, as they do in copies of one record.
    own: u64,
    /// By piece of our record: the least that a clock there was ahead when a message from here arrived, ...
    there_us: BTreeMap<u64, i64>,
    /// ... and the least that ours was ahead when one from there arrived.
    here_us: BTreeMap<u64, i64>,
}

impl Matches {
    fn between(ours: &[Sighting], side: &SideDigest) -> Self {
        let mut known: BTreeMap<(u32, SightedKind), Vec<&Sighting>> = BTreeMap::new();
        for sighting in ours {
            known.entry((sighting.key, sighting.kind)).or_default().push(sighting);
        }
        let mut matches = Self::default();
        let mut counted = BTreeSet::new();
        for theirs in side.sightings.iter().flat_map(|told| &told.list) {
            let Some(copies) = known.get(&(theirs.key, theirs.kind)) else { continue };
            let (there, own): (Vec<_>, Vec<_>) = copies.iter().partition(|ours| ours.is_other_end_of(theirs));
            matches.own += u64::from(!own.is_empty());
            matches.count +=
                u64::from(!there.is_empty() && counted.insert((theirs.key, theirs.kind, theirs.direction)));
            // Which of several copies arrived is told by the clocks only.
            if let [ours] = there[..] {
                matches.compare(ours, theirs);
            }
        }
        matches
    }

    fn compare(&mut self, ours: &Sighting, theirs: &Sighting) {
        let piece = ours.at.0.as_secs() / PIECE.as_secs();
        let ahead = micros(theirs.at).saturating_sub(micros(ours.at));
        let (least, ahead) = match theirs.direction {
            Direction::Inbound => (&mut self.there_us, ahead),
            Direction::Outbound => (&mut self.here_us, ahead.saturating_neg()),
        };
        let known = least.entry(piece).or_insert(ahead);
        *known = ahead.min(*known);
    }

    /// The clocks of every piece with messages in both directions; of the whole record where no piece has.
    fn clocks(&self) -> Vec<(Stamp, ClockComparison)> {
        let of_piece = |(piece, there): (&u64, &i64)| {
            let middle = Duration::from_secs(piece.saturating_mul(PIECE.as_secs())).saturating_add(PIECE / 2);
            Some((Stamp(middle), compared(*there, *self.here_us.get(piece)?)?))
        };
        let pieces: Vec<_> = self.there_us.iter().filter_map(of_piece).collect();
        if !pieces.is_empty() {
            return pieces;
        }
        let least = |pieces: &BTreeMap<u64, i64>| pieces.iter().min_by_key(|(_, us)| **us).map(|(at, us)| (*at, *us));
        let (there, here) = (least(&self.there_us), least(&self.here_us));
        let whole = match (there, here) {
            (Some((at, there)), Some((_, here))) => compared(there, here).map(|clocks| (at, clocks)),
            (Some((at, there)), None) => {
                compared(there, LONGEST_WAY_US.saturating_sub(there)).map(|clocks| (at, clocks))
            }
            (None, Some((at, here))) => compared(LONGEST_WAY_US.saturating_sub(here), here).map(|clocks| (at, clocks)),
            (None, None) => None,
        };
        let at = |piece: u64| Stamp(Duration::from_secs(piece.saturating_mul(PIECE.as_secs())));
        whole.map(|(piece, clocks)| (at(piece), clocks)).into_iter().collect()
    }
}

/// What the quickest messages of both directions say; none if it cannot be true.
fn compared(there_us: i64, here_us: i64) -> Option<ClockComparison> {
    let round_trip = u64::try_from(there_us.checked_add(here_us)?).ok()?;
    let offset_us = there_us.checked_sub(here_us)? / 2;
    Some(ClockComparison { offset_us, uncertainty: Duration::from_micros(round_trip.div_ceil(2)) })
}

fn micros(stamp: Stamp) -> i64 {
    i64::try_from(stamp.0.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_messages_of_both_directions_compare_the_clocks() {
        // The clock there is 5 s ahead; 20 ms there, 10 ms back.
        let clocks = compared(5_020_000, -4_990_000).expect("it is possible");
        assert_eq!((clocks.offset_us, clocks.uncertainty), (5_005_000, Duration::from_millis(15)));
        assert_eq!(compared(5_000_000, -5_100_000), None, "an answer before the question");
        assert_eq!(compared(i64::MAX, i64::MAX), None);
    }

    #[test]
    fn a_long_list_is_told_in_pieces_without_a_gap() {
        let sighting = |n: u32| Sighting {
            key: n,
            kind: SightedKind::Request,
            direction: Direction::Inbound,
            at: Stamp::from_millis(n.into()),
        };
        let told = Sightings {
            since: Stamp::ZERO,
            until: Stamp::from_millis(99_999),
            list: (0..9_000).map(sighting).collect(),
        };
        let pieces: Vec<_> = pieces(&told).collect();
        assert_eq!(pieces.iter().map(|piece| piece.list.len()).sum::<usize>(), 9_000);
        assert!(pieces.windows(2).all(|pair| pair[0].until == pair[1].since));
        assert_eq!((pieces[0].since, pieces.last().map(|last| last.until)), (told.since, Some(told.until)));
        let empty = Sightings { list: Vec::new(), ..told.clone() };
        assert_eq!(super::pieces(&empty).collect::<Vec<_>>(), [empty], "that nothing was seen is told, too");
    }
}
