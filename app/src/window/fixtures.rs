//! Hand-made calls for the window's tests: one snapshot per moment worth looking at.

mod exchanged;
mod parts;

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

pub use self::exchanged::{both_sides, exchanged, forged};
use self::parts::*;
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

fn at(ms: u64) -> Stamp {
    Stamp::from_millis(ms)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn visit<S>(state: S, entered: u64, left: Option<u64>) -> Visit<S> {
    Visit { state, entered: at(entered), left: left.map(at) }
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
            mapping_meaning: None,
            filtering_meaning: None,
            mapping_unknown: unknown,
            filtering: Some("address-dependent"),
            filtering_unknown: None,
            carrier_grade: true,
        },
        web: None,
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
