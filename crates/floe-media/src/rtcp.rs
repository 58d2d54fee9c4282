//! RTCP compound packets (RFC 3550 section 6): SR, RR, SDES with CNAME, BYE.

pub mod ntp;
pub mod session;

use thiserror::Error;

pub use ntp::NtpTime;

const VERSION: u8 = 2;
const TYPE_SR: u8 = 200;
const TYPE_RR: u8 = 201;
const TYPE_SDES: u8 = 202;
const TYPE_BYE: u8 = 203;
const SDES_CNAME: u8 = 1;
const HEADER_LEN: usize = 4;
const BLOCK_LEN: usize = 24;
/// Five bits of count.
const MAX_COUNT: usize = 31;

/// One packet of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RtcpReport {
    /// A sender's report.
    Sender {
        /// Who reports.
        ssrc: u32,
        /// When, what and how much was sent.
        info: SenderInfo,
        /// What the sender receives itself.
        blocks: Vec<ReportBlock>,
    },
    /// A report of someone who does not send.
    Receiver {
        /// Who reports.
        ssrc: u32,
        /// What is received.
        blocks: Vec<ReportBlock>,
    },
    /// A source's canonical name.
    Cname {
        /// Whose name.
        ssrc: u32,
        /// The name; invalid UTF-8 is replaced.
        cname: String,
    },
    /// Sources leave.
    Bye {
        /// Which.
        ssrcs: Vec<u32>,
        /// Why, if said.
        reason: Option<String>,
    },
    /// A packet type that Floe does not read.
    Other {
        /// Its type.
        packet_type: u8,
    },
}

/// The sender's part of a sender report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderInfo {
    /// Wall-clock time of the report.
    pub ntp: NtpTime,
    /// The same time on the media clock.
    pub rtp_timestamp: u32,
    /// Packets sent since the start.
    pub packets: u32,
    /// Payload bytes sent since the start.
    pub octets: u32,
}

/// Reception statistics of one source (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the start, within 24 bits signed.
    pub cumulative_lost: i32,
    /// Extended highest sequence number received.
    pub highest_sequence: u32,
    /// Interarrival jitter in RTP units.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time; zero if none came.
    pub last_sr: u32,
    /// Time since that report in 1/65536 s.
    pub delay_since_last_sr: u32,
}

/// Why bytes are not an RTCP compound packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RtcpError {
    /// A packet is longer than what is left.
    #[error("RTCP packet cut off at byte {at}")]
    Truncated {
        /// Where the packet begins.
        at: usize,
    },
    /// Another version than 2.
    #[error("RTCP version {version}, expected 2")]
    Version {
        /// The version seen.
        version: u8,
    },
    /// The first packet is neither SR nor RR (RFC 3550 section 6.1).
    #[error("an RTCP compound begins with packet type {packet_type}, expected a report")]
    NoReportFirst {
        /// What it begins with.
        packet_type: u8,
    },
    /// The content contradicts the length.
    #[error("malformed RTCP packet of type {packet_type}")]
    Malformed {
        /// Its type.
        packet_type: u8,
    },
}
