//! One ICE generation: its credentials, its agents, its gate and its connection state.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_wire::{
    BaseId, Candidate, Generation, IceConnectionState, IceRole, Protocol,
    candidate::pair_priority,
    note::{DropKind, RefusalReason},
    stun::{Check, Class, StunMessage, TransactionId, binding_error, binding_success, is_authentic},
};
use tokio::sync::mpsc;

use crate::{
    agent::{AgentHandle, AgentSend, Wish},
    connection::Connection,
    drops::Drops,
    early::{Early, nomination},
    gate::{Admission, Gate, Purpose, Release},
    pair::PairKey,
    path::{Credentials, Liveness, PathBase, PathConfig, PathEvent, PathOutput},
};

/// How long the gate waits for an agent's wish before it checks a new pair without one: a wish comes within
/// microseconds, or with the agent's next round after 200 ms.
const AGENT_HEAD_START: Duration = Duration::from_millis(1);
/// Requests that agents have not answered yet; they answer within microseconds.
const ANSWERING_CAPACITY: usize = 256;
/// Lengths of user fragment and password (RFC 8839 section 5.4).
const UFRAG_LENGTH: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 22..=256;

/// Where decisions go.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) queue: VecDeque<PathOutput>,
    pub(crate) drops: Drops,
}

impl Outputs {
    fn send(&mut self, key: PairKey, bytes: impl Into<Bytes>) {
        self.queue.push_back(PathOutput::Send { base: key.base, to: key.remote, bytes: bytes.into() });
    }

    fn event(&mut self, event: PathEvent) {
        self.queue.push_back(PathOutput::Event(event));
    }
}

/// A generation.
pub(crate) struct GenerationState {
    id: Generation,
    local: Credentials,
    bases: BTreeMap<BaseId, LocalBase>,
    early: Early,
    remote: Option<Remote>,
    connection: Connection,
    /// What was last told.
    told_selected: Option<PairKey>,
    told_liveness: Liveness,
}

struct LocalBase {
    base: PathBase,
    /// None if the library refused; the gate then checks and answers alone.
    agent: Option<AgentHandle>,
}

/// What is known once the peer's code is.
struct Remote {
    credentials: Credentials,
    candidates: BTreeMap<SocketAddr, u32>,
    gate: Gate,
    /// Authentic requests on their way through an agent.
    answering: VecDeque<Answering>,
}

#[derive(Debug, Clone, Copy)]
struct Answering {
    key: PairKey,
    transaction: TransactionId,
    nomination: Option<u32>,
}

impl GenerationState {
    pub(crate) fn new(id: Generation, local: Credentials) -> Self {
        Self {
            id,
            local,
            bases: BTreeMap::new(),
            early: Early::default(),
            remote: None,
            connection: Connection::new(),
            told_selected: None,
            told_liveness: Liveness::Alive,
        }
    }

    pub(crate) fn is_for(&self, ufrag: &str) -> bool {
        self.local.ufrag == ufrag
    }

    pub(crate) fn selected(&self) -> Option<PairKey> {
        self.remote.as_ref()?.gate.selected()
    }

    /// Adds a base with an agent of its own, and pairs it with what is known of the peer.
    pub(crate) async fn add_base(
        &mut self,
        base: PathBase,
        outbox: mpsc::Sender<AgentSend>,
        now: Option<Instant>,
        out: &mut Outputs,
    ) {
        let agent = match AgentHandle::start(self.id, base.id, base.address, &self.local, outbox).await {
            Ok(agent) => Some(agent),
            Err(error) => {
                tracing::warn!(%error, base = %base.id, "ICE agent did not start; the gate checks without it");
                None
            }
        };
        self.bases.insert(base.id, LocalBase { base, agent });
        let (Some(remote), Some(now)) = (&mut self.remote, now) else { return };
        let candidates: Vec<_> = remote.candidates.iter().map(|(address, priority)| (*address, *priority)).collect();
        for (address, priority) in candidates {
            self.pair(base.id, address, priority, now, out);
        }
        self.begin_agent(base.id).await;
    }

