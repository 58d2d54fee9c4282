//! STUN messages as ICE uses them (RFC 8489, RFC 8445 section 7): decoding to facts, encoding of our own.

mod behavior;
mod integrity;

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use stun_types::{
    attribute::{
        Attribute as _, AttributeType, ErrorCode, Nonce, RawAttribute, Realm, Software, Username, XorMappedAddress,
    },
    message::{
        BINDING, IntegrityAlgorithm, Message, MessageClass, MessageIntegrityCredentials, MessageWrite as _,
        MessageWriteExt as _, MessageWriteVec, ShortTermCredentials, StunParseError, StunWriteError,
    },
};

pub use self::{
    behavior::{Change, binding_request_with_change, binding_success_of_server, unknown_attributes_error},
    integrity::{Account, IntegrityVerdict, Secret, is_authentic},
};

/// Attributes that RFC 8445 section 16.1 adds to STUN, and libwebrtc's NOMINATION.
mod attribute {
    pub const MAPPED_ADDRESS: u16 = 0x0001;
    pub const PRIORITY: u16 = 0x0024;
    pub const USE_CANDIDATE: u16 = 0x0025;
    pub const ICE_CONTROLLED: u16 = 0x8029;
    pub const ICE_CONTROLLING: u16 = 0x802A;
    /// Comprehension-optional; the peer's nomination of the highest number wins (SDP: `a=ice-options:renomination`).
    pub const NOMINATION: u16 = 0xC001;
}

/// A STUN transaction id (RFC 8489 section 5): 96 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TransactionId(pub [u8; 12]);

impl From<stun_types::message::TransactionId> for TransactionId {
    fn from(id: stun_types::message::TransactionId) -> Self {
        let mut bytes = [0; 12];
        bytes.copy_from_slice(&u128::from(id).to_be_bytes()[4..]);
        Self(bytes)
    }
}

impl From<TransactionId> for stun_types::message::TransactionId {
    fn from(id: TransactionId) -> Self {
        let mut bytes = [0; 16];
        bytes[4..].copy_from_slice(&id.0);
        u128::from_be_bytes(bytes).into()
    }
}

/// The class of a STUN message (RFC 8489 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Asks.
    Request,
    /// Expects no answer.
    Indication,
    /// Answers well.
    Success,
    /// Answers with an error code.
    Error,
}

/// The method number of Binding.
pub const METHOD_BINDING: u16 = 1;

/// What a STUN message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StunMessage {
    /// Request, indication, success or error.
    pub class: Class,
    /// Method number; [`METHOD_BINDING`] for checks.
    pub method: u16,
    /// Ties a response to its request.
    pub transaction: TransactionId,
    /// USERNAME: `receiver-ufrag:sender-ufrag` in checks.
    pub username: Option<String>,
    /// XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS of an old server.
    pub mapped: Option<SocketAddr>,
    /// PRIORITY of the peer-reflexive candidate the check may create.
    pub priority: Option<u32>,
    /// Whether USE-CANDIDATE is there.
    pub use_candidate: bool,
    /// ICE-CONTROLLING's tie-breaker.
    pub controlling: Option<u64>,
    /// ICE-CONTROLLED's tie-breaker.
    pub controlled: Option<u64>,
    /// NOMINATION's number.
    pub nomination: Option<u32>,
    /// ERROR-CODE with its reason phrase.
    pub error: Option<(u16, String)>,
    /// CHANGE-REQUEST (RFC 5780 section 7.2).
    pub change: Option<Change>,
    /// RESPONSE-ORIGIN (RFC 5780 section 7.3): where the server says its answer left from.
    pub origin: Option<SocketAddr>,
    /// OTHER-ADDRESS (RFC 5780 section 7.4): what else the server answers from.
    pub other: Option<SocketAddr>,
    /// UNKNOWN-ATTRIBUTES of an error 420.
    pub unknown_attributes: Vec<u16>,
    /// SOFTWARE.
    pub software: Option<String>,
    /// Whether MESSAGE-INTEGRITY is there (not: whether it is right).
    pub has_integrity: bool,
    /// Whether FINGERPRINT is there; a wrong one does not parse.
    pub has_fingerprint: bool,
    /// Attribute type numbers in the order they stand.
    pub attributes: Vec<u16>,
}

/// Why bytes are not a STUN message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StunError {
    /// The library's verdict.
    #[error("malformed STUN message: {0}")]
    Malformed(#[from] StunParseError),
    /// More bytes than the length field says.
    #[error("{0} bytes follow the STUN message")]
    Trailing(usize),
}

