//! One relayed address on one TURN server (RFC 8656): bytes and time come in, decisions go out.
//!
//! Requests are retransmitted as RFC 8489 section 6.2.1 says, and given up after [`PATIENCE`] because a person waits.
//! Hosts that may send to us (permissions) are asked for together in one request; a server refuses such a request as a
//! whole, so that after a refusal each host is asked for alone. Nothing waits for a permission: the server handles what
//! it receives in order, so a check right behind the request for its permission passes.
//!
//! Answers count only when made with our password (RFC 8489 section 9.2.5). Errors count without it: their transaction
//! ids cannot be guessed, and whoever reads the way to the server could end the relay anyway.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    ops::Range,
    time::{Duration, Instant},
};

use floe_wire::{
    PacketKind, classify,
    stun::{Class, TransactionId},
    turn::{CHANNEL_DATA_HEADER, ChannelData, Method, TurnMessage},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use stun_types::{
    attribute::{Nonce, Realm},
    message::Message,
};

use super::{
    Credentials, Refusal, RelayError,
    request::{Ask, Auth, keepalive, send_indication},
};

/// A request without an answer is given up by then: after four transmissions, the last of them a second ago.
pub const PATIENCE: Duration = Duration::from_millis(4500);
/// First retransmission timeout (RFC 8489 section 6.2.1).
const RTO: Duration = Duration::from_millis(500);
/// What was not answered is asked again so much later, as long as the server may still know us.
const RETRY: Duration = Duration::from_secs(1);
/// Permissions last five minutes (RFC 8656 section 9).
const PERMISSION_REFRESH: Duration = Duration::from_secs(240);
/// Channels last ten minutes (RFC 8656 section 12).
const CHANNEL_REFRESH: Duration = Duration::from_secs(540);
/// Allocations are refreshed a minute before their end (RFC 8656 section 8), or at half time when they are short.
const REFRESH_AHEAD: Duration = Duration::from_secs(60);
/// Home NATs forget a mapping that nothing crosses after 30 s or more.
const KEEPALIVE: Duration = Duration::from_secs(25);
/// How long the answer to giving up the address is waited for.
const FAREWELL: Duration = Duration::from_millis(600);
/// Nonces refused in a row before the server is called misconfigured.
const MAX_STALE: u8 = 3;
/// Hosts with permissions; the peer has at most 100 candidates that matter.
const MAX_HOSTS: usize = 128;
/// Hosts in one request, which stays far below the size of a packet.
const HOSTS_PER_REQUEST: usize = 16;
/// Peers with a channel number; only pairs in use get one.
const MAX_CHANNELS: usize = 64;
/// The first channel number (RFC 8656 section 12).
const FIRST_CHANNEL: u16 = 0x4000;

/// What the client wants done, or found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientOutput {
    /// Send this to the server.
    Transmit(Vec<u8>),
    /// Know this.
    Event(ClientEvent),
}

/// What became of the relayed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// There is one.
    Allocated {
        /// Where peers send to.
        relayed: SocketAddr,
        /// Where the server sees our packets come from.
        mapped: Option<SocketAddr>,
        /// How long the server keeps it unless asked again.
        lifetime: Duration,
        /// From the request that was answered to the answer.
        rtt: Duration,
    },
    /// There is none.
    Failed(RelayError),
    /// There was one, and it is gone.
    Lost(RelayError),
    /// The server did not say that it keeps the address; it is asked again until the address expires. Told once for each
    /// row of failures.
    RefreshFailed(RelayError),
    /// The server does not relay to or from this host.
    HostRefused {
        /// The peer's host.
        host: IpAddr,
        /// Why.
        refusal: Refusal,
    },
    /// The server knows that the address is given up, or does not answer: the socket may be closed.
    Released,
}

/// What arrived from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A peer's packet, at this place in the bytes.
    Data {
        /// Who sent it.
        peer: SocketAddr,
        /// Where it is.
        range: Range<usize>,
    },
    /// The server's own business, or nothing of use.
    Nothing,
}

