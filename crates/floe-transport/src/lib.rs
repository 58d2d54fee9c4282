//! Network seam, bases, the tap and STUN discovery.

pub mod network;

pub use network::{BoxFuture, Network, UdpSocket};
