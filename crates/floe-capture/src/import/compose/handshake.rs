//! What a DTLS handshake shows without keys: its version, cipher suite, SRTP profile, and certificates before DTLS 1.3.

use std::collections::BTreeMap;

use floe_wire::{Direction, note::SeenSecurity};
use sha2::{Digest as _, Sha256};

/// DTLS content types (RFC 6347 section 4.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
/// Content type, version, epoch, number and length before each record.
const RECORD_HEADER: usize = 13;
/// Type, length, number and place before each part of a message (RFC 6347 section 4.2.2).
const FRAGMENT_HEADER: usize = 12;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
/// Extensions (RFC 5764 section 4.1.1, RFC 8446 section 4.2.1).
const USE_SRTP: u16 = 14;
const SUPPORTED_VERSIONS: u16 = 43;
/// The longest message that is put together; chains of WebRTC are a tenth of it.
const MESSAGE_MAX: usize = 16 * 1024;
/// Messages of one side that are put together at once; a flight has half as many.
const MESSAGES_KEPT: usize = 16;

/// What was seen of a handshake so far.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    /// What is known.
    pub security: SeenSecurity,
    /// Whether either side, outbound first, has sent what only a side with keys sends.
    is_encrypting: [bool; 2],
    /// Messages of which parts are missing, by side and number.
    begun: BTreeMap<(bool, u16), Message>,
}

/// A message in parts. Parts come in order or again; one that leaves a gap waits for the retransmission of all.
#[derive(Debug)]
struct Message {
    kind: u8,
    length: usize,
    bytes: Vec<u8>,
}

impl Handshake {
    /// Takes a datagram; tells whether it begins a handshake.
    pub fn take(&mut self, direction: Direction, datagram: &[u8]) -> bool {
        let is_ours = direction == Direction::Outbound;
        let mut is_hello = false;
        let mut rest = datagram;
        while let Some(kind) = rest.first() {
            // Only DTLS 1.3 has the short header (RFC 9147 section 4), and only 1.2 and older ones change the cipher.
            if matches!(kind, 32..=63) {
                self.is_encrypting[usize::from(!is_ours)] = true;
                self.security.dtls_version.get_or_insert_with(|| "DTLS 1.3".to_owned());
                break;
            }
            let Some(header) = rest.get(..RECORD_HEADER) else { break };
            let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
            let (body, after) = rest[RECORD_HEADER..].split_at(length.min(rest.len() - RECORD_HEADER));
            match (*kind, [header[3], header[4]]) {
                (CHANGE_CIPHER_SPEC, _) => {
                    self.is_encrypting[usize::from(!is_ours)] = true;
                    self.security.dtls_version.get_or_insert_with(|| "DTLS 1.2".to_owned());
                }
                (HANDSHAKE, [0, 0]) => is_hello |= self.record(is_ours, body),
                _ => {}
            }
            rest = after;
        }
        is_hello
    }

    /// Whether both sides have keys.
    pub fn is_over(&self) -> bool {
        self.is_encrypting == [true; 2]
    }

    /// Takes the parts of messages in a record that is not encrypted.
    fn record(&mut self, is_ours: bool, mut body: &[u8]) -> bool {
        let mut is_hello = false;
        while let Some(header) = body.get(..FRAGMENT_HEADER) {
            let number = |at: usize| {
                usize::from(header[at]) << 16 | usize::from(header[at + 1]) << 8 | usize::from(header[at + 2])
            };
            let (length, offset, part) = (number(1), number(6), number(9));
            let sequence = u16::from_be_bytes([header[4], header[5]]);
            is_hello |= header[0] == CLIENT_HELLO;
            let Some(bytes) = body.get(FRAGMENT_HEADER..FRAGMENT_HEADER + part) else { break };
            body = &body[FRAGMENT_HEADER + part..];
            if matches!(header[0], SERVER_HELLO | CERTIFICATE) && length <= MESSAGE_MAX {
                self.part((is_ours, sequence), Message { kind: header[0], length, bytes: bytes.to_vec() }, offset);
            }
        }
        is_hello
    }

