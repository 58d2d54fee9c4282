//! Datagrams: what each one says about the pair it went over.

use std::net::SocketAddr;

use floe_wire::{
    BaseId, Direction, Packet, PacketKind, Stamp, classify,
    note::TrafficCount,
    stun::{Class, METHOD_BINDING, StunMessage},
};

use super::Inspector;
use crate::{
    bounded::add_count,
    events::is_milestone,
    pair_state::ROLE_CONFLICT,
    pairs::Origin,
    picture::{Mapping, PairId, Severity, Traffic},
    series::push_sample,
    transactions::{Answer, Transaction, TransactionKey},
    words::{count, millis},
};

impl Inspector {
    pub(super) fn on_packet(&mut self, packet: &Packet) {
        let kind = classify(&packet.bytes);
        let is_outbound = packet.direction == Direction::Outbound;
        let counters = &mut self.picture.counters;
        let by_kind = if is_outbound { &mut counters.sent_by_kind } else { &mut counters.received_by_kind };
        add_count(by_kind, kind, 1);
        if let Some(base) = self.picture.bases.iter_mut().find(|base| base.base == packet.base) {
            add_traffic(if is_outbound { &mut base.sent } else { &mut base.received }, packet);
        }
        match kind {
            PacketKind::Stun => self.on_stun(packet),
            PacketKind::Dtls | PacketKind::Rtp | PacketKind::Rtcp => self.on_media(packet),
            PacketKind::ChannelData | PacketKind::Unknown => {}
        }
    }

