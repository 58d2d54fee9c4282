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
/// Five bits of count.
const MAX_COUNT: usize = 31;
/// The cumulative loss has 24 bits with a sign.
const MOST_LOST: i32 = (1 << 23) - 1;
const LEAST_LOST: i32 = -(1 << 23);

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

/// Builds one compound packet.
#[must_use]
pub fn compound(reports: &[RtcpReport]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for report in reports {
        report.write(&mut bytes);
    }
    bytes
}

/// Takes a compound packet apart.
///
/// # Errors
/// When any of it is malformed (RFC 3550 A.2 drops such compounds whole).
pub fn parse(bytes: &[u8]) -> Result<Vec<RtcpReport>, RtcpError> {
    let mut reports = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let [first, packet_type, len0, len1, ..] = *rest else { return Err(RtcpError::Truncated { at }) };
        let version = first >> 6;
        if version != VERSION {
            return Err(RtcpError::Version { version });
        }
        if at == 0 && packet_type != TYPE_SR && packet_type != TYPE_RR {
            return Err(RtcpError::NoReportFirst { packet_type });
        }
        let end = HEADER_LEN + usize::from(u16::from_be_bytes([len0, len1])) * 4;
        let body = rest.get(HEADER_LEN..end).ok_or(RtcpError::Truncated { at })?;
        at += end;
        let malformed = RtcpError::Malformed { packet_type };
        let is_last = at == bytes.len();
        let body = if first & 0x20 == 0 { body } else { strip_padding(body, is_last).ok_or(malformed)? };
        let count = usize::from(first & 0x1F);
        RtcpReport::read(packet_type, count, body, &mut reports).ok_or(malformed)?;
    }
    if reports.is_empty() { Err(RtcpError::Truncated { at: 0 }) } else { Ok(reports) }
}

/// Only the last packet of a compound may be padded (RFC 3550 section 6.4.1).
fn strip_padding(body: &[u8], is_last: bool) -> Option<&[u8]> {
    let padding = usize::from(*body.last()?);
    let fits = is_last && padding > 0 && padding.is_multiple_of(4);
    body.get(..body.len().checked_sub(padding)?).filter(|_| fits)
}

impl RtcpReport {
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Sender { ssrc, info, blocks } => {
                let mut body = ssrc.to_be_bytes().to_vec();
                info.write(&mut body);
                let count = write_blocks(blocks, &mut body);
                write_packet(TYPE_SR, count, &body, bytes);
            }
            Self::Receiver { ssrc, blocks } => {
                let mut body = ssrc.to_be_bytes().to_vec();
                let count = write_blocks(blocks, &mut body);
                write_packet(TYPE_RR, count, &body, bytes);
            }
            Self::Cname { ssrc, cname } => write_packet(TYPE_SDES, 1, &cname_chunk(*ssrc, cname), bytes),
            Self::Bye { ssrcs, reason } => {
                let count = ssrcs.len().min(MAX_COUNT);
                let mut body: Vec<u8> = ssrcs[..count].iter().flat_map(|ssrc| ssrc.to_be_bytes()).collect();
                if let Some(reason) = reason {
                    write_text(reason, &mut body);
                    pad_to_words(&mut body);
                }
                write_packet(TYPE_BYE, count, &body, bytes);
            }
            Self::Other { .. } => {}
        }
    }

    fn read(packet_type: u8, count: usize, body: &[u8], reports: &mut Vec<Self>) -> Option<()> {
        let mut body = Reader(body);
        match packet_type {
            TYPE_SR => {
                let (ssrc, info) = (body.u32()?, SenderInfo::read(&mut body)?);
                reports.push(Self::Sender { ssrc, info, blocks: read_blocks(count, &mut body)? });
            }
            TYPE_RR => reports.push(Self::Receiver { ssrc: body.u32()?, blocks: read_blocks(count, &mut body)? }),
            TYPE_SDES => read_chunks(count, &mut body, reports)?,
            TYPE_BYE => {
                let ssrcs = (0..count).map(|_| body.u32()).collect::<Option<_>>()?;
                let reason = if body.0.is_empty() { None } else { Some(body.text()?) };
                reports.push(Self::Bye { ssrcs, reason });
            }
            _ => reports.push(Self::Other { packet_type }),
        }
        Some(())
    }
}

