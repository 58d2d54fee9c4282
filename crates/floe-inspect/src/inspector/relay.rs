//! Packets between us and a TURN server: what the server says, and the peers' packets inside.

use std::collections::BTreeMap;

use floe_wire::{
    BaseId, BaseKind, Direction, Packet, PacketKind, classify,
    stun::{Class, StunMessage},
    turn::{Method, TurnMessage, Unwrapper},
};

use super::Inspector;
use crate::{
    bounded::push_bounded,
    events::is_milestone,
    ladder::{Asked, Facts, Lane},
    lint::SeenRelayed,
    markers::MarkerKind,
    picture::{RelayError, RelayView, Severity},
    transactions::{Answer, Transaction, TransactionKey},
    words::{count, millis},
};

/// TURN clients told apart.
const CLIENTS_KEPT: usize = 256;

/// The challenge that a client without credentials asks for (RFC 8489 section 9.2.4).
const UNAUTHORIZED: u16 = 401;

/// The nonce grew old; the client asks again with the new one (RFC 8656 section 5).
const STALE_NONCE: u16 = 438;

/// The channels of every TURN client.
#[derive(Debug, Clone, Default)]
pub(super) struct Unwrappers(BTreeMap<BaseId, Unwrapper>);

impl Inspector {
    /// Takes a packet between a TURN client of ours and its server.
    pub(super) fn on_client_packet(&mut self, packet: &Packet) {
        let has_room = self.unwrappers.0.len() < CLIENTS_KEPT || self.unwrappers.0.contains_key(&packet.base);
        let found = if has_room {
            self.unwrappers.0.entry(packet.base).or_default().unwrap(packet.direction, &packet.bytes)
        } else {
            None
        };
        let Some(found) = found else { return self.on_server_packet(packet) };
        let Some(base) = self.relay_of(packet.base, found.peer.is_ipv4()) else {
            self.picture.evidence.unplaced_relayed += 1;
            return;
        };
        let inner = Packet {
            base,
            direction: packet.direction,
            remote: found.peer,
            bytes: packet.bytes.slice(found.range),
            wire_len: found.wire_len,
            integrity: packet.integrity,
        };
        if packet.direction == Direction::Outbound {
            let place = self.here();
            let relay = self.picture.relays.iter().find(|relay| relay.client == packet.base);
            let is_channel = classify(&packet.bytes) == PacketKind::ChannelData;
            let seen = SeenRelayed { relay, client: packet.base, peer: found.peer, is_channel };
            self.linter.on_relayed(&mut self.picture.lint, place, &seen);
        }
        self.count_base_traffic(&inner);
        self.on_datagram(&inner, classify(&inner.bytes));
    }

    /// The relayed base of a client; a client may have one of each family (RFC 8656 section 7.1).
    fn relay_of(&self, client: BaseId, is_ipv4: bool) -> Option<BaseId> {
        let of_client = self.picture.bases.iter().filter(|view| view.base_kind == BaseKind::Relay { client });
        let newest_first = of_client.rev().filter(|view| view.address.is_ipv4() == is_ipv4);
        let mut newest_first = newest_first.peekable();
        let newest = newest_first.peek().map(|view| view.base);
        newest_first.find(|view| view.closed.is_none()).map(|view| view.base).or(newest)
    }

    fn on_server_packet(&mut self, packet: &Packet) {
        match classify(&packet.bytes) {
            PacketKind::Stun => self.on_stun(packet),
            PacketKind::ChannelData => self.picture.evidence.unplaced_relayed += 1,
            PacketKind::Dtls | PacketKind::Rtp | PacketKind::Rtcp | PacketKind::Unknown => {}
        }
    }

    /// Takes a message of a TURN method.
    pub(super) fn on_turn(&mut self, packet: &Packet, message: &StunMessage) {
        let facts = self.ladder_facts(packet, Lane::Server { base: packet.base, remote: packet.remote });
        match (message.class, packet.direction) {
            (Class::Request, _) => self.on_turn_request(&facts, message),
            (Class::Success | Class::Error, Direction::Inbound) => self.on_turn_answer(&facts, message),
            (Class::Success | Class::Error, Direction::Outbound) | (Class::Indication, _) => {
                self.picture.ladder.alone(&facts, message);
            }
        }
    }

    fn on_turn_request(&mut self, facts: &Facts<'_>, message: &StunMessage) {
        let packet = facts.packet;
        let key = TransactionKey { outbound: packet.direction == Direction::Outbound, id: message.transaction };
        let known = self.transactions.exchange_of(key, packet.base, packet.remote);
        let exchange = self.picture.ladder.request(facts, message, known);
        let mut request = Transaction::begin(facts.at, packet.base, packet.remote, message);
        request.exchange = Some(exchange);
        self.transactions.ask(key, request);
        self.relay_view(packet);
    }

