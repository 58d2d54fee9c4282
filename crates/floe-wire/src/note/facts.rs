//! What notes tell in numbers and names: traffic, addresses, security, audio.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::PacketKind;

/// Datagrams of one kind that are counted and not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficCount {
    /// What their first bytes say they are.
    pub kind: PacketKind,
    /// How many.
    pub packets: u64,
    /// Bytes of payload on the wire.
    pub bytes: u64,
}

/// An address on an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceAddress {
    /// The interface.
    pub interface: String,
    /// The address.
    pub ip: IpAddr,
}

/// What is known once the DTLS handshake is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityFacts {
    /// `DTLS 1.2` or `DTLS 1.3`.
    pub dtls_version: String,
    /// SRTP protection profile in its RFC spelling.
    pub srtp_cipher: String,
    /// SHA-256 of our certificate, colon-separated hex (RFC 8122).
    pub local_fingerprint: String,
    /// SHA-256 of the peer's certificate, colon-separated hex.
    pub remote_fingerprint: String,
    /// Short authentication string: the same four words on both sides.
    pub sas: [String; 4],
}

/// What a handshake that somebody else captured shows of the secure channel; none is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenSecurity {
    /// `DTLS 1.2` or `DTLS 1.3`.
    pub dtls_version: Option<String>,
    /// The cipher suite in its RFC spelling.
    pub cipher_suite: Option<String>,
    /// SRTP protection profile in its RFC spelling; encrypted since DTLS 1.3.
    pub srtp_cipher: Option<String>,
    /// SHA-256 of our certificate, which is encrypted since DTLS 1.3.
    pub local_fingerprint: Option<String>,
    /// SHA-256 of the peer's certificate.
    pub remote_fingerprint: Option<String>,
}

/// Audio counters since the start of the call, and current levels. Unknown values are `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AudioMeasure {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received and authenticated.
    pub packets_received: u64,
    /// Packets expected and never received (RFC 3550 section 6.4.1; negative with duplicates).
    pub packets_lost: i64,
    /// Interarrival jitter in seconds (RFC 3550 section 6.4.1).
    pub jitter_s: Option<f64>,
    /// Samples made up because nothing arrived in time.
    pub concealed_samples: u64,
    /// All samples played.
    pub played_samples: u64,
    /// Lost packets rebuilt from in-band FEC.
    pub fec_packets_used: u64,
    /// Packets that came after their time to play.
    pub packets_late: u64,
    /// What the jitter buffer holds, in milliseconds.
    pub buffer_ms: Option<f64>,
    /// What the jitter buffer aims at, in milliseconds.
    pub buffer_target_ms: Option<f64>,
    /// What waits in the playback device's queue, in milliseconds.
    pub device_queue_ms: Option<f64>,
    /// Level of what we send, dBFS.
    pub sent_level_dbfs: Option<f64>,
    /// Level of what we play, dBFS.
    pub received_level_dbfs: Option<f64>,
    /// Strongest tone in what we play, in Hz.
    pub tone_hz: Option<f64>,
    /// Round trip measured by RTCP (RFC 3550 section 6.4.1), in seconds.
    pub rtcp_rtt_s: Option<f64>,
    /// Fraction of our packets that the peer reports lost in its last report.
    pub remote_fraction_lost: Option<f64>,
    /// Frames dropped because a bounded queue was full.
    pub frames_dropped: u64,
}
