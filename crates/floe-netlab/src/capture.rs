//! What a third party sees on the wire: tcpdump, and its file read without any code of Floe's.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{Host, Lab, Process};

/// How long tcpdump may take to start and to end.
const START_STOP: Duration = Duration::from_secs(10);
/// Classic pcap, little-endian, microseconds; what tcpdump writes on the machines we run on.
const MAGIC: [u8; 4] = [0xd4, 0xc3, 0xb2, 0xa1];
/// Length of pcap's file header, and of the header of each packet.
const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;
/// Length of an Ethernet header; its last two bytes say what follows.
const ETHERNET: usize = 14;

/// A running tcpdump.
pub struct Capture {
    process: Process,
    file: PathBuf,
}

/// A UDP datagram over IPv4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it, as the wire says.
    pub from: SocketAddrV4,
    /// Where it goes.
    pub to: SocketAddrV4,
    /// What is in it.
    pub payload: Vec<u8>,
}

/// What a datagram's first bytes make it (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// STUN, with its magic cookie.
    Stun,
    /// A DTLS record.
    Dtls,
    /// RTP or RTCP, version 2.
    Rtp,
    /// Anything else.
    Other,
}

impl Capture {
    /// Captures all UDP that passes the middle of the lab.
    ///
    /// # Errors
    /// When tcpdump does not start.
    pub fn in_the_middle(lab: &Lab) -> Result<Self> {
        Self::on(&lab.middle, "br0", lab.file("middle.pcap"))
    }

    fn on(host: &Host, device: &str, file: PathBuf) -> Result<Self> {
        let mut command = host.command("tcpdump");
        // Each packet at once from the kernel, and at once into the file.
        command.args(["-i", device, "--immediate-mode", "-U", "-w"]).arg(&file).arg("udp");
        let mut process = Process::start("tcpdump", &mut command)?;
        process.wait_for_line(START_STOP, |line| line.contains("listening on").then_some(()))?;
        Ok(Self { process, file })
    }

    /// What was captured so far.
    ///
    /// # Errors
    /// When the file is not a capture.
    pub fn so_far(&self) -> Result<Vec<Datagram>> {
        datagrams(&fs::read(&self.file).context("tcpdump wrote no file")?)
    }

    /// Ends the capture and returns all of it.
    ///
    /// # Errors
    /// When tcpdump does not end, or lost packets.
    pub fn stop(mut self) -> Result<Vec<Datagram>> {
        self.process.signal("INT")?;
        let status = self.process.wait(START_STOP)?;
        ensure!(status.success(), "tcpdump ended with {status}");
        let lost = self.process.said().iter().find(|line| line.ends_with("dropped by kernel"));
        ensure!(lost.is_none_or(|line| line.starts_with("0 ")), "tcpdump: {lost:?}");
        self.so_far()
    }
}

impl Datagram {
    /// What it is, by its first bytes.
    pub fn kind(&self) -> Kind {
        match self.payload.first() {
            Some(0..=3) if self.payload.get(4..8) == Some(&[0x21, 0x12, 0xa4, 0x42]) => Kind::Stun,
            Some(20..=63) => Kind::Dtls,
            Some(128..=191) if self.payload.len() >= 12 => Kind::Rtp,
            _ => Kind::Other,
        }
    }

    /// The first byte after RTP's header, where Opus has its table of contents; none for RTCP and everything else.
    pub fn first_media_byte(&self) -> Option<u8> {
        // Payload types 64 to 95 are RTCP (RFC 5761 section 4).
        let is_rtcp = matches!(self.payload.get(1)? & 0x7f, 64..=95);
        if self.kind() != Kind::Rtp || is_rtcp {
            return None;
        }
        let contributors = usize::from(self.payload[0] & 0x0f) * 4;
        let mut at = 12 + contributors;
        if self.payload[0] & 0x10 != 0 {
            let words = u16::from_be_bytes([*self.payload.get(at + 2)?, *self.payload.get(at + 3)?]);
            at += 4 + usize::from(words) * 4;
        }
        self.payload.get(at).copied()
    }
}

