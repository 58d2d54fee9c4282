//! The RTP packet (RFC 3550 section 5.1), built and parsed.

use thiserror::Error;

/// The dynamic payload type that Floe uses for Opus; it is what browsers use, too.
pub const PAYLOAD_TYPE_OPUS: u8 = 111;

const FIXED_HEADER_LEN: usize = 12;
const VERSION: u8 = 2;

/// One RTP packet; header extensions and contributing sources are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// Set on the first packet after a silence (RFC 3551 section 4.1).
    pub marker: bool,
    /// What the payload is.
    pub payload_type: u8,
    /// Counts packets, wraps around.
    pub sequence: u16,
    /// Sampling instant of the first sample, in units of 1/48000 s (RFC 7587 section 4.1).
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// The media itself, without padding.
    pub payload: &'a [u8],
}

/// Why bytes are not an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RtpError {
    /// Less than a header.
    #[error("RTP packet cut off: {len} bytes")]
    Truncated {
        /// How many bytes there were.
        len: usize,
    },
    /// Another version than 2.
    #[error("RTP version {version}, expected 2")]
    Version {
        /// The version seen.
        version: u8,
    },
    /// The padding length is zero or longer than the payload.
    #[error("RTP padding of {padding} bytes in {available}")]
    Padding {
        /// The length that the last byte names.
        padding: usize,
        /// Bytes after the header.
        available: usize,
    },
}

impl<'a> RtpPacket<'a> {
    /// Parses one packet.
    ///
    /// # Errors
    /// When the bytes are no RTP packet.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtpError> {
        let truncated = RtpError::Truncated { len: bytes.len() };
        let (header, rest) = bytes.split_first_chunk::<FIXED_HEADER_LEN>().ok_or(truncated)?;
        let [first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *header;
        let version = first >> 6;
        if version != VERSION {
            return Err(RtpError::Version { version });
        }
        let contributing = usize::from(first & 0x0F) * 4;
        let mut payload = rest.get(contributing..).ok_or(truncated)?;
        if first & 0x10 != 0 {
            payload = skip_extension(payload).ok_or(truncated)?;
        }
        if first & 0x20 != 0 {
            payload = strip_padding(payload)?;
        }
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            payload,
        })
    }

    /// The packet's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_HEADER_LEN + self.payload.len());
        bytes.push(VERSION << 6);
        bytes.push(u8::from(self.marker) << 7 | self.payload_type & 0x7F);
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.timestamp.to_be_bytes());
        bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        bytes.extend_from_slice(self.payload);
        bytes
    }
}

fn skip_extension(bytes: &[u8]) -> Option<&[u8]> {
    let ([_, _, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
    rest.get(usize::from(u16::from_be_bytes([*l0, *l1])) * 4..)
}

fn strip_padding(bytes: &[u8]) -> Result<&[u8], RtpError> {
    let available = bytes.len();
    let padding = usize::from(bytes.last().copied().unwrap_or(0));
    match available.checked_sub(padding) {
        Some(len) if padding > 0 => Ok(&bytes[..len]),
        _ => Err(RtpError::Padding { padding, available }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_header_is_laid_out_as_the_rfc_says() {
        let packet = RtpPacket {
            marker: true,
            payload_type: 111,
            sequence: 0x1234,
            timestamp: 0x0102_0304,
            ssrc: 0xAABB_CCDD,
            payload: &[9, 8],
        };
        let bytes = [0x80, 0xEF, 0x12, 0x34, 1, 2, 3, 4, 0xAA, 0xBB, 0xCC, 0xDD, 9, 8];
        assert_eq!(packet.to_bytes(), bytes);
        assert_eq!(RtpPacket::parse(&bytes), Ok(packet));
    }

    #[test]
    fn extension_contributing_sources_and_padding_are_skipped() {
        let mut bytes = vec![0x80 | 0x20 | 0x10 | 2, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend([0; 8]);
        bytes.extend([0xBE, 0xDE, 0, 1, 1, 2, 3, 4]);
        bytes.extend([7, 7, 7]);
        bytes.extend([0, 0, 3]);
        assert_eq!(RtpPacket::parse(&bytes).unwrap().payload, [7, 7, 7]);
    }

    #[test]
    fn broken_packets_name_what_is_wrong() {
        assert_eq!(RtpPacket::parse(&[0x80; 11]), Err(RtpError::Truncated { len: 11 }));
        assert_eq!(RtpPacket::parse(&[0x40; 12]), Err(RtpError::Version { version: 1 }));
        let mut padded = [0u8; 14];
        padded[0] = 0xA0;
        assert_eq!(RtpPacket::parse(&padded), Err(RtpError::Padding { padding: 0, available: 2 }));
        padded[13] = 3;
        assert_eq!(RtpPacket::parse(&padded), Err(RtpError::Padding { padding: 3, available: 2 }));
        let mut extended = [0u8; 16];
        extended[0] = 0x90;
        extended[15] = 1;
        assert_eq!(RtpPacket::parse(&extended), Err(RtpError::Truncated { len: 16 }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = RtpPacket::parse(&bytes) {
                prop_assert!(packet.payload.len() + FIXED_HEADER_LEN <= bytes.len());
            }
        }

        #[test]
        fn what_is_built_parses_to_the_same(
            marker: bool, payload_type in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32,
            payload in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let packet = RtpPacket { marker, payload_type, sequence, timestamp, ssrc, payload: &payload };
            let bytes = packet.to_bytes();
            prop_assert_eq!(RtpPacket::parse(&bytes), Ok(packet));
        }
    }
}
