//! Each direction of a call in a report.

use serde::Serialize;

use super::ms;
use crate::{
    Picture,
    directions::{Directions, Way, Worse, directions},
};

/// Both directions; what is not known is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectionsReport {
    /// From us to the peer.
    pub to_peer: WayReport,
    /// From the peer to us.
    pub to_us: WayReport,
    /// `toPeer` or `toUs`, if one direction is worse for sure.
    pub worse: Option<&'static str>,
    /// What people read.
    pub sentences: Vec<String>,
}

/// One direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WayReport {
    /// Share of RTP packets lost, percent.
    pub loss_percent: Option<f64>,
    /// Median one-way delay.
    pub one_way_delay_ms: Option<f64>,
    /// At most how much the delay is wrong.
    pub one_way_delay_uncertainty_ms: Option<f64>,
    /// Interarrival jitter.
    pub jitter_ms: Option<f64>,
    /// Checks that left, retransmissions among them.
    pub checks_sent: Option<u64>,
    /// Checks that arrived.
    pub checks_received: Option<u64>,
}

impl DirectionsReport {
    /// None while only this end is known.
    pub(super) fn of(picture: &Picture) -> Option<Self> {
        let found = directions(picture);
        if !found.is_known() {
            return None;
        }
        let Directions { there, here, worse, sentences } = found;
        let worse = worse.map(|worse| match worse {
            Worse::There => "toPeer",
            Worse::Here => "toUs",
        });
        Some(Self { to_peer: WayReport::of(&there), to_us: WayReport::of(&here), worse, sentences })
    }
}

impl WayReport {
    fn of(way: &Way) -> Self {
        Self {
            loss_percent: way.loss_percent,
            one_way_delay_ms: way.delay.map(|delay| ms(delay.median)),
            one_way_delay_uncertainty_ms: way.delay.map(|delay| ms(delay.uncertainty)),
            jitter_ms: way.jitter.map(ms),
            checks_sent: way.checks.map(|(left, _)| left),
            checks_received: way.checks.map(|(_, arrived)| arrived),
        }
    }
}
