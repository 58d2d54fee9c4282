//! A machine with two ways to the internet, and routers that forget, fail and come back.

use std::net::Ipv4Addr;

use anyhow::Result;

use super::{Host, Lab, Router, checked, home, ip, nat_rules};

/// The metrics that desktops give to a cable and to a mobile network.
const METRICS: [&str; 2] = ["100", "600"];

/// One of a machine's ways to the internet: a device, and the router behind it.
pub struct Uplink {
    machine: String,
    device: String,
    metric: &'static str,
    inside: Ipv4Addr,
    /// The router, where NAT happens.
    pub router: Host,
}

impl Lab {
    /// Alice has a cable and a mobile network, each behind a NAT of its own; Bob is on the internet himself, or behind a
    /// router. Both of Alice's default routes are there, told apart by their metrics only, as on a desktop.
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn two_uplinks(router_of_bob: Option<Router>) -> Result<(Self, [Uplink; 2])> {
        let middle = Host::bridge("internet", Ipv4Addr::new(203, 0, 113, 1))?;
        let alice = home(&middle, "alice", 1, Router::Home)?;
        ip(&["-n", &alice.name, "route", "flush", "default"])?;
        let cable = Uplink {
            machine: alice.name.clone(),
            device: "eth0".to_owned(),
            metric: METRICS[0],
            inside: Ipv4Addr::new(192, 168, 1, 1),
            router: Host::named("nat-alice", alice.public_address),
        };
        let mobile = second_uplink(&middle, &alice)?;
        cable.announce(&alice)?;
        mobile.announce(&alice)?;
        cable.route()?;
        mobile.route()?;
        let bob = match router_of_bob {
            Some(kind) => home(&middle, "bob", 2, kind)?,
            None => Host::plugged_into(&middle, "bob", Ipv4Addr::new(203, 0, 113, 30))?,
        };
        let stranger = Host::plugged_into(&middle, "stranger", Ipv4Addr::new(203, 0, 113, 66))?;
        Ok((Self { alice, bob, stranger, middle }, [cable, mobile]))
    }

    /// Drops everything that passes the middle, or lets it pass again.
    ///
    /// # Errors
    /// When the rule cannot be set.
    pub fn set_outage(&self, is_out: bool) -> Result<()> {
        if !is_out {
            return checked(self.middle.command("nft").args(["delete", "table", "bridge", "outage"]));
        }
        self.middle.nft(
            "table bridge outage {\n chain forward {\n  type filter hook forward priority 0; policy drop;\n }\n}\n",
        )
    }
}

/// The router at 203.0.113.23 and 192.168.3.0/24 behind it, at a second device of the machine.
fn second_uplink(internet: &Host, machine: &Host) -> Result<Uplink> {
    let inside = Ipv4Addr::new(192, 168, 3, 1);
    let router = Host::alone("nat-mobile", Ipv4Addr::new(203, 0, 113, 23))?;
    router.plug("wan", internet, &router.name)?;
    router.add_address("wan", router.address)?;
    machine.connect("eth1", &router, "lan")?;
    router.add_address("lan", inside)?;
    let address = Ipv4Addr::new(192, 168, 3, 2);
    machine.add_address("eth1", address)?;
    router.sysctl("net/ipv4/ip_forward", "1")?;
    router.nft(&nat_rules(Router::Home, address))?;
    Ok(Uplink { machine: machine.name.clone(), device: "eth1".to_owned(), metric: METRICS[1], inside, router })
}

impl Uplink {
    /// Takes the device down: the system tells at once.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn take_down(&self) -> Result<()> {
        ip(&["-n", &self.machine, "link", "set", &self.device, "down"])
    }

    /// Takes the device up, with its default route, as whoever manages networks does.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn bring_up(&self) -> Result<()> {
        ip(&["-n", &self.machine, "link", "set", &self.device, "up"])?;
        self.route()
    }

    /// What is behind the router goes away, or comes back; the machine sees nothing of it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_internet(&self, is_there: bool) -> Result<()> {
        self.router.set_link("wan", is_there)
    }

    /// Makes this the way of everything that is told no other one.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn prefer(&self) -> Result<()> {
        let via = self.inside.to_string();
        ip(&["-n", &self.machine, "route", "add", "default", "via", &via, "dev", &self.device, "metric", "50"])
    }

    /// Loses this percentage of the packets, in both directions and at random.
    ///
    /// # Errors
    /// When the rule cannot be set.
    pub fn lose(&self, percent: u8) -> Result<()> {
        self.router.nft(&format!(
            "table ip lossy {{\n chain forward {{\n  type filter hook forward priority filter - 2; policy accept;\n  \
             numgen random mod 100 < {percent} drop\n }}\n}}\n"
        ))
    }

    /// Lets the machine tell its address when the device comes up, as whoever manages networks does: a router that asked
    /// for it in vain meanwhile asks again only after a second.
    fn announce(&self, machine: &Host) -> Result<()> {
        machine.sysctl(&format!("net/ipv4/conf/{}/arp_notify", self.device), "1")
    }

    fn route(&self) -> Result<()> {
        let via = self.inside.to_string();
        ip(&["-n", &self.machine, "route", "add", "default", "via", &via, "dev", &self.device, "metric", self.metric])
    }
}

impl Host {
    /// A machine that exists already.
    fn named(name: &str, address: Ipv4Addr) -> Self {
        Self { name: name.to_owned(), address, public_address: address }
    }

    /// Makes a router of the lab forget every connection at once. What goes on from inside is a new one, at the same port
    /// as before where the router keeps ports, or `Elsewhere`.
    ///
    /// # Errors
    /// When the rules cannot be set.
    pub fn forget_connections(&self, and: Mapping) -> Result<()> {
        // Connections are looked for in their zone only, so that in another one nothing is known.
        let zone = "table ip forget {\n chain prerouting {\n  type filter hook prerouting priority raw; policy accept;\n  \
                    ct zone set 7\n }\n}\n";
        self.nft(zone)?;
        match and {
            Mapping::Same => Ok(()),
            Mapping::Elsewhere => self.nft(
                "flush chain ip nat postrouting\nadd rule ip nat postrouting oifname \"wan\" masquerade fully-random\n",
            ),
        }
    }
}

/// Where a router that has forgotten a connection maps its inside to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// To the port that the inside uses, if it is free.
    Same,
    /// To a port at random.
    Elsewhere,
}
