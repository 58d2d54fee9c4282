//! Networks made of namespaces, bridges and NATs.

mod uplinks;
mod variants;

pub use uplinks::{Mapping, Uplink};

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// Where a lab keeps recordings, captures and reports: the private /run of the test, gone with it.
pub(crate) const FOLDER: &str = "/run/floe-netlab";
/// The bridge in the middle of a lab.
const BRIDGE: &str = "br0";

/// Two peers, a stranger, and the network between them.
pub struct Lab {
    /// One peer.
    pub alice: Host,
    /// The other peer.
    pub bob: Host,
    /// Somebody who can reach what the network lets him reach, and nothing else.
    pub stranger: Host,
    /// The switch or the internet: everything between the peers passes its bridge.
    pub middle: Host,
}

impl Lab {
    /// Alice, Bob and the stranger on one switch: 10.77.0.0/24.
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn lan() -> Result<Self> {
        let middle = Host::bridge("switch", Ipv4Addr::new(10, 77, 0, 1))?;
        let on_switch = |name, last| Host::plugged_into(&middle, name, Ipv4Addr::new(10, 77, 0, last));
        let (alice, bob, stranger) = (on_switch("alice", 2)?, on_switch("bob", 3)?, on_switch("stranger", 66)?);
        Ok(Self { alice, bob, stranger, middle })
    }

    /// Alice and Bob at home, each behind a router that keeps ports where it can (mapping independent of the
    /// destination in effect) and lets in only answers from the very address and port that were asked (RFC 4787:
    /// address- and port-dependent filtering). The stranger and the servers are on the internet, 203.0.113.0/24.
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn two_nats() -> Result<Self> {
        Self::homes([Router::Home, Router::Home])
    }

    /// Alice and Bob at home, each behind a router of a kind; the rest as in [`Self::two_nats`].
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn homes(routers: [Router; 2]) -> Result<Self> {
        let middle = Host::bridge("internet", Ipv4Addr::new(203, 0, 113, 1))?;
        let alice = home(&middle, "alice", 1, routers[0])?;
        let bob = home(&middle, "bob", 2, routers[1])?;
        let stranger = Host::plugged_into(&middle, "stranger", Ipv4Addr::new(203, 0, 113, 66))?;
        Ok(Self { alice, bob, stranger, middle })
    }

    /// A machine for a server, on the internet of the lab.
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn server(&self, name: &str, address: Ipv4Addr) -> Result<Host> {
        Host::plugged_into(&self.middle, name, address)
    }

    /// From here on every datagram from one peer to the other on this switch arrives twice: a true replay, from the
    /// right address and port.
    ///
    /// # Errors
    /// When the rule cannot be set.
    pub fn replay_everything(&self, from: &Host, to: &Host) -> Result<()> {
        self.middle.nft(&format!(
            "table netdev replay {{\n chain twice {{\n  type filter hook ingress device \"{}\" priority 0;\n  \
             ip daddr {} ip protocol udp dup to \"{}\"\n }}\n}}\n",
            from.name, to.address, to.name
        ))
    }

    /// A file of this lab.
    pub fn file(&self, name: &str) -> PathBuf {
        Path::new(FOLDER).join(name)
    }
}

/// What a home router does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Router {
    /// Keeps ports, lets in answers only.
    Home,
    /// Keeps ports, and lets in whatever comes from a host that the same port has sent to, from any port of it (RFC 4787:
    /// address-dependent filtering, "restricted cone").
    HostFiltering,
    /// Another random port for every destination, lets in answers only ("symmetric").
    Symmetric,
    /// As [`Self::Home`], and lets no UDP through.
    NoUdp,
}

/// A machine: a network namespace with one address that matters.
pub struct Host {
    name: String,
    address: Ipv4Addr,
    public_address: Ipv4Addr,
}

impl Host {
    /// What it is called, for people and for `ip netns exec`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on its own network.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The address others see: its own, or that of the router before it.
    pub fn public_address(&self) -> Ipv4Addr {
        self.public_address
    }

