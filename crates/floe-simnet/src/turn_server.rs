//! A TURN server (RFC 8656) over any network: UDP, TCP and TLS to it, UDP from it to peers.
//!
//! The protocol is `turn-server-proto`. Messages on streams are taken out of their frames here, so that the protocol
//! sees the same thing whatever they came in: one message at a time from one client address.

mod streams;

use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use floe_transport::{
    Network, UdpSocket, clock,
    relay::{Credentials, Refusal, TurnAccess},
};
use floe_wire::{
    RelayProtocol,
    stun::{self, Class, METHOD_BINDING, StunMessage},
    turn::{Method, TurnMessage},
};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};
use turn_server_proto::{
    api::{SocketAllocateError, TurnServerApi as _, TurnServerPollRet},
    server::TurnServer as Protocol,
    stun::{agent::Transmit, types::TransportType},
    types::prelude::DelayedTransmitBuild as _,
};

pub use streams::TlsIdentity;

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;
/// Messages and peers' packets that may wait for the protocol.
const QUEUE: usize = 1024;
/// Pause after a receive error.
const BACKOFF: Duration = Duration::from_millis(20);
/// After this many receive errors in a row a socket is given up.
const MAX_ERRORS: u32 = 50;
/// Wakes at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
const REALM: &str = "floe.example";

/// A running TURN server for one transport. Dropping it stops it, and forgets every relayed address.
#[derive(Debug)]
pub struct TurnServer {
    address: SocketAddr,
    transport: RelayProtocol,
    tasks: JoinSet<()>,
    refusing: Refusing,
}

/// The method of requests that are refused, and the code they are refused with.
type Refusing = Arc<Mutex<Option<(Method, u16)>>>;

/// What reaches the protocol.
enum Input {
    /// A message of a client.
    Message { client: SocketAddr, bytes: Vec<u8> },
    /// A peer's packet at a relayed address.
    Peer { relayed: SocketAddr, from: SocketAddr, bytes: Vec<u8> },
    /// A client connected by a stream.
    Connected { client: SocketAddr, outgoing: mpsc::Sender<Vec<u8>> },
    /// Its stream ended.
    Gone { client: SocketAddr },
}

/// How messages get back to clients.
enum Clients {
    Datagrams(Arc<dyn UdpSocket>),
    Streams(HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>),
}

impl TurnServer {
    /// Serves on `local`; inside a tokio runtime. `tls` is needed for TLS and used for nothing else.
    ///
    /// # Errors
    /// When the address cannot be bound, or there is no identity for TLS.
    pub fn serve(
        network: Arc<dyn Network>,
        local: SocketAddr,
        transport: RelayProtocol,
        credentials: &Credentials,
        tls: Option<&TlsIdentity>,
    ) -> io::Result<Self> {
        let mut tasks = JoinSet::new();
        let (inputs, queue) = mpsc::channel(QUEUE);
        let (address, clients) = match transport {
            RelayProtocol::Udp => {
                let socket: Arc<dyn UdpSocket> = Arc::from(network.bind_udp(local)?);
                let address = socket.local_addr()?;
                tasks.spawn(read_clients(Arc::clone(&socket), inputs.clone()));
                (address, Clients::Datagrams(socket))
            }
            RelayProtocol::Tcp | RelayProtocol::Tls => {
                let listener = network.listen_tcp(local)?;
                let address = listener.local_addr()?;
                let identity = match (transport, tls) {
                    (RelayProtocol::Tls, None) => return Err(io::ErrorKind::InvalidInput.into()),
                    (RelayProtocol::Tls, Some(identity)) => Some(identity.clone()),
                    (RelayProtocol::Udp | RelayProtocol::Tcp, _) => None,
                };
                tasks.spawn(streams::accept_all(listener, identity, inputs.clone()));
                (address, Clients::Streams(HashMap::new()))
            }
        };
        let mut protocol = Protocol::new(TransportType::Udp, address, REALM.to_owned());
        protocol.add_user(credentials.user.clone(), credentials.password.clone());
        let refusing = Refusing::default();
        let core = Core {
            refusing: Arc::clone(&refusing),
            network,
            protocol,
            address,
            clients,
            relays: HashMap::new(),
            readers: JoinSet::new(),
            inputs,
            started: clock::now(),
        };
        tasks.spawn(core.run(queue));
        Ok(Self { address, transport, tasks, refusing })
    }

