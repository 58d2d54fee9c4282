//! The ladder: every STUN and TURN message of a record, tied into exchanges and ordered into lanes.
//!
//! A *message* is one row. An *exchange* is a request with its retransmissions and its answer. A *lane* is what a person
//! filters by: a pair, or a base and a server. Rows are reached by number without a walk, in the whole ladder as in a
//! lane; copies share their rows ([`Log`]).

mod both;
mod build;

use std::{collections::BTreeMap, net::SocketAddr, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use floe_wire::{
    BaseId, Direction, IceRole, SightedKind, Stamp,
    describe::{Description, Integrity, describe},
    stun::{Account, IntegrityVerdict, Secret},
};

pub use self::both::{BothRow, BothRows, RowId, THEIRS_KEPT, TheirMessage};
pub(crate) use self::build::{Asked, Facts};
use crate::{Log, picture::PairId};

/// Messages kept; older ones are forgotten. With their bytes some 40 MB.
pub const MESSAGES_KEPT: usize = 100_000;

/// A request without an answer is shown as lost after this time. Longer than any round trip people can talk over;
/// an answer that comes later still counts.
pub const LOST_AFTER: Duration = Duration::from_secs(2);

/// Every STUN and TURN message, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ladder {
    messages: Log<Message>,
    exchanges: Log<Exchange>,
    lanes: Arc<BTreeMap<Lane, Log<u64>>>,
    theirs: Arc<Vec<TheirMessage>>,
    malformed: u64,
}

/// What messages are filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Checks, keepalives and consent of a pair.
    Pair(PairId),
    /// Between a base and a STUN or TURN server.
    Server {
        /// Our base.
        base: BaseId,
        /// The server.
        remote: SocketAddr,
    },
    /// What belongs to neither: strangers, unknown user fragments, damage.
    Other,
}

/// One message on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// When.
    pub at: Stamp,
    /// Number of its record, counted from zero.
    pub record: u64,
    /// Which way it went.
    pub direction: Direction,
    /// Our base; the relay's for what went through one.
    pub base: BaseId,
    /// The other end.
    pub remote: SocketAddr,
    /// What it is filtered by.
    pub lane: Lane,
    /// Number of its exchange; none for indications and what nobody asked for.
    pub exchange: Option<u64>,
    /// Its part in the exchange.
    pub kind: MessageKind,
    /// `Binding`, `Allocate`, ….
    pub method: &'static str,
    /// Whether it carries USE-CANDIDATE.
    pub use_candidate: bool,
    /// NOMINATION's number.
    pub nomination: Option<u32>,
    /// The role that its sender claims.
    pub role: Option<IceRole>,
    /// The round trip, on the answer that ended it; none after a retransmission, which leaves it ambiguous.
    pub rtt: Option<Duration>,
    /// When the peer received or sent it, by the peer's clock; none if the peer did not tell, or did not see it.
    pub there: Option<Stamp>,
    /// What the session that recorded it found of MESSAGE-INTEGRITY.
    pub integrity: IntegrityVerdict,
    /// Its bytes, as far as the record has them.
    pub bytes: Bytes,
}

/// The part of a message in its exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Asks for the first time.
    Request,
    /// Asks again with the same transaction.
    Retransmission,
    /// Answers well.
    Success,
    /// Answers with an error code.
    Error {
        /// RFC 8489 section 14.8; zero when the attribute is missing.
        code: u16,
    },
    /// Expects no answer.
    Indication,
    /// Looks like STUN and does not parse.
    Malformed,
}

impl MessageKind {
    /// What the peer calls it when it tells that it saw it; none for what is not told.
    pub(crate) const fn sighted(self) -> Option<SightedKind> {
        match self {
            Self::Request | Self::Retransmission => Some(SightedKind::Request),
            Self::Success | Self::Error { .. } => Some(SightedKind::Answer),
            Self::Indication | Self::Malformed => None,
        }
    }

    /// The word people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Retransmission => "retransmission",
            Self::Success => "response",
            Self::Error { .. } => "error",
            Self::Indication => "indication",
            Self::Malformed => "malformed",
        }
    }
}

/// A request with its retransmissions and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Number of the request's message.
    pub request: u64,
    /// Whether we asked.
    pub outbound: bool,
    /// When it was first sent.
    pub first_sent: Stamp,
    /// When it was last sent.
    pub last_sent: Stamp,
    /// How often it was sent; 1 without retransmissions.
    pub transmissions: u32,
    /// Number of the answer's message.
    pub answer: Option<u64>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a request, as far as the record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No answer was seen.
    Unanswered,
    /// It was answered well.
    Answered {
        /// The round trip; none after a retransmission, which leaves it ambiguous (Karn).
        rtt: Option<Duration>,
    },
    /// It was answered with an error.
    Refused {
        /// RFC 8489 section 14.8.
        code: u16,
    },
    /// The only answer came from another address than asked, and does not count (RFC 8445 section 7.2.5.2.1).
    FromElsewhere,
}

/// How an exchange looks at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Too early to say.
    Waiting,
    /// Nothing came back for [`LOST_AFTER`].
    Lost,
    /// Something came back.
    Ended(Outcome),
}

