//! The path test without a peer: what every interface, server and router here says, and what a peer can expect.
//!
//! Only servers that are named are contacted. Hairpinning is not probed: no path of Floe depends on it.

mod forecast;
mod ipv6;
mod report;
pub(crate) mod stream;
mod text;
mod turn;
mod udp;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use floe_transport::{
    Network, ServerUrl,
    relay::{TlsTrust, TurnAccess},
};
use floe_wire::{InterfaceInfo, InterfaceKind, RelayProtocol};
use tokio::task::JoinSet;

pub use self::{
    forecast::{ForecastRow, Prospect},
    ipv6::{Ipv6Report, Ipv6State},
    report::{AddressReport, InterfaceReport, NatReport, ProbeReport, Reach, ServerReport, WebReport},
};
use self::{stream::StreamReach, turn::TurnFindings, udp::UdpFindings};
use crate::web::{self, WebAnswer, WebPage};

/// A name that does not resolve by then is told as failed.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is probed.
#[derive(Debug, Clone, Default)]
pub struct ProbeConfig {
    /// STUN servers as `stun:host[:port]`, `stun:host?transport=tcp` or `stuns:host`; none are contacted unless named here.
    pub stun_servers: Vec<String>,
    /// TURN servers; each is asked for a relayed address, which is given up at once.
    pub turn_servers: Vec<TurnAccess>,
    /// Whom to believe that it is a `turns:` or `stuns:` server.
    pub trust: TlsTrust,
    /// A page that the network may lead elsewhere; none is asked for unless named here.
    pub web_page: Option<WebPage>,
    /// Names of the interfaces to use; empty means all.
    pub interfaces: Vec<String>,
    /// Whether loopback addresses are probed too.
    pub include_loopback: bool,
}

/// A server that was named, on its way to addresses.
struct Server {
    url: String,
    /// The name in it, for its certificate; empty where the URL cannot be read.
    host: String,
    /// How it is asked.
    transport: RelayProtocol,
    addresses: Result<Vec<SocketAddr>, String>,
}

/// Probes the network; ends within about half a minute, whatever is broken.
pub async fn probe(config: &ProbeConfig, network: Arc<dyn Network>) -> ProbeReport {
    let (interfaces, listing_error) = match network.interfaces() {
        Ok(all) => (usable(config, all), None),
        Err(error) => (Vec::new(), Some(format!("the system does not list its interfaces: {error}"))),
    };
    let servers = resolve(&config.stun_servers, &network).await;
    let (udp, streams, turn, web) = tokio::join!(
        udp::probe(&interfaces, &servers, &network),
        stream::probe(&interfaces, &servers, &config.trust, &network),
        turn::probe(&interfaces, &config.turn_servers, &config.trust, &network),
        look_at_web(config, &interfaces, &*network),
    );
    let findings = Findings { interfaces, listing_error, servers, udp, streams, turn, web };
    let ipv6 = ipv6::judge(&findings, &*network);
    report::write(&findings, ipv6)
}

/// Everything that was found, before it is put in order.
struct Findings {
    interfaces: Vec<InterfaceInfo>,
    listing_error: Option<String>,
    servers: Vec<Server>,
    udp: UdpFindings,
    streams: Vec<StreamReach>,
    turn: Vec<TurnFindings>,
    /// The page and what came of it, where one was named.
    web: Option<(WebPage, Result<WebAnswer, String>)>,
}

async fn look_at_web(
    config: &ProbeConfig,
    interfaces: &[InterfaceInfo],
    network: &dyn Network,
) -> Option<(WebPage, Result<WebAnswer, String>)> {
    let page = config.web_page.clone()?;
    let answer = web::look(&page, interfaces, network).await;
    Some((page, answer))
}

fn usable(config: &ProbeConfig, all: Vec<InterfaceInfo>) -> Vec<InterfaceInfo> {
    all.into_iter()
        .filter(|interface| config.interfaces.is_empty() || config.interfaces.contains(&interface.name))
        .filter(|interface| config.include_loopback || interface.kind != InterfaceKind::Loopback)
        .collect()
}

/// Resolves all names at once; the servers stay in the order they were named, each once.
async fn resolve(urls: &[String], network: &Arc<dyn Network>) -> Vec<Server> {
    let mut names: Vec<&String> = Vec::new();
    for url in urls {
        if !names.contains(&url) {
            names.push(url);
        }
    }
    let mut lookups = JoinSet::new();
    for (position, url) in names.into_iter().enumerate() {
        let (url, network) = (url.clone(), Arc::clone(network));
        lookups.spawn(async move { (position, server_of(url, &*network).await) });
    }
    let mut servers = lookups.join_all().await;
    servers.sort_by_key(|(position, _)| *position);
    servers.into_iter().map(|(_, server)| server).collect()
}

async fn server_of(url: String, network: &dyn Network) -> Server {
    match ServerUrl::parse_any(&url) {
        Ok((named, transport)) => {
            let addresses = addresses_of(&named, network).await;
            Server { url, host: named.host, transport, addresses }
        }
        Err(error) => {
            Server { url, host: String::new(), transport: RelayProtocol::Udp, addresses: Err(error.to_string()) }
        }
    }
}

async fn addresses_of(url: &ServerUrl, network: &dyn Network) -> Result<Vec<SocketAddr>, String> {
    match tokio::time::timeout(RESOLVE_TIMEOUT, network.resolve(&url.host, url.port)).await {
        Ok(Ok(addresses)) if addresses.is_empty() => Err("its name has no address".to_owned()),
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(format!("its name does not resolve ({error}); check the spelling and DNS")),
        Err(_) => Err("its name did not resolve within 5 s; is DNS working here?".to_owned()),
    }
}

#[cfg(test)]
mod tests;
