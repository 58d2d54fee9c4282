//! Gathering: bases on the chosen interfaces, STUN and TURN servers asked from them, candidates out of all.

mod any_base;
pub(crate) mod changes;
mod names;
mod relays;
mod tcp;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use floe_path::PathBase;
use floe_signal::{HiddenHost, MAX_HIDDEN};
use floe_transport::{
    Base, Discovery, DiscoveryOutput, Inbound, NatSend, Network, ServerUrl, Tap,
    candidate::{local_preferences, server_reflexive_candidate},
    relay::{Credentials, RelayEvent, RelayIds, TurnUrl},
};
use floe_wire::{
    BaseId, Candidate, CandidateType, GatheringState, Generation, InterfaceInfo, InterfaceKind, NatSummary, Note,
    RelayProtocol, stun::StunMessage,
};
use tokio::{sync::mpsc, task::JoinSet};

use self::{
    any_base::AnyBase,
    changes::Surroundings,
    names::{Heard, Names},
    relays::{Origin, RelayChange, Relays, TurnServer},
    tcp::TcpOpener,
};
use crate::{
    CallConfig,
    mappings::{MappedAnswer, Mappings},
    privacy::Privacy,
};

/// After this long a code is given away although a server is still silent: a person is waiting, and servers that
/// answer at all answer within a second.
const CODE_PATIENCE: Duration = Duration::from_millis(2500);
/// So long where a relay is all that a code tells.
const RELAY_PATIENCE: Duration = Duration::from_secs(10);
/// A name that does not resolve by then is told as failed.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Machines with more addresses than this use the first ones.
const MAX_ADDRESSES: usize = 16;
const NO_FAMILY: &str = "no interface here has an address of its family";

/// A server name on its way to addresses.
pub(crate) struct Resolved {
    server: String,
    purpose: Purpose,
    addresses: Result<Vec<SocketAddr>, String>,
}

/// What a server is for.
enum Purpose {
    Stun,
    Turn { url: TurnUrl, credentials: Credentials, order: u16 },
}

/// What gathering waits for.
pub(crate) enum Found {
    /// A server's name led somewhere, or nowhere.
    Resolved(Resolved),
    /// Something became of a relayed address.
    Relay(RelayEvent),
    /// Somebody in the local network asks for a hidden name, or answers for one.
    Name(Heard),
}

/// A base that came or went after the checks had begun.
pub(crate) enum BaseChange {
    /// Checks may leave from it.
    Added {
        id: BaseId,
        address: SocketAddr,
        /// Of its candidate, and of checks from it.
        priority: u32,
    },
    /// It is no more.
    Removed { id: BaseId },
}

/// The bases of a call and the search for candidates over them.
pub(crate) struct Gathering {
    tap: Tap,
    generation: Generation,
    bases: Vec<OwnBase>,
    tcp: TcpOpener,
    next_base: u32,
    /// Whether STUN servers are asked.
    has_stun: bool,
    surroundings: Surroundings,
    relays: Relays,
    discovery: Discovery,
    resolving: JoinSet<Resolved>,
    /// Reads the system's authorities while names are resolved and connections made.
    preparing: JoinSet<()>,
    servers: Vec<AskedServer>,
    privacy: Privacy,
    mappings: Mappings,
    names: Names,
    candidates: Vec<OwnCandidate>,
    started: Instant,
    state: GatheringState,
}

struct OwnBase {
    base: AnyBase,
    local_preference: u16,
    /// What servers see of it; more than one where the mapping depends on the destination.
    mapped: Vec<SocketAddr>,
}

/// A server that resolved.
struct AskedServer {
    url: String,
    addresses: Vec<SocketAddr>,
    /// A TURN server, whose troubles its relays tell.
    is_turn: bool,
}

/// A candidate of ours.
struct OwnCandidate {
    base: BaseId,
    candidate: Candidate,
    server: Option<String>,
}

