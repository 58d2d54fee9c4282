//! How a simulated host speaks IPv6: as computers do where it works, where it leads nowhere, and where it is off.

use std::{io, net::SocketAddr};

use floe_wire::InterfaceInfo;

/// A host's IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ipv6 {
    /// It works, if the host has an address.
    #[default]
    On,
    /// There may be an address, and no route leads anywhere.
    NoRoute,
    /// The system does not speak it.
    Off,
}

impl Ipv6 {
    /// What is left of an interface; none if it has no address then.
    pub(super) fn filter(self, mut interface: InterfaceInfo) -> Option<InterfaceInfo> {
        if self == Self::Off {
            interface.addresses.retain(std::net::IpAddr::is_ipv4);
        }
        (!interface.addresses.is_empty()).then_some(interface)
    }

    /// Whether a socket can be bound there.
    pub(super) fn check_bind(self, local: SocketAddr) -> io::Result<()> {
        match self {
            Self::Off if local.is_ipv6() => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "the system does not speak IPv6"))
            }
            Self::On | Self::NoRoute | Self::Off => Ok(()),
        }
    }

    /// Whether packets find a way there; to those on the same link they do without a route.
    pub(super) fn check_route(self, remote: SocketAddr) -> io::Result<()> {
        match self {
            Self::NoRoute if remote.ip().is_multicast() => Ok(()),
            Self::NoRoute | Self::Off if remote.is_ipv6() => {
                Err(io::Error::new(io::ErrorKind::NetworkUnreachable, "no route leads there"))
            }
            Self::On | Self::NoRoute | Self::Off => Ok(()),
        }
    }
}
