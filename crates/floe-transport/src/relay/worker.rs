//! The task behind a relay: it owns the way to the server and drives the protocol.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use floe_wire::{
    BaseKind, Direction, Note, RelayProtocol, classify,
    note::DropKind,
    turn::{CHANNEL_DATA_HEADER, ChannelData},
};
use tokio::sync::mpsc;

use super::{
    ClientEvent, ClientOutput, PATIENCE, Received, RelayCommand, RelayError, RelayEvent, RelayIds, RelayNews,
    RelayServer, TurnClient, link::Link,
};
use crate::{Inbound, Network, Tap, clock};

/// Pause after a receive error of a UDP socket.
const BACKOFF: Duration = Duration::from_millis(5);
/// After this many of them in a row the socket is given up.
const MAX_ERRORS: u32 = 20;
/// Wakes at least this often, so that a missed deadline cannot stall it.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

/// What the task is given.
pub(super) struct Worker {
    pub network: Arc<dyn Network>,
    pub tap: Tap,
    pub inbound: mpsc::Sender<Inbound>,
    pub events: mpsc::Sender<RelayEvent>,
    pub commands: mpsc::Receiver<RelayCommand>,
    pub ids: RelayIds,
    pub interface: String,
    pub ip: IpAddr,
    pub server: RelayServer,
    pub seed: u64,
}

/// What wakes it.
enum Wake {
    Message(io::Result<BytesMut>),
    Command(Option<RelayCommand>),
    Timer,
}

/// What it has while it runs.
struct Running {
    worker: Worker,
    link: Link,
    client: TurnClient,
    is_allocated: bool,
    /// The handle was dropped.
    is_closing: bool,
    receive_errors: u32,
    dropped: u64,
}

impl Worker {
    /// Runs until the address is given up, refused or lost.
    pub async fn run(mut self) {
        let connecting = connect(Arc::clone(&self.network), self.server.clone(), &self.interface, self.ip);
        let link = tokio::select! {
            connected = tokio::time::timeout(PATIENCE, connecting) => {
                connected.unwrap_or(Err(RelayError::Silent(PATIENCE)))
            }
            () = closed(&mut self.commands) => return,
        };
        let (link, local) = match link {
            Ok(connected) => connected,
            Err(error) => {
                self.note_failure(None, &error);
                self.tell(RelayNews::Failed(error)).await;
                return;
            }
        };
        let RelayServer { url, credentials, address, .. } = self.server.clone();
        self.tap.note(Note::BaseOpened {
            base: self.ids.client,
            interface: self.interface.clone(),
            address: local,
            kind: BaseKind::TurnClient { server: url.to_string(), transport: url.transport },
        });
        let is_reliable = url.transport != RelayProtocol::Udp;
        let client = TurnClient::new(credentials, is_reliable, address.is_ipv6(), self.seed, clock::now());
        let (is_allocated, is_closing) = (false, false);
        let running = Running { worker: self, link, client, is_allocated, is_closing, receive_errors: 0, dropped: 0 };
        running.run().await;
    }

    fn note_failure(&self, base: Option<floe_wire::BaseId>, error: &RelayError) {
        let server = self.server.url.to_string();
        self.tap.note(Note::ServerFailed { server, base, error: error.to_string() });
    }

    async fn tell(&self, news: RelayNews) {
        // A session that is gone wants no news.
        let _gone = self.events.send(RelayEvent { ids: self.ids, news }).await;
    }
}

async fn connect(
    network: Arc<dyn Network>,
    server: RelayServer,
    interface: &str,
    ip: IpAddr,
) -> Result<(Link, SocketAddr), RelayError> {
    let RelayServer { url, address, trust, .. } = server;
    let local = SocketAddr::new(ip, 0);
    if url.transport == RelayProtocol::Udp {
        let socket = network.bind_udp_at(interface, local).map_err(|error| RelayError::Socket(error.to_string()))?;
        let local = socket.local_addr().map_err(|error| RelayError::Socket(error.to_string()))?;
        return Ok((Link::udp(socket, address), local));
    }
    let is_tls = url.transport == RelayProtocol::Tls;
    let prepare = async {
        if is_tls {
            trust.prepare().await;
        }
    };
    let (stream, ()) = tokio::join!(network.connect_tcp(local, address), prepare);
    let stream = stream.map_err(|error| RelayError::Connect(error.to_string()))?;
    let local = stream.local_addr().map_err(|error| RelayError::Connect(error.to_string()))?;
    let stream = if is_tls { trust.connect(&url.host, stream).await? } else { Box::new(stream) };
    Ok((Link::stream(stream), local))
}

/// Waits until the handle is dropped; what is asked before there is a connection is forgotten with it.
async fn closed(commands: &mut mpsc::Receiver<RelayCommand>) {
    while commands.recv().await.is_some() {}
}

impl Running {
    async fn run(mut self) {
        let mut alive = self.drain().await;
        while alive {
            match self.next_wake().await {
                Wake::Message(Ok(message)) => self.on_message(&message),
                Wake::Message(Err(error)) => alive = self.on_receive_error(&error).await,
                Wake::Command(Some(command)) => self.on_command(command),
                Wake::Command(None) => {
                    self.is_closing = true;
                    self.client.close(clock::now());
                }
                Wake::Timer => self.client.handle_timeout(clock::now()),
            }
            alive = alive && self.drain().await;
        }
        if self.dropped > 0 {
            self.worker.tap.note(Note::Dropped { what: DropKind::Datagrams, count: self.dropped });
        }
        let RelayIds { client, relay } = self.worker.ids;
        if self.is_allocated {
            self.worker.tap.note(Note::BaseClosed { base: relay });
        }
        self.worker.tap.note(Note::BaseClosed { base: client });
    }

