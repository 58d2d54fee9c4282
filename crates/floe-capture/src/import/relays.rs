//! TURN allocations seen in a capture: who the client is, what it was given, and whose packets it carries.

use std::{collections::BTreeMap, net::SocketAddr, ops::Range};

use floe_wire::{
    Direction, Protocol,
    stun::Class,
    turn::{Method, TurnMessage, Unwrapper},
};

use super::flows::{FlowId, Flows};

/// Connections to TURN servers followed; each has channels of its own.
const CLIENTS_KEPT: usize = 256;

/// Allocations remembered of one client.
const ALLOCATIONS_KEPT: usize = 16;

/// A peer's packet inside a TURN message.
#[derive(Debug, Clone)]
pub(super) struct Inner {
    /// The flow between the relayed address and the peer.
    pub flow: FlowId,
    /// Whether its `a` sent the packet.
    pub from_a: bool,
    /// Where it is in the outer bytes.
    pub range: Range<usize>,
}

/// What is known of a client and its server.
#[derive(Debug)]
pub(super) struct Relay {
    /// Which end of the flow asks: `true` is `a`.
    pub a_is_client: bool,
    /// The relayed addresses, in the order they were allocated.
    pub relayed: Vec<SocketAddr>,
    unwrapper: Unwrapper,
}

/// All TURN clients of a capture.
#[derive(Debug, Default)]
pub(super) struct Relays {
    clients: BTreeMap<FlowId, Relay>,
}

impl Relays {
    /// Whether a flow is between a TURN client and its server.
    #[inline]
    pub fn has(&self, flow: FlowId) -> bool {
        !self.clients.is_empty() && self.clients.contains_key(&flow)
    }

    /// The client of a flow.
    pub fn get(&self, flow: FlowId) -> Option<&Relay> {
        self.clients.get(&flow)
    }

    /// Every client.
    pub fn iter(&self) -> impl Iterator<Item = (FlowId, &Relay)> {
        self.clients.iter().map(|(flow, relay)| (*flow, relay))
    }

    /// Takes a message that is neither Binding nor an indication.
    pub fn observe(&mut self, flow: FlowId, from_a: bool, bytes: &[u8]) {
        let Ok(message) = TurnMessage::decode(bytes) else { return };
        let a_is_client = match message.class {
            Class::Request => from_a,
            Class::Success | Class::Error => !from_a,
            Class::Indication => return,
        };
        let Some(relay) = self.client(flow, a_is_client) else { return };
        relay.unwrapper.unwrap(relay.direction(from_a), bytes);
        if message.method == Method::Allocate {
            relay.on_allocate(&message);
        }
    }

    fn client(&mut self, flow: FlowId, a_is_client: bool) -> Option<&mut Relay> {
        if self.clients.len() >= CLIENTS_KEPT && !self.clients.contains_key(&flow) {
            return None;
        }
        let new = || Relay { a_is_client, relayed: Vec::new(), unwrapper: Unwrapper::default() };
        Some(self.clients.entry(flow).or_insert_with(new))
    }

    /// Looks into an indication or ChannelData. The relayed address of a capture that began too late is not known; the
    /// server's address stands in, with port zero.
    pub fn unwrap(&mut self, flows: &mut Flows, flow: FlowId, from_a: bool, bytes: &[u8]) -> Option<Inner> {
        // A Send indication shows who the client is, also where the allocation was not captured.
        let a_is_client = match bytes.get(..2) {
            Some([0x00, 0x16]) => from_a,
            Some([0x00, 0x17]) => !from_a,
            _ => self.get(flow)?.a_is_client,
        };
        let outer = flows.get(flow);
        let (interface, server) = (outer.interface, outer.ends(!a_is_client).0);
        let relay = self.client(flow, a_is_client)?;
        let direction = relay.direction(from_a);
        let unwrapped = relay.unwrapper.unwrap(direction, bytes)?;
        let relayed = relay.address_for(unwrapped.peer).unwrap_or(SocketAddr::new(server.ip(), 0));
        let (from, to) = match direction {
            Direction::Outbound => (relayed, unwrapped.peer),
            Direction::Inbound => (unwrapped.peer, relayed),
        };
        let (inner, from_a) = flows.find_or_add(Protocol::Udp, from, to, interface)?;
        Some(Inner { flow: inner, from_a, range: unwrapped.range })
    }
}

impl Relay {
    /// Which way a packet of the flow goes, seen from the client.
    pub fn direction(&self, from_a: bool) -> Direction {
        if from_a == self.a_is_client { Direction::Outbound } else { Direction::Inbound }
    }

    /// The relayed address that reaches a peer: the newest one of its family.
    pub fn address_for(&self, peer: SocketAddr) -> Option<SocketAddr> {
        self.relayed.iter().rev().copied().find(|relayed| relayed.is_ipv4() == peer.is_ipv4())
    }

    fn on_allocate(&mut self, message: &TurnMessage) {
        let Some(relayed) = message.relayed.filter(|_| message.class == Class::Success) else { return };
        if !self.relayed.contains(&relayed) && self.relayed.len() < ALLOCATIONS_KEPT {
            self.relayed.push(relayed);
        }
    }
}