    fn part(&mut self, key: (bool, u16), part: Message, offset: usize) {
        if self.begun.len() >= MESSAGES_KEPT && !self.begun.contains_key(&key) {
            return;
        }
        let message = self.begun.entry(key).or_insert(Message { bytes: Vec::new(), ..part });
        if (message.kind, message.length) != (part.kind, part.length) || offset > message.bytes.len() {
            return;
        }
        let known = message.bytes.len() - offset;
        message.bytes.extend(part.bytes.get(known..).unwrap_or_default());
        message.bytes.truncate(message.length);
        if message.bytes.len() < message.length {
            return;
        }
        if let Some(whole) = self.begun.remove(&key) {
            let told = match whole.kind {
                SERVER_HELLO => self.server_hello(&whole.bytes),
                _ => self.certificate(key.0, &whole.bytes),
            };
            // A message that does not parse tells nothing.
            let _unreadable = told.is_none();
        }
    }

    /// RFC 5246 section 7.4.1.3.
    fn server_hello(&mut self, body: &[u8]) -> Option<()> {
        let session = usize::from(*body.get(34)?);
        let rest = body.get(35 + session..)?;
        let suite = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
        let mut version = [*body.first()?, *body.get(1)?];
        let mut extensions = rest.get(5..).unwrap_or_default();
        while let Some([kind_high, kind_low, high, low]) = extensions.first_chunk() {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let value = extensions.get(4..4 + length)?;
            match u16::from_be_bytes([*kind_high, *kind_low]) {
                USE_SRTP => {
                    let profile = u16::from_be_bytes([*value.get(2)?, *value.get(3)?]);
                    self.security.srtp_cipher = Some(named(srtp_profile(profile), profile));
                }
                SUPPORTED_VERSIONS => version = [*value.first()?, *value.get(1)?],
                _ => {}
            }
            extensions = &extensions[4 + length..];
        }
        self.security.cipher_suite = Some(named(cipher_suite(suite), suite));
        self.security.dtls_version = match version {
            [0xFE, 0xFC] => Some("DTLS 1.3".to_owned()),
            [0xFE, 0xFD] => Some("DTLS 1.2".to_owned()),
            [0xFE, 0xFF] => Some("DTLS 1.0".to_owned()),
            _ => None,
        };
        Some(())
    }

    /// The first certificate of a chain is the sender's own (RFC 5246 section 7.4.2).
    fn certificate(&mut self, is_ours: bool, body: &[u8]) -> Option<()> {
        let length = usize::from(*body.get(3)?) << 16 | usize::from(*body.get(4)?) << 8 | usize::from(*body.get(5)?);
        let digest = Sha256::digest(body.get(6..6 + length)?);
        let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        let place = if is_ours { &mut self.security.local_fingerprint } else { &mut self.security.remote_fingerprint };
        *place = Some(pairs.join(":"));
        Some(())
    }
}

/// A name, or the number of what has none here.
fn named(name: Option<&str>, number: u16) -> String {
    name.map_or_else(|| format!("0x{number:04X}"), str::to_owned)
}

/// What WebRTC implementations agree on (RFC 8827 section 6.5, RFC 8446, RFC 8422, RFC 7905).
fn cipher_suite(number: u16) -> Option<&'static str> {
    Some(match number {
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0xC009 => "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        0xC00A => "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        0xC013 => "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        0xC014 => "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        0xC02B => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xC02C => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xC02F => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xC030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        0xCCA8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0xCCA9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        _ => return None,
    })
}

