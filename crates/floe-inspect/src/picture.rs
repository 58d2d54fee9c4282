//! The picture: everything people see of a call, as plain values. One type per visible thing.

mod pair;
mod phase;
mod relay;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use floe_wire::{
    BaseId, BaseKind, Candidate, GatheringState, Generation, IceConnectionState, IceRole, InterfaceInfo, InterfaceKind,
    PacketKind, Sighting, SignalingState, Stamp,
    note::{AudioMeasure, DropKind, EndReason, RefusalReason, SecurityFacts, SeenSecurity},
    side::{FRAGMENTS_KEPT, fragment_print},
};

pub use self::{
    pair::{PairId, PairSigns, PairState, PairView, Selection},
    phase::{Phase, PhaseKind, PhaseProgress},
    relay::{RelayError, RelayView},
};
use crate::{
    Ladder, LintFinding, Log, Marker,
    bounded::push_bounded,
    directions::WayCounts,
    expectation::{CodeView, ForecastView, NatView},
    gaps::InterruptionView,
    peer::{PeerView, RestartView},
    rulings::RulingView,
};

/// What is known of a call at one moment. The default is the picture of an empty record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Picture {
    /// Stamp of the last record (or tick) folded in.
    pub at: Stamp,
    /// Wall clock of stamp zero, milliseconds since the Unix epoch.
    pub wall_ms: Option<u64>,
    /// Version of the program that wrote the record.
    pub version: Option<String>,
    /// Whether the record was made from a capture, which does not tell of codes and of the end of gathering.
    pub is_capture: bool,
    /// Interfaces listed.
    pub interfaces: Vec<InterfaceInfo>,
    /// Bases, in the order they were opened.
    pub bases: Vec<BaseView>,
    /// Interfaces that could not be bound: name with address, and the system's words.
    pub base_failures: Vec<(String, String)>,
    /// One row per server and base asked.
    pub servers: Vec<ServerView>,
    /// Our candidates, as they were found.
    pub local_candidates: Vec<CandidateView>,
    /// The peer's candidates, signaled and peer-reflexive.
    pub remote_candidates: Vec<CandidateView>,
    /// Candidate pairs of every generation, best priority first within a generation.
    pub pairs: Vec<PairView>,
    /// Pairs that media used, in order; the last one is in use.
    pub selections: Vec<Selection>,
    /// Our ICE role.
    pub role: Option<IceRole>,
    /// Visits of the signaling states, in order.
    pub signaling: Vec<Visit<SignalingState>>,
    /// Visits of the gathering states, in order.
    pub gathering: Vec<Visit<GatheringState>>,
    /// Visits of the ICE connection states, in order.
    pub ice_connection: Vec<Visit<IceConnectionState>>,
    /// The seven phases of a call.
    pub phases: Vec<Phase>,
    /// When milestones were reached.
    pub timings: Timings,
    /// Our code, once there is one.
    pub code: Option<CodeView>,
    /// Both NATs, as far as known.
    pub nat: NatView,
    /// What both codes let expect, and what came.
    pub forecast: Option<ForecastView>,
    /// What the peer's code said of itself.
    pub peer_code: Option<PeerCode>,
    /// Facts of the secure channel.
    pub security: SecurityView,
    /// The newest audio measurement.
    pub audio: Option<AudioMeasure>,
    /// When audio was made up, oldest first, bounded.
    pub interruptions: Vec<InterruptionView>,
    /// Plots, one sample per measurement, newest last, bounded.
    pub series: Series,
    /// The log, oldest first, bounded; `counters.events_forgotten` counts what fell off.
    pub events: Vec<Arc<Event>>,
    /// Totals.
    pub counters: Counters,
    /// Whether we send silence on purpose.
    pub muted: bool,
    /// Newest sentence about an audio device.
    pub audio_device: Option<String>,
    /// Why the call ended, once it has.
    pub ended: Option<EndReason>,
    /// When the call ended.
    pub ended_at: Option<Stamp>,
    /// The addresses others saw us at, one per base and destination, newest answer.
    pub mappings: Vec<Mapping>,
    /// Whether the pair in use is silent for a moment, before the connection state says so.
    pub is_path_suspected: bool,
    /// What the last nomination waited or waits for.
    pub nomination_wait: Option<NominationWait>,
    /// The pairs in reserve, best first: kept alive, and able to take over without a check.
    pub standby: Vec<PairId>,
    /// What the wire showed that belongs to no pair.
    pub evidence: WireEvidence,
    /// What the wire shows of the DTLS handshake.
    pub dtls: DtlsSigns,
    /// Why the newest pasted text was refused.
    pub code_refusal: Option<String>,
    /// Where a captive portal leads web pages to.
    pub captive_portal: Option<String>,
    /// The interface of the default route, where the system tells.
    pub default_route: Option<String>,
    /// When the computer last went on after it had stood still.
    pub resumed: Option<Stamp>,
    /// Names of the local network that nobody answers for.
    pub silent_names: Vec<String>,
    /// Mapped addresses that changed, oldest first.
    pub moved_mappings: Vec<MovedMapping>,
    /// TURN clients of ours, as the wire shows them.
    pub relays: Vec<RelayView>,
    /// Every STUN and TURN message; its copies share their rows.
    pub ladder: Ladder,
    /// Where either side strays from the RFCs, in the order it was seen first.
    pub lint: Vec<LintFinding>,
    /// Whether the record tells of our passwords, and of the peer's, what may be told.
    pub are_passwords_measured: [bool; 2],
    /// Moments worth jumping to, oldest first.
    pub markers: Log<Marker>,
    /// What the peer told of its side.
    pub peer: PeerView,
    /// Fingerprints of the user fragments of both sides, oldest first: they tell which call this is.
    pub fragments: Fragments,
    /// RTP packets that both ends note, as this one saw them.
    pub sampled_media: Log<Sighting>,
    /// Lost and received packets of both directions.
    pub ways: WayCounts,
    /// ICE restarts, oldest first.
    pub restarts: Vec<RestartView>,
    /// What is decided about pairs whatever their priority; one decision for a pair.
    pub rulings: Vec<RulingView>,
    /// Pairs that audio left although they worked, oldest first.
    pub departures: Vec<RulingView>,
}