impl Gathering {
    /// Opens bases on every usable interface address and starts to ask the servers.
    pub fn start(
        config: &CallConfig,
        network: &Arc<dyn Network>,
        tap: &Tap,
        inbound: &mpsc::Sender<Inbound>,
        now: Instant,
    ) -> Self {
        let mut gathering = Self {
            tap: tap.clone(),
            generation: Generation(0),
            bases: Vec::new(),
            tcp: TcpOpener::new(config, network, tap, inbound),
            next_base: 0,
            has_stun: !config.stun_servers.is_empty(),
            surroundings: Surroundings::new(config, network, inbound),
            relays: Relays::new(network, tap, inbound, &config.turn_trust),
            discovery: Discovery::new(rand::random()),
            resolving: JoinSet::new(),
            preparing: JoinSet::new(),
            servers: Vec::new(),
            privacy: config.privacy,
            mappings: Mappings::new(tap, config.mapping_refresh, now),
            names: Names::new(network, tap),
            candidates: Vec::new(),
            started: now,
            state: GatheringState::New,
        };
        gathering.enter(GatheringState::Gathering);
        gathering.open_bases(config, network, inbound);
        gathering.resolve_servers(config, network);
        gathering.advance(now);
        gathering
    }

    fn open_bases(&mut self, config: &CallConfig, network: &Arc<dyn Network>, inbound: &mpsc::Sender<Inbound>) {
        let interfaces = match network.interfaces() {
            Ok(interfaces) => interfaces,
            Err(error) => {
                tracing::warn!(%error, "cannot list interfaces");
                return;
            }
        };
        let wanted: Vec<InterfaceInfo> = interfaces
            .into_iter()
            .filter(|interface| config.interfaces.is_empty() || config.interfaces.contains(&interface.name))
            .filter(|interface| config.include_loopback || interface.kind != InterfaceKind::Loopback)
            .collect();
        for interface in &wanted {
            self.tap.note(Note::InterfaceListed(interface.clone()));
        }
        let addresses: Vec<(InterfaceInfo, IpAddr)> = wanted
            .iter()
            .flat_map(|interface| interface.addresses.iter().map(|address| (interface.clone(), *address)))
            .take(MAX_ADDRESSES)
            .collect();
        let preferences = local_preferences(&addresses);
        for ((interface, address), local_preference) in addresses.iter().cloned().zip(preferences.iter().copied()) {
            let id = new_base(&mut self.next_base);
            let name = interface.name.clone();
            match Base::open(&**network, &self.tap, id, interface, address, inbound.clone()) {
                Ok(base) => self.add_base(AnyBase::Udp(base), local_preference),
                Err(error) => {
                    self.tap.note(Note::BaseFailed { interface: name, address, error: error.to_string() });
                }
            }
        }
        for ((interface, address), local_preference) in addresses.iter().zip(preferences) {
            self.open_tcp(interface, *address, local_preference);
        }
    }

    /// Opens the TCP bases of an address that has one for UDP.
    fn open_tcp(&mut self, interface: &InterfaceInfo, ip: IpAddr, local_preference: u16) -> Vec<BaseId> {
        let next_base = &mut self.next_base;
        let bases = self.tcp.open(interface, ip, || new_base(next_base));
        let ids = bases.iter().map(AnyBase::id).collect();
        for base in bases {
            self.add_base(base, local_preference);
        }
        ids
    }

    fn add_base(&mut self, base: AnyBase, local_preference: u16) {
        let candidate = base.candidate(local_preference);
        self.publish(base.id(), candidate, None);
        self.bases.push(OwnBase { base, local_preference, mapped: Vec::new() });
    }

