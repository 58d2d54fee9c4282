//! Restart keys: ICE credentials of every later generation, known to both ends before anything breaks.
//!
//! HKDF (RFC 5869, SHA-256) over the keying material of the DTLS exporter. Each side of each generation has an `info`
//! of its own, so no two are alike, and a generation's number is never used twice. Whoever saw the wire, an old
//! generation's credentials or the codes learns nothing about the next ones; a path that died needs no message to be
//! followed by another.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;

/// How many bytes a generation's credentials of one side are made of.
pub const RESTART_BYTES: usize = 24;

/// Separates this use of the keying material from every other.
const SALT: &[u8] = b"floe ICE restart 1";

/// Whose credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Ours.
    Local,
    /// The peer's.
    Remote,
}

/// What credentials of later generations are derived from. A secret.
#[derive(Clone)]
pub struct RestartKeys {
    keys: Hkdf<Sha256>,
    is_client: bool,
}

impl fmt::Debug for RestartKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestartKeys").finish_non_exhaustive()
    }
}

impl RestartKeys {
    pub(crate) fn new(keying: &[u8], is_client: bool) -> Self {
        Self { keys: Hkdf::new(Some(SALT), keying), is_client }
    }

    /// The bytes that one side's credentials of a generation are spelled from; the peer derives the same ones for the
    /// other [`Side`].
    #[must_use]
    pub fn credentials(&self, side: Side, generation: u32) -> [u8; RESTART_BYTES] {
        let of_client = self.is_client == (side == Side::Local);
        let owner: &[u8] = if of_client { b"client" } else { b"server" };
        let mut bytes = [0; RESTART_BYTES];
        let expanded = self.keys.expand_multi_info(&[owner, &generation.to_be_bytes()], &mut bytes);
        debug_assert!(expanded.is_ok(), "24 bytes are within what HKDF gives");
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn both_ends_derive_the_same_for_each_other() {
        let [client, server] = [true, false].map(|is_client| RestartKeys::new(b"exported", is_client));
        for generation in [1, 2, 900] {
            assert_eq!(
                client.credentials(Side::Local, generation),
                server.credentials(Side::Remote, generation),
                "generation {generation}"
            );
            assert_eq!(client.credentials(Side::Remote, generation), server.credentials(Side::Local, generation));
        }
    }

    #[test]
    fn no_two_credentials_are_alike() {
        let keys = [b"one call", b"another "].map(|exported| RestartKeys::new(exported, true));
        let all = keys.iter().flat_map(|keys| {
            (0..50).flat_map(|generation| [Side::Local, Side::Remote].map(|side| keys.credentials(side, generation)))
        });
        assert_eq!(all.collect::<BTreeSet<_>>().len(), 200);
    }

    #[test]
    fn nothing_of_them_is_printed() {
        assert_eq!(format!("{:?}", RestartKeys::new(b"exported", true)), "RestartKeys { .. }");
    }
}
