//! Mapped addresses between making a code and using it: kept alive, watched for changes, and judged.
//!
//! A code tells where servers saw us. Routers forget what nothing crosses, so servers are asked again until a path
//! works; what they answer shows whether the code is still good. A mapping that moved although it was refreshed belongs
//! to a router with little patience: the interval halves, and a new code is offered.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_transport::{NatSend, NatTests, NatVerdict, Tap};
use floe_wire::{BaseId, NatSummary, NatUnknown, Note, stun::StunMessage};

/// The interval halves at most so often: three seconds instead of 25.
const MOST_HALVINGS: u32 = 3;

/// The mapped addresses of all bases.
pub(crate) struct Mappings {
    tap: Tap,
    nat: NatTests,
    judged: Vec<(BaseId, NatVerdict)>,
    summary: Option<NatSummary>,
    seen: Vec<Seen>,
    interval: Duration,
    shortest: Duration,
    next_refresh: Option<Instant>,
    /// What the round of refreshing that is under way has shown.
    round: Round,
    has_moved: bool,
}

/// Where one server sees one base.
struct Seen {
    base: BaseId,
    asked: SocketAddr,
    mapped: SocketAddr,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Addresses are being found for the first time.
    First,
    /// Servers were asked again, and none has answered yet.
    Asked,
    /// One has, and sees us where it did.
    Confirmed,
    /// One sees us elsewhere.
    Moved,
}

/// What a server's answer says.
#[derive(Clone, Copy)]
pub(crate) struct MappedAnswer {
    pub base: BaseId,
    pub local: SocketAddr,
    pub asked: SocketAddr,
    pub mapped: SocketAddr,
    pub other: Option<SocketAddr>,
    pub rtt: Duration,
}

impl Mappings {
    /// Refreshes every `interval`, or more often where that turns out to be needed.
    pub fn new(tap: &Tap, interval: Duration, now: Instant) -> Self {
        Self {
            tap: tap.clone(),
            nat: NatTests::new(rand::random()),
            judged: Vec::new(),
            summary: None,
            seen: Vec::new(),
            interval,
            shortest: interval / 2_u32.pow(MOST_HALVINGS),
            next_refresh: Some(now + interval),
            round: Round::First,
            has_moved: false,
        }
    }

    /// Takes notice that a server is asked from a base.
    pub fn on_asked(&mut self, base: BaseId, local: SocketAddr, server: SocketAddr) {
        self.nat.on_asked(base, local, server);
    }

    /// Takes a server's answer; gives the mapped address of the base that no server sees any more, if it left one.
    pub fn on_mapped(&mut self, answer: &MappedAnswer, now: Instant) -> Option<SocketAddr> {
        let MappedAnswer { base, local, asked, mapped, other, rtt } = *answer;
        self.nat.on_mapped(base, local, (asked, mapped, other), rtt, now);
        let known = self.seen.iter_mut().find(|seen| (seen.base, seen.asked) == (base, asked));
        let Some(known) = known else {
            self.seen.push(Seen { base, asked, mapped });
            return None;
        };
        if known.mapped == mapped {
            self.confirm();
            return None;
        }
        let before = std::mem::replace(&mut known.mapped, mapped);
        self.move_on(now);
        let is_gone = self.seen.iter().all(|seen| seen.base != base || seen.mapped != before);
        is_gone.then_some(before)
    }

    fn confirm(&mut self) {
        if self.round == Round::Asked {
            self.round = Round::Confirmed;
            self.tap.note(Note::CodeConfirmed);
        }
    }

    /// Refreshes sooner from here on, once for each round in which something moved.
    fn move_on(&mut self, now: Instant) {
        self.has_moved = true;
        if matches!(self.round, Round::Asked | Round::Confirmed) {
            self.interval = (self.interval / 2).max(self.shortest);
            let sooner = now + self.interval;
            self.next_refresh = self.next_refresh.map(|at| at.min(sooner));
        }
        self.round = Round::Moved;
    }

    /// Whether an address that our code tells has moved since this was asked last.
    pub fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.has_moved)
    }

    /// Lets mappings go: checks of this call keep the ones in use from here on.
    pub fn stop_refreshing(&mut self) {
        self.next_refresh = None;
    }

    /// Takes a STUN message; `true` when it answers a request of a NAT test.
    pub fn on_stun(&mut self, base: BaseId, from: SocketAddr, message: &StunMessage, now: Instant) -> bool {
        self.nat.handle(base, from, message, now)
    }

    /// What to send next.
    pub fn poll_send(&mut self) -> Option<NatSend> {
        self.nat.poll_send()
    }

    /// When it wants to be woken.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.nat.poll_timeout(), self.next_refresh].into_iter().flatten().min()
    }

    /// Lets time pass; `true` when every server is to be asked again.
    pub fn on_timeout(&mut self, now: Instant) -> bool {
        self.nat.handle_timeout(now);
        let is_due = self.next_refresh.is_some_and(|at| at <= now);
        if is_due {
            self.next_refresh = Some(now + self.interval);
            self.round = Round::Asked;
        }
        is_due
    }

    /// Until when a NAT test may give its quick answer, which a code is worth waiting for.
    pub fn settles(&self) -> Option<Instant> {
        self.nat.settles()
    }

    /// Whether a NAT test may still give its quick answer.
    pub fn is_settling(&self, now: Instant) -> bool {
        self.settles().is_some_and(|at| at > now)
    }

    /// What the code says of our NAT; none where nothing is known.
    pub fn summary(&self) -> Option<NatSummary> {
        Some(self.nat.summary()).filter(|summary| *summary != NatSummary::UNKNOWN)
    }

    /// Notes what has become known since the last time.
    pub fn note_verdicts(&mut self, bases: impl Iterator<Item = BaseId>) {
        for base in bases {
            let verdict = self.nat.verdict(base);
            let is_pending = [verdict.mapping.unknown(), verdict.filtering.unknown()]
                .iter()
                .any(|why| matches!(why, Some(NatUnknown::NotYet | NatUnknown::NotAsked)));
            let position = self.judged.iter().position(|(known, _)| *known == base);
            if is_pending || position.is_some_and(|position| self.judged[position].1 == verdict) {
                continue;
            }
            match position {
                Some(position) => self.judged[position].1 = verdict,
                None => self.judged.push((base, verdict)),
            }
            let NatVerdict { mapping, filtering } = verdict;
            self.tap.note(Note::NatJudged { base, mapping, filtering });
        }
        let summary = self.summary();
        if let Some(summary) = summary.filter(|_| summary != self.summary) {
            self.summary = Some(summary);
            self.tap.note(Note::OwnNat { summary });
        }
    }
}