    fn on_media(&mut self, packet: &Packet) {
        let selected = self.picture.selections.last().map(|selection| selection.pair);
        let selected = selected.filter(|id| (id.base, id.remote) == (packet.base, packet.remote));
        let Some(id) = selected.or_else(|| self.pairs.newest_between(packet.base, packet.remote)) else { return };
        let Some((view, _)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        match packet.direction {
            Direction::Outbound => add_traffic(&mut view.media_sent, packet),
            Direction::Inbound => add_traffic(&mut view.media_received, packet),
        }
    }

    /// Takes datagrams that the record holds as counts only.
    pub(super) fn on_traffic_counted(
        &mut self,
        base: BaseId,
        remote: SocketAddr,
        direction: Direction,
        counts: &[TrafficCount],
    ) {
        let is_outbound = direction == Direction::Outbound;
        for count in counts {
            let counters = &mut self.picture.counters;
            let by_kind = if is_outbound { &mut counters.sent_by_kind } else { &mut counters.received_by_kind };
            add_count(by_kind, count.kind, count.packets);
            if let Some(view) = self.picture.bases.iter_mut().find(|view| view.base == base) {
                add_counted(if is_outbound { &mut view.sent } else { &mut view.received }, count);
            }
        }
        let Some(id) = self.pairs.newest_between(base, remote) else { return };
        let Some((view, _)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        let traffic = if is_outbound { &mut view.media_sent } else { &mut view.media_received };
        for count in counts.iter().filter(|count| is_media(count.kind)) {
            add_counted(traffic, count);
        }
    }

    fn on_stun(&mut self, packet: &Packet) {
        let Ok(message) = StunMessage::decode(&packet.bytes) else { return self.on_malformed(packet) };
        if message.method != METHOD_BINDING {
            return;
        }
        match message.class {
            Class::Request => self.on_request(packet, &message),
            Class::Success | Class::Error => self.on_answer(packet, &message),
            Class::Indication => {}
        }
    }

    fn on_malformed(&mut self, packet: &Packet) {
        self.picture.evidence.malformed_stun += 1;
        let malformed = self.picture.evidence.malformed_stun;
        if is_milestone(malformed) {
            let text = format!("{} of malformed STUN, last with {}", count(malformed, "datagram"), packet.remote);
            self.say(Severity::Warning, "network", text);
        }
    }

    fn on_request(&mut self, packet: &Packet, message: &StunMessage) {
        let is_outbound = packet.direction == Direction::Outbound;
        let pair = match (&message.username, self.credentials.generation_of(message, is_outbound)) {
            (Some(_), Some(generation)) => Some(PairId { generation, base: packet.base, remote: packet.remote }),
            (Some(_), None) if is_outbound => return,
            (Some(_), None) => return self.on_unknown_ufrag(packet),
            // A stranger who takes us for a STUN server is no candidate.
            (None, _) if !is_outbound => return,
            (None, _) => None,
        };
        let key = TransactionKey { outbound: is_outbound, id: message.transaction };
        let request = Transaction {
            asked_at: self.picture.at,
            base: packet.base,
            remote: packet.remote,
            pair,
            use_candidate: message.use_candidate,
            priority: message.priority,
            repeated: false,
            answered: false,
        };
        let is_again = self.transactions.ask(key, request);
        match pair {
            Some(id) if is_outbound => self.on_check_sent(id, message, is_again),
            Some(id) => self.on_check_received(id, message, is_again),
            None => {}
        }
    }

    fn on_unknown_ufrag(&mut self, packet: &Packet) {
        self.picture.evidence.checks_for_unknown_ufrag += 1;
        let checks = self.picture.evidence.checks_for_unknown_ufrag;
        if is_milestone(checks) {
            let text =
                format!("{} for a user fragment that is not ours, last from {}", count(checks, "check"), packet.remote);
            self.say(Severity::Warning, "check", text);
        }
    }

    fn on_check_sent(&mut self, id: PairId, message: &StunMessage, is_again: bool) {
        let at = self.picture.at;
        self.picture.timings.first_check.get_or_insert(at);
        if !self.add_pair(id, Origin::Packet) {
            return;
        }
        let Some((view, facts)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        view.last_request_sent = Some(at);
        let is_consent = view.last_answer.is_some();
        if is_again {
            view.retransmissions_sent += 1;
        } else {
            view.requests_sent += 1;
            view.consent_requests_sent += u64::from(is_consent);
            facts.first_request.get_or_insert(at);
            facts.unanswered_since.get_or_insert(at);
            facts.unanswered += 1;
        }
        let what = if is_consent { "consent request" } else { "check" };
        let how = if is_again { "sent again" } else { "sent" };
        self.say_check(id, message, &format!("{what} {how}"));
        self.judge_pair(id);
    }

    fn on_check_received(&mut self, id: PairId, message: &StunMessage, is_again: bool) {
        if !self.reveal_remote(id, message.priority) || !self.add_pair(id, Origin::Packet) {
            return;
        }
        let at = self.picture.at;
        let Some((view, _)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        view.requests_received += 1;
        view.last_request_received = Some(at);
        self.say_check(id, message, if is_again { "check received again" } else { "check received" });
        self.judge_pair(id);
    }

    fn say_check(&mut self, id: PairId, message: &StunMessage, what: &str) {
        let nomination = if message.use_candidate { " with USE-CANDIDATE" } else { "" };
        self.say(Severity::Detail, "check", format!("{}: {what}{nomination}", self.pair_name(id)));
    }

    fn on_answer(&mut self, packet: &Packet, message: &StunMessage) {
        let is_ours = packet.direction == Direction::Outbound;
        let key = TransactionKey { outbound: !is_ours, id: message.transaction };
        if message.class == Class::Success && !message.has_integrity && self.transactions.is_check(key) {
            return self.on_unprotected_answer(packet);
        }
        match self.transactions.answer(key, packet.base, packet.remote) {
            Answer::Unasked | Answer::Again => {}
            Answer::FromElsewhere(request) if !is_ours => self.on_answer_from_elsewhere(packet, &request),
            Answer::FromElsewhere(_) => {}
            Answer::Fits(request) => match request.pair {
                None => self.on_server_answer(packet, message),
                Some(id) if is_ours => self.on_answer_sent(id, message, &request),
                Some(id) if message.class == Class::Success => self.on_valid_answer(id, message, &request),
                Some(id) => self.on_error_answer(id, message),
            },
        }
    }

    /// Without MESSAGE-INTEGRITY an answer to a check proves nothing (RFC 8489 section 9.1.4).
    fn on_unprotected_answer(&mut self, packet: &Packet) {
        let text = format!("An answer without MESSAGE-INTEGRITY does not count ({})", packet.remote);
        self.say(Severity::Detail, "check", text);
    }

    fn on_answer_from_elsewhere(&mut self, packet: &Packet, request: &Transaction) {
        self.picture.evidence.answers_from_elsewhere += 1;
        let answers = self.picture.evidence.answers_from_elsewhere;
        if is_milestone(answers) {
            let text = format!("{} asked, the answer came from {}: it does not count", request.remote, packet.remote);
            self.say(Severity::Warning, "check", text);
        }
        let Some(id) = request.pair else { return };
        if let Some((_, facts)) = self.pairs.get_mut(&mut self.picture.pairs, id) {
            facts.answers_from_elsewhere += 1;
        }
        self.judge_pair(id);
    }

    fn on_server_answer(&mut self, packet: &Packet, message: &StunMessage) {
        if let Some(mapped) = message.mapped {
            self.note_mapping(Mapping { base: packet.base, destination: packet.remote, is_server: true, mapped });
        }
    }

    fn on_answer_sent(&mut self, id: PairId, message: &StunMessage, request: &Transaction) {
        let Some((view, _)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        view.responses_sent += 1;
        let is_success = message.class == Class::Success;
        view.nominated |= is_success && request.use_candidate;
        match &message.error {
            Some(error) => self.say_error(id, error, "we answered"),
            None => self.say_check(id, message, "answer sent"),
        }
        self.judge_pair(id);
    }

    fn on_valid_answer(&mut self, id: PairId, message: &StunMessage, request: &Transaction) {
        let at = self.picture.at;
        self.picture.timings.first_valid.get_or_insert(at);
        // A retransmitted request does not tell which copy was answered (RFC 8489 section 6.2.1, Karn).
        let rtt = (!request.repeated).then(|| at.since(request.asked_at));
        let Some((view, facts)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        let is_first = view.last_answer.is_none();
        view.responses_received += 1;
        view.last_answer = Some(at);
        view.nominated |= request.use_candidate;
        view.rtt = rtt.or(view.rtt);
        view.total_rtt = view.total_rtt.saturating_add(rtt.unwrap_or_default());
        facts.unanswered_since = None;
        facts.unanswered = 0;
        if let Some(rtt) = rtt.filter(|_| view.selected) {
            push_sample(&mut self.picture.series.rtt_ms, at, rtt.as_secs_f64() * 1e3);
        }
        let severity = if is_first { Severity::Info } else { Severity::Detail };
        let after = rtt.map_or_else(String::new, |rtt| format!(" in {}", millis(rtt)));
        self.say(severity, "check", format!("{}: answered{after}", self.pair_name(id)));
        if let Some(mapped) = message.mapped {
            self.reveal_local(id, mapped, request.priority);
        }
        self.judge_pair(id);
    }

    fn on_error_answer(&mut self, id: PairId, message: &StunMessage) {
        let at: Stamp = self.picture.at;
        let error = message.error.clone().unwrap_or_else(|| (0, "no error code".to_owned()));
        let Some((view, facts)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        view.responses_received += 1;
        view.last_error = Some(error.clone());
        facts.error_at = Some(at);
        self.say_error(id, &error, "the peer answered");
        self.judge_pair(id);
    }

    fn say_error(&mut self, id: PairId, (code, reason): &(u16, String), who: &str) {
        let conflicts = &mut self.picture.evidence.role_conflicts;
        *conflicts += u64::from(*code == ROLE_CONFLICT);
        let is_new = self.picture.pair(id).is_some_and(|pair| pair.responses_received + pair.responses_sent <= 1);
        let severity = if is_new { Severity::Warning } else { Severity::Detail };
        self.say(severity, "check", format!("{}: {who} with error {code} ({reason})", self.pair_name(id)));
    }
}

fn is_media(kind: PacketKind) -> bool {
    match kind {
        PacketKind::Dtls | PacketKind::Rtp | PacketKind::Rtcp => true,
        PacketKind::Stun | PacketKind::ChannelData | PacketKind::Unknown => false,
    }
}

fn add_counted(traffic: &mut Traffic, count: &TrafficCount) {
    traffic.packets = traffic.packets.saturating_add(count.packets);
    traffic.bytes = traffic.bytes.saturating_add(count.bytes);
}

fn add_traffic(traffic: &mut Traffic, packet: &Packet) {
    traffic.packets += 1;
    traffic.bytes += u64::from(packet.wire_len);
}
