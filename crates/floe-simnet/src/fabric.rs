//! The fabric: nodes, links and everything under way, with time passed in.

mod attacker;
mod machine;
mod tcp;

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, HashMap, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use bytes::Bytes;
use floe_wire::InterfaceInfo;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::mpsc;

pub use self::attacker::Overheard;
use self::machine::Machine;
use crate::{
    Counters, LinkProfile, Prefix,
    counters::Loss,
    link::{Link, Way},
    router::{Border, Datagram, Payload, Router},
    tcp::{Flow, stack::Stack},
};

/// Datagrams under way at once: 10 s of 50 calls.
const MAX_IN_FLIGHT: usize = 65_536;
/// Datagrams that wait in a socket, as much as a system's default buffer holds.
const SOCKET_QUEUE: usize = 512;
/// Hops before a datagram is given up: a loop in the routes must not hang the program.
const MAX_HOPS: usize = 32;
/// The largest UDP payload over IPv4.
const MAX_PAYLOAD: usize = 65_507;
/// Ports that are given to sockets bound to port 0 (RFC 6335 section 6).
const EPHEMERAL_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// A node's place in the fabric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// A link's place in the fabric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId(usize);

/// What arrives in a socket: the bytes and where they came from.
pub(crate) type Letter = (Bytes, SocketAddr);

/// Everything there is.
#[derive(Debug)]
pub(crate) struct Fabric {
    seed: StdRng,
    nodes: Vec<Node>,
    links: Vec<(Link, [NodeId; 2])>,
    under_way: BinaryHeap<Reverse<Arrival>>,
    sequence: u64,
    /// When a connection wants to be looked after; those of connections that changed their mind are passed over.
    timers: BinaryHeap<Reverse<(Instant, NodeId, Flow)>>,
    /// What connections have said and is not on a link.
    outbox: VecDeque<(NodeId, Datagram, Instant)>,
    names: HashMap<String, Vec<IpAddr>>,
    counters: Counters,
    overheard: HashMap<NodeId, Vec<Overheard>>,
    closed: bool,
}

#[derive(Debug)]
enum Node {
    Host(Box<Host>),
    Router(Router),
}

#[derive(Debug)]
struct Host {
    interfaces: Vec<(InterfaceInfo, LinkId)>,
    sockets: HashMap<SocketAddr, mpsc::Sender<Letter>>,
    tcp: Stack,
    random: StdRng,
    machine: Machine,
}

/// A datagram on its way over a link.
#[derive(Debug)]
struct Arrival {
    at: Instant,
    /// Keeps datagrams of one instant in the order they were sent.
    sequence: u64,
    link: LinkId,
    node: NodeId,
    datagram: Datagram,
    hops: usize,
}

impl Fabric {
    pub fn new(seed: u64) -> Self {
        Self {
            seed: StdRng::seed_from_u64(seed),
            nodes: Vec::new(),
            links: Vec::new(),
            under_way: BinaryHeap::new(),
            sequence: 0,
            timers: BinaryHeap::new(),
            outbox: VecDeque::new(),
            names: HashMap::new(),
            counters: Counters::default(),
            overheard: HashMap::new(),
            closed: false,
        }
    }

    /// A seed for one part, different for each and the same for the same seed of the whole.
    pub fn next_seed(&mut self) -> u64 {
        self.seed.random()
    }

    pub fn add_host(&mut self) -> NodeId {
        let random = StdRng::seed_from_u64(self.next_seed());
        let (tcp, machine) = (Stack::default(), Machine::default());
        let host = Host { interfaces: Vec::new(), sockets: HashMap::new(), tcp, random, machine };
        self.add(Node::Host(Box::new(host)))
    }