    /// Refuses signed requests of a method with this error code from here on (RFC 8656 section 19).
    pub fn refuse(&self, method: Method, code: u16) {
        *self.refusing.lock().unwrap_or_else(PoisonError::into_inner) = Some((method, code));
    }

    /// Stops it; its address is free again then.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    /// The address it answers on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How clients reach it.
    #[must_use]
    pub const fn transport(&self) -> RelayProtocol {
        self.transport
    }

    /// How to use it, by a host name of the network or, with none, by its address.
    #[must_use]
    pub fn access(&self, host: Option<&str>, credentials: &Credentials) -> TurnAccess {
        let port = self.address.port();
        let authority = host.map_or_else(|| self.address.to_string(), |host| format!("{host}:{port}"));
        let url = match self.transport {
            RelayProtocol::Udp => format!("turn:{authority}"),
            RelayProtocol::Tcp => format!("turn:{authority}?transport=tcp"),
            RelayProtocol::Tls => format!("turns:{authority}"),
        };
        TurnAccess { url, credentials: Some(credentials.clone()) }
    }
}

/// The protocol and its sockets.
struct Core {
    refusing: Refusing,
    network: Arc<dyn Network>,
    protocol: Protocol,
    address: SocketAddr,
    clients: Clients,
    relays: HashMap<SocketAddr, (Arc<dyn UdpSocket>, AbortHandle)>,
    /// Ends with the core, because dropping it aborts them.
    readers: JoinSet<()>,
    inputs: mpsc::Sender<Input>,
    started: Instant,
}

impl Core {
    async fn run(mut self, mut queue: mpsc::Receiver<Input>) {
        loop {
            let wait = self.drain();
            tokio::select! {
                Some(input) = queue.recv() => self.take(input),
                () = tokio::time::sleep_until((clock::now() + wait.min(LONGEST_SLEEP)).into()) => {}
            }
        }
    }

