//! STUN and TURN servers: their names led to addresses, and asked from every base of their families.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use floe_transport::{
    Network, ServerUrl, Tap,
    relay::{Credentials, TurnUrl},
};
use floe_wire::{BaseId, Note, RelayProtocol};
use tokio::task::JoinSet;

use super::{Gathering, OwnBase, relays::TurnServer};
use crate::{CallConfig, web};

/// A name that does not resolve by then is told as failed.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
const NO_FAMILY: &str = "no interface here has an address of its family";

/// The servers of a call.
pub(super) struct Servers {
    tap: Tap,
    /// Whether STUN servers are asked.
    has_stun: bool,
    resolving: JoinSet<Resolved>,
    /// Reads the system's authorities while names are resolved and connections made.
    preparing: JoinSet<()>,
    /// Asks for the web page that the user named.
    looking: JoinSet<()>,
    asked: Vec<AskedServer>,
}

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

/// A server that resolved.
#[derive(Clone)]
struct AskedServer {
    url: String,
    addresses: Vec<SocketAddr>,
    /// A TURN server, whose troubles its relays tell.
    is_turn: bool,
}

impl Servers {
    /// Begins to resolve the names of all servers.
    pub fn new(config: &CallConfig, network: &Arc<dyn Network>, tap: &Tap) -> Self {
        let mut servers = Self {
            tap: tap.clone(),
            has_stun: !config.stun_servers.is_empty(),
            resolving: JoinSet::new(),
            preparing: JoinSet::new(),
            looking: JoinSet::new(),
            asked: Vec::new(),
        };
        servers.resolve_stun(config, network);
        servers.resolve_turn(config, network);
        servers.look_at_web(config, network);
        servers
    }

    fn look_at_web(&mut self, config: &CallConfig, network: &Arc<dyn Network>) {
        let Some(page) = config.web_page.clone() else { return };
        let (tap, network, chosen) = (self.tap.clone(), Arc::clone(network), config.interfaces.clone());
        self.looking.spawn(async move {
            let mut interfaces = network.interfaces().unwrap_or_default();
            interfaces.retain(|interface| chosen.is_empty() || chosen.contains(&interface.name));
            if let Some(note) = web::note_of(web::look(&page, &interfaces, &*network).await) {
                tap.note(note);
            }
        });
    }

    fn resolve_stun(&mut self, config: &CallConfig, network: &Arc<dyn Network>) {
        for server in &config.stun_servers {
            match ServerUrl::parse(server) {
                Ok(ServerUrl { host, port }) => {
                    self.resolving.spawn(resolve(Arc::clone(network), host, port, server.clone(), Purpose::Stun));
                }
                Err(error) => self.fail(server, None, error.to_string()),
            }
        }
    }

    fn resolve_turn(&mut self, config: &CallConfig, network: &Arc<dyn Network>) {
        for (order, access) in config.turn_servers.iter().enumerate() {
            let (url, credentials) = match access.read() {
                Ok(read) => read,
                Err(error) => {
                    self.fail(&access.shown(), None, error.to_string());
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

    /// The next name that led somewhere or nowhere; none while no name is being resolved.
    pub async fn next(&mut self) -> Option<Resolved> {
        loop {
            match self.resolving.join_next().await? {
                Ok(resolved) => return Some(resolved),
                Err(error) => tracing::error!(%error, "a resolver task ended abnormally"),
            }
        }
    }

    /// How many names have led nowhere yet.
    pub fn resolving(&self) -> usize {
        self.resolving.len()
    }

    /// Tells that a server was asked in vain.
    pub fn fail(&self, server: &str, base: Option<BaseId>, error: String) {
        self.tap.note(Note::ServerFailed { server: server.to_owned(), base, error });
    }

    /// Tells that a server gave no usable address, unless its relays tell it.
    pub fn fail_stun(&self, server: &str, base: BaseId, error: String) {
        if !self.asked.iter().any(|asked| asked.is_turn && asked.url == server) {
            self.fail(server, Some(base), error);
        }
    }
}

impl Gathering {
    /// Asks a resolved server from the bases of its address families.
    pub(super) fn on_resolved(&mut self, resolved: Resolved, now: Instant) {
        let Resolved { server: url, purpose, addresses } = resolved;
        let addresses = match addresses {
            Ok(addresses) => addresses,
            Err(error) => return self.servers.fail(&url, None, error),
        };
        let is_turn = matches!(purpose, Purpose::Turn { .. });
        // A TURN server answers Binding requests as well (RFC 8656 section 3), which tells where each base is seen. Where
        // STUN servers tell it, one more mapping of a symmetric NAT would only be one more pair to check in vain.
        let is_asked = match &purpose {
            Purpose::Stun => true,
            Purpose::Turn { url, .. } => url.transport == RelayProtocol::Udp && !self.servers.has_stun,
        };
        if let Purpose::Turn { url, credentials, order } = purpose {
            self.ask_for_relays(&TurnServer { url, credentials, addresses: addresses.clone(), order }, now);
        }
        if is_asked {
            // By a name of its own: that it tells addresses says nothing of whether it relays for us.
            let url = if is_turn { url.replacen("turn:", "stun:", 1) } else { url };
            let server = AskedServer { url, addresses, is_turn };
            if !self.ask(&server, now, |_| true) {
                self.servers.fail(&server.url, None, NO_FAMILY.to_owned());
            }
            self.servers.asked.push(server);
        }
    }

    fn ask_for_relays(&mut self, server: &TurnServer, now: Instant) {
        let origins = self.bases.origins();
        let Self { relays, bases, .. } = self;
        let asked = relays.ask(server, &origins, now, || bases.new_relay());
        if !asked && server.url.transport != RelayProtocol::Udp {
            self.servers.fail(&server.url.to_string(), None, NO_FAMILY.to_owned());
        }
    }

    /// Asks every server again, from all bases.
    pub(super) fn refresh(&mut self, now: Instant) {
        for server in self.servers.asked.clone() {
            self.ask(&server, now, |_| true);
        }
    }

    /// Asks every server from bases that came later; whether there is anything to wait for.
    pub(super) fn ask_servers_from(&mut self, added: &[BaseId], now: Instant) -> bool {
        let mut is_asked = false;
        for server in self.servers.asked.clone() {
            is_asked |= self.ask(&server, now, |own| added.contains(&own.base.id()));
        }
        is_asked
    }

    /// Asks a server from these bases; `false` when none of them has an address of its families.
    fn ask(&mut self, server: &AskedServer, now: Instant, from: impl Fn(&OwnBase) -> bool) -> bool {
        let mut is_asked = false;
        for own in self.bases.asking().filter(|own| from(own)) {
            let (base, local) = (own.base.id(), own.base.address());
            let same_family = |address: &&SocketAddr| address.is_ipv4() == local.is_ipv4();
            let Some(address) = server.addresses.iter().find(same_family) else { continue };
            if self.discovery.ask(base, local, &server.url, *address, now) {
                self.mappings.on_asked(base, local, *address);
            }
            is_asked = true;
        }
        is_asked
    }
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
