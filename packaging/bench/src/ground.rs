//! The networks of the bench, as data, and how each is laid out in a simulation of its own.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use floe_simnet::{
    LinkProfile, NatConfig, Prefix, Simnet,
    simnet::NodeId,
    stun_server::{self, StunServer},
    turn_server::{TlsIdentity, TurnServer},
};
use floe_transport::{
    Network,
    relay::{Credentials, TlsTrust, TurnAccess},
};
use floe_wire::{InterfaceInfo, InterfaceKind, RelayProtocol};

const STUN_PORT: u16 = 3478;
/// Where firewalls that know no UDP let TURN through.
const HTTPS: u16 = 443;
/// The host of all servers: one address for STUN, one for TURN.
const STUN_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const TURN_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

/// A network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ground {
    /// What people call it.
    pub name: &'static str,
    /// What is between the ends.
    pub layout: Layout,
    /// Interfaces of each end.
    pub interfaces: u8,
    /// From one end to the other and back.
    pub rtt: Duration,
    /// How a TURN server can be reached, if there is one.
    pub relay: Option<RelayProtocol>,
    /// Both codes in until both ends are on a pair: what Floe promises.
    pub promise: Promise,
    /// What engines check that pace themselves by RFC 8445.
    pub pairs: Pairs,
}

/// What is between the ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Layout {
    /// One switch.
    Lan,
    /// The internet, with a router of this kind before each end.
    Homes(NatConfig),
    /// The internet; A is behind a router that lets no UDP through, B has public addresses.
    OneWithoutUdp,
    /// The internet; no router lets UDP through.
    NoUdp,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Promise {
    pub median: f64,
    pub worst: Option<f64>,
}

/// The checks of an agent by the letter: how many pairs an end has, and which of them is the first that works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pairs {
    pub all: u32,
    pub first_working: u32,
}

const fn within(median: f64) -> Promise {
    Promise { median, worst: None }
}

impl Ground {
    /// All networks that calls are set up over.
    pub const ALL: [Self; 8] = [
        Self {
            name: "LAN, 2×2 bases, no delay",
            layout: Layout::Lan,
            interfaces: 2,
            rtt: Duration::ZERO,
            relay: None,
            promise: Promise { median: 1.0, worst: Some(10.0) },
            pairs: Pairs { all: 4, first_working: 0 },
        },
        Self {
            name: "80 ms RTT, 2×2 bases",
            layout: Layout::Lan,
            interfaces: 2,
            rtt: Duration::from_millis(80),
            relay: None,
            promise: within(180.0),
            pairs: Pairs { all: 4, first_working: 0 },
        },
        Self {
            name: "Two NATs (filtering by address and port), 2×2 bases, no delay",
            layout: Layout::Homes(NatConfig::HOME),
            interfaces: 2,
            rtt: Duration::ZERO,
            relay: None,
            promise: within(30.0),
            // Two private addresses of the peer first, from each base.
            pairs: Pairs { all: 8, first_working: 4 },
        },
        Self {
            name: "Two NATs (filtering by address and port), 2×2 bases, 30 ms RTT",
            layout: Layout::Homes(NatConfig::HOME),
            interfaces: 2,
            rtt: Duration::from_millis(30),
            relay: None,
            promise: within(30.0 + 60.0),
            pairs: Pairs { all: 8, first_working: 4 },
        },
        Self {
            name: "Relay between two symmetric NATs, 1×1 bases with a relayed address each, no delay",
            layout: Layout::Homes(NatConfig::SYMMETRIC),
            interfaces: 1,
            rtt: Duration::ZERO,
            relay: Some(RelayProtocol::Udp),
            promise: within(40.0),
            // A relay lets in whom it was used to send to, which first is the peer's reflexive address.
            pairs: Pairs { all: 6, first_working: 4 },
        },
        Self {
            name: "ICE-TCP: one end without UDP, the other one public, no delay",
            layout: Layout::OneWithoutUdp,
            interfaces: 1,
            rtt: Duration::ZERO,
            relay: None,
            promise: within(40.0),
            // Over UDP first, then active to passive and both at once.
            pairs: Pairs { all: 3, first_working: 1 },
        },
        Self {
            name: "No UDP at all: relays over TCP, no delay",
            layout: Layout::NoUdp,
            interfaces: 1,
            rtt: Duration::ZERO,
            relay: Some(RelayProtocol::Tcp),
            promise: within(60.0),
            pairs: Pairs { all: 6, first_working: 5 },
        },
        Self {
            name: "No UDP at all: relays over TLS, no delay",
            layout: Layout::NoUdp,
            interfaces: 1,
            rtt: Duration::ZERO,
            relay: Some(RelayProtocol::Tls),
            promise: within(60.0),
            pairs: Pairs { all: 6, first_working: 5 },
        },
    ];

    /// Whether somebody without relays and TCP gets through.
    pub const fn is_direct(&self) -> bool {
        matches!(self.layout, Layout::Lan | Layout::Homes(_)) && self.relay.is_none()
    }

    /// Whether somebody without TCP of his own gets through.
    pub const fn is_for_datagrams(&self) -> bool {
        !matches!(self.layout, Layout::OneWithoutUdp)
    }

