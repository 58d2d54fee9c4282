//! One side of a call as a text that people copy and paste, for calls whose ends could not tell each other.
//!
//! `floe-side:` and, in base64 (RFC 4648 section 5, without padding), which may be wrapped and quoted:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version |
//! | 3 | length of the contents in bytes, most significant first |
//! | … | contents: numbers as LEB128, times as differences in microseconds |
//! | 4 | CRC-32 over everything before it, little-endian |
//!
//! Nothing in it is secret; it names the addresses that both sides know of each other.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use floe_wire::{
    Sighting, Sightings, Stamp,
    peer::{Digest, MediaDigest},
    side::{FRAGMENTS_KEPT, SIDE_PAIRS, SIGHTINGS_OF_BEGINNING, SIGHTINGS_OF_END, SideDigest},
};
use thiserror::Error;

use crate::{
    alphabet::crc32,
    fields::{Reader, Writer},
    pair_digest,
};

/// What a side's text begins with.
pub const SIDE_MARK: &str = "floe-side:";
/// The version of texts that this crate makes.
pub const SIDE_VERSION: u8 = 1;

/// Far more than the longest text, wrapped and quoted.
const LONGEST_TEXT: usize = 512 * 1024;
const HEADER: usize = 4;
const CHECKSUM: usize = 4;
/// Characters that hold the header: whole groups of four can be read by themselves.
const FIRST: usize = 8;
/// Spans of sightings in a text: the beginning and the end of a call, with room.
const MOST_SPANS: usize = 16;
const MOST_SIGHTINGS: usize = SIGHTINGS_OF_BEGINNING + SIGHTINGS_OF_END;

/// Why a text is not a usable side. `Display` is the sentence shown, with what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SideError {
    /// Nothing was pasted.
    #[error("There is nothing here yet: paste what your friend copied with “Copy my side”")]
    Empty,
    /// A code, which is for making calls.
    #[error("This is a code for a call, not a side of one: ask your friend to press “Copy my side”")]
    IsACode,
    /// Some other text.
    #[error("This is not a side of a call: it begins with floe-side:")]
    NotASide,
    /// Far more text than a side has.
    #[error("This text is too long to be a side of a call: paste only what begins with floe-side:")]
    TooLong,
    /// The end is missing.
    #[error("The text is cut off after {have} of {of} characters: copy all of it, or send it as a file")]
    CutOff {
        /// Characters that are there.
        have: usize,
        /// Characters that it has.
        of: usize,
    },
    /// The checksum does not fit.
    #[error("The text was damaged on the way (the checksum does not fit): copy it again")]
    Damaged,
    /// It is intact, and its layout is newer.
    #[error("This side was copied from a newer Floe (version {version} of the text): update Floe to use it")]
    NewerVersion {
        /// Its version.
        version: u8,
    },
    /// It is intact, and what it says makes no sense.
    #[error("The text arrived intact but makes no sense: ask your friend to copy it again")]
    BadContents,
}