    pub fn add_router(&mut self) -> NodeId {
        self.add(Node::Router(Router::default()))
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    pub fn add_link(&mut self, ends: [NodeId; 2], profile: LinkProfile) -> LinkId {
        let link = Link::new(profile, self.next_seed());
        self.links.push((link, ends));
        LinkId(self.links.len() - 1)
    }

    pub fn add_interface(&mut self, host: NodeId, info: InterfaceInfo, link: LinkId) {
        if let Node::Host(host) = &mut self.nodes[host.0] {
            host.interfaces.push((info, link));
        }
    }

    /// Gives a host's interface other addresses; sockets at the old ones are left as they are, and reach nobody.
    pub fn set_addresses(&mut self, host: NodeId, interface: &str, addresses: &[IpAddr]) -> Option<LinkId> {
        let Node::Host(host) = &mut self.nodes[host.0] else { return None };
        let (info, link) = host.interfaces.iter_mut().find(|(info, _)| info.name == interface)?;
        info.addresses = addresses.to_vec();
        Some(*link)
    }

    /// UDP sockets, TCP listeners and TCP connections of a host.
    pub fn open_sockets(&self, host: NodeId) -> usize {
        self.host(host).map_or(0, |host| host.sockets.len() + host.tcp.owned())
    }

    /// The other end of a link.
    pub fn far_end(&self, link: LinkId, near: NodeId) -> Option<NodeId> {
        self.links[link.0].1.into_iter().find(|end| *end != near)
    }

    pub fn add_route(&mut self, router: NodeId, prefix: Prefix, link: LinkId) {
        if let Node::Router(router) = &mut self.nodes[router.0] {
            router.add_route(prefix, link);
        }
    }

    pub fn set_border(&mut self, router: NodeId, border: Border) {
        if let Node::Router(router) = &mut self.nodes[router.0] {
            router.set_border(border);
        }
    }

    pub fn border_mut(&mut self, router: NodeId) -> Option<&mut Border> {
        match &mut self.nodes[router.0] {
            Node::Router(router) => router.border_mut(),
            Node::Host(_) => None,
        }
    }

    pub fn link_mut(&mut self, link: LinkId) -> &mut Link {
        &mut self.links[link.0].0
    }

    pub fn add_name(&mut self, name: &str, addresses: Vec<IpAddr>) {
        self.names.insert(name.to_owned(), addresses);
    }

    pub fn resolve(&self, name: &str) -> Option<&[IpAddr]> {
        self.names.get(name).map(Vec::as_slice)
    }

    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// The host's interfaces with their links.
    pub fn all_interfaces(&self, host: NodeId) -> &[(InterfaceInfo, LinkId)] {
        self.host(host).map_or(&[], |host| &host.interfaces)
    }

    /// The host's interfaces that are up.
    pub fn interfaces(&self, host: NodeId) -> Vec<InterfaceInfo> {
        let up = |(info, link): &(InterfaceInfo, LinkId)| self.links[link.0].0.up.then(|| info.clone());
        self.all_interfaces(host).iter().filter_map(up).collect()
    }

    fn host(&self, id: NodeId) -> Option<&Host> {
        match &self.nodes[id.0] {
            Node::Host(host) => Some(host),
            Node::Router(_) => None,
        }
    }

    /// Binds a socket; gives its address and where its datagrams will come out.
    pub fn bind(&mut self, host: NodeId, local: SocketAddr) -> io::Result<(SocketAddr, mpsc::Receiver<Letter>)> {
        self.check_own(host, local.ip())?;
        let Node::Host(host) = &mut self.nodes[host.0] else { return Err(io::ErrorKind::Unsupported.into()) };
        let local = match local.port() {
            0 => host.free_port(local.ip())?,
            _ if host.sockets.contains_key(&local) => return Err(io::ErrorKind::AddrInUse.into()),
            _ => local,
        };
        let (sender, receiver) = mpsc::channel(SOCKET_QUEUE);
        host.sockets.insert(local, sender);
        Ok((local, receiver))
    }

    fn check_own(&self, host: NodeId, ip: IpAddr) -> io::Result<()> {
        // Loopback leads nowhere from here, and can be bound as on any computer.
        if ip.is_loopback() || self.interfaces(host).iter().any(|interface| interface.addresses.contains(&ip)) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "no interface that is up has this address"))
    }

    pub fn unbind(&mut self, host: NodeId, local: SocketAddr) {
        if let Node::Host(host) = &mut self.nodes[host.0] {
            host.sockets.remove(&local);
        }
    }

    /// Sends a datagram from a bound socket and carries it as far as it gets without waiting.
    pub fn send(&mut self, host: NodeId, datagram: Datagram, now: Instant) -> io::Result<()> {
        self.post_datagram(host, datagram, now)?;
        self.flush();
        Ok(())
    }

    /// The addresses that a multicast reaches: those of other hosts on the same switch.
    fn neighbours(&self, host: NodeId, link: LinkId) -> Vec<IpAddr> {
        let ends = |link: LinkId| self.links[link.0].1;
        let Some(switch) = self.far_end(link, host) else { return Vec::new() };
        let others = (0..self.nodes.len()).map(NodeId).filter(|node| *node != host);
        let interfaces = others.flat_map(|node| self.all_interfaces(node));
        let near = interfaces.filter(|(_, link)| ends(*link).contains(&switch));
        near.flat_map(|(info, _)| info.addresses.clone()).collect()
    }

    /// Sends a copy to every neighbour, as a switch does; routers do not pass on what is for their link only.
    fn post_multicast(&mut self, host: NodeId, link: LinkId, datagram: &Datagram, now: Instant) {
        for ip in self.neighbours(host, link) {
            if ip.is_ipv4() == datagram.source.is_ipv4() {
                let destination = SocketAddr::new(ip, datagram.destination.port());
                let result = self.carry(host, link, Datagram { destination, ..datagram.clone() }, 0, now);
                self.count(result);
            }
        }
    }

    fn post_datagram(&mut self, host: NodeId, datagram: Datagram, now: Instant) -> io::Result<()> {
        if self.closed {
            return Err(io::Error::new(io::ErrorKind::NetworkDown, "the simulated network has ended"));
        }
        if matches!(&datagram.payload, Payload::Udp(bytes) if bytes.len() > MAX_PAYLOAD) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the datagram is too long for UDP"));
        }
        if datagram.source.is_ipv4() != datagram.destination.is_ipv4() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the address is of another family"));
        }
        let own = |ip: IpAddr| self.all_interfaces(host).iter().find(|(info, _)| info.addresses.contains(&ip));
        let stays = own(datagram.destination.ip()).is_some();
        let link = own(datagram.source.ip()).map(|(_, link)| *link).filter(|link| self.links[link.0].0.up);
        let link = link.ok_or_else(|| io::Error::new(io::ErrorKind::NetworkUnreachable, "the interface is down"))?;
        self.counters.sent += 1;
        if datagram.destination.ip().is_multicast() {
            self.post_multicast(host, link, &datagram, now);
            return Ok(());
        }
        let result = if stays { self.deliver(host, datagram, now) } else { self.carry(host, link, datagram, 0, now) };
        self.count(result);
        Ok(())
    }

    /// When something under way arrives somewhere, or a connection must do something.
    pub fn next_event(&self) -> Option<Instant> {
        self.next_arrival().into_iter().chain(self.next_timer()).min()
    }

    fn next_arrival(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse(arrival)| arrival.at)
    }

    fn next_timer(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, ..))| *at)
    }

    /// Carries on with what has arrived by now and what is due, in the order of time.
    pub fn advance(&mut self, now: Instant) {
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            if self.next_arrival() == Some(at) {
                self.on_arrival();
            } else {
                self.on_timer();
            }
            self.flush();
        }
    }

    fn on_arrival(&mut self) {
        let Some(Reverse(Arrival { at, link, node, datagram, hops, .. })) = self.under_way.pop() else { return };
        // Times count from when it was due, not from when this program got round to it.
        let result = self.arrive(link, node, datagram, hops, at);
        self.count(result);
    }

    /// Ends everything: what is under way is gone, sockets receive nothing more, connections are broken.
    pub fn close(&mut self) {
        self.closed = true;
        self.under_way.clear();
        self.timers.clear();
        for node in &mut self.nodes {
            if let Node::Host(host) = node {
                host.sockets.clear();
                host.tcp.close();
            }
        }
    }

    fn count(&mut self, result: Result<(), Loss>) {
        if let Err(loss) = result {
            self.counters.count(loss);
        }
    }

    /// Puts a datagram on a link, and follows it through links that take no time.
    fn carry(
        &mut self,
        mut node: NodeId,
        mut link: LinkId,
        mut datagram: Datagram,
        mut hops: usize,
        now: Instant,
    ) -> Result<(), Loss> {
        loop {
            hops += 1;
            let (wire, ends) = &mut self.links[link.0];
            let (way, far) = if ends[0] == node { (Way::There, ends[1]) } else { (Way::Back, ends[0]) };
            let at = wire.transmit(way, datagram.payload.wire_len(), now)?;
            if at > now {
                return self.keep(Arrival { at, sequence: self.sequence, link, node: far, datagram, hops });
            }
            match self.pass(link, far, &mut datagram, hops, now)? {
                Some(next) => (node, link) = (far, next),
                None => return self.deliver(far, datagram, now),
            }
        }
    }

    fn arrive(
        &mut self,
        link: LinkId,
        node: NodeId,
        mut datagram: Datagram,
        hops: usize,
        now: Instant,
    ) -> Result<(), Loss> {
        if !self.links[link.0].0.up {
            return Err(Loss::LinkDown);
        }
        match self.pass(link, node, &mut datagram, hops, now)? {
            Some(next) => self.carry(node, next, datagram, hops, now),
            None => self.deliver(node, datagram, now),
        }
    }

    /// What a node does with a datagram: the link it goes on by, or `None` at a host.
    fn pass(
        &mut self,
        via: LinkId,
        node: NodeId,
        datagram: &mut Datagram,
        hops: usize,
        now: Instant,
    ) -> Result<Option<LinkId>, Loss> {
        match &mut self.nodes[node.0] {
            Node::Host(_) => Ok(None),
            Node::Router(_) if hops >= MAX_HOPS => Err(Loss::Unroutable),
            Node::Router(router) => router.forward(via, datagram, now).map(Some),
        }
    }

    fn keep(&mut self, arrival: Arrival) -> Result<(), Loss> {
        if self.under_way.len() >= MAX_IN_FLIGHT {
            return Err(Loss::Congested);
        }
        self.sequence += 1;
        self.under_way.push(Reverse(arrival));
        Ok(())
    }

    fn deliver(&mut self, node: NodeId, datagram: Datagram, now: Instant) -> Result<(), Loss> {
        let Datagram { source, destination, payload } = datagram;
        match payload {
            Payload::Udp(bytes) => self.deliver_datagram(node, destination, (bytes, source))?,
            Payload::Tcp(segment) => self.on_segment(node, Flow { local: destination, remote: source }, segment, now),
        }
        self.counters.delivered += 1;
        Ok(())
    }

    fn deliver_datagram(&mut self, node: NodeId, destination: SocketAddr, letter: Letter) -> Result<(), Loss> {
        self.overhear(node, destination, &letter);
        let host = self.host(node).ok_or(Loss::Unroutable)?;
        let socket = host.sockets.get(&destination).ok_or(Loss::Unclaimed)?;
        socket.try_send(letter).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Loss::Overrun,
            mpsc::error::TrySendError::Closed(_) => Loss::Unclaimed,
        })
    }
}

impl Host {
    fn free_port(&mut self, ip: IpAddr) -> io::Result<SocketAddr> {
        if self.sockets.len() >= EPHEMERAL_PORTS.len() / 2 {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        loop {
            let local = SocketAddr::new(ip, self.random.random_range(EPHEMERAL_PORTS));
            if !self.sockets.contains_key(&local) {
                return Ok(local);
            }
        }
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Arrival {}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}
