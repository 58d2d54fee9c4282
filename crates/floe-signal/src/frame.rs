//! The frame around the contents of a code: mark, version, length and checksum. It is the same in all versions.

use crate::alphabet::{crc32, spell, symbol_of, unspell, value};

/// "FLOE" in the alphabet of codes.
pub(crate) const MARK: &[u8; 4] = b"F10E";
/// Mark, version and length.
pub(crate) const HEADER: usize = 8;
const CHECKSUM: usize = 4;

/// The intact insides of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) version: u8,
    pub(crate) contents: Vec<u8>,
}

/// What the first characters say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u8,
    /// Length of the whole code.
    pub(crate) characters: usize,
}

impl Header {
    /// Reads the version and the length; the mark is the caller's business.
    pub(crate) fn read(symbols: &[u8]) -> Option<Self> {
        let numbers: Vec<u8> = symbols.get(MARK.len()..HEADER)?.iter().map_while(|symbol| value(*symbol)).collect();
        let [version, high, middle, low] = numbers.try_into().ok()?;
        let characters = usize::from(high) << 10 | usize::from(middle) << 5 | usize::from(low);
        Some(Self { version, characters })
    }

    fn write(self) -> String {
        let length = [10, 5, 0].map(|shift| symbol_of(self.characters >> shift));
        MARK.iter().map(|byte| char::from(*byte)).chain([symbol_of(self.version.into())]).chain(length).collect()
    }
}

/// Puts contents into a frame.
pub(crate) fn wrap(version: u8, contents: &[u8]) -> String {
    let characters = HEADER + ((contents.len() + CHECKSUM) * 8).div_ceil(5);
    let header = Header { version, characters }.write();
    let checksum = crc32(header.as_bytes().iter().chain(contents));
    let spelled = spell(&[contents, &checksum.to_le_bytes()].concat());
    header + &spelled
}

/// Takes contents out of a frame, if they are intact.
pub(crate) fn unwrap(symbols: &[u8]) -> Option<Frame> {
    let header = Header::read(symbols)?;
    if !symbols.starts_with(MARK) || header.characters != symbols.len() {
        return None;
    }
    let (head, spelled) = symbols.split_at_checked(HEADER)?;
    let mut contents = unspell(spelled)?;
    let checksum = contents.split_off(contents.len().checked_sub(CHECKSUM)?);
    let intact = crc32(head.iter().chain(&contents)).to_le_bytes()[..] == checksum[..];
    intact.then_some(Frame { version: header.version, contents })
}

/// Whether only the mark or the length is wrong.
pub(crate) fn is_intact_with_another_header(symbols: &[u8]) -> bool {
    let Some(header) = Header::read(symbols) else { return false };
    let repaired = Header { characters: symbols.len(), ..header }.write();
    unwrap(&[repaired.as_bytes(), &symbols[HEADER..]].concat()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_of_every_length_come_back() {
        for length in 0..40 {
            let contents = vec![0xA7; length];
            let text = wrap(3, &contents);
            assert_eq!(unwrap(text.as_bytes()), Some(Frame { version: 3, contents }));
            assert_eq!(Header::read(text.as_bytes()), Some(Header { version: 3, characters: text.len() }));
        }
    }

    #[test]
    fn swapped_neighbours_are_noticed() {
        let text = wrap(1, b"some contents of a code").into_bytes();
        for at in 1..text.len() {
            let mut swapped = text.clone();
            swapped.swap(at - 1, at);
            assert!(swapped == text || unwrap(&swapped).is_none(), "swapped at {at}");
        }
    }
}
