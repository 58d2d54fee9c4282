//! Multicast DNS (RFC 6762) as far as hidden addresses need it: random `.local` names, asked for and answered.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// The port of multicast DNS (RFC 6762 section 3).
pub const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0xFB);

/// The group and port of multicast DNS for whoever speaks from this address (RFC 6762 section 3).
#[must_use]
pub const fn group(local: IpAddr) -> SocketAddr {
    let group = match local {
        IpAddr::V4(_) => IpAddr::V4(GROUP_V4),
        IpAddr::V6(_) => IpAddr::V6(GROUP_V6),
    };
    SocketAddr::new(group, PORT)
}

/// The longest message that is read; names are short, and answers fit into one Ethernet frame.
pub const MAX_MESSAGE: usize = 1500;

/// Entries of one message that are looked at.
const MAX_ENTRIES: u16 = 32;
/// Labels and jumps of one name that are followed.
const MAX_STEPS: usize = 32;
/// Seconds that an answer may be kept (RFC 6762 section 10).
const TTL: u32 = 120;

const RESPONSE: u16 = 0x8000;
const AUTHORITATIVE: u16 = 0x0400;
/// Operation and result code, which must be zero (RFC 6762 sections 18.3 and 18.11).
const MUST_BE_ZERO: u16 = 0x780F;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const TYPE_ANY: u16 = 255;
const CLASS_IN: u16 = 1;
/// In answers: what was known of the name before is void (RFC 6762 section 10.2).
const CACHE_FLUSH: u16 = 0x8000;
/// Where a UUID has hyphens, counted in bytes of the UUID.
const HYPHENS: [usize; 4] = [4, 6, 8, 10];
const UUID_TEXT: usize = 36;

/// A random name, `<UUID>.local`, that stands for an address which is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HiddenName(pub [u8; 16]);

impl HiddenName {
    /// Makes a name from 16 random bytes (RFC 9562 section 5.4: version 4).
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        Self(bytes)
    }

    fn uuid(self) -> String {
        let mut text = String::with_capacity(UUID_TEXT);
        for (at, byte) in self.0.iter().enumerate() {
            let hyphen = if HYPHENS.contains(&at) { "-" } else { "" };
            text.push_str(&format!("{hyphen}{byte:02x}"));
        }
        text
    }

    fn from_uuid(label: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(label).ok().filter(|text| text.is_ascii() && text.len() == UUID_TEXT)?;
        let digits: String = text.chars().filter(|character| *character != '-').collect();
        if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let name = Self(u128::from_str_radix(&digits, 16).ok()?.to_be_bytes());
        name.uuid().eq_ignore_ascii_case(text).then_some(name)
    }

    fn put(self, message: &mut Vec<u8>) {
        for label in [self.uuid().as_str(), "local"] {
            message.push(u8::try_from(label.len()).unwrap_or(0));
            message.extend(label.as_bytes());
        }
        message.push(0);
    }
}

impl fmt::Display for HiddenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.local", self.uuid())
    }
}

/// What a message says of hidden names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Somebody asks for the name's address.
    Asked(HiddenName),
    /// Somebody says what it is.
    Answered(HiddenName, IpAddr),
}

/// Asks for the address of a name, of whichever family: the name does not tell.
#[must_use]
pub fn question(name: HiddenName) -> Vec<u8> {
    let mut message = header(0, [2, 0]);
    for kind in [TYPE_A, TYPE_AAAA] {
        name.put(&mut message);
        put(&mut message, [kind, CLASS_IN]);
    }
    message
}

/// Says the address of a name.
#[must_use]
pub fn answer(name: HiddenName, address: IpAddr) -> Vec<u8> {
    let mut message = header(RESPONSE | AUTHORITATIVE, [0, 1]);
    name.put(&mut message);
    let kind = if address.is_ipv4() { TYPE_A } else { TYPE_AAAA };
    put(&mut message, [kind, CLASS_IN | CACHE_FLUSH]);
    message.extend(TTL.to_be_bytes());
    match address {
        IpAddr::V4(ip) => {
            put(&mut message, [4]);
            message.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            put(&mut message, [16]);
            message.extend(ip.octets());
        }
    }
    message
}

fn header(flags: u16, [questions, answers]: [u16; 2]) -> Vec<u8> {
    let mut message = Vec::new();
    put(&mut message, [0, flags, questions, answers, 0, 0]);
    message
}

fn put<const N: usize>(message: &mut Vec<u8>, numbers: [u16; N]) {
    message.extend(numbers.into_iter().flat_map(u16::to_be_bytes));
}

