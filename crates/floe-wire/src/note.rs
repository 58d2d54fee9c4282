//! Session notes: what the wire alone does not show. No note ever holds a secret.

mod facts;
mod reasons;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use self::{
    facts::{AudioMeasure, InterfaceAddress, SecurityFacts, SeenSecurity, TrafficCount},
    reasons::{DropKind, EndReason, FramingFault, RefusalReason},
};

use crate::{
    BaseId, BaseKind, Candidate, Direction, GatheringState, Generation, IceConnectionState, IceRole, InterfaceInfo,
    NatFiltering, NatMapping, NatSummary, Sightings, SignalingState, Stamp,
    peer::{ClockComparison, Digest, MoveReason, RestartCause},
    verdict::PairRuling,
};

/// Something the session knows and the wire does not show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Note {
    /// The record begins.
    SessionStarted {
        /// Wall clock of stamp zero, milliseconds since the Unix epoch.
        wall_ms: u64,
        /// Version of the program that wrote the record.
        version: String,
    },
    /// The record was made from a capture: it holds what was on the wire, and nothing that only a session knows.
    Captured,
    /// An interface was found.
    InterfaceListed(InterfaceInfo),
    /// A socket is bound, or a relayed address allocated; packets may leave from it.
    BaseOpened {
        /// Its id in this record.
        base: BaseId,
        /// The interface it sits on.
        interface: String,
        /// Its local address.
        address: SocketAddr,
        /// What it sends through.
        kind: BaseKind,
    },
    /// A socket could not be bound.
    BaseFailed {
        /// The interface.
        interface: String,
        /// The address that could not be bound.
        address: IpAddr,
        /// The system's words.
        error: String,
    },
    /// A socket was closed.
    BaseClosed {
        /// The base.
        base: BaseId,
    },
    /// The system refused to send.
    SendFailed {
        /// The base.
        base: BaseId,
        /// Where to.
        remote: SocketAddr,
        /// The system's words.
        error: String,
    },
    /// An ICE-TCP base has a connection: one that it dialed, or one that the peer made and was answered on.
    ConnectionOpened {
        /// The base.
        base: BaseId,
        /// Our end of it.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
        /// Whether we dialed.
        dialed: bool,
        /// From dialing to its being open; of one that the peer made, from its being open to our first answer.
        took: Duration,
    },
    /// An ICE-TCP base could not connect.
    ConnectionFailed {
        /// The base.
        base: BaseId,
        /// Where to.
        remote: SocketAddr,
        /// The system's words.
        error: String,
    },
    /// A connection of an ICE-TCP base has ended.
    ConnectionClosed {
        /// The base.
        base: BaseId,
        /// The peer's end.
        remote: SocketAddr,
        /// Why.
        reason: String,
    },
    /// What one side wrote to an ICE-TCP connection is not framed as RFC 4571 says; told once per connection.
    FramingBroken {
        /// The base.
        base: BaseId,
        /// The peer's end.
        remote: SocketAddr,
        /// Who wrote it: outbound is us.
        direction: Direction,
        /// What is wrong with it.
        fault: FramingFault,
    },
    /// A STUN server answered.
    ServerAnswered {
        /// URL as the user wrote it.
        server: String,
        /// The base it was asked from.
        base: BaseId,
        /// The address it saw.
        mapped: SocketAddr,
        /// From the request that was answered to the answer.
        rtt: Duration,
    },
    /// A STUN server gave no usable answer.
    ServerFailed {
        /// URL as the user wrote it.
        server: String,
        /// The base it was asked from; none when its name did not resolve.
        base: Option<BaseId>,
        /// What happened and what to do.
        error: String,
    },
    /// A TURN server gave a relayed address (RFC 8656 section 7).
    RelayAllocated {
        /// URL without user name and password.
        server: String,
        /// Our side of the connection.
        client: BaseId,
        /// The base that the address is.
        relay: BaseId,
        /// Where peers send to.
        relayed: SocketAddr,
        /// Where the server sees our packets come from.
        mapped: Option<SocketAddr>,
        /// How long the server keeps it unless asked again.
        lifetime: Duration,
        /// From the request that was answered to the answer.
        rtt: Duration,
    },
    /// A TURN server did not say that it keeps a relayed address; it is asked again until the address expires.
    RelayRefreshFailed {
        /// The base that the address is.
        relay: BaseId,
        /// What happened.
        error: String,
    },
    /// A relayed address is gone although we wanted it.
    RelayLost {
        /// The base that the address was.
        relay: BaseId,
        /// What happened.
        error: String,
    },
    /// A TURN server does not relay to or from a host.
    RelayRefusedHost {
        /// The relayed address.
        relay: BaseId,
        /// The peer's host.
        host: IpAddr,
        /// Why.
        error: String,
    },
    /// The interface of the system's default route is known, or changed.
    DefaultRoute {
        /// Its name; none when there is no default route.
        interface: Option<String>,
    },
    /// The computer, or this program alone, stood still for a while and goes on.
    Resumed {
        /// For how long.
        asleep: Duration,
    },
    /// A web page that everybody can read was answered with another one: a captive portal.
    WebRedirected {
        /// Where to; a host name.
        to: String,
    },
    /// The local network was asked for a `.local` name of the peer's (RFC 6762).
    NameAsked {
        /// The name.
        name: String,
    },
    /// Somebody in the local network said what a name of the peer's stands for.
    NameFound {
        /// The name.
        name: String,
        /// The address.
        address: IpAddr,
    },
    /// Somebody in the local network asked for a name of ours, and was told what it stands for.
    NameTold {
        /// The name.
        name: String,
    },
    /// A `.local` name of the peer's (RFC 6762) was asked for, and nobody answered.
    NameSilent {
        /// The name.
        name: String,
    },
    /// ICE gathering changed state.
    GatheringChanged {
        /// The generation.
        generation: Generation,
        /// The state it is in.
        state: GatheringState,
    },
    /// Our code can be given away.
    CodeReady {
        /// Its length in characters.
        characters: usize,
    },
    /// The peer's code was accepted.
    PeerCodeAccepted {
        /// When the peer made it, seconds since the Unix epoch by the peer's clock.
        created_s: u64,
        /// Candidates in it.
        candidates: usize,
    },
    /// Servers, asked again, see us where our code says.
    CodeConfirmed,
    /// It became known how the NAT in front of a base behaves, or why it does not.
    NatJudged {
        /// The base.
        base: BaseId,
        /// When the base keeps its mapped address.
        mapping: NatMapping,
        /// Who may send to it.
        filtering: NatFiltering,
    },
    /// What our code says of our NAT, or would say if it were made at this moment.
    OwnNat {
        /// The summary.
        summary: NatSummary,
    },
    /// What the peer's code says of its NAT.
    PeerNat {
        /// The summary.
        summary: NatSummary,
    },
    /// Something is wrong with a candidate of the peer's code; the rest of the code is used.
    PeerCandidateProblem {
        /// The sentence shown.
        problem: String,
    },
    /// A pasted text was refused.
    PeerCodeRefused {
        /// The sentence shown.
        reason: String,
    },
    /// Signaling changed state.
    SignalingChanged {
        /// The state it is in.
        state: SignalingState,
    },
    /// A message arrived that its state does not allow; it was ignored.
    SignalingRefused {
        /// The state it arrived in.
        state: SignalingState,
        /// What it was.
        message: String,
    },
    /// Our credentials of a generation. The password is not recorded.
    LocalCredentials {
        /// The generation.
        generation: Generation,
        /// The user fragment.
        ufrag: String,
    },
    /// The peer's credentials of a generation. The password is not recorded.
    RemoteCredentials {
        /// The generation.
        generation: Generation,
        /// The user fragment.
        ufrag: String,
    },
    /// What may be told of a password, which is never recorded itself.
    PasswordMeasured {
        /// The generation whose password it is.
        generation: Generation,
        /// Whether it is ours; else the peer's.
        is_ours: bool,
        /// Its length.
        characters: usize,
        /// Whether that side had it in an earlier generation already.
        is_reused: bool,
    },
    /// A candidate of ours was found.
    LocalCandidate {
        /// The generation.
        generation: Generation,
        /// The base it belongs to.
        base: BaseId,
        /// The candidate.
        candidate: Candidate,
        /// The server that told it, for reflexive and relayed ones.
        server: Option<String>,
    },
    /// A candidate of the peer is known.
    RemoteCandidate {
        /// The generation.
        generation: Generation,
        /// The candidate.
        candidate: Candidate,
    },
    /// The tie-breakers decided the roles.
    RoleDecided {
        /// Our role.
        role: IceRole,
    },
    /// The ICE connection changed state.
    IceConnectionChanged {
        /// The generation.
        generation: Generation,
        /// The state it is in.
        state: IceConnectionState,
    },
    /// Both sides claim one role (RFC 8445 section 7.3.1.1); the one with the smaller tie-breaker was told 487. If that
    /// is us, a [`Note::RoleDecided`] follows.
    RoleConflict {
        /// The base it was seen at.
        base: BaseId,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// The selected pair began or ceased to answer, before the connection state says so.
    PathSuspected {
        /// `true`: audio and answers are missing for a moment.
        suspected: bool,
    },
    /// A pair works and is not nominated yet, for the sake of a better one.
    NominationDelayed {
        /// The generation.
        generation: Generation,
        /// Base of the pair that works.
        base: BaseId,
        /// Where it leads.
        remote: SocketAddr,
        /// Base of the better pair that is waited for.
        better_base: BaseId,
        /// Where that one leads.
        better_remote: SocketAddr,
        /// For how long at most.
        wait: Duration,
    },
    /// The pairs in reserve changed: each is kept alive and can take over without a check.
    StandbyChanged {
        /// The generation.
        generation: Generation,
        /// Our base and the peer's address of each, best first.
        pairs: Vec<(BaseId, SocketAddr)>,
    },
    /// Media goes over this pair from here on.
    PairSelected {
        /// The generation.
        generation: Generation,
        /// Our base.
        base: BaseId,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// A pair is to be used or not, whatever its priority.
    PairJudged(PairRuling),
    /// The DTLS handshake began.
    HandshakeStarted {
        /// Whether we are the DTLS client.
        client: bool,
    },
    /// The peer's certificate matched and media keys are in place.
    Secured(SecurityFacts),
    /// The handshake ended without a secure path.
    SecurityFailed {
        /// What happened and what to do.
        error: String,
    },
    /// The first audio frame of the peer was played or recorded.
    FirstAudio,
    /// Audio measurements, a few times a second.
    AudioMeasured(AudioMeasure),
    /// The peer's audio was made up for a while, and is whole again. Times are positions in what was played since
    /// [`Note::FirstAudio`], as in a recording of it.
    AudioInterrupted {
        /// Where the first frame with made-up audio began.
        began: Duration,
        /// From there to the end of the last such frame, some 60 ms before this note.
        lasted: Duration,
        /// How much of it was made up.
        made_up: Duration,
    },
    /// An audio device came, went or failed; the call goes on.
    AudioDevice {
        /// The sentence shown.
        message: String,
    },
    /// The user muted or unmuted.
    Muted {
        /// Whether nothing but silence is sent.
        muted: bool,
    },
    /// A datagram was ignored because it was not authentic, not for us or not readable.
    PacketRefused {
        /// The base it arrived at.
        base: BaseId,
        /// Where it came from.
        remote: SocketAddr,
        /// Why.
        reason: RefusalReason,
    },
    /// Something was dropped to keep memory bounded.
    Dropped {
        /// What.
        what: DropKind,
        /// How many since the last such note.
        count: u64,
    },
    /// Datagrams that are in the record as counts only: media of a long call, or of somebody else's capture.
    TrafficCounted {
        /// The base they left from or arrived at.
        base: BaseId,
        /// The other end.
        remote: SocketAddr,
        /// Which way they went.
        direction: Direction,
        /// How many, by what they are.
        counts: Vec<TrafficCount>,
    },
    /// The wire shows a secure channel of which nothing else is known: somebody else's capture holds the DTLS
    /// handshake and what follows it, but no keys and, since DTLS 1.3, no certificates.
    HandshakeSeen(SeenSecurity),
    /// Both ends can talk to each other beside the media.
    ControlOpened,
    /// The control channel is over, or the peer has none; the call goes on without it.
    ControlClosed {
        /// The sentence shown.
        reason: String,
    },
    /// The peer muted or unmuted.
    PeerMuted {
        /// Whether it sends nothing but silence.
        muted: bool,
    },
    /// The peer sends its media to this address of ours.
    PeerPairSelected {
        /// The generation.
        generation: Generation,
        /// Our address as the peer sees it.
        address: SocketAddr,
    },
    /// The peer tells why it moved its media to the pair that it told last.
    PeerMoved {
        /// The generation.
        generation: Generation,
        /// Why.
        reason: MoveReason,
    },
    /// Both clocks were compared.
    ClocksCompared(ClockComparison),
    /// The peer told what its record says.
    PeerDigest(Digest),
    /// A person gave us the other side's record of this call, after the fact; what it says follows.
    PeerSideAdded {
        /// Messages that both records have.
        matched: u64,
    },
    /// Both clocks, as messages that both records have tell.
    ClocksMatched {
        /// When those messages were under way, by our clock.
        at: Stamp,
        /// What they tell.
        clocks: ClockComparison,
    },
    /// The peer told which messages it sent and received, and when.
    PeerSightings(Sightings),
    /// Addresses of this machine came or went.
    NetworkChanged {
        /// Those that came.
        appeared: Vec<InterfaceAddress>,
        /// Those that went.
        vanished: Vec<InterfaceAddress>,
    },
    /// A new generation of checks begins; media stays where it is until the new generation has a pair.
    RestartStarted {
        /// The new generation.
        generation: Generation,
        /// Why.
        cause: RestartCause,
    },
    /// The pair in use is gone or fell silent, and the one that is selected next was in reserve: no generation begins.
    /// Records of earlier versions have it; see [`Note::Moved`].
    TookOver {
        /// The generation of both.
        generation: Generation,
    },
    /// Why the pair that is selected next is used in place of the one before.
    Moved {
        /// The generation of the next one.
        generation: Generation,
        /// Why.
        reason: MoveReason,
        /// The peer chose it and has not said why: this is what it looks like from here.
        is_guess: bool,
    },
    /// A person asked for a restart that cannot be.
    RestartImpossible {
        /// Why, and what would have to be different.
        reason: String,
    },
    /// A generation was closed after a newer one had taken over.
    GenerationRetired {
        /// The generation.
        generation: Generation,
    },
    /// Addresses and names in this record are pseudonyms. Message integrity is blanked, so it cannot be checked.
    Redacted,
    /// The call is over.
    Ended {
        /// Why.
        reason: EndReason,
    },
}
