//! One ICE generation: its credentials, its agents, its gate and its connection state.

mod inbound;
mod role;

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_wire::{
    BaseId, Candidate, CandidateType, Generation, IceConnectionState, IceRole, Protocol, TcpType,
    note::DropKind,
    stun::{Check, TransactionId},
};
use tokio::sync::mpsc;

use crate::{
    agent::{AgentHandle, AgentSend},
    connection::Connection,
    drops::Drops,
    early::Early,
    gate::{Admission, Gate, Measure, Purpose, Release, Waiting},
    pair::{Foundation, PairKey, Rank, Verdict},
    path::{Credentials, Liveness, PathBase, PathConfig, PathEvent, PathOutput},
};

/// How long the gate waits for an agent's wish before it checks new pairs without one: a wish comes within microseconds,
/// or with the agent's next round after 200 ms. Pairs that no agent wishes for wait as well, or they would all go before
/// better ones.
const AGENT_HEAD_START: Duration = Duration::from_millis(1);
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
    /// What people and measurements say about pairs.
    verdicts: BTreeMap<PairKey, Verdict>,
    told: Told,
}

/// What was last told.
struct Told {
    selected: Option<PairKey>,
    liveness: Liveness,
    is_waiting: bool,
    standby: Vec<PairKey>,
}

struct LocalBase {
    base: PathBase,
    /// None over TCP, which the library does not speak, if it refused, or once all was in vain; the gate then checks and
    /// answers alone.
    agent: Option<AgentHandle>,
    /// What the agent takes itself for: it cannot change its role.
    agent_role: Option<IceRole>,
}

/// What is known once the peer's code is.
struct Remote {
    credentials: Credentials,
    /// By role over TCP, and by address.
    candidates: BTreeMap<(Option<TcpType>, SocketAddr), RemoteCandidate>,
    gate: Gate,
    /// Authentic requests on their way through an agent.
    answering: VecDeque<Answering>,
}

/// What counts of a signaled candidate.
#[derive(Debug, Clone)]
struct RemoteCandidate {
    priority: u32,
    /// The peer itself told of it; otherwise it was met there once, and its checks know their priority better.
    is_told: bool,
    foundation: Arc<str>,
}

#[derive(Debug, Clone, Copy)]
struct Answering {
    key: PairKey,
    transaction: TransactionId,
    nomination: Option<u32>,
}

impl GenerationState {
    pub(crate) fn new(id: Generation, local: Credentials, verdicts: BTreeMap<PairKey, Verdict>) -> Self {
        Self {
            id,
            local,
            bases: BTreeMap::new(),
            early: Early::default(),
            remote: None,
            connection: Connection::new(),
            verdicts,
            told: Told { selected: None, liveness: Liveness::Alive, is_waiting: false, standby: Vec::new() },
        }
    }

    pub(crate) fn is_for(&self, ufrag: &str) -> bool {
        self.local.ufrag == ufrag
    }

    pub(crate) fn selected(&self) -> Option<PairKey> {
        self.remote.as_ref()?.gate.selected()
    }

