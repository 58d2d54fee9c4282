//! TURN requests and indications as bytes (RFC 8656, RFC 8489).

use std::net::{IpAddr, SocketAddr};

use floe_wire::stun::TransactionId;
use stun_types::{
    attribute::{AttributeType, Nonce, RawAttribute, Realm, Username},
    message::{
        IntegrityAlgorithm, IntegrityKey, LongTermCredentials, Message, MessageClass, MessageType, MessageWrite as _,
        MessageWriteExt as _, MessageWriteVec, Method, StunWriteError,
    },
};

use super::Credentials;

const CHANNEL_NUMBER: u16 = 0x000C;
const LIFETIME: u16 = 0x000D;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const DATA: u16 = 0x0013;
const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
const REQUESTED_TRANSPORT: u16 = 0x0019;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// The number of UDP in REQUESTED-TRANSPORT.
const UDP: u8 = 17;
/// How long an allocation is asked for: what TURN gives by default (RFC 8656 section 3.2).
const LIFETIME_S: u32 = 600;

/// What is asked of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// A relayed address of the family of the way to the server.
    Allocate { ipv6: bool },
    /// To keep it.
    Refresh,
    /// To give it up.
    Release,
    /// To let these hosts in.
    Permit(Vec<IpAddr>),
    /// To give this peer a number.
    Bind { channel: u16, peer: SocketAddr },
}

/// What proves who we are (RFC 8489 section 9.2).
pub(super) struct Auth {
    pub realm: String,
    pub nonce: String,
    key: IntegrityKey,
}

impl Auth {
    pub fn new(credentials: &Credentials, realm: String, nonce: String) -> Self {
        let long_term = LongTermCredentials::new(credentials.user.clone(), credentials.password.clone());
        let key = long_term.to_key(realm.clone()).make_key(IntegrityAlgorithm::Sha1);
        Self { realm, nonce, key }
    }

    /// Whether a message of the server was made with our password.
    pub fn confirms(&self, message: &Message<'_>) -> bool {
        message.validate_integrity_with_key(&self.key).is_ok()
    }
}

impl Ask {
    const fn method(&self) -> u16 {
        match self {
            Self::Allocate { .. } => 3,
            Self::Refresh | Self::Release => 4,
            Self::Permit(_) => 8,
            Self::Bind { .. } => 9,
        }
    }

    /// The request as bytes, signed when the server has told how.
    pub fn encode(
        &self,
        transaction: TransactionId,
        user: &str,
        auth: Option<&Auth>,
    ) -> Result<Vec<u8>, StunWriteError> {
        let mut message = builder(MessageClass::Request, self.method(), transaction);
        match self {
            Self::Allocate { ipv6 } => {
                add(&mut message, REQUESTED_TRANSPORT, &[UDP, 0, 0, 0])?;
                add(&mut message, LIFETIME, &LIFETIME_S.to_be_bytes())?;
                if *ipv6 {
                    add(&mut message, REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0])?;
                }
            }
            Self::Refresh => add(&mut message, LIFETIME, &LIFETIME_S.to_be_bytes())?,
            Self::Release => add(&mut message, LIFETIME, &[0; 4])?,
            Self::Permit(hosts) => {
                for host in hosts {
                    let peer = SocketAddr::new(*host, 0);
                    // The library refuses an attribute a second time, and several peers are several attributes.
                    let value = xor_address(peer, transaction);
                    message.push_attribute_unchecked(&RawAttribute::new(XOR_PEER_ADDRESS.into(), &value));
                }
            }
            Self::Bind { channel, peer } => {
                let [high, low] = channel.to_be_bytes();
                add(&mut message, CHANNEL_NUMBER, &[high, low, 0, 0])?;
                add(&mut message, XOR_PEER_ADDRESS, &xor_address(*peer, transaction))?;
            }
        }
        if let Some(auth) = auth {
            message.add_attribute(&Username::new(user)?)?;
            message.add_attribute(&Realm::new(&auth.realm)?)?;
            message.add_attribute(&Nonce::new(&auth.nonce)?)?;
            message.add_message_integrity_with_key(&auth.key, IntegrityAlgorithm::Sha1)?;
        }
        message.add_fingerprint()?;
        Ok(message.finish())
    }
}

