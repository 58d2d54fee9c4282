//! Hand-made calls for the window's tests: one snapshot per moment worth looking at.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use floe_call::{
    AudioSource, PasteOutcome, Playback, Snapshot,
    probe::{ForecastRow, Ipv6Report, Ipv6State, NatReport, ProbeReport, Prospect},
};
use floe_inspect::{
    Picture,
    forecast::{Outlook, PeerKind},
    picture::{
        BaseView, CandidateView, Event, Mapping, PairId, PairSigns, PairState, PairView, PeerCode, Phase, PhaseKind,
        PhaseProgress, Sample, SecurityView, Selection, ServerVerdict, ServerView, Severity, Traffic, Visit,
    },
};
use floe_wire::{
    BaseId, BaseKind, Candidate, CandidateType, GatheringState, Generation, IceConnectionState, IceRole, InterfaceInfo,
    InterfaceKind, PacketKind, Protocol, SignalingState, Stamp,
    candidate::{pair_priority, priority},
    note::{AudioMeasure, DropKind, EndReason, RefusalReason, SecurityFacts},
};

use super::{
    devices::DeviceList,
    model::{Journey, Model, Side},
    network_test::TestState,
    playhead::Playhead,
    reading::Reading,
    settings::Settings,
};

/// A code of the usual length.
pub const CODE: &str = "floe:7KQ4M2XHV9TRW3BZC8DN5PYJ6GFSA1EL7KQ4M2XHV9TRW3BZC8DN5PYJ6GFSA1EL7KQ4M2XHV9TRW3BZC8DN\
                        5PYJ6GFSA1EL7KQ4M2XHV9TRW3BZC8DN5PYJ6GFSA1EL7KQ4M2XHV9TRW3BZC8DN5PYJ6GFSA1EL";

const ETH: BaseId = BaseId(1);
const WLAN: BaseId = BaseId(2);

