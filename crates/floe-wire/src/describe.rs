//! One STUN or TURN message in words, attribute by attribute. Works on what is there of a damaged or cut one.

use std::net::SocketAddr;

use crate::{
    stun::{Secret, StunMessage, TransactionId, attribute_name},
    turn::{Method, split_type, xor_address},
};

/// Attributes described; a message has 1,500 bytes and hardly needs more.
const ATTRIBUTES_SHOWN: usize = 64;

/// A message in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `Binding request`, `Allocate error`.
    pub title: String,
    /// Ties a response to its request; none when the header is cut off.
    pub transaction: Option<TransactionId>,
    /// Attributes in the order they stand.
    pub attributes: Vec<AttributeText>,
    /// What MESSAGE-INTEGRITY says.
    pub integrity: Integrity,
    /// What FINGERPRINT says.
    pub fingerprint: Fingerprint,
    /// Why it does not parse as a whole.
    pub problem: Option<String>,
}

/// An attribute in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeText {
    /// Its type number.
    pub kind: u16,
    /// Its registered name, or its number.
    pub name: String,
    /// What it says; its bytes in hexadecimal where nothing better is known.
    pub value: String,
}

/// What MESSAGE-INTEGRITY says (RFC 8489 section 14.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// It is not there.
    Absent,
    /// It is there, and nobody knows the password: records hold none.
    Unknown,
    /// It was made with the password.
    Valid,
    /// It was not made with the password.
    Wrong,
}

impl Integrity {
    /// The word people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Unknown => "unknown",
            Self::Valid => "valid",
            Self::Wrong => "wrong",
        }
    }
}

/// What FINGERPRINT says (RFC 8489 section 14.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fingerprint {
    /// It is not there.
    Absent,
    /// It fits the message.
    Valid,
    /// It is there and the message does not parse with it.
    Wrong,
}

impl Fingerprint {
    /// The word people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Valid => "valid",
            Self::Wrong => "wrong",
        }
    }
}

/// Describes a message; `secret` is what it is to be signed with.
#[must_use]
pub fn describe(bytes: &[u8], secret: Option<Secret<'_>>) -> Description {
    let decoded = StunMessage::decode(bytes);
    let transaction = bytes.get(8..20).and_then(|id| id.try_into().ok()).map(TransactionId);
    let attributes = raw_attributes(bytes);
    let has = |wanted: u16| attributes.iter().any(|(kind, _)| *kind == wanted);
    let integrity = match secret {
        _ if !has(0x0008) => Integrity::Absent,
        None => Integrity::Unknown,
        Some(secret) if secret.has_signed(bytes) => Integrity::Valid,
        Some(_) => Integrity::Wrong,
    };
    let fingerprint = match (has(0x8028), decoded.is_ok()) {
        (false, _) => Fingerprint::Absent,
        (true, true) => Fingerprint::Valid,
        (true, false) => Fingerprint::Wrong,
    };
    let words = attributes.iter().take(ATTRIBUTES_SHOWN).map(|(kind, value)| AttributeText {
        kind: *kind,
        name: attribute_name(*kind).map_or_else(|| format!("0x{kind:04X}"), str::to_owned),
        value: attribute_value(*kind, value, transaction.unwrap_or(TransactionId([0; 12]))),
    });
    Description {
        title: title(bytes),
        transaction,
        attributes: words.collect(),
        integrity,
        fingerprint,
        problem: decoded.err().map(|error| error.to_string()),
    }
}

fn title(bytes: &[u8]) -> String {
    let [high, low, ..] = bytes else { return "cut off before its type".to_owned() };
    let (class, number) = split_type(u16::from_be_bytes([*high, *low]));
    let method = match Method::of(number) {
        Some(method) => method.name().to_owned(),
        None if number == crate::stun::METHOD_BINDING => "Binding".to_owned(),
        None => format!("method 0x{number:03X}"),
    };
    let class = match class {
        crate::stun::Class::Request => "request",
        crate::stun::Class::Indication => "indication",
        crate::stun::Class::Success => "response",
        crate::stun::Class::Error => "error",
    };
    format!("{method} {class}")
}

/// Types and values in order; the last value may be cut off.
fn raw_attributes(bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    let mut at = 20;
    while let Some([a, b, c, d]) = bytes.get(at..at + 4) {
        let (kind, length) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
        found.push((kind, &bytes[at + 4..(at + 4 + length).min(bytes.len())]));
        at += 4 + length.next_multiple_of(4);
    }
    found
}