/// The UDP datagrams of a capture; a packet that is still being written ends it.
fn datagrams(file: &[u8]) -> Result<Vec<Datagram>> {
    if file.len() < FILE_HEADER {
        return Ok(Vec::new());
    }
    ensure!(file[..4] == MAGIC, "not a little-endian pcap file");
    ensure!(file[20] == 1, "not a capture of Ethernet");
    let mut rest = &file[FILE_HEADER..];
    let mut found = Vec::new();
    while let Some((header, after)) = rest.split_at_checked(PACKET_HEADER) {
        let captured = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        let Some((frame, after)) = after.split_at_checked(usize::try_from(captured)?) else { break };
        found.extend(datagram(frame)?);
        rest = after;
    }
    Ok(found)
}

/// The datagram in an Ethernet frame; none when it holds something else.
fn datagram(frame: &[u8]) -> Result<Option<Datagram>> {
    let Some((ethernet, ip)) = frame.split_at_checked(ETHERNET) else { return Ok(None) };
    let is_udp_over_ipv4 = ethernet[12..] == [0x08, 0x00] && ip.get(9) == Some(&17);
    if !is_udp_over_ipv4 {
        return Ok(None);
    }
    let header = usize::from(ip[0] & 0x0f) * 4;
    if ip[6] & 0x3f != 0 || ip[7] != 0 {
        bail!("a fragmented datagram");
    }
    let address = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]);
    let udp = ip.get(header..).filter(|udp| udp.len() >= 8).context("a datagram without a header")?;
    let number = |at: usize| u16::from_be_bytes([udp[at], udp[at + 1]]);
    Ok(Some(Datagram {
        from: SocketAddrV4::new(address(12), number(0)),
        to: SocketAddrV4::new(address(16), number(2)),
        payload: udp.get(8..usize::from(number(4))).context("a datagram that was cut off")?.to_vec(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_payload(payload: &[u8]) -> Datagram {
        let anyone = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        Datagram { from: anyone, to: anyone, payload: payload.to_vec() }
    }

    /// A capture of one datagram `hello` from 10.0.0.1:1000 to 10.0.0.2:2000.
    fn capture_of_hello() -> Vec<u8> {
        let udp = [&[0x03, 0xe8, 0x07, 0xd0, 0x00, 0x0d, 0, 0][..], b"hello"].concat();
        let ip = [&[0x45, 0, 0, 33, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2][..], &udp].concat();
        let frame = [&[0; 12][..], &[8, 0], &ip].concat();
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        let file_header = [&MAGIC[..], &[2, 0, 4, 0], &[0; 12], &[1, 0, 0, 0]].concat();
        [&file_header[..], &[0; 8], &length, &length, &frame].concat()
    }

    #[test]
    fn a_datagram_is_read_from_a_capture() {
        let found = datagrams(&capture_of_hello()).unwrap();

        assert_eq!(found.len(), 1);
        assert_eq!(found[0].payload, b"hello");
        assert_eq!(found[0].from.to_string(), "10.0.0.1:1000");
        assert_eq!(found[0].to.to_string(), "10.0.0.2:2000");
    }

    #[test]
    fn a_packet_that_is_still_being_written_is_left_out() {
        let capture = capture_of_hello();

        assert_eq!(datagrams(&capture[..capture.len() - 1]).unwrap(), []);
        assert_eq!(datagrams(&[]).unwrap(), []);
    }

    #[test]
    fn protocols_are_told_apart_by_their_first_bytes() {
        let stun = b"\x00\x01\x00\x00\x21\x12\xa4\x42............";

        assert_eq!(with_payload(stun).kind(), Kind::Stun);
        assert_eq!(with_payload(&stun[..6]).kind(), Kind::Other);
        assert_eq!(with_payload(&[22, 254, 253]).kind(), Kind::Dtls);
        assert_eq!(with_payload(&[0x80; 12]).kind(), Kind::Rtp);
        assert_eq!(with_payload(b"").kind(), Kind::Other);
    }

    #[test]
    fn media_begins_after_contributors_and_extension() {
        let plain = [&[0x80, 111][..], &[0; 10], &[0x78]].concat();
        let extended = [&[0x91, 111][..], &[0; 10], &[0; 4], &[0xbe, 0xde, 0, 1], &[0; 4], &[0x79]].concat();
        let rtcp = [&[0x80, 200][..], &[0; 26]].concat();

        assert_eq!(with_payload(&plain).first_media_byte(), Some(0x78));
        assert_eq!(with_payload(&extended).first_media_byte(), Some(0x79));
        assert_eq!(with_payload(&rtcp).first_media_byte(), None);
    }
}
