//! One scenario brought to life: two peers' networks, their STUN servers, and what can be broken while it runs.

mod carriers;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use floe_transport::{
    Network, SystemNetwork,
    relay::{Credentials, TlsTrust, TurnAccess},
    server_url::DEFAULT_PORT,
};
use floe_wire::{InterfaceInfo, RelayProtocol, turn::Method};

use crate::{
    Counters, Ipv6, LinkProfile, NatConfig, Prefix, Scenario, Simnet, Way,
    scenario::{
        ACCESS_LINK, Access, DELEGATED, Interface, Plan, SECOND_PORT, SERVER_LINK, SERVERS, Server, Site, TURN_SERVER,
        WEB_SERVER,
    },
    simnet::{NodeId, Overheard},
    stun_server::{self, StunServer},
    turn_server::{TlsIdentity, TurnServer},
    web_server::WebServer,
};

/// One of the two peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// A running scenario. Dropping it ends everything in it.
///
/// The methods that break things say whether there was something to break: nothing in the loopback scenario, where
/// the sockets are real.
pub struct World {
    /// The network as peer A sees it.
    pub a: Arc<dyn Network>,
    /// The network as peer B sees it.
    pub b: Arc<dyn Network>,
    /// URLs of the STUN servers in it.
    pub stun_servers: Vec<String>,
    /// TURN servers in it, and how to use them.
    pub turn_servers: Vec<TurnAccess>,
    /// Whom to believe that it is one of them.
    pub turn_trust: TlsTrust,
    /// Whether the peers must use loopback addresses, because there are no others.
    pub include_loopback: bool,
    /// Stops the servers before the network below them.
    _servers: Vec<StunServer>,
    web: Vec<WebServer>,
    turn: Option<TurnHost>,
    simulation: Option<Simulation>,
}

/// The host of the TURN servers, which can be restarted.
struct TurnHost {
    network: Arc<dyn Network>,
    relays: &'static [RelayProtocol],
    credentials: Credentials,
    identity: TlsIdentity,
    running: Vec<TurnServer>,
}

struct Simulation {
    simnet: Simnet,
    /// Where servers are.
    core: NodeId,
    peers: [Peer; 2],
}

struct Peer {
    host: NodeId,
    router: Option<NodeId>,
}

impl World {
    /// Builds a scenario; inside a tokio runtime. The same seed gives the same ports, losses and delays.
    ///
    /// # Errors
    /// When a STUN server cannot be bound, which only real sockets do.
    pub fn build(scenario: Scenario, seed: u64) -> io::Result<Self> {
        Self::build_with_relays(scenario, scenario.relays(), seed)
    }

    /// Builds a scenario whose internet has a TURN server for these transports, and not for those of the scenario.
    ///
    /// # Errors
    /// When a server cannot be bound, which only real sockets do.
    pub fn build_with_relays(scenario: Scenario, relays: &'static [RelayProtocol], seed: u64) -> io::Result<Self> {
        match scenario.plan() {
            Plan::SharedLan(peers) => Ok(shared_lan(peers, seed)),
            Plan::Internet(sites) => internet(sites, None, relays, scenario.blocks_udp(), seed),
            Plan::Roaming([home, mobile, b]) => internet([home, b], Some(mobile), relays, scenario.blocks_udp(), seed),
            Plan::Loopback => loopback(),
        }
    }

    /// The network as one peer sees it.
    #[must_use]
    pub fn network(&self, side: Side) -> Arc<dyn Network> {
        match side {
            Side::A => Arc::clone(&self.a),
            Side::B => Arc::clone(&self.b),
        }
    }

    /// Loses a share of what a peer sends and receives, 0 to 1.
    pub fn set_loss(&self, side: Side, loss: f64) -> bool {
        self.change_links(side, |profile| profile.loss = loss)
    }

    /// Sets the one-way delay of a peer's own links.
    pub fn set_delay(&self, side: Side, delay: Duration) -> bool {
        self.change_links(side, |profile| profile.delay = delay)
    }

    /// Sets the jitter of a peer's own links.
    pub fn set_jitter(&self, side: Side, jitter: Duration) -> bool {
        self.change_links(side, |profile| profile.jitter = jitter)
    }

    /// Limits what a peer sends and receives, in bits per second.
    pub fn set_rate(&self, side: Side, rate: Option<u64>) -> bool {
        self.change_links(side, |profile| profile.rate = rate)
    }

    /// Changes how a peer's own links treat what it sends ([`Way::There`]) or what it receives ([`Way::Back`]).
    pub fn change_way(&self, side: Side, way: Way, change: impl Fn(&mut LinkProfile)) -> bool {
        let Some((simnet, peer)) = self.peer(side) else { return false };
        for link in simnet.interface_links(peer.host) {
            let mut profile = simnet.way_profile(link, way);
            change(&mut profile);
            simnet.set_way_profile(link, way, profile);
        }
        true
    }

