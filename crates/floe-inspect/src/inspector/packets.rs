//! Datagrams: what each one says about the pair it went over.

use std::net::SocketAddr;

use floe_wire::{
    BaseId, BaseKind, Direction, IceRole, Packet, PacketKind, SightedKind, Stamp, classify,
    note::TrafficCount,
    stun::{Class, METHOD_BINDING, StunMessage},
};

use super::Inspector;
use crate::{
    bounded::add_count,
    diagnosis::is_large,
    events::is_milestone,
    ladder::{Asked, Facts, Lane},
    lint::{Linter, SeenAnswer, SeenAudio, SeenRequest},
    markers::MarkerKind,
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
        self.count_base_traffic(packet);
        match self.picture.base(packet.base).map(|base| &base.base_kind) {
            Some(BaseKind::TurnClient { .. }) => self.on_client_packet(packet),
            Some(BaseKind::Udp | BaseKind::Tcp { .. } | BaseKind::Relay { .. }) | None => {
                self.on_datagram(packet, kind);
            }
        }
    }

    pub(super) fn count_base_traffic(&mut self, packet: &Packet) {
        let Some(base) = self.picture.bases.iter_mut().find(|base| base.base == packet.base) else { return };
        match packet.direction {
            Direction::Outbound => {
                add_traffic(&mut base.sent, packet);
                if base.base_kind == BaseKind::Udp {
                    self.picture.evidence.sends.count_sent(packet.remote.ip());
                }
            }
            Direction::Inbound => add_traffic(&mut base.received, packet),
        }
    }

    /// Takes a datagram of a base that peers see.
    pub(super) fn on_datagram(&mut self, packet: &Packet, kind: PacketKind) {
        let in_use = self.picture.selections.last().map(|selection| selection.pair);
        if in_use.is_some_and(|pair| (pair.base, pair.remote) == (packet.base, packet.remote)) {
            self.linter.on_packet_in_use(packet.direction == Direction::Outbound, self.picture.at);
        }
        match kind {
            PacketKind::Stun => self.on_stun(packet),
            PacketKind::Dtls => {
                self.count_dtls(packet);
                self.on_media(packet, kind);
            }
            PacketKind::Rtp => {
                self.sight_media(packet);
                self.on_media(packet, kind);
            }
            PacketKind::Rtcp => self.on_media(packet, kind),
            PacketKind::ChannelData | PacketKind::Unknown => {}
        }
    }

    fn on_media(&mut self, packet: &Packet, kind: PacketKind) {
        let (at, place) = (self.picture.at, self.here());
        let selected = self.picture.selections.last().map(|selection| selection.pair);
        let selected = selected.filter(|id| (id.base, id.remote) == (packet.base, packet.remote));
        let Some(id) = selected.or_else(|| self.pairs.newest_between(packet.base, packet.remote)) else { return };
        let Some((view, _)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        view.signs.on_activity(at, packet.direction == Direction::Inbound);
        if kind == PacketKind::Rtp && !self.picture.selections.is_empty() {
            let outbound = packet.direction == Direction::Outbound;
            let seen = SeenAudio { outbound, pair: view, is_elsewhere: selected.is_none() };
            self.linter.on_audio(&mut self.picture.lint, place, &seen);
        }
        match packet.direction {
            Direction::Outbound => {
                add_traffic(&mut view.media_sent, packet);
                Linter::on_media_sent(&mut self.picture.lint, place, view);
            }
            Direction::Inbound => {
                add_traffic(&mut view.media_received, packet);
                view.signs.last_media_received = Some(at);
                if kind == PacketKind::Rtp {
                    view.signs.last_audio_received = Some(at);
                }
            }
        }
    }

    fn count_dtls(&mut self, packet: &Packet) {
        let signs = &mut self.picture.dtls;
        match packet.direction {
            Direction::Inbound => signs.received += 1,
            Direction::Outbound => {
                let length = u64::from(packet.wire_len);
                signs.sent += 1;
                signs.large_sent += u64::from(is_large(length));
                signs.largest_sent = signs.largest_sent.max(length);
            }
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

    pub(super) fn on_stun(&mut self, packet: &Packet) {
        let Ok(message) = StunMessage::decode(&packet.bytes) else { return self.on_malformed(packet) };
        if message.method != METHOD_BINDING {
            return self.on_turn(packet, &message);
        }
        match message.class {
            Class::Request => self.on_request(packet, &message),
            Class::Success | Class::Error => self.on_answer(packet, &message),
            Class::Indication => {
                let facts = self.ladder_facts(packet, self.lane_between(packet));
                self.picture.ladder.alone(&facts, &message);
            }
        }
    }

    /// What every row of the ladder tells of its packet.
    pub(super) fn ladder_facts<'a>(&self, packet: &'a Packet, lane: Lane) -> Facts<'a> {
        let record = self.picture.counters.records.saturating_sub(1);
        Facts { at: self.picture.at, record, packet, lane }
    }

    fn lane_between(&self, packet: &Packet) -> Lane {
        self.pairs.newest_between(packet.base, packet.remote).map_or(Lane::Other, Lane::Pair)
    }

    fn on_malformed(&mut self, packet: &Packet) {
        // The end of it is missing in the record, not on the wire.
        if packet.wire_len as usize > packet.bytes.len() {
            return;
        }
        let facts = self.ladder_facts(packet, Lane::Other);
        self.picture.ladder.malformed(&facts);
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
            (Some(_), None) if is_outbound => return self.on_unplaced(packet, message),
            (Some(_), None) => {
                self.on_unplaced(packet, message);
                return self.on_unknown_ufrag(packet);
            }
            // A stranger who takes us for a STUN server is no candidate.
            (None, _) if !is_outbound => return self.on_unplaced(packet, message),
            (None, _) => None,
        };
        if pair.is_some() && !is_outbound && self.credentials.is_stranger(message) {
            self.picture.evidence.checks_from_unknown_ufrag += 1;
        }
        let key = TransactionKey { outbound: is_outbound, id: message.transaction };
        let server = Lane::Server { base: packet.base, remote: packet.remote };
        let facts = self.ladder_facts(packet, pair.map_or(server, Lane::Pair));
        let known = self.transactions.exchange_of(key, packet.base, packet.remote);
        let sent_before = known.and_then(|known| self.picture.ladder.exchange(known));
        let sent_before = sent_before.map(|exchange| (exchange.last_sent, exchange.transmissions + 1));
        let exchange = self.picture.ladder.request(&facts, message, known);
        let mut request = Transaction::begin(self.picture.at, packet.base, packet.remote, message);
        (request.pair, request.exchange) = (pair, Some(exchange));
        let is_again = self.transactions.ask(key, request);
        if let Some(id) = pair {
            self.sight_stun(packet, SightedKind::Request);
            self.lint_request(id, message, is_outbound, sent_before);
        }
        let Some(id) = pair else { return };
        match is_outbound {
            true => self.on_check_sent(id, message, is_again),
            false => self.on_check_received(id, message, is_again),
        }
        if let Some((_, facts)) = self.pairs.get_mut(&mut self.picture.pairs, id) {
            facts.mixes_generations = self.credentials.mixes_generations(message, is_outbound);
        }
    }

    fn lint_request(&mut self, id: PairId, message: &StunMessage, outbound: bool, sent_before: Option<(Stamp, u32)>) {
        let place = self.here();
        let pair = self.pairs.get(&self.picture, id).map(|(view, _)| view);
        let is_valid = pair.is_some_and(|pair| pair.last_answer.is_some());
        let is_calm = pair.is_some_and(|pair| match outbound {
            true => pair.signs.unanswered_since.is_none(),
            false => pair.responses_sent >= pair.requests_received,
        });
        let (base, remote, generation) = (id.base, id.remote, id.generation);
        let seen = SeenRequest { outbound, message, base, remote, generation, sent_before, is_valid };
        self.linter.on_request(&mut self.picture.lint, place, &seen);
        let is_in_use = self.picture.selections.last().is_some_and(|selection| selection.pair == id);
        if is_in_use && sent_before.is_none() {
            self.linter.on_consent(&mut self.picture.lint, place, outbound, message, is_calm);
        }
    }

    /// Shows a message that belongs to no pair and no server.
    fn on_unplaced(&mut self, packet: &Packet, message: &StunMessage) {
        let facts = self.ladder_facts(packet, Lane::Other);
        self.picture.ladder.alone(&facts, message);
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
        if self.picture.timings.first_check.replace(self.picture.timings.first_check.unwrap_or(at)).is_none() {
            self.mark(MarkerKind::Milestone, "Our first check left".to_owned());
        }
        self.both_ends.on_check_sent(id, message.transaction);
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
            view.signs.on_activity(at, false);
            facts.unanswered_since.get_or_insert(at);
            view.signs.unanswered_since = facts.unanswered_since;
            // One request may have been under way when a computer fell asleep.
            if facts.unanswered < 2 {
                view.signs.idle_before_silence = view.signs.idle_before_silence.max(Some(view.signs.longest_idle));
            }
            facts.unanswered += 1;
        }
        view.signs.nominations_sent += u64::from(message.use_candidate);
        view.signs.on_activity(at, false);
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
        self.both_ends.on_check_received(id, message.transaction);
        self.note_claim(message);
        let Some((view, _)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        view.requests_received += 1;
        view.last_request_received = Some(at);
        view.signs.on_activity(at, true);
        self.say_check(id, message, if is_again { "check received again" } else { "check received" });
        self.judge_pair(id);
    }

    /// A check may claim our role before we know that it is ours.
    fn note_claim(&mut self, message: &StunMessage) {
        let claim = match (message.controlling, message.controlled) {
            (Some(_), None) => Some(IceRole::Controlling),
            (None, Some(_)) => Some(IceRole::Controlled),
            (Some(_), Some(_)) | (None, None) => None,
        };
        let evidence = &mut self.picture.evidence;
        evidence.claims_of_our_role += u64::from(claim.is_some() && claim == self.picture.role);
        evidence.peer_claims = claim;
    }

    fn say_check(&mut self, id: PairId, message: &StunMessage, what: &str) {
        let nomination = if message.use_candidate { " with USE-CANDIDATE" } else { "" };
        self.say(Severity::Detail, "check", format!("{}: {what}{nomination}", self.pair_name(id)));
    }

    fn on_answer(&mut self, packet: &Packet, message: &StunMessage) {
        let is_ours = packet.direction == Direction::Outbound;
        let key = TransactionKey { outbound: !is_ours, id: message.transaction };
        if message.class == Class::Success && !message.has_integrity && self.transactions.is_check(key) {
            return self.on_unprotected_answer(packet, message);
        }
        let answer = self.transactions.answer(key, packet.base, packet.remote);
        self.show_answer(packet, message, &answer);
        match answer {
            Answer::Unasked | Answer::Again => {}
            Answer::FromElsewhere(request) if request.wants_elsewhere => {}
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

    fn show_answer(&mut self, packet: &Packet, message: &StunMessage, answer: &Answer) {
        let (request, from_elsewhere) = match answer {
            Answer::Fits(request) => (request, false),
            Answer::FromElsewhere(request) => (request, !request.wants_elsewhere),
            Answer::Unasked | Answer::Again => {
                let facts = self.ladder_facts(packet, self.lane_between(packet));
                return self.picture.ladder.alone(&facts, message);
            }
        };
        let server = Lane::Server { base: request.base, remote: request.remote };
        let facts = self.ladder_facts(packet, request.pair.map_or(server, Lane::Pair));
        if request.pair.is_some() {
            self.sight_stun(packet, SightedKind::Answer);
            let outbound = packet.direction == Direction::Outbound;
            let (remote, asked) = (packet.remote, request.remote);
            let seen = SeenAnswer { outbound, message, remote, asked, from_elsewhere };
            let place = self.here();
            self.linter.on_answer(&mut self.picture.lint, place, &seen);
        }
        let rtt = request.rtt(facts.at).filter(|_| !from_elsewhere);
        self.picture.ladder.answer(&facts, message, Asked { exchange: request.exchange, rtt, from_elsewhere });
    }

    /// Without MESSAGE-INTEGRITY an answer to a check proves nothing (RFC 8489 section 9.1.4).
    fn on_unprotected_answer(&mut self, packet: &Packet, message: &StunMessage) {
        let facts = self.ladder_facts(packet, self.lane_between(packet));
        self.picture.ladder.alone(&facts, message);
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
        if let Some((view, facts)) = self.pairs.get_mut(&mut self.picture.pairs, id) {
            facts.answers_from_elsewhere += 1;
            view.signs.answers_from_elsewhere += 1;
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
        let is_nomination = is_success && request.use_candidate && !view.nominated;
        view.nominated |= is_nomination;
        if is_nomination {
            self.lint_nomination(id, false, request.is_numbered);
            self.mark(MarkerKind::Nomination, format!("The peer nominated {}", self.pair_name(id)));
        }
        match &message.error {
            Some(error) => self.say_error(id, error, "we answered"),
            None => self.say_check(id, message, "answer sent"),
        }
        self.judge_pair(id);
    }

    fn on_valid_answer(&mut self, id: PairId, message: &StunMessage, request: &Transaction) {
        let at = self.picture.at;
        if self.picture.timings.first_valid.replace(self.picture.timings.first_valid.unwrap_or(at)).is_none() {
            self.mark(MarkerKind::Milestone, format!("{} was the first pair to answer", self.pair_name(id)));
        }
        let rtt = request.rtt(at);
        let Some((view, facts)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        let is_first = view.last_answer.is_none();
        view.responses_received += 1;
        view.last_answer = Some(at);
        let is_nomination = request.use_candidate && !view.nominated;
        view.nominated |= is_nomination;
        view.rtt = rtt.or(view.rtt);
        view.total_rtt = view.total_rtt.saturating_add(rtt.unwrap_or_default());
        facts.unanswered_since = None;
        view.signs.unanswered_since = None;
        view.signs.idle_before_silence = None;
        view.signs.on_activity(at, true);
        view.signs.nominations_answered += u64::from(request.use_candidate);
        facts.unanswered = 0;
        if let Some(rtt) = rtt.filter(|_| view.selected) {
            push_sample(&mut self.picture.series.rtt_ms, at, rtt.as_secs_f64() * 1e3);
        }
        let severity = if is_first { Severity::Info } else { Severity::Detail };
        let after = rtt.map_or_else(String::new, |rtt| format!(" in {}", millis(rtt)));
        self.say(severity, "check", format!("{}: answered{after}", self.pair_name(id)));
        if is_nomination {
            self.lint_nomination(id, true, request.is_numbered);
            self.mark(MarkerKind::Nomination, format!("{} is nominated", self.pair_name(id)));
        }
        if let Some(mapped) = message.mapped {
            self.reveal_local(id, mapped, request.priority);
        }
        self.judge_pair(id);
    }

    fn lint_nomination(&mut self, id: PairId, by_us: bool, is_numbered: bool) {
        let is_mixed = |id| self.pairs.get(&self.picture, id).is_some_and(|(_, facts)| facts.mixes_generations);
        if is_mixed(id) {
            return;
        }
        let others = self.picture.pairs.iter().filter(|pair| pair.id.generation == id.generation && pair.id != id);
        let others = others.filter(|pair| pair.nominated && !is_mixed(pair.id)).count();
        let place = self.here();
        Linter::on_nominated(&mut self.picture.lint, place, by_us, is_numbered, others);
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
