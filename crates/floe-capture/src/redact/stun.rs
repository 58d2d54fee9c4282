//! STUN and TURN messages: addresses and user names rewritten in place, so that every length stays.

use std::net::{IpAddr, SocketAddr};

use floe_wire::{demux::STUN_MAGIC_COOKIE, stun::StunMessage};

use super::{packet, pseudonyms::Pseudonyms};

const HEADER: usize = 20;

/// What FINGERPRINT is combined with (RFC 8489 section 14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// Rewrites a message. One that does not parse stays one that does not parse.
pub(super) fn redact(pseudonyms: &mut Pseudonyms, message: &mut [u8]) {
    let is_well_formed = StunMessage::decode(message).is_ok();
    let declared = HEADER + usize::from(u16::from_be_bytes([message[2], message[3]]));
    if message.len() < HEADER {
        return;
    }
    if !is_well_formed && message.len() >= declared {
        // An attribute that claims to be longer than the message.
        message[HEADER..].fill(0xFF);
        return;
    }
    let (header, mut attributes) = message.split_at_mut(HEADER);
    let mut transaction = [0; 12];
    transaction.copy_from_slice(&header[8..]);
    let mut fingerprint = None;
    let mut at = HEADER;
    while attributes.len() >= 4 {
        let kind = u16::from_be_bytes([attributes[0], attributes[1]]);
        let length = usize::from(u16::from_be_bytes([attributes[2], attributes[3]]));
        let whole = 4 + length.next_multiple_of(4);
        let (attribute, behind) = attributes.split_at_mut(whole.min(attributes.len()));
        let there = length.min(attribute.len() - 4);
        let (value, padding) = attribute[4..].split_at_mut(there);
        padding.fill(0);
        if value.len() == length || kind == 0x0013 {
            redact_attribute(pseudonyms, kind, &transaction, value);
        } else {
            value.fill(0);
        }
        if kind == 0x8028 && length == 4 && value.len() == 4 {
            fingerprint = Some(at);
        }
        at += whole;
        attributes = behind;
    }
    attributes.fill(0);
    if let Some(at) = fingerprint.filter(|_| is_well_formed) {
        let checksum = crc32fast::hash(&message[..at]) ^ FINGERPRINT_XOR;
        message[at + 4..at + 8].copy_from_slice(&checksum.to_be_bytes());
    }
}

fn redact_attribute(pseudonyms: &mut Pseudonyms, kind: u16, transaction: &[u8; 12], value: &mut [u8]) {
    match kind {
        // USERNAME: two user fragments, or the name of a TURN user.
        0x0006 => redact_username(pseudonyms, value),
        // XOR-PEER-ADDRESS, XOR-RELAYED-ADDRESS, XOR-MAPPED-ADDRESS and what it was called in drafts.
        0x0012 | 0x0016 | 0x0020 | 0x8020 => {
            let mut key = [0; 18];
            key[..2].copy_from_slice(&STUN_MAGIC_COOKIE[..2]);
            key[2..6].copy_from_slice(&STUN_MAGIC_COOKIE);
            key[6..].copy_from_slice(transaction);
            redact_address(pseudonyms, &key, value);
        }
        // MAPPED-, RESPONSE-, SOURCE-, CHANGED- and REFLECTED-FROM-ADDRESS, ALTERNATE-SERVER, RESPONSE-ORIGIN,
        // OTHER-ADDRESS.
        0x0001 | 0x0002 | 0x0004 | 0x0005 | 0x000B | 0x8023 | 0x802B | 0x802C => {
            redact_address(pseudonyms, &[0; 18], value);
        }
        // ERROR-CODE: some servers tell more than the reason.
        0x0009 => redact_reason(value),
        // DATA.
        0x0013 => packet::redact(pseudonyms, value),
        // REALM, NONCE and SOFTWARE have to be text.
        0x0014 | 0x0015 | 0x8022 => value.fill(b'x'),
        // CHANGE-REQUEST, UNKNOWN-ATTRIBUTES, CHANNEL-NUMBER, LIFETIME, REQUESTED-ADDRESS-FAMILY, EVEN-PORT,
        // REQUESTED-TRANSPORT, DONT-FRAGMENT, PRIORITY, USE-CANDIDATE, FINGERPRINT, ICE-CONTROLLED, ICE-CONTROLLING,
        // NOMINATION, and the two of RFC 8656 about address families.
        0x0003 | 0x000A | 0x000C | 0x000D | 0x0017 | 0x0018 | 0x0019 | 0x001A | 0x0024 | 0x0025 | 0x8000 | 0x8001
        | 0x8028 | 0x8029 | 0x802A | 0xC001 => {}
        _ => value.fill(0),
    }
}

fn redact_username(pseudonyms: &mut Pseudonyms, value: &mut [u8]) {
    let Ok(name) = std::str::from_utf8(value) else { return value.fill(b'x') };
    let parts: Vec<String> = name.split(':').map(|part| pseudonyms.ufrag(part)).collect();
    let renamed = parts.join(":");
    if renamed.len() == value.len() { value.copy_from_slice(renamed.as_bytes()) } else { value.fill(b'x') }
}

/// An address, whose port and bytes are combined with `key`.
fn redact_address(pseudonyms: &mut Pseudonyms, key: &[u8; 18], value: &mut [u8]) {
    let Some(address) = value.get(2..).filter(|address| matches!(address.len(), 6 | 18)) else {
        return value.fill(0);
    };
    let clear: Vec<u8> = address.iter().zip(key).map(|(byte, key)| byte ^ key).collect();
    let port = u16::from_be_bytes([clear[0], clear[1]]);
    let ip = match (<[u8; 4]>::try_from(&clear[2..]), <[u8; 16]>::try_from(&clear[2..])) {
        (Ok(v4), _) => IpAddr::from(v4),
        (_, Ok(v6)) => IpAddr::from(v6),
        _ => return value.fill(0),
    };
    let pseudonym = pseudonyms.socket(SocketAddr::new(ip, port));
    let mut clear = pseudonym.port().to_be_bytes().to_vec();
    match pseudonym.ip() {
        IpAddr::V4(v4) => clear.extend(v4.octets()),
        IpAddr::V6(v6) => clear.extend(v6.octets()),
    }
    for (at, byte) in clear.iter().enumerate() {
        value[2 + at] = byte ^ key[at];
    }
}

/// Reasons are words; what looks like more is blanked.
fn redact_reason(value: &mut [u8]) {
    let Some(reason) = value.get_mut(4..) else { return };
    let is_words = |byte: &u8| byte.is_ascii_alphabetic() || b" -'()".contains(byte);
    if !reason.iter().all(is_words) {
        reason.fill(b' ');
    }
}
