//! Network seam, bases, the tap and STUN discovery.
//!
//! A [`Base`] owns one socket and its reader, a [`TcpBase`] a listening address and its connections; every datagram
//! passes the [`Tap`] before anyone interprets it. [`Discovery`] asks STUN servers without touching a socket or a
//! clock: bytes and time come in, decisions go out.

pub mod base;
pub mod candidate;
pub mod clock;
pub mod discovery;
mod intake;
pub mod nat_test;
pub mod nat_tests;
pub mod network;
pub mod relay;
pub mod server_url;
pub mod system;
pub mod tap;
pub mod tcp_base;

pub use base::{Base, Inbound};
pub use clock::Clock;
pub use discovery::{Discovery, DiscoveryOutput};
pub use nat_test::{FirstAnswer, NatTest, NatVerdict};
pub use nat_tests::{NatSend, NatTests};
pub use network::{BoxFuture, Network, NetworkChanges, NoChanges, TcpListener, TcpStream, UdpSocket};
pub use server_url::{ServerUrl, UrlError};
pub use system::SystemNetwork;
pub use tap::{Tap, TapReceiver};
pub use tcp_base::{BrokenConnection, TcpBase};
