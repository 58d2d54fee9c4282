//! Talking to the peer beside the media: what this side says over the control channel, and what it makes of the answers.

mod clocks;

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_signal::control::{CONTROL_VERSION, ControlMessage, Features};
use floe_transport::{Clock, Tap};
use floe_wire::{
    Candidate, Generation, Note, Protocol, Sightings,
    note::DropKind,
    peer::{ClockComparison, Digest, MediaDigest, MoveReason, RestartCause},
    verdict::PairRuling,
};

use self::clocks::Clocks;

/// How often each side tells what its record says.
const DIGEST_INTERVAL: Duration = Duration::from_secs(1);
/// Messages that may wait for the channel.
const OUTBOX: usize = 64;
/// Unsent bytes at which digests and questions wait for better times: what they say would be stale on arrival.
const CONGESTED: usize = 4096;
/// Candidates that a peer may add to those of its code.
const MOST_LATE_CANDIDATES: usize = 64;
/// Candidates that are remembered as told; telling one again does no harm.
const MOST_TOLD: usize = 512;
/// A clock that both share is noted once in so many rounds: what is known of clocks ages.
const SHARED_CLOCK_NOTED: u32 = 10;
/// What this version can do.
const OWN_FEATURES: Features =
    Features::RESTART.union(Features::DIGEST).union(Features::SIGHTINGS).union(Features::RULING);

/// What the peer wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// Try this candidate as well.
    AddCandidate { generation: Generation, candidate: Candidate },
    /// Begin this generation.
    Restart { generation: Generation, cause: RestartCause },
    /// Take this decision about a pair for one's own.
    Rule(PairRuling),
    /// The peer hangs up.
    Goodbye,
}

/// What there is to tell of our record.
pub(crate) trait Recorded {
    /// What it says in numbers.
    fn digest(&mut self) -> Digest;
    /// Messages that were not told yet.
    fn sightings(&mut self) -> Sightings;
}

/// What a candidate is known by.
type CandidateKey = (SocketAddr, Protocol);

/// One side of the conversation.
pub(crate) struct Control {
    tap: Tap,
    clock: Clock,
    is_open: bool,
    features: Features,
    clocks: Clocks,
    next_round: Option<Instant>,
    outbox: VecDeque<ControlMessage>,
    /// Candidates the peer has, from the code or from here.
    told: BTreeSet<CandidateKey>,
    is_muted: bool,
    late_candidates: usize,
    peer_media: Option<MediaDigest>,
    /// Rounds since the clocks were last noted as one, if they are one.
    shared_clock: Option<u32>,
}

impl Control {
    /// With `is_shared` the peer's record has this very clock.
    pub fn new(tap: &Tap, clock: Clock, is_shared: bool) -> Self {
        Self {
            tap: tap.clone(),
            clock,
            is_open: false,
            features: Features::default(),
            clocks: Clocks::default(),
            next_round: None,
            outbox: VecDeque::new(),
            told: BTreeSet::new(),
            is_muted: false,
            late_candidates: 0,
            peer_media: None,
            shared_clock: is_shared.then_some(0),
        }
    }

    /// The channel is open.
    pub fn on_opened(&mut self, now: Instant) {
        self.is_open = true;
        self.next_round = Some(now);
        self.tap.note(Note::ControlOpened);
        self.outbox.push_front(ControlMessage::Hello { version: CONTROL_VERSION, features: OWN_FEATURES });
        if self.is_muted {
            self.say(ControlMessage::Muted(true));
        }
    }

    /// The channel is over, or the peer has none.
    pub fn on_closed(&mut self, reason: String) {
        self.is_open = false;
        self.next_round = None;
        self.outbox.clear();
        self.tap.note(Note::ControlClosed { reason });
    }