fn at(ms: u64) -> Stamp {
    Stamp::from_millis(ms)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn visit<S>(state: S, entered: u64, left: Option<u64>) -> Visit<S> {
    Visit { state, entered: at(entered), left: left.map(at) }
}

fn base(id: BaseId, interface: &str, kind: InterfaceKind, local: &str, packets: u64) -> BaseView {
    BaseView {
        base: id,
        interface: interface.to_owned(),
        kind,
        address: address(local),
        base_kind: BaseKind::Udp,
        opened: at(2),
        closed: None,
        sent: Traffic { packets, bytes: packets * 118 },
        received: Traffic { packets: packets - packets / 50, bytes: packets * 115 },
        send_failures: 0,
        last_send_error: None,
    }
}

fn candidate(
    id: &str,
    kind: CandidateType,
    place: &str,
    related: Option<&str>,
    preference: u16,
    ms: u64,
) -> CandidateView {
    let local = id.starts_with('L');
    let on_wlan = place.starts_with("192.168.2") || related.is_some_and(|r| r.starts_with("192.168.2"));
    CandidateView {
        id: id.to_owned(),
        at: at(ms),
        generation: Generation(0),
        base: local.then_some(if on_wlan { WLAN } else { ETH }),
        interface: local.then(|| if on_wlan { "wlan0" } else { "eth0" }.to_owned()),
        server: (local && kind == CandidateType::ServerReflexive).then(|| "stun:stun.example.org:3478".to_owned()),
        candidate: Candidate {
            candidate_type: kind,
            protocol: Protocol::Udp,
            tcp_type: None,
            address: address(place),
            priority: priority(kind, preference),
            foundation: format!("{}{preference}", kind.name()),
            related_address: related.map(address),
        },
    }
}

struct Checks {
    sent: u64,
    answered: u64,
    received: u64,
}

fn pair(base: BaseId, remote: &CandidateView, state: PairState, rtt_ms: Option<u64>, checks: &Checks) -> PairView {
    let local = priority(CandidateType::Host, if base == ETH { 65_535 } else { 65_279 });
    let answered = state == PairState::Succeeded;
    PairView {
        id: PairId { generation: Generation(0), base, remote: remote.candidate.address },
        local_candidate: Some(if base == ETH { "L1" } else { "L2" }.to_owned()),
        remote_candidate: Some(remote.id.clone()),
        priority: pair_priority(local, remote.candidate.priority),
        state,
        nominated: false,
        selected: false,
        formed: at(1200),
        requests_sent: checks.sent,
        requests_received: checks.received,
        responses_sent: checks.received,
        responses_received: checks.answered,
        retransmissions_sent: checks.sent.saturating_sub(checks.answered) / 2,
        consent_requests_sent: if answered { 48 } else { 0 },
        last_error: None,
        rtt: rtt_ms.map(Duration::from_millis),
        total_rtt: Duration::from_millis(rtt_ms.unwrap_or(0) * checks.answered),
        last_request_sent: (checks.sent > 0).then(|| at(1900)),
        last_answer: answered.then(|| at(253_000)),
        last_request_received: (checks.received > 0).then(|| at(1880)),
        media_sent: Traffic::default(),
        media_received: Traffic::default(),
        why: why(state, checks),
        signs: PairSigns::default(),
    }
}

fn why(state: PairState, checks: &Checks) -> String {
    match state {
        PairState::Frozen => "Waits for the first pair of its foundation to be answered.".to_owned(),
        PairState::Waiting => "Its turn has not come: better pairs are checked first.".to_owned(),
        PairState::InProgress => format!("{} checks sent, no answer yet.", checks.sent),
        PairState::Succeeded => {
            format!("{} checks sent, {} answered; your friend can use it too.", checks.sent, checks.answered)
        }
        PairState::Failed => format!(
            "{} checks sent, 0 back; your friend's checks do not arrive either: {}",
            checks.sent, "a host address behind another router cannot be reached."
        ),
    }
}

/// A call that is up over two home routers, with a standby path, a dead one and some trouble in the log.
#[must_use]
pub fn connected() -> Snapshot {
    Snapshot {
        picture: Arc::new(connected_picture()),
        code: Some(CODE.to_owned()),
        paste: Some(PasteOutcome::Accepted),
        finished: false,
    }
}

fn connected_picture() -> Picture {
    let remote = remote_candidates();
    let mut picture = Picture {
        at: at(253_400),
        wall_ms: Some(1_760_000_000_000),
        version: Some("0.1.0".to_owned()),
        interfaces: interfaces(),
        bases: vec![
            base(ETH, "eth0", InterfaceKind::Ethernet, "192.168.1.2:50114", 12_684),
            base(WLAN, "wlan0", InterfaceKind::Wireless, "192.168.2.7:50115", 96),
        ],
        base_failures: vec![("tun0 10.8.0.2".to_owned(), "Cannot assign requested address".to_owned())],
        servers: servers(),
        local_candidates: local_candidates(),
        pairs: pairs(&remote),
        remote_candidates: remote,
        role: Some(IceRole::Controlling),
        signaling: vec![
            visit(SignalingState::Stable, 0, Some(48)),
            visit(SignalingState::HaveLocalOffer, 48, Some(1200)),
            visit(SignalingState::Stable, 1200, None),
        ],
        gathering: vec![
            visit(GatheringState::New, 0, Some(2)),
            visit(GatheringState::Gathering, 2, Some(43)),
            visit(GatheringState::Complete, 43, None),
        ],
        ice_connection: vec![
            visit(IceConnectionState::New, 0, Some(1201)),
            visit(IceConnectionState::Checking, 1201, Some(1259)),
            visit(IceConnectionState::Connected, 1259, Some(1930)),
            visit(IceConnectionState::Completed, 1930, None),
        ],
        phases: phases(),
        peer_code: Some(PeerCode { created_s: 1_760_000_000, accepted: at(1200) }),
        security: SecurityView::Secured(facts()),
        audio: Some(audio()),
        events: events(),
        mappings: mappings(),
        ..Picture::default()
    };
    picture.selections =
        vec![Selection { at: at(1262), pair: picture.pairs.iter().find(|pair| pair.selected).unwrap().id }];
    picture.timings.code_ready = Some(at(48));
    picture.timings.gathered = Some(at(43));
    picture.timings.both_codes = Some(at(1200));
    picture.timings.first_check = Some(at(1202));
    picture.timings.first_valid = Some(at(1259));
    picture.timings.selected = Some(at(1262));
    picture.timings.secured = Some(at(1340));
    picture.timings.first_audio = Some(at(1402));
    fill_series(&mut picture);
    picture.counters.records = 25_911;
    picture.counters.sent_by_kind =
        vec![(PacketKind::Stun, 102), (PacketKind::Dtls, 7), (PacketKind::Rtp, 12_603), (PacketKind::Rtcp, 51)];
    picture.counters.received_by_kind =
        vec![(PacketKind::Stun, 97), (PacketKind::Dtls, 6), (PacketKind::Rtp, 12_571), (PacketKind::Rtcp, 50)];
    picture.counters.refused = vec![(RefusalReason::UnknownUfrag, 2), (RefusalReason::ReplayedMedia, 1)];
    picture.counters.dropped = vec![(DropKind::AudioFrames, 4)];
    picture
}

fn interfaces() -> Vec<InterfaceInfo> {
    [
        ("eth0", InterfaceKind::Ethernet, "192.168.1.2"),
        ("wlan0", InterfaceKind::Wireless, "192.168.2.7"),
        ("tun0", InterfaceKind::Tunnel, "10.8.0.2"),
    ]
    .map(|(name, kind, ip)| InterfaceInfo { name: name.to_owned(), kind, addresses: vec![ip.parse().unwrap()] })
    .to_vec()
}

fn servers() -> Vec<ServerView> {
    let answered = |mapped, ms: u64| ServerVerdict::Answered {
        mapped: address(mapped),
        rtt: Duration::from_micros(ms * 1000 + 400),
    };
    vec![
        ServerView {
            url: "stun:stun.example.org:3478".to_owned(),
            base: Some(ETH),
            verdict: answered("203.0.113.21:61044", 17),
        },
        ServerView {
            url: "stun:stun.example.org:3478".to_owned(),
            base: Some(WLAN),
            verdict: answered("203.0.113.84:40110", 24),
        },
        ServerView {
            url: "stun:stun.example.net".to_owned(),
            base: None,
            verdict: ServerVerdict::Failed {
                error: "Its name does not resolve; check the spelling in the settings.".to_owned(),
            },
        },
    ]
}

fn mappings() -> Vec<Mapping> {
    let seen = |base, destination, is_server, mapped| Mapping {
        base,
        destination: address(destination),
        is_server,
        mapped: address(mapped),
    };
    vec![
        seen(ETH, "192.0.2.3:3478", true, "203.0.113.21:61044"),
        seen(WLAN, "192.0.2.3:3478", true, "203.0.113.84:40110"),
        seen(ETH, "198.51.100.7:54400", false, "203.0.113.21:61044"),
    ]
}

fn local_candidates() -> Vec<CandidateView> {
    use CandidateType::{Host, ServerReflexive};
    vec![
        candidate("L1", Host, "192.168.1.2:50114", None, 65_535, 3),
        candidate("L2", Host, "192.168.2.7:50115", None, 65_279, 3),
        candidate("L3", ServerReflexive, "203.0.113.21:61044", Some("192.168.1.2:50114"), 65_535, 20),
        candidate("L4", ServerReflexive, "203.0.113.84:40110", Some("192.168.2.7:50115"), 65_279, 27),
    ]
}

fn remote_candidates() -> Vec<CandidateView> {
    use CandidateType::{Host, PeerReflexive, Relayed, ServerReflexive};
    vec![
        candidate("R1", Host, "192.168.178.40:54400", None, 65_535, 1200),
        candidate("R2", ServerReflexive, "198.51.100.7:54400", Some("192.168.178.40:54400"), 65_535, 1200),
        candidate("R3", PeerReflexive, "198.51.100.7:60999", None, 65_279, 1244),
        candidate("R4", Relayed, "192.0.2.200:49160", Some("198.51.100.7:54401"), 65_535, 1200),
    ]
}

fn pairs(remote: &[CandidateView]) -> Vec<PairView> {
    use PairState::{Failed, Frozen, InProgress, Succeeded, Waiting};
    let mut pairs = vec![
        pair(ETH, &remote[0], Failed, None, &Checks { sent: 8, answered: 0, received: 0 }),
        pair(WLAN, &remote[0], Failed, None, &Checks { sent: 7, answered: 0, received: 3 }),
        pair(ETH, &remote[1], Succeeded, Some(31), &Checks { sent: 4, answered: 4, received: 3 }),
        pair(WLAN, &remote[1], Succeeded, Some(44), &Checks { sent: 2, answered: 2, received: 2 }),
        pair(ETH, &remote[2], InProgress, None, &Checks { sent: 2, answered: 0, received: 2 }),
        pair(WLAN, &remote[2], Waiting, None, &Checks { sent: 0, answered: 0, received: 0 }),
        pair(ETH, &remote[3], Succeeded, Some(62), &Checks { sent: 1, answered: 1, received: 1 }),
        pair(WLAN, &remote[3], Frozen, None, &Checks { sent: 0, answered: 0, received: 0 }),
    ];
    pairs[2].selected = true;
    pairs[2].nominated = true;
    pairs[2].media_sent = Traffic { packets: 12_603, bytes: 1_512_000 };
    pairs[2].media_received = Traffic { packets: 12_571, bytes: 1_508_000 };
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.priority));
    pairs
}

