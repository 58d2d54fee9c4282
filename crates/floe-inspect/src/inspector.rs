//! The inspector: one record after the other in, the picture out.

mod ending;
mod expectation;
mod media;
mod moves;
mod network;
mod packets;
mod pairing;
mod peer;
mod relay;
mod sightings;
mod signaling;
mod steering;

use std::{net::SocketAddr, time::Duration};

use floe_wire::{BaseId, Generation, IceConnectionState, Note, Record, RecordBody, Stamp, peer::MoveReason};

use self::{moves::Moves, peer::BothEnds};
pub(crate) use self::{
    peer::{digest_of, media_digest},
    sightings::sighting_of,
};
use crate::{
    Picture,
    candidates::CandidateIndex,
    credentials::Credentials,
    events::EventLog,
    lint::{Linter, Place},
    markers::{MARKERS_KEPT, Marker, MarkerKind},
    pair_state::{Circumstances, judge},
    pairs::PairTable,
    phases::{Ending, phases},
    picture::{PairId, PairState, Severity},
    states::GenerationStates,
    transactions::Transactions,
    why::{why, why_gone},
};

/// How old judgements that depend on time may be: sentences count whole seconds.
const PAIRS_STALE_AFTER: Duration = Duration::from_secs(1);

/// Phases show times while they run; packets alone do not have to move them more often.
const PHASES_STALE_AFTER: Duration = Duration::from_millis(250);

/// Folds records into a [`Picture`]. Reads no clock: time is in the records and in [`Inspector::tick`].
///
/// Memory is bounded whatever the record holds: lists have caps, transactions and samples expire.
#[derive(Debug, Clone, Default)]
pub struct Inspector {
    picture: Picture,
    log: EventLog,
    credentials: Credentials,
    transactions: Transactions,
    local: CandidateIndex,
    remote: CandidateIndex,
    pairs: PairTable,
    generations: GenerationStates,
    ending: Ending,
    unwrappers: relay::Unwrappers,
    linter: Linter,
    /// The base whose packets the system last refused, and when.
    last_refusal: Option<(BaseId, Stamp)>,
    both_ends: BothEnds,
    moves: Moves,
    /// The newest record's stamp.
    recorded: Stamp,
    pairs_judged_at: Stamp,
    phases_judged_at: Stamp,
    is_pairs_stale: bool,
    is_phases_stale: bool,
}

impl Inspector {
    /// An inspector of an empty record.
    #[must_use]
    pub fn new() -> Self {
        let mut inspector = Self::default();
        inspector.judge_phases();
        inspector
    }

    /// Folds one record in. Time never goes backwards: a record older than its predecessor counts as simultaneous.
    pub fn ingest(&mut self, record: &Record) {
        self.recorded = self.recorded.max(record.at);
        // Time may have passed before a record of an earlier moment was handed over; that moment is still its own.
        self.picture.at = self.recorded;
        self.picture.counters.records += 1;
        match &record.body {
            RecordBody::Packet(packet) => self.on_packet(packet),
            RecordBody::Note(note) => self.on_note(note),
        }
        self.judge_if_stale();
    }

    /// Lets time pass without a record: "12 of 39 s" moves on, unanswered pairs expire.
    pub fn tick(&mut self, now: Stamp) {
        if now > self.picture.at {
            self.picture.at = now;
            self.judge_pairs();
            self.judge_phases();
        }
    }