/// One relayed address on one server.
pub struct TurnClient {
    credentials: Credentials,
    /// Whether the transport delivers everything in order: no retransmissions, padded ChannelData.
    reliable: bool,
    random: StdRng,
    auth: Option<Auth>,
    state: State,
    transactions: Vec<Transaction>,
    hosts: BTreeMap<IpAddr, Host>,
    channels: BTreeMap<SocketAddr, Channel>,
    outputs: VecDeque<ClientOutput>,
    last_sent: Instant,
    /// Something came that is no TURN.
    garbage: bool,
    /// The last request to keep the address failed.
    is_refresh_failing: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Allocating,
    Allocated { expires: Instant, refresh_at: Option<Instant> },
    Releasing { until: Instant },
    Over,
}

struct Transaction {
    id: TransactionId,
    ask: Ask,
    bytes: Vec<u8>,
    first_sent: Instant,
    last_sent: Instant,
    next: Instant,
    transmissions: u32,
    /// Nonces refused before this one.
    stale: u8,
}

/// A host that may send to us.
struct Host {
    /// When to ask for it; none while a request is under way, or when the server does not want it.
    due: Option<Instant>,
    /// A request with others was refused.
    alone: bool,
}

struct Channel {
    number: u16,
    /// Whether we may send on it.
    bound: bool,
    /// When to ask for it; none while a request is under way, or when the server does not want it.
    due: Option<Instant>,
}

impl TurnClient {
    /// Asks for a relayed address; IPv6 when `ipv6`. Transaction ids come from `seed`.
    #[must_use]
    pub fn new(credentials: Credentials, reliable: bool, ipv6: bool, seed: u64, now: Instant) -> Self {
        let mut client = Self {
            credentials,
            reliable,
            random: StdRng::seed_from_u64(seed),
            auth: None,
            state: State::Allocating,
            transactions: Vec::new(),
            hosts: BTreeMap::new(),
            channels: BTreeMap::new(),
            outputs: VecDeque::new(),
            last_sent: now,
            garbage: false,
            is_refresh_failing: false,
        };
        client.ask(Ask::Allocate { ipv6 }, 0, now);
        client
    }

    /// Lets packets of these hosts in, from now on or once there is an address.
    pub fn permit(&mut self, hosts: &[IpAddr], now: Instant) {
        for host in hosts.iter().filter(|host| is_relayable(**host)) {
            if self.hosts.len() < MAX_HOSTS {
                self.hosts.entry(*host).or_insert(Host { due: Some(now), alone: false });
            }
        }
        self.handle_timeout(now);
    }

    /// Gives a peer a channel number: four bytes around each packet, not 36 or more.
    pub fn bind(&mut self, peer: SocketAddr, now: Instant) {
        if self.channels.len() < MAX_CHANNELS {
            let number = FIRST_CHANNEL + u16::try_from(self.channels.len()).unwrap_or(0);
            self.channels.entry(peer).or_insert(Channel { number, bound: false, due: Some(now) });
        }
        self.handle_timeout(now);
    }

    /// Wraps a packet for a peer; `false` when there is no address to send it from.
    pub fn send(&mut self, datagram: &[u8], peer: SocketAddr, now: Instant) -> bool {
        if !matches!(self.state, State::Allocated { .. }) {
            return false;
        }
        self.permit(&[peer.ip()], now);
        let bytes = match self.channels.get(&peer) {
            Some(Channel { number, bound: true, .. }) => ChannelData::encode(*number, datagram, self.reliable),
            Some(_) | None => send_indication(TransactionId(self.random.random()), peer, datagram),
        };
        self.transmit(bytes, now);
        true
    }

    /// Asks at once whether the server still knows the address.
    pub fn probe(&mut self, now: Instant) {
        if let State::Allocated { refresh_at: Some(at), .. } = &mut self.state {
            *at = now;
        }
        self.handle_timeout(now);
    }

    /// Gives the address up; [`ClientEvent::Released`] follows within 600 ms.
    pub fn close(&mut self, now: Instant) {
        self.transactions.clear();
        match self.state {
            State::Allocated { .. } => {
                self.state = State::Releasing { until: now + FAREWELL };
                self.ask(Ask::Release, 0, now);
            }
            State::Allocating | State::Over => self.end(ClientEvent::Released),
            State::Releasing { .. } => {}
        }
    }

    /// Takes one message of the server.
    pub fn handle(&mut self, bytes: &[u8], now: Instant) -> Received {
        match classify(bytes) {
            PacketKind::ChannelData => self.on_channel_data(bytes),
            PacketKind::Stun => self.on_message(bytes, now),
            PacketKind::Dtls | PacketKind::Rtp | PacketKind::Rtcp | PacketKind::Unknown => self.on_garbage(),
        }
    }

