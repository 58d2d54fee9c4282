//! The attributes of RFC 5780: a server with a second address, asked to answer from it.

use std::net::SocketAddr;

use stun_types::{
    attribute::{AttributeType, RawAttribute, XorMappedAddress},
    message::{BINDING, Message, MessageClass, MessageType, MessageWrite as _, MessageWriteExt as _, MessageWriteVec},
};

use super::{StunError, TransactionId, parse, raw};

pub(super) const CHANGE_REQUEST: u16 = 0x0003;
pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
pub(super) const RESPONSE_PORT: u16 = 0x0027;
pub(super) const RESPONSE_ORIGIN: u16 = 0x802B;
pub(super) const OTHER_ADDRESS: u16 = 0x802C;

/// CHANGE-REQUEST (RFC 5780 section 7.2): from which address the server shall answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Change {
    /// From its other IP address.
    pub address: bool,
    /// From its other port.
    pub port: bool,
}

impl Change {
    /// From the other address and the other port.
    pub const BOTH: Self = Self { address: true, port: true };
    /// From the same address and the other port.
    pub const PORT: Self = Self { address: false, port: true };

    pub(super) const fn read(value: [u8; 4]) -> Self {
        Self { address: value[3] & 4 != 0, port: value[3] & 2 != 0 }
    }

    const fn write(self) -> [u8; 4] {
        [0, 0, 0, (self.address as u8) << 2 | (self.port as u8) << 1]
    }
}

/// Encodes a Binding request that asks for an answer from another address of the server.
#[must_use]
pub fn binding_request_with_change(transaction: TransactionId, change: Change) -> Vec<u8> {
    let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
    let mut message = Message::builder(kind, transaction.into(), MessageWriteVec::new());
    let written = message.add_attribute(&raw(CHANGE_REQUEST, &change.write())).and_then(|()| message.add_fingerprint());
    written.expect("four bytes fit into a STUN message");
    message.finish()
}

/// Encodes the success answer of a server that may have a second address: RESPONSE-ORIGIN is where the answer leaves
/// from, OTHER-ADDRESS what else it answers from.
///
/// # Errors
/// When `request` is not a STUN message.
pub fn binding_success_of_server(
    request: &[u8],
    mapped: SocketAddr,
    origin: SocketAddr,
    other: Option<SocketAddr>,
) -> Result<Vec<u8>, StunError> {
    let request = parse(request)?;
    let mut message = Message::builder_success(&request, MessageWriteVec::new());
    let mut written = message.add_attribute(&XorMappedAddress::new(mapped, request.transaction_id()));
    for (kind, address) in [(RESPONSE_ORIGIN, Some(origin)), (OTHER_ADDRESS, other)] {
        if let Some(address) = address {
            written = written.and_then(|()| message.add_attribute(&raw(kind, &plain_address(address))));
        }
    }
    written.and_then(|()| message.add_fingerprint()).expect("three addresses fit into a STUN message");
    Ok(message.finish())
}

/// Encodes the answer 420 with the attributes that were not understood (RFC 8489 section 6.3.1).
///
/// # Errors
/// When `request` is not a STUN message.
pub fn unknown_attributes_error(request: &[u8], unknown: &[u16]) -> Result<Vec<u8>, StunError> {
    let request = parse(request)?;
    let mut message = Message::builder_error(&request, MessageWriteVec::new());
    let list: Vec<u8> = unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
    let list = RawAttribute::new(AttributeType::new(UNKNOWN_ATTRIBUTES), &list);
    stun_types::attribute::ErrorCode::new(420, "Unknown Attribute")
        .and_then(|error| message.add_attribute(&error))
        .and_then(|()| message.add_attribute(&list))
        .and_then(|()| message.add_fingerprint())
        .expect("a request has no more attributes than an answer has room for");
    Ok(message.finish())
}

/// An address without the exclusive or (RFC 8489 section 14.1).
fn plain_address(address: SocketAddr) -> Vec<u8> {
    let mut value = vec![0, if address.is_ipv4() { 1 } else { 2 }];
    value.extend(address.port().to_be_bytes());
    match address.ip() {
        std::net::IpAddr::V4(ip) => value.extend(ip.octets()),
        std::net::IpAddr::V6(ip) => value.extend(ip.octets()),
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stun::{Class, StunMessage, binding_request};

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[test]
    fn a_wish_for_another_source_survives_the_wire() {
        for change in [Change::BOTH, Change::PORT, Change { address: true, port: false }] {
            let request = binding_request_with_change(TransactionId([1; 12]), change);
            assert_eq!(StunMessage::decode(&request).unwrap().change, Some(change));
        }
        assert_eq!(StunMessage::decode(&binding_request(TransactionId([1; 12]))).unwrap().change, None);
    }

    #[test]
    fn a_servers_answer_tells_where_it_leaves_from_and_what_else_there_is() {
        let request = binding_request(TransactionId([2; 12]));
        for [mapped, origin, other] in [
            [at("203.0.113.1:7"), at("192.0.2.1:3478"), at("198.51.100.1:3479")],
            [at("[2001:db8::1]:7"), at("[2001:db8::2]:3478"), at("[2001:db8::3]:3479")],
        ] {
            let answer = binding_success_of_server(&request, mapped, origin, Some(other)).unwrap();
            let answer = StunMessage::decode(&answer).unwrap();
            assert_eq!((answer.mapped, answer.origin, answer.other), (Some(mapped), Some(origin), Some(other)));
        }
        let answer = binding_success_of_server(&request, at("192.0.2.1:1"), at("192.0.2.1:2"), None).unwrap();
        assert_eq!(StunMessage::decode(&answer).unwrap().other, None);
    }

    #[test]
    fn a_refusal_lists_what_was_not_understood() {
        let request = binding_request(TransactionId([3; 12]));
        let answer = unknown_attributes_error(&request, &[0x0003, 0x7FFE, 0x0027]).unwrap();
        let answer = StunMessage::decode(&answer).unwrap();
        assert_eq!((answer.class, answer.error.unwrap().0), (Class::Error, 420));
        assert_eq!(answer.unknown_attributes, [0x0003, 0x7FFE, 0x0027]);
    }
}