    fn resolve_servers(&mut self, config: &CallConfig, network: &Arc<dyn Network>) {
        for server in &config.stun_servers {
            let url = match ServerUrl::parse(server) {
                Ok(url) => url,
                Err(error) => {
                    self.fail_server(server, None, error.to_string());
                    continue;
                }
            };
            let ServerUrl { host, port } = url;
            self.resolving.spawn(resolve(Arc::clone(network), host, port, server.clone(), Purpose::Stun));
        }
        for (order, access) in config.turn_servers.iter().enumerate() {
            let (url, credentials) = match access.read() {
                Ok(read) => read,
                Err(error) => {
                    self.fail_server(&access.shown(), None, error.to_string());
                    continue;
                }
            };
            if url.transport == RelayProtocol::Tls {
                let trust = config.turn_trust.clone();
                self.preparing.spawn(async move { trust.prepare().await });
            }
            let (host, port, server) = (url.host.clone(), url.port, url.to_string());
            let order = u16::try_from(order).unwrap_or(u16::MAX);
            let purpose = Purpose::Turn { url, credentials, order };
            self.resolving.spawn(resolve(Arc::clone(network), host, port, server, purpose));
        }
    }

    /// Waits for the next name or relay; pending when there is none.
    pub async fn next_found(&mut self) -> Found {
        loop {
            tokio::select! {
                Some(resolved) = self.resolving.join_next() => match resolved {
                    Ok(resolved) => return Found::Resolved(resolved),
                    Err(error) => tracing::error!(%error, "a resolver task ended abnormally"),
                },
                event = self.relays.next_event() => return Found::Relay(event),
                heard = self.names.next() => return Found::Name(heard),
            }
        }
    }

    /// Takes what was found; gives the base that came or went by it.
    pub fn on_found(&mut self, found: Found, now: Instant) -> Option<BaseChange> {
        let change = match found {
            Found::Resolved(resolved) => {
                self.on_resolved(resolved, now);
                None
            }
            Found::Name(heard) => {
                self.names.on_heard(heard, now);
                None
            }
            Found::Relay(event) => self.relays.on_event(event, now).map(|change| self.on_relay_change(change)),
        };
        self.advance(now);
        change
    }

    /// Asks a resolved server from the bases of its address families.
    fn on_resolved(&mut self, resolved: Resolved, now: Instant) {
        let Resolved { server: url, purpose, addresses } = resolved;
        let addresses = match addresses {
            Ok(addresses) => addresses,
            Err(error) => return self.fail_server(&url, None, error),
        };
        let is_turn = matches!(purpose, Purpose::Turn { .. });
        // A TURN server answers Binding requests as well (RFC 8656 section 3), which tells where each base is seen. Where
        // STUN servers tell it, one more mapping of a symmetric NAT would only be one more pair to check in vain.
        let is_asked = match &purpose {
            Purpose::Stun => true,
            Purpose::Turn { url, .. } => url.transport == RelayProtocol::Udp && !self.has_stun,
        };
        if let Purpose::Turn { url, credentials, order } = purpose {
            self.ask_for_relays(&TurnServer { url, credentials, addresses: addresses.clone(), order });
        }
        if is_asked {
            self.servers.push(AskedServer { url: url.clone(), addresses: addresses.clone(), is_turn });
            self.ask(&url, &addresses, now);
        }
    }

    fn ask_for_relays(&mut self, server: &TurnServer) {
        let asking = self.bases.iter().filter(|own| own.base.asks_servers());
        let origins: Vec<Origin> = asking.map(Origin::of).collect();
        let next_base = &mut self.next_base;
        let asked = self.relays.ask(server, &origins, || new_relay(next_base));
        if !asked && server.url.transport != RelayProtocol::Udp {
            self.fail_server(&server.url.to_string(), None, NO_FAMILY.to_owned());
        }
    }

    fn on_relay_change(&mut self, change: RelayChange) -> BaseChange {
        match change {
            RelayChange::Added { relay, candidate, server } => {
                let (address, priority) = (candidate.address, candidate.priority);
                self.publish(relay, candidate, Some(server));
                BaseChange::Added { id: relay, address, priority }
            }
            RelayChange::Removed { relay } => {
                self.candidates.retain(|own| own.base != relay);
                BaseChange::Removed { id: relay }
            }
        }
    }

