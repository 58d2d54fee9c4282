//! Requests that arrive before the peer's code does (RFC 8445 section 7.3): answered at once, remembered as checks
//! to send as soon as the peer's password is known.

use std::collections::BTreeMap;

use floe_wire::stun::StunMessage;

use crate::pair::PairKey;

/// Addresses remembered; anyone who holds our code can send from many.
const CAPACITY: usize = 32;

/// What was asked too early, per pair.
#[derive(Debug, Default)]
pub(crate) struct Early(BTreeMap<PairKey, EarlyRequest>);

/// The newest request of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EarlyRequest {
    pub(crate) sender_ufrag: String,
    /// PRIORITY of the peer-reflexive candidate.
    pub(crate) priority: u32,
    /// The largest nomination so far.
    pub(crate) nomination: Option<u32>,
}

impl Early {
    /// Remembers a request; false if there is no room, and it must not be answered: an answered nomination counts.
    pub(crate) fn remember(&mut self, key: PairKey, message: &StunMessage) -> bool {
        let Some(sender_ufrag) = message.sender_ufrag() else { return false };
        let mut nomination = nomination(message);
        match self.0.get(&key) {
            Some(earlier) if earlier.sender_ufrag == sender_ufrag => nomination = nomination.max(earlier.nomination),
            None if self.0.len() >= CAPACITY => return false,
            Some(_) | None => {}
        }
        let priority = message.priority.unwrap_or_default();
        self.0.insert(key, EarlyRequest { sender_ufrag: sender_ufrag.to_owned(), priority, nomination });
        true
    }

    /// Those of the peer whose code is known now; strangers' are forgotten.
    pub(crate) fn take(&mut self, sender_ufrag: &str) -> impl Iterator<Item = (PairKey, EarlyRequest)> {
        let requests = std::mem::take(&mut self.0);
        requests.into_iter().filter(move |(_, request)| request.sender_ufrag == sender_ufrag)
    }
}

/// The number a request nominates with: 0 if the peer does not number its nominations.
pub(crate) fn nomination(message: &StunMessage) -> Option<u32> {
    message.use_candidate.then(|| message.nomination.unwrap_or(0))
}