    /// Takes an interface of a peer down, or brings it up again.
    pub fn set_interface_up(&self, side: Side, interface: &str, up: bool) -> bool {
        let Some((simnet, peer)) = self.peer(side) else { return false };
        let Some(link) = simnet.interface_link(peer.host, interface) else { return false };
        simnet.set_link_up(link, up);
        true
    }

    /// Gives an interface of a peer other addresses.
    pub fn set_addresses(&self, side: Side, interface: &str, addresses: &[IpAddr]) -> bool {
        self.peer(side).is_some_and(|(simnet, peer)| simnet.set_addresses(peer.host, interface, addresses))
    }

    /// Sockets of UDP and TCP that a peer has open; not known of real ones.
    #[must_use]
    pub fn open_sockets(&self, side: Side) -> Option<usize> {
        self.peer(side).map(|(simnet, peer)| simnet.open_sockets(peer.host))
    }

    /// Moves a peer's default route to one of its interfaces.
    pub fn set_default_interface(&self, side: Side, interface: &str) -> bool {
        self.peer(side).is_some_and(|(simnet, peer)| {
            simnet.set_default_interface(peer.host, interface);
            true
        })
    }

    /// Lets a peer's computer have slept for so long, as it finds when it wakes; nothing is lost meanwhile.
    pub fn add_sleep(&self, side: Side, asleep: Duration) -> bool {
        self.peer(side).is_some_and(|(simnet, peer)| {
            simnet.add_sleep(peer.host, asleep);
            true
        })
    }

    /// Makes a peer's computer speak IPv6 this way.
    pub fn set_ipv6(&self, side: Side, ipv6: Ipv6) -> bool {
        let Some((simnet, peer)) = self.peer(side) else { return false };
        simnet.set_ipv6(peer.host, ipv6);
        true
    }

    /// Makes a peer's router forget its mappings, as when it restarts.
    pub fn flush_nat(&self, side: Side) -> bool {
        self.peer(side).is_some_and(|(simnet, peer)| peer.router.is_some_and(|router| simnet.flush_nat(router)))
    }

    /// Makes a peer's router behave differently, with everything forgotten that it knew.
    pub fn set_nat(&self, side: Side, config: NatConfig) -> bool {
        self.peer(side).is_some_and(|(simnet, peer)| peer.router.is_some_and(|router| simnet.set_nat(router, config)))
    }

    /// Makes a peer's router drop all UDP, or carry it again.
    pub fn block_udp(&self, side: Side, blocked: bool) -> bool {
        let block =
            |(simnet, peer): (&Simnet, &Peer)| peer.router.is_some_and(|router| simnet.block_udp(router, blocked));
        self.peer(side).is_some_and(block)
    }

