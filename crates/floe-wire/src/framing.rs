//! Framing of datagrams on a byte stream (RFC 4571 section 2): two bytes of length before each.

use bytes::{Bytes, BytesMut};

/// The longest datagram that its length can tell.
pub const MAX_FRAME: usize = 65_535;
/// Bytes of length before each frame.
pub const LENGTH_BYTES: usize = 2;

/// A datagram that is too long for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes do not fit into one frame, which holds {MAX_FRAME}")]
pub struct TooLong(pub usize);

/// One frame: the length of `datagram`, then its bytes.
///
/// # Errors
/// When the datagram is longer than [`MAX_FRAME`].
pub fn encode(datagram: &[u8]) -> Result<Bytes, TooLong> {
    let length = u16::try_from(datagram.len()).map_err(|_| TooLong(datagram.len()))?;
    let mut frame = BytesMut::with_capacity(LENGTH_BYTES + datagram.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(datagram);
    Ok(frame.freeze())
}

/// Finds the frames in a stream that arrives in pieces of any size.
///
/// It keeps at most the beginning of one frame, and never more than has arrived: a length alone reserves nothing.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a frame, with its length. Never a whole frame.
    begun: BytesMut,
}

impl Decoder {
    /// Takes the next frame from the front of `stream`, without its length. A frame may be empty.
    ///
    /// `stream` is advanced past the frame, or, when it holds no end of one (`None`), to its own end.
    pub fn next(&mut self, stream: &mut &[u8]) -> Option<Bytes> {
        self.fill(stream, LENGTH_BYTES);
        let &[high, low, ..] = &self.begun[..] else { return None };
        let end = LENGTH_BYTES + usize::from(u16::from_be_bytes([high, low]));
        self.fill(stream, end);
        if self.begun.len() < end {
            return None;
        }
        Some(self.begun.split().freeze().slice(LENGTH_BYTES..))
    }

    /// Bytes of a frame whose end has not arrived; a stream that ends here was cut.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.begun.len()
    }

    /// Moves bytes from the stream until `target` have begun.
    fn fill(&mut self, stream: &mut &[u8], target: usize) {
        let missing = target.saturating_sub(self.begun.len());
        let (taken, rest) = stream.split_at(missing.min(stream.len()));
        self.begun.extend_from_slice(taken);
        *stream = rest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(decoder: &mut Decoder, mut piece: &[u8]) -> Vec<Bytes> {
        let found = std::iter::from_fn(|| decoder.next(&mut piece)).collect();
        assert!(piece.is_empty(), "the decoder leaves nothing behind");
        found
    }

    #[test]
    fn a_length_stands_before_each_datagram() {
        assert_eq!(&encode(b"abc").unwrap()[..], b"\0\x03abc");
        assert_eq!(&encode(b"").unwrap()[..], b"\0\0");
    }

    #[test]
    fn the_longest_datagram_fits_and_one_byte_more_does_not() {
        let frame = encode(&[7; MAX_FRAME]).unwrap();
        assert_eq!(frames(&mut Decoder::default(), &frame), [vec![7; MAX_FRAME]]);
        assert_eq!(encode(&[7; MAX_FRAME + 1]), Err(TooLong(MAX_FRAME + 1)));
    }

    #[test]
    fn an_empty_frame_is_a_frame() {
        assert_eq!(frames(&mut Decoder::default(), b"\0\0\0\x01x\0\0"), [&b""[..], b"x", b""]);
    }

    #[test]
    fn a_stream_that_ends_within_a_frame_is_told() {
        let mut decoder = Decoder::default();
        assert_eq!(frames(&mut decoder, b"\0\x01x\0\x05ab"), [&b"x"[..]]);
        assert_eq!(decoder.pending(), 4);
    }

    proptest! {
        #[test]
        fn frames_arrive_whole_whatever_the_pieces(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20),
            pieces in proptest::collection::vec(1_usize..400, 1..200),
        ) {
            let stream: Vec<u8> = datagrams.iter().flat_map(|datagram| encode(datagram).unwrap()).collect();
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            let mut rest = &stream[..];
            for length in pieces.iter().cycle() {
                let (piece, next) = rest.split_at((*length).min(rest.len()));
                found.extend(frames(&mut decoder, piece));
                rest = next;
                if rest.is_empty() { break; }
            }
            prop_assert_eq!(found, datagrams);
            prop_assert_eq!(decoder.pending(), 0);
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_keep_less_than_two_frames(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2000), 0..40),
        ) {
            let mut decoder = Decoder::default();
            for piece in &pieces {
                frames(&mut decoder, piece);
                prop_assert!(decoder.pending() < LENGTH_BYTES + MAX_FRAME);
                prop_assert!(decoder.begun.capacity() <= 2 * (LENGTH_BYTES + MAX_FRAME));
            }
        }
    }
}