fn phases() -> Vec<Phase> {
    let done = |kind, since, until, detail: &str| Phase {
        kind,
        progress: PhaseProgress::Done { since: at(since), until: at(until) },
        detail: detail.to_owned(),
    };
    vec![
        done(PhaseKind::Gathering, 2, 43, "4 candidates on 2 interfaces; 1 server silent"),
        done(PhaseKind::Prioritization, 43, 43, "wired first, then Wi-Fi"),
        done(PhaseKind::Exchange, 48, 1200, "4 candidates from your friend"),
        done(PhaseKind::Pairing, 1200, 1201, "8 pairs"),
        done(PhaseKind::Checks, 1202, 1930, "3 of 8 pairs answered"),
        done(PhaseKind::Nomination, 1259, 1262, "your side decided"),
        done(PhaseKind::Conclusion, 1262, 1402, "encrypted, audio after 202 ms"),
    ]
}

fn facts() -> SecurityFacts {
    let fingerprint = |first: u8| (0..32).map(|i| format!("{:02X}", first ^ (i * 7))).collect::<Vec<_>>().join(":");
    SecurityFacts {
        dtls_version: "DTLS 1.2".to_owned(),
        srtp_cipher: "SRTP_AEAD_AES_128_GCM".to_owned(),
        local_fingerprint: fingerprint(0xA1),
        remote_fingerprint: fingerprint(0x5C),
        sas: ["amber", "maple", "orbit", "velvet"].map(str::to_owned),
    }
}

