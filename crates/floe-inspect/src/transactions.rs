//! Outstanding STUN transactions: which request an answer belongs to, and whether a request is a retransmission.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use floe_wire::{
    BaseId, Stamp,
    stun::{StunMessage, TransactionId},
};

use crate::picture::PairId;

/// A transaction is over after 39.5 s (RFC 8489 section 6.2.1 with the usual values); a late answer may follow.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Transactions kept at once; at one check per 5 ms a minute has 12,000 of each direction.
const TRANSACTIONS_KEPT: usize = 24_000;

/// Identifies a transaction: both sides choose ids, so the direction belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TransactionKey {
    /// Whether we asked.
    pub outbound: bool,
    /// The id.
    pub id: TransactionId,
}

/// A request seen on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Transaction {
    /// When it was first seen.
    pub asked_at: Stamp,
    /// Our base.
    pub base: BaseId,
    /// Who was asked, or who asked.
    pub remote: SocketAddr,
    /// The pair it checks; none for requests to STUN servers.
    pub pair: Option<PairId>,
    /// Whether it carries USE-CANDIDATE.
    pub use_candidate: bool,
    /// Its PRIORITY.
    pub priority: Option<u32>,
    /// Whether it carries NOMINATION.
    pub is_numbered: bool,
    /// Whether it carries MESSAGE-INTEGRITY.
    pub has_integrity: bool,
    /// Whether it asks a server to answer from elsewhere (CHANGE-REQUEST, RFC 5780).
    pub wants_elsewhere: bool,
    /// Number of its exchange in the ladder.
    pub exchange: Option<u64>,
    /// Whether it was seen more than once, so that a round trip cannot be told from it.
    pub repeated: bool,
    /// Whether an answer was seen.
    pub answered: bool,
}

impl Transaction {
    /// A request that was just seen, of no pair yet.
    pub(crate) fn begin(asked_at: Stamp, base: BaseId, remote: SocketAddr, message: &StunMessage) -> Self {
        Self {
            asked_at,
            base,
            remote,
            pair: None,
            use_candidate: message.use_candidate,
            priority: message.priority,
            is_numbered: message.nomination.is_some(),
            has_integrity: message.has_integrity,
            wants_elsewhere: message.change.is_some(),
            exchange: None,
            repeated: false,
            answered: false,
        }
    }

    /// The round trip of an answer at `at`; a retransmitted request does not tell which copy was answered (RFC 8489
    /// section 6.2.1, Karn).
    pub(crate) fn rtt(&self, at: Stamp) -> Option<Duration> {
        (!self.repeated).then(|| at.since(self.asked_at))
    }
}

/// What an answer on the wire belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Answer {
    /// To no request seen, or to one long ago.
    Unasked,
    /// To a request that was answered before.
    Again,
    /// To this request, but not between the same two addresses.
    FromElsewhere(Transaction),
    /// To this request.
    Fits(Transaction),
}

/// All outstanding transactions, bounded in number and time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transactions {
    open: BTreeMap<TransactionKey, Transaction>,
    by_age: VecDeque<(Stamp, TransactionKey)>,
}

impl Transactions {
    /// Takes a request. Returns whether it is a retransmission.
    pub(crate) fn ask(&mut self, key: TransactionKey, request: Transaction) -> bool {
        self.expire(request.asked_at);
        if let Some(open) = self.open.get_mut(&key)
            && (open.base, open.remote) == (request.base, request.remote)
        {
            open.repeated = true;
            open.use_candidate |= request.use_candidate;
            return true;
        }
        if self.by_age.len() >= TRANSACTIONS_KEPT {
            self.forget_oldest();
        }
        self.open.insert(key, request);
        self.by_age.push_back((request.asked_at, key));
        false
    }

    /// The exchange of a request that was sent before between these addresses.
    pub(crate) fn exchange_of(&self, key: TransactionKey, base: BaseId, remote: SocketAddr) -> Option<u64> {
        self.open.get(&key).filter(|open| (open.base, open.remote) == (base, remote))?.exchange
    }

    /// Whether the request checks a pair.
    pub(crate) fn is_check(&self, key: TransactionKey) -> bool {
        self.open.get(&key).is_some_and(|open| open.pair.is_some())
    }

    /// Takes an answer seen between `base` and `remote`.
    pub(crate) fn answer(&mut self, key: TransactionKey, base: BaseId, remote: SocketAddr) -> Answer {
        let Some(open) = self.open.get_mut(&key) else { return Answer::Unasked };
        if (open.base, open.remote) != (base, remote) {
            return Answer::FromElsewhere(*open);
        }
        if open.answered {
            return Answer::Again;
        }
        open.answered = true;
        Answer::Fits(*open)
    }

    fn expire(&mut self, now: Stamp) {
        while self.by_age.front().is_some_and(|(asked_at, _)| now.since(*asked_at) > KEPT_FOR) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((asked_at, key)) = self.by_age.pop_front() else { return };
        // The id may have been used anew towards another address since.
        if self.open.get(&key).is_some_and(|open| open.asked_at == asked_at) {
            self.open.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> TransactionKey {
        let mut id = [0; 12];
        id[..4].copy_from_slice(&n.to_be_bytes());
        TransactionKey { outbound: true, id: TransactionId(id) }
    }

    fn request(ms: u64, remote: &str) -> Transaction {
        Transaction {
            asked_at: Stamp::from_millis(ms),
            base: BaseId(1),
            remote: remote.parse().unwrap(),
            pair: None,
            use_candidate: false,
            priority: None,
            is_numbered: false,
            has_integrity: false,
            wants_elsewhere: false,
            exchange: None,
            repeated: false,
            answered: false,
        }
    }

    #[test]
    fn the_same_id_to_the_same_address_is_a_retransmission() {
        let mut transactions = Transactions::default();
        assert!(!transactions.ask(key(1), request(0, "192.0.2.1:1")));
        assert!(transactions.ask(key(1), request(500, "192.0.2.1:1")));
        assert!(!transactions.ask(key(2), request(500, "192.0.2.1:1")));
        assert!(!transactions.ask(key(1), request(600, "192.0.2.2:1")));
    }

    #[test]
    fn an_answer_fits_once_and_only_from_where_it_was_asked() {
        let mut transactions = Transactions::default();
        transactions.ask(key(1), request(0, "192.0.2.1:1"));
        let (asked, other) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.1:2".parse().unwrap());
        assert!(matches!(transactions.answer(key(1), BaseId(1), other), Answer::FromElsewhere(_)));
        assert!(matches!(transactions.answer(key(1), BaseId(1), asked), Answer::Fits(_)));
        assert_eq!(transactions.answer(key(1), BaseId(1), asked), Answer::Again);
        assert_eq!(transactions.answer(key(9), BaseId(1), asked), Answer::Unasked);
    }

    #[test]
    fn transactions_are_forgotten_after_a_minute_and_above_their_cap() {
        let mut transactions = Transactions::default();
        transactions.ask(key(0), request(0, "192.0.2.1:1"));
        transactions.ask(key(1), request(60_001, "192.0.2.1:1"));
        assert_eq!(transactions.open.len(), 1);
        for n in 2..100_000 {
            transactions.ask(key(n), request(60_002, "192.0.2.1:1"));
        }
        assert_eq!((transactions.open.len(), transactions.by_age.len()), (TRANSACTIONS_KEPT, TRANSACTIONS_KEPT));
    }
}
