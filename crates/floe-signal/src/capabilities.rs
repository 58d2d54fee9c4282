//! What the maker of a code can do, as bits that older readers ignore.

/// A set of capability bits. Bits that this version has no name for are kept and ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capabilities(pub u16);

impl Capabilities {
    /// Opus audio over SRTP.
    pub const AUDIO: Self = Self(1);
    /// The SCTP control channel `floe`.
    pub const CONTROL_CHANNEL: Self = Self(1 << 1);

    const NAMED: [(Self, &'static str); 2] = [(Self::AUDIO, "audio"), (Self::CONTROL_CHANNEL, "control channel")];

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names of the bits this version knows.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMED.iter().filter(|(bit, _)| self.contains(*bit)).map(|(_, name)| *name).collect()
    }

    /// How many set bits this version has no name for.
    #[must_use]
    pub fn unknown(self) -> u32 {
        let known = Self::NAMED.iter().fold(0, |bits, (bit, _)| bits | bit.0);
        (self.0 & !known).count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_bits_are_counted_and_do_not_hide_known_ones() {
        let capabilities = Capabilities(0b1100_0001);
        assert!(capabilities.contains(Capabilities::AUDIO) && !capabilities.contains(Capabilities::CONTROL_CHANNEL));
        assert_eq!(capabilities.names(), ["audio"]);
        assert_eq!(capabilities.unknown(), 2);
    }
}
