//! Checks MESSAGE-INTEGRITY of what passed the tap, so that a record tells the verdict and never holds a password.

use std::collections::{BTreeMap, VecDeque};

use floe_path::Credentials;
use floe_transport::relay::{self, TurnAccess};
use floe_wire::{
    Direction, Packet, PacketKind, classify,
    stun::{Account, Class, IntegrityVerdict, METHOD_BINDING, Secret, StunMessage, TransactionId},
    turn::carried,
};

/// User fragments whose passwords are kept: both sides' of more generations than anybody still answers.
const FRAGMENTS_KEPT: usize = 64;
/// Requests whose answers are waited for; 100 pairs have a few each.
const REQUESTS_KEPT: usize = 1024;

/// The passwords of a call, and which requests were signed with which of them.
pub(crate) struct Seals {
    ice: VecDeque<Credentials>,
    turn: Vec<relay::Credentials>,
    asked: BTreeMap<Question, Key>,
    oldest: VecDeque<Question>,
}

/// A request, and whether it was ours.
type Question = (TransactionId, bool);

/// What a request and its answer are signed with.
#[derive(Clone)]
enum Key {
    Ice(String),
    Turn { account: Account, password: String },
}

impl Key {
    fn verdict(&self, message: &[u8]) -> IntegrityVerdict {
        let secret = match self {
            Self::Ice(password) => Secret::ShortTerm(password),
            Self::Turn { account, password } => {
                Secret::LongTerm { user: &account.user, realm: &account.realm, password }
            }
        };
        if secret.has_signed(message) { IntegrityVerdict::Valid } else { IntegrityVerdict::Wrong }
    }
}

impl Seals {
    /// Knows the accounts with TURN servers, and nothing of the call.
    pub fn new(servers: &[TurnAccess]) -> Self {
        let turn = servers.iter().filter_map(|server| Some(server.read().ok()?.1)).collect();
        Self { ice: VecDeque::new(), turn, asked: BTreeMap::new(), oldest: VecDeque::new() }
    }

    /// Learns one side's credentials of a generation; tells whether the password came with another fragment before.
    pub fn know(&mut self, credentials: &Credentials) -> bool {
        let is_again = |known: &Credentials| known.password == credentials.password && known.ufrag != credentials.ufrag;
        let is_reused = self.ice.iter().any(is_again);
        if self.ice.len() >= FRAGMENTS_KEPT {
            self.ice.pop_front();
        }
        self.ice.push_back(credentials.clone());
        is_reused
    }

    /// Checks the STUN message in a packet; the peer's, where it is inside of one of a TURN server.
    pub fn judge(&mut self, packet: &Packet) -> IntegrityVerdict {
        let bytes = carried(&packet.bytes).map_or(&packet.bytes[..], |range| &packet.bytes[range]);
        if classify(bytes) != PacketKind::Stun {
            return IntegrityVerdict::Unchecked;
        }
        let Some(message) = StunMessage::decode(bytes).ok().filter(|message| message.has_integrity) else {
            return IntegrityVerdict::Unchecked;
        };
        let is_ours = packet.direction == Direction::Outbound;
        let key = match message.class {
            Class::Request => {
                let key = self.key_of(&message, bytes);
                self.remember((message.transaction, is_ours), key.as_ref());
                key
            }
            Class::Success | Class::Error => self.asked.get(&(message.transaction, !is_ours)).cloned(),
            Class::Indication => None,
        };
        key.map_or(IntegrityVerdict::Unchecked, |key| key.verdict(bytes))
    }

    fn key_of(&self, request: &StunMessage, bytes: &[u8]) -> Option<Key> {
        if request.method == METHOD_BINDING {
            let receiver = request.receiver_ufrag()?;
            let known = self.ice.iter().find(|known| known.ufrag == receiver)?;
            return Some(Key::Ice(known.password.clone()));
        }
        let account = Account::of(bytes)?;
        let known = self.turn.iter().find(|known| known.user == account.user)?;
        Some(Key::Turn { account, password: known.password.clone() })
    }