    async fn next_wake(&mut self) -> Wake {
        let latest = clock::now() + LONGEST_SLEEP;
        let deadline = self.client.poll_timeout().map_or(latest, |at| at.min(latest));
        tokio::select! {
            biased;
            received = self.link.receive() => Wake::Message(received),
            command = self.worker.commands.recv(), if !self.is_closing => Wake::Command(command),
            () = tokio::time::sleep_until(deadline.into()) => Wake::Timer,
        }
    }

    fn on_message(&mut self, message: &[u8]) {
        let now = clock::now();
        self.receive_errors = 0;
        let Worker { tap, ids, server, .. } = &self.worker;
        tap.packet_at(now, ids.client, Direction::Inbound, server.address, message);
        if let Received::Data { peer, range } = self.client.handle(message, now) {
            self.hand_over(&message[range], peer, now);
        }
    }

    fn hand_over(&mut self, datagram: &[u8], remote: SocketAddr, at: Instant) {
        let kind = classify(datagram);
        let inbound =
            Inbound { base: self.worker.ids.relay, remote, bytes: Bytes::copy_from_slice(datagram), at, kind };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.worker.inbound.try_send(inbound) {
            self.dropped += 1;
        }
    }

    /// What a failed read means; `false` ends the relay.
    async fn on_receive_error(&mut self, error: &io::Error) -> bool {
        self.receive_errors += 1;
        // A UDP socket also tells that an earlier packet found a closed port (ICMP): the server may come back.
        if matches!(self.link, Link::Udp { .. }) && (self.receive_errors <= MAX_ERRORS || is_about_the_server(error)) {
            tokio::time::sleep(BACKOFF).await;
            return true;
        }
        let error = match error.kind() {
            io::ErrorKind::InvalidData => RelayError::Garbage,
            _ => RelayError::Closed,
        };
        self.end(error).await;
        false
    }

    fn on_command(&mut self, command: RelayCommand) {
        let now = clock::now();
        match command {
            RelayCommand::Send { datagram, remote } => {
                if !self.client.send(&datagram, remote, now) {
                    let error = "the relayed address is gone".to_owned();
                    self.worker.tap.note(Note::SendFailed { base: self.worker.ids.relay, remote, error });
                }
            }
            RelayCommand::Permit(hosts) => self.client.permit(&hosts, now),
            RelayCommand::Bind(peer) => self.client.bind(peer, now),
            RelayCommand::Probe => self.client.probe(now),
        }
    }

    /// Does what the protocol wants; `false` once it is over.
    async fn drain(&mut self) -> bool {
        while let Some(output) = self.client.poll_output() {
            match output {
                ClientOutput::Transmit(bytes) => self.transmit(&bytes),
                ClientOutput::Event(event) => {
                    if !self.on_event(event).await {
                        return false;
                    }
                }
            }
        }
        true
    }

    fn transmit(&mut self, bytes: &[u8]) {
        let Worker { tap, ids, server, .. } = &self.worker;
        // A record holds messages, which have no padding.
        let unpadded = ChannelData::decode(bytes).map_or(bytes.len(), |frame| CHANNEL_DATA_HEADER + frame.data.len());
        tap.packet(ids.client, Direction::Outbound, server.address, &bytes[..unpadded]);
        if let Err(error) = self.link.send(bytes) {
            let error = match error.kind() {
                io::ErrorKind::WouldBlock => "too much waits to be sent to the server already".to_owned(),
                _ => error.to_string(),
            };
            tap.note(Note::SendFailed { base: ids.client, remote: server.address, error });
        }
    }

    async fn on_event(&mut self, event: ClientEvent) -> bool {
        match event {
            ClientEvent::Allocated { relayed, mapped, lifetime, rtt } => {
                self.is_allocated = true;
                self.note_allocation(relayed, mapped, lifetime, rtt);
                self.worker.tell(RelayNews::Allocated { relayed, mapped, rtt }).await;
                true
            }
            ClientEvent::RefreshFailed(error) => {
                let error = error.to_string();
                self.worker.tap.note(Note::RelayRefreshFailed { relay: self.worker.ids.relay, error });
                true
            }
            ClientEvent::HostRefused { host, refusal } => {
                let error = RelayError::Refused(refusal).to_string();
                self.worker.tap.note(Note::RelayRefusedHost { relay: self.worker.ids.relay, host, error });
                true
            }
            ClientEvent::Failed(error) | ClientEvent::Lost(error) => {
                self.end(error).await;
                false
            }
            ClientEvent::Released => false,
        }
    }

    fn note_allocation(&self, relayed: SocketAddr, mapped: Option<SocketAddr>, lifetime: Duration, rtt: Duration) {
        let Worker { tap, ids, interface, server, .. } = &self.worker;
        let RelayIds { client, relay } = *ids;
        let (interface, kind) = (interface.clone(), BaseKind::Relay { client });
        tap.note(Note::BaseOpened { base: relay, interface, address: relayed, kind });
        let server = server.url.to_string();
        tap.note(Note::RelayAllocated { server, client, relay, relayed, mapped, lifetime, rtt });
    }

    async fn end(&mut self, error: RelayError) {
        // Whoever dropped the handle wants no news.
        if self.is_closing {
            return;
        }
        let RelayIds { client, relay } = self.worker.ids;
        if self.is_allocated {
            self.worker.tap.note(Note::RelayLost { relay, error: error.to_string() });
            self.worker.tell(RelayNews::Lost(error)).await;
        } else {
            self.worker.note_failure(Some(client), &error);
            self.worker.tell(RelayNews::Failed(error)).await;
        }
    }
}

fn is_about_the_server(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable)
}