/// RFC 5764 section 4.1.2, RFC 7714 section 14.2.
fn srtp_profile(number: u16) -> Option<&'static str> {
    Some(match number {
        0x0001 => "SRTP_AES128_CM_HMAC_SHA1_80",
        0x0002 => "SRTP_AES128_CM_HMAC_SHA1_32",
        0x0007 => "SRTP_AEAD_AES_128_GCM",
        0x0008 => "SRTP_AEAD_AES_256_GCM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record with one part of a message.
    fn record(kind: u8, sequence: u16, whole: &[u8], range: std::ops::Range<usize>) -> Vec<u8> {
        let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
        let part = &whole[range.clone()];
        let mut body = vec![kind];
        body.extend(three(whole.len()));
        body.extend(sequence.to_be_bytes());
        body.extend(three(range.start));
        body.extend(three(part.len()));
        body.extend(part);
        let length = (body.len() as u16).to_be_bytes();
        [&[HANDSHAKE, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1][..], &length, &body].concat()
    }

    fn server_hello(extensions: &[u8]) -> Vec<u8> {
        let length = (extensions.len() as u16).to_be_bytes();
        [&[0xFE, 0xFD][..], &[7; 32], &[0], &[0xC0, 0x2B, 0], &length, extensions].concat()
    }

    fn certificate(der: &[u8]) -> Vec<u8> {
        let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
        [three(der.len() + 3), three(der.len()), der.to_vec()].concat()
    }

    #[test]
    fn a_hello_tells_version_suite_and_profile() {
        let mut handshake = Handshake::default();
        let hello = server_hello(&[0, 14, 0, 5, 0, 2, 0, 7, 0]);
        assert!(!handshake.take(Direction::Inbound, &record(SERVER_HELLO, 1, &hello, 0..hello.len())));
        let SeenSecurity { dtls_version, cipher_suite, srtp_cipher, .. } = handshake.security;
        assert_eq!(dtls_version.as_deref(), Some("DTLS 1.2"));
        assert_eq!(cipher_suite.as_deref(), Some("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"));
        assert_eq!(srtp_cipher.as_deref(), Some("SRTP_AEAD_AES_128_GCM"));
    }

    #[test]
    fn a_hello_of_dtls_1_3_says_so_in_an_extension_and_hides_the_profile() {
        let mut handshake = Handshake::default();
        let hello = server_hello(&[0, 43, 0, 2, 0xFE, 0xFC]);
        handshake.take(Direction::Outbound, &record(SERVER_HELLO, 0, &hello, 0..hello.len()));
        assert_eq!(handshake.security.dtls_version.as_deref(), Some("DTLS 1.3"));
        assert_eq!(handshake.security.srtp_cipher, None);
    }

    #[test]
    fn certificates_come_in_parts_and_are_told_by_whose_they_are() {
        let mut handshake = Handshake::default();
        let message = certificate(b"abc");
        for range in [4..message.len(), 0..5, 4..message.len()] {
            assert_eq!(handshake.security.remote_fingerprint, None);
            handshake.take(Direction::Inbound, &record(CERTIFICATE, 2, &message, range));
        }
        let fingerprint = handshake.security.remote_fingerprint.expect("it is whole");
        assert!(fingerprint.starts_with("BA:78:16:BF:8F:01:CF:EA:41:41:40:DE") && fingerprint.len() == 95);
        assert_eq!(handshake.security.local_fingerprint, None);
    }

    proptest! {
        #[test]
        fn arbitrary_records_never_panic_and_keep_little(
            datagrams in proptest::collection::vec((any::<bool>(), 0..3_u8, proptest::collection::vec(any::<u8>(), 0..200)), 0..60),
        ) {
            let mut handshake = Handshake::default();
            for (is_ours, kind, bytes) in datagrams {
                let direction = if is_ours { Direction::Outbound } else { Direction::Inbound };
                let kind = [SERVER_HELLO, CERTIFICATE, CLIENT_HELLO][usize::from(kind)];
                handshake.take(direction, &bytes);
                handshake.take(direction, &record(kind, u16::from(bytes.len() as u8), &bytes, 0..bytes.len()));
                prop_assert!(handshake.begun.len() <= MESSAGES_KEPT);
            }
        }
    }
}
