//! Codes as somebody with bad intentions would write them: one that was made by the program, with candidates added.
//!
//! Written without any code of Floe's, from the table of the code's layout alone: what a hostile program does need not be
//! what ours could do.

use std::net::SocketAddrV4;

use anyhow::{Context, Result, ensure};

/// Crockford's base32.
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Mark, version and length.
const HEADER: usize = 8;
/// Mark and version alone.
const BEFORE_LENGTH: usize = 5;
const CHECKSUM: usize = 4;
/// Tie-breaker, user fragment, password, fingerprint, time and capabilities; fields follow.
const FIXED: usize = 8 + 6 + 18 + 32 + 5 + 2;
/// The tag of a host candidate of UDP over IPv4.
const HOST: u8 = 0x80;

/// A code whose contents were changed.
pub struct Doctored {
    header: String,
    contents: Vec<u8>,
}

impl Doctored {
    /// Opens a code.
    ///
    /// # Errors
    /// When it is not one.
    pub fn open(code: &str) -> Result<Self> {
        let (header, spelled) = code.split_at_checked(HEADER).context("a code is longer")?;
        let mut contents = unspell(spelled)?;
        contents.truncate(contents.len().saturating_sub(CHECKSUM));
        ensure!(contents.len() >= FIXED, "the code has {} bytes", contents.len());
        Ok(Self { header: header[..BEFORE_LENGTH].to_owned(), contents })
    }

    /// Adds host candidates before all others.
    #[must_use]
    pub fn with_first(mut self, addresses: impl IntoIterator<Item = SocketAddrV4>) -> Self {
        self.contents.splice(FIXED..FIXED, fields(addresses));
        self
    }

    /// Adds host candidates after all others.
    #[must_use]
    pub fn with_last(mut self, addresses: impl IntoIterator<Item = SocketAddrV4>) -> Self {
        self.contents.extend(fields(addresses));
        self
    }

    /// What can be pasted.
    pub fn code(&self) -> String {
        let length = HEADER + ((self.contents.len() + CHECKSUM) * 8).div_ceil(5);
        let length = [10, 5, 0].map(|shift| char::from(SYMBOLS[length >> shift & 31]));
        let header: String = self.header.chars().chain(length).collect();
        let checksum = crc32(header.bytes().chain(self.contents.iter().copied()));
        header + &spell(&[&self.contents[..], &checksum.to_le_bytes()].concat())
    }
}

/// Tag, length, address, port, local preference and foundation of each.
fn fields(addresses: impl IntoIterator<Item = SocketAddrV4>) -> Vec<u8> {
    let field = |address: SocketAddrV4| {
        let body = [&address.ip().octets()[..], &address.port().to_be_bytes(), &[0, 9], &[1]].concat();
        [&[HOST, body.len() as u8][..], &body].concat()
    };
    addresses.into_iter().flat_map(field).collect()
}

fn spell(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let symbol = |at: usize| (at..at + 5).fold(0, |value, at| value << 1 | usize::from(bit(at)));
    (0..bytes.len() * 8).step_by(5).map(|at| char::from(SYMBOLS[symbol(at)])).collect()
}

fn unspell(text: &str) -> Result<Vec<u8>> {
    let value = |symbol: u8| SYMBOLS.iter().position(|known| *known == symbol);
    let values: Vec<usize> = text.bytes().map(value).collect::<Option<_>>().context("a letter that codes have not")?;
    let bit = |at: usize| values[at / 5] >> (4 - at % 5) & 1;
    let byte = |at: usize| (at..at + 8).fold(0_u8, |byte, at| byte << 1 | u8::from(bit(at) == 1));
    Ok((0..values.len() * 5 / 8).map(|index| byte(index * 8)).collect())
}

/// IEEE 802.3, reflected.
fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `floe call`.
    const CODE: &str = "F10E1052ZQQDBRY66JAG33487PR8WPFPRDZPC7DFY4BA5M4348ABRJX6T7YQJH9C321274Q1K6K53QFQ9Y81YFRWPFQZE6694G\
                        4PAH8SCF343BG0DC1NB6R00C0G40000G2ABPX35P00KG58041BP9FYZW0Y1CDE3R";

    #[test]
    fn a_code_that_is_only_opened_is_the_same_code() {
        assert_eq!(Doctored::open(CODE).unwrap().code(), CODE);
    }

    #[test]
    fn a_candidate_takes_eleven_bytes() {
        let address = SocketAddrV4::new([10, 0, 0, 1].into(), 9);
        let code = Doctored::open(CODE).unwrap().with_first([address]).with_last([address]).code();
        assert_eq!(code.len(), CODE.len() + 35, "22 bytes more, in symbols of five bits");
    }
}