/// Reads what a message says of hidden names, up to where it is malformed; other names are passed over.
#[must_use]
pub fn read(message: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    if message.len() <= MAX_MESSAGE {
        // Where it ends early, what came before stands: each entry is complete in itself.
        let _ended_early = Reader { message, at: 0 }.read(&mut said);
    }
    said
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn read(&mut self, said: &mut Vec<Said>) -> Option<()> {
        let [_id, flags, questions, answers, _, _] = self.numbers()?;
        if flags & MUST_BE_ZERO != 0 {
            return None;
        }
        let is_response = flags & RESPONSE != 0;
        for _ in 0..questions.min(MAX_ENTRIES) {
            let name = self.name()?;
            let [kind, class] = self.numbers()?;
            let is_asked = !is_response && matches!(kind, TYPE_A | TYPE_AAAA | TYPE_ANY) && is_internet(class);
            // Both families are asked for in one message.
            let asked = name.filter(|_| is_asked).map(Said::Asked);
            said.extend(asked.filter(|asked| said.last() != Some(asked)));
        }
        // Questions beyond the cap stand before the answers, which cannot be found then.
        for _ in 0..if is_response && questions <= MAX_ENTRIES { answers.min(MAX_ENTRIES) } else { 0 } {
            let name = self.name()?;
            let [kind, class, ttl_high, ttl_low, length] = self.numbers()?;
            let data = self.message.get(self.at..self.at + usize::from(length))?;
            self.at += data.len();
            let is_alive = (ttl_high, ttl_low) != (0, 0);
            if let (Some(name), Some(address)) = (name, address(kind, data))
                && is_internet(class)
                && is_alive
            {
                said.push(Said::Answered(name, address));
            }
        }
        Some(())
    }

    fn numbers<const N: usize>(&mut self) -> Option<[u16; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = u16::from_be_bytes(*self.message.get(self.at..)?.first_chunk()?);
            self.at += 2;
        }
        Some(numbers)
    }

    /// Reads a name (RFC 1035 section 4.1.4); none inside if it is no hidden one.
    fn name(&mut self) -> Option<Option<HiddenName>> {
        let mut labels: Vec<&[u8]> = Vec::new();
        let mut cursor = self.at;
        let mut end = None;
        for _ in 0..MAX_STEPS {
            let length = usize::from(*self.message.get(cursor)?);
            match length {
                0 => {
                    self.at = end.unwrap_or(cursor + 1);
                    return Some(hidden(&labels));
                }
                1..=63 => {
                    labels.push(self.message.get(cursor + 1..cursor + 1 + length)?);
                    cursor += 1 + length;
                }
                0xC0.. => {
                    let low = usize::from(*self.message.get(cursor + 1)?);
                    end = end.or(Some(cursor + 2));
                    cursor = (length & 0x3F) << 8 | low;
                }
                _ => return None,
            }
        }
        None
    }
}

fn address(kind: u16, data: &[u8]) -> Option<IpAddr> {
    match kind {
        TYPE_A => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
        TYPE_AAAA => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
        _ => None,
    }
}

fn hidden(labels: &[&[u8]]) -> Option<HiddenName> {
    match labels {
        [uuid, local] if local.eq_ignore_ascii_case(b"local") => HiddenName::from_uuid(uuid),
        _ => None,
    }
}

/// In questions the highest bit asks for an answer to us alone, in answers it is the cache-flush bit.
const fn is_internet(class: u16) -> bool {
    class & !CACHE_FLUSH == CLASS_IN || class == 255
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: HiddenName = HiddenName([0xAB; 16]);
    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2));

    #[test]
    fn a_name_is_a_random_uuid_in_local() {
        let name = HiddenName::from_random([0xFF; 16]);
        assert_eq!(name.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff.local");
    }

    #[test]
    fn names_are_read_in_either_case_and_through_pointers() {
        let mut message = answer(NAME, ADDRESS);
        message[12..].make_ascii_uppercase();
        message[7] = 2;
        message.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, 0, 1]);
        let second = Said::Answered(NAME, Ipv4Addr::new(10, 0, 0, 1).into());
        assert_eq!(read(&message), [Said::Answered(NAME, ADDRESS), second]);
    }

    #[test]
    fn names_that_point_at_themselves_end() {
        let mut message = header(0, [1, 0]);
        message.extend([0xC0, 12, 0, 1, 0, 1]);
        assert_eq!(read(&message), []);
    }

    #[test]
    fn withdrawn_answers_and_errors_say_nothing() {
        let mut withdrawn = answer(NAME, ADDRESS);
        let ttl = withdrawn.len() - 10;
        withdrawn[ttl..ttl + 4].fill(0);
        assert_eq!(read(&withdrawn), []);
        let mut failed = answer(NAME, ADDRESS);
        failed[3] = 3;
        assert_eq!(read(&failed), []);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(name: [u8; 16], address: IpAddr) {
            let name = HiddenName(name);
            prop_assert_eq!(read(&question(name)), [Said::Asked(name)]);
            prop_assert_eq!(read(&answer(name, address)), [Said::Answered(name, address)]);
        }

        #[test]
        fn damaged_messages_say_little_and_do_no_harm(at in 0..80_usize, bytes: [u8; 6], cut in 0..80_usize) {
            let mut message = answer(NAME, ADDRESS);
            let at = at.min(message.len() - bytes.len());
            message[at..at + bytes.len()].copy_from_slice(&bytes);
            message.truncate(message.len().saturating_sub(cut));
            prop_assert!(read(&message).len() <= 2 * usize::from(MAX_ENTRIES));
        }

        #[test]
        fn any_bytes_say_little_and_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..1600)) {
            prop_assert!(read(&bytes).len() <= 2 * usize::from(MAX_ENTRIES));
        }
    }
}
