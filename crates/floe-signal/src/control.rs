//! Messages that the two ends exchange over the control channel.
//!
//! A message is one octet that says what it is, and a body of fixed fields in network byte order; what follows the
//! fields is left for later versions. A reader passes over kinds it does not know ([`Unreadable::Unknown`]), so both
//! ends may be of any age. Nothing here is a secret: what later generations authenticate with is derived, not told.

use std::time::Duration;

use floe_wire::{
    BaseId, Candidate, Generation, Sighting, Sightings, Stamp,
    peer::{Digest, MediaDigest, MoveReason, RestartCause},
    verdict::{Complaint, Judge, Measured, PairRuling, PairVerdict},
};

use crate::{
    Unusable,
    fields::{Reader, Writer},
    pair_digest,
};

/// Version of this vocabulary.
pub const CONTROL_VERSION: u16 = 1;
/// Pairs in one digest; the rest goes into the next.
pub const MAX_DIGEST_PAIRS: usize = 64;
/// Sightings in one message; the rest goes into the next.
pub const MAX_SIGHTINGS: usize = 128;

/// What the maker of a [`ControlMessage::Hello`] can do, as bits that older readers ignore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features(pub u32);

impl Features {
    /// It derives the credentials of later generations from the DTLS exporter, and answers checks with them at any time.
    pub const RESTART: Self = Self(1);
    /// It answers [`ControlMessage::ClockAsk`] and sends [`ControlMessage::Digest`].
    pub const DIGEST: Self = Self(1 << 1);
    /// It makes something of [`ControlMessage::Sightings`].
    pub const SIGHTINGS: Self = Self(1 << 2);
    /// It follows [`ControlMessage::Ruling`].
    pub const RULING: Self = Self(1 << 4);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlMessage {
    /// The first message of either side.
    Hello {
        /// [`CONTROL_VERSION`] of its maker.
        version: u16,
        /// What its maker can do.
        features: Features,
    },
    /// A candidate found after the code was made.
    Candidate {
        /// Its generation.
        generation: Generation,
        /// The candidate.
        candidate: Candidate,
    },
    /// A new generation begins, with credentials both sides derive.
    Restart {
        /// Its number.
        generation: Generation,
        /// Why.
        cause: RestartCause,
    },
    /// Media goes this way from here on.
    PairChosen {
        /// The generation.
        generation: Generation,
        /// The reader's address, as its sender sees it.
        remote: std::net::SocketAddr,
        /// Why, if its sender chose it; older versions do not tell.
        reason: Option<MoveReason>,
    },
    /// The sender muted or unmuted.
    Muted(bool),
    /// What time is it?
    ClockAsk {
        /// The asker's time of asking, by its record.
        asked: Stamp,
    },
    /// It was this time.
    ClockAnswer {
        /// As it was asked.
        asked: Stamp,
        /// The answerer's time at which the question arrived.
        received: Stamp,
        /// The answerer's time of answering.
        answered: Stamp,
    },
    /// What the sender's record says.
    Digest(Digest),
    /// Which messages the sender saw, and when.
    Sightings(Sightings),
    /// The sender decided something about a pair, which is named as its reader knows it.
    Ruling(PairRuling),
    /// The sender hangs up.
    Goodbye,
}

/// Why a message was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A kind, or a kind of content, that this version does not know.
    #[error("a message of a newer kind ({kind})")]
    Unknown {
        /// The kind.
        kind: u8,
    },
    /// It ends too early, or says what cannot be.
    #[error("a message of kind {kind} that cannot be read")]
    Malformed {
        /// The kind.
        kind: u8,
    },
    /// There is nothing in it.
    #[error("an empty message")]
    Empty,
}

const HELLO: u8 = 1;
const CANDIDATE: u8 = 2;
const RESTART: u8 = 3;
const PAIR_CHOSEN: u8 = 4;
const MUTED: u8 = 5;
const CLOCK_ASK: u8 = 6;
const CLOCK_ANSWER: u8 = 7;
const DIGEST: u8 = 8;
const GOODBYE: u8 = 9;
const SIGHTINGS: u8 = 10;
const RULING: u8 = 20;

/// Who decided, as the sender sees it: a person beside it is the other side to the reader.
const BY_PERSON: u8 = 0;
const BY_MEASUREMENT: u8 = 1;
const VERDICTS: [PairVerdict; 4] =
    [PairVerdict::Forced, PairVerdict::Blocked, PairVerdict::Distrusted, PairVerdict::Released];
/// Zero says that nothing was measured.
const COMPLAINTS: [Option<Complaint>; 3] = [None, Some(Complaint::Loss), Some(Complaint::RoundTrip)];

const REASONS: [MoveReason; 5] =
    [MoveReason::Better, MoveReason::TookOver, MoveReason::Quality, MoveReason::Wish, MoveReason::Restart];

const CAUSES: [RestartCause; 8] = [
    RestartCause::Asked,
    RestartCause::Peer,
    RestartCause::NetworkUp,
    RestartCause::NetworkDown,
    RestartCause::PathSilent,
    RestartCause::RelayLost,
    RestartCause::DefaultRoute,
    RestartCause::Resumed,
];

