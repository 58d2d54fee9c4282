//! One whole side of a call, short enough for a person to hand over: what the two records are laid side by side with.

use crate::{Sightings, peer::Digest};

/// What one side's record says of a call, from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SideDigest {
    /// Fingerprints of the maker's user fragments, which its peer knows ([`fragment_print`]).
    pub own_fragments: Vec<u32>,
    /// Fingerprints of its peer's user fragments.
    pub peer_fragments: Vec<u32>,
    /// All pairs and what the maker heard.
    pub digest: Digest,
    /// Messages that the maker saw; those in the middle of a long call may be missing.
    pub sightings: Vec<Sightings>,
}

/// Fragments of either side that are kept; later generations make new ones.
pub const FRAGMENTS_KEPT: usize = 16;
/// Pairs of a side; some generations have that many.
pub const SIDE_PAIRS: usize = 400;
/// Messages of a side that are told at most: of the beginning, where the path is found ...
pub const SIGHTINGS_OF_BEGINNING: usize = 2_000;
/// ... and of the end.
pub const SIGHTINGS_OF_END: usize = 4_000;

/// The fingerprint of a user fragment (FNV-1a): enough to tell two calls apart, and no name of either.
#[must_use]
pub fn fragment_print(ufrag: &str) -> u32 {
    ufrag.bytes().fold(0x811C_9DC5, |print, byte| (print ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_fragments_have_different_prints() {
        assert_eq!(fragment_print(""), 0x811C_9DC5, "the offset basis of FNV-1a");
        assert_eq!(fragment_print("a"), 0xE40C_292C, "as published with FNV-1a");
        assert_ne!(fragment_print("mine"), fragment_print("peer"));
    }
}
