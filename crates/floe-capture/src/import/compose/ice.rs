//! Notes that STUN on the wire allows: credentials, candidates, roles, connection states, servers' answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use floe_wire::{
    BaseId, Candidate, CandidateType, Direction, Generation, IceConnectionState, IceRole, Note, PacketKind, Protocol,
    Stamp, classify,
    peer::RestartCause,
    stun::{Class, METHOD_BINDING, StunMessage, TransactionId},
    turn::{Method, TurnMessage},
};

use super::{Composer, Role, Seen, bases::tcp_type};
use crate::import::{
    checks::{Checks, FragmentsId, Grouped},
    flows::Flows,
};

/// Exchanges that wait for an answer; beyond that all are forgotten, which only a flood reaches.
const ASKED_KEPT: usize = 1 << 16;

/// Checking is not called failed before (RFC 8863 section 4).
const PATIENCE: Duration = Duration::from_millis(39_500);

/// The part of a priority that a check and its candidate have in common.
const BELOW_TYPE: u32 = 0x00FF_FFFF;

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Ice {
    fragments: BTreeMap<FragmentsId, Fragments>,
    /// What checks say about each socket of ours.
    sockets: BTreeMap<SocketAddr, Socket>,
    /// The newest generation seen.
    pub current: Generation,
    told: BTreeSet<(bool, String)>,
    checking: BTreeMap<Generation, Stamp>,
    connected: BTreeSet<Generation>,
    selected_in: BTreeSet<Generation>,
    local: BTreeSet<(Generation, BaseId, SocketAddr)>,
    remote: BTreeSet<(Generation, Protocol, SocketAddr)>,
    role: Option<IceRole>,
    asked: BTreeMap<(TransactionId, bool), Asked>,
    servers: BTreeMap<(BaseId, SocketAddr), bool>,
    /// The newest generation of each pair.
    pub pairs: BTreeMap<(BaseId, SocketAddr), Generation>,
}

/// A pair of user fragments, seen from us. A generation of ours is a user fragment of ours: while ICE restarts, our new
/// one may meet the peer's old one.
#[derive(Debug, Clone)]
struct Fragments {
    ours: (Generation, String),
    theirs: (Generation, String),
}

/// A socket of ours that checks.
#[derive(Debug, Clone, Copy)]
struct Socket {
    /// The first generation that it checks for.
    generation: Generation,
    /// The PRIORITY of its checks.
    priority: Option<u32>,
}

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Stamp,
    generation: Generation,
    base: BaseId,
    local: SocketAddr,
    remote: SocketAddr,
    nominates: bool,
    is_check: bool,
    is_repeated: bool,
}

/// A STUN message and the pair it goes over, which may be inside a relay's.
struct Inside<'a> {
    message: StunMessage,
    base: BaseId,
    local: SocketAddr,
    remote: SocketAddr,
    protocol: Protocol,
    seen: &'a Seen,
    priorities: [Option<u32>; 2],
}

impl Ice {
    pub fn of(session: Option<&Grouped>, us: usize, flows: &Flows, checks: &Checks) -> Self {
        let mut ice = Self::default();
        let mut names: [Vec<&str>; 2] = Default::default();
        let Some(session) = session else { return ice };
        for generated in &session.generations {
            let [ours, theirs] = [us, 1 - us].map(|side| {
                let name = &generated.names[side][..];
                let number = names[side].iter().position(|known| *known == name).unwrap_or_else(|| {
                    names[side].push(name);
                    names[side].len() - 1
                });
                (Generation(u32::try_from(number).unwrap_or(u32::MAX)), name.to_owned())
            });
            for flow in &generated.flows {
                let we_are_a = session.flows.get(flow).copied().unwrap_or_default() == (us == 0);
                let local = flows.get(*flow).ends(we_are_a).0;
                let new = Socket { generation: ours.0, priority: None };
                let socket = ice.sockets.entry(local).or_insert(new);
                socket.priority = socket.priority.or_else(|| checks.priority(*flow, we_are_a));
            }
            ice.fragments.insert(generated.fragments, Fragments { ours, theirs });
        }
        ice
    }