impl SenderInfo {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.ntp.0.to_be_bytes());
        for word in [self.rtp_timestamp, self.packets, self.octets] {
            bytes.extend(word.to_be_bytes());
        }
    }

    fn read(body: &mut Reader<'_>) -> Option<Self> {
        let (high, low) = (u64::from(body.u32()?), u64::from(body.u32()?));
        let ntp = NtpTime(high << 32 | low);
        Some(Self { ntp, rtp_timestamp: body.u32()?, packets: body.u32()?, octets: body.u32()? })
    }
}

impl ReportBlock {
    fn write(&self, bytes: &mut Vec<u8>) {
        let lost = self.cumulative_lost.clamp(LEAST_LOST, MOST_LOST).to_be_bytes();
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.extend([self.fraction_lost, lost[1], lost[2], lost[3]]);
        for word in [self.highest_sequence, self.jitter, self.last_sr, self.delay_since_last_sr] {
            bytes.extend(word.to_be_bytes());
        }
    }

    fn read(body: &mut Reader<'_>) -> Option<Self> {
        let (ssrc, loss) = (body.u32()?, body.u32()?);
        Some(Self {
            ssrc,
            fraction_lost: (loss >> 24) as u8,
            // Shifted up and back, the sign of the 24 bits is kept.
            cumulative_lost: (loss << 8).cast_signed() >> 8,
            highest_sequence: body.u32()?,
            jitter: body.u32()?,
            last_sr: body.u32()?,
            delay_since_last_sr: body.u32()?,
        })
    }
}

fn write_packet(packet_type: u8, count: usize, body: &[u8], bytes: &mut Vec<u8>) {
    let words = u16::try_from(body.len() / 4).unwrap_or(u16::MAX);
    bytes.push(VERSION << 6 | count as u8);
    bytes.push(packet_type);
    bytes.extend(words.to_be_bytes());
    bytes.extend(body);
}

fn write_blocks(blocks: &[ReportBlock], bytes: &mut Vec<u8>) -> usize {
    let count = blocks.len().min(MAX_COUNT);
    for block in &blocks[..count] {
        block.write(bytes);
    }
    count
}

fn read_blocks(count: usize, body: &mut Reader<'_>) -> Option<Vec<ReportBlock>> {
    (0..count).map(|_| ReportBlock::read(body)).collect()
}

fn cname_chunk(ssrc: u32, cname: &str) -> Vec<u8> {
    let mut chunk = ssrc.to_be_bytes().to_vec();
    chunk.push(SDES_CNAME);
    write_text(cname, &mut chunk);
    // At least one zero ends the chunk.
    chunk.push(0);
    pad_to_words(&mut chunk);
    chunk
}

/// Reads SDES chunks (RFC 3550 section 6.5), of which only the names are kept.
fn read_chunks(count: usize, body: &mut Reader<'_>, reports: &mut Vec<RtcpReport>) -> Option<()> {
    for _ in 0..count {
        let whole = body.0.len();
        let ssrc = body.u32()?;
        loop {
            match body.u8()? {
                0 => break,
                SDES_CNAME => reports.push(RtcpReport::Cname { ssrc, cname: body.text()? }),
                _ => drop(body.text()?),
            }
        }
        let used = whole - body.0.len();
        body.take(used.next_multiple_of(4) - used)?;
    }
    Some(())
}

/// A length byte and at most 255 bytes of text, cut between characters.
fn write_text(text: &str, bytes: &mut Vec<u8>) {
    let end = text.floor_char_boundary(usize::from(u8::MAX));
    bytes.push(end as u8);
    bytes.extend(&text.as_bytes()[..end]);
}