    /// Lets packets of the peer's hosts in through relays, before the first of them is sent.
    pub fn expect_from(&mut self, candidates: &[Candidate]) {
        let mut hosts: Vec<IpAddr> = candidates.iter().map(|candidate| candidate.address.ip()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        self.relays.permit(hosts);
    }

    /// A pair is in use: a relay can make its packets shorter.
    pub fn on_selected(&self, base: BaseId, remote: SocketAddr) {
        self.relays.bind(base, remote);
    }

    /// A pair in use is suspected: a relay asks its server whether it still knows us.
    pub fn on_suspected(&self, base: BaseId) {
        self.relays.probe(base);
    }

    /// Lets mappings go: checks of this call keep the ones in use from here on.
    pub fn stop_refreshing(&mut self) {
        self.mappings.stop_refreshing();
    }

    fn refresh(&mut self, now: Instant) {
        let servers = std::mem::take(&mut self.servers);
        for server in &servers {
            self.ask(&server.url, &server.addresses, now);
        }
        self.servers = servers;
    }

    fn ask(&mut self, server: &str, addresses: &[SocketAddr], now: Instant) {
        let mut asked = false;
        for OwnBase { base, .. } in self.bases.iter().filter(|own| own.base.asks_servers()) {
            let same_family = |address: &&SocketAddr| address.is_ipv4() == base.address().is_ipv4();
            if let Some(address) = addresses.iter().find(same_family) {
                if self.discovery.ask(base.id(), base.address(), server, *address, now) {
                    self.mappings.on_asked(base.id(), base.address(), *address);
                }
                asked = true;
            }
        }
        if !asked {
            self.fail_server(server, None, NO_FAMILY.to_owned());
        }
    }

    /// Takes a STUN message that may answer a server request; `true` when it did.
    pub fn on_stun(&mut self, base: BaseId, from: SocketAddr, message: &StunMessage, now: Instant) -> bool {
        let consumed =
            self.discovery.handle(base, from, message, now) || self.mappings.on_stun(base, from, message, now);
        self.advance(now);
        consumed
    }

    /// When it wants to be woken.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let mine = [self.discovery.poll_timeout(), self.mappings.poll_timeout(), self.relays.poll_timeout()];
        mine.into_iter().chain([self.names.poll_timeout()]).flatten().min()
    }

    /// Retransmits and gives up what is due.
    pub fn on_timeout(&mut self, now: Instant) {
        self.discovery.handle_timeout(now);
        self.names.on_timeout(now);
        let next_base = &mut self.next_base;
        self.relays.on_timeout(now, || new_relay(next_base));
        if self.mappings.on_timeout(now) {
            self.refresh(now);
        }
        self.advance(now);
    }

    fn advance(&mut self, now: Instant) {
        while let Some(output) = self.discovery.poll_output() {
            match output {
                DiscoveryOutput::Send { base, to, bytes } => self.send(base, &bytes, to),
                DiscoveryOutput::Mapped { base, server, mapped, rtt, asked, other } => {
                    self.watch_mapped(base, (asked, mapped, other), rtt, now);
                    self.add_mapped(base, server, mapped, rtt);
                }
                DiscoveryOutput::Failed { base, server, error } => {
                    if !self.servers.iter().any(|asked| asked.is_turn && asked.url == server) {
                        self.fail_server(&server, Some(base), error);
                    }
                }
            }
        }
        while let Some(NatSend { base, to, bytes }) = self.mappings.poll_send() {
            self.send(base, &bytes, to);
        }
        let asking = self.bases.iter().filter(|own| own.base.asks_servers());
        self.mappings.note_verdicts(asking.map(|own| own.base.id()));
        let is_done = self.resolving.is_empty() && self.discovery.is_done() && self.relays.is_settled();
        if self.state == GatheringState::Gathering && is_done {
            self.enter(GatheringState::Complete);
        }
    }

