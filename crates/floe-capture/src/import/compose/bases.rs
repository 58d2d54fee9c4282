//! Bases: places of ours that packets leave from, opened when their first packet is seen.

use std::{collections::BTreeMap, net::SocketAddr};

use floe_wire::{
    BaseId, BaseKind, Candidate, CandidateType, Direction, Note, Protocol, RelayProtocol, TcpType,
    turn::{Unwrapped, Unwrapper},
};

use super::{Composer, FlowId, Role, UNNAMED};

/// What makes two bases the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Socket(Protocol, SocketAddr),
    Client(FlowId),
    Relay(FlowId, SocketAddr),
}

/// Every base opened so far.
#[derive(Debug, Default)]
pub(super) struct Bases {
    ids: BTreeMap<Key, BaseId>,
    interfaces: BTreeMap<u32, String>,
    clients: BTreeMap<FlowId, Unwrapper>,
}

impl Bases {
    pub fn name_interface(&mut self, interface: u32, name: String) {
        self.interfaces.insert(interface, name);
    }

    fn interface(&self, interface: u32) -> String {
        self.interfaces.get(&interface).cloned().unwrap_or_else(|| UNNAMED.to_owned())
    }

    /// The id of a base, and whether it is new.
    fn id(&mut self, key: Key) -> (BaseId, bool) {
        if let Some(id) = self.ids.get(&key) {
            return (*id, false);
        }
        let id = BaseId(u32::try_from(self.ids.len()).unwrap_or(u32::MAX).saturating_add(1));
        self.ids.insert(key, id);
        (id, true)
    }

    /// Looks into what a TURN client sent or got.
    pub fn unwrap(&mut self, flow: FlowId, direction: Direction, bytes: &[u8]) -> Option<Unwrapped> {
        self.clients.entry(flow).or_default().unwrap(direction, bytes)
    }

    /// The peer behind a channel.
    pub fn peer_of(&self, flow: FlowId, channel: u16) -> Option<SocketAddr> {
        self.clients.get(&flow)?.peer_of(channel)
    }
}

impl Composer {
    /// The base that packets of a flow leave from, opened if need be.
    pub(super) fn open_base(&mut self, flow: FlowId, role: Role, a_is_us: bool) -> BaseId {
        let state = self.flow(flow);
        let (local, remote) = state.ends(a_is_us);
        let (protocol, interface) = (state.protocol, state.interface);
        let tcp_type = tcp_type(state.a_opened.map(|a_opened| a_opened == a_is_us));
        let key = match role {
            Role::Pair | Role::Server => Key::Socket(protocol, local),
            Role::Client => Key::Client(flow),
        };
        let (base, is_new) = self.bases.id(key);
        if !is_new {
            return base;
        }
        let kind = match (role, protocol) {
            (Role::Pair | Role::Server, Protocol::Udp) => BaseKind::Udp,
            (Role::Pair | Role::Server, Protocol::Tcp) => BaseKind::Tcp { tcp_type },
            (Role::Client, Protocol::Udp) => {
                BaseKind::TurnClient { server: format!("turn:{remote}"), transport: RelayProtocol::Udp }
            }
            (Role::Client, Protocol::Tcp) => {
                let server = format!("turn:{remote}?transport=tcp");
                BaseKind::TurnClient { server, transport: RelayProtocol::Tcp }
            }
        };
        let interface = self.bases.interface(interface);
        self.note(Note::BaseOpened { base, interface, address: local, kind });
        base
    }

    /// The base of a relayed address of a client, opened if need be.
    pub(super) fn open_relay(&mut self, flow: FlowId, client: BaseId, relayed: SocketAddr) -> BaseId {
        let (base, is_new) = self.bases.id(Key::Relay(flow, relayed));
        if is_new {
            let interface = self.bases.interface(self.flow(flow).interface);
            self.note(Note::BaseOpened { base, interface, address: relayed, kind: BaseKind::Relay { client } });
        }
        base
    }

    /// The relayed base that reaches a peer. Where the allocation was not captured, the server's address stands in.
    pub(super) fn relay_for(
        &mut self,
        flow: FlowId,
        client: BaseId,
        server: SocketAddr,
        peer: SocketAddr,
    ) -> (BaseId, SocketAddr) {
        let known = self.collector.relays.get(flow).and_then(|relay| relay.address_for(peer));
        let relayed = known.unwrap_or(SocketAddr::new(server.ip(), 0));
        (self.open_relay(flow, client, relayed), relayed)
    }

    /// The candidate of an allocation that was just answered.
    pub(super) fn on_allocated(&mut self, flow: FlowId, client: BaseId, server: SocketAddr, relayed: SocketAddr) {
        let is_known = self.bases.ids.contains_key(&Key::Relay(flow, relayed));
        let base = self.open_relay(flow, client, relayed);
        if is_known {
            return;
        }
        let candidate = Candidate {
            candidate_type: CandidateType::Relayed,
            protocol: Protocol::Udp,
            tcp_type: None,
            address: relayed,
            priority: self.priority_at(CandidateType::Relayed, relayed),
            foundation: format!("relay-{}", relayed.ip()),
            related_address: None,
        };
        let (generation, server) = (self.ice.generation_at(relayed), Some(format!("turn:{server}")));
        self.note(Note::LocalCandidate { generation, base, candidate, server });
    }
}

/// The role of our end of a connection; who did not see it being opened calls it passive.
pub(super) fn tcp_type(we_opened: Option<bool>) -> TcpType {
    if we_opened == Some(true) { TcpType::Active } else { TcpType::Passive }
}