    fn remember(&mut self, question: Question, key: Option<&Key>) {
        let Some(key) = key else { return };
        if self.asked.insert(question, key.clone()).is_some() {
            return;
        }
        self.oldest.push_back(question);
        if self.oldest.len() > REQUESTS_KEPT
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.asked.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use floe_wire::{
        BaseId,
        stun::{Check, binding_success},
        turn::ChannelData,
    };

    use super::*;

    const OURS: &str = "our-password-of-24-chars";
    const THEIRS: &str = "the-peers-password-of-24";

    fn seals() -> Seals {
        let mut seals = Seals::new(&[]);
        for (ufrag, password) in [("mine", OURS), ("peer", THEIRS)] {
            seals.know(&Credentials { ufrag: ufrag.to_owned(), password: password.to_owned() });
        }
        seals
    }

    fn check(transaction: u8, receiver: &str, password: &str) -> Vec<u8> {
        let check = Check {
            transaction: TransactionId([transaction; 12]),
            remote_ufrag: receiver,
            local_ufrag: "any",
            remote_password: password,
            priority: 1,
            controlling: true,
            tie_breaker: 1,
            nomination: None,
        };
        check.encode()
    }

    fn packet(direction: Direction, bytes: Vec<u8>) -> Packet {
        let remote = "192.0.2.1:7".parse().unwrap();
        let wire_len = u32::try_from(bytes.len()).unwrap();
        let integrity = IntegrityVerdict::Unchecked;
        Packet { base: BaseId(1), direction, remote, bytes: bytes.into(), wire_len, integrity }
    }

    fn answer(request: &[u8], password: &str) -> Vec<u8> {
        binding_success(request, "192.0.2.1:7".parse().unwrap(), Some(password)).unwrap()
    }

    #[test]
    fn a_check_is_judged_by_the_password_of_the_side_that_answers_and_so_is_its_answer() {
        let mut seals = seals();
        for (way, back, receiver, password, other) in [
            (Direction::Outbound, Direction::Inbound, "peer", THEIRS, OURS),
            (Direction::Inbound, Direction::Outbound, "mine", OURS, THEIRS),
        ] {
            let request = check(receiver.as_bytes()[0], receiver, password);
            assert_eq!(seals.judge(&packet(way, request.clone())), IntegrityVerdict::Valid);
            assert_eq!(seals.judge(&packet(back, answer(&request, other))), IntegrityVerdict::Wrong);
            assert_eq!(seals.judge(&packet(back, answer(&request, password))), IntegrityVerdict::Valid);
        }
    }

    #[test]
    fn a_password_that_comes_again_with_another_fragment_is_told() {
        let mut seals = seals();
        let mut know = |ufrag: &str, password: &str| {
            seals.know(&Credentials { ufrag: ufrag.to_owned(), password: password.to_owned() })
        };
        assert!(!know("peer", THEIRS), "the same code once more");
        assert!(!know("new", "yet-another-password-24c"));
        assert!(know("newer", THEIRS));
    }

    #[test]
    fn what_nobody_knows_the_password_of_stays_unchecked() {
        let mut seals = seals();
        let stranger = check(9, "else", THEIRS);
        assert_eq!(seals.judge(&packet(Direction::Inbound, stranger)), IntegrityVerdict::Unchecked);
        let unasked = answer(&check(8, "peer", THEIRS), THEIRS);
        assert_eq!(seals.judge(&packet(Direction::Inbound, unasked)), IntegrityVerdict::Unchecked);
        assert_eq!(seals.judge(&packet(Direction::Inbound, vec![0x80; 20])), IntegrityVerdict::Unchecked);
    }

    #[test]
    fn a_relayed_check_is_judged_inside_of_its_wrapping() {
        let wrapped = ChannelData::encode(0x4000, &check(7, "peer", THEIRS), false);
        assert_eq!(seals().judge(&packet(Direction::Outbound, wrapped)), IntegrityVerdict::Valid);
    }

    #[test]
    fn a_flood_of_requests_is_forgotten_again() {
        let mut seals = seals();
        for number in 0..3_000_u32 {
            let mut question = [0; 12];
            question[..4].copy_from_slice(&number.to_be_bytes());
            seals.remember((TransactionId(question), true), Some(&Key::Ice(String::new())));
        }
        assert_eq!((seals.asked.len(), seals.oldest.len()), (REQUESTS_KEPT, REQUESTS_KEPT));
    }
}