    /// Takes a message that arrived at `at`.
    pub fn on_message(&mut self, bytes: &[u8], at: Instant) -> Option<Request> {
        let message = match ControlMessage::decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%error, "passed over");
                self.tap.note(Note::Dropped { what: DropKind::ControlMessages, count: 1 });
                return None;
            }
        };
        match message {
            ControlMessage::Hello { features, .. } => self.features = features,
            ControlMessage::Candidate { generation, candidate } => return self.on_candidate(generation, candidate),
            ControlMessage::Restart { generation, cause } => return Some(Request::Restart { generation, cause }),
            ControlMessage::PairChosen { generation, remote, reason } => {
                self.tap.note(Note::PeerPairSelected { generation, address: remote });
                if let Some(reason) = reason {
                    self.tap.note(Note::PeerMoved { generation, reason });
                }
            }
            ControlMessage::Muted(muted) => self.tap.note(Note::PeerMuted { muted }),
            ControlMessage::ClockAsk { asked } => {
                let received = self.clock.stamp_of(at);
                self.say(ControlMessage::ClockAnswer { asked, received, answered: self.clock.stamp() });
            }
            ControlMessage::ClockAnswer { asked, received, answered } => {
                let heard = self.clock.stamp_of(at);
                if let Some(comparison) = self.clocks.on_answer(asked, received, answered, heard) {
                    self.tap.note(Note::ClocksCompared(comparison));
                }
            }
            ControlMessage::Digest(digest) => {
                self.peer_media = Some(digest.media);
                self.tap.note(Note::PeerDigest(digest));
            }
            ControlMessage::Ruling(ruling) => return Some(Request::Rule(ruling)),
            ControlMessage::Sightings(told) => self.tap.note(Note::PeerSightings(told)),
            ControlMessage::Goodbye => return Some(Request::Goodbye),
        }
        None
    }

    fn on_candidate(&mut self, generation: Generation, candidate: Candidate) -> Option<Request> {
        self.late_candidates += 1;
        if self.late_candidates > MOST_LATE_CANDIDATES {
            self.tap.note(Note::Dropped { what: DropKind::Candidates, count: 1 });
            return None;
        }
        Some(Request::AddCandidate { generation, candidate })
    }

    /// Whether the peer said that it can do this; it still can when the channel is over.
    pub fn peer_can(&self, feature: Features) -> bool {
        self.features.contains(feature)
    }

    /// A generation has candidates of its own; a peer may trickle some for each.
    pub fn on_generation(&mut self) {
        self.late_candidates = 0;
    }

    /// Tells that a generation begins here.
    pub fn tell_restart(&mut self, generation: Generation, cause: RestartCause) {
        self.say(ControlMessage::Restart { generation, cause });
    }

    /// The peer has these already.
    pub fn note_told(&mut self, candidates: &[Candidate]) {
        self.told.extend(candidates.iter().map(key));
    }

    /// Tells candidates that the peer does not have yet.
    pub fn tell_candidates(&mut self, generation: Generation, candidates: &[Candidate]) {
        for candidate in candidates {
            if self.told.len() >= MOST_TOLD {
                self.told.clear();
            }
            if self.is_open && self.told.insert(key(candidate)) {
                self.say(ControlMessage::Candidate { generation, candidate: candidate.clone() });
            }
        }
    }

    /// Tells where media goes from here on, and why if this side decided it.
    pub fn tell_pair(&mut self, generation: Generation, remote: SocketAddr, reason: Option<MoveReason>) {
        self.say(ControlMessage::PairChosen { generation, remote, reason });
    }

    /// Tells what was decided about a pair, named as the peer knows it; false if nothing can be told.
    pub fn tell_ruling(&mut self, ruling: PairRuling) -> bool {
        let is_told = self.is_open && self.outbox.len() < OUTBOX;
        self.say(ControlMessage::Ruling(ruling));
        is_told
    }

    /// What the peer heard of our audio, as it last told.
    pub fn peer_media(&self) -> Option<MediaDigest> {
        self.peer_media.filter(|_| self.is_open)
    }

    /// Tells whether anything but silence is sent.
    pub fn set_muted(&mut self, muted: bool) {
        self.is_muted = muted;
        self.say(ControlMessage::Muted(muted));
    }

    /// Tells that this side hangs up.
    pub fn say_goodbye(&mut self) {
        self.say(ControlMessage::Goodbye);
    }

    fn say(&mut self, message: ControlMessage) {
        if self.is_open && self.outbox.len() < OUTBOX {
            self.outbox.push_back(message);
        }
    }

    /// When [`Control::on_time`] has something to say.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_round
    }

    /// Says what is due: what the record says, and a question about the time, once a second.
    pub fn on_time(&mut self, now: Instant, buffered: usize, record: &mut impl Recorded) {
        if self.next_round.is_none_or(|at| at > now) {
            return;
        }
        self.next_round = Some(now + DIGEST_INTERVAL);
        if buffered > CONGESTED || !self.features.contains(Features::DIGEST) {
            return;
        }
        self.say(ControlMessage::Digest(record.digest()));
        if self.features.contains(Features::SIGHTINGS) {
            self.say(ControlMessage::Sightings(record.sightings()));
        }
        match &mut self.shared_clock {
            Some(rounds) => {
                if rounds.is_multiple_of(SHARED_CLOCK_NOTED) {
                    self.tap.note(Note::ClocksCompared(ClockComparison { offset_us: 0, uncertainty: Duration::ZERO }));
                }
                *rounds = rounds.wrapping_add(1);
            }
            None if self.clocks.is_question_due() => {
                self.say(ControlMessage::ClockAsk { asked: self.clock.stamp() });
            }
            None => {}
        }
    }

    /// The next message to send.
    pub fn poll_message(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front().map(|message| message.encode())
    }
}

fn key(candidate: &Candidate) -> CandidateKey {
    (candidate.address, candidate.protocol)
}

#[cfg(test)]
mod tests;
