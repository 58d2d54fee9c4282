//! Finds out how a NAT maps and filters one socket (RFC 5780 section 4); bytes and time come in, decisions go out.
//!
//! It needs a server that offers a second address (OTHER-ADDRESS) and has answered the socket once (test I of the RFC).
//! The order matters, because whatever the socket sends opens the filter for its destination:
//!
//! 1. *Filtering.* Nothing was sent to the second address yet. Two requests ask for answers from elsewhere, at the same
//!    time, since neither opens anything for the other: from both another address and port, and from another port.
//! 2. *Mapping.* The second address is asked directly, at the first port and at its own, both at the same time.
//! 3. *Control.* Silence in step 1 may be the server's instead of the filter's. Where one mapping serves all
//!    destinations, step 2 has opened the filter for the second address; the request of step 1 is repeated, and if it
//!    stays unanswered now, the filtering is unknown. With other mappings the answer would have to come in through
//!    another port than the one opened, so there is no such control, and the server is believed (RFC 5780 section 7.4:
//!    whoever offers OTHER-ADDRESS answers from it).
//!
//! Deviation from RFC 5780 section 4.2, which gives each test the 39.5 s of RFC 8489: a person waits. Four
//! transmissions within 15 RTO, the RTO taken from the round trip of test I, decide.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_wire::{
    Dependence, NatFiltering, NatMapping, NatUnknown,
    stun::{self, Change, Class, StunMessage, TransactionId},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// Transmissions of one request.
const TRANSMISSIONS: u32 = 4;
/// Bounds of the retransmission timeout: a LAN's jitter, and the first timeout of RFC 8489.
const RTO: std::ops::RangeInclusive<Duration> = Duration::from_millis(80)..=Duration::from_millis(500);

/// How the NAT in front of one socket behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatVerdict {
    /// When the socket keeps its mapped address.
    pub mapping: NatMapping,
    /// Who may send to it.
    pub filtering: NatFiltering,
}

impl NatVerdict {
    /// Nothing was found out, for this reason.
    #[must_use]
    pub const fn unknown(why: NatUnknown) -> Self {
        Self { mapping: NatMapping::Unknown(why), filtering: NatFiltering::Unknown(why) }
    }

    /// The order from friendly to strict; what is not known comes last.
    #[must_use]
    pub fn rank(&self) -> (u8, u8) {
        let mapping = match self.mapping {
            NatMapping::Untranslated => 0,
            NatMapping::Known(dependence) => 1 + dependence as u8,
            NatMapping::EndpointDependent => 4,
            NatMapping::Unknown(_) => 5,
        };
        (mapping, self.filtering.known().map_or(3, |dependence| dependence as u8))
    }
}

/// What the server's first answer to the socket said, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstAnswer {
    /// The address that was asked.
    pub server: SocketAddr,
    /// The address the server saw.
    pub mapped: SocketAddr,
    /// Its OTHER-ADDRESS.
    pub other: SocketAddr,
    /// The round trip.
    pub rtt: Duration,
}

impl FirstAnswer {
    /// Where an answer to a request to `to` leaves from, if the server follows the wish.
    fn origin(&self, to: SocketAddr, change: Change) -> SocketAddr {
        SocketAddr::new(
            if change.address { self.other.ip() } else { to.ip() },
            if change.port { self.other.port() } else { to.port() },
        )
    }

    /// Whether a test can be made of it: RFC 5780 section 7.4 wants both parts of the second address to differ.
    #[must_use]
    pub fn is_testable(&self) -> bool {
        let Self { server, other, .. } = self;
        let differs = other.ip() != server.ip() && other.port() != server.port() && other.port() != 0;
        differs && other.is_ipv4() == server.is_ipv4() && !other.ip().is_unspecified() && !other.ip().is_multicast()
    }
}