    /// The generation that a socket of ours was opened for.
    pub fn generation_at(&self, socket: SocketAddr) -> Generation {
        self.sockets.get(&socket).map_or(self.current, |socket| socket.generation)
    }
}

/// The priority of a candidate, from the PRIORITY of checks from its base: only the type preference differs.
fn priority_like(candidate_type: CandidateType, checked_with: Option<u32>) -> u32 {
    u32::from(candidate_type.preference()) << 24 | (checked_with.unwrap_or(BELOW_TYPE) & BELOW_TYPE)
}

impl Composer {
    pub(super) fn before_packet(&mut self, seen: &Seen, bytes: &[u8], fragments: Option<FragmentsId>) {
        let fragments = fragments.and_then(|fragments| self.ice.fragments.get(&fragments).cloned());
        let generation = fragments.map(|fragments| self.tell_credentials(fragments));
        let Some(inside) = self.look_inside(seen, bytes) else { return };
        if inside.message.class != Class::Request || inside.message.method != METHOD_BINDING {
            return;
        }
        match generation {
            Some(generation) => self.on_check(&inside, generation),
            None if inside.message.username.is_none() && seen.direction == Direction::Outbound => {
                self.ice.servers.entry((inside.base, inside.remote)).or_insert(false);
                self.remember(&inside, None);
            }
            None => {}
        }
    }

    pub(super) fn after_packet(&mut self, seen: &Seen, bytes: &[u8]) {
        match classify(bytes) {
            PacketKind::Dtls => self.on_handshake(seen.direction, bytes),
            PacketKind::Stun | PacketKind::ChannelData => {
                if seen.role == Role::Client {
                    self.on_turn(seen, bytes);
                    self.on_relayed_handshake(seen, bytes);
                }
                self.on_answer(seen, bytes);
            }
            PacketKind::Rtp | PacketKind::Rtcp | PacketKind::Unknown => {}
        }
    }

