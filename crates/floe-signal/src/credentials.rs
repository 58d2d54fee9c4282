//! ICE user fragments and passwords, made of random bytes and carried as such.

use data_encoding::BASE64_NOPAD;

/// How many random bytes [`new_credentials`] takes.
pub const CREDENTIAL_BYTES: usize = UFRAG_BYTES + PASSWORD_BYTES;

/// 48 bits: RFC 8445 section 5.3 asks for at least 24. Six bytes are eight ice-chars without padding.
pub(crate) const UFRAG_BYTES: usize = 6;
/// 144 bits: RFC 8445 section 5.3 asks for at least 128. Eighteen bytes are 24 ice-chars without padding.
pub(crate) const PASSWORD_BYTES: usize = 18;

/// Turns random bytes into a user fragment of 8 and a password of 24 ice-chars. The base64 alphabet is exactly the
/// ice-char set of RFC 8839 section 5.4.
#[must_use]
pub fn new_credentials(random: [u8; CREDENTIAL_BYTES]) -> (String, String) {
    let (ufrag, password) = random.split_at(UFRAG_BYTES);
    (to_text(ufrag), to_text(password))
}

/// Spells random bytes as ice-chars.
pub(crate) fn to_text(bytes: &[u8]) -> String {
    BASE64_NOPAD.encode(bytes)
}

/// Gives the bytes behind ice-chars, if exactly `N` bytes spell exactly this text.
pub(crate) fn to_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Whether a text is made of ice-chars and is as long as RFC 8839 section 5.4 asks.
pub(crate) fn is_ice_text(text: &str, min_length: usize) -> bool {
    (min_length..=256).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_ice_chars_of_the_promised_length() {
        for random in [[0; 24], [255; 24], std::array::from_fn(|i| (i * 11) as u8)] {
            let (ufrag, password) = new_credentials(random);
            assert_eq!((ufrag.len(), password.len()), (8, 24));
            assert!(is_ice_text(&ufrag, 4) && is_ice_text(&password, 22));
        }
    }

    #[test]
    fn credentials_go_back_to_their_bytes() {
        let (ufrag, password) = new_credentials(std::array::from_fn(|i| i as u8));
        assert_eq!(to_bytes::<6>(&ufrag), Some([0, 1, 2, 3, 4, 5]));
        assert_eq!(to_bytes::<18>(&password), Some(std::array::from_fn(|i| i as u8 + 6)));
    }

    #[test]
    fn credentials_of_other_makers_have_no_compact_form() {
        assert_eq!(to_bytes::<6>("abcd"), None);
        assert_eq!(to_bytes::<6>("has-dash"), None);
        assert!(is_ice_text("abcd", 4) && !is_ice_text("has-dash", 4) && !is_ice_text("abc", 4));
    }
}