impl ControlMessage {
    /// The message as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match self {
            Self::Hello { version, features } => {
                out.u8(HELLO).u16(*version).u32(features.0);
            }
            Self::Candidate { generation, candidate } => {
                out.u8(CANDIDATE).u32(generation.0).candidate(candidate);
            }
            Self::Restart { generation, cause } => {
                let cause = CAUSES.iter().position(|known| known == cause).unwrap_or(0);
                out.u8(RESTART).u32(generation.0).u8(cause as u8);
            }
            Self::PairChosen { generation, remote, reason } => {
                out.u8(PAIR_CHOSEN).u32(generation.0).address(*remote);
                if let Some(place) = REASONS.iter().position(|known| Some(*known) == *reason) {
                    out.u8(place as u8);
                }
            }
            Self::Muted(muted) => {
                out.u8(MUTED).u8(u8::from(*muted));
            }
            Self::ClockAsk { asked } => {
                out.u8(CLOCK_ASK).stamp(*asked);
            }
            Self::ClockAnswer { asked, received, answered } => {
                out.u8(CLOCK_ANSWER).stamp(*asked).stamp(*received).stamp(*answered);
            }
            Self::Digest(digest) => {
                out.u8(DIGEST);
                write_digest(&mut out, digest);
            }
            Self::Sightings(sightings) => {
                out.u8(SIGHTINGS);
                write_sightings(&mut out, sightings);
            }
            Self::Ruling(ruling) => {
                out.u8(RULING);
                write_ruling(&mut out, ruling);
            }
            Self::Goodbye => {
                out.u8(GOODBYE);
            }
        }
        out.finish()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// Why it is to be passed over, and counted.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (&kind, body) = bytes.split_first().ok_or(Unreadable::Empty)?;
        let mut body = Reader::new(body);
        let message = match kind {
            HELLO => body.hello(),
            CANDIDATE => return read_candidate(&mut body),
            RESTART => return read_restart(&mut body),
            PAIR_CHOSEN => body.pair_chosen(),
            MUTED => body.u8().map(|muted| Self::Muted(muted != 0)),
            CLOCK_ASK => body.stamp().map(|asked| Self::ClockAsk { asked }),
            CLOCK_ANSWER => body.clock_answer(),
            DIGEST => read_digest(&mut body).map(Self::Digest),
            SIGHTINGS => read_sightings(&mut body).map(Self::Sightings),
            RULING => return read_ruling(&mut body),
            GOODBYE => Some(Self::Goodbye),
            _ => return Err(Unreadable::Unknown { kind }),
        };
        message.ok_or(Unreadable::Malformed { kind })
    }
}

impl Reader<'_> {
    fn hello(&mut self) -> Option<ControlMessage> {
        Some(ControlMessage::Hello { version: self.u16()?, features: Features(self.u32()?) })
    }

    fn pair_chosen(&mut self) -> Option<ControlMessage> {
        let (generation, remote) = (Generation(self.u32()?), self.address()?);
        // Earlier versions end here, and later ones may have reasons that are not known.
        let reason = self.u8().and_then(|place| REASONS.get(usize::from(place)).copied());
        Some(ControlMessage::PairChosen { generation, remote, reason })
    }

    fn measured(&mut self, complaint: Complaint) -> Option<Measured> {
        let loss_percent = self.u8()?.min(100);
        let (rtt, better_rtt, distrust) = (self.stamp()?.0, self.stamp()?.0, self.stamp()?.0);
        Some(Measured { complaint, loss_percent, rtt, better_rtt, distrust })
    }

    fn clock_answer(&mut self) -> Option<ControlMessage> {
        let (asked, received, answered) = (self.stamp()?, self.stamp()?, self.stamp()?);
        Some(ControlMessage::ClockAnswer { asked, received, answered })
    }
}

/// A candidate must be one that a code could hold, too: nobody makes us send to groups or to port 0.
fn read_candidate(body: &mut Reader<'_>) -> Result<ControlMessage, Unreadable> {
    let malformed = Unreadable::Malformed { kind: CANDIDATE };
    let generation = Generation(body.u32().ok_or(malformed)?);
    let candidate = body.candidate().ok_or(malformed)?;
    match Unusable::of(&candidate) {
        Some(_) => Err(malformed),
        None => Ok(ControlMessage::Candidate { generation, candidate }),
    }
}

/// A cause that is not known here is still a restart of the peer.
fn read_restart(body: &mut Reader<'_>) -> Result<ControlMessage, Unreadable> {
    let malformed = Unreadable::Malformed { kind: RESTART };
    let generation = Generation(body.u32().ok_or(malformed)?);
    let cause = body.u8().ok_or(malformed)?;
    let cause = CAUSES.get(usize::from(cause)).copied().unwrap_or(RestartCause::Peer);
    Ok(ControlMessage::Restart { generation, cause })
}