fn audio() -> AudioMeasure {
    AudioMeasure {
        packets_sent: 12_603,
        packets_received: 12_571,
        packets_lost: 14,
        jitter_s: Some(0.0021),
        concealed_samples: 13_440,
        played_samples: 12_096_000,
        fec_packets_used: 3,
        packets_late: 2,
        buffer_ms: Some(42.0),
        buffer_target_ms: Some(40.0),
        sent_level_dbfs: Some(-18.2),
        received_level_dbfs: Some(-31.5),
        tone_hz: None,
        device_queue_ms: Some(12.0),
        rtcp_rtt_s: Some(0.0318),
        remote_fraction_lost: Some(0.002),
        frames_dropped: 4,
    }
}

fn fill_series(picture: &mut Picture) {
    for step in 0..240_u32 {
        let stamp = at(1500 + u64::from(step) * 1000);
        let sample = |value| Sample { at: stamp, value };
        let wave = f64::from(step) / 9.0;
        let spike = if (118..124).contains(&step) { 38.0 } else { 0.0 };
        picture.series.rtt_ms.push(sample(31.0 + 2.5 * wave.sin() + spike));
        picture.series.loss_percent.push(sample(if spike > 0.0 { 4.0 } else { 0.0 }));
        picture.series.jitter_ms.push(sample(2.1 + 0.7 * (wave * 1.7).cos() + spike / 6.0));
        picture.series.buffer_ms.push(sample(40.0 + 2.0 * (wave / 2.0).sin() + spike / 2.0));
        picture.series.level_dbfs.push(sample(-30.0 + 6.0 * (wave * 2.0).sin()));
    }
}