    /// A command that will run on this machine.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg("--").arg(program);
        command
    }

    /// The UDP sockets that are open on this machine.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn udp_sockets(&self) -> Result<Vec<SocketAddr>> {
        let output = self.command("ss").args(["-H", "-u", "-a", "-n"]).output().context("ss does not start")?;
        let text = String::from_utf8_lossy(&output.stdout);
        // A socket that is tied to its interface is listed as `address%interface:port`.
        let address = |text: &str| match text.split_once('%') {
            Some((ip, rest)) => format!("{ip}:{}", rest.rsplit(':').next().unwrap_or_default()).parse().ok(),
            None => text.parse().ok(),
        };
        Ok(text.lines().filter_map(|line| address(line.split_whitespace().nth(3)?)).collect())
    }

    /// Packets of any kind that a device of this machine has sent so far.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn packets_sent(&self, device: &str) -> Result<u64> {
        let output = self.command("cat").arg("/proc/net/dev").output().context("cat does not start")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.trim().strip_prefix(device)?.strip_prefix(':'));
        // Eight columns of what was received, then bytes and packets sent.
        let packets = line.and_then(|line| line.split_ascii_whitespace().nth(9)?.parse().ok());
        packets.with_context(|| format!("no counters of {device}"))
    }

    /// Gives the machine another address, beside the one it has.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn add_address(&self, device: &str, address: Ipv4Addr) -> Result<()> {
        ip(&["-n", &self.name, "address", "add", &format!("{address}/24"), "dev", device])
    }

    /// Takes an address from the machine.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove_address(&self, device: &str, address: Ipv4Addr) -> Result<()> {
        ip(&["-n", &self.name, "address", "delete", &format!("{address}/24"), "dev", device])
    }

    /// Pulls the cable of a device, or plugs it in.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_link(&self, device: &str, up: bool) -> Result<()> {
        ip(&["-n", &self.name, "link", "set", device, if up { "up" } else { "down" }])
    }

    /// A machine without neighbours.
    fn alone(name: &str, address: Ipv4Addr) -> Result<Self> {
        fs::create_dir_all(FOLDER).context("cannot make the folder of the lab")?;
        ip(&["netns", "add", name])?;
        let host = Self { name: name.to_owned(), address, public_address: address };
        // Router advertisements and duplicate address detection would add seconds and packets of their own.
        host.sysctl("net/ipv6/conf/all/disable_ipv6", "1")?;
        host.sysctl("net/ipv6/conf/default/disable_ipv6", "1")?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        Ok(host)
    }

    /// A machine that is a switch for others.
    fn bridge(name: &str, address: Ipv4Addr) -> Result<Self> {
        let host = Self::alone(name, address)?;
        ip(&["-n", name, "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0", "stp_state", "0"])?;
        host.add_address(BRIDGE, address)?;
        ip(&["-n", name, "link", "set", BRIDGE, "up"])?;
        Ok(host)
    }

    /// A machine with a cable to the switch, which is also its default router.
    fn plugged_into(switch: &Self, name: &str, address: Ipv4Addr) -> Result<Self> {
        let host = Self::alone(name, address)?;
        host.plug("eth0", switch, name)?;
        host.add_address("eth0", address)?;
        host.route_by(switch.address)?;
        Ok(host)
    }

    /// A cable from `device` here to the bridge of `switch`, where its end is called `port`.
    fn plug(&self, device: &str, switch: &Self, port: &str) -> Result<()> {
        self.connect(device, switch, port)?;
        ip(&["-n", &switch.name, "link", "set", port, "master", BRIDGE])
    }

    /// A cable between two machines, both ends up.
    fn connect(&self, device: &str, other: &Self, port: &str) -> Result<()> {
        ip(&["link", "add", port, "netns", &other.name, "type", "veth", "peer", "name", device, "netns", &self.name])?;
        ip(&["-n", &other.name, "link", "set", port, "up"])?;
        ip(&["-n", &self.name, "link", "set", device, "up"])
    }

    fn route_by(&self, router: Ipv4Addr) -> Result<()> {
        ip(&["-n", &self.name, "route", "add", "default", "via", &router.to_string()])
    }

    fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        // /proc/sys/net shows the namespace of whoever looks, so somebody inside has to write.
        checked(
            self.command("sh").args(["-c", &format!("test ! -e /proc/sys/{key} || echo {value} > /proc/sys/{key}")]),
        )
    }

    fn nft(&self, rules: &str) -> Result<()> {
        let mut child =
            self.command("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().context("nft does not start")?;
        child.stdin.take().context("stdin is piped")?.write_all(rules.as_bytes())?;
        ensure!(child.wait()?.success(), "nft refused on {}:\n{rules}", self.name);
        Ok(())
    }
}