    /// Adds a web server that answers everything with `answer`; gives its URL.
    ///
    /// # Errors
    /// When nothing is simulated, or there is such a server.
    pub fn serve_web(&mut self, name: &str, answer: &[u8]) -> io::Result<String> {
        let Some(Simulation { simnet, core, .. }) = &self.simulation else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "nothing is simulated here"));
        };
        let host = simnet.add_host();
        let info = InterfaceInfo {
            name: "eth0".to_owned(),
            kind: floe_wire::InterfaceKind::Ethernet,
            addresses: vec![WEB_SERVER],
        };
        simnet.attach(host, *core, info, SERVER_LINK);
        simnet.add_name(name, vec![WEB_SERVER]);
        self.web.push(WebServer::serve(&simnet.network(host), (WEB_SERVER, 80).into(), answer)?);
        Ok(format!("http://{name}/"))
    }

    /// Lets the TURN servers refuse signed requests of a method with an error code from here on.
    pub fn refuse_turn(&self, method: Method, code: u16) {
        for server in self.turn.iter().flat_map(|turn| &turn.running) {
            server.refuse(method, code);
        }
    }

    /// Restarts the TURN servers: they forget every relayed address, and nobody is told.
    pub async fn restart_turn(&mut self) -> bool {
        let Some(turn) = &mut self.turn else { return false };
        for server in std::mem::take(&mut turn.running) {
            server.stop().await;
        }
        turn.serve().is_ok()
    }

    /// Stops the TURN server for one transport, for good.
    pub async fn stop_turn(&mut self, transport: RelayProtocol) -> bool {
        let Some(turn) = &mut self.turn else { return false };
        let (stopped, running): (Vec<_>, Vec<_>) =
            std::mem::take(&mut turn.running).into_iter().partition(|server| server.transport() == transport);
        turn.running = running;
        let any = !stopped.is_empty();
        for server in stopped {
            server.stop().await;
        }
        any
    }

    /// Begins to remember what a peer receives, as somebody would who sits beside it.
    pub fn begin_overhearing(&self, side: Side) -> bool {
        self.peer(side).is_some_and(|(simnet, peer)| {
            simnet.begin_overhearing(peer.host);
            true
        })
    }

    /// What a peer has received since it was last asked.
    #[must_use]
    pub fn take_overheard(&self, side: Side) -> Vec<Overheard> {
        self.peer(side).map(|(simnet, peer)| simnet.take_overheard(peer.host)).unwrap_or_default()
    }

    /// Sends a datagram into the internet from wherever it says.
    pub fn forge(&self, forged: Overheard) -> bool {
        self.simulation.as_ref().is_some_and(|simulation| {
            simulation.simnet.forge(simulation.core, forged);
            true
        })
    }

    /// What became of the datagrams so far; not known of real sockets.
    #[must_use]
    pub fn counters(&self) -> Option<Counters> {
        self.simulation.as_ref().map(|simulation| simulation.simnet.counters())
    }

    fn peer(&self, side: Side) -> Option<(&Simnet, &Peer)> {
        let Simulation { simnet, peers: [a, b], .. } = self.simulation.as_ref()?;
        Some(match side {
            Side::A => (simnet, a),
            Side::B => (simnet, b),
        })
    }

    fn change_links(&self, side: Side, change: impl Fn(&mut LinkProfile)) -> bool {
        self.change_way(side, Way::There, &change) && self.change_way(side, Way::Back, &change)
    }

    fn simulated(
        simnet: Simnet,
        core: NodeId,
        peers: [Peer; 2],
        servers: Vec<StunServer>,
        stun_servers: Vec<String>,
    ) -> Self {
        Self {
            a: Arc::new(simnet.network(peers[0].host)),
            b: Arc::new(simnet.network(peers[1].host)),
            stun_servers,
            turn_servers: Vec::new(),
            turn_trust: TlsTrust::default(),
            include_loopback: false,
            _servers: servers,
            web: Vec::new(),
            turn: None,
            simulation: Some(Simulation { simnet, core, peers }),
        }
    }
}