    /// The message that a packet is, or that a relay carries in it.
    fn look_inside<'a>(&mut self, seen: &'a Seen, bytes: &[u8]) -> Option<Inside<'a>> {
        if seen.role != Role::Client {
            if classify(bytes) != PacketKind::Stun {
                return None;
            }
            let message = StunMessage::decode(bytes).ok()?;
            let flow = self.flow(seen.flow);
            let we_are_a = flow.a == seen.local;
            let protocol = flow.protocol;
            let priorities = [we_are_a, !we_are_a].map(|from_a| self.collector.checks.priority(seen.flow, from_a));
            let Seen { base, local, remote, .. } = *seen;
            return Some(Inside { message, base, local, remote, protocol, seen, priorities });
        }
        let inner = self.bases.unwrap(seen.flow, seen.direction, bytes)?;
        let message = bytes.get(inner.range).filter(|inner| classify(inner) == PacketKind::Stun)?;
        let message = StunMessage::decode(message).ok()?;
        let (base, local) = self.relay_for(seen.flow, seen.base, seen.remote, inner.peer);
        let priorities = match self.collector.flows.find(Protocol::Udp, local, inner.peer) {
            Some((flow, we_are_a)) => [we_are_a, !we_are_a].map(|from_a| self.collector.checks.priority(flow, from_a)),
            None => [None, None],
        };
        Some(Inside { message, base, local, remote: inner.peer, protocol: Protocol::Udp, seen, priorities })
    }

    fn tell_credentials(&mut self, fragments: Fragments) -> Generation {
        let Fragments { ours: (generation, ours), theirs: (their_generation, theirs) } = fragments;
        self.ice.current = self.ice.current.max(generation);
        if self.ice.told.insert((true, ours.clone())) {
            if generation > Generation(0) {
                self.note(Note::RestartStarted { generation, cause: RestartCause::Untold });
            }
            self.note(Note::LocalCredentials { generation, ufrag: ours });
        }
        if self.ice.told.insert((false, theirs.clone())) {
            self.note(Note::RemoteCredentials { generation: their_generation, ufrag: theirs });
        }
        generation
    }

    fn on_check(&mut self, inside: &Inside<'_>, generation: Generation) {
        let is_ours = inside.seen.direction == Direction::Outbound;
        self.tell_role(&inside.message, is_ours);
        self.ice.pairs.insert((inside.base, inside.remote), generation);
        if is_ours {
            self.tell_local(inside, generation);
        }
        self.tell_remote(inside, generation);
        if is_ours && !self.ice.checking.contains_key(&generation) {
            self.ice.checking.insert(generation, self.at);
            self.note(Note::IceConnectionChanged { generation, state: IceConnectionState::Checking });
        }
        self.remember(inside, Some(generation));
    }

    fn tell_role(&mut self, message: &StunMessage, is_ours: bool) {
        let sender = match (message.controlling, message.controlled) {
            (Some(_), _) => IceRole::Controlling,
            (None, Some(_)) => IceRole::Controlled,
            (None, None) => return,
        };
        let role = match (is_ours, sender) {
            (true, role) => role,
            (false, _) if self.ice.role.is_some() => return,
            (false, IceRole::Controlling) => IceRole::Controlled,
            (false, IceRole::Controlled) => IceRole::Controlling,
        };
        if self.ice.role != Some(role) {
            self.ice.role = Some(role);
            self.note(Note::RoleDecided { role });
        }
    }

    fn tell_local(&mut self, inside: &Inside<'_>, generation: Generation) {
        let (base, address) = (inside.base, inside.local);
        let is_relayed = inside.seen.role == Role::Client;
        if is_relayed || !self.ice.local.insert((generation, base, address)) {
            return;
        }
        let candidate = self.candidate(CandidateType::Host, inside, address, inside.priorities[0]);
        self.note(Note::LocalCandidate { generation, base, candidate, server: None });
    }

    fn tell_remote(&mut self, inside: &Inside<'_>, generation: Generation) {
        if self.ice.remote.insert((generation, inside.protocol, inside.remote)) {
            let candidate = self.candidate(CandidateType::PeerReflexive, inside, inside.remote, inside.priorities[1]);
            self.note(Note::RemoteCandidate { generation, candidate });
        }
    }

    fn candidate(
        &self,
        candidate_type: CandidateType,
        inside: &Inside<'_>,
        address: SocketAddr,
        checked_with: Option<u32>,
    ) -> Candidate {
        let we_opened = {
            let flow = self.flow(inside.seen.flow);
            flow.a_opened.map(|a_opened| a_opened == (flow.a == inside.seen.local))
        };
        let opened = if address == inside.local { we_opened } else { we_opened.map(|opened| !opened) };
        Candidate {
            candidate_type,
            protocol: inside.protocol,
            tcp_type: (inside.protocol == Protocol::Tcp).then(|| tcp_type(opened)),
            address,
            priority: priority_like(candidate_type, checked_with),
            foundation: format!("{candidate_type}-{}", address.ip()),
            related_address: None,
        }
    }

    fn remember(&mut self, inside: &Inside<'_>, generation: Option<Generation>) {
        if self.ice.asked.len() >= ASKED_KEPT {
            self.ice.asked.clear();
        }
        let key = (inside.message.transaction, inside.seen.direction == Direction::Outbound);
        let Inside { base, local, remote, .. } = *inside;
        let asked = Asked {
            at: self.at,
            generation: generation.unwrap_or_else(|| self.ice.generation_at(local)),
            base,
            local,
            remote,
            nominates: inside.message.use_candidate,
            is_check: generation.is_some(),
            is_repeated: false,
        };
        let known = self.ice.asked.entry(key).or_insert(asked);
        known.is_repeated |= known.at != self.at;
    }

    fn on_answer(&mut self, seen: &Seen, bytes: &[u8]) {
        let Some(inside) = self.look_inside(seen, bytes) else { return };
        if inside.message.method != METHOD_BINDING || inside.message.class != Class::Success {
            return;
        }
        let is_ours = seen.direction == Direction::Outbound;
        let Some(asked) = self.ice.asked.remove(&(inside.message.transaction, !is_ours)) else { return };
        if (asked.base, asked.remote) != (inside.base, inside.remote) {
            return;
        }
        if !asked.is_check {
            return self.on_server_answer(&asked, inside.message.mapped);
        }
        let Asked { generation, base, remote, nominates, .. } = asked;
        if !is_ours && self.ice.connected.insert(generation) {
            self.note(Note::IceConnectionChanged { generation, state: IceConnectionState::Connected });
        }
        // Media says more about what is used; this is for captures without media.
        if nominates && self.ice.selected_in.insert(generation) {
            self.select(generation, base, remote);
        }
    }

    fn on_server_answer(&mut self, asked: &Asked, mapped: Option<SocketAddr>) {
        let Some(mapped) = mapped else { return };
        let Asked { base, remote, local, generation, .. } = *asked;
        self.ice.servers.insert((base, remote), true);
        let server = format!("stun:{remote}");
        let rtt = self.at.since(asked.at);
        if !asked.is_repeated {
            self.note(Note::ServerAnswered { server: server.clone(), base, mapped, rtt });
        }
        // A socket that asks and never checks need not be a candidate: browsers ask so where only relays may be used.
        if !self.ice.sockets.is_empty() && !self.ice.sockets.contains_key(&local) {
            return;
        }
        // The base of a reflexive candidate is a host candidate (RFC 8445 section 5.1.1.2).
        self.tell_gathered(generation, base, local, None);
        self.tell_gathered(generation, base, mapped, Some((local, server)));
    }

    /// A candidate that shows before its first check.
    fn tell_gathered(
        &mut self,
        generation: Generation,
        base: BaseId,
        address: SocketAddr,
        seen_by: Option<(SocketAddr, String)>,
    ) {
        if !self.ice.local.insert((generation, base, address)) {
            return;
        }
        let (related_address, server) = seen_by.unzip();
        let socket = related_address.unwrap_or(address);
        let candidate_type =
            if related_address.is_some() { CandidateType::ServerReflexive } else { CandidateType::Host };
        let candidate = Candidate {
            candidate_type,
            protocol: Protocol::Udp,
            tcp_type: None,
            address,
            priority: self.priority_at(candidate_type, socket),
            foundation: format!("{candidate_type}-{}", address.ip()),
            related_address,
        };
        self.note(Note::LocalCandidate { generation, base, candidate, server });
    }

    /// The PRIORITY of checks from an address of ours, in the candidate of this type that it is.
    pub(super) fn priority_at(&self, candidate_type: CandidateType, address: SocketAddr) -> u32 {
        priority_like(candidate_type, self.ice.sockets.get(&address).and_then(|socket| socket.priority))
    }

    fn on_relayed_handshake(&mut self, seen: &Seen, bytes: &[u8]) {
        let inner = self.bases.unwrap(seen.flow, seen.direction, bytes).and_then(|inner| bytes.get(inner.range));
        if let Some(inner) = inner.filter(|inner| classify(inner) == PacketKind::Dtls) {
            self.on_handshake(seen.direction, inner);
        }
    }

    fn on_turn(&mut self, seen: &Seen, bytes: &[u8]) {
        let Ok(message) = TurnMessage::decode(bytes) else { return };
        if let (Method::Allocate, Class::Success, Some(relayed)) = (message.method, message.class, message.relayed) {
            self.on_allocated(seen.flow, seen.base, seen.remote, relayed);
        }
    }

    /// Servers that never answered.
    pub(super) fn conclude_servers(&mut self) {
        let silent = self.ice.servers.iter().filter(|(_, answered)| !**answered).map(|(asked, _)| *asked);
        let at = self.at;
        for (base, remote) in silent.collect::<Vec<_>>() {
            let error = "the capture holds no answer".to_owned();
            self.insert(at, Note::ServerFailed { server: format!("stun:{remote}"), base: Some(base), error });
        }
    }

    /// Generations that were checked in vain for as long as an agent has to be patient.
    pub(super) fn conclude_checks(&mut self) {
        let end = self.stamp(self.collector.last);
        let vain = self.ice.checking.iter().filter(|(generation, _)| !self.ice.connected.contains(generation));
        let failed: Vec<_> = vain.map(|(generation, since)| (*generation, *since + PATIENCE)).collect();
        for (generation, at) in failed.into_iter().filter(|(_, at)| *at <= end) {
            self.insert(at, Note::IceConnectionChanged { generation, state: IceConnectionState::Failed });
        }
    }
}
