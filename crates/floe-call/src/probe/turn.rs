//! The TURN part of a probe: a relayed address is asked for in each way that the URL allows, and given up at once.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use floe_transport::{
    Clock, Network, Tap,
    relay::{Relay, RelayContext, RelayIds, RelayNews, RelayServer, TlsTrust, TurnAccess, TurnUrl},
};
use floe_wire::{BaseId, InterfaceInfo, RelayProtocol};
use tokio::{sync::mpsc, task::JoinSet};

use super::{RESOLVE_TIMEOUT, stream::source};

/// A server that has not said yes or no by then is given up: resolving, connecting, TLS and two round trips.
const PATIENCE: Duration = Duration::from_secs(12);
/// What a probe's relay may receive before anybody reads it; nobody does.
const INBOUND_CAPACITY: usize = 1;

/// What came of asking one server in one way.
pub(super) struct TurnFindings {
    /// The URL without user name and password.
    pub url: String,
    pub ways: Vec<TurnWay>,
    /// Why it was not asked at all.
    pub error: Option<String>,
}

/// One way to a server.
pub(super) struct TurnWay {
    pub transport: RelayProtocol,
    pub result: Result<TurnAnswer, String>,
}

/// The server relays.
pub(super) struct TurnAnswer {
    pub relayed: SocketAddr,
    pub rtt: Duration,
}

/// Asks every server, all at the same time; they stay in the order they were named.
pub(super) async fn probe(
    interfaces: &[InterfaceInfo],
    servers: &[TurnAccess],
    trust: &TlsTrust,
    network: &Arc<dyn Network>,
) -> Vec<TurnFindings> {
    let mut attempts = JoinSet::new();
    for (position, access) in servers.iter().enumerate() {
        let (interfaces, access, trust) = (interfaces.to_vec(), access.clone(), trust.clone());
        let network = Arc::clone(network);
        attempts.spawn(async move { (position, probe_one(&interfaces, &access, &trust, &network).await) });
    }
    let mut findings = attempts.join_all().await;
    findings.sort_by_key(|(position, _)| *position);
    findings.into_iter().map(|(_, findings)| findings).collect()
}

async fn probe_one(
    interfaces: &[InterfaceInfo],
    access: &TurnAccess,
    trust: &TlsTrust,
    network: &Arc<dyn Network>,
) -> TurnFindings {
    let (url, credentials) = match access.read() {
        Ok(read) => read,
        Err(error) => return TurnFindings::failed(access.shown(), error.to_string()),
    };
    let resolution = tokio::time::timeout(RESOLVE_TIMEOUT, network.resolve(&url.host, url.port)).await;
    let addresses = match resolution {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => {
            let error = format!("its name does not resolve ({error}); check the spelling and DNS");
            return TurnFindings::failed(url.to_string(), error);
        }
        Err(_) => {
            let error = "its name did not resolve within 5 s; is DNS working here?".to_owned();
            return TurnFindings::failed(url.to_string(), error);
        }
    };
    let Some(address) = addresses.into_iter().find(|address| source(interfaces, address.is_ipv6()).is_some()) else {
        let error = "no interface here has an address of its family".to_owned();
        return TurnFindings::failed(url.to_string(), error);
    };
    let mut ways = Vec::new();
    for transport in transports(url.transport) {
        let url = TurnUrl { transport: *transport, ..url.clone() };
        let server = RelayServer { url, address, credentials: credentials.clone(), trust: trust.clone() };
        ways.push(TurnWay { transport: *transport, result: allocate(interfaces, server, network).await });
    }
    TurnFindings { url: url.to_string(), ways, error: None }
}

/// A server that was named for UDP mostly takes TCP on the same port, which is worth knowing where UDP is blocked.
const fn transports(named: RelayProtocol) -> &'static [RelayProtocol] {
    match named {
        RelayProtocol::Udp => &[RelayProtocol::Udp, RelayProtocol::Tcp],
        RelayProtocol::Tcp => &[RelayProtocol::Tcp],
        RelayProtocol::Tls => &[RelayProtocol::Tls],
    }
}

async fn allocate(
    interfaces: &[InterfaceInfo],
    server: RelayServer,
    network: &Arc<dyn Network>,
) -> Result<TurnAnswer, String> {
    let is_ipv6 = server.address.is_ipv6();
    let ip = source(interfaces, is_ipv6).ok_or("no interface here has an address of its family")?;
    let interface = interfaces.iter().find(|interface| interface.addresses.contains(&ip)).cloned();
    let interface = interface.ok_or("no interface here has an address of its family")?;
    // Nobody reads the record of a probe.
    let (tap, _) = Tap::new(Clock::start(), 2);
    let (inbound, _) = mpsc::channel(INBOUND_CAPACITY);
    let (events, mut news) = mpsc::channel(4);
    let ids = RelayIds { client: BaseId(0), relay: BaseId(1) };
    let context = RelayContext { network, tap: &tap, inbound: &inbound, events: &events };
    let relay = Relay::open(&context, ids, interface, ip, server, rand::random());
    let heard = tokio::time::timeout(PATIENCE, news.recv()).await;
    drop(relay);
    match heard {
        Ok(Some(event)) => match event.news {
            RelayNews::Allocated { relayed, rtt, .. } => Ok(TurnAnswer { relayed, rtt }),
            RelayNews::Failed(error) | RelayNews::Lost(error) => Err(error.to_string()),
        },
        Ok(None) | Err(_) => Err("no answer within 12 s".to_owned()),
    }
}

impl TurnFindings {
    const fn failed(url: String, error: String) -> Self {
        Self { url, ways: Vec::new(), error: Some(error) }
    }
}