/// A peer on a private network, 192.168.`number`.0/24, behind a router at 203.0.113.(20 + `number`).
fn home(internet: &Host, peer: &str, number: u8, kind: Router) -> Result<Host> {
    let inside = Ipv4Addr::new(192, 168, number, 1);
    let router = Host::alone(&format!("nat-{peer}"), Ipv4Addr::new(203, 0, 113, 20 + number))?;
    router.plug("wan", internet, &router.name)?;
    router.add_address("wan", router.address)?;
    let host = Host::alone(peer, Ipv4Addr::new(192, 168, number, 2))?;
    host.connect("eth0", &router, "lan")?;
    router.add_address("lan", inside)?;
    host.add_address("eth0", host.address)?;
    host.route_by(inside)?;
    router.sysctl("net/ipv4/ip_forward", "1")?;
    router.nft(&nat_rules(kind, host.address))?;
    Ok(Host { public_address: router.address, ..host })
}

/// The rules of a router with this device behind it.
fn nat_rules(kind: Router, device: Ipv4Addr) -> String {
    match kind {
        Router::Home => NAT_RULES.to_owned(),
        Router::HostFiltering => format!("{NAT_RULES}{}", HOST_RULES.replace("DEVICE", &device.to_string())),
        Router::Symmetric => NAT_RULES.replace("masquerade", "masquerade fully-random"),
        Router::NoUdp => format!("{NAT_RULES}{NO_UDP_RULES}"),
    }
}

/// Which host each port of the inside has sent to; what comes from such a host to such a port is led to the device,
/// and answered from the same port.
const HOST_RULES: &str = r#"
table ip hosts {
    set asked {
        type ipv4_addr . inet_service
        flags timeout
        timeout 60s
        size 4096
    }
    chain forward {
        type filter hook forward priority filter - 1; policy accept;
        iifname "lan" oifname "wan" meta l4proto udp update @asked { ip daddr . udp sport }
    }
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        iifname "wan" meta l4proto udp ip saddr . udp dport @asked dnat to DEVICE
    }
}
add rule ip filter forward ct status dnat accept
"#;

/// As a firewall does that lets people use the web only.
const NO_UDP_RULES: &str = r#"
table ip block {
    chain forward {
        type filter hook forward priority filter - 1; policy accept;
        meta l4proto udp drop
    }
}
"#;

/// Masquerading keeps the source port if it is free. What was not asked for is dropped without a word: a refusal would
/// leave a connection-tracking entry that makes the router choose another port when the peer is asked later.
const NAT_RULES: &str = r#"
table ip nat {
    chain postrouting {
        type nat hook postrouting priority srcnat;
        oifname "wan" masquerade
    }
}
table ip filter {
    chain forward {
        type filter hook forward priority filter; policy drop;
        iifname "lan" oifname "wan" accept
        ct state established,related accept
    }
    chain input {
        type filter hook input priority filter; policy drop;
        iifname "lan" accept
        ct state established,related accept
    }
}
"#;

/// Copies everything that a lab wrote.
pub(crate) fn keep_files(folder: &Path) -> Result<()> {
    checked(Command::new("cp").arg("-r").arg(FOLDER).arg(folder))
}

fn ip(arguments: &[&str]) -> Result<()> {
    checked(Command::new("ip").args(arguments))
}

/// Runs a command that prints nothing when all is well.
fn checked(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?} does not start"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