    fn on_garbage(&mut self) -> Received {
        self.garbage = true;
        Received::Nothing
    }

    fn on_channel_data(&mut self, bytes: &[u8]) -> Received {
        // A frame that is cut off is damaged.
        let frame = ChannelData::decode(bytes).ok().filter(|frame| frame.data.len() == usize::from(frame.declared));
        let known = frame.and_then(|frame| {
            let (peer, _) = self.channels.iter().find(|(_, channel)| channel.number == frame.channel)?;
            Some((*peer, CHANNEL_DATA_HEADER..CHANNEL_DATA_HEADER + frame.data.len()))
        });
        known.map_or_else(|| self.on_garbage(), |(peer, range)| Received::Data { peer, range })
    }

    fn on_message(&mut self, bytes: &[u8], now: Instant) -> Received {
        let Ok(message) = TurnMessage::decode(bytes) else { return self.on_garbage() };
        match (message.class, message.method) {
            (Class::Indication, Method::Data) => match (&message.peers[..], &message.data) {
                ([peer], Some(range)) if range.len() == message.data_len => {
                    return Received::Data { peer: *peer, range: range.clone() };
                }
                _ => {}
            },
            (Class::Success | Class::Error, _) => self.on_response(bytes, &message, now),
            (Class::Indication | Class::Request, _) => {}
        }
        Received::Nothing
    }

    fn on_response(&mut self, bytes: &[u8], facts: &TurnMessage, now: Instant) {
        let Some(index) = self.transactions.iter().position(|known| known.id == facts.transaction) else { return };
        let Ok(message) = Message::from_bytes(bytes) else {
            self.garbage = true;
            return;
        };
        if facts.class == Class::Success {
            if self.auth.as_ref().is_some_and(|auth| !auth.confirms(&message)) {
                self.garbage = true;
                return;
            }
            let transaction = self.transactions.swap_remove(index);
            self.on_success(transaction, facts, now);
        } else {
            let transaction = self.transactions.swap_remove(index);
            let code = facts.error.as_ref().map_or(0, |(code, _)| *code);
            self.on_error(transaction, Refusal::of(code), &message, now);
        }
        self.handle_timeout(now);
    }

    fn on_success(&mut self, transaction: Transaction, facts: &TurnMessage, now: Instant) {
        match transaction.ask {
            Ask::Allocate { ipv6 } => {
                let rtt = now.saturating_duration_since(transaction.last_sent);
                match allocation(facts, ipv6) {
                    Ok((relayed, lifetime)) => {
                        self.keep_until(lifetime, now);
                        let mapped = facts.mapped;
                        self.tell(ClientEvent::Allocated { relayed, mapped, lifetime, rtt });
                    }
                    Err(error) => self.end(ClientEvent::Failed(error)),
                }
            }
            Ask::Refresh => {
                self.is_refresh_failing = false;
                self.keep_until(facts.lifetime.unwrap_or(REFRESH_AHEAD), now);
            }
            Ask::Release => self.end(ClientEvent::Released),
            Ask::Permit(hosts) => self.ask_hosts_again(&hosts, Some(now + PERMISSION_REFRESH)),
            Ask::Bind { peer, .. } => {
                if let Some(channel) = self.channels.get_mut(&peer) {
                    (channel.bound, channel.due) = (true, Some(now + CHANNEL_REFRESH));
                }
            }
        }
    }

    fn keep_until(&mut self, lifetime: Duration, now: Instant) {
        let ahead = REFRESH_AHEAD.min(lifetime / 2);
        self.state = State::Allocated { expires: now + lifetime, refresh_at: Some(now + (lifetime - ahead)) };
    }

    fn ask_hosts_again(&mut self, hosts: &[IpAddr], due: Option<Instant>) {
        for host in hosts {
            if let Some(host) = self.hosts.get_mut(host) {
                host.due = due;
            }
        }
    }

