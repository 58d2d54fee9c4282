//! What a TURN message says (RFC 8656 section 18). A view: it is not checked whether the message is authentic.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
    time::Duration,
};

use super::TurnError;
use crate::{
    demux::STUN_MAGIC_COOKIE,
    stun::{Class, TransactionId},
};

const HEADER: usize = 20;

/// The methods of TURN (RFC 8656 section 17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Asks for a relayed address.
    Allocate,
    /// Keeps it, or gives it up with a lifetime of zero.
    Refresh,
    /// Carries a packet of ours to a peer.
    Send,
    /// Carries a peer's packet to us.
    Data,
    /// Lets packets of a peer's host in.
    CreatePermission,
    /// Gives a peer a short number.
    ChannelBind,
}

impl Method {
    /// The method of a number; none for Binding and for what RFC 8656 does not define.
    #[must_use]
    pub const fn of(number: u16) -> Option<Self> {
        Some(match number {
            3 => Self::Allocate,
            4 => Self::Refresh,
            6 => Self::Send,
            7 => Self::Data,
            8 => Self::CreatePermission,
            9 => Self::ChannelBind,
            _ => return None,
        })
    }

    /// The name in RFC 8656.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allocate => "Allocate",
            Self::Refresh => "Refresh",
            Self::Send => "Send",
            Self::Data => "Data",
            Self::CreatePermission => "CreatePermission",
            Self::ChannelBind => "ChannelBind",
        }
    }
}

/// What a TURN message says. Attributes that are not there are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnMessage {
    /// Request, indication, success or error.
    pub class: Class,
    /// What is asked or answered.
    pub method: Method,
    /// Ties a response to its request.
    pub transaction: TransactionId,
    /// XOR-PEER-ADDRESS; CreatePermission may carry several.
    pub peers: Vec<SocketAddr>,
    /// XOR-RELAYED-ADDRESS: the allocated address.
    pub relayed: Option<SocketAddr>,
    /// XOR-MAPPED-ADDRESS: where the server sees us.
    pub mapped: Option<SocketAddr>,
    /// LIFETIME.
    pub lifetime: Option<Duration>,
    /// CHANNEL-NUMBER.
    pub channel: Option<u16>,
    /// REQUESTED-ADDRESS-FAMILY is IPv6.
    pub wants_ipv6: Option<bool>,
    /// Where the DATA attribute's value is in the message; its end may be cut off.
    pub data: Option<Range<usize>>,
    /// The length that DATA declares.
    pub data_len: usize,
    /// ERROR-CODE with its reason phrase.
    pub error: Option<(u16, String)>,
    /// Whether REALM is there: the long-term credential mechanism is used.
    pub has_realm: bool,
    /// Whether NONCE is there.
    pub has_nonce: bool,
}

impl TurnMessage {
    /// Decodes a message whose end may be cut off, because records keep only the beginning of media.
    ///
    /// # Errors
    /// When the bytes do not begin with a STUN header of a TURN method, or an attribute is malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, TurnError> {
        let header = bytes.get(..HEADER).ok_or(TurnError::Truncated)?;
        if header[0] > 3 || header[4..8] != STUN_MAGIC_COOKIE {
            return Err(TurnError::NotTurn);
        }
        let (class, number) = split_type(u16::from_be_bytes([header[0], header[1]]));
        let method = Method::of(number).ok_or(TurnError::NotTurn)?;
        let end = HEADER + usize::from(u16::from_be_bytes([header[2], header[3]]));
        if bytes.len() > end {
            return Err(TurnError::Trailing(bytes.len() - end));
        }
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&header[8..]);
        let mut message = Self::empty(class, method, TransactionId(transaction));
        message.read_attributes(bytes)?;
        Ok(message)
    }

    const fn empty(class: Class, method: Method, transaction: TransactionId) -> Self {
        Self {
            class,
            method,
            transaction,
            peers: Vec::new(),
            relayed: None,
            mapped: None,
            lifetime: None,
            channel: None,
            wants_ipv6: None,
            data: None,
            data_len: 0,
            error: None,
            has_realm: false,
            has_nonce: false,
        }
    }

    fn read_attributes(&mut self, bytes: &[u8]) -> Result<(), TurnError> {
        let mut at = HEADER;
        while let Some([a, b, c, d]) = bytes.get(at..at + 4) {
            let (kind, length) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
            let value = at + 4..(at + 4 + length).min(bytes.len());
            if kind == 0x0013 {
                (self.data, self.data_len) = (Some(value), length);
            } else if value.len() == length {
                self.read_attribute(kind, &bytes[value])?;
            }
            at += 4 + length.next_multiple_of(4);
        }
        Ok(())
    }

    fn read_attribute(&mut self, kind: u16, value: &[u8]) -> Result<(), TurnError> {
        let malformed = TurnError::Attribute(kind);
        match kind {
            0x0009 => {
                let [_, _, class, number, reason @ ..] = value else { return Err(malformed) };
                let code = u16::from(class & 7) * 100 + u16::from(*number);
                // coturn counts a few of the zeros that pad it.
                let end = reason.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                self.error = Some((code, String::from_utf8_lossy(&reason[..end]).into_owned()));
            }
            0x000C => {
                let [high, low, ..] = value else { return Err(malformed) };
                self.channel = Some(u16::from_be_bytes([*high, *low]));
            }
            0x000D => {
                let seconds = u32::from_be_bytes(value.try_into().map_err(|_| malformed)?);
                self.lifetime = Some(Duration::from_secs(u64::from(seconds)));
            }
            0x0012 => self.peers.push(xor_address(value, self.transaction).ok_or(malformed)?),
            0x0014 => self.has_realm = true,
            0x0015 => self.has_nonce = true,
            0x0016 => self.relayed = Some(xor_address(value, self.transaction).ok_or(malformed)?),
            0x0017 => self.wants_ipv6 = Some(*value.first().ok_or(malformed)? == 2),
            0x0020 => self.mapped = Some(xor_address(value, self.transaction).ok_or(malformed)?),
            _ => {}
        }
        Ok(())
    }
}