    /// Forgets a base and what was paired with it.
    pub(crate) async fn remove_base(&mut self, base: BaseId, now: Instant, out: &mut Outputs) {
        let Some(LocalBase { agent, .. }) = self.bases.remove(&base) else { return };
        if let Some(remote) = &mut self.remote {
            remote.gate.remove_base(base, now);
        }
        if let Some(agent) = agent {
            agent.close().await;
        }
        self.tell(now, out);
    }

    /// Installs the peer's code; checks begin.
    pub(crate) async fn set_remote(
        &mut self,
        role: IceRole,
        credentials: Credentials,
        candidates: &[Candidate],
        config: &PathConfig,
        now: Instant,
        out: &mut Outputs,
    ) {
        if !UFRAG_LENGTH.contains(&credentials.ufrag.len()) || !PASSWORD_LENGTH.contains(&credentials.password.len()) {
            tracing::warn!("remote ICE credentials have a length that RFC 8839 does not allow; not used");
            return;
        }
        // Each generation has a random sequence of its own.
        let seed = config.seed ^ u64::from(self.id.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let gate = Gate::new(role, config.grace, seed);
        let early: Vec<_> = self.early.take(&credentials.ufrag).collect();
        self.remote = Some(Remote { credentials, candidates: BTreeMap::new(), gate, answering: VecDeque::new() });
        self.connection.begin(now);
        out.event(PathEvent::ConnectionChanged { generation: self.id, state: IceConnectionState::Checking });
        for (key, request) in &early {
            self.hear(*key, request.priority, now, out);
        }
        for candidate in candidates {
            self.add_remote_candidate(candidate, now, out);
        }
        if let Some(remote) = &mut self.remote {
            for (key, request) in early {
                remote.gate.on_request_answered(key, request.nomination, now);
                self.connection.on_request(now);
            }
        }
        // The library adds candidates in tasks of its own; letting them run first spares it a round without pairs.
        tokio::task::yield_now().await;
        for base in self.bases.keys().copied().collect::<Vec<_>>() {
            self.begin_agent(base).await;
        }
        self.tell(now, out);
    }

    async fn begin_agent(&mut self, base: BaseId) {
        let (Some(remote), Some(local)) = (&self.remote, self.bases.get_mut(&base)) else { return };
        if let Some(agent) = &mut local.agent {
            agent.begin(remote.gate.role(), &remote.credentials).await;
        }
    }

    /// Pairs a candidate of the peer with every base.
    pub(crate) fn add_remote_candidate(&mut self, candidate: &Candidate, now: Instant, out: &mut Outputs) {
        let Some(remote) = &mut self.remote else { return };
        if candidate.protocol != Protocol::Udp || !is_unicast(candidate.address) {
            out.drops.count(DropKind::Candidates);
            return;
        }
        let known = remote.candidates.entry(candidate.address).or_default();
        *known = (*known).max(candidate.priority);
        let priority = *known;
        if remote.candidates.len() > crate::gate::MAX_PAIRS {
            remote.candidates.remove(&candidate.address);
            out.drops.count(DropKind::Candidates);
            return;
        }
        for base in self.bases.keys().copied().collect::<Vec<_>>() {
            self.pair(base, candidate.address, priority, now, out);
        }
    }

    fn pair(&mut self, base: BaseId, address: SocketAddr, priority: u32, now: Instant, out: &mut Outputs) {
        let (Some(remote), Some(local)) = (&mut self.remote, self.bases.get_mut(&base)) else { return };
        if !can_reach(local.base.address, address) {
            return;
        }
        let priority = priority_of(remote.gate.role(), local.base.priority, priority);
        let head_start = if local.agent.is_some() { AGENT_HEAD_START } else { Duration::ZERO };
        match remote.gate.add(PairKey { base, remote: address }, priority, now + head_start) {
            Admission::Admitted => {}
            Admission::Replaced => out.drops.count(DropKind::Pairs),
            Admission::NoRoom => return out.drops.count(DropKind::Pairs),
        }
        if let Some(agent) = &mut local.agent {
            agent.add_remote(address);
        }
    }

    /// A request for our user fragment.
    pub(crate) fn on_request(
        &mut self,
        key: PairKey,
        message: &StunMessage,
        bytes: Bytes,
        tie_breaker: u64,
        now: Instant,
        out: &mut Outputs,
    ) -> Result<(), RefusalReason> {
        if !is_authentic(&bytes, &self.local.password) {
            return Err(RefusalReason::BadIntegrity);
        }
        if !self.bases.contains_key(&key.base) {
            return Err(RefusalReason::NotOurs);
        }
        let Some(remote) = &self.remote else {
            if self.early.remember(key, message) {
                self.answer(key, &bytes, out);
            } else {
                out.drops.count(DropKind::Candidates);
            }
            return Ok(());
        };
        if message.sender_ufrag() != Some(&remote.credentials.ufrag) {
            return Err(RefusalReason::UnknownUfrag);
        }
        if is_conflict(remote.gate.role(), message) {
            self.refuse_role(key, &bytes, out);
            return Ok(());
        }
        if self.connection.on_request(now) {
            out.event(PathEvent::ConnectionChanged { generation: self.id, state: IceConnectionState::Checking });
        }
        if self.hear(key, message.priority.unwrap_or_default(), now, out) {
            self.pass_request_on(key, message, bytes, tie_breaker, now, out);
        }
        self.tell(now, out);
        Ok(())
    }

    /// Makes sure that the pair of an authentic request is known.
    fn hear(&mut self, key: PairKey, prflx_priority: u32, now: Instant, out: &mut Outputs) -> bool {
        let (Some(remote), Some(local)) = (&mut self.remote, self.bases.get(&key.base)) else { return false };
        let signaled = remote.candidates.get(&key.remote).copied();
        let priority = priority_of(remote.gate.role(), local.base.priority, signaled.unwrap_or(prflx_priority));
        match remote.gate.hear(key, priority, now) {
            Admission::Admitted | Admission::Replaced => true,
            Admission::NoRoom => {
                out.drops.count(DropKind::Candidates);
                false
            }
        }
    }

    /// Lets the agent answer; without one, the answer is ours.
    fn pass_request_on(
        &mut self,
        key: PairKey,
        message: &StunMessage,
        bytes: Bytes,
        tie_breaker: u64,
        now: Instant,
        out: &mut Outputs,
    ) {
        let (Some(remote), Some(local)) = (&mut self.remote, self.bases.get_mut(&key.base)) else { return };
        let nomination = nomination(message);
        let for_agent = match nomination {
            // An agent that sees a nomination selects for good and stops asking for checks.
            Some(_) => Bytes::from(without_nomination(message, &self.local, &remote.credentials, tie_breaker)),
            None => bytes.clone(),
        };
        if local.agent.as_mut().is_some_and(|agent| agent.deliver(for_agent, key.remote)) {
            if remote.answering.len() == ANSWERING_CAPACITY {
                remote.answering.pop_front();
            }
            remote.answering.push_back(Answering { key, transaction: message.transaction, nomination });
        } else {
            remote.gate.on_request_answered(key, nomination, now);
            self.answer(key, &bytes, out);
        }
    }

    fn answer(&self, key: PairKey, request: &[u8], out: &mut Outputs) {
        if let Ok(answer) = binding_success(request, key.remote, Some(&self.local.password)) {
            out.send(key, answer);
        }
    }

    /// Both sides claim one role: the library drops such a request, RFC 8445 section 7.3.1.1 wants it told. The roles
    /// stay as the codes' tie-breakers decided, so that it is always the peer who has to switch.
    fn refuse_role(&self, key: PairKey, request: &[u8], out: &mut Outputs) {
        if let Ok(answer) = binding_error(request, 487, "Role Conflict", Some(&self.local.password)) {
            out.send(key, answer);
        }
        out.event(PathEvent::RoleConflict { generation: self.id, base: key.base, remote: key.remote });
    }

    /// Whether an answer belongs to a request of this generation, and came from where it was sent.
    pub(crate) fn has_asked(&self, key: PairKey, transaction: TransactionId) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.gate.has_asked(key, transaction))
    }

    /// An answer for which [`Self::has_asked`].
    pub(crate) fn on_response(
        &mut self,
        key: PairKey,
        message: &StunMessage,
        bytes: Bytes,
        now: Instant,
        out: &mut Outputs,
    ) -> Result<(), RefusalReason> {
        let Some(remote) = &mut self.remote else { return Err(RefusalReason::UnexpectedResponse) };
        if !is_authentic(&bytes, &remote.credentials.password) {
            return Err(RefusalReason::BadIntegrity);
        }
        if message.class == Class::Error {
            remote.gate.on_error(key, message.transaction);
            if matches!(message.error, Some((487, _))) {
                out.event(PathEvent::RoleConflict { generation: self.id, base: key.base, remote: key.remote });
            }
            return Ok(());
        }
        remote.gate.on_success(key, message.transaction, now);
        if let Some(agent) = self.bases.get_mut(&key.base).and_then(|local| local.agent.as_mut()) {
            // Answers to requests of the gate's own mean nothing to the agent, which ignores them.
            agent.deliver(bytes, key.remote);
        }
        self.tell(now, out);
        Ok(())
    }

    /// An agent wants something.
    pub(crate) fn on_agent(&mut self, send: AgentSend, now: Instant, out: &mut Outputs) {
        let key = PairKey { base: send.base, remote: send.to };
        let Some(remote) = &mut self.remote else { return };
        match send.what {
            Wish::Check => remote.gate.on_wish(now),
            Wish::Answer { transaction, bytes } => {
                out.send(key, bytes);
                let asked = remote.answering.iter().position(|a| a.key == key && a.transaction == transaction);
                if let Some(answering) = asked.and_then(|position| remote.answering.remove(position)) {
                    remote.gate.on_request_answered(key, answering.nomination, now);
                }
                self.tell(now, out);
            }
        }
    }

    pub(crate) fn media_heard(&mut self, key: PairKey, now: Instant, out: &mut Outputs) {
        if let Some(remote) = &mut self.remote {
            remote.gate.on_media(key, now);
            self.tell_liveness(out);
        }
    }

    /// When [`Self::handle_time`] has something to do.
    pub(crate) fn time_at(&self) -> Option<(Instant, &'static str)> {
        let remote = self.remote.as_ref()?;
        let failure = self.connection.deadline(remote.gate.facts()).map(|at| (at, "failure of the connection"));
        remote.gate.time_at().into_iter().chain(failure).min_by_key(|(at, _)| *at)
    }

    /// When a request is due, the pacing aside.
    pub(crate) fn release_at(&self) -> Option<(Instant, &'static str)> {
        self.remote.as_ref()?.gate.release_at()
    }

    pub(crate) fn handle_time(&mut self, now: Instant, out: &mut Outputs) {
        if let Some(remote) = &mut self.remote {
            remote.gate.handle_time(now);
        }
        self.tell(now, out);
    }

    /// Sends the most urgent request that is due; false if none is.
    pub(crate) fn release(&mut self, tie_breaker: u64, now: Instant, out: &mut Outputs) -> bool {
        let Some(remote) = &mut self.remote else { return false };
        let Some(release) = remote.gate.release(now) else { return false };
        let Some(local) = self.bases.get(&release.key.base) else { return false };
        let transaction = transaction(&release, local.agent.as_ref(), &mut remote.gate);
        let check = Check {
            transaction,
            remote_ufrag: &remote.credentials.ufrag,
            local_ufrag: &self.local.ufrag,
            remote_password: &remote.credentials.password,
            priority: local.base.prflx_priority,
            controlling: remote.gate.role() == IceRole::Controlling,
            tie_breaker,
            nomination: release.nomination,
        };
        out.send(release.key, check.encode());
        remote.gate.on_sent(release, transaction, now);
        true
    }

    /// Tells what changed since it was last told.
    fn tell(&mut self, now: Instant, out: &mut Outputs) {
        let Some(remote) = &self.remote else { return };
        let generation = self.id;
        let selected = remote.gate.selected();
        if let Some(PairKey { base, remote }) = selected.filter(|_| selected != self.told_selected) {
            out.event(PathEvent::Selected { generation, base, remote });
        }
        self.told_selected = selected;
        let facts = remote.gate.facts();
        while let Some(state) = self.connection.advance(facts, now) {
            out.event(PathEvent::ConnectionChanged { generation, state });
        }
        self.tell_liveness(out);
    }

    fn tell_liveness(&mut self, out: &mut Outputs) {
        let Some(remote) = &self.remote else { return };
        let liveness = remote.gate.liveness();
        if liveness != self.told_liveness {
            self.told_liveness = liveness;
            out.event(PathEvent::LivenessChanged { generation: self.id, liveness });
        }
    }

    /// Ends all agents.
    pub(crate) async fn close(self) {
        for agent in self.bases.into_values().filter_map(|local| local.agent) {
            agent.close().await;
        }
    }
}