    /// Drops the candidate that a mapping has moved away from: a code made later must not tell it.
    fn watch_mapped(
        &mut self,
        base: BaseId,
        (asked, mapped, other): (SocketAddr, SocketAddr, Option<SocketAddr>),
        rtt: Duration,
        now: Instant,
    ) {
        let Some(own) = self.bases.iter_mut().find(|own| own.base.id() == base) else { return };
        let local = own.base.address();
        let answer = MappedAnswer { base, local, asked, mapped, other, rtt };
        let Some(gone) = self.mappings.on_mapped(&answer, now) else { return };
        own.mapped.retain(|known| *known != gone);
        let is_stale = |candidate: &Candidate| {
            candidate.candidate_type == CandidateType::ServerReflexive
                && candidate.address == gone
                && candidate.related_address == Some(local)
        };
        self.candidates.retain(|own| !is_stale(&own.candidate));
    }

    /// Whether an address that a code of ours tells has moved, or another one is known after the network changed, since this
    /// was asked last.
    pub fn take_moved(&mut self) -> bool {
        let has_news = std::mem::take(&mut self.surroundings.has_news);
        self.mappings.take_moved() || has_news
    }

    /// What a code says of our NAT.
    pub fn nat_summary(&self) -> Option<NatSummary> {
        self.mappings.summary()
    }

    fn add_mapped(&mut self, base: BaseId, server: String, mapped: SocketAddr, rtt: Duration) {
        let generation_is_complete = self.state == GatheringState::Complete;
        let Some(own) = self.bases.iter_mut().find(|own| own.base.id() == base) else { return };
        let is_known = own.mapped.contains(&mapped);
        // Answers to refreshing requests are news only when the mapping moved.
        if !(generation_is_complete && is_known) {
            self.tap.note(Note::ServerAnswered { server: server.clone(), base, mapped, rtt });
        }
        if is_known {
            return;
        }
        // Several mappings of one base get descending preferences, so that priorities stay unique (section 5.1.2).
        let rank = u16::try_from(own.mapped.len()).unwrap_or(u16::MAX);
        let preference = own.local_preference.saturating_sub(rank);
        own.mapped.push(mapped);
        // An address that is its own mapping is the host candidate again (RFC 8445 section 5.1.3).
        if mapped == own.base.address() {
            return;
        }
        let candidate = server_reflexive_candidate(mapped, own.base.address(), preference);
        self.publish(base, candidate, Some(server));
    }

    fn publish(&mut self, base: BaseId, candidate: Candidate, server: Option<String>) {
        let generation = self.generation;
        self.surroundings.has_news |= self.surroundings.has_changed;
        self.candidates.push(OwnCandidate { base, candidate: candidate.clone(), server: server.clone() });
        self.tap.note(Note::LocalCandidate { generation, base, candidate, server });
    }

    fn fail_server(&self, server: &str, base: Option<BaseId>, error: String) {
        self.tap.note(Note::ServerFailed { server: server.to_owned(), base, error });
    }

    fn enter(&mut self, state: GatheringState) {
        self.state = state;
        self.tap.note(Note::GatheringChanged { generation: self.generation, state });
    }

    fn own(&self, base: BaseId) -> Option<&OwnBase> {
        self.bases.iter().find(|own| own.base.id() == base)
    }

    /// Sends one datagram from a base; a refusal is a record.
    pub fn send(&self, base: BaseId, datagram: &[u8], remote: SocketAddr) {
        match self.own(base) {
            Some(own) => own.base.send(datagram, remote),
            None => self.relays.send(base, datagram, remote),
        }
    }

    /// When a code may be given away although servers are silent.
    pub fn code_deadline(&self) -> Instant {
        // Without its relay a code that tells nothing else would be of no use.
        self.started + if self.privacy.sends_directly() { CODE_PATIENCE } else { RELAY_PATIENCE }
    }

