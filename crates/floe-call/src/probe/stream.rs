//! The TCP and TLS part of a probe: a connection to every server, and a Binding request over it (RFC 8489 section 6.2.2).

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use floe_transport::{
    Network, TcpStream, clock,
    relay::{Duplex, TlsTrust},
};
use floe_wire::{
    InterfaceInfo, InterfaceKind, RelayProtocol,
    stun::{self, StunMessage, TransactionId},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
};

use super::Server;

/// A connection takes one round trip; three seconds allow for one lost packet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A handshake takes two round trips, and the system's authorities are read for the first one.
const TLS_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that speaks STUN answers at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// The header of a STUN message.
const HEADER: usize = 20;
/// Longest answer that is read.
const MAX_ANSWER: usize = 2048;

/// What came of one connection.
pub(super) struct StreamReach {
    pub url: String,
    pub is_ipv6: bool,
    pub is_tls: bool,
    /// From the request to the answer.
    pub result: Result<Duration, String>,
}

/// Connects to every server over TCP, or over TLS where that was named, once for each address family, all at the same time.
pub(super) async fn probe(
    interfaces: &[InterfaceInfo],
    servers: &[Server],
    trust: &TlsTrust,
    network: &Arc<dyn Network>,
) -> Vec<StreamReach> {
    let mut attempts = JoinSet::new();
    for Server { url, host, transport, addresses } in servers {
        let is_tls = *transport == RelayProtocol::Tls;
        for is_ipv6 in [false, true] {
            let remote = addresses.iter().flatten().find(|address| address.is_ipv6() == is_ipv6);
            let (Some(remote), Some(local)) = (remote, source(interfaces, is_ipv6)) else { continue };
            let (url, remote, network) = (url.clone(), *remote, Arc::clone(network));
            let tls = is_tls.then(|| (host.clone(), trust.clone()));
            attempts.spawn(async move {
                let result = reach(&*network, SocketAddr::new(local, 0), remote, tls).await;
                StreamReach { url, is_ipv6, is_tls, result }
            });
        }
    }
    attempts.join_all().await
}

/// The address to connect from: of the interface that is most likely to lead outside.
pub(crate) fn source(interfaces: &[InterfaceInfo], is_ipv6: bool) -> Option<IpAddr> {
    let addresses = interfaces.iter().flat_map(|interface| interface.addresses.iter().map(|ip| (interface.kind, *ip)));
    let fitting = addresses.filter(|(_, ip)| ip.is_ipv6() == is_ipv6);
    fitting.min_by_key(|(kind, _)| matches!(kind, InterfaceKind::Loopback | InterfaceKind::Unknown)).map(|(_, ip)| ip)
}

async fn reach(
    network: &dyn Network,
    local: SocketAddr,
    remote: SocketAddr,
    tls: Option<(String, TlsTrust)>,
) -> Result<Duration, String> {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, network.connect_tcp(local, remote)).await;
    let stream = match connecting {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(format!("no TCP connection: {error}")),
        Err(_) => return Err("no TCP connection within 3 s".to_owned()),
    };
    let stream: Box<dyn Duplex> = match tls {
        Some((host, trust)) => secure(&host, &trust, stream).await?,
        None => Box::new(stream),
    };
    let sent = clock::now();
    match tokio::time::timeout(ANSWER_TIMEOUT, ask(stream)).await {
        Ok(Ok(())) => Ok(clock::now().saturating_duration_since(sent)),
        Ok(Err(error)) => Err(format!("it takes TCP connections and does not speak STUN over them: {error}")),
        Err(_) => Err("it takes TCP connections and does not answer STUN over them within 2 s".to_owned()),
    }
}

async fn secure(host: &str, trust: &TlsTrust, stream: Box<dyn TcpStream>) -> Result<Box<dyn Duplex>, String> {
    match tokio::time::timeout(TLS_TIMEOUT, trust.connect(host, stream)).await {
        Ok(secured) => secured.map_err(|error| error.to_string()),
        Err(_) => Err("it takes TCP connections and does not agree on TLS within 5 s".to_owned()),
    }
}

/// Sends a request and reads until its answer is there.
async fn ask(mut stream: Box<dyn Duplex>) -> Result<(), String> {
    let transaction = TransactionId(rand::random());
    stream.write_all(&stun::binding_request(transaction)).await.map_err(|error| error.to_string())?;
    stream.flush().await.map_err(|error| error.to_string())?;
    let mut message = vec![0; HEADER];
    stream.read_exact(&mut message).await.map_err(|error| error.to_string())?;
    let length = usize::from(u16::from_be_bytes([message[2], message[3]]));
    if message[0] & 0xC0 != 0 || HEADER + length > MAX_ANSWER {
        return Err("its answer is something else".to_owned());
    }
    message.resize(HEADER + length, 0);
    stream.read_exact(&mut message[HEADER..]).await.map_err(|error| error.to_string())?;
    match StunMessage::decode(&message) {
        Ok(answer) if answer.transaction == transaction && answer.mapped.is_some() => Ok(()),
        Ok(answer) => match answer.error {
            Some((code, reason)) => Err(format!(
                "error {code} ({})",
                reason.chars().filter(|c| !c.is_control()).take(80).collect::<String>()
            )),
            None => Err("its answer has no address".to_owned()),
        },
        Err(error) => Err(error.to_string()),
    }
}
