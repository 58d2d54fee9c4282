//! Linux network namespaces with real NATs, driving the real `floe` binary.
//!
//! Every test runs inside [`isolated`]: a copy of its own process in fresh user, network, mount and process namespaces.
//! Nothing of the machine's network is reachable from there, names never clash, root is not needed, and the kernel
//! removes every namespace and process when the test ends, however it ends.
//!
//! The labs are built with `ip` and `nft`, the tools that people who debug networks type themselves: what a test does
//! can be repeated by hand. The crate `patchbay` builds comparable labs through netlink, but brings tokio and its own
//! process model, and its NATs cannot be mixed with `nft` rules of a single test.

mod call;
mod capture;
mod code;
mod garbage;
mod isolation;
mod lab;
mod process;
mod program;
mod recording;
mod stun_server;
mod turn_server;

pub use call::{CallOptions, CallOutcome, CallProcess};
pub use capture::{Capture, Datagram, Kind};
pub use code::Doctored;
pub use garbage::{Garbage, Sprayer};
pub use isolation::isolated;
pub use lab::{Host, Lab, Mapping, Router, Uplink};
pub use process::Process;
pub use program::{floe, helper};
pub use recording::Recording;
pub use stun_server::StunServer;
pub use turn_server::{Certificate, TurnServer};