fn shared_lan(peers: [&'static [Interface]; 2], seed: u64) -> World {
    let simnet = Simnet::new(seed);
    let switch = simnet.add_router();
    let peers = peers.map(|interfaces| Peer { host: add_host(&simnet, switch, interfaces), router: None });
    World::simulated(simnet, switch, peers, Vec::new(), Vec::new())
}

fn internet(
    sites: [Site; 2],
    second: Option<Site>,
    relays: &'static [RelayProtocol],
    blocks_udp: bool,
    seed: u64,
) -> io::Result<World> {
    let simnet = Simnet::new(seed);
    let core = simnet.add_router();
    let [a, b] = sites;
    let peers = [add_site(&simnet, core, &a, DELEGATED[0]), add_site(&simnet, core, &b, DELEGATED[1])];
    if let Some(second) = &second {
        join(&simnet, core, peers[0].host, second, DELEGATED[2]);
    }
    let mut servers = Vec::new();
    for server in &SERVERS {
        servers.extend(add_server(&simnet, core, server)?);
    }
    let urls = SERVERS.iter().map(|server| format!("stun:{}:{DEFAULT_PORT}", server.name)).collect();
    let turn = if relays.is_empty() { None } else { Some(TurnHost::start(&simnet, core, relays)?) };
    let mut world = World::simulated(simnet, core, peers, servers, urls);
    if let Some(turn) = turn {
        world.turn_servers = turn.access();
        world.turn_trust = turn.trust()?;
        world.turn = Some(turn);
    }
    if blocks_udp {
        for side in [Side::A, Side::B] {
            world.block_udp(side, true);
        }
    }
    Ok(world)
}

fn loopback() -> io::Result<World> {
    let network = SystemNetwork::loopback();
    let mut servers = vec![stun_server::serve(&network, (Ipv4Addr::LOCALHOST, 0).into())?];
    // Machines without IPv6 have no such address; the IPv4 part of the scenario works there all the same.
    servers.extend(stun_server::serve(&network, (Ipv6Addr::LOCALHOST, 0).into()).ok());
    Ok(World {
        a: Arc::new(network),
        b: Arc::new(network),
        stun_servers: servers.iter().map(StunServer::url).collect(),
        turn_servers: Vec::new(),
        turn_trust: TlsTrust::default(),
        include_loopback: true,
        _servers: servers,
        web: Vec::new(),
        turn: None,
        simulation: None,
    })
}

impl TurnHost {
    fn start(simnet: &Simnet, core: NodeId, relays: &'static [RelayProtocol]) -> io::Result<Self> {
        let host = simnet.add_host();
        let addresses = TURN_SERVER.addresses.to_vec();
        let kind = floe_wire::InterfaceKind::Ethernet;
        let info = InterfaceInfo { name: "eth0".to_owned(), kind, addresses: addresses.clone() };
        simnet.attach(host, core, info, SERVER_LINK);
        simnet.add_name(TURN_SERVER.name, addresses);
        let mut turn = Self {
            network: Arc::new(simnet.network(host)),
            relays,
            credentials: Credentials::new("demo", "demo-password"),
            identity: TlsIdentity::generate(&[TURN_SERVER.name], false)?,
            running: Vec::new(),
        };
        turn.serve()?;
        Ok(turn)
    }

    fn serve(&mut self) -> io::Result<()> {
        for transport in self.relays {
            for ip in TURN_SERVER.addresses {
                let local = (ip, turn_port(*transport)).into();
                let (network, identity) = (Arc::clone(&self.network), Some(&self.identity));
                self.running.push(TurnServer::serve(network, local, *transport, &self.credentials, identity)?);
            }
        }
        Ok(())
    }

    /// One way to use it for each transport; the name has an address of either family.
    fn access(&self) -> Vec<TurnAccess> {
        let ipv4 = self.running.iter().filter(|server| server.address().is_ipv4());
        ipv4.map(|server| server.access(Some(TURN_SERVER.name), &self.credentials)).collect()
    }

    fn trust(&self) -> io::Result<TlsTrust> {
        TlsTrust::with_authorities(self.identity.certificate_pem().as_bytes()).map_err(io::Error::other)
    }
}

/// The ports that firewalls leave open, but for UDP, where there is no such port.
const fn turn_port(transport: RelayProtocol) -> u16 {
    match transport {
        RelayProtocol::Udp | RelayProtocol::Tcp => DEFAULT_PORT,
        RelayProtocol::Tls => 443,
    }
}

fn add_site(simnet: &Simnet, core: NodeId, site: &Site, delegated: Prefix) -> Peer {
    let host = simnet.add_host();
    let router = join(simnet, core, host, site, delegated);
    Peer { host, router }
}

/// Joins a host to the internet; gives the router that translates, if one does.
fn join(simnet: &Simnet, core: NodeId, host: NodeId, site: &Site, delegated: Prefix) -> Option<NodeId> {
    let router = simnet.add_router();
    attach(simnet, host, router, site.interfaces);
    match site.access {
        Access::Direct => {
            let addresses = site.interfaces.iter().flat_map(|interface| interface.addresses);
            let inside: Vec<Prefix> = addresses.map(|address| Prefix::host(*address)).collect();
            simnet.uplink(router, core, &inside, ACCESS_LINK);
            None
        }
        Access::Router { nat, external } => {
            let uplink = simnet.uplink(router, core, &[Prefix::host(external), delegated], ACCESS_LINK);
            simnet.translate(router, uplink, nat, external);
            Some(router)
        }
    }
}

fn add_host(simnet: &Simnet, router: NodeId, interfaces: &[Interface]) -> NodeId {
    let host = simnet.add_host();
    attach(simnet, host, router, interfaces);
    host
}

fn attach(simnet: &Simnet, host: NodeId, router: NodeId, interfaces: &[Interface]) {
    for Interface { name, kind, addresses, link } in interfaces {
        let info = InterfaceInfo { name: (*name).to_owned(), kind: *kind, addresses: addresses.to_vec() };
        simnet.attach(host, router, info, *link);
    }
}

fn add_server(simnet: &Simnet, core: NodeId, server: &Server) -> io::Result<Vec<StunServer>> {
    let host = simnet.add_host();
    let addresses: Vec<IpAddr> = server.addresses.into_iter().chain(server.second).collect();
    let kind = floe_wire::InterfaceKind::Ethernet;
    let info = InterfaceInfo { name: "eth0".to_owned(), kind, addresses };
    simnet.attach(host, core, info, SERVER_LINK);
    let network = simnet.network(host);
    let serve = |ip: IpAddr| match server.second.filter(|second| second.is_ipv4() == ip.is_ipv4()) {
        Some(second) => stun_server::serve_two(&network, (ip, DEFAULT_PORT).into(), (second, SECOND_PORT).into()),
        None => stun_server::serve(&network, (ip, DEFAULT_PORT).into()),
    };
    let servers = server.addresses.into_iter().map(serve).collect::<io::Result<_>>()?;
    simnet.add_name(server.name, server.addresses.to_vec());
    Ok(servers)
}

#[cfg(test)]
mod tests;
