//! How the ladder grows: one message after the other, bounded in every direction.

use std::{sync::Arc, time::Duration};

use floe_wire::{
    IceRole, Packet, Stamp,
    stun::{Class, METHOD_BINDING, StunMessage},
    turn::Method,
};

use super::{Exchange, Ladder, Lane, MESSAGES_KEPT, Message, MessageKind, Outcome};

/// Lanes told apart; what exceeds them is in [`Lane::Other`].
const LANES_KEPT: usize = 1_024;

/// Damaged messages kept: anyone can send them, and their beginning tells enough.
const MALFORMED_KEPT: u64 = 1_000;

/// What all messages have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub at: Stamp,
    pub record: u64,
    pub packet: &'a Packet,
    pub lane: Lane,
}

/// What an answer ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub exchange: Option<u64>,
    pub rtt: Option<Duration>,
    pub from_elsewhere: bool,
}

impl Ladder {
    /// Adds a request. `known` is its exchange when it was sent before. Gives its exchange.
    pub(crate) fn request(&mut self, facts: &Facts<'_>, message: &StunMessage, known: Option<u64>) -> u64 {
        let kind = if known.is_some() { MessageKind::Retransmission } else { MessageKind::Request };
        let number = self.push(facts, Some(message), kind, None);
        let outbound = facts.packet.direction == floe_wire::Direction::Outbound;
        if let Some(exchange) = known.and_then(|known| self.exchanges.get_mut(known)) {
            exchange.last_sent = facts.at;
            exchange.transmissions = exchange.transmissions.saturating_add(1);
        }
        let exchange = known.unwrap_or_else(|| {
            let exchange = Exchange {
                request: number,
                outbound,
                first_sent: facts.at,
                last_sent: facts.at,
                transmissions: 1,
                answer: None,
                outcome: Outcome::Unanswered,
            };
            self.exchanges.push(exchange, MESSAGES_KEPT)
        });
        if let Some(message) = self.messages.get_mut(number) {
            message.exchange = Some(exchange);
        }
        exchange
    }

    /// Adds an answer.
    pub(crate) fn answer(&mut self, facts: &Facts<'_>, message: &StunMessage, asked: Asked) {
        let code = message.error.as_ref().map_or(0, |(code, _)| *code);
        let kind = match message.class {
            Class::Error => MessageKind::Error { code },
            Class::Success | Class::Request | Class::Indication => MessageKind::Success,
        };
        let number = self.push(facts, Some(message), kind, asked.rtt);
        let Some(id) = asked.exchange else { return };
        if let Some(message) = self.messages.get_mut(number) {
            message.exchange = Some(id);
        }
        let Some(exchange) = self.exchanges.get_mut(id) else { return };
        let is_open = matches!(exchange.outcome, Outcome::Unanswered | Outcome::FromElsewhere);
        if is_open {
            exchange.answer = Some(number);
            exchange.outcome = match kind {
                _ if asked.from_elsewhere => Outcome::FromElsewhere,
                MessageKind::Error { code } => Outcome::Refused { code },
                _ => Outcome::Answered { rtt: asked.rtt },
            };
        }
    }

    /// Adds a message outside of any exchange.
    pub(crate) fn alone(&mut self, facts: &Facts<'_>, message: &StunMessage) {
        let kind = match message.class {
            Class::Request => MessageKind::Request,
            Class::Indication => MessageKind::Indication,
            Class::Success => MessageKind::Success,
            Class::Error => MessageKind::Error { code: message.error.as_ref().map_or(0, |(code, _)| *code) },
        };
        self.push(facts, Some(message), kind, None);
    }

    /// Adds what looks like STUN and does not parse.
    pub(crate) fn malformed(&mut self, facts: &Facts<'_>) {
        self.malformed += 1;
        if self.malformed <= MALFORMED_KEPT {
            self.push(facts, None, MessageKind::Malformed, None);
        }
    }

    fn push(
        &mut self,
        facts: &Facts<'_>,
        message: Option<&StunMessage>,
        kind: MessageKind,
        rtt: Option<Duration>,
    ) -> u64 {
        let lane = self.lane(facts.lane);
        let row = Message {
            at: facts.at,
            record: facts.record,
            direction: facts.packet.direction,
            base: facts.packet.base,
            remote: facts.packet.remote,
            lane,
            exchange: None,
            kind,
            method: message.map_or("STUN", |message| method_name(message.method)),
            use_candidate: message.is_some_and(|message| message.use_candidate),
            nomination: message.and_then(|message| message.nomination),
            role: message.and_then(role),
            rtt,
            there: None,
            integrity: facts.packet.integrity,
            bytes: facts.packet.bytes.clone(),
        };
        let number = self.messages.push(row, MESSAGES_KEPT);
        let oldest = self.messages.numbers().start;
        let numbers = Arc::make_mut(&mut self.lanes).entry(lane).or_default();
        numbers.push(number, MESSAGES_KEPT);
        numbers.forget_while(|number| *number < oldest);
        number
    }

    fn lane(&self, lane: Lane) -> Lane {
        let has_room = self.lanes.len() < LANES_KEPT || self.lanes.contains_key(&lane);
        if has_room { lane } else { Lane::Other }
    }
}

/// The name of a method number (RFC 8489 section 18.2, RFC 8656 section 17).
pub(crate) fn method_name(number: u16) -> &'static str {
    match Method::of(number) {
        Some(method) => method.name(),
        None if number == METHOD_BINDING => "Binding",
        None => "unknown method",
    }
}

fn role(message: &StunMessage) -> Option<IceRole> {
    match (message.controlling, message.controlled) {
        (Some(_), None) => Some(IceRole::Controlling),
        (None, Some(_)) => Some(IceRole::Controlled),
        (Some(_), Some(_)) | (None, None) => None,
    }
}