/// RFC 8489 section 14.2: everything is combined with the cookie, IPv6 with the transaction as well.
pub(crate) fn xor_address(value: &[u8], transaction: TransactionId) -> Option<SocketAddr> {
    let [_, family, high, low, address @ ..] = value else { return None };
    let mut key = [0; 16];
    key[..4].copy_from_slice(&STUN_MAGIC_COOKIE);
    key[4..].copy_from_slice(&transaction.0);
    let ip = match family {
        1 => IpAddr::from(xor(<[u8; 4]>::try_from(address).ok()?, &key)),
        2 => IpAddr::from(xor(<[u8; 16]>::try_from(address).ok()?, &key)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes([high ^ key[0], low ^ key[1]])))
}

fn xor<const N: usize>(mut bytes: [u8; N], key: &[u8]) -> [u8; N] {
    for (byte, key) in bytes.iter_mut().zip(key) {
        *byte ^= key;
    }
    bytes
}

/// Class and method are interleaved in the type (RFC 8489 section 5).
pub(crate) fn split_type(kind: u16) -> (Class, u16) {
    let class = match (kind & 0x0100 != 0, kind & 0x0010 != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::Success,
        (true, true) => Class::Error,
    };
    (class, (kind & 0x000F) | ((kind & 0x00E0) >> 1) | ((kind & 0x3E00) >> 2))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Writes a TURN message, for tests.
    pub fn write(kind: u16, transaction: u8, attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend_from_slice(&kind.to_be_bytes());
            body.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(&STUN_MAGIC_COOKIE);
        bytes.extend_from_slice(&[transaction; 12]);
        bytes.extend_from_slice(&body);
        bytes
    }

    /// XOR-…-ADDRESS of an address.
    pub fn address(transaction: u8, text: &str) -> Vec<u8> {
        let address: SocketAddr = text.parse().unwrap();
        let mut key = STUN_MAGIC_COOKIE.to_vec();
        key.extend_from_slice(&[transaction; 12]);
        let (family, ip) = match address.ip() {
            IpAddr::V4(ip) => (1, ip.octets().to_vec()),
            IpAddr::V6(ip) => (2, ip.octets().to_vec()),
        };
        let mut value = vec![0, family];
        value.extend(address.port().to_be_bytes().iter().zip(&key).map(|(byte, key)| byte ^ key));
        value.extend(ip.iter().zip(&key).map(|(byte, key)| byte ^ key));
        value
    }

    #[test]
    fn an_allocation_tells_its_address_and_its_lifetime() {
        for relayed in ["198.51.100.7:50000", "[2001:db8::7]:50000"] {
            let lifetime = 600_u32.to_be_bytes().to_vec();
            let bytes = write(0x0103, 5, &[(0x0016, address(5, relayed)), (0x000D, lifetime)]);
            let message = TurnMessage::decode(&bytes).unwrap();
            assert_eq!((message.class, message.method), (Class::Success, Method::Allocate));
            assert_eq!(message.relayed, Some(relayed.parse().unwrap()));
            assert_eq!(message.lifetime, Some(Duration::from_secs(600)));
        }
    }

    #[test]
    fn a_challenge_is_an_error_with_realm_and_nonce() {
        let unauthorized = (0x0009, b"\0\0\x04\x01Unauthorized".to_vec());
        let bytes = write(0x0113, 1, &[unauthorized, (0x0014, b"floe".to_vec()), (0x0015, b"n".to_vec())]);
        let message = TurnMessage::decode(&bytes).unwrap();
        assert_eq!(message.error, Some((401, "Unauthorized".to_owned())));
        assert!(message.class == Class::Error && message.has_realm && message.has_nonce);
    }

    #[test]
    fn permissions_may_name_several_peers() {
        let peers = ["203.0.113.9:0", "203.0.113.10:0"];
        let attributes: Vec<_> = peers.iter().map(|peer| (0x0012, address(2, peer))).collect();
        let message = TurnMessage::decode(&write(0x0008, 2, &attributes)).unwrap();
        assert_eq!(message.method, Method::CreatePermission);
        assert_eq!(message.peers, peers.map(|peer| peer.parse().unwrap()));
    }

    #[test]
    fn binding_and_damaged_attributes_are_refused() {
        assert_eq!(TurnMessage::decode(&write(0x0001, 1, &[])), Err(TurnError::NotTurn));
        let short = write(0x0103, 1, &[(0x0016, vec![0, 1, 0])]);
        assert_eq!(TurnMessage::decode(&short), Err(TurnError::Attribute(0x0016)));
        assert_eq!(TurnMessage::decode(&[0; 19]), Err(TurnError::Truncated));
    }
}
