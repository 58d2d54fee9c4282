//! Further networks: one home whose router keeps its devices apart, and a switch with both address families.

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::Result;

use super::{Host, Lab, NAT_RULES, ip};

impl Lab {
    /// Alice and Bob in one home, 192.168.1.0/24, whose router lets both go outside and keeps them apart ("AP
    /// isolation"). It does not lead them back in through its outside address either.
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn isolated_home() -> Result<Self> {
        let middle = Host::bridge("internet", Ipv4Addr::new(203, 0, 113, 1))?;
        let router = Host::alone("nat-home", Ipv4Addr::new(203, 0, 113, 21))?;
        router.plug("wan", &middle, &router.name)?;
        router.add_address("wan", router.address)?;
        let inside = Ipv4Addr::new(192, 168, 1, 1);
        ip(&["-n", &router.name, "link", "add", "lan", "type", "bridge", "forward_delay", "0", "stp_state", "0"])?;
        router.add_address("lan", inside)?;
        ip(&["-n", &router.name, "link", "set", "lan", "up"])?;
        router.sysctl("net/ipv4/ip_forward", "1")?;
        router.nft(NAT_RULES)?;
        let device = |name: &str, last| -> Result<Host> {
            let host = Host::alone(name, Ipv4Addr::new(192, 168, 1, last))?;
            host.connect("eth0", &router, name)?;
            ip(&["-n", &router.name, "link", "set", name, "master", "lan"])?;
            ip(&["-n", &router.name, "link", "set", name, "type", "bridge_slave", "isolated", "on"])?;
            host.add_address("eth0", host.address)?;
            host.route_by(inside)?;
            Ok(Host { public_address: router.address, ..host })
        };
        let (alice, bob) = (device("alice", 2)?, device("bob", 3)?);
        let stranger = Host::plugged_into(&middle, "stranger", Ipv4Addr::new(203, 0, 113, 66))?;
        Ok(Self { alice, bob, stranger, middle })
    }

    /// As [`Self::lan`], and Alice and Bob have IPv6 addresses of 2001:db8:77::/64 as well.
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn dual_stack_lan() -> Result<Self> {
        Self::lan_with_ipv6([0x2001, 0xDB8, 0x77])
    }

    /// As [`Self::lan`], and Alice and Bob have unique local IPv6 addresses of fd00:77::/64 as well.
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn unique_local_lan() -> Result<Self> {
        Self::lan_with_ipv6([0xFD00, 0x77, 0])
    }

    /// As [`Self::unique_local_lan`], and nobody but the stranger has an IPv4 address.
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn ipv6_only_lan() -> Result<Self> {
        let lab = Self::unique_local_lan()?;
        lab.alice.drop_ipv4("eth0")?;
        lab.bob.drop_ipv4("eth0")?;
        Ok(lab)
    }

    fn lan_with_ipv6([first, second, third]: [u16; 3]) -> Result<Self> {
        let lab = Self::lan()?;
        for (host, last) in [(&lab.alice, 2), (&lab.bob, 3)] {
            host.add_ipv6("eth0", Ipv6Addr::new(first, second, third, 0, 0, 0, 0, last))?;
        }
        Ok(lab)
    }
}

impl Host {
    /// Takes every IPv4 address from a device of the machine.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn drop_ipv4(&self, device: &str) -> Result<()> {
        ip(&["-n", &self.name, "-4", "address", "flush", "dev", device])
    }

    /// Gives the machine an IPv6 address of a network with 64 bits, usable at once.
    pub(crate) fn add_ipv6(&self, device: &str, address: Ipv6Addr) -> Result<()> {
        self.sysctl(&format!("net/ipv6/conf/{device}/disable_ipv6"), "0")?;
        ip(&["-n", &self.name, "address", "add", &format!("{address}/64"), "dev", device, "nodad"])
    }
}