impl StunMessage {
    /// Decodes one datagram.
    ///
    /// # Errors
    /// When the bytes are not exactly one well-formed STUN message, or its FINGERPRINT is wrong.
    pub fn decode(datagram: &[u8]) -> Result<Self, StunError> {
        let message = parse(datagram)?;
        let mut facts = Self {
            class: match message.class() {
                MessageClass::Request => Class::Request,
                MessageClass::Indication => Class::Indication,
                MessageClass::Success => Class::Success,
                MessageClass::Error => Class::Error,
            },
            method: message.method().value(),
            transaction: message.transaction_id().into(),
            username: None,
            mapped: None,
            priority: None,
            use_candidate: false,
            controlling: None,
            controlled: None,
            nomination: None,
            error: None,
            change: None,
            origin: None,
            other: None,
            unknown_attributes: Vec::new(),
            software: None,
            has_integrity: false,
            has_fingerprint: false,
            attributes: Vec::new(),
        };
        let mut plain_mapped = None;
        for (_, raw) in message.iter_attributes() {
            facts.attributes.push(raw.get_type().value());
            facts.read_attribute(&raw, &mut plain_mapped)?;
        }
        facts.mapped = facts.mapped.or(plain_mapped);
        Ok(facts)
    }

    fn read_attribute(
        &mut self,
        raw: &RawAttribute<'_>,
        plain_mapped: &mut Option<SocketAddr>,
    ) -> Result<(), StunError> {
        match raw.get_type().value() {
            0x0006 => self.username = Some(Username::try_from(raw)?.username().to_owned()),
            0x0008 => self.has_integrity = true,
            0x0009 => {
                let error = ErrorCode::try_from(raw)?;
                self.error = Some((error.code(), error.reason().to_owned()));
            }
            0x0020 => self.mapped = Some(XorMappedAddress::try_from(raw)?.addr(self.transaction.into())),
            attribute::MAPPED_ADDRESS => *plain_mapped = mapped_address(&raw.value),
            behavior::CHANGE_REQUEST => self.change = Some(Change::read(fixed(raw)?)),
            behavior::RESPONSE_ORIGIN => self.origin = mapped_address(&raw.value),
            behavior::OTHER_ADDRESS => self.other = mapped_address(&raw.value),
            behavior::UNKNOWN_ATTRIBUTES => {
                let (numbers, _) = raw.value.as_chunks();
                self.unknown_attributes = numbers.iter().map(|number| u16::from_be_bytes(*number)).collect();
            }
            0x8022 => self.software = Some(Software::try_from(raw)?.software().to_owned()),
            0x8028 => self.has_fingerprint = true,
            attribute::PRIORITY => self.priority = Some(u32::from_be_bytes(fixed(raw)?)),
            attribute::USE_CANDIDATE => self.use_candidate = true,
            attribute::ICE_CONTROLLING => self.controlling = Some(u64::from_be_bytes(fixed(raw)?)),
            attribute::ICE_CONTROLLED => self.controlled = Some(u64::from_be_bytes(fixed(raw)?)),
            attribute::NOMINATION => self.nomination = Some(u32::from_be_bytes(fixed(raw)?)),
            _ => {}
        }
        Ok(())
    }

    /// The user fragment of the side a check is addressed to (RFC 8445 section 7.2.2).
    #[must_use]
    pub fn receiver_ufrag(&self) -> Option<&str> {
        self.username.as_deref()?.split(':').next()
    }

    /// The user fragment of the side that sent a check.
    #[must_use]
    pub fn sender_ufrag(&self) -> Option<&str> {
        self.username.as_deref()?.split_once(':').map(|(_, sender)| sender)
    }
}

fn parse(datagram: &[u8]) -> Result<Message<'_>, StunError> {
    if let [_, _, high, low, ..] = datagram {
        let declared = 20 + usize::from(u16::from_be_bytes([*high, *low]));
        if datagram.len() > declared {
            return Err(StunError::Trailing(datagram.len() - declared));
        }
    }
    Ok(Message::from_bytes(datagram)?)
}

fn credentials(password: &str) -> MessageIntegrityCredentials {
    ShortTermCredentials::new(password.to_owned()).into()
}

fn fixed<const N: usize>(raw: &RawAttribute<'_>) -> Result<[u8; N], StunError> {
    raw.value[..].try_into().map_err(|_| StunError::Malformed(StunParseError::InvalidAttributeData))
}

/// MAPPED-ADDRESS (RFC 8489 section 14.1), which only servers of RFC 3489 still send alone.
pub(crate) fn mapped_address(value: &[u8]) -> Option<SocketAddr> {
    let [_, family, port_high, port_low, address @ ..] = value else { return None };
    let ip = match family {
        1 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
        2 => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes([*port_high, *port_low])))
}