/// The text of a side.
#[must_use]
pub fn write_side(side: &SideDigest) -> String {
    let contents = write_contents(side);
    let length = u32::try_from(contents.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = vec![SIDE_VERSION, length[1], length[2], length[3]];
    bytes.extend(contents);
    bytes.extend(crc32(&bytes).to_le_bytes());
    format!("{SIDE_MARK}{}", BASE64URL_NOPAD.encode(&bytes))
}

/// Finds a side in a text and reads it.
///
/// # Errors
/// What is wrong with the text.
pub fn read_side(text: &str) -> Result<SideDigest, SideError> {
    if text.len() > LONGEST_TEXT {
        return Err(SideError::TooLong);
    }
    let bytes = unwrap(text)?;
    let (version, contents) = (bytes[0], &bytes[HEADER..bytes.len() - CHECKSUM]);
    if version > SIDE_VERSION {
        return Err(SideError::NewerVersion { version });
    }
    read_contents(&mut Reader::new(contents)).ok_or(SideError::BadContents)
}

/// The intact bytes: header, contents, checksum.
fn unwrap(text: &str) -> Result<Vec<u8>, SideError> {
    let Some(begin) = text.find(SIDE_MARK) else { return Err(name_other_text(text)) };
    let symbols: Vec<u8> = text[begin + SIDE_MARK.len()..].bytes().filter(|byte| is_symbol(*byte)).collect();
    let first = symbols.get(..FIRST).ok_or(SideError::CutOff { have: symbols.len(), of: FIRST })?;
    let header = BASE64URL_NOPAD.decode(first).map_err(|_| SideError::Damaged)?;
    let length = usize::from(header[1]) << 16 | usize::from(header[2]) << 8 | usize::from(header[3]);
    let of = ((HEADER + length + CHECKSUM) * 8).div_ceil(6);
    let whole = symbols.get(..of).ok_or(SideError::CutOff { have: symbols.len(), of })?;
    let bytes = BASE64URL_NOPAD.decode(whole).map_err(|_| SideError::Damaged)?;
    let (told, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
    if crc32(told).to_le_bytes()[..] == checksum[..] { Ok(bytes) } else { Err(SideError::Damaged) }
}

/// Line breaks and signs of quoting stand between the symbols of a text that went through a mail.
const fn is_symbol(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn name_other_text(text: &str) -> SideError {
    let text = text.trim();
    match () {
        () if text.is_empty() => SideError::Empty,
        () if text.to_ascii_uppercase().starts_with("F10E") => SideError::IsACode,
        () => SideError::NotASide,
    }
}

fn write_contents(side: &SideDigest) -> Vec<u8> {
    let mut out = Writer::default();
    for prints in [&side.own_fragments, &side.peer_fragments] {
        let prints = &prints[..prints.len().min(FRAGMENTS_KEPT)];
        out.u8(prints.len() as u8);
        for print in prints {
            out.u32(*print);
        }
    }
    write_digest(&mut out, &side.digest);
    let spans = &side.sightings[..side.sightings.len().min(MOST_SPANS)];
    out.u8(spans.len() as u8);
    let mut room = MOST_SIGHTINGS;
    for span in spans {
        let list = &span.list[..span.list.len().min(room)];
        room -= list.len();
        write_span(&mut out, span, list);
    }
    out.finish()
}

fn write_digest(out: &mut Writer, Digest { at, pairs, media }: &Digest) {
    let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    out.varint(us(at.0)).varint(media.packets_sent).varint(media.packets_received).signed_varint(media.packets_lost);
    out.varint(us(media.jitter)).varint(media.concealed_samples).varint(media.played_samples);
    let pairs = &pairs[..pairs.len().min(SIDE_PAIRS)];
    out.varint(pairs.len() as u64);
    for pair in pairs {
        pair_digest::write(out, pair, |out, number| {
            out.varint(number.into());
        });
    }
}

fn write_span(out: &mut Writer, span: &Sightings, list: &[Sighting]) {
    let us = |stamp: Stamp| i64::try_from(stamp.0.as_micros()).unwrap_or(i64::MAX);
    out.signed_varint(us(span.since)).signed_varint(us(span.until)).varint(list.len() as u64);
    let mut before = us(span.since);
    for sighting in list {
        out.u32(sighting.key).u8(sighting.tag()).signed_varint(us(sighting.at).saturating_sub(before));
        before = us(sighting.at);
    }
}

/// None if it ends too early or holds more than any side has.
fn read_contents(body: &mut Reader<'_>) -> Option<SideDigest> {
    let mut fragments = || {
        let count = Some(usize::from(body.u8()?)).filter(|count| *count <= FRAGMENTS_KEPT)?;
        (0..count).map(|_| body.u32()).collect::<Option<Vec<_>>>()
    };
    let (own_fragments, peer_fragments) = (fragments()?, fragments()?);
    let digest = read_digest(body)?;
    let spans = Some(body.u8()?).filter(|count| usize::from(*count) <= MOST_SPANS)?;
    let mut room = MOST_SIGHTINGS;
    let mut sightings = Vec::new();
    for _ in 0..spans {
        sightings.push(read_span(body, &mut room)?);
    }
    Some(SideDigest { own_fragments, peer_fragments, digest, sightings })
}

fn read_digest(body: &mut Reader<'_>) -> Option<Digest> {
    let at = Stamp(Duration::from_micros(body.varint()?));
    let media = MediaDigest {
        packets_sent: body.varint()?,
        packets_received: body.varint()?,
        packets_lost: body.signed_varint()?,
        jitter: Duration::from_micros(body.varint()?),
        concealed_samples: body.varint()?,
        played_samples: body.varint()?,
    };
    let count = Some(body.varint()?).filter(|count| *count <= SIDE_PAIRS as u64)?;
    let pairs = (0..count)
        .map(|_| pair_digest::read(body, |body| u32::try_from(body.varint()?).ok()))
        .collect::<Option<_>>()?;
    Some(Digest { at, pairs, media })
}

fn read_span(body: &mut Reader<'_>, room: &mut usize) -> Option<Sightings> {
    let stamp = |us: i64| u64::try_from(us).ok().map(|us| Stamp(Duration::from_micros(us)));
    let (begin, end) = (body.signed_varint()?, body.signed_varint()?);
    let count = usize::try_from(body.varint()?).ok().filter(|count| *count <= *room)?;
    *room -= count;
    let mut list = Vec::new();
    let mut at = begin;
    for _ in 0..count {
        let (key, tag) = (body.u32()?, body.u8()?);
        at = at.checked_add(body.signed_varint()?)?;
        let known = Sighting::read_tag(tag).zip(stamp(at));
        list.extend(known.map(|((kind, direction), at)| Sighting { key, kind, direction, at }));
    }
    Some(Sightings { since: stamp(begin)?, until: stamp(end)?, list })
}

#[cfg(test)]
mod tests;