fn pad_to_words(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// What is left of a packet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<String> {
        let len = usize::from(self.u8()?);
        Some(String::from_utf8_lossy(self.take(len)?).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block() -> ReportBlock {
        ReportBlock {
            ssrc: 5,
            fraction_lost: 64,
            cumulative_lost: -3,
            highest_sequence: 0x0001_0002,
            jitter: 7,
            last_sr: 8,
            delay_since_last_sr: 9,
        }
    }

    fn everything() -> Vec<RtcpReport> {
        let info = SenderInfo { ntp: NtpTime(1 << 33 | 5), rtp_timestamp: 6, packets: 7, octets: 8 };
        vec![
            RtcpReport::Sender { ssrc: 1, info, blocks: vec![block()] },
            RtcpReport::Receiver { ssrc: 1, blocks: vec![block(), block()] },
            RtcpReport::Cname { ssrc: 1, cname: "grüße".into() },
            RtcpReport::Bye { ssrcs: vec![1, 2], reason: Some("hung up".into()) },
            RtcpReport::Bye { ssrcs: vec![1], reason: None },
        ]
    }

    #[test]
    fn a_compound_survives_the_way_there_and_back() {
        let bytes = compound(&everything());
        assert!(bytes.len().is_multiple_of(4));
        assert_eq!(parse(&bytes), Ok(everything()));
    }

    #[test]
    fn a_receiver_report_is_laid_out_as_the_rfc_says() {
        let bytes = compound(&[RtcpReport::Receiver { ssrc: 0x0102_0304, blocks: vec![block()] }]);
        assert_eq!(bytes[..8], [0x81, 201, 0, 7, 1, 2, 3, 4]);
        assert_eq!(bytes[8..20], [0, 0, 0, 5, 64, 0xFF, 0xFF, 0xFD, 0, 1, 0, 2]);
        assert_eq!(bytes.len(), 32);
    }

    #[test]
    fn names_of_every_length_end_on_a_word() {
        for len in 0..300 {
            let cname = "x".repeat(len);
            let report = RtcpReport::Receiver { ssrc: 1, blocks: vec![] };
            let bytes = compound(&[report.clone(), RtcpReport::Cname { ssrc: 9, cname: cname.clone() }]);
            let kept = cname[..len.min(255)].to_owned();
            assert_eq!(parse(&bytes), Ok(vec![report, RtcpReport::Cname { ssrc: 9, cname: kept }]));
        }
    }

    #[test]
    fn malformed_compounds_name_what_is_wrong() {
        assert_eq!(parse(&[]), Err(RtcpError::Truncated { at: 0 }));
        assert_eq!(parse(&[0x80, 201, 0]), Err(RtcpError::Truncated { at: 0 }));
        assert_eq!(parse(&[0x80, 201, 0, 1, 0, 0]), Err(RtcpError::Truncated { at: 0 }));
        assert_eq!(parse(&[0x40, 201, 0, 0]), Err(RtcpError::Version { version: 1 }));
        assert_eq!(parse(&[0x80, 203, 0, 0]), Err(RtcpError::NoReportFirst { packet_type: 203 }));
        assert_eq!(parse(&[0x81, 201, 0, 1, 0, 0, 0, 1]), Err(RtcpError::Malformed { packet_type: 201 }));
        let padded_inside = [0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0x80, 201, 0, 1, 0, 0, 0, 1];
        assert_eq!(parse(&padded_inside), Err(RtcpError::Malformed { packet_type: 201 }));
    }

    #[test]
    fn feedback_packets_are_passed_over() {
        let mut bytes = compound(&[RtcpReport::Receiver { ssrc: 1, blocks: vec![] }]);
        bytes.extend([0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(parse(&bytes).unwrap()[1], RtcpReport::Other { packet_type: 206 });
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_compound_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn a_damaged_compound_is_still_read_without_panic(at in 0usize..160, value: u8, cut in 0usize..200) {
            let mut bytes = compound(&everything());
            let len = bytes.len();
            bytes[at % len] = value;
            bytes.truncate(cut.min(len));
            if let Ok(reports) = parse(&bytes) {
                prop_assert!(parse(&compound(&reports)).is_ok());
            }
        }
    }
}
