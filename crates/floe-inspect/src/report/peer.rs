//! The peer's side in a report.

use serde::Serialize;

use super::ms;
use crate::{
    Picture,
    peer::{ChannelView, PeerPair, PeerView},
};

/// What the peer told of its side.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerReport {
    /// Whether it is muted.
    pub muted: bool,
    /// What is to be added to our times to get the peer's.
    pub clock_offset_ms: Option<f64>,
    /// At most how much the offset is wrong.
    pub clock_uncertainty_ms: Option<f64>,
    /// RTP packets of ours that it received.
    pub packets_received: Option<u64>,
    /// RTP packets of ours that it missed.
    pub packets_lost: Option<i64>,
    /// Interarrival jitter of our packets, in seconds.
    pub jitter: Option<f64>,
    /// Its pairs.
    pub candidate_pairs: Vec<PeerPairReport>,
}

/// A pair as the peer counts it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerPairReport {
    /// The ICE generation.
    pub generation: u32,
    /// Our address, as the peer sees it.
    pub address: String,
    /// The peer's address in the pair of ours that this is; null if none of our checks told.
    pub remote: Option<String>,
    /// Checks that the peer sent.
    pub requests_sent: u32,
    /// Checks of ours that it received.
    pub requests_received: u32,
    /// Answers that it sent.
    pub responses_sent: u32,
    /// Answers of ours that it received.
    pub responses_received: u32,
}

impl PeerReport {
    pub(super) fn of(picture: &Picture) -> Option<Self> {
        let peer = &picture.peer;
        if peer.channel == ChannelView::None {
            return None;
        }
        let PeerView { muted, clocks, media, pairs, .. } = peer;
        Some(Self {
            muted: *muted,
            clock_offset_ms: clocks.map(|clocks| clocks.offset_us as f64 / 1e3),
            clock_uncertainty_ms: clocks.map(|clocks| ms(clocks.uncertainty)),
            packets_received: media.map(|media| media.packets_received),
            packets_lost: media.map(|media| media.packets_lost),
            jitter: media.map(|media| media.jitter.as_secs_f64()),
            candidate_pairs: pairs.iter().map(PeerPairReport::of).collect(),
        })
    }
}

impl PeerPairReport {
    fn of(PeerPair { ours, seen }: &PeerPair) -> Self {
        Self {
            generation: seen.generation.0,
            address: seen.remote.to_string(),
            remote: ours.map(|pair| pair.remote.to_string()),
            requests_sent: seen.requests_sent,
            requests_received: seen.requests_received,
            responses_sent: seen.responses_sent,
            responses_received: seen.responses_received,
        }
    }
}
