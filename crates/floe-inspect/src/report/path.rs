//! Candidates, pairs, selections and restarts of a report.

use floe_wire::{
    CandidateType, Generation, RelayProtocol,
    peer::{MoveReason, RestartCause},
};
use serde::Serialize;

use super::{at_ms, ms};
use crate::{
    Picture,
    peer::RestartView,
    picture::{CandidateView, PairView, Selection},
};

/// A candidate (W3C `RTCIceCandidateStats`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateReport {
    /// `L1`, `R2`, ….
    pub id: String,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub candidate_type: &'static str,
    /// `udp` or `tcp`.
    pub protocol: &'static str,
    /// `active`, `passive` or `so`, of TCP candidates.
    pub tcp_type: Option<floe_wire::TcpType>,
    /// Between us and the relay, of relayed candidates.
    pub relay_protocol: Option<&'static str>,
    /// IP address.
    pub address: String,
    /// Port.
    pub port: u16,
    /// RFC 8445 section 5.1.2.
    pub priority: u32,
    /// RFC 8445 section 5.1.1.3.
    pub foundation: String,
    /// IP address of the base or the mapping behind it.
    pub related_address: Option<String>,
    /// Its port.
    pub related_port: Option<u16>,
    /// The server that told it.
    pub url: Option<String>,
    /// Our interface.
    pub network_interface: Option<String>,
    /// Its ICE generation.
    pub generation: u32,
    /// When it became known.
    pub at_ms: f64,
}

impl CandidateReport {
    pub(super) fn of(view: &CandidateView) -> Self {
        let candidate = &view.candidate;
        Self {
            id: view.id.clone(),
            candidate_type: candidate.candidate_type.name(),
            protocol: candidate.protocol.name(),
            tcp_type: candidate.tcp_type,
            relay_protocol: relay_protocol(view),
            address: candidate.address.ip().to_string(),
            port: candidate.address.port(),
            priority: candidate.priority,
            foundation: candidate.foundation.clone(),
            related_address: candidate.related_address.map(|address| address.ip().to_string()),
            related_port: candidate.related_address.map(|address| address.port()),
            url: view.server.clone(),
            network_interface: view.interface.clone(),
            generation: view.generation.0,
            at_ms: at_ms(view.at),
        }
    }
}

/// How the server of a relayed candidate is reached; its URL tells (RFC 7065).
fn relay_protocol(view: &CandidateView) -> Option<&'static str> {
    let url = view.server.as_ref().filter(|_| view.candidate.candidate_type == CandidateType::Relayed)?;
    let protocol = match url.as_str() {
        url if url.starts_with("turns:") => RelayProtocol::Tls,
        url if url.ends_with("transport=tcp") => RelayProtocol::Tcp,
        _ => RelayProtocol::Udp,
    };
    Some(protocol.name())
}

/// A candidate pair (W3C `RTCIceCandidatePairStats`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PairReport {
    /// Id of our host candidate.
    pub local_candidate_id: Option<String>,
    /// Id of the peer's candidate.
    pub remote_candidate_id: Option<String>,
    /// Where the check stands.
    pub state: &'static str,
    /// USE-CANDIDATE was answered.
    pub nominated: bool,
    /// Audio goes over it.
    pub selected: bool,
    /// Its ICE generation.
    pub generation: u32,
    /// RFC 8445 section 6.1.2.3; null while the role or a candidate is not known.
    pub priority: Option<u64>,
    /// New transactions sent, those for consent included.
    pub requests_sent: u64,
    /// Requests received.
    pub requests_received: u64,
    /// Answers sent.
    pub responses_sent: u64,
    /// Answers received.
    pub responses_received: u64,
    /// Requests sent again.
    pub retransmissions_sent: u64,
    /// Requests sent after the pair had succeeded.
    pub consent_requests_sent: u64,
    /// Seconds.
    pub current_round_trip_time: Option<f64>,
    /// Seconds; null while no round trip was measured.
    pub total_round_trip_time: Option<f64>,
    /// One sentence.
    pub why: String,
    /// `forced`, `blocked` or `distrusted`, whatever the priority says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
}

impl PairReport {
    pub(super) fn of(picture: &Picture, view: &PairView) -> Self {
        Self {
            local_candidate_id: view.local_candidate.clone(),
            remote_candidate_id: view.remote_candidate.clone(),
            state: view.state.name(),
            nominated: view.nominated,
            selected: view.selected,
            generation: view.id.generation.0,
            priority: (view.priority > 0).then_some(view.priority),
            requests_sent: view.requests_sent,
            requests_received: view.requests_received,
            responses_sent: view.responses_sent,
            responses_received: view.responses_received,
            retransmissions_sent: view.retransmissions_sent,
            consent_requests_sent: view.consent_requests_sent,
            current_round_trip_time: view.rtt.map(|rtt| rtt.as_secs_f64()),
            total_round_trip_time: view.rtt.map(|_| view.total_rtt.as_secs_f64()),
            why: view.why.clone(),
            verdict: picture.ruling_of(view.id).map(|known| known.ruling.verdict.name()),
        }
    }
}

/// Audio moved to a pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SelectionReport {
    /// When.
    pub at_ms: f64,
    /// Id of our host candidate.
    pub local_candidate_id: Option<String>,
    /// Id of the peer's candidate.
    pub remote_candidate_id: Option<String>,
    /// Its ICE generation.
    pub generation: u32,
    /// Why audio moved there; not of the first one, and where nothing tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<MoveReason>,
    /// What was wrong with the pair before, if it worked and was left all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl SelectionReport {
    pub(super) fn of(picture: &Picture, selection: &Selection) -> Self {
        let pair = picture.pair(selection.pair);
        Self {
            at_ms: at_ms(selection.at),
            local_candidate_id: pair.and_then(|pair| pair.local_candidate.clone()),
            remote_candidate_id: pair.and_then(|pair| pair.remote_candidate.clone()),
            generation: selection.pair.generation.0,
            reason: selection.reason,
            why: picture.reason_of(selection),
        }
    }
}

/// An ICE restart: every generation after the first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartReport {
    /// The generation it began.
    pub generation: u32,
    /// Why it was begun; null where the record does not tell.
    pub cause: Option<RestartCause>,
    /// When it began, or its first candidate was found.
    pub started_ms: f64,
    /// When audio moved to a pair of it.
    pub selected_ms: Option<f64>,
    /// How much audio was made up around it; null where it was not measured.
    pub audio_gap_ms: Option<f64>,
}

impl RestartReport {
    fn of(restart: &RestartView) -> Self {
        Self {
            generation: restart.generation.0,
            cause: Some(restart.cause),
            started_ms: at_ms(restart.started),
            selected_ms: restart.selected.map(at_ms),
            audio_gap_ms: restart.gap.map(ms),
        }
    }

    pub(super) fn all(picture: &Picture) -> Vec<Self> {
        let mut restarts: Vec<Self> = picture.restarts.iter().map(Self::of).collect();
        // Other programs' records show a restart by its candidates only.
        for view in picture.local_candidates.iter().filter(|view| view.generation > Generation(0)) {
            let generation = view.generation;
            if restarts.iter().any(|restart| restart.generation == generation.0) {
                continue;
            }
            let selection = picture.selections.iter().find(|selection| selection.pair.generation == generation);
            restarts.push(Self {
                generation: generation.0,
                cause: None,
                started_ms: at_ms(view.at),
                selected_ms: selection.map(|selection| at_ms(selection.at)),
                audio_gap_ms: None,
            });
        }
        restarts
    }
}
