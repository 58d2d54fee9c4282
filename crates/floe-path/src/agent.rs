//! One `webrtc_ice` agent per base: the only place that names that library, so that another engine can stand beside it.
//!
//! An agent asks for checks, answers the peer's and learns peer-reflexive candidates. It never reaches a socket: its
//! requests become *wishes* that the gate grants or not, its answers go to the [`crate::AgentOutbox`]. It never
//! nominates (its acceptance waits last for years) and never declares a failure (so do its timeouts): both are the
//! gate's business, because an agent's first selection is final and its liveness counts any datagram.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use floe_wire::{BaseId, Generation, IceRole, stun::TransactionId};
use tokio::sync::mpsc;
use webrtc_ice::{
    agent::{Agent, agent_config::AgentConfig},
    candidate::{Candidate, CandidateType, candidate_base::CandidateBaseConfig, candidate_host::CandidateHostConfig},
    mdns::MulticastDnsMode,
    network_type::NetworkType,
    udp_mux::UDPMux,
    udp_network::UDPNetwork,
};
use webrtc_util::{
    Conn,
    vnet::{interface::Interface, net::Net},
};

use crate::path::Credentials;

/// "Never" for timeouts that the library takes as zero = at once, or adds up (so not `Duration::MAX`).
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// The library polls at least this often; asking more often finds nothing sooner, for the gate decides when to send.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// The host candidate comes from a list of one address: it is there within microseconds or never.
const GATHERING_PATIENCE: Duration = Duration::from_secs(2);
/// Closing takes microseconds; an agent that hangs is left behind rather than holding up the hang-up.
const CLOSING_PATIENCE: Duration = Duration::from_millis(500);
/// Datagrams that may wait for one agent; checks come far slower than agents read.
const INBOUND_CAPACITY: usize = 64;
/// Remote addresses one agent is told of: it cannot forget any, so an endless supply must not reach it.
const REMOTE_CAPACITY: usize = 128;

/// One thing an agent wants, on its way through the caller's loop to [`crate::Path::handle_agent`].
#[derive(Debug)]
pub struct AgentSend {
    pub(crate) generation: Generation,
    pub(crate) base: BaseId,
    pub(crate) to: SocketAddr,
    pub(crate) what: Wish,
}

/// What an agent wants to send.
#[derive(Debug)]
pub(crate) enum Wish {
    /// A check; the transaction waits in the agent's [`AgentHandle::take_wish`].
    Check,
    /// An answer to an authentic request, to leave as it is.
    Answer { transaction: TransactionId, bytes: Bytes },
}

/// Why an agent could not be started.
pub(crate) type AgentError = webrtc_ice::Error;

/// A running agent.
pub(crate) struct AgentHandle {
    /// None once closed.
    agent: Option<Arc<Agent>>,
    inbound: mpsc::Sender<(Bytes, SocketAddr)>,
    wishes: Arc<Wishes>,
    remotes: BTreeSet<SocketAddr>,
}

impl AgentHandle {
    /// Starts an agent whose only local candidate is the base at `address`.
    pub(crate) async fn start(
        generation: Generation,
        base: BaseId,
        address: SocketAddr,
        local: &Credentials,
        outbox: mpsc::Sender<AgentSend>,
    ) -> Result<Self, AgentError> {
        let (inbound, receiver) = mpsc::channel(INBOUND_CAPACITY);
        let wishes = Arc::new(Wishes::default());
        let conn = BaseConn {
            generation,
            base,
            address,
            outbox,
            wishes: Arc::clone(&wishes),
            inbound: tokio::sync::Mutex::new(receiver),
        };
        let agent = Agent::new(config(local, address, BaseMux { conn: Arc::new(conn) })?).await?;
        gather(&agent).await?;
        Ok(Self { agent: Some(Arc::new(agent)), inbound, wishes, remotes: BTreeSet::new() })
    }

