//! ChannelData (RFC 8656 section 12.4), and where a message ends in a stream.

use super::TurnError;
use crate::{PacketKind, classify};

/// Bytes of channel number and length.
pub const CHANNEL_DATA_HEADER: usize = 4;

/// A peer's packet behind a channel number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// 0x4000 to 0x4FFF (RFC 8656 section 12).
    pub channel: u16,
    /// The length its header tells; more than `data` has when a record kept only the beginning.
    pub declared: u16,
    /// What is there of the packet, without padding.
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Decodes one datagram or one frame of a stream. Up to three bytes of padding may follow, and the end may be cut off.
    ///
    /// # Errors
    /// When the header is cut off, the number is no channel's, or more than padding follows.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, TurnError> {
        let [a, b, c, d, rest @ ..] = bytes else { return Err(TurnError::Truncated) };
        let channel = u16::from_be_bytes([*a, *b]);
        if !(0x4000..=0x4FFF).contains(&channel) {
            return Err(TurnError::NotTurn);
        }
        let declared = u16::from_be_bytes([*c, *d]);
        let padding = rest.len().saturating_sub(usize::from(declared));
        if padding > 3 {
            return Err(TurnError::Trailing(padding));
        }
        Ok(Self { channel, declared, data: &rest[..rest.len() - padding] })
    }

    /// Encodes a packet; over TCP and TLS it is padded to four bytes, over UDP it need not be.
    #[must_use]
    pub fn encode(channel: u16, data: &[u8], padded: bool) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        let data = &data[..usize::from(length)];
        let mut bytes = Vec::with_capacity(CHANNEL_DATA_HEADER + data.len() + 3);
        bytes.extend_from_slice(&channel.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(data);
        if padded {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }
}

/// How many bytes the TURN message or ChannelData at the beginning of a stream takes, padding included (RFC 8656 section
/// 12.5); none while too little is there to tell.
///
/// # Errors
/// When the stream holds something else: it cannot be read any further.
pub fn stream_frame(stream: &[u8]) -> Result<Option<usize>, TurnError> {
    let [first, ..] = stream else { return Ok(None) };
    let length = |bytes: &[u8]| usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
    match first {
        0..=3 if stream.len() < 8 => Ok(None),
        0..=3 if classify(stream) == PacketKind::Stun && stream[3].is_multiple_of(4) => Ok(Some(20 + length(stream))),
        0x40..=0x4F if stream.len() < CHANNEL_DATA_HEADER => Ok(None),
        0x40..=0x4F => Ok(Some(CHANNEL_DATA_HEADER + length(stream).next_multiple_of(4))),
        _ => Err(TurnError::NotTurn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_with_and_without_padding() {
        for padded in [false, true] {
            let bytes = ChannelData::encode(0x4001, b"hello", padded);
            assert_eq!(bytes.len(), if padded { 12 } else { 9 });
            let decoded = ChannelData::decode(&bytes).unwrap();
            assert_eq!((decoded.channel, decoded.declared, decoded.data), (0x4001, 5, &b"hello"[..]));
        }
    }

    #[test]
    fn a_cut_packet_keeps_its_declared_length() {
        let bytes = ChannelData::encode(0x4FFF, &[9; 100], false);
        let decoded = ChannelData::decode(&bytes[..40]).unwrap();
        assert_eq!((decoded.declared, decoded.data.len()), (100, 36));
    }

    #[test]
    fn numbers_that_are_no_channels_and_trailing_bytes_are_refused() {
        assert_eq!(ChannelData::decode(&[0x50, 0, 0, 0]), Err(TurnError::NotTurn));
        assert_eq!(ChannelData::decode(&[0x40, 0, 0]), Err(TurnError::Truncated));
        assert_eq!(ChannelData::decode(&[0x40, 0, 0, 0, 1, 2, 3, 4]), Err(TurnError::Trailing(4)));
    }

    #[test]
    fn a_stream_tells_its_frames_as_soon_as_their_headers_are_there() {
        let mut stream = ChannelData::encode(0x4000, b"abcde", true);
        assert_eq!(stream_frame(&stream[..3]), Ok(None));
        assert_eq!(stream_frame(&stream), Ok(Some(12)));
        stream.drain(..12);
        assert_eq!(stream_frame(&stream), Ok(None));
        let stun = crate::stun::binding_request(crate::stun::TransactionId([1; 12]));
        assert_eq!(stream_frame(&stun[..7]), Ok(None));
        assert_eq!(stream_frame(&stun), Ok(Some(stun.len())));
        assert_eq!(stream_frame(b"SSH-2.0"), Err(TurnError::NotTurn));
        assert_eq!(stream_frame(&[0, 1, 0, 8, 1, 2, 3, 4]), Err(TurnError::NotTurn));
    }
}