    pub(crate) fn knows(&self, key: PairKey) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.gate.knows(key))
    }

    pub(crate) fn standby(&self) -> Vec<PairKey> {
        self.remote.as_ref().map(|remote| remote.gate.standby()).unwrap_or_default()
    }

    /// What was measured on the pairs that may be used, best first.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        self.remote.as_ref().map(|remote| remote.gate.measures()).unwrap_or_default()
    }

    /// Asks a pair that works for one more answer.
    pub(crate) fn ask(&mut self, key: PairKey, now: Instant) {
        if let Some(remote) = &mut self.remote {
            remote.gate.ask(key, now);
        }
    }

    /// Takes a verdict on a pair, known or not yet.
    pub(crate) fn judge(&mut self, key: PairKey, verdict: Verdict, now: Instant, out: &mut Outputs) {
        if verdict == Verdict::Neutral {
            self.verdicts.remove(&key);
        } else {
            self.verdicts.insert(key, verdict);
        }
        if let Some(remote) = &mut self.remote {
            remote.gate.judge(key, verdict, now);
        }
        self.tell(now, out);
    }

    /// Adds a base with an agent of its own, and pairs it with what is known of the peer.
    pub(crate) async fn add_base(
        &mut self,
        base: PathBase,
        outbox: mpsc::Sender<AgentSend>,
        now: Option<Instant>,
        out: &mut Outputs,
    ) {
        let agent = match base.tcp_type {
            None => self.start_agent(&base, outbox).await,
            Some(_) => None,
        };
        self.bases.insert(base.id, LocalBase { base, agent, agent_role: None });
        let (Some(remote), Some(now)) = (&mut self.remote, now) else { return };
        let candidates: Vec<_> = remote.candidates.iter().map(|(told, known)| (*told, known.clone())).collect();
        for (told, candidate) in candidates {
            self.pair(base.id, told, &candidate, now, out);
        }
        self.begin_agent(base.id).await;
    }

    async fn start_agent(&self, base: &PathBase, outbox: mpsc::Sender<AgentSend>) -> Option<AgentHandle> {
        match AgentHandle::start(self.id, base.id, base.address, &self.local, outbox).await {
            Ok(agent) => Some(agent),
            Err(error) => {
                tracing::warn!(%error, base = %base.id, "ICE agent did not start; the gate checks without it");
                None
            }
        }
    }

    /// Forgets bases and what was paired with them. Their agents end in their own time: media waits for nobody.
    pub(crate) fn remove_bases(&mut self, gone: &[BaseId], now: Instant, out: &mut Outputs) {
        let before = self.bases.len();
        self.bases.retain(|base, _| !gone.contains(base));
        if self.bases.len() == before {
            return;
        }
        if let Some(remote) = &mut self.remote {
            remote.gate.remove_bases(gone, now);
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
            local.agent_role = Some(remote.gate.role());
            agent.begin(remote.gate.role(), &remote.credentials).await;
        }
    }

    /// Pairs a candidate of the peer with every base.
    pub(crate) fn add_remote_candidate(&mut self, candidate: &Candidate, now: Instant, out: &mut Outputs) {
        let Some(remote) = &mut self.remote else { return };
        let has_role = (candidate.protocol == Protocol::Tcp) == candidate.tcp_type.is_some();
        if !has_role || !is_unicast(candidate.address) {
            out.drops.count(DropKind::Candidates);
            return;
        }
        let told = RemoteCandidate {
            priority: worth(candidate.priority),
            is_told: candidate.candidate_type != CandidateType::PeerReflexive,
            foundation: candidate.foundation.as_str().into(),
        };
        let key = (candidate.tcp_type, candidate.address);
        let known = remote.candidates.entry(key).or_insert_with(|| told.clone());
        if (known.is_told, known.priority) < (told.is_told, told.priority) {
            // A redundant candidate is pruned (RFC 8445 section 6.1.2.4); the better one of the two stays.
            *known = told;
        }
        let known = known.clone();
        if remote.candidates.len() > crate::gate::MAX_PAIRS {
            out.drops.count(DropKind::Candidates);
            let worst = remote.candidates.iter().min_by_key(|(key, known)| (known.priority, **key));
            let worst = worst.map(|(key, _)| *key);
            worst.and_then(|key| remote.candidates.remove(&key));
            if worst == Some(key) {
                return;
            }
        }
        for base in self.bases.keys().copied().collect::<Vec<_>>() {
            self.pair(base, key, &known, now, out);
        }
    }

    fn pair(
        &mut self,
        base: BaseId,
        (tcp_type, address): (Option<TcpType>, SocketAddr),
        candidate: &RemoteCandidate,
        now: Instant,
        out: &mut Outputs,
    ) {
        let (Some(remote), Some(local)) = (&mut self.remote, self.bases.get_mut(&base)) else { return };
        let does_dial = match (local.base.tcp_type, tcp_type) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => ours.reaches(theirs),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !does_dial || !can_reach(local.base.address, address) {
            return;
        }
        if tcp_type.is_some() {
            remote.gate.dials_from(base);
        }
        let key = PairKey { base, remote: address };
        let rank = Rank { local: local.base.priority, remote: candidate.priority };
        let foundation = Foundation { local: local.base.address.ip(), remote: Arc::clone(&candidate.foundation) };
        match remote.gate.add(key, rank, foundation, now + AGENT_HEAD_START) {
            Admission::Admitted => {}
            Admission::Replaced => out.drops.count(DropKind::Pairs),
            Admission::NoRoom => return out.drops.count(DropKind::Pairs),
        }
        if let Some(verdict) = self.verdicts.get(&key) {
            remote.gate.judge(key, *verdict, now);
        }
        if let Some(agent) = &mut local.agent {
            agent.add_remote(address);
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
        let gate = &remote.gate;
        let selected = gate.selected();
        let waiting = remote.gate.waiting();
        if let Some(Waiting { best, hope }) = waiting.filter(|_| !self.told.is_waiting) {
            out.event(PathEvent::Waiting {
                generation,
                base: best.base,
                remote: best.remote,
                better: (hope.better.base, hope.better.remote),
                wait: hope.until.saturating_duration_since(now),
            });
        }
        self.told.is_waiting = waiting.is_some();
        if let Some(PairKey { base, remote }) = selected.filter(|_| selected != self.told.selected) {
            out.event(PathEvent::Selected { generation, base, remote, moved: gate.moved() });
        }
        self.told.selected = selected;
        let standby = if selected.is_some() { remote.gate.standby() } else { Vec::new() };
        if standby != self.told.standby {
            let pairs = standby.iter().map(|key| (key.base, key.remote)).collect();
            out.event(PathEvent::StandbyChanged { generation, pairs });
            self.told.standby = standby;
        }
        let facts = remote.gate.facts();
        while let Some(state) = self.connection.advance(facts, now) {
            out.event(PathEvent::ConnectionChanged { generation, state });
            if state == IceConnectionState::Failed {
                self.dismiss_agents();
            }
        }
        self.tell_liveness(out);
    }

    /// Agents go through their pairs five times a second, and nothing makes them slower. Where all was in vain somebody is
    /// waited for, maybe for long: the gate does that alone, with a wake for each check.
    fn dismiss_agents(&mut self) {
        for local in self.bases.values_mut() {
            (local.agent, local.agent_role) = (None, None);
        }
    }

    fn tell_liveness(&mut self, out: &mut Outputs) {
        let Some(remote) = &self.remote else { return };
        let liveness = remote.gate.liveness();
        if liveness != self.told.liveness {
            self.told.liveness = liveness;
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

/// The priority of a peer-reflexive candidate, as it counts beside the candidates that the peer tells.
///
/// By its type preference alone (RFC 8445 section 7.3.1.3) the new mobile network of a peer would go before the Wi-Fi in
/// use, just because no server has told yet where it is seen. So it comes right before the server-reflexive one of its
/// base: which of the peer's networks is better, its local preference tells.
fn worth(prflx_priority: u32) -> u32 {
    const LOCAL: u32 = 0x00FF_FFFF;
    let is_learned = prflx_priority >> 24 == u32::from(CandidateType::PeerReflexive.preference());
    let reflexive = u32::from(CandidateType::ServerReflexive.preference()) << 24;
    if is_learned { reflexive + (prflx_priority & LOCAL) + 1 } else { prflx_priority }
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

/// Same address family; loopback only with loopback, for the system sends nothing else from there.
fn can_reach(local: SocketAddr, remote: SocketAddr) -> bool {
    local.is_ipv4() == remote.is_ipv4() && local.ip().is_loopback() == remote.ip().is_loopback()
}

/// Addresses that checks may be sent to: a code must not make us send to groups.
fn is_unicast(address: SocketAddr) -> bool {
    let is_broadcast = matches!(address.ip(), IpAddr::V4(ip) if ip.is_broadcast());
    address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast() && !is_broadcast
}

#[cfg(test)]
mod tests {
    use floe_wire::candidate::priority;

    use super::*;

    #[test]
    fn a_learned_address_is_worth_a_little_more_than_a_told_one_of_the_same_network_only() {
        use CandidateType::{Host, PeerReflexive, ServerReflexive};
        let (wifi, mobile) = (50_000, 40_000);
        let learned = |preference| worth(priority(PeerReflexive, preference));
        assert!(learned(mobile) > priority(ServerReflexive, mobile));
        assert!(learned(mobile) < priority(ServerReflexive, wifi));
        assert!(learned(u16::MAX) > learned(wifi) && learned(u16::MAX) < priority(Host, mobile));
        assert_eq!(worth(priority(CandidateType::Relayed, wifi)), priority(CandidateType::Relayed, wifi));
    }
}
