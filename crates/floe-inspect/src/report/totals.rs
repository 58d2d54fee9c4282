//! Milestones, state machines and totals of a report.

use floe_wire::{Stamp, note::DropKind};
use serde::Serialize;

use super::{at_ms, ms};
use crate::{
    Picture,
    picture::{Counters, Timings, Visit},
};

/// Milestones in milliseconds: the first three from the start, the others from the moment both codes were known.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimingsReport {
    /// Our code could be given away.
    pub code_ready_ms: Option<f64>,
    /// Gathering was complete.
    pub gathered_ms: Option<f64>,
    /// The second code was known.
    pub both_codes_ms: Option<f64>,
    /// Our first check left.
    pub first_check_ms: Option<f64>,
    /// A check of ours was first answered.
    pub first_valid_ms: Option<f64>,
    /// The first pair was selected.
    pub selected_ms: Option<f64>,
    /// Media keys were in place.
    pub secured_ms: Option<f64>,
    /// The peer's audio was first heard.
    pub first_audio_ms: Option<f64>,
}

impl TimingsReport {
    pub(super) fn of(timings: &Timings) -> Self {
        let after_codes = |stamp: Option<Stamp>| Some(ms(stamp?.since(timings.both_codes?)));
        Self {
            code_ready_ms: timings.code_ready.map(at_ms),
            gathered_ms: timings.gathered.map(at_ms),
            both_codes_ms: timings.both_codes.map(at_ms),
            first_check_ms: after_codes(timings.first_check),
            first_valid_ms: after_codes(timings.first_valid),
            selected_ms: after_codes(timings.selected),
            secured_ms: after_codes(timings.secured),
            first_audio_ms: after_codes(timings.first_audio),
        }
    }
}

/// The three state machines.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatesReport {
    /// `RTCSignalingState`.
    pub signaling: Vec<StateReport>,
    /// `RTCIceGatheringState`.
    pub gathering: Vec<StateReport>,
    /// `RTCIceConnectionState`.
    pub ice_connection: Vec<StateReport>,
}

impl StatesReport {
    pub(super) fn of(picture: &Picture) -> Self {
        Self {
            signaling: visits(&picture.signaling),
            gathering: visits(&picture.gathering),
            ice_connection: visits(&picture.ice_connection),
        }
    }
}

fn visits<S: ToString>(visits: &[Visit<S>]) -> Vec<StateReport> {
    let report = |visit: &Visit<S>| StateReport { at_ms: at_ms(visit.entered), state: visit.state.to_string() };
    visits.iter().map(report).collect()
}

/// A state was entered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateReport {
    /// When.
    pub at_ms: f64,
    /// The W3C name.
    pub state: String,
}

/// Totals.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountersReport {
    /// Records folded.
    pub records: u64,
    /// Records that were dropped or are not shown.
    pub dropped_records: u64,
    /// Inbound datagrams that the session could not take in time.
    pub dropped_datagrams: u64,
    /// Candidates above the cap.
    pub dropped_candidates: u64,
    /// Pairs above the cap.
    pub dropped_pairs: u64,
    /// Audio frames that a full queue did not take.
    pub dropped_audio_frames: u64,
    /// Outbound datagrams for which a TCP connection had no room.
    pub dropped_frames: u64,
    /// Connections of strangers to listening ports.
    pub dropped_connections: u64,
    /// Inbound datagrams ignored, over all reasons.
    pub refused_datagrams: u64,
    /// Pasted texts refused.
    pub refused_codes: u64,
    /// Messages that their signaling state did not allow.
    pub refused_signaling_messages: u64,
    /// Events no longer in the log.
    pub forgotten_events: u64,
}

impl CountersReport {
    pub(super) fn of(counters: &Counters) -> Self {
        let dropped =
            |kind: DropKind| counters.dropped.iter().find(|(known, _)| *known == kind).map_or(0, |(_, count)| *count);
        Self {
            records: counters.records,
            dropped_records: dropped(DropKind::Records),
            dropped_datagrams: dropped(DropKind::Datagrams),
            dropped_candidates: dropped(DropKind::Candidates),
            dropped_pairs: dropped(DropKind::Pairs),
            dropped_audio_frames: dropped(DropKind::AudioFrames),
            dropped_frames: dropped(DropKind::Frames),
            dropped_connections: dropped(DropKind::Connections),
            refused_datagrams: counters.refused.iter().fold(0, |sum: u64, (_, count)| sum.saturating_add(*count)),
            refused_codes: counters.codes_refused,
            refused_signaling_messages: counters.signaling_refused,
            forgotten_events: counters.events_forgotten,
        }
    }
}
