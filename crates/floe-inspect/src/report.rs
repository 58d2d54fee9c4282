//! The report: the JSON object that `--json` prints, and the same as one page of text or HTML that a person can send.

mod directions;
mod html;
mod lint;
mod media;
mod page;
mod path;
mod peer;
mod text;
mod totals;

use floe_wire::Stamp;
use serde::Serialize;

pub use self::{
    directions::{DirectionsReport, WayReport},
    html::html_page,
    lint::{LintReport, LintUnknownReport},
    media::{AudioReport, NatReport, SecurityReport, ServerReport},
    path::{CandidateReport, PairReport, RestartReport, SelectionReport},
    peer::{PeerPairReport, PeerReport},
    text::text_page,
    totals::{CountersReport, StateReport, StatesReport, TimingsReport},
};
use crate::{
    Finding, Picture, diagnose,
    diagnosis::{evidence_code, is_connected},
};

/// The report of a call; field names and units are those of W3C webrtc-stats where one exists. What is not known is
/// null.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of the program that wrote the record.
    pub floe: Option<String>,
    /// Whether the call connected.
    pub outcome: Outcome,
    /// The stable code of the evidence, of a failed call.
    pub failure_code: Option<String>,
    /// Our ICE role.
    pub role: Option<&'static str>,
    /// Milestones.
    pub timings: TimingsReport,
    /// The three state machines.
    pub states: StatesReport,
    /// Our candidates.
    pub local_candidates: Vec<CandidateReport>,
    /// The peer's candidates.
    pub remote_candidates: Vec<CandidateReport>,
    /// Pairs of every generation.
    pub candidate_pairs: Vec<PairReport>,
    /// Pairs that audio went over.
    pub selected_pairs: Vec<SelectionReport>,
    /// ICE restarts.
    pub restarts: Vec<RestartReport>,
    /// What the peer told of its side; null if it told nothing.
    pub peer: Option<PeerReport>,
    /// Each direction by itself; null while only this end is known.
    pub directions: Option<DirectionsReport>,
    /// Audio counters, once measured.
    pub audio: Option<AudioReport>,
    /// The secure channel, once there is one.
    pub security: Option<SecurityReport>,
    /// One row per server URL.
    pub servers: Vec<ServerReport>,
    /// What the servers' answers say about the NAT.
    pub nat: NatReport,
    /// Rules that match, the most telling one first.
    pub diagnosis: Vec<Finding>,
    /// Where either side strays from the RFCs.
    pub lint: Vec<LintReport>,
    /// Rules of that kind that the record does not hold enough for.
    pub lint_unknown: Vec<LintUnknownReport>,
    /// Totals.
    pub counters: CountersReport,
}

/// Whether a call connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Audio was secured on a selected pair, and ICE did not fail in the end.
    Connected,
    /// It was not, or it did.
    Failed,
}

impl Report {
    /// The report of what the picture shows.
    #[must_use]
    pub fn of(picture: &Picture) -> Self {
        let outcome = if is_connected(picture) { Outcome::Connected } else { Outcome::Failed };
        Self {
            floe: picture.version.clone(),
            outcome,
            failure_code: (outcome == Outcome::Failed).then(|| evidence_code(picture)),
            role: picture.role.map(floe_wire::IceRole::name),
            timings: TimingsReport::of(&picture.timings),
            states: StatesReport::of(picture),
            local_candidates: picture.local_candidates.iter().map(CandidateReport::of).collect(),
            remote_candidates: picture.remote_candidates.iter().map(CandidateReport::of).collect(),
            candidate_pairs: picture.pairs.iter().map(|pair| PairReport::of(picture, pair)).collect(),
            selected_pairs: picture
                .selections
                .iter()
                .map(|selection| SelectionReport::of(picture, selection))
                .collect(),
            restarts: RestartReport::all(picture),
            peer: PeerReport::of(picture),
            directions: DirectionsReport::of(picture),
            audio: picture.audio.as_ref().map(|audio| AudioReport::of(audio, &picture.interruptions)),
            security: SecurityReport::of(&picture.security),
            servers: ServerReport::all(picture),
            nat: NatReport::of(picture),
            diagnosis: diagnose(picture),
            lint: picture.lint.iter().map(LintReport::of).collect(),
            lint_unknown: LintUnknownReport::all(picture),
            counters: CountersReport::of(&picture.counters),
        }
    }
}

/// Milliseconds with microseconds behind the point: more digits are noise.
fn ms(duration: std::time::Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

fn at_ms(stamp: Stamp) -> f64 {
    ms(stamp.0)
}
