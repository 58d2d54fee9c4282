//! The bases of one end, gathered before the clock starts, for engines that bring none of their own.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use floe_transport::{
    Base, Clock, Discovery, DiscoveryOutput, Inbound, Network, ServerUrl, Tap,
    candidate::{PREFERENCE_STEP, host_candidate, server_reflexive_candidate},
    relay::{Relay, RelayContext, RelayEvent, RelayIds, RelayNews, RelayServer, relay_preference, relayed_candidate},
};
use floe_wire::{BaseId, Candidate, InterfaceInfo, stun::StunMessage};
use tokio::sync::mpsc;

use crate::ground::World;

/// Gathering takes a few round trips.
const GATHERING: Duration = Duration::from_secs(5);
/// Datagrams that may wait for an engine.
const QUEUE: usize = 1024;
/// Ids of relays begin here.
const FIRST_RELAY: u32 = 1000;

/// One end of a network, ready to be told of the other one.
pub struct End {
    /// What packets leave from, best first.
    pub bases: Vec<EndBase>,
    pub candidates: Vec<Candidate>,
    pub sender: Sender,
    pub inbound: mpsc::Receiver<Inbound>,
}

/// One address that packets leave from.
#[derive(Debug, Clone)]
pub struct EndBase {
    pub address: SocketAddr,
    /// Where a STUN server sees it.
    pub mapped: Option<SocketAddr>,
    pub is_relayed: bool,
}

/// Sends, and counts requests.
#[derive(Clone)]
pub struct Sender(Arc<Ways>);

struct Ways {
    sockets: HashMap<SocketAddr, Base>,
    relays: HashMap<SocketAddr, Relay>,
    names: HashMap<BaseId, SocketAddr>,
    requests: AtomicUsize,
}