fn events() -> Vec<Arc<Event>> {
    use Severity::{Detail, Info, Warning};
    let lines: [(u64, Severity, &'static str, &str); 16] = [
        (0, Info, "call", "The record begins"),
        (2, Info, "gathering", "eth0 192.168.1.2:50114 is open"),
        (2, Info, "gathering", "wlan0 192.168.2.7:50115 is open"),
        (2, Warning, "gathering", "tun0 10.8.0.2 could not be used: Cannot assign requested address"),
        (20, Info, "gathering", "stun:stun.example.org:3478 sees eth0 as 203.0.113.21:61044 (17 ms)"),
        (43, Warning, "gathering", "stun:stun.example.net does not resolve"),
        (48, Info, "signaling", "Your code is ready"),
        (1200, Info, "signaling", "Your friend's code is here: 4 candidates"),
        (1202, Detail, "check", "Check sent from eth0 to 192.168.178.40:54400"),
        (1207, Detail, "check", "Check sent from eth0 to 198.51.100.7:54400"),
        (1244, Info, "check", "198.51.100.7:60999 is new: your friend's router maps each destination anew"),
        (1259, Info, "check", "eth0 → 198.51.100.7:54400 answered after 31 ms"),
        (1262, Info, "selection", "Audio goes from eth0 to 198.51.100.7:54400"),
        (1340, Info, "security", "Encrypted: DTLS 1.2, SRTP_AEAD_AES_128_GCM"),
        (1402, Info, "audio", "Your friend is heard"),
        (119_200, Warning, "audio", "5 packets lost within one second"),
    ];
    lines
        .into_iter()
        .map(|(ms, severity, topic, text)| Arc::new(Event { at: at(ms), severity, topic, text: text.to_owned() }))
        .collect()
}

/// Our code is ready; nothing came back yet.
#[must_use]
pub fn waiting_for_code() -> Snapshot {
    let full = connected_picture();
    let picture = Picture {
        at: at(9_000),
        interfaces: full.interfaces.clone(),
        bases: full.bases.clone(),
        servers: full.servers.clone(),
        local_candidates: full.local_candidates.clone(),
        signaling: vec![visit(SignalingState::Stable, 0, Some(48)), visit(SignalingState::HaveLocalOffer, 48, None)],
        gathering: full.gathering.clone(),
        ice_connection: vec![visit(IceConnectionState::New, 0, None)],
        phases: waiting_phases(full.phases),
        events: full.events[..7].to_vec(),
        timings: floe_inspect::picture::Timings {
            code_ready: full.timings.code_ready,
            gathered: full.timings.gathered,
            ..Default::default()
        },
        ..Picture::default()
    };
    Snapshot { picture: Arc::new(picture), code: Some(CODE.to_owned()), paste: None, finished: false }
}

fn waiting_phases(mut phases: Vec<Phase>) -> Vec<Phase> {
    phases[2].progress = PhaseProgress::Running { since: at(48) };
    phases[2].detail = "your code is out, your friend's is not here".to_owned();
    for phase in &mut phases[3..] {
        phase.progress = PhaseProgress::Ahead;
        phase.detail = String::new();
    }
    phases
}

/// A wrong text was pasted.
#[must_use]
pub fn refused_paste() -> Snapshot {
    let sentence = "This code is cut off after 97 of 156 characters. Copy all of it and paste again.";
    Snapshot { paste: Some(PasteOutcome::Refused(sentence.to_owned())), ..waiting_for_code() }
}

/// Checks are under way and nothing answered.
#[must_use]
pub fn checking() -> Snapshot {
    let mut picture = connected_picture();
    picture.at = at(13_200);
    picture.selections.clear();
    picture.security = SecurityView::None;
    picture.audio = None;
    picture.series = Default::default();
    for pair in &mut picture.pairs {
        pair.selected = false;
        pair.nominated = false;
        if pair.state == PairState::Succeeded {
            pair.state = PairState::InProgress;
            pair.rtt = None;
            pair.responses_received = 0;
        }
    }
    picture.ice_connection.truncate(2);
    picture.ice_connection[1].left = None;
    picture.timings.first_valid = None;
    picture.timings.selected = None;
    picture.timings.secured = None;
    picture.timings.first_audio = None;
    picture.phases[4] = Phase {
        kind: PhaseKind::Checks,
        progress: PhaseProgress::Running { since: at(1202) },
        detail: "12 of 39 s; 5 pairs left".to_owned(),
    };
    for phase in &mut picture.phases[5..] {
        phase.progress = PhaseProgress::Ahead;
        phase.detail = String::new();
    }
    Snapshot { picture: Arc::new(picture), ..connected() }
}

/// Nothing answered until the checks were given up.
#[must_use]
pub fn failed() -> Snapshot {
    let mut picture = (*checking().picture).clone();
    picture.at = at(40_800);
    for pair in &mut picture.pairs {
        pair.state = PairState::Failed;
        pair.requests_sent = pair.requests_sent.max(7);
        pair.why = "7 checks sent, 0 back.".to_owned();
    }
    picture.ice_connection[1].left = Some(at(40_700));
    picture.ice_connection.push(visit(IceConnectionState::Failed, 40_700, None));
    picture.phases[4].progress = PhaseProgress::Failed { since: at(1202), until: at(40_700) };
    picture.phases[4].detail = "0 of 8 pairs answered".to_owned();
    picture.ended = Some(EndReason::NotConnected);
    picture.ended_at = Some(at(40_800));
    Snapshot { picture: Arc::new(picture), finished: true, ..connected() }
}

/// A call whose second generation is checked while the first one still carries audio.
#[must_use]
pub fn restarting() -> Snapshot {
    let mut picture = connected_picture();
    let mut again: Vec<PairView> = picture
        .pairs
        .iter()
        .filter(|pair| pair.id.base == WLAN)
        .map(|pair| PairView {
            id: PairId { generation: Generation(1), ..pair.id },
            state: PairState::Waiting,
            rtt: None,
            ..pair.clone()
        })
        .collect();
    picture.pairs.append(&mut again);
    Snapshot { picture: Arc::new(picture), ..connected() }
}

/// A record with an event at each of these moments.
#[must_use]
pub fn marked(moments_ms: &[u64]) -> Picture {
    let mut inspector = floe_inspect::Inspector::new();
    for ms in moments_ms {
        let body = floe_wire::RecordBody::note(floe_wire::Note::CodeReady { characters: 220 });
        inspector.ingest(&floe_wire::Record { at: at(*ms), body });
    }
    inspector.picture().clone()
}

/// A record of `rounds` of one answered check and one that is sent twice and lost, a second apart.
#[must_use]
pub fn exchanged(rounds: u64) -> Snapshot {
    use floe_wire::{Direction, Note, RecordBody};
    let mut inspector = floe_inspect::Inspector::new();
    let mut take = |ms: u64, body: RecordBody| inspector.ingest(&floe_wire::Record { at: at(ms), body });
    let credentials = |ufrag: &str| (Generation(0), ufrag.to_owned());
    let (generation, ufrag) = credentials("mine");
    let kind = BaseKind::Udp;
    let opened =
        Note::BaseOpened { base: ETH, interface: "eth0".to_owned(), address: address("192.168.1.2:5000"), kind };
    take(0, RecordBody::note(opened));
    take(0, RecordBody::note(Note::LocalCredentials { generation, ufrag }));
    let (generation, ufrag) = credentials("peer");
    take(0, RecordBody::note(Note::RemoteCredentials { generation, ufrag }));
    for remote in [FRIENDS_OUTSIDE, FRIENDS_INSIDE] {
        let candidate = Candidate { address: address(remote), ..remote_candidates()[0].candidate.clone() };
        take(0, RecordBody::note(Note::RemoteCandidate { generation, candidate }));
    }
    for round in 0..rounds {
        let begin = round * 1000;
        let request = check(round * 2);
        let answer = floe_wire::stun::binding_success(&request, address("203.0.113.21:5000"), Some(PASSWORD)).unwrap();
        take(begin + 100, packet(Direction::Outbound, FRIENDS_OUTSIDE, request));
        take(begin + 131, packet(Direction::Inbound, FRIENDS_OUTSIDE, answer));
        for ms in [200, 700] {
            take(begin + ms, packet(Direction::Outbound, FRIENDS_INSIDE, check(round * 2 + 1)));
        }
    }
    inspector.tick(at(rounds * 1000 + 3_000));
    Snapshot { picture: Arc::new(inspector.picture().clone()), ..connected() }
}

const FRIENDS_OUTSIDE: &str = "203.0.113.9:4000";
const FRIENDS_INSIDE: &str = "192.168.9.9:4000";
const PASSWORD: &str = "any-password-of-24-chars";

fn check(number: u64) -> Vec<u8> {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let check = floe_wire::stun::Check {
        transaction: floe_wire::stun::TransactionId(id),
        remote_ufrag: "peer",
        local_ufrag: "mine",
        remote_password: PASSWORD,
        priority: 1,
        controlling: true,
        tie_breaker: 1,
        nomination: None,
    };
    check.encode()
}

fn packet(direction: floe_wire::Direction, remote: &str, bytes: Vec<u8>) -> floe_wire::RecordBody {
    let (remote, wire_len) = (address(remote), bytes.len() as u32);
    floe_wire::RecordBody::Packet(floe_wire::Packet { base: ETH, direction, remote, bytes: bytes.into(), wire_len })
}

/// What a test of a network found that lets nobody in.
pub fn tested_network() -> Arc<ProbeReport> {
    let prospect = |outlook| Prospect { outlook, why: "both routers use another port for every destination" };
    let unknown = Some("one server alone has nothing to be compared with; add a second one");
    Arc::new(ProbeReport {
        floe: "0.1.0",
        interfaces: Vec::new(),
        interfaces_error: None,
        servers: Vec::new(),
        nat: NatReport {
            mapping: None,
            mapping_unknown: unknown,
            filtering: Some("address-dependent"),
            filtering_unknown: None,
            carrier_grade: true,
        },
        ipv6: Ipv6Report { state: Ipv6State::Off, why: "this computer's system does not speak it" },
        forecast: vec![ForecastRow {
            peer: PeerKind::Symmetric,
            without_relay: prospect(Outlook::NoPath),
            with_relay: prospect(Outlook::Relay),
        }],
    })
}

/// Runs `check` on a model of a call in the given moment.
pub fn with_model<R>(snapshot: &Snapshot, check: impl FnOnce(&Model<'_>) -> R) -> R {
    let settings = Settings::default();
    let reading = Reading::of(&snapshot.picture);
    let model = Model {
        journey: Journey::Call,
        side: Side::You,
        snapshot,
        moment: None,
        reading: &reading,
        now: snapshot.picture.at,
        end: snapshot.picture.at,
        playhead: Playhead::default(),
        file: None,
        source: &AudioSource::Device(None),
        playback: &Playback::Device(None),
        breakage: None,
        settings: &settings,
        devices: &DeviceList::Unknown,
        network_test: &TestState::NotRun,
        toast: None,
        notice: None,
    };
    check(&model)
}
