//! The code: all that one side tells the other before the first packet.

use std::fmt;

use floe_wire::Candidate;

use crate::{CandidateProblem, Capabilities, CodeError, HiddenHost, describe, frame, layout, paste};

/// The version of codes that this crate makes.
pub const VERSION: u8 = 1;

/// How to reach one side and which certificate to expect of it.
///
/// As text it is one line of upper-case characters, `F10E` first. The frame around the contents is the same in all
/// versions, so that an intact code of a newer version can be told from a damaged one:
///
/// | characters | what |
/// |---|---|
/// | 4 | `F10E`, "FLOE" in the alphabet of codes |
/// | 1 | version |
/// | 3 | length of the whole code in characters, most significant first |
/// | rest | contents and CRC-32 (IEEE, little-endian) over the eight characters' values and the contents, in base32 |
///
/// The alphabet is Crockford's base32 (no I, L, O, U); reading takes either case, O for 0, I and L for 1.
/// Contents of version 1, numbers big-endian:
///
/// | bytes | what |
/// |---|---|
/// | 8 | tie-breaker |
/// | 6 | user fragment (8 base64 characters), zero if it comes as a field |
/// | 18 | password (24 base64 characters), zero if it comes as a field |
/// | 32 | SHA-256 fingerprint of the DTLS certificate |
/// | 5 | creation time, seconds since the Unix epoch |
/// | 2 | capability bits; unknown ones are ignored |
/// | rest | fields, each tag (1 byte), length (1 byte), body; unknown tags are skipped |
///
/// | tag | body |
/// |---|---|
/// | `0x01` | NAT summary, 2 bytes |
/// | `0x02` | user fragment as text, of another maker |
/// | `0x03` | password as text, of another maker |
/// | `0x04` | TCP ports, 2 bytes each, of the address of every UDP host candidate that is not loopback |
/// | `0x82` | a hidden host: the UUID of its `.local` name (16), port (2), local preference (2); after all candidates |
/// | `0x80`–`0xFF` | a candidate; the tag is `1ttppf0x` |
///
/// | bits | meaning |
/// |---|---|
/// | `tt` | host, srflx, prflx, relay |
/// | `pp` | UDP, TCP active, TCP passive, TCP simultaneous-open |
/// | `f` | IPv6 |
/// | `0` | set for names instead of addresses; but for `0x82` a kind to come, which is skipped |
/// | `x` | the priority is explicit |
///
/// The first of the TCP ports is the one for simultaneous opening, 0 for none; on the others the addresses listen. All
/// of them dial, too: each address stands for an active candidate, one with simultaneous opening and a passive one for
/// each port, with priorities that follow from the local preference of its UDP candidate (RFC 6544 section 4.2); of the
/// second port to listen on from one that is 8 lower, and so on.
///
/// A candidate's body is its address (4 or 16 bytes), port (2), local preference (2), from which the priority follows,
/// or the explicit priority (4), foundation number (1: candidates with the same number share a foundation; its text is
/// not carried, since RFC 8445 section 5.1.1.3 uses it for equality alone), and the related address: nothing, the
/// position of the candidate that has it (1), or an address and port (6 or 18). What follows is ignored.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// Version of the layout.
    pub version: u8,
    /// RFC 8445 section 7.1.2; the larger one is controlling.
    pub tie_breaker: u64,
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password. Never shown.
    pub password: String,
    /// SHA-256 of the DTLS certificate.
    pub fingerprint: [u8; 32],
    /// When it was made, seconds since the Unix epoch by the maker's clock.
    pub created_s: u64,
    /// What the maker can do.
    pub capabilities: Capabilities,
    /// How the maker's NAT maps and filters, where it was measured.
    pub nat_summary: Option<[u8; 2]>,
    /// Where the maker can be reached.
    pub candidates: Vec<Candidate>,
    /// Where it can be reached within its own network, whose addresses it does not tell.
    pub hidden: Vec<HiddenHost>,
}

impl Code {
    /// Writes the code as one line. Candidates above [`MAX_CANDIDATES`](crate::MAX_CANDIDATES) are left out; the
    /// layout is always that of [`VERSION`].
    #[must_use]
    pub fn encode(&self) -> String {
        frame::wrap(VERSION, &layout::write(self))
    }

    /// Finds and reads the code in a pasted text, with what is wrong with single candidates.
    ///
    /// White space, line wraps, quoting, case, text around and the characters that chat apps add do not matter.
    ///
    /// # Errors
    /// Says what is wrong with the text when it holds no usable code.
    pub fn decode(text: &str) -> Result<(Self, Vec<CandidateProblem>), CodeError> {
        let frame = paste::find(text)?;
        match frame.version {
            VERSION => layout::read(&frame.contents),
            version => Err(CodeError::NewerVersion { version }),
        }
    }

    /// Says in sentences what the code contains and what it reveals. The password is not among it.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        describe::describe(self)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("version", &self.version)
            .field("tie_breaker", &self.tie_breaker)
            .field("ufrag", &self.ufrag)
            .field("password", &"(not shown)")
            .field("fingerprint", &format_args!("{}", describe::colon_hex(&self.fingerprint)))
            .field("created_s", &self.created_s)
            .field("capabilities", &self.capabilities)
            .field("nat_summary", &self.nat_summary)
            .field("candidates", &self.candidates)
            .field("hidden", &self.hidden)
            .finish()
    }
}

#[cfg(test)]
mod tests;
