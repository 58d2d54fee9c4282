//! TCP on the simulated network: what of RFC 9293 makes a stream feel real over links that delay, lose and refuse.
//!
//! There are handshakes (simultaneous ones too), acknowledgements, retransmission by time and by duplicates
//! (RFC 6298, RFC 6582), slow start and congestion avoidance (RFC 5681), flow control with probes, resets and refusals.
//! Left out because nothing here would notice: delayed acknowledgements, options, urgent data, TIME-WAIT (a late
//! segment finds no connection and is answered by a reset), wrapping sequence numbers (they have 64 bits).

pub(crate) mod connection;
pub(crate) mod stack;

use std::net::SocketAddr;

use bytes::Bytes;

/// The most data in one segment, which leaves room for tunnels below an Ethernet frame.
pub(crate) const MAX_SEGMENT: usize = 1400;
/// What a segment's header has more than a UDP datagram's.
const EXTRA_HEADER_BYTES: usize = 12;

/// One end of a connection, as its host names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Flow {
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// What a segment does besides carrying data. Each but `Data` counts as one byte of the stream, except a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    Data,
    Open,
    Finish,
    Reset,
}

/// A segment under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub control: Control,
    /// Place of its first byte in the sender's stream.
    pub sequence: u64,
    /// The byte that the sender expects next; none only before it heard anything.
    pub acknowledged: Option<u64>,
    /// Bytes that the sender has room for.
    pub window: usize,
    pub data: Bytes,
}

impl Segment {
    /// A reset at `sequence`.
    pub const fn reset(sequence: u64, acknowledged: Option<u64>) -> Self {
        Self { control: Control::Reset, sequence, acknowledged, window: 0, data: Bytes::new() }
    }

    /// What a link has to carry of it, beyond what it adds to every datagram.
    pub fn wire_len(&self) -> usize {
        self.data.len() + EXTRA_HEADER_BYTES
    }

    /// What it takes of the stream.
    pub fn length(&self) -> u64 {
        let control = u64::from(matches!(self.control, Control::Open | Control::Finish));
        self.data.len() as u64 + control
    }

    /// The place after it in the stream.
    pub fn end(&self) -> u64 {
        self.sequence + self.length()
    }
}