/// Fingerprints of user fragments ([`floe_wire::side::fragment_print`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fragments {
    /// Ours.
    pub own: Vec<u32>,
    /// The peer's.
    pub peer: Vec<u32>,
}

impl Fragments {
    /// The first ones are the call's own; later generations are known to both sides by those.
    pub(crate) fn add(list: &mut Vec<u32>, ufrag: &str) {
        let print = fragment_print(ufrag);
        if !list.contains(&print) {
            push_bounded(list, print, FRAGMENTS_KEPT);
        }
    }
}

/// What the wire shows of the DTLS handshake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DtlsSigns {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams received.
    pub received: u64,
    /// Of those sent, the ones of 400 bytes and more.
    pub large_sent: u64,
    /// Bytes of the largest datagram sent.
    pub largest_sent: u64,
}

/// A server saw one of our bases at a new address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MovedMapping {
    /// When.
    pub at: Stamp,
    /// Our base.
    pub base: BaseId,
    /// The server.
    pub server: SocketAddr,
    /// The address it saw before.
    pub before: SocketAddr,
    /// The address it sees now.
    pub after: SocketAddr,
}

/// A pair works and is not nominated yet, for the sake of a better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NominationWait {
    /// The pair that works.
    pub pair: PairId,
    /// The better one that may still work.
    pub better: PairId,
    /// When the waiting began.
    pub since: Stamp,
    /// How long it lasts at most.
    pub wait: Duration,
}

/// The address one destination saw one of our bases at (XOR-MAPPED-ADDRESS of its answer).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// Our base.
    pub base: BaseId,
    /// Who answered.
    pub destination: SocketAddr,
    /// Whether it was asked as a STUN server; otherwise it is the peer.
    pub is_server: bool,
    /// The address it saw.
    pub mapped: SocketAddr,
}