    /// Gives the agent the peer's credentials; it begins to ask for checks.
    pub(crate) async fn begin(&self, role: IceRole, remote: &Credentials) {
        let Some(agent) = &self.agent else { return };
        let (ufrag, password) = (remote.ufrag.clone(), remote.password.clone());
        // Dialing starts the checks and then waits for a selection. Agents never select, and such a wait outlives
        // even `close`, so it is cancelled beforehand: the sending half of the channel is gone.
        let (_, cancelled) = mpsc::channel(1);
        let outcome = match role {
            IceRole::Controlling => agent.dial(cancelled, ufrag, password).await.map(drop),
            IceRole::Controlled => agent.accept(cancelled, ufrag, password).await.map(drop),
        };
        match outcome {
            Ok(()) | Err(AgentError::ErrCanceledByCaller) => {}
            Err(error) => tracing::warn!(%error, "ICE agent did not start its checks; the gate checks without it"),
        }
    }

    /// Tells the agent of an address of the peer. Relayed and TCP candidates are plain addresses to it: type and
    /// priority that count are the gate's.
    pub(crate) fn add_remote(&mut self, remote: SocketAddr) {
        if !self.knows_or_learns(remote) {
            return;
        }
        let Some(agent) = &self.agent else { return };
        let config = CandidateHostConfig {
            base_config: CandidateBaseConfig {
                network: "udp".to_owned(),
                address: remote.ip().to_string(),
                port: remote.port(),
                component: 1,
                ..CandidateBaseConfig::default()
            },
            ..CandidateHostConfig::default()
        };
        let added = config.new_candidate_host().and_then(|candidate| {
            let candidate: Arc<dyn Candidate + Send + Sync> = Arc::new(candidate);
            agent.add_remote_candidate(&candidate)
        });
        if let Err(error) = added {
            tracing::debug!(%error, "ICE agent refused a remote candidate; the gate checks it without it");
        }
    }

    /// Hands a datagram to the agent; false if it cannot take it, and the caller answers instead.
    pub(crate) fn deliver(&mut self, bytes: Bytes, from: SocketAddr) -> bool {
        self.knows_or_learns(from) && self.inbound.try_send((bytes, from)).is_ok()
    }

    /// The newest transaction the agent wanted to send to `remote`, once.
    pub(crate) fn take_wish(&self, remote: SocketAddr) -> Option<TransactionId> {
        self.wishes.take(remote)
    }

    /// Ends the agent and its tasks.
    pub(crate) async fn close(mut self) {
        if let Some(agent) = self.agent.take() {
            close(agent).await;
        }
    }

    fn knows_or_learns(&mut self, remote: SocketAddr) -> bool {
        self.remotes.contains(&remote) || self.remotes.len() < REMOTE_CAPACITY && self.remotes.insert(remote)
    }
}

impl Drop for AgentHandle {
    /// An agent's tasks hold the agent, so that only closing ends them.
    fn drop(&mut self) {
        if let (Some(agent), Ok(runtime)) = (self.agent.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(close(agent));
        }
    }
}

async fn close(agent: Arc<Agent>) {
    match tokio::time::timeout(CLOSING_PATIENCE, agent.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "ICE agent closed with an error"),
        Err(_) => tracing::warn!("ICE agent did not close in time"),
    }
}

fn config(local: &Credentials, address: SocketAddr, mux: BaseMux) -> Result<AgentConfig, AgentError> {
    let address = Interface::convert(SocketAddr::new(address.ip(), 0), None)?;
    Ok(AgentConfig {
        udp_network: UDPNetwork::Muxed(Arc::new(mux)),
        local_ufrag: local.ufrag.clone(),
        local_pwd: local.password.clone(),
        multicast_dns_mode: MulticastDnsMode::Disabled,
        disconnected_timeout: Some(NEVER),
        failed_timeout: Some(NEVER),
        keepalive_interval: Some(NEVER),
        network_types: vec![NetworkType::Udp4, NetworkType::Udp6],
        candidate_types: vec![CandidateType::Host],
        check_interval: CHECK_INTERVAL,
        // The default of 7 ends a pair for good after 1.6 s, long before a human has pasted the other code.
        max_binding_requests: Some(u16::MAX),
        host_acceptance_min_wait: Some(NEVER),
        srflx_acceptance_min_wait: Some(NEVER),
        prflx_acceptance_min_wait: Some(NEVER),
        relay_acceptance_min_wait: Some(NEVER),
        net: Some(Arc::new(Net::Ifs(vec![Interface::new("base".to_owned(), vec![address])]))),
        include_loopback: true,
        ..AgentConfig::default()
    })
}

