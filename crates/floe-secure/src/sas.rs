//! The short authentication string: four words that are the same on both sides unless somebody sits in between.
//!
//! SHA-256 over a label, both fingerprints in sorted order and the keying material that only the two ends of this one
//! DTLS session share; its first 44 bits choose four words of the BIP-39 English list (2048 words, 11 bits each, made
//! to be told apart by ear). Whoever sits in between has two DTLS sessions with two keying materials, and a chance of
//! 1 in 2^44 that the words agree.

use bip39::Language;
use sha2::{Digest as _, Sha256};

use crate::Fingerprint;

/// Separates this use of the keying material from every other.
const LABEL: &[u8] = b"floe short authentication string 1";

/// The four words.
pub(crate) fn words(keying: &[u8], local: Fingerprint, remote: Fingerprint) -> [String; 4] {
    let mut hash = Sha256::new();
    hash.update(LABEL);
    hash.update(local.0.min(remote.0));
    hash.update(local.0.max(remote.0));
    hash.update(keying);
    let digest: [u8; 32] = hash.finalize().into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    let bits = u64::from_be_bytes(first);
    let list = Language::English.word_list();
    std::array::from_fn(|word| list[(bits >> (64 - 11 * (word + 1))) as usize & 2047].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Fingerprint = Fingerprint([1; 32]);
    const TWO: Fingerprint = Fingerprint([2; 32]);

    #[test]
    fn both_sides_read_the_same_words() {
        assert_eq!(words(b"keys", ONE, TWO), words(b"keys", TWO, ONE));
    }

    #[test]
    fn other_keys_or_another_certificate_give_other_words() {
        let words_here = words(b"keys", ONE, TWO);
        assert_ne!(words_here, words(b"other keys", ONE, TWO));
        assert_ne!(words_here, words(b"keys", ONE, Fingerprint([3; 32])));
    }
}