    fn on_turn_answer(&mut self, facts: &Facts<'_>, message: &StunMessage) {
        let packet = facts.packet;
        let key = TransactionKey { outbound: true, id: message.transaction };
        let Answer::Fits(request) = self.transactions.answer(key, packet.base, packet.remote) else {
            return self.picture.ladder.alone(facts, message);
        };
        let rtt = request.rtt(facts.at);
        self.picture.ladder.answer(facts, message, Asked { exchange: request.exchange, rtt, from_elsewhere: false });
        let (Ok(turn), Some(position)) = (TurnMessage::decode(&packet.bytes), self.relay_view(packet)) else { return };
        self.picture.relays[position].rtt = rtt.or(self.picture.relays[position].rtt);
        match message.class {
            Class::Success => {
                self.note_permissions(packet.base, &request);
                self.on_turn_success(position, &turn);
            }
            Class::Error => self.on_turn_error(position, &turn, &request),
            Class::Request | Class::Indication => {}
        }
    }

    /// What a confirmed CreatePermission or ChannelBind asked for stands in its request.
    fn note_permissions(&mut self, client: BaseId, request: &Transaction) {
        let place = self.here();
        let exchange = request.exchange.and_then(|number| self.picture.ladder.exchange(number));
        let asked = exchange.and_then(|exchange| self.picture.ladder.message(exchange.request));
        let Some(Ok(asked)) = asked.map(|asked| TurnMessage::decode(&asked.bytes)) else { return };
        if matches!(asked.method, Method::CreatePermission | Method::ChannelBind) {
            for peer in asked.peers {
                self.linter.on_permission(place, client, peer.ip());
                if asked.method == Method::ChannelBind {
                    self.linter.on_channel(place, client, peer);
                }
            }
        }
    }

    fn on_turn_success(&mut self, position: usize, turn: &TurnMessage) {
        let at = self.picture.at;
        let relay = &mut self.picture.relays[position];
        relay.lifetime = turn.lifetime.or(relay.lifetime);
        if relay.last_error.as_ref().is_some_and(|error| error.method == turn.method.name()) {
            relay.last_error = None;
        }
        relay.stale_nonces = 0;
        match turn.method {
            Method::Allocate => {
                relay.allocated.get_or_insert(at);
                relay.refreshed = Some(at);
                if let Some(relayed) = turn.relayed.filter(|relayed| !relay.relayed.contains(relayed)) {
                    push_bounded(&mut relay.relayed, relayed, 16);
                    let rtt = relay.rtt.map_or_else(String::new, |rtt| format!(" ({})", millis(rtt)));
                    let text = format!("{} relays for us at {relayed}{rtt}", relay.server);
                    self.say(Severity::Detail, "gathering", text);
                }
            }
            Method::Refresh => {
                relay.refreshed = Some(at);
                relay.released = turn.lifetime.filter(std::time::Duration::is_zero).map(|_| at);
            }
            Method::CreatePermission => relay.permissions += 1,
            Method::ChannelBind => relay.channels += 1,
            Method::Send | Method::Data => {}
        }
    }

    /// The first 401 asks for credentials, and a stale nonce is renewed: both are how TURN works.
    fn on_turn_error(&mut self, position: usize, turn: &TurnMessage, request: &Transaction) {
        let (at, (code, reason)) = (self.picture.at, turn.error.clone().unwrap_or((0, "no error code".to_owned())));
        let relay = &mut self.picture.relays[position];
        relay.stale_nonces += u64::from(code == STALE_NONCE);
        let is_routine = match code {
            UNAUTHORIZED => !request.has_integrity,
            STALE_NONCE => relay.stale_nonces < 3,
            _ => false,
        };
        if is_routine {
            return;
        }
        relay.errors += 1;
        relay.last_error = Some(RelayError { at, method: turn.method.name(), code, reason: reason.clone() });
        let (errors, server) = (relay.errors, relay.server.clone());
        if is_milestone(errors) {
            let times = count(errors, "time");
            let text = format!("{server} refused {} with {code} {reason} ({times} so far)", turn.method.name());
            self.say(Severity::Warning, "gathering", text.clone());
            self.mark(MarkerKind::Failure, text);
        }
    }

    /// The row of a client; its first message makes it.
    fn relay_view(&mut self, packet: &Packet) -> Option<usize> {
        if let Some(position) = self.picture.relays.iter().position(|relay| relay.client == packet.base) {
            return Some(position);
        }
        let (server, transport) = match self.picture.base(packet.base).map(|view| &view.base_kind) {
            Some(BaseKind::TurnClient { server, transport }) => (server.clone(), Some(*transport)),
            Some(BaseKind::Udp | BaseKind::Tcp { .. } | BaseKind::Relay { .. }) | None => {
                (packet.remote.to_string(), None)
            }
        };
        let view = RelayView::new(packet.base, server, transport, packet.remote);
        let fits = push_bounded(&mut self.picture.relays, view, CLIENTS_KEPT);
        self.count_if_dropped(fits);
        fits.then(|| self.picture.relays.len() - 1)
    }
}