    /// The picture of everything folded in so far.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    fn on_note(&mut self, note: &Note) {
        match note {
            Note::SessionStarted { wall_ms, version } => self.on_session_started(*wall_ms, version),
            Note::InterfaceListed(interface) => self.on_interface_listed(interface),
            Note::BaseOpened { base, interface, address, kind } => {
                self.on_base_opened(*base, interface, *address, kind);
            }
            Note::BaseFailed { interface, address, error } => self.on_base_failed(interface, *address, error),
            Note::BaseClosed { base } => self.on_base_closed(*base),
            Note::SendFailed { base, remote, error } => self.on_send_failed(*base, *remote, error),
            Note::ConnectionOpened { base, local, remote, dialed, took } => {
                self.on_connection_opened(*base, *local, *remote, *dialed, *took);
            }
            Note::ConnectionFailed { base, remote, error } => self.on_connection_failed(*base, *remote, error),
            Note::ConnectionClosed { base, remote, reason } => self.on_connection_closed(*base, *remote, reason),
            Note::FramingBroken { base, remote, direction, fault } => {
                self.on_framing_broken(*base, *remote, *direction, *fault);
            }
            Note::ServerAnswered { server, base, mapped, rtt } => self.on_server_answered(server, *base, *mapped, *rtt),
            Note::ServerFailed { server, base, error } => self.on_server_failed(server, *base, error),
            Note::RelayAllocated { server, client, relayed, mapped, lifetime, rtt, .. } => {
                self.on_relay_allocated(server, *client, *relayed, *mapped, *lifetime, *rtt);
            }
            Note::RelayRefreshFailed { relay, error } => self.on_relay_refresh_failed(*relay, error),
            Note::RelayLost { relay, error } => self.on_relay_lost(*relay, error),
            Note::RelayRefusedHost { relay, host, error } => self.on_relay_refused_host(*relay, *host, error),
            Note::GatheringChanged { generation, state } => self.on_gathering_changed(*generation, *state),
            Note::DefaultRoute { interface } => self.on_default_route(interface.as_deref()),
            Note::Resumed { asleep } => self.on_resumed(*asleep),
            Note::WebRedirected { to } => self.on_web_redirected(to),
            Note::NameAsked { name } => self.on_name_asked(name),
            Note::NameFound { name, address } => self.on_name_found(name, *address),
            Note::NameTold { name } => self.on_name_told(name),
            Note::NameSilent { name } => self.on_name_silent(name),
            Note::CodeReady { characters } => self.on_code_ready(*characters),
            Note::PeerCodeAccepted { created_s, candidates } => self.on_peer_code_accepted(*created_s, *candidates),
            Note::CodeConfirmed => self.on_code_confirmed(),
            Note::NatJudged { base, mapping, filtering } => self.on_nat_judged(*base, *mapping, *filtering),
            Note::OwnNat { summary } => self.on_own_nat(*summary),
            Note::PeerNat { summary } => self.on_peer_nat(*summary),
            Note::PeerCandidateProblem { problem } => self.on_peer_candidate_problem(problem),
            Note::PeerCodeRefused { reason } => self.on_peer_code_refused(reason),
            Note::SignalingChanged { state } => self.on_signaling_changed(*state),
            Note::SignalingRefused { state, message } => self.on_signaling_refused(*state, message),
            Note::LocalCredentials { generation, ufrag } => self.on_local_credentials(*generation, ufrag),
            Note::RemoteCredentials { generation, ufrag } => self.on_remote_credentials(*generation, ufrag),
            Note::PasswordMeasured { generation, is_ours, characters, is_reused } => {
                self.on_password_measured(*generation, *is_ours, *characters, *is_reused);
            }
            Note::LocalCandidate { generation, base, candidate, server } => {
                self.on_local_candidate(*generation, *base, candidate, server.as_deref());
            }
            Note::RemoteCandidate { generation, candidate } => self.on_remote_candidate(*generation, candidate),
            Note::RoleDecided { role } => self.on_role_decided(*role),
            Note::IceConnectionChanged { generation, state } => self.on_ice_connection_changed(*generation, *state),
            Note::RoleConflict { base, remote } => self.on_role_conflict(*base, *remote),
            Note::PathSuspected { suspected } => self.on_path_suspected(*suspected),
            Note::NominationDelayed { generation, base, remote, better_base, better_remote, wait } => {
                let pair = |base: &BaseId, remote: &SocketAddr| PairId {
                    generation: *generation,
                    base: *base,
                    remote: *remote,
                };
                self.on_nomination_delayed(pair(base, remote), pair(better_base, better_remote), *wait);
            }
            Note::StandbyChanged { generation, pairs } => self.on_standby_changed(*generation, pairs),
            Note::PairSelected { generation, base, remote } => {
                self.on_pair_selected(PairId { generation: *generation, base: *base, remote: *remote });
            }
            Note::PairJudged(ruling) => self.on_pair_judged(ruling),
            Note::HandshakeStarted { client } => self.on_handshake_started(*client),
            Note::Secured(facts) => self.on_secured(facts),
            Note::SecurityFailed { error } => self.on_security_failed(error),
            Note::FirstAudio => self.on_first_audio(),
            Note::AudioMeasured(measure) => self.on_audio_measured(measure),
            Note::AudioInterrupted { began, lasted, made_up } => self.on_audio_interrupted(*began, *lasted, *made_up),
            Note::AudioDevice { message } => self.on_audio_device(message),
            Note::Muted { muted } => self.on_muted(*muted),
            Note::PacketRefused { base, remote, reason } => self.on_packet_refused(*base, *remote, *reason),
            Note::Dropped { what, count } => self.on_dropped(*what, *count),
            Note::TrafficCounted { base, remote, direction, counts } => {
                self.on_traffic_counted(*base, *remote, *direction, counts);
            }
            Note::Redacted => self.on_redacted(),
            Note::HandshakeSeen(seen) => self.on_handshake_seen(seen),
            Note::ControlOpened => self.on_control_opened(),
            Note::ControlClosed { reason } => self.on_control_closed(reason),
            Note::PeerMuted { muted } => self.on_peer_muted(*muted),
            Note::PeerPairSelected { generation, address } => self.on_peer_pair_selected(*generation, *address),
            Note::PeerMoved { generation, reason } => self.on_peer_moved(*generation, *reason),
            Note::ClocksCompared(clocks) => self.on_clocks_compared(*clocks),
            Note::PeerDigest(digest) => self.on_peer_digest(digest),
            Note::Captured => self.on_captured(),
            Note::PeerSideAdded { matched } => self.on_peer_side_added(*matched),
            Note::ClocksMatched { at, clocks } => self.on_clocks_matched(*at, *clocks),
            Note::PeerSightings(told) => self.on_peer_sightings(told),
            Note::NetworkChanged { appeared, vanished } => self.on_network_changed(appeared, vanished),
            Note::RestartStarted { generation, cause } => self.on_restart_started(*generation, *cause),
            Note::TookOver { generation } => self.on_moved(*generation, MoveReason::TookOver, false),
            Note::Moved { generation, reason, is_guess } => self.on_moved(*generation, *reason, *is_guess),
            Note::RestartImpossible { reason } => self.on_restart_impossible(reason),
            Note::GenerationRetired { generation } => self.on_generation_retired(*generation),
            Note::Ended { reason } => self.on_ended(reason),
        }
        self.is_phases_stale = true;
    }

    /// Where in the record we are.
    fn here(&self) -> Place {
        Place { at: self.picture.at, record: self.picture.counters.records.saturating_sub(1) }
    }

    fn say(&mut self, severity: Severity, topic: &'static str, text: String) {
        let at = self.picture.at;
        self.log.push(&mut self.picture, at, severity, topic, text);
    }

    /// Marks a moment that people jump to.
    fn mark(&mut self, kind: MarkerKind, text: String) {
        let at = self.picture.at;
        self.picture.markers.push(Marker { at, kind, text }, MARKERS_KEPT);
    }

    /// What people call a base: its interface.
    fn base_name(&self, base: BaseId) -> String {
        self.picture.base(base).map_or_else(|| base.to_string(), |view| view.interface.clone())
    }

    fn pair_name(&self, id: PairId) -> String {
        format!("{} → {}", self.base_name(id.base), id.remote)
    }

    fn judge_if_stale(&mut self) {
        let at = self.picture.at;
        if self.is_pairs_stale || at.since(self.pairs_judged_at) >= PAIRS_STALE_AFTER {
            self.judge_pairs();
            let place = self.here();
            self.linter.on_time(&mut self.picture, place);
        }
        if self.is_phases_stale || at.since(self.phases_judged_at) >= PHASES_STALE_AFTER {
            self.judge_phases();
        }
    }

    fn judge_pairs(&mut self) {
        self.pairs_judged_at = self.picture.at;
        self.is_pairs_stale = false;
        let mut now = None;
        for position in 0..self.picture.pairs.len() {
            let id = self.picture.pairs[position].id;
            let now = match now {
                Some((generation, known)) if generation == id.generation => known,
                _ => now.insert((id.generation, self.circumstances(id.generation))).1,
            };
            self.judge_pair_in(id, &now);
        }
    }

    /// Judges one pair after a packet went over it.
    fn judge_pair(&mut self, id: PairId) {
        let now = self.circumstances(id.generation);
        self.judge_pair_in(id, &now);
    }

    fn judge_pair_in(&mut self, id: PairId, now: &Circumstances) {
        let is_in_reserve =
            self.picture.ended.is_none() && self.picture.standby.contains(&id) && !self.picture.is_blocked(id);
        let is_gone = self.picture.base(id.base).is_some_and(|base| base.is_gone);
        let Some((view, facts)) = self.pairs.get_mut(&mut self.picture.pairs, id) else { return };
        let state = if is_gone { PairState::Failed } else { judge(view, facts, now) };
        self.is_phases_stale |= state != view.state;
        view.state = state;
        view.why = if is_gone { why_gone(view) } else { why(view, facts, now) };
        if is_in_reserve && state == PairState::Succeeded {
            view.why.push_str("; in reserve, can take over without a check");
        }
        self.append_peers_word(id);
        self.prepend_ruling(id);
    }

    fn circumstances(&self, generation: Generation) -> Circumstances {
        let picture = &self.picture;
        let state = self.generations.get(generation);
        let selected = picture.selections.last().map(|selection| selection.pair);
        let is_closed = picture.ended.is_some() || picture.ice_connection_state() == IceConnectionState::Closed;
        let is_replaced = selected.is_some_and(|pair| pair.generation > generation);
        let is_finished = matches!(state, IceConnectionState::Completed | IceConnectionState::Failed);
        Circumstances {
            at: picture.ended_at.map_or(picture.at, |ended| ended.min(picture.at)),
            failed: state == IceConnectionState::Failed,
            checking_over: is_closed || is_replaced || is_finished,
            selected: selected.map(|id| (id, self.pairs.get(picture, id).map_or(0, |(_, facts)| facts.rank))),
        }
    }

    fn judge_phases(&mut self) {
        self.phases_judged_at = self.picture.at;
        self.is_phases_stale = false;
        self.picture.phases = phases(&self.picture, &self.ending);
    }
}
