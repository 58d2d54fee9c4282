//! What a simulated host knows of itself apart from its interfaces: where its default route leads, and how long it slept.

use std::{net::IpAddr, time::Duration};

use super::{Fabric, Node, NodeId};

/// What a host knows of itself.
#[derive(Debug, Default)]
pub(super) struct Machine {
    /// The interface of the default route while it is up; otherwise the first one that is.
    default_interface: Option<String>,
    asleep: Duration,
}

impl Fabric {
    /// Moves a host's default route to an interface.
    pub fn set_default_interface(&mut self, host: NodeId, interface: &str) {
        if let Node::Host(host) = &mut self.nodes[host.0] {
            host.machine.default_interface = Some(interface.to_owned());
        }
    }

    /// The first address of the interface that a host's default route leads to; none while no interface is up.
    pub fn default_source(&self, host: NodeId) -> Option<IpAddr> {
        let preferred = self.host(host)?.machine.default_interface.as_deref();
        let up = self.interfaces(host);
        let interface = up.iter().find(|info| Some(info.name.as_str()) == preferred).or_else(|| up.first())?;
        interface.addresses.first().copied()
    }

    /// Lets a host have slept for so long.
    pub fn add_sleep(&mut self, host: NodeId, asleep: Duration) {
        if let Node::Host(host) = &mut self.nodes[host.0] {
            host.machine.asleep += asleep;
        }
    }

    /// How long a host has slept so far.
    pub fn time_asleep(&self, host: NodeId) -> Duration {
        self.host(host).map_or(Duration::ZERO, |host| host.machine.asleep)
    }
}