/// Checks keep the agent's own transaction, so that it learns of the answer. The request itself is written anew:
/// agents put a host candidate's PRIORITY and a tie-breaker of their own into theirs.
fn transaction(release: &Release, agent: Option<&AgentHandle>, gate: &mut Gate) -> TransactionId {
    let wish = match release.purpose {
        Purpose::Check => agent.and_then(|agent| agent.take_wish(release.key.remote)),
        Purpose::Nomination | Purpose::Consent => None,
    };
    wish.unwrap_or_else(|| gate.transaction())
}

/// The peer's request as it would be without USE-CANDIDATE.
fn without_nomination(message: &StunMessage, local: &Credentials, remote: &Credentials, tie_breaker: u64) -> Vec<u8> {
    let request = Check {
        transaction: message.transaction,
        remote_ufrag: &local.ufrag,
        local_ufrag: &remote.ufrag,
        remote_password: &local.password,
        priority: message.priority.unwrap_or_default(),
        controlling: message.controlled.is_none(),
        tie_breaker: message.controlling.or(message.controlled).unwrap_or(tie_breaker),
        nomination: None,
    };
    request.encode()
}

/// Whether the peer claims our role (RFC 8445 section 7.3.1.1), or nominates although we do.
fn is_conflict(ours: IceRole, message: &StunMessage) -> bool {
    match ours {
        IceRole::Controlling => message.controlling.is_some() || message.use_candidate,
        IceRole::Controlled => message.controlled.is_some(),
    }
}

fn priority_of(role: IceRole, local: u32, remote: u32) -> u64 {
    match role {
        IceRole::Controlling => pair_priority(local, remote),
        IceRole::Controlled => pair_priority(remote, local),
    }
}

/// Same address family; loopback only with loopback, for the system sends nothing else from there.
fn can_reach(local: SocketAddr, remote: SocketAddr) -> bool {
    local.is_ipv4() == remote.is_ipv4() && local.ip().is_loopback() == remote.ip().is_loopback()
}

/// Addresses that checks may be sent to: a code must not make us send to groups.
fn is_unicast(address: SocketAddr) -> bool {
    let is_broadcast = matches!(address.ip(), IpAddr::V4(ip) if ip.is_broadcast());
    address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast() && !is_broadcast
}