    /// The protocol's clock.
    fn now(&self) -> turn_server_proto::stun::Instant {
        let since = clock::now().saturating_duration_since(self.started);
        turn_server_proto::stun::Instant::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn take(&mut self, input: Input) {
        let (bytes, from, to) = match input {
            Input::Message { client, bytes } => {
                // The library sends its answers to Binding requests to itself.
                if is_binding(&bytes) {
                    if let Ok(answer) = stun::binding_success(&bytes, client, None) {
                        self.send(self.address, client, answer);
                    }
                    return;
                }
                if let Some(answer) = self.refusal(&bytes) {
                    return self.send(self.address, client, answer);
                }
                (bytes, client, self.address)
            }
            Input::Peer { relayed, from, bytes } => (bytes, from, relayed),
            Input::Connected { client, outgoing } => {
                if let Clients::Streams(streams) = &mut self.clients {
                    streams.insert(client, outgoing);
                }
                return;
            }
            Input::Gone { client } => {
                if let Clients::Streams(streams) = &mut self.clients {
                    streams.remove(&client);
                }
                return;
            }
        };
        let now = self.now();
        if let Some(built) = self.protocol.recv(Transmit::new(bytes, TransportType::Udp, from, to), now) {
            let (from, to) = (built.from, built.to);
            self.send(from, to, built.data.build());
        }
    }

    /// The answer to a request that is to be refused, without a signature: clients take errors without one.
    fn refusal(&self, request: &[u8]) -> Option<Vec<u8>> {
        let (method, code) = (*self.refusing.lock().unwrap_or_else(PoisonError::into_inner))?;
        let asked = TurnMessage::decode(request).ok()?;
        let is_meant = asked.class == Class::Request && asked.method == method && stun::Account::of(request).is_some();
        is_meant.then(|| stun::turn_error(request, code, refusal_name(code), REALM)).and_then(Result::ok)
    }

    /// Does what the protocol wants; gives how long it can wait.
    fn drain(&mut self) -> Duration {
        loop {
            let now = self.now();
            while let Some(transmit) = self.protocol.poll_transmit(now) {
                self.send(transmit.from, transmit.to, transmit.data);
            }
            match self.protocol.poll(now) {
                TurnServerPollRet::AllocateSocket { transport, listen_addr, client_addr, family, .. } => {
                    let socket = self.open_relay(family);
                    let udp = TransportType::Udp;
                    self.protocol.allocated_socket(transport, listen_addr, client_addr, udp, family, socket, now);
                }
                TurnServerPollRet::SocketClose { listen_addr, .. } => {
                    if let Some((_, reader)) = self.relays.remove(&listen_addr) {
                        reader.abort();
                    }
                }
                // TCP to peers (RFC 6062) is never asked for.
                TurnServerPollRet::TcpConnect { .. } | TurnServerPollRet::TcpClose { .. } => {}
                TurnServerPollRet::WaitUntil(until) if until > now => return until.duration_since(now),
                TurnServerPollRet::WaitUntil(_) => return Duration::ZERO,
            }
        }
    }

    fn open_relay(
        &mut self,
        family: turn_server_proto::types::AddressFamily,
    ) -> Result<SocketAddr, SocketAllocateError> {
        let wants_ipv4 = family == turn_server_proto::types::AddressFamily::IPV4;
        let interfaces = self.network.interfaces().map_err(|_| SocketAllocateError::InsufficientCapacity)?;
        let own = (self.address.is_ipv4() == wants_ipv4).then_some(self.address.ip());
        let mut all = own.into_iter().chain(interfaces.into_iter().flat_map(|interface| interface.addresses));
        let ip = all.find(|ip| ip.is_ipv4() == wants_ipv4).ok_or(SocketAllocateError::AddressFamilyNotSupported)?;
        let full = |_| SocketAllocateError::InsufficientCapacity;
        let socket: Arc<dyn UdpSocket> = Arc::from(self.network.bind_udp(SocketAddr::new(ip, 0)).map_err(full)?);
        let relayed = socket.local_addr().map_err(full)?;
        let reader = self.readers.spawn(read_peers(Arc::clone(&socket), relayed, self.inputs.clone()));
        self.relays.insert(relayed, (socket, reader));
        Ok(relayed)
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if let Some((socket, _)) = self.relays.get(&from) {
            log_refusal(socket.try_send_to(&bytes, to), to);
            return;
        }
        match &self.clients {
            Clients::Datagrams(socket) => log_refusal(socket.try_send_to(&bytes, to), to),
            // A client that does not read loses packets, as on a congested line.
            Clients::Streams(streams) => {
                let sent = streams.get(&to).is_some_and(|stream| stream.try_send(streams::padded(bytes)).is_ok());
                if !sent {
                    tracing::debug!(%to, "the TURN server's client is gone or slow");
                }
            }
        }
    }
}

/// What servers say beside the code.
fn refusal_name(code: u16) -> &'static str {
    Refusal::of(code).name()
}

fn is_binding(bytes: &[u8]) -> bool {
    StunMessage::decode(bytes).is_ok_and(|message| message.class == Class::Request && message.method == METHOD_BINDING)
}

fn log_refusal(sent: io::Result<()>, to: SocketAddr) {
    if let Err(error) = sent {
        tracing::debug!(%error, %to, "the TURN server's packet was not sent");
    }
}

async fn read_clients(socket: Arc<dyn UdpSocket>, inputs: mpsc::Sender<Input>) {
    read(&*socket, |client, bytes| inputs.try_send(Input::Message { client, bytes }).is_ok()).await;
}

async fn read_peers(socket: Arc<dyn UdpSocket>, relayed: SocketAddr, inputs: mpsc::Sender<Input>) {
    read(&*socket, |from, bytes| inputs.try_send(Input::Peer { relayed, from, bytes }).is_ok()).await;
}

/// Hands over every datagram until the socket cannot be read any more; what finds no room is lost.
async fn read(socket: &dyn UdpSocket, mut hand_over: impl FnMut(SocketAddr, Vec<u8>) -> bool) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut errors = 0;
    while errors < MAX_ERRORS {
        match poll_fn(|cx| socket.poll_recv_from(cx, &mut buffer)).await {
            Ok((length, from)) => {
                errors = 0;
                if !hand_over(from, buffer[..length].to_vec()) {
                    tracing::debug!("the TURN server is too slow");
                }
            }
            Err(_) => {
                errors += 1;
                tokio::time::sleep(BACKOFF).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