/// The test of one socket.
#[derive(Debug)]
pub struct NatTest {
    random: StdRng,
    local: SocketAddr,
    first: FirstAnswer,
    rto: Duration,
    step: Step,
    questions: Vec<Question>,
    /// Requests of earlier steps, whose late answers are ours as well.
    past: Vec<TransactionId>,
    sends: VecDeque<(SocketAddr, Vec<u8>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Filtering,
    Mapping { filtering: NatFiltering },
    Control { mapping: NatMapping, filtering: NatFiltering },
    Done(NatVerdict),
}

/// One request with its retransmissions.
#[derive(Debug)]
struct Question {
    transaction: TransactionId,
    to: SocketAddr,
    change: Change,
    /// Where the answer must come from.
    origin: SocketAddr,
    transmissions: u32,
    next: Instant,
    reply: Reply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Awaited,
    Mapped(SocketAddr),
    /// An answer, from another address than was wished for.
    FromElsewhere,
    Refused,
    Missing,
}

impl NatTest {
    /// Begins a test for the socket bound to `local`; `None` when the server's second address is of no use for it.
    #[must_use]
    pub fn new(seed: u64, local: SocketAddr, first: FirstAnswer, now: Instant) -> Option<Self> {
        if !first.is_testable() {
            return None;
        }
        let rto = (first.rtt * 2 + *RTO.start() / 2).clamp(*RTO.start(), *RTO.end());
        let random = StdRng::seed_from_u64(seed);
        let (questions, past, sends) = (Vec::new(), Vec::new(), VecDeque::new());
        let mut test = Self { random, local, first, rto, step: Step::Filtering, questions, past, sends };
        test.ask(&[(first.server, Change::BOTH), (first.server, Change::PORT)], now);
        Some(test)
    }

    /// What to send next from the socket, and where to.
    pub fn poll_send(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.sends.pop_front()
    }

    /// What was found out, once the test is over.
    #[must_use]
    pub const fn verdict(&self) -> Option<NatVerdict> {
        match self.step {
            Step::Done(verdict) => Some(verdict),
            Step::Filtering | Step::Mapping { .. } | Step::Control { .. } => None,
        }
    }

    /// What is certain about filtering so far. What follows from silence is so only once the test is over.
    #[must_use]
    pub fn filtering(&self) -> Option<NatFiltering> {
        match self.step {
            Step::Filtering => None,
            Step::Mapping { filtering } | Step::Control { filtering, .. } => {
                Some(filtering).filter(|filtering| !is_from_silence(*filtering))
            }
            Step::Done(verdict) => Some(verdict.filtering),
        }
    }

    /// Whether the filter is still being tested, which open ones answer within a round trip.
    #[must_use]
    pub const fn is_filtering(&self) -> bool {
        matches!(self.step, Step::Filtering)
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.questions.iter().filter(|question| question.reply == Reply::Awaited).map(|question| question.next).min()
    }

    /// Takes a STUN message; `true` when it answers one of the requests.
    ///
    /// A server that does not know CHANGE-REQUEST and ignores it answers from where it was asked, which says nothing
    /// about the filter.
    pub fn handle(&mut self, from: SocketAddr, message: &StunMessage, now: Instant) -> bool {
        if message.method != stun::METHOD_BINDING || matches!(message.class, Class::Request | Class::Indication) {
            return false;
        }
        let known = self.questions.iter_mut().find(|question| question.transaction == message.transaction);
        let Some(question) = known else { return self.past.contains(&message.transaction) };
        if question.reply == Reply::Awaited {
            question.reply = match (message.class, message.mapped) {
                (Class::Success, Some(_)) if from != question.origin => Reply::FromElsewhere,
                (Class::Success, Some(mapped)) => Reply::Mapped(mapped),
                _ => Reply::Refused,
            };
            self.advance(now);
        }
        true
    }

    /// Repeats what is due and gives up what was repeated often enough.
    pub fn handle_timeout(&mut self, now: Instant) {
        for question in &mut self.questions {
            question.repeat(self.rto, now, &mut self.sends);
        }
        self.advance(now);
    }

    fn ask(&mut self, wishes: &[(SocketAddr, Change)], now: Instant) {
        self.past.extend(self.questions.drain(..).map(|question| question.transaction));
        for (to, change) in wishes {
            let transaction = TransactionId(self.random.random());
            let (reply, origin) = (Reply::Awaited, self.first.origin(*to, *change));
            let mut question =
                Question { transaction, to: *to, change: *change, origin, transmissions: 0, next: now, reply };
            question.repeat(self.rto, now, &mut self.sends);
            self.questions.push(question);
        }
    }

    fn advance(&mut self, now: Instant) {
        match self.step {
            Step::Filtering => self.end_filtering(now),
            Step::Mapping { filtering } => self.end_mapping(filtering, now),
            Step::Control { mapping, filtering } => self.end_control(mapping, filtering),
            Step::Done(_) => {}
        }
    }