fn attribute_value(kind: u16, value: &[u8], transaction: TransactionId) -> String {
    let address = |address: Option<SocketAddr>| address.map_or_else(|| hex(value), |address| address.to_string());
    match kind {
        0x0001 => address(crate::stun::mapped_address(value)),
        0x0012 | 0x0016 | 0x0020 => address(xor_address(value, transaction)),
        // A realm, a nonce and a software name are text that servers choose.
        0x0006 | 0x0014 | 0x0015 | 0x8022 => printable(value),
        0x0009 => match value {
            [_, _, class, number, reason @ ..] => format!("{}{number:02} {}", class & 7, printable(reason)),
            _ => hex(value),
        },
        0x000C => number(value.get(..2)).map_or_else(|| hex(value), |channel| format!("0x{channel:04X}")),
        0x000D => number(Some(value)).map_or_else(|| hex(value), |seconds| format!("{seconds} s")),
        0x0013 => format!("{} bytes", value.len()),
        0x0017 => match value.first() {
            Some(1) => "IPv4".to_owned(),
            Some(2) => "IPv6".to_owned(),
            _ => hex(value),
        },
        0x0019 => match value.first() {
            Some(17) => "UDP".to_owned(),
            Some(6) => "TCP".to_owned(),
            _ => hex(value),
        },
        0x0024 | 0xC001 => number(Some(value)).map_or_else(|| hex(value), |number| number.to_string()),
        0x0025 => String::new(),
        _ => hex(value),
    }
}

fn number(value: Option<&[u8]>) -> Option<u64> {
    let value = value.filter(|value| !value.is_empty() && value.len() <= 8)?;
    Some(value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn printable(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.chars().map(|letter| if letter.is_control() { '\u{FFFD}' } else { letter }).collect()
}

fn hex(value: &[u8]) -> String {
    const SHOWN: usize = 32;
    let mut text: String = value.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    if value.len() > SHOWN {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stun::{Check, binding_error, binding_success};

    const PASSWORD: &str = "the-peers-password-22ch";

    fn check() -> Vec<u8> {
        let check = Check {
            transaction: TransactionId([7; 12]),
            remote_ufrag: "peer",
            local_ufrag: "mine",
            remote_password: PASSWORD,
            priority: 42,
            controlling: true,
            tie_breaker: 99,
            nomination: Some(3),
        };
        check.encode()
    }

    fn value_of<'a>(description: &'a Description, name: &str) -> &'a str {
        description.attributes.iter().find(|attribute| attribute.name == name).map_or("missing", |found| &found.value)
    }

    #[test]
    fn a_check_is_described_attribute_by_attribute() {
        let description = describe(&check(), Some(Secret::ShortTerm(PASSWORD)));
        assert_eq!(description.title, "Binding request");
        assert_eq!(value_of(&description, "USERNAME"), "peer:mine");
        assert_eq!((value_of(&description, "PRIORITY"), value_of(&description, "NOMINATION")), ("42", "3"));
        assert_eq!(value_of(&description, "ICE-CONTROLLING"), "0000000000000063");
        assert_eq!((description.integrity, description.fingerprint), (Integrity::Valid, Fingerprint::Valid));
        assert_eq!(description.problem, None);
    }

    #[test]
    fn integrity_is_unknown_without_a_password_and_wrong_with_another() {
        assert_eq!(describe(&check(), None).integrity, Integrity::Unknown);
        assert_eq!(describe(&check(), Some(Secret::ShortTerm("another-password-of-22c"))).integrity, Integrity::Wrong);
        let answer = binding_success(&check(), "203.0.113.7:4242".parse().unwrap(), None).unwrap();
        let description = describe(&answer, Some(Secret::ShortTerm(PASSWORD)));
        assert_eq!(description.integrity, Integrity::Absent);
        assert_eq!(value_of(&description, "XOR-MAPPED-ADDRESS"), "203.0.113.7:4242");
    }

    #[test]
    fn errors_and_damage_are_told() {
        let answer = binding_error(&check(), 487, "Role Conflict", Some(PASSWORD)).unwrap();
        let description = describe(&answer, None);
        assert_eq!(
            (description.title.as_str(), value_of(&description, "ERROR-CODE")),
            ("Binding error", "487 Role Conflict")
        );
        let mut damaged = check();
        damaged[30] ^= 1;
        let description = describe(&damaged, None);
        assert_eq!(description.fingerprint, Fingerprint::Wrong);
        assert!(description.problem.is_some());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), cut in 0_usize..110, at in 20_usize..100) {
            let _ = describe(&bytes, Some(Secret::ShortTerm(PASSWORD)));
            let mut damaged = check();
            damaged.truncate(cut);
            for (offset, byte) in bytes.iter().enumerate() {
                if let Some(place) = damaged.get_mut(at + offset) { *place = *byte; }
            }
            let _ = describe(&damaged, None);
        }
    }
}