    /// What two agents with the RFC's default pacing send until the best pair that works is nominated, without loss:
    /// an ordinary check per Ta of 50 ms and end, pairs in order of priority, and one nomination. (They send more if
    /// their checks trigger others.)
    pub fn rfc_checks(&self) -> u32 {
        const TA_MS: u32 = 50;
        let rtt = u32::try_from(self.rtt.as_millis()).unwrap_or(u32::MAX);
        let over_at = TA_MS * self.pairs.first_working + 2 * rtt;
        2 * (over_at / TA_MS + 1).min(self.pairs.all) + 1
    }

    /// Lays it out; inside a tokio runtime.
    pub fn build(&self, seed: u64) -> io::Result<World> {
        let simnet = Simnet::new(seed);
        let core = simnet.add_router();
        let sites = [Site::new(&simnet, self, 0, core), Site::new(&simnet, self, 1, core)];
        let mut world = World {
            ends: sites.map(|site| Arc::new(simnet.network(site.host)) as Arc<dyn Network>),
            stun_servers: Vec::new(),
            turn_servers: Vec::new(),
            turn_trust: TlsTrust::default(),
            _stun: None,
            _turn: None,
            simnet,
        };
        if self.layout != Layout::Lan {
            world.add_servers(core, self)?;
        }
        Ok(world)
    }
}

/// One end's host.
#[derive(Clone, Copy)]
struct Site {
    host: NodeId,
}

impl Site {
    fn new(simnet: &Simnet, ground: &Ground, number: u8, core: NodeId) -> Self {
        let host = simnet.add_host();
        // A quarter of the round trip for each end's part of each way.
        let part = LinkProfile::delay(ground.rtt / 4);
        let (router, link) = match ground.layout {
            Layout::Lan => (core, part),
            Layout::Homes(_) | Layout::OneWithoutUdp | Layout::NoUdp => (simnet.add_router(), LinkProfile::default()),
        };
        let is_public = ground.layout == Layout::OneWithoutUdp && number == 1;
        let address = |index: u8| match (ground.layout, is_public) {
            (_, true) => IpAddr::from([198, 51, 100, 30 + index]),
            (Layout::Lan, _) => IpAddr::from([192, 168, 1, 10 * (number + 1) + index]),
            _ => IpAddr::from([192, 168, number + 1, 10 + index]),
        };
        let addresses: Vec<IpAddr> = (0..ground.interfaces).map(address).collect();
        for (index, address) in (0..).zip(&addresses) {
            let name = format!("eth{index}");
            let info = InterfaceInfo { name, kind: InterfaceKind::Ethernet, addresses: vec![*address] };
            simnet.attach(host, router, info, link);
        }
        let nat = match ground.layout {
            Layout::Lan => return Self { host },
            Layout::Homes(nat) => nat,
            Layout::OneWithoutUdp | Layout::NoUdp => NatConfig::HOME,
        };
        if is_public {
            let inside: Vec<Prefix> = addresses.iter().map(|address| Prefix::host(*address)).collect();
            simnet.uplink(router, core, &inside, part);
            return Self { host };
        }
        let external = IpAddr::from([203, 0, 113, 10 + number]);
        let uplink = simnet.uplink(router, core, &[Prefix::host(external)], part);
        simnet.translate(router, uplink, nat, external);
        simnet.block_udp(router, matches!(ground.layout, Layout::OneWithoutUdp | Layout::NoUdp));
        Self { host }
    }
}

/// A network that runs. Dropping it ends it.
pub struct World {
    /// As each end sees it.
    pub ends: [Arc<dyn Network>; 2],
    pub stun_servers: Vec<String>,
    pub turn_servers: Vec<TurnAccess>,
    pub turn_trust: TlsTrust,
    /// Servers stop before the network below them.
    _stun: Option<StunServer>,
    _turn: Option<TurnServer>,
    pub simnet: Simnet,
}

impl World {
    /// The servers are where the core is: half the round trip between the ends away from either.
    fn add_servers(&mut self, core: NodeId, ground: &Ground) -> io::Result<()> {
        let host = self.simnet.add_host();
        let addresses = vec![IpAddr::from(STUN_SERVER), IpAddr::from(TURN_SERVER)];
        let info = InterfaceInfo { name: "eth0".to_owned(), kind: InterfaceKind::Ethernet, addresses };
        self.simnet.attach(host, core, info, LinkProfile::default());
        let network: Arc<dyn Network> = Arc::new(self.simnet.network(host));
        // Where no UDP passes, everybody would wait for an answer that cannot come.
        if matches!(ground.layout, Layout::Homes(_)) {
            let stun = stun_server::serve(&*network, (STUN_SERVER, STUN_PORT).into())?;
            self.stun_servers.push(stun.url());
            self._stun = Some(stun);
        }
        let Some(transport) = ground.relay else { return Ok(()) };
        let credentials = Credentials::new("bench", "a-password-of-the-bench");
        let name = TURN_SERVER.to_string();
        let identity = TlsIdentity::generate(&[name.as_str()], false)?;
        self.turn_trust =
            TlsTrust::with_authorities(identity.certificate_pem().as_bytes()).map_err(io::Error::other)?;
        let port = if transport == RelayProtocol::Tls { HTTPS } else { STUN_PORT };
        let turn = TurnServer::serve(network, (TURN_SERVER, port).into(), transport, &credentials, Some(&identity))?;
        self.turn_servers.push(turn.access(None, &credentials));
        self._turn = Some(turn);
        Ok(())
    }
}
