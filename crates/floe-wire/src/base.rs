//! Bases (places that packets leave from), generations, and the interfaces that bases sit on.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// One place packets leave from (RFC 8445 section 4): a UDP socket on one interface address, a TURN allocation,
/// an ICE-TCP socket. Unique within a record and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BaseId(pub u32);

impl fmt::Display for BaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "base {}", self.0)
    }
}

/// One ICE generation: one pair of user fragments and passwords (RFC 8445 section 2.4). The first is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Generation(pub u32);

/// What kind of link an interface is, as far as its name and flags tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterfaceKind {
    /// Wired.
    Ethernet,
    /// Wi-Fi.
    Wireless,
    /// Mobile data.
    Cellular,
    /// A VPN or another tunnel.
    Tunnel,
    /// The loopback interface.
    Loopback,
    /// Not known.
    Unknown,
}

/// A network interface as the system lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceInfo {
    /// The system's name, `eth0` for example.
    pub name: String,
    /// The kind of link.
    pub kind: InterfaceKind,
    /// Its addresses, without link-local ones.
    pub addresses: Vec<IpAddr>,
}
