//! TURN on the wire (RFC 8656): its messages, ChannelData, and peers' packets inside both.
//!
//! A record keeps what crosses the wire to and from a TURN server. [`Unwrapper`] finds the peer's packet in it, for live
//! calls and imported captures alike. Nothing here copies payload: what is found is a range of the outer packet.

mod channel_data;
mod message;
mod unwrap;

pub use channel_data::{CHANNEL_DATA_HEADER, ChannelData, stream_frame};
pub use message::{Method, TurnMessage};
pub(crate) use message::{split_type, xor_address};
pub use unwrap::{Carrier, Unwrapped, Unwrapper, carried};

/// Why bytes are no TURN message or ChannelData.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// Fewer bytes than a header has.
    #[error("the header is cut off")]
    Truncated,
    /// Neither a channel number nor STUN with its magic cookie.
    #[error("neither STUN nor ChannelData")]
    NotTurn,
    /// More bytes than the length field and the padding account for.
    #[error("{0} bytes follow the message")]
    Trailing(usize),
    /// An attribute does not have the length its type demands.
    #[error("attribute 0x{0:04X} is malformed")]
    Attribute(u16),
}