/// Counts of what the wire showed that belongs to no pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WireEvidence {
    /// Checks received for a user fragment that is none of ours.
    pub checks_for_unknown_ufrag: u64,
    /// Checks received for our user fragment from one that is not the peer's.
    pub checks_from_unknown_ufrag: u64,
    /// Answers that came from another address than asked.
    pub answers_from_elsewhere: u64,
    /// Role conflicts (487) answered or received.
    pub role_conflicts: u64,
    /// Role conflicts that the session reported.
    pub noted_role_conflicts: u64,
    /// The role that the peer's newest check claims.
    pub peer_claims: Option<IceRole>,
    /// Checks that claimed the role that is ours.
    pub claims_of_our_role: u64,
    /// Datagrams that look like STUN and do not parse.
    pub malformed_stun: u64,
    /// What the system let us send.
    pub sends: SendEvidence,
    /// Relayed packets of no known channel or relayed address.
    pub unplaced_relayed: u64,
}

/// What the system let us send over UDP, by where it was to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendEvidence {
    /// Datagrams to private addresses, refused ones included.
    pub private: u64,
    /// Datagrams to all other addresses, refused ones included.
    pub public: u64,
    /// Datagrams to private addresses that the system refused.
    pub refused_private: u64,
    /// Datagrams to all other addresses that the system refused.
    pub refused_public: u64,
    /// Those of both for which we lacked the permission.
    pub denied: u64,
}

/// A base and what went over it.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseView {
    /// Its id.
    pub base: BaseId,
    /// The interface it sits on.
    pub interface: String,
    /// The interface's kind.
    pub kind: InterfaceKind,
    /// Its local address.
    pub address: SocketAddr,
    /// What it sends through.
    pub base_kind: BaseKind,
    /// When it was opened.
    pub opened: Stamp,
    /// When it was closed.
    pub closed: Option<Stamp>,
    /// It was closed while the call went on: its network, or its relay, went away.
    pub is_gone: bool,
    /// Datagrams and bytes sent.
    pub sent: Traffic,
    /// Datagrams and bytes received.
    pub received: Traffic,
    /// Sends the system refused, and its last words.
    pub send_failures: u64,
    /// The system's last refusal.
    pub last_send_error: Option<String>,
}

/// Datagrams and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams.
    pub packets: u64,
    /// Bytes of payload on the wire.
    pub bytes: u64,
}

/// What a STUN server said to one base.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerView {
    /// URL as the user wrote it.
    pub url: String,
    /// The base it was asked from; none when its name did not resolve.
    pub base: Option<BaseId>,
    /// What came of it.
    pub verdict: ServerVerdict,
}

/// What came of asking a server.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerVerdict {
    /// It answered.
    Answered {
        /// The address it saw.
        mapped: SocketAddr,
        /// Round trip.
        rtt: Duration,
    },
    /// It gave no usable answer.
    Failed {
        /// What happened and what to do.
        error: String,
    },
}

/// A candidate of either side.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateView {
    /// Stable within a record: `L1`, `L2`, … or `R1`, `R2`, ….
    pub id: String,
    /// When it became known.
    pub at: Stamp,
    /// Its generation.
    pub generation: Generation,
    /// Our base, for local ones.
    pub base: Option<BaseId>,
    /// The interface, for local ones.
    pub interface: Option<String>,
    /// The server that told it.
    pub server: Option<String>,
    /// The candidate.
    pub candidate: Candidate,
}

/// One stay in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit<S> {
    /// The state.
    pub state: S,
    /// When it was entered.
    pub entered: Stamp,
    /// When it was left; none while in it.
    pub left: Option<Stamp>,
}

/// When milestones were reached, since the start of the record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Our code could be given away.
    pub code_ready: Option<Stamp>,
    /// Gathering was complete.
    pub gathered: Option<Stamp>,
    /// The second of the two codes was known.
    pub both_codes: Option<Stamp>,
    /// Our first check left.
    pub first_check: Option<Stamp>,
    /// A check of ours was first answered.
    pub first_valid: Option<Stamp>,
    /// The first pair was selected.
    pub selected: Option<Stamp>,
    /// Media keys were in place.
    pub secured: Option<Stamp>,
    /// The peer's audio was first heard.
    pub first_audio: Option<Stamp>,
}