impl Sender {
    /// Sends one datagram from a base.
    pub fn send(&self, base: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if bytes.starts_with(&[0, 1]) {
            self.0.requests.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(socket) = self.0.sockets.get(&base) {
            socket.send(bytes, to);
        } else if let Some(relay) = self.0.relays.get(&base) {
            relay.send(bytes, to);
        }
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Lets packets of the other end in through relays.
    pub fn expect_from(&self, candidates: &[Candidate]) {
        let hosts: Vec<IpAddr> = candidates.iter().map(|candidate| candidate.address.ip()).collect();
        for relay in self.0.relays.values() {
            relay.permit(hosts.clone());
        }
    }

    /// The base that a datagram came to.
    pub fn base_of(&self, inbound: &Inbound) -> Option<SocketAddr> {
        self.0.names.get(&inbound.base).copied()
    }
}

impl End {
    /// Opens a socket on every interface, asks the servers, and waits for their answers.
    pub async fn open(world: &World, side: usize) -> io::Result<Self> {
        let network = &world.ends[side];
        // Whoever dropped the receiver wants no records.
        let (tap, _) = Tap::new(Clock::start(), QUEUE);
        let (sender, mut inbound) = mpsc::channel(QUEUE);
        let mut sockets = Vec::new();
        let mut places = Vec::new();
        for (id, interface) in (0..).zip(network.interfaces()?) {
            for ip in interface.addresses.clone() {
                sockets.push(Base::open(&**network, &tap, BaseId(id), interface.clone(), ip, sender.clone())?);
                places.push((interface.clone(), ip));
            }
        }
        let mapped = ask(&world.stun_servers, &sockets, &mut inbound).await;
        let relays = allocate(world, network, (&tap, &sender), &places).await;
        Ok(Self::assemble(sockets, &mapped, relays, inbound))
    }

    fn assemble(
        sockets: Vec<Base>,
        mapped: &HashMap<BaseId, SocketAddr>,
        relays: Vec<(Relay, Candidate)>,
        inbound: mpsc::Receiver<Inbound>,
    ) -> Self {
        let (mut bases, mut candidates, mut names) = (Vec::new(), Vec::new(), HashMap::new());
        for (index, socket) in (0_u16..).zip(&sockets) {
            let (address, preference) = (socket.address(), u16::MAX - PREFERENCE_STEP * index);
            let mapped = mapped.get(&socket.id()).copied().filter(|mapped| *mapped != address);
            candidates.push(host_candidate(address, preference));
            candidates.extend(mapped.map(|mapped| server_reflexive_candidate(mapped, address, preference)));
            names.insert(socket.id(), address);
            bases.push(EndBase { address, mapped, is_relayed: false });
        }
        for (relay, candidate) in &relays {
            names.insert(relay.ids().relay, candidate.address);
            bases.push(EndBase { address: candidate.address, mapped: None, is_relayed: true });
            candidates.push(candidate.clone());
        }
        let ways = Ways {
            sockets: sockets.into_iter().map(|socket| (socket.address(), socket)).collect(),
            relays: relays.into_iter().map(|(relay, candidate)| (candidate.address, relay)).collect(),
            names,
            requests: AtomicUsize::new(0),
        };
        Self { bases, candidates, sender: Sender(Arc::new(ways)), inbound }
    }

    /// The base that an address of this end leads to.
    pub fn owner(bases: &[EndBase], address: SocketAddr) -> Option<SocketAddr> {
        let known = bases.iter().find(|base| base.address == address || base.mapped == Some(address));
        // A symmetric NAT shows ports that nobody knew before; there is one base behind it.
        let behind = || bases.iter().find(|base| base.mapped.is_some_and(|mapped| mapped.ip() == address.ip()));
        known.or_else(behind).map(|base| base.address)
    }
}

/// Where the servers see each base.
async fn ask(
    servers: &[String],
    sockets: &[Base],
    inbound: &mut mpsc::Receiver<Inbound>,
) -> HashMap<BaseId, SocketAddr> {
    let mut discovery = Discovery::new(rand::random());
    for url in servers {
        let address =
            ServerUrl::parse(url).ok().and_then(|url| Some(SocketAddr::new(url.host.parse().ok()?, url.port)));
        for (base, server) in sockets.iter().filter_map(|base| Some((base, address?))) {
            discovery.ask(base.id(), base.address(), url, server, Instant::now());
        }
    }
    let mut mapped = HashMap::new();
    let deadline = Instant::now() + GATHERING;
    while Instant::now() < deadline {
        while let Some(output) = discovery.poll_output() {
            match output {
                DiscoveryOutput::Send { base, to, bytes } => {
                    let socket = sockets.iter().find(|socket| socket.id() == base);
                    socket.map(|socket| socket.send(&bytes, to));
                }
                DiscoveryOutput::Mapped { base, mapped: seen, .. } => {
                    mapped.insert(base, seen);
                }
                DiscoveryOutput::Failed { .. } => {}
            }
        }
        if discovery.is_done() {
            break;
        }
        let due = discovery.poll_timeout().unwrap_or(deadline).min(deadline);
        tokio::select! {
            Some(arrival) = inbound.recv() => {
                if let Ok(message) = StunMessage::decode(&arrival.bytes) {
                    discovery.handle(arrival.base, arrival.remote, &message, arrival.at);
                }
            }
            () = tokio::time::sleep_until(due.into()) => discovery.handle_timeout(Instant::now()),
        }
    }
    mapped
}

/// A relayed address of each TURN server for each interface.
async fn allocate(
    world: &World,
    network: &Arc<dyn Network>,
    (tap, inbound): (&Tap, &mpsc::Sender<Inbound>),
    places: &[(InterfaceInfo, IpAddr)],
) -> Vec<(Relay, Candidate)> {
    let (events_sender, mut events) = mpsc::channel::<RelayEvent>(QUEUE);
    let context = RelayContext { network, tap, inbound, events: &events_sender };
    let mut found = Vec::new();
    let mut next = FIRST_RELAY;
    for access in &world.turn_servers {
        let Ok((url, credentials)) = access.read() else { continue };
        let Ok(host) = url.host.parse::<IpAddr>() else { continue };
        for (index, (interface, ip)) in (0_u16..).zip(places) {
            let address = SocketAddr::new(host, url.port);
            let preference = relay_preference(url.transport, u16::MAX - PREFERENCE_STEP * index, 0);
            let server = RelayServer {
                url: url.clone(),
                address,
                credentials: credentials.clone(),
                trust: world.turn_trust.clone(),
            };
            let ids = RelayIds { client: BaseId(next), relay: BaseId(next + 1) };
            next += 2;
            let relay = Relay::open(&context, ids, interface.clone(), *ip, server, rand::random());
            // One after the other: this is not what is measured.
            let news = tokio::time::timeout(GATHERING, events.recv()).await.ok().flatten().map(|event| event.news);
            if let Some(RelayNews::Allocated { relayed, mapped, .. }) = news {
                found.push((relay, relayed_candidate(relayed, mapped, address, preference)));
            }
        }
    }
    found
}