    fn on_error(&mut self, transaction: Transaction, refusal: Refusal, message: &Message<'_>, now: Instant) {
        let wants_proof = match refusal {
            Refusal::StaleNonce => transaction.stale < MAX_STALE,
            // Answered to a request that was signed, it means that the name or the password is wrong.
            Refusal::Unauthorized => self.auth.is_none(),
            _ => false,
        };
        if wants_proof && let Some(auth) = self.proof_wanted(message) {
            self.auth = Some(auth);
            self.ask(transaction.ask, transaction.stale + 1, now);
            return;
        }
        let is_forgotten = matches!(
            refusal,
            Refusal::AllocationMismatch | Refusal::Unauthorized | Refusal::WrongCredentials | Refusal::StaleNonce
        );
        match transaction.ask {
            Ask::Allocate { .. } => self.end(ClientEvent::Failed(RelayError::Refused(refusal))),
            Ask::Release => self.end(ClientEvent::Released),
            _ if is_forgotten => self.end(ClientEvent::Lost(RelayError::Refused(refusal))),
            Ask::Refresh => self.on_refresh_failed(RelayError::Refused(refusal), now),
            Ask::Permit(hosts) => self.on_hosts_refused(&hosts, refusal, now),
            // The channel stays as it is: its packets go in indications.
            Ask::Bind { .. } => {}
        }
    }

    /// The realm and the nonce that the server asks our password to be used with.
    fn proof_wanted(&self, message: &Message<'_>) -> Option<Auth> {
        let nonce = message.attribute::<Nonce>().ok()?.nonce().to_owned();
        let known = || self.auth.as_ref().map(|auth| auth.realm.clone());
        let realm = message.attribute::<Realm>().ok().map(|realm| realm.realm().to_owned()).or_else(known)?;
        Some(Auth::new(&self.credentials, realm, nonce))
    }

    fn on_hosts_refused(&mut self, hosts: &[IpAddr], refusal: Refusal, now: Instant) {
        if let [host] = hosts {
            self.tell(ClientEvent::HostRefused { host: *host, refusal });
            return;
        }
        for host in hosts {
            if let Some(host) = self.hosts.get_mut(host) {
                (host.alone, host.due) = (true, Some(now));
            }
        }
    }

    fn on_refresh_failed(&mut self, error: RelayError, now: Instant) {
        if let State::Allocated { refresh_at, .. } = &mut self.state {
            *refresh_at = Some(now + RETRY);
        }
        if !std::mem::replace(&mut self.is_refresh_failing, true) {
            self.tell(ClientEvent::RefreshFailed(error));
        }
    }

    fn ask(&mut self, ask: Ask, stale: u8, now: Instant) {
        let id = TransactionId(self.random.random());
        let Ok(bytes) = ask.encode(id, &self.credentials.user, self.auth.as_ref()) else {
            self.end(ClientEvent::Failed(RelayError::Unspeakable));
            return;
        };
        self.transmit(bytes.clone(), now);
        let next = now + if self.reliable { PATIENCE } else { RTO };
        let sent = Transaction { id, ask, bytes, first_sent: now, last_sent: now, next, transmissions: 1, stale };
        self.transactions.push(sent);
    }

    fn transmit(&mut self, bytes: Vec<u8>, now: Instant) {
        self.last_sent = now;
        self.outputs.push_back(ClientOutput::Transmit(bytes));
    }

    fn tell(&mut self, event: ClientEvent) {
        self.outputs.push_back(ClientOutput::Event(event));
    }

    fn end(&mut self, event: ClientEvent) {
        if !matches!(self.state, State::Over) {
            self.state = State::Over;
            self.transactions.clear();
            self.tell(event);
        }
    }