/// What the peer's code said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerCode {
    /// When the peer made it, seconds since the Unix epoch by the peer's clock.
    pub created_s: u64,
    /// When it was pasted here.
    pub accepted: Stamp,
}

/// How far the secure channel is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SecurityView {
    /// No handshake yet.
    #[default]
    None,
    /// Shaking hands.
    Handshaking {
        /// Since when.
        since: Stamp,
    },
    /// Media keys are in place.
    Secured(SecurityFacts),
    /// Somebody else's capture shows a secure channel, and of its facts what is not encrypted.
    Seen(SeenSecurity),
    /// No secure channel.
    Failed {
        /// What happened and what to do.
        error: String,
    },
}

/// Samples for plots, newest last; each series is bounded to an hour.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// STUN round trips of the selected pair, milliseconds.
    pub rtt_ms: Vec<Sample>,
    /// Fraction of the peer's packets lost per measurement, percent.
    pub loss_percent: Vec<Sample>,
    /// Interarrival jitter, milliseconds.
    pub jitter_ms: Vec<Sample>,
    /// Jitter buffer fill, milliseconds.
    pub buffer_ms: Vec<Sample>,
    /// Level played, dBFS.
    pub level_dbfs: Vec<Sample>,
    /// One-way delay from us to the peer, milliseconds.
    pub delay_there_ms: Vec<Sample>,
    /// One-way delay from the peer to us, milliseconds.
    pub delay_here_ms: Vec<Sample>,
}

/// One point of a plot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Stamp,
    /// How much.
    pub value: f64,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Stamp,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about: `gathering`, `check`, `selection`, `security`, `audio`, `signaling`, `network`, `call`.
    pub topic: &'static str,
    /// One sentence.
    pub text: String,
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Routine traffic: single checks and answers.
    Detail,
    /// Something a person wants to know.
    Info,
    /// Something that deserves a look.
    Warning,
    /// Something that ended or blocked the call.
    Error,
}

/// Totals of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records folded.
    pub records: u64,
    /// Inbound packets by kind.
    pub received_by_kind: Vec<(PacketKind, u64)>,
    /// Outbound packets by kind.
    pub sent_by_kind: Vec<(PacketKind, u64)>,
    /// Inbound datagrams ignored, by reason.
    pub refused: Vec<(RefusalReason, u64)>,
    /// Things dropped to keep memory bounded.
    pub dropped: Vec<(DropKind, u64)>,
    /// Events no longer in the log.
    pub events_forgotten: u64,
    /// Pasted texts refused.
    pub codes_refused: u64,
    /// Messages that their signaling state did not allow.
    pub signaling_refused: u64,
}

impl Picture {
    /// The pair media goes over.
    #[must_use]
    pub fn selected_pair(&self) -> Option<&PairView> {
        let id = self.selections.last()?.pair;
        self.pair(id)
    }

    /// A pair by its id.
    #[must_use]
    pub fn pair(&self, id: PairId) -> Option<&PairView> {
        self.pairs.iter().find(|pair| pair.id == id)
    }

    /// A base by its id.
    #[must_use]
    pub fn base(&self, base: BaseId) -> Option<&BaseView> {
        self.bases.iter().find(|view| view.base == base)
    }

    /// A candidate of either side by its id (`L1`, `R2`).
    #[must_use]
    pub fn candidate(&self, id: &str) -> Option<&CandidateView> {
        self.local_candidates.iter().chain(&self.remote_candidates).find(|candidate| candidate.id == id)
    }

    /// The current signaling state; `stable` before anything happened.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.signaling.last().map_or(SignalingState::Stable, |visit| visit.state)
    }

    /// The current gathering state.
    #[must_use]
    pub fn gathering_state(&self) -> GatheringState {
        self.gathering.last().map_or(GatheringState::New, |visit| visit.state)
    }

    /// The current ICE connection state.
    #[must_use]
    pub fn ice_connection_state(&self) -> IceConnectionState {
        self.ice_connection.last().map_or(IceConnectionState::New, |visit| visit.state)
    }
}
