//! One call's RTCP: reports from our counters, and what the peer's reports say.

use std::time::Duration;

use super::RtcpError;
use crate::{ReceiverStats, SenderStats};

/// Builds reports and remembers the peer's.
#[derive(Debug)]
pub struct RtcpSession {}

/// What the peer's last compound said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RtcpNews {
    /// The round trip, if the compound reports on our stream.
    pub rtt: Option<Duration>,
    /// The fraction of our packets lost since its last report, 0 to 1.
    pub remote_fraction_lost: Option<f64>,
    /// How much of ours the peer lost since the start.
    pub remote_packets_lost: Option<i32>,
    /// The jitter that the peer measures, in seconds.
    pub remote_jitter_s: Option<f64>,
    /// The peer's source left.
    pub bye: bool,
}

impl RtcpSession {
    /// A session for our source under this canonical name (RFC 7022: random, per session).
    #[must_use]
    pub fn new(_ssrc: u32, _cname: String) -> Self {
        Self {}
    }

    /// Builds the next report; `wall` is the time since the Unix epoch.
    #[must_use]
    pub fn report(&mut self, _sender: &SenderStats, _receiver: &ReceiverStats, _wall: Duration) -> Vec<u8> {
        Vec::new()
    }

    /// Builds the last report with a BYE.
    #[must_use]
    pub fn bye(&mut self, _sender: &SenderStats, _receiver: &ReceiverStats, _wall: Duration) -> Vec<u8> {
        Vec::new()
    }

    /// Reads the peer's compound.
    ///
    /// # Errors
    /// When it is malformed; nothing of it is kept then.
    pub fn handle(&mut self, _bytes: &[u8], _wall: Duration) -> Result<RtcpNews, RtcpError> {
        Ok(RtcpNews::default())
    }

    /// The last round trip measured.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        None
    }

    /// The fraction of our packets lost in the peer's last report, 0 to 1.
    #[must_use]
    pub fn remote_fraction_lost(&self) -> Option<f64> {
        None
    }

    /// Whether the peer said goodbye.
    #[must_use]
    pub fn bye_received(&self) -> bool {
        false
    }
}