/// A connectivity check to send (RFC 8445 section 7.2.2).
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// Fresh for each new transaction.
    pub transaction: TransactionId,
    /// The peer's user fragment.
    pub remote_ufrag: &'a str,
    /// Our user fragment.
    pub local_ufrag: &'a str,
    /// The peer's password.
    pub remote_password: &'a str,
    /// Priority of the peer-reflexive candidate this check may create.
    pub priority: u32,
    /// `true`: ICE-CONTROLLING.
    pub controlling: bool,
    /// Our tie-breaker.
    pub tie_breaker: u64,
    /// Adds USE-CANDIDATE and NOMINATION with this number.
    pub nomination: Option<u32>,
}

impl Check<'_> {
    /// Encodes the request with MESSAGE-INTEGRITY and FINGERPRINT.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.try_encode().expect("fragments of ICE length fit into a STUN message")
    }

    fn try_encode(&self) -> Result<Vec<u8>, StunWriteError> {
        let mut message = Message::builder(
            stun_types::message::MessageType::from_class_method(MessageClass::Request, BINDING),
            self.transaction.into(),
            MessageWriteVec::new(),
        );
        message.add_attribute(&Username::new(&format!("{}:{}", self.remote_ufrag, self.local_ufrag))?)?;
        let role = if self.controlling { attribute::ICE_CONTROLLING } else { attribute::ICE_CONTROLLED };
        message.add_attribute(&raw(role, &self.tie_breaker.to_be_bytes()))?;
        message.add_attribute(&raw(attribute::PRIORITY, &self.priority.to_be_bytes()))?;
        if let Some(number) = self.nomination {
            message.add_attribute(&raw(attribute::USE_CANDIDATE, &[]))?;
            message.add_attribute(&raw(attribute::NOMINATION, &number.to_be_bytes()))?;
        }
        seal(message, self.remote_password)
    }
}

/// Encodes a Binding request to a STUN server: no credentials, FINGERPRINT only (RFC 8489 section 6.1).
#[must_use]
pub fn binding_request(transaction: TransactionId) -> Vec<u8> {
    let mut message = Message::builder(
        stun_types::message::MessageType::from_class_method(MessageClass::Request, BINDING),
        transaction.into(),
        MessageWriteVec::new(),
    );
    message.add_fingerprint().expect("an empty message has room for FINGERPRINT");
    message.finish()
}

/// Encodes the success answer to a Binding request; `password` is ours, and left out by a plain STUN server.
///
/// # Errors
/// When `request` is not a STUN message.
pub fn binding_success(request: &[u8], mapped: SocketAddr, password: Option<&str>) -> Result<Vec<u8>, StunError> {
    let request = parse(request)?;
    let mut message = Message::builder_success(&request, MessageWriteVec::new());
    let written = message
        .add_attribute(&XorMappedAddress::new(mapped, request.transaction_id()))
        .and_then(|()| finish(message, password));
    Ok(written.expect("one address fits into a STUN message"))
}

/// Encodes the error answer to a Binding request, 487 (Role Conflict) for example (RFC 8445 section 7.3.1.1).
///
/// # Errors
/// When `request` is not a STUN message.
pub fn binding_error(request: &[u8], code: u16, reason: &str, password: Option<&str>) -> Result<Vec<u8>, StunError> {
    let request = parse(request)?;
    let mut message = Message::builder_error(&request, MessageWriteVec::new());
    let written = ErrorCode::new(code, reason)
        .and_then(|error| message.add_attribute(&error))
        .and_then(|()| finish(message, password));
    Ok(written.expect("codes 300 to 699 with a short reason fit into a STUN message"))
}

/// Encodes the error answer of a TURN server: unsigned, with the realm and a nonce that 438 (Stale Nonce) needs.
///
/// # Errors
/// When `request` is not a STUN message.
pub fn turn_error(request: &[u8], code: u16, reason: &str, realm: &str) -> Result<Vec<u8>, StunError> {
    let request = parse(request)?;
    let mut message = Message::builder_error(&request, MessageWriteVec::new());
    let written = ErrorCode::new(code, reason)
        .and_then(|error| message.add_attribute(&error))
        .and_then(|()| message.add_attribute(&Realm::new(realm)?))
        .and_then(|()| message.add_attribute(&Nonce::new("a-nonce-that-is-new")?))
        .and_then(|()| finish(message, None));
    Ok(written.expect("codes 300 to 699 with a short reason and realm fit into a STUN message"))
}

fn finish(message: MessageWriteVec, password: Option<&str>) -> Result<Vec<u8>, StunWriteError> {
    match password {
        Some(password) => seal(message, password),
        None => {
            let mut message = message;
            message.add_fingerprint()?;
            Ok(message.finish())
        }
    }
}

