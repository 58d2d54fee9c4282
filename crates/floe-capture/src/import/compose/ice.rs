//! Notes that STUN on the wire allows: credentials, candidates, roles, connection states, servers' answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use floe_wire::{
    BaseId, Candidate, CandidateType, Direction, Generation, IceConnectionState, IceRole, Note, PacketKind, Protocol,
    Stamp, classify,
    stun::{Class, METHOD_BINDING, StunMessage, TransactionId},
    turn::{Method, TurnMessage},
};

use super::{Composer, Role, Seen, bases::tcp_type};
use crate::import::checks::{FragmentsId, Grouped};

/// Exchanges that wait for an answer; beyond that all are forgotten, which only a flood reaches.
const ASKED_KEPT: usize = 1 << 16;

/// Checking is not called failed before (RFC 8863 section 4).
const PATIENCE: Duration = Duration::from_millis(39_500);

/// The part of a priority that a check and its candidate have in common.
const BELOW_TYPE: u32 = 0x00FF_FFFF;

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Ice {
    generations: BTreeMap<FragmentsId, Generation>,
    names: Vec<[String; 2]>,
    us: usize,
    /// The newest generation seen.
    pub current: Generation,
    told: BTreeSet<Generation>,
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
    pub fn of(session: Option<&Grouped>, us: usize) -> Self {
        let mut ice = Self { us, ..Self::default() };
        for (number, generation) in (0..).zip(session.iter().flat_map(|session| &session.generations)) {
            ice.generations.insert(generation.fragments, Generation(number));
            ice.names.push(generation.names.clone());
        }
        ice
    }

    pub fn generation_of(&self, fragments: FragmentsId) -> Option<Generation> {
        self.generations.get(&fragments).copied()
    }
}

impl Composer {
    pub(super) fn before_packet(&mut self, seen: &Seen, bytes: &[u8], generation: Option<Generation>) {
        if let Some(generation) = generation {
            self.tell_credentials(generation);
        }
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
            PacketKind::Stun if seen.role == Role::Client => {
                self.on_turn(seen, bytes);
                self.on_answer(seen, bytes);
            }
            PacketKind::Stun | PacketKind::ChannelData => self.on_answer(seen, bytes),
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

    fn tell_credentials(&mut self, generation: Generation) {
        self.ice.current = self.ice.current.max(generation);
        if !self.ice.told.insert(generation) {
            return;
        }
        let Some(names) = self.ice.names.get(generation.0 as usize).cloned() else { return };
        let us = self.ice.us;
        self.note(Note::LocalCredentials { generation, ufrag: names[us].clone() });
        self.note(Note::RemoteCredentials { generation, ufrag: names[1 - us].clone() });
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
        let below = checked_with.unwrap_or(BELOW_TYPE) & BELOW_TYPE;
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
            priority: u32::from(candidate_type.preference()) << 24 | below,
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
            generation: generation.unwrap_or(self.ice.current),
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
        if mapped == local || !self.ice.local.insert((generation, base, mapped)) {
            return;
        }
        let candidate = Candidate {
            candidate_type: CandidateType::ServerReflexive,
            protocol: Protocol::Udp,
            tcp_type: None,
            address: mapped,
            priority: floe_wire::candidate::priority(CandidateType::ServerReflexive, u16::MAX),
            foundation: format!("srflx-{}", mapped.ip()),
            related_address: Some(local),
        };
        self.note(Note::LocalCandidate { generation, base, candidate, server: Some(server) });
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