impl Exchange {
    /// How it looks at `now`.
    #[must_use]
    pub fn fate(&self, now: Stamp) -> Fate {
        match self.outcome {
            Outcome::Unanswered if now.since(self.last_sent) >= LOST_AFTER => Fate::Lost,
            Outcome::Unanswered => Fate::Waiting,
            outcome => Fate::Ended(outcome),
        }
    }
}

/// The rows of one lane, or of the whole ladder; rows are counted from zero.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    ladder: &'a Ladder,
    lane: Option<&'a Log<u64>>,
    /// Positions within the lane's list, or message numbers.
    span: (u64, u64),
}

impl<'a> Rows<'a> {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.span.1 - self.span.0).unwrap_or(usize::MAX)
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.span.0 == self.span.1
    }

    /// A row: the message's number, which stays the same in every filter and copy, and the message.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<(u64, &'a Message)> {
        let position = self.span.0.checked_add(row as u64).filter(|position| *position < self.span.1)?;
        let number = self.lane.map_or(Some(position), |lane| lane.get(position).copied())?;
        Some((number, self.ladder.messages.get(number)?))
    }

    /// The first row at or after a moment; the number of rows when all are earlier.
    #[must_use]
    pub fn first_at(&self, at: Stamp) -> usize {
        let is_before = |message: &Message| message.at < at;
        let position = match self.lane {
            None => self.ladder.messages.partition_point(is_before),
            Some(lane) => lane.partition_point(|number| self.ladder.messages.get(*number).is_none_or(is_before)),
        };
        usize::try_from(position.clamp(self.span.0, self.span.1) - self.span.0).unwrap_or(usize::MAX)
    }

    /// The row of a message.
    #[must_use]
    pub fn row_of(&self, number: u64) -> Option<usize> {
        let position = match self.lane {
            None => number,
            Some(lane) => lane.partition_point(|known| *known < number),
        };
        let row = usize::try_from(position.checked_sub(self.span.0)?).ok()?;
        self.get(row).filter(|(found, _)| *found == number).map(|_| row)
    }

    /// All rows, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &'a Message)> {
        let rows = *self;
        (0..self.len()).filter_map(move |row| rows.get(row))
    }
}

impl Ladder {
    /// The rows of a lane, or of the whole ladder.
    #[must_use]
    pub fn rows(&self, lane: Option<&Lane>) -> Rows<'_> {
        let Range { start, end } = self.messages.numbers();
        let Some(lane) = lane else { return Rows { ladder: self, lane: None, span: (start, end) } };
        let Some(numbers) = self.lanes.get(lane) else { return Rows { ladder: self, lane: None, span: (end, end) } };
        let from = numbers.partition_point(|number| *number < start);
        Rows { ladder: self, lane: Some(numbers), span: (from, numbers.numbers().end) }
    }

    /// The lanes that have messages, pairs first, with how many.
    pub fn lanes(&self) -> impl Iterator<Item = (Lane, usize)> + '_ {
        self.lanes.keys().map(|lane| (*lane, self.rows(Some(lane)).len())).filter(|(_, rows)| *rows > 0)
    }

    /// A message by its number.
    #[must_use]
    pub fn message(&self, number: u64) -> Option<&Message> {
        self.messages.get(number)
    }

    /// A message, to say what else is known of it.
    pub(crate) fn message_mut(&mut self, number: u64) -> Option<&mut Message> {
        self.messages.get_mut(number)
    }

    /// A message decoded attribute by attribute.
    ///
    /// What MESSAGE-INTEGRITY says was found while it passed, or is found with `password`: that of the side that answers,
    /// or of the account with a TURN server. Otherwise it is unknown, because records hold no passwords.
    #[must_use]
    pub fn describe(&self, number: u64, password: Option<&str>) -> Option<Description> {
        let message = self.message(number)?;
        let account = self.account_of(message);
        let secret = password.map(|password| match &account {
            Some(Account { user, realm }) => Secret::LongTerm { user, realm, password },
            None => Secret::ShortTerm(password),
        });
        let mut words = describe(&message.bytes, secret);
        words.integrity = match (words.integrity, message.integrity) {
            (Integrity::Absent, _) => Integrity::Absent,
            (_, IntegrityVerdict::Valid) => Integrity::Valid,
            (_, IntegrityVerdict::Wrong) => Integrity::Wrong,
            (found, IntegrityVerdict::Unchecked) => found,
        };
        Some(words)
    }

    /// The account that the request of a message's exchange names: answers do not repeat it.
    fn account_of(&self, message: &Message) -> Option<Account> {
        let request = message.exchange.and_then(|exchange| self.message(self.exchange(exchange)?.request));
        Account::of(&request.unwrap_or(message).bytes)
    }

    /// An exchange by its number ([`Message::exchange`]).
    #[must_use]
    pub fn exchange(&self, number: u64) -> Option<&Exchange> {
        self.exchanges.get(number)
    }

    /// All exchanges kept, oldest first.
    pub fn exchanges(&self) -> impl DoubleEndedIterator<Item = &Exchange> + Clone {
        self.exchanges.iter()
    }

    /// How many messages were kept and forgotten since.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.messages.numbers().start
    }
}