fn seal(mut message: MessageWriteVec, password: &str) -> Result<Vec<u8>, StunWriteError> {
    message.add_message_integrity(&credentials(password), IntegrityAlgorithm::Sha1)?;
    message.add_fingerprint()?;
    Ok(message.finish())
}

fn raw(kind: u16, value: &[u8]) -> RawAttribute<'_> {
    RawAttribute::new(AttributeType::new(kind), value)
}

/// The registered name of an attribute type, or none.
#[must_use]
pub fn attribute_name(kind: u16) -> Option<&'static str> {
    Some(match kind {
        attribute::PRIORITY => "PRIORITY",
        attribute::USE_CANDIDATE => "USE-CANDIDATE",
        attribute::ICE_CONTROLLED => "ICE-CONTROLLED",
        attribute::ICE_CONTROLLING => "ICE-CONTROLLING",
        attribute::NOMINATION => "NOMINATION",
        behavior::CHANGE_REQUEST => "CHANGE-REQUEST",
        behavior::RESPONSE_PORT => "RESPONSE-PORT",
        behavior::RESPONSE_ORIGIN => "RESPONSE-ORIGIN",
        behavior::OTHER_ADDRESS => "OTHER-ADDRESS",
        0xC057 => "GOOG-NETWORK-INFO",
        _ => match AttributeType::new(kind).name() {
            "unknown" => return None,
            name => name,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHECK: Check<'static> = Check {
        transaction: TransactionId([7; 12]),
        remote_ufrag: "peer",
        local_ufrag: "mine",
        remote_password: "the-peers-password-22ch",
        priority: 42,
        controlling: true,
        tie_breaker: 99,
        nomination: Some(3),
    };

    #[test]
    fn a_check_decodes_to_what_was_encoded() {
        let bytes = CHECK.encode();
        let message = StunMessage::decode(&bytes).unwrap();
        assert_eq!((message.class, message.method), (Class::Request, METHOD_BINDING));
        assert_eq!(message.transaction, CHECK.transaction);
        assert_eq!((message.receiver_ufrag(), message.sender_ufrag()), (Some("peer"), Some("mine")));
        assert_eq!((message.priority, message.controlling, message.nomination), (Some(42), Some(99), Some(3)));
        assert!(message.use_candidate && message.has_integrity && message.has_fingerprint);
        assert_eq!(&message.attributes[message.attributes.len() - 2..], &[0x0008, 0x8028]);
    }

    #[test]
    fn only_the_right_password_authenticates() {
        let bytes = CHECK.encode();
        assert!(is_authentic(&bytes, CHECK.remote_password));
        assert!(!is_authentic(&bytes, "another-password-of-22c"));
        assert!(!is_authentic(&binding_request(TransactionId([1; 12])), CHECK.remote_password));
    }

    #[test]
    fn answers_carry_the_mapped_address_and_the_transaction() {
        let request = CHECK.encode();
        for mapped in ["203.0.113.7:4242", "[2001:db8::7]:4242"] {
            let mapped: SocketAddr = mapped.parse().unwrap();
            let answer = binding_success(&request, mapped, Some("pw-of-the-answering-side")).unwrap();
            let message = StunMessage::decode(&answer).unwrap();
            assert_eq!((message.class, message.transaction), (Class::Success, CHECK.transaction));
            assert_eq!(message.mapped, Some(mapped));
            assert!(is_authentic(&answer, "pw-of-the-answering-side"));
        }
    }

    #[test]
    fn a_role_conflict_is_an_error_487() {
        let answer = binding_error(&CHECK.encode(), 487, "Role Conflict", None).unwrap();
        let message = StunMessage::decode(&answer).unwrap();
        assert_eq!(message.error, Some((487, "Role Conflict".to_owned())));
    }

    #[test]
    fn a_flipped_bit_breaks_the_fingerprint() {
        let mut bytes = CHECK.encode();
        bytes[30] ^= 1;
        assert!(StunMessage::decode(&bytes).is_err());
    }

    #[test]
    fn bytes_after_the_message_are_refused() {
        let mut bytes = CHECK.encode();
        bytes.push(0);
        assert_eq!(StunMessage::decode(&bytes), Err(StunError::Trailing(1)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = StunMessage::decode(&bytes);
        }

        #[test]
        fn no_damage_to_a_real_check_makes_the_decoder_panic(at in 0_usize..100, value: u8, cut in 0_usize..110) {
            let mut bytes = CHECK.encode();
            if let Some(byte) = bytes.get_mut(at) { *byte = value; }
            bytes.truncate(cut);
            let _ = StunMessage::decode(&bytes);
            let _ = is_authentic(&bytes, "x");
        }
    }
}