/// A Send indication (RFC 8656 section 11.1): the peer first, so that a record that keeps only the beginning knows it.
pub(super) fn send_indication(transaction: TransactionId, peer: SocketAddr, datagram: &[u8]) -> Vec<u8> {
    let mut message = builder(MessageClass::Indication, 6, transaction);
    let value = xor_address(peer, transaction);
    message.push_attribute_unchecked(&RawAttribute::new(XOR_PEER_ADDRESS.into(), &value));
    message.push_attribute_unchecked(&RawAttribute::new(DATA.into(), datagram));
    message.finish()
}

/// A Binding indication: asks nothing, and keeps the mappings of NATs on the way (RFC 8656 section 8).
pub(super) fn keepalive(transaction: TransactionId) -> Vec<u8> {
    builder(MessageClass::Indication, 1, transaction).finish()
}

fn builder(class: MessageClass, method: u16, transaction: TransactionId) -> MessageWriteVec {
    let kind = MessageType::from_class_method(class, Method::new(method));
    Message::builder(kind, transaction.into(), MessageWriteVec::new())
}

fn add(message: &mut MessageWriteVec, kind: u16, value: &[u8]) -> Result<(), StunWriteError> {
    message.add_attribute(&RawAttribute::new(AttributeType::new(kind), value))
}

/// RFC 8489 section 14.2: everything is combined with the cookie, IPv6 with the transaction as well.
pub(super) fn xor_address(address: SocketAddr, transaction: TransactionId) -> Vec<u8> {
    let key: Vec<u8> = MAGIC_COOKIE.iter().chain(&transaction.0).copied().collect();
    let mut value = vec![0, if address.is_ipv4() { 1 } else { 2 }];
    let xored = |bytes: &[u8]| -> Vec<u8> { bytes.iter().zip(&key).map(|(byte, key)| byte ^ key).collect() };
    value.extend(xored(&address.port().to_be_bytes()));
    value.extend(match address.ip() {
        IpAddr::V4(ip) => xored(&ip.octets()),
        IpAddr::V6(ip) => xored(&ip.octets()),
    });
    value
}

#[cfg(test)]
mod tests {
    use floe_wire::{
        stun::Class,
        turn::{Method as TurnMethod, TurnMessage},
    };

    use super::*;

    const ID: TransactionId = TransactionId([9; 12]);

    fn auth() -> Auth {
        Auth::new(&Credentials::new("alice", "secret"), "realm".to_owned(), "nonce".to_owned())
    }

    #[test]
    fn permissions_for_several_hosts_are_one_request() {
        let hosts: Vec<IpAddr> = ["192.0.2.1", "198.51.100.2", "203.0.113.3"].map(|ip| ip.parse().unwrap()).to_vec();
        let bytes = Ask::Permit(hosts.clone()).encode(ID, "alice", Some(&auth())).unwrap();
        let message = TurnMessage::decode(&bytes).unwrap();
        assert_eq!((message.class, message.method), (Class::Request, TurnMethod::CreatePermission));
        assert_eq!(message.peers.iter().map(SocketAddr::ip).collect::<Vec<_>>(), hosts);
        assert!(auth().confirms(&Message::from_bytes(&bytes).unwrap()));
    }

    #[test]
    fn addresses_of_both_families_survive() {
        for peer in ["192.0.2.7:4242", "[2001:db8::7]:4242"] {
            let peer: SocketAddr = peer.parse().unwrap();
            let bytes = Ask::Bind { channel: 0x4001, peer }.encode(ID, "alice", Some(&auth())).unwrap();
            let message = TurnMessage::decode(&bytes).unwrap();
            assert_eq!((message.channel, message.peers), (Some(0x4001), vec![peer]));
            let bytes = send_indication(ID, peer, b"hello");
            let message = TurnMessage::decode(&bytes).unwrap();
            assert_eq!(message.peers, [peer]);
            assert_eq!(&bytes[message.data.unwrap()], b"hello");
        }
    }

    #[test]
    fn a_user_name_beyond_all_measure_is_an_error() {
        assert!(Ask::Refresh.encode(ID, &"x".repeat(600), Some(&auth())).is_err());
    }
}