    /// What to do or to know next.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called; none once everything is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = match self.state {
            State::Allocating => None,
            State::Allocated { expires, refresh_at } => refresh_at.map_or(Some(expires), |at| Some(at.min(expires))),
            State::Releasing { until } => Some(until),
            State::Over => return None,
        };
        let wishes = self.is_allocated().then(|| {
            let hosts = self.hosts.values().filter_map(|host| host.due);
            let channels = self.channels.values().filter_map(|channel| channel.due);
            hosts.chain(channels).chain(self.keepalive_at())
        });
        let transactions = self.transactions.iter().map(Transaction::wake);
        transactions.chain(own).chain(wishes.into_iter().flatten()).min()
    }

    const fn is_allocated(&self) -> bool {
        matches!(self.state, State::Allocated { .. })
    }

    fn keepalive_at(&self) -> Option<Instant> {
        (!self.reliable).then(|| self.last_sent + KEEPALIVE)
    }

    /// Sends what is due, gives up what is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.retransmit(now);
        match self.state {
            State::Allocated { expires, .. } if expires <= now => {
                self.end(ClientEvent::Lost(RelayError::Expired));
            }
            State::Releasing { until } if until <= now => self.end(ClientEvent::Released),
            State::Allocated { refresh_at: Some(at), expires } if at <= now => {
                self.state = State::Allocated { expires, refresh_at: None };
                self.ask(Ask::Refresh, 0, now);
            }
            State::Allocated { .. } | State::Allocating | State::Releasing { .. } | State::Over => {}
        }
        if self.is_allocated() {
            self.ask_for_hosts(now);
            self.ask_for_channels(now);
            if self.keepalive_at().is_some_and(|at| at <= now) {
                let bytes = keepalive(TransactionId(self.random.random()));
                self.transmit(bytes, now);
            }
        }
    }

    fn retransmit(&mut self, now: Instant) {
        let (over, kept) = self.transactions.drain(..).partition(|known| known.first_sent + PATIENCE <= now);
        self.transactions = kept;
        let over: Vec<Transaction> = over;
        for transaction in over {
            self.give_up(transaction, now);
        }
        let due: Vec<Vec<u8>> = self.transactions.iter_mut().filter_map(|known| known.again(now)).collect();
        for bytes in due {
            self.transmit(bytes, now);
        }
    }

    fn give_up(&mut self, transaction: Transaction, now: Instant) {
        match transaction.ask {
            Ask::Allocate { .. } => {
                let error = if self.garbage { RelayError::Garbage } else { RelayError::Silent(PATIENCE) };
                self.end(ClientEvent::Failed(error));
            }
            Ask::Refresh => self.on_refresh_failed(RelayError::Silent(PATIENCE), now),
            Ask::Release => self.end(ClientEvent::Released),
            Ask::Permit(hosts) => self.ask_hosts_again(&hosts, Some(now + RETRY)),
            Ask::Bind { peer, .. } => {
                if let Some(channel) = self.channels.get_mut(&peer) {
                    channel.due = Some(now + RETRY);
                }
            }
        }
    }

    fn ask_for_hosts(&mut self, now: Instant) {
        loop {
            let is_due = |host: &Host| host.due.is_some_and(|at| at <= now);
            let Some(first) = self.hosts.values().find(|host| is_due(host)) else { return };
            let most = if first.alone { 1 } else { HOSTS_PER_REQUEST };
            let alone = first.alone;
            let due = self.hosts.iter_mut().filter(|(_, host)| is_due(host) && host.alone == alone).take(most);
            let hosts = due
                .map(|(ip, host)| {
                    host.due = None;
                    *ip
                })
                .collect();
            self.ask(Ask::Permit(hosts), 0, now);
        }
    }

    fn ask_for_channels(&mut self, now: Instant) {
        let mut asks = Vec::new();
        for (peer, channel) in &mut self.channels {
            if channel.due.is_some_and(|at| at <= now) {
                channel.due = None;
                asks.push(Ask::Bind { channel: channel.number, peer: *peer });
            }
        }
        for ask in asks {
            self.ask(ask, 0, now);
        }
    }
}

impl Transaction {
    fn wake(&self) -> Instant {
        self.next.min(self.first_sent + PATIENCE)
    }

    /// The bytes, when it is time to send them again.
    fn again(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.next {
            return None;
        }
        self.next = now + RTO * 2_u32.pow(self.transmissions.min(6));
        self.transmissions += 1;
        self.last_sent = now;
        Some(self.bytes.clone())
    }
}

/// The relayed address that an answer tells, and for how long.
fn allocation(facts: &TurnMessage, ipv6: bool) -> Result<(SocketAddr, Duration), RelayError> {
    let relayed = facts.relayed.ok_or(RelayError::Incomplete("a relayed address"))?;
    let lifetime = facts.lifetime.ok_or(RelayError::Incomplete("a lifetime"))?;
    if relayed.port() == 0 || relayed.ip().is_unspecified() || relayed.ip().is_multicast() || relayed.is_ipv6() != ipv6
    {
        return Err(RelayError::Impossible);
    }
    Ok((relayed, lifetime))
}

/// Servers refuse these hosts, rightly: they would be their own.
fn is_relayable(host: IpAddr) -> bool {
    let is_link_local = match host {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(host.is_unspecified() || host.is_multicast() || is_link_local)
}

#[cfg(test)]
mod tests;