    /// Whether a code made at `now` would be as good as waiting reasonably can make it.
    pub fn is_code_worthy(&self, now: Instant) -> bool {
        let is_complete = self.state == GatheringState::Complete && !self.mappings.is_settling(now);
        is_complete || now >= self.code_deadline()
    }

    /// All candidates so far that the peer may know, best first.
    pub fn candidates(&self) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = self.candidates.iter().map(|own| own.candidate.clone()).collect();
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
        self.privacy.told(candidates)
    }

    /// Hosts of ours that the peer may know by name only.
    pub fn hidden(&mut self) -> Vec<HiddenHost> {
        if !self.privacy.names_lan() {
            return Vec::new();
        }
        let (names, bases) = (&mut self.names, self.bases.iter().filter(|own| own.base.asks_servers()));
        let hide = |own: &OwnBase| {
            let address = own.base.address();
            let name = names.hide(names::hideable(address)?)?;
            Some(HiddenHost { name, port: address.port(), local_preference: own.local_preference })
        };
        bases.filter_map(hide).take(MAX_HIDDEN).collect()
    }

    /// Asks the local network for hosts that the peer tells by name.
    pub fn seek_names(&mut self, hosts: &[HiddenHost], now: Instant) {
        // What a name stands for can be reached from a socket of this computer only.
        if !hosts.is_empty() && self.privacy.sends_directly() {
            let asking = self.bases.iter().filter(|own| own.base.asks_servers());
            let locals: Vec<Ipv4Addr> = asking.filter_map(|own| names::hideable(own.base.address())).collect();
            self.names.seek(hosts, &locals, now);
        }
    }

    /// Candidates of the peer whose names were answered for since this was asked last.
    pub fn take_named(&mut self) -> Vec<Candidate> {
        self.names.take_found()
    }

    /// Whether there is any socket to call from.
    pub fn has_bases(&self) -> bool {
        !self.bases.is_empty()
    }

    /// A new generation of checks has the same candidates.
    pub fn begin_generation(&mut self, generation: Generation) {
        self.generation = generation;
        for OwnCandidate { base, candidate, server } in &self.candidates {
            let (base, candidate, server) = (*base, candidate.clone(), server.clone());
            self.tap.note(Note::LocalCandidate { generation, base, candidate, server });
        }
    }

    /// How many candidates there are so far.
    pub fn candidate_count(&self) -> usize {
        self.candidates.len()
    }

    /// The relayed addresses, each with its candidate's priority.
    pub fn relayed(&self) -> impl Iterator<Item = (BaseId, SocketAddr, u32)> {
        let relayed = self.candidates.iter().filter(|own| own.candidate.candidate_type == CandidateType::Relayed);
        relayed.map(|own| (own.base, own.candidate.address, own.candidate.priority))
    }

    /// The bases that checks may leave from directly.
    pub fn path_bases(&self) -> impl Iterator<Item = PathBase> {
        let usable = self.bases.iter().filter(|_| self.privacy.sends_directly());
        usable.map(|own| own.base.path_base(own.local_preference))
    }
}

/// Base ids are never reused.
fn new_base(next: &mut u32) -> BaseId {
    let id = BaseId(*next);
    *next += 1;
    id
}

fn new_relay(next: &mut u32) -> RelayIds {
    RelayIds { client: new_base(next), relay: new_base(next) }
}

async fn resolve(network: Arc<dyn Network>, host: String, port: u16, server: String, purpose: Purpose) -> Resolved {
    let resolution = tokio::time::timeout(RESOLVE_TIMEOUT, network.resolve(&host, port)).await;
    let addresses = match resolution {
        Ok(Ok(addresses)) if addresses.is_empty() => Err("its name has no address".to_owned()),
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(format!("its name does not resolve ({error}); check the spelling and DNS")),
        Err(_) => Err("its name did not resolve within 5 s; is DNS working here?".to_owned()),
    };
    Resolved { server, purpose, addresses }
}
