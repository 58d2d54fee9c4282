//! The 32 characters codes are made of, and the checksum over them.

use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};

/// Crockford's base32: no I, L, O or U.
const SYMBOLS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str(SYMBOLS);
    specification.encoding().expect("32 distinct ASCII symbols make an encoding")
});

/// Spells bytes in the alphabet.
pub(crate) fn spell(bytes: &[u8]) -> String {
    BASE32.encode(bytes)
}

/// Reads what [`spell`] wrote. Unused bits at the end must be zero.
pub(crate) fn unspell(symbols: &[u8]) -> Option<Vec<u8>> {
    BASE32.decode(symbols).ok()
}

/// The symbol a character stands for, in either case and with the letters that are easily taken for digits.
pub(crate) fn symbol(character: char) -> Option<u8> {
    let folded = match ascii_of(character).to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    SYMBOLS.bytes().find(|symbol| char::from(*symbol) == folded)
}

/// The number a symbol stands for.
pub(crate) fn value(symbol: u8) -> Option<u8> {
    SYMBOLS.bytes().position(|candidate| candidate == symbol).and_then(|value| u8::try_from(value).ok())
}

/// The symbol for the lowest five bits of a number.
pub(crate) fn symbol_of(value: usize) -> char {
    char::from(SYMBOLS.as_bytes()[value & 31])
}

/// Undoes the full-width forms that East Asian keyboards and chats make of ASCII.
fn ascii_of(character: char) -> char {
    const FULL_WIDTH_OFFSET: u32 = 0xFF01 - 0x21;
    match character {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(character) - FULL_WIDTH_OFFSET).unwrap_or(character),
        other => other,
    }
}

/// CRC-32 (IEEE 802.3, reflected). It finds every burst of up to 32 wrong bits, so every single wrong character and
/// every pair of swapped neighbours; a truncated hash would only do so with high probability.
pub(crate) fn crc32<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u32 {
    !bytes.into_iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_well_known_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn letters_that_look_like_digits_are_read_as_digits() {
        for (character, expected) in [('o', b'0'), ('O', b'0'), ('i', b'1'), ('l', b'1'), ('L', b'1'), ('z', b'Z')] {
            assert_eq!(symbol(character), Some(expected));
        }
        assert_eq!(symbol('F'), Some(b'F'));
        assert_eq!(symbol('u'), None);
        assert_eq!(symbol('é'), None);
    }

    #[test]
    fn spelling_goes_back_to_the_same_bytes() {
        for length in 0..20_u8 {
            let bytes: Vec<u8> = (0..length).map(|i| i.wrapping_mul(37)).collect();
            assert_eq!(unspell(spell(&bytes).as_bytes()), Some(bytes));
        }
    }

    #[test]
    fn symbols_and_numbers_agree() {
        for number in 0..32 {
            assert_eq!(value(symbol_of(number) as u8), u8::try_from(number).ok());
        }
    }
}
