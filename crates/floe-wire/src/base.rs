//! Bases (places that packets leave from), generations, and the interfaces that bases sit on.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{Protocol, TcpType};

/// One place packets leave from (RFC 8445 section 4): a UDP socket on one interface address, a TURN allocation,
/// an ICE-TCP socket. Unique within a record and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BaseId(pub u32);

impl fmt::Display for BaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "base {}", self.0)
    }
}

/// What a base sends through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaseKind {
    /// A UDP socket; packets go to peers and to STUN servers.
    Udp,
    /// ICE-TCP (RFC 6544): a packet of the record is one RFC 4571 frame without its length.
    Tcp {
        /// Whether connections are dialed, accepted or both.
        tcp_type: TcpType,
    },
    /// Our side of a TURN connection. Its packets are what crosses the wire to and from the server (inside TLS): TURN
    /// messages, and peers' packets wrapped in Send and Data indications or ChannelData. Never part of a pair.
    TurnClient {
        /// URL as the user wrote it.
        server: String,
        /// How the server is reached.
        transport: RelayProtocol,
    },
    /// A relayed address. Its packets are found inside those of its client and have no record of their own.
    Relay {
        /// The [`BaseKind::TurnClient`] that allocated it.
        client: BaseId,
    },
}

impl BaseKind {
    /// The protocol that a peer speaks to it.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::Udp | Self::Relay { .. } => Protocol::Udp,
            Self::Tcp { .. } => Protocol::Tcp,
            Self::TurnClient { transport, .. } => match transport {
                RelayProtocol::Udp => Protocol::Udp,
                RelayProtocol::Tcp | RelayProtocol::Tls => Protocol::Tcp,
            },
        }
    }
}

/// How a TURN server is reached (`relayProtocol` of W3C webrtc-stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelayProtocol {
    /// `turn:`.
    Udp,
    /// `turn:…?transport=tcp`.
    Tcp,
    /// `turns:`.
    Tls,
}

impl RelayProtocol {
    /// The webrtc-stats name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
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
