//! The data channel establishment protocol (RFC 8832): how the two ends agree which stream is the control channel.

/// Label of the channel.
pub(super) const LABEL: &str = "floe";

const ACK: u8 = 0x02;
const OPEN: u8 = 0x03;
/// Reliable and ordered.
const CHANNEL_RELIABLE: u8 = 0x00;
/// "Normal" of RFC 8831 section 6.4.
const PRIORITY: u16 = 256;
/// Message type, channel type, priority, reliability and two lengths.
const OPEN_HEADER: usize = 12;

/// A message of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dcep {
    /// DATA_CHANNEL_OPEN with this label; the rest of it changes nothing for us.
    Open { label: Vec<u8> },
    /// DATA_CHANNEL_ACK.
    Ack,
}

impl Dcep {
    /// Reads a message; none if it is not one.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        match *bytes.first()? {
            ACK => Some(Self::Ack),
            OPEN => {
                let length = u16::from_be_bytes(bytes.get(8..10)?.try_into().ok()?);
                let label = bytes.get(OPEN_HEADER..)?.get(..usize::from(length))?;
                Some(Self::Open { label: label.to_vec() })
            }
            _ => None,
        }
    }

    /// DATA_CHANNEL_OPEN for the control channel: reliable, ordered, no protocol named.
    pub(super) fn open() -> Vec<u8> {
        let length = LABEL.len() as u16;
        let mut message = vec![OPEN, CHANNEL_RELIABLE];
        message.extend(PRIORITY.to_be_bytes());
        message.extend(0_u32.to_be_bytes());
        message.extend(length.to_be_bytes());
        message.extend(0_u16.to_be_bytes());
        message.extend(LABEL.as_bytes());
        message
    }

    /// DATA_CHANNEL_ACK.
    pub(super) fn ack() -> Vec<u8> {
        vec![ACK]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_we_write_is_read() {
        assert_eq!(Dcep::decode(&Dcep::open()), Some(Dcep::Open { label: LABEL.into() }));
        assert_eq!(Dcep::decode(&Dcep::ack()), Some(Dcep::Ack));
    }

    #[test]
    fn an_open_as_browsers_write_it_is_read() {
        let browsers = [3, 0, 1, 0, 0, 0, 0, 0, 0, 4, 0, 2, b'c', b'h', b'a', b't', b'v', b'1'];
        assert_eq!(Dcep::decode(&browsers), Some(Dcep::Open { label: b"chat".to_vec() }));
        for cut in 1..16 {
            assert_eq!(Dcep::decode(&browsers[..cut]), None, "cut after {cut}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Dcep::decode(&bytes);
        }
    }
}