fn write_ruling(out: &mut Writer, ruling: &PairRuling) {
    let verdict = VERDICTS.iter().position(|known| *known == ruling.verdict).unwrap_or(0);
    let by = if ruling.by == Judge::Measurement { BY_MEASUREMENT } else { BY_PERSON };
    let complaint = ruling.measured.map(|measured| measured.complaint);
    let complaint = COMPLAINTS.iter().position(|known| *known == complaint).unwrap_or(0);
    out.u8(verdict as u8).u8(by).u32(ruling.base.0).address(ruling.remote).u8(complaint as u8);
    if let Some(Measured { loss_percent, rtt, better_rtt, distrust, .. }) = ruling.measured {
        out.u8(loss_percent).stamp(Stamp(rtt)).stamp(Stamp(better_rtt)).stamp(Stamp(distrust));
    }
}

/// A verdict that is not known here cannot be followed.
fn read_ruling(body: &mut Reader<'_>) -> Result<ControlMessage, Unreadable> {
    let kind = RULING;
    let malformed = Unreadable::Malformed { kind };
    let verdict = VERDICTS.get(usize::from(body.u8().ok_or(malformed)?));
    let verdict = *verdict.ok_or(Unreadable::Unknown { kind })?;
    let by = if body.u8().ok_or(malformed)? == BY_MEASUREMENT { Judge::Measurement } else { Judge::Peer };
    let (base, remote) = (BaseId(body.u32().ok_or(malformed)?), body.address().ok_or(malformed)?);
    let complaint = COMPLAINTS.get(usize::from(body.u8().ok_or(malformed)?));
    let complaint = *complaint.ok_or(Unreadable::Unknown { kind })?;
    let measured = match complaint {
        Some(complaint) => Some(body.measured(complaint).ok_or(malformed)?),
        None => None,
    };
    Ok(ControlMessage::Ruling(PairRuling { base, remote, verdict, by, measured, is_shared: true }))
}

fn write_digest(out: &mut Writer, digest: &Digest) {
    let Digest { at, pairs, media } = digest;
    let pairs = &pairs[..pairs.len().min(MAX_DIGEST_PAIRS)];
    out.stamp(*at).u64(media.packets_sent).u64(media.packets_received).u64(media.packets_lost.cast_unsigned());
    out.stamp(Stamp(media.jitter)).u64(media.concealed_samples).u64(media.played_samples);
    out.u8(pairs.len() as u8);
    for pair in pairs {
        pair_digest::write(out, pair, |out, number| {
            out.u32(number);
        });
    }
}

fn read_digest(body: &mut Reader<'_>) -> Option<Digest> {
    let at = body.stamp()?;
    let media = MediaDigest {
        packets_sent: body.u64()?,
        packets_received: body.u64()?,
        packets_lost: body.u64()?.cast_signed(),
        jitter: body.stamp()?.0,
        concealed_samples: body.u64()?,
        played_samples: body.u64()?,
    };
    let count = usize::from(body.u8()?).min(MAX_DIGEST_PAIRS);
    let pairs = (0..count).map(|_| pair_digest::read(body, Reader::u32)).collect::<Option<_>>()?;
    Some(Digest { at, pairs, media })
}

/// Times are told as microseconds before the end of the span, at most 71 minutes.
fn write_sightings(out: &mut Writer, Sightings { since, until, list }: &Sightings) {
    let list = &list[..list.len().min(MAX_SIGHTINGS)];
    out.stamp(*since).stamp(*until).u8(list.len() as u8);
    for sighting in list {
        let age = u32::try_from(until.since(sighting.at).as_micros()).unwrap_or(u32::MAX);
        out.u32(sighting.key).u8(sighting.tag()).u32(age);
    }
}

fn read_sightings(body: &mut Reader<'_>) -> Option<Sightings> {
    let (since, until) = (body.stamp()?, body.stamp()?);
    let count = usize::from(body.u8()?).min(MAX_SIGHTINGS);
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        let (key, tag, age) = (body.u32()?, body.u8()?, body.u32()?);
        let at = Stamp(until.0.saturating_sub(Duration::from_micros(age.into())));
        // What a later version sights beyond these is passed over.
        let known = Sighting::read_tag(tag).map(|(kind, direction)| Sighting { key, kind, direction, at });
        list.extend(known);
    }
    Some(Sightings { since, until, list })
}

/// The offset and uncertainty that one exchange of four timestamps gives; none if they cannot be true.
#[must_use]
pub fn compare_clocks(
    asked: Stamp,
    received: Stamp,
    answered: Stamp,
    heard: Stamp,
) -> Option<floe_wire::peer::ClockComparison> {
    let us = |stamp: Stamp| i64::try_from(stamp.0.as_micros()).ok();
    let (asked, received, answered, heard) = (us(asked)?, us(received)?, us(answered)?, us(heard)?);
    let round_trip = heard.checked_sub(asked)?.checked_sub(answered.checked_sub(received)?)?;
    let uncertainty = Duration::from_micros(u64::try_from(round_trip).ok()? / 2);
    let (there, back) = (received.checked_sub(asked)?, answered.checked_sub(heard)?);
    // Half of each first: their sum may not fit where both do.
    let offset_us = there / 2 + back / 2 + (there % 2 + back % 2) / 2;
    Some(floe_wire::peer::ClockComparison { offset_us, uncertainty })
}

#[cfg(test)]
mod tests;