/// Waits until the agent has its one local candidate.
async fn gather(agent: &Agent) -> Result<(), AgentError> {
    let (found, mut finding) = mpsc::channel(2);
    agent.on_candidate(Box::new(move |candidate| {
        // A handler that blocks would stall `close`.
        let _ = found.try_send(candidate.is_some());
        Box::pin(async {})
    }));
    agent.gather_candidates()?;
    match tokio::time::timeout(GATHERING_PATIENCE, finding.recv()).await {
        Ok(Some(true)) => Ok(()),
        Ok(Some(false) | None) | Err(_) => Err(AgentError::ErrCandidateIpNotFound),
    }
}

/// The newest transaction per remote address that an agent wants to send.
///
/// Agents repeat every unanswered check five times a second; only the first wish after a release wakes the caller.
/// A mutex, because the agent's own tasks write what the caller's loop reads; it is held for a map access.
#[derive(Default)]
struct Wishes(Mutex<BTreeMap<SocketAddr, TransactionId>>);

impl Wishes {
    /// Keeps the newest; true if there was none.
    fn put(&self, remote: SocketAddr, transaction: TransactionId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(remote, transaction).is_none()
    }

    fn take(&self, remote: SocketAddr) -> Option<TransactionId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&remote)
    }
}

struct BaseMux {
    conn: Arc<BaseConn>,
}

#[async_trait]
impl UDPMux for BaseMux {
    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    async fn get_conn(self: Arc<Self>, _ufrag: &str) -> Result<Arc<dyn Conn + Send + Sync>, webrtc_util::Error> {
        Ok(Arc::clone(&self.conn) as Arc<dyn Conn + Send + Sync>)
    }

    async fn remove_conn_by_ufrag(&self, _ufrag: &str) {}
}

/// What an agent takes for its socket.
struct BaseConn {
    generation: Generation,
    base: BaseId,
    address: SocketAddr,
    outbox: mpsc::Sender<AgentSend>,
    wishes: Arc<Wishes>,
    /// Only the agent's one reading task locks it; `Conn` takes `&self`.
    inbound: tokio::sync::Mutex<mpsc::Receiver<(Bytes, SocketAddr)>>,
}

impl BaseConn {
    /// A full outbox means a stalled caller: the agent asks again, the peer repeats its request.
    fn wish(&self, to: SocketAddr, what: Wish) -> bool {
        self.outbox.try_send(AgentSend { generation: self.generation, base: self.base, to, what }).is_ok()
    }

    fn wish_check(&self, to: SocketAddr, transaction: TransactionId) {
        let is_first = self.wishes.put(to, transaction);
        if is_first && !self.wish(to, Wish::Check) {
            self.wishes.take(to);
        }
    }
}

#[async_trait]
impl Conn for BaseConn {
    async fn connect(&self, _: SocketAddr) -> Result<(), webrtc_util::Error> {
        Err(unsupported())
    }

    async fn recv(&self, _: &mut [u8]) -> Result<usize, webrtc_util::Error> {
        Err(unsupported())
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), webrtc_util::Error> {
        let received = self.inbound.lock().await.recv().await;
        let (bytes, from) = received.ok_or_else(|| webrtc_util::Error::Other("base closed".to_owned()))?;
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok((length, from))
    }

    async fn send(&self, _: &[u8]) -> Result<usize, webrtc_util::Error> {
        Err(unsupported())
    }

    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> Result<usize, webrtc_util::Error> {
        match (bytes.get(..2), transaction(bytes)) {
            (Some([0, 1]), Some(transaction)) => self.wish_check(to, transaction),
            (Some([1, 1]), Some(transaction)) => {
                self.wish(to, Wish::Answer { transaction, bytes: Bytes::copy_from_slice(bytes) });
            }
            _ => {}
        }
        Ok(bytes.len())
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        Ok(self.address)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn std::any::Any + Send + Sync) {
        self
    }
}

fn transaction(stun: &[u8]) -> Option<TransactionId> {
    Some(TransactionId(stun.get(8..20)?.try_into().ok()?))
}

fn unsupported() -> webrtc_util::Error {
    webrtc_util::Error::Other("a base only sends to and receives from addresses".to_owned())
}
