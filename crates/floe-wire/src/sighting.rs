//! Sightings: when one side's record saw which message, short enough to be told to the other side.
//!
//! Addresses differ on the two sides of a NAT; a transaction id does not. Both ends of a call know a message by the same
//! four bytes, so that two records can be laid side by side.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Direction, Stamp, stun::TransactionId};

/// RTP packets whose sequence number is a multiple of this are sighted: one a second, the same ones at both ends.
pub const MEDIA_SAMPLED: u16 = 50;

/// One message as one side saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "(u32, u8, u64)", from = "(u32, u8, u64)")]
pub struct Sighting {
    /// What both ends know it by: the first four bytes of its transaction id, or the last two bytes of its SSRC and its
    /// sequence number.
    pub key: u32,
    /// What it is.
    pub kind: SightedKind,
    /// Which way it went, seen from who saw it.
    pub direction: Direction,
    /// When, by the clock of who saw it.
    pub at: Stamp,
}

/// What is sighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SightedKind {
    /// A check, or a copy of one.
    Request,
    /// The answer to a check, good or bad.
    Answer,
    /// An RTP packet ([`MEDIA_SAMPLED`]).
    Media,
}

/// The sightings of one side over a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sightings {
    /// From here on ...
    pub since: Stamp,
    /// ... to here, what is not in the list, nor in an earlier one, was not seen.
    pub until: Stamp,
    /// In the order they were seen.
    pub list: Vec<Sighting>,
}

impl Sighting {
    /// The key of a STUN message.
    #[must_use]
    pub const fn stun_key(TransactionId(id): TransactionId) -> u32 {
        u32::from_be_bytes([id[0], id[1], id[2], id[3]])
    }

    /// The key of an RTP packet, if it is one of those that are sighted.
    #[must_use]
    pub fn media_key(rtp: &[u8]) -> Option<u32> {
        let (sequence, ssrc) = (rtp.get(2..4)?, rtp.get(10..12)?);
        let is_sampled = u16::from_be_bytes([sequence[0], sequence[1]]).is_multiple_of(MEDIA_SAMPLED);
        is_sampled.then(|| u32::from_be_bytes([ssrc[0], ssrc[1], sequence[0], sequence[1]]))
    }

    /// Kind and direction as one number, for files and messages.
    #[must_use]
    pub const fn tag(&self) -> u8 {
        let kind = match self.kind {
            SightedKind::Request => 0,
            SightedKind::Answer => 1,
            SightedKind::Media => 2,
        };
        let inbound = matches!(self.direction, Direction::Inbound) as u8;
        kind << 1 | inbound
    }

    /// What [`Sighting::tag`] wrote; none for a kind of a later version.
    #[must_use]
    pub const fn read_tag(tag: u8) -> Option<(SightedKind, Direction)> {
        let kind = match tag >> 1 {
            0 => SightedKind::Request,
            1 => SightedKind::Answer,
            2 => SightedKind::Media,
            _ => return None,
        };
        Some((kind, if tag & 1 == 1 { Direction::Inbound } else { Direction::Outbound }))
    }

    /// Whether the other end's sighting is of this message: the same one, which left there and arrived here or the other
    /// way round.
    #[must_use]
    pub fn is_other_end_of(&self, other: &Self) -> bool {
        (self.key, self.kind) == (other.key, other.kind) && self.direction != other.direction
    }
}

impl From<Sighting> for (u32, u8, u64) {
    fn from(sighting: Sighting) -> Self {
        let us = u64::try_from(sighting.at.0.as_micros()).unwrap_or(u64::MAX);
        (sighting.key, sighting.tag(), us)
    }
}

impl From<(u32, u8, u64)> for Sighting {
    /// A kind of a later version reads as media, of which nothing else is known either.
    fn from((key, tag, us): (u32, u8, u64)) -> Self {
        let (kind, direction) = Self::read_tag(tag).unwrap_or((SightedKind::Media, Direction::Inbound));
        Self { key, kind, direction, at: Stamp(Duration::from_micros(us)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sighting_is_a_short_line_in_a_file_and_comes_back() {
        for kind in [SightedKind::Request, SightedKind::Answer, SightedKind::Media] {
            for direction in [Direction::Inbound, Direction::Outbound] {
                let sighting = Sighting { key: 0xDEAD_BEEF, kind, direction, at: Stamp::from_millis(1_234) };
                let text = serde_json::to_string(&sighting).expect("numbers are written");
                assert!(text.len() < 30, "{text}");
                assert_eq!(serde_json::from_str::<Sighting>(&text).expect("just written"), sighting);
            }
        }
    }

    #[test]
    fn both_ends_sample_the_same_packets() {
        let packet = |sequence: u16| {
            let [high, low] = sequence.to_be_bytes();
            [0x80, 111, high, low, 0, 0, 0, 9, 0xAA, 0xBB, 0xCC, 0xDD]
        };
        let sampled = (0..500).filter(|sequence| Sighting::media_key(&packet(*sequence)).is_some());
        assert_eq!(sampled.count(), 10);
        assert_eq!(Sighting::media_key(&packet(100)), Some(0xCCDD_0064));
        assert_eq!(Sighting::media_key(&packet(100)[..11]), None, "no RTP header");
    }
}