    fn end_filtering(&mut self, now: Instant) {
        let filtering = match (self.reply(0), self.reply(1)) {
            (Reply::Mapped(_), _) => NatFiltering::Known(Dependence::EndpointIndependent),
            (Reply::Awaited, _) | (_, Reply::Awaited) => return,
            (Reply::Refused, _) | (_, Reply::Refused) => NatFiltering::Unknown(NatUnknown::ChangeRefused),
            (Reply::FromElsewhere, _) | (_, Reply::FromElsewhere) => NatFiltering::Unknown(NatUnknown::ChangeIgnored),
            (Reply::Missing, Reply::Mapped(_)) => NatFiltering::Known(Dependence::AddressDependent),
            (Reply::Missing, Reply::Missing) => NatFiltering::Known(Dependence::AddressAndPortDependent),
        };
        self.step = Step::Mapping { filtering };
        let FirstAnswer { server, other, .. } = self.first;
        let beside = SocketAddr::new(other.ip(), server.port());
        self.ask(&[(beside, Change::default()), (other, Change::default())], now);
    }

    fn end_mapping(&mut self, filtering: NatFiltering, now: Instant) {
        let (beside, other) = (self.reply(0), self.reply(1));
        let mapping = match (beside, other) {
            (Reply::Awaited, _) | (_, Reply::Awaited) => return,
            (Reply::Mapped(beside), Reply::Mapped(other)) => self.judge_mapping(beside, other),
            (Reply::Mapped(seen), _) | (_, Reply::Mapped(seen)) => self.judge_half_mapping(seen),
            (Reply::FromElsewhere | Reply::Refused | Reply::Missing, _) => {
                NatMapping::Unknown(NatUnknown::SecondAddressSilent)
            }
        };
        let is_heard = matches!(other, Reply::Mapped(_));
        if !is_from_silence(filtering) {
            self.step = Step::Done(NatVerdict { mapping, filtering });
        } else if !is_heard {
            let filtering = NatFiltering::Unknown(NatUnknown::SecondAddressSilent);
            self.step = Step::Done(NatVerdict { mapping, filtering });
        } else if mapping.is_stable() == Some(true) {
            self.step = Step::Control { mapping, filtering };
            self.ask(&[(self.first.server, Change::BOTH)], now);
        } else {
            self.step = Step::Done(NatVerdict { mapping, filtering });
        }
    }

    /// RFC 5780 section 4.3: `beside` was seen at the other address and the first port, `other` at the other port too.
    fn judge_mapping(&self, beside: SocketAddr, other: SocketAddr) -> NatMapping {
        let FirstAnswer { mapped, .. } = self.first;
        if [mapped, beside, other].iter().all(|seen| *seen == self.local) {
            return NatMapping::Untranslated;
        }
        NatMapping::Known(match (beside == mapped, other == beside) {
            (true, true) => Dependence::EndpointIndependent,
            (false, true) => Dependence::AddressDependent,
            (_, false) => Dependence::AddressAndPortDependent,
        })
    }

    /// One of the two ports of the second address is silent: what its other port saw compares as a second server does.
    fn judge_half_mapping(&self, seen: SocketAddr) -> NatMapping {
        let FirstAnswer { server, mapped, other, .. } = self.first;
        NatMapping::compare(self.local, &[(server, mapped), (other, seen)])
    }

    fn end_control(&mut self, mapping: NatMapping, filtering: NatFiltering) {
        let filtering = match self.reply(0) {
            Reply::Awaited => return,
            Reply::Mapped(_) => filtering,
            Reply::FromElsewhere | Reply::Refused | Reply::Missing => NatFiltering::Unknown(NatUnknown::ChangeIgnored),
        };
        self.step = Step::Done(NatVerdict { mapping, filtering });
    }

    fn reply(&self, position: usize) -> Reply {
        self.questions.get(position).map_or(Reply::Missing, |question| question.reply)
    }
}

fn is_from_silence(filtering: NatFiltering) -> bool {
    filtering.known().is_some_and(|known| known != Dependence::EndpointIndependent)
}

impl Question {
    fn repeat(&mut self, rto: Duration, now: Instant, sends: &mut VecDeque<(SocketAddr, Vec<u8>)>) {
        if self.reply != Reply::Awaited || now < self.next {
            return;
        }
        if self.transmissions == TRANSMISSIONS {
            self.reply = Reply::Missing;
            return;
        }
        self.next = now + rto * 2_u32.pow(self.transmissions);
        self.transmissions += 1;
        let bytes = if self.change == Change::default() {
            stun::binding_request(self.transaction)
        } else {
            stun::binding_request_with_change(self.transaction, self.change)
        };
        sends.push_back((self.to, bytes));
    }
}

#[cfg(test)]
mod tests;
