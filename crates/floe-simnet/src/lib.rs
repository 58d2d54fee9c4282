//! A simulated network behind the `Network` seam: hosts, links, routers, NATs and STUN servers inside the process.
//!
//! A [`World`] is one [`Scenario`] brought to life. Below it, [`Simnet`] carries datagrams from socket to socket,
//! hop by hop: over links with delay, jitter, loss and rate, through routers that translate and filter as RFC 4787
//! describes them. The streams of TCP travel the same way, segment by segment. What is random comes from one seed.

mod counters;
mod fabric;
pub mod host;
pub mod link;
pub mod nat;
mod pace;
pub mod prefix;
mod router;
pub mod scenario;
pub mod simnet;
pub mod stun_server;
mod tcp;
pub mod turn_server;
pub mod web_server;
pub mod world;

pub use counters::Counters;
pub use host::{Ipv6, SimHost};
pub use link::{LinkProfile, Way};
pub use nat::{Dependence, NatConfig, PortAssignment};
pub use prefix::Prefix;
pub use scenario::Scenario;
pub use simnet::{Overheard, Simnet};
pub use world::{Side, World};
