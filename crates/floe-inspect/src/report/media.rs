//! Audio, security, servers and NAT of a report.

use floe_wire::{NatSummary, note::AudioMeasure};
use serde::Serialize;

use super::{at_ms, ms};
use crate::{
    Picture,
    expectation::NatView,
    forecast::{Outlook, Score},
    gaps::InterruptionView,
    nat,
    picture::{SecurityView, ServerVerdict},
};

/// Audio counters (W3C `RTCInboundRtpStreamStats` and `RTCOutboundRtpStreamStats`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AudioReport {
    /// The only one there is.
    pub codec: &'static str,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received and authenticated.
    pub packets_received: u64,
    /// Packets expected and never received.
    pub packets_lost: i64,
    /// Seconds.
    pub jitter: Option<f64>,
    /// Samples made up.
    pub concealed_samples: u64,
    /// Lost packets rebuilt from FEC.
    pub fec_packets_used: u64,
    /// What the jitter buffer holds.
    pub jitter_buffer_delay_ms: Option<f64>,
    /// Level of what is played.
    pub level_dbfs: Option<f64>,
    /// Strongest tone in what is played.
    pub tone_hz: Option<f64>,
    /// From their microphone to our speaker; null because no record measures it.
    pub mouth_to_ear_ms: Option<f64>,
    /// When audio was made up, oldest first; the newest 256.
    pub interruptions: Vec<InterruptionReport>,
}

/// A stretch of made-up audio.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterruptionReport {
    /// When audio was whole again.
    pub ended_ms: f64,
    /// Where it began, as a position in what was played and perhaps recorded.
    pub position_ms: f64,
    /// From its beginning to its end.
    pub lasted_ms: f64,
    /// How much of it was made up.
    pub made_up_ms: f64,
}

impl InterruptionReport {
    fn of(view: &InterruptionView) -> Self {
        let InterruptionView { ended, position, lasted, made_up } = *view;
        Self { ended_ms: at_ms(ended), position_ms: ms(position), lasted_ms: ms(lasted), made_up_ms: ms(made_up) }
    }
}

impl AudioReport {
    pub(super) fn of(measure: &AudioMeasure, interruptions: &[InterruptionView]) -> Self {
        Self {
            codec: "opus",
            packets_sent: measure.packets_sent,
            packets_received: measure.packets_received,
            packets_lost: measure.packets_lost,
            jitter: measure.jitter_s,
            concealed_samples: measure.concealed_samples,
            fec_packets_used: measure.fec_packets_used,
            jitter_buffer_delay_ms: measure.buffer_ms,
            level_dbfs: measure.received_level_dbfs,
            tone_hz: measure.tone_hz,
            mouth_to_ear_ms: None,
            interruptions: interruptions.iter().map(InterruptionReport::of).collect(),
        }
    }
}

/// The secure channel (W3C `RTCTransportStats`). Of somebody else's capture, what its handshake shows; null is not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityReport {
    /// `DTLS 1.2` or `DTLS 1.3`.
    pub dtls_version: Option<String>,
    /// Cipher suite of the handshake; told of captures only.
    pub dtls_cipher: Option<String>,
    /// SRTP protection profile.
    pub srtp_cipher: Option<String>,
    /// SHA-256 of our certificate.
    pub local_fingerprint: Option<String>,
    /// SHA-256 of the peer's certificate.
    pub remote_fingerprint: Option<String>,
    /// Four words, the same on both sides.
    pub sas: Option<[String; 4]>,
}

impl SecurityReport {
    pub(super) fn of(view: &SecurityView) -> Option<Self> {
        match view {
            SecurityView::Secured(facts) => Some(Self {
                dtls_version: Some(facts.dtls_version.clone()),
                dtls_cipher: None,
                srtp_cipher: Some(facts.srtp_cipher.clone()),
                local_fingerprint: Some(facts.local_fingerprint.clone()),
                remote_fingerprint: Some(facts.remote_fingerprint.clone()),
                sas: Some(facts.sas.clone()),
            }),
            SecurityView::Seen(seen) => Some(Self {
                dtls_version: seen.dtls_version.clone(),
                dtls_cipher: seen.cipher_suite.clone(),
                srtp_cipher: seen.srtp_cipher.clone(),
                local_fingerprint: seen.local_fingerprint.clone(),
                remote_fingerprint: seen.remote_fingerprint.clone(),
                sas: None,
            }),
            SecurityView::None | SecurityView::Handshaking { .. } | SecurityView::Failed { .. } => None,
        }
    }
}

/// What came of asking one server, over all bases.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerReport {
    /// URL as the user wrote it.
    pub url: String,
    /// Whether any base got an answer.
    pub ok: bool,
    /// The shortest round trip of any base.
    pub rtt_ms: Option<f64>,
    /// What happened, where no base got an answer.
    pub error: Option<String>,
}

impl ServerReport {
    pub(super) fn all(picture: &Picture) -> Vec<Self> {
        let mut servers: Vec<Self> = Vec::new();
        for row in &picture.servers {
            match servers.iter_mut().find(|server| server.url == row.url) {
                Some(server) => server.merge(&row.verdict),
                None => {
                    let mut server = Self { url: row.url.clone(), ok: false, rtt_ms: None, error: None };
                    server.merge(&row.verdict);
                    servers.push(server);
                }
            }
        }
        servers
    }

    fn merge(&mut self, verdict: &ServerVerdict) {
        match verdict {
            ServerVerdict::Answered { rtt, .. } => {
                let rtt = ms(*rtt);
                self.ok = true;
                self.rtt_ms = Some(self.rtt_ms.map_or(rtt, |best| best.min(rtt)));
                self.error = None;
            }
            ServerVerdict::Failed { error } if !self.ok => self.error = Some(error.clone()),
            ServerVerdict::Failed { .. } => {}
        }
    }
}

/// What the servers' answers say about the NAT in front of us.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NatReport {
    /// RFC 4787 section 4.1; null when not known.
    pub mapping: Option<&'static str>,
    /// RFC 4787 section 5; null when not known.
    pub filtering: Option<&'static str>,
    /// What the peer's code says of its mapping.
    pub peer_mapping: Option<&'static str>,
    /// What the peer's code says of its filtering.
    pub peer_filtering: Option<&'static str>,
    /// What both codes let expect, and what came.
    pub forecast: Option<ForecastReport>,
}

/// What both codes let expect, and what came.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastReport {
    /// What was expected.
    pub outlook: Outlook,
    /// Why, in one sentence.
    pub why: &'static str,
    /// What came, once something has.
    pub came: Option<Outlook>,
    /// How the two compare; null where nothing was expected or nothing came.
    pub score: Option<Score>,
}

impl NatReport {
    pub(super) fn of(picture: &Picture) -> Self {
        let NatView { own, peer, .. } = &picture.nat;
        let told = |summary: &NatSummary| summary.mapping.unknown().is_none().then(|| summary.mapping.name());
        let filters = |summary: &NatSummary| summary.filtering.known().map(floe_wire::Dependence::name);
        let compared = nat::mapping(picture).map(|mapping| mapping.name());
        Self {
            mapping: own.as_ref().and_then(told).or(compared),
            filtering: own.as_ref().and_then(filters),
            peer_mapping: peer.as_ref().and_then(told),
            peer_filtering: peer.as_ref().and_then(filters),
            forecast: picture.forecast.map(|forecast| ForecastReport {
                outlook: forecast.outlook,
                why: forecast.why,
                came: forecast.came,
                score: forecast.score(),
            }),
        }
    }
}
