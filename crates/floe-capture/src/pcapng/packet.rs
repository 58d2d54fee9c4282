//! IP, UDP and TCP headers for datagrams that were recorded without them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

const UDP: u8 = 17;
const TCP: u8 = 6;
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;
/// What most systems begin with.
const HOP_LIMIT: u8 = 64;

/// A packet with its headers.
#[derive(Debug)]
pub(super) struct Synthesised {
    /// Its bytes, cut like the record's.
    pub bytes: Vec<u8>,
    /// Its length on the wire.
    pub whole: u32,
}

/// Where a segment stands in its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub sequence: u32,
    pub acknowledged: u32,
}

/// A UDP datagram whose payload was `whole` bytes long, of which `payload` is there.
pub(super) fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8], whole: usize) -> Synthesised {
    let mut header = Vec::with_capacity(UDP_HEADER);
    header.extend(from.port().to_be_bytes());
    header.extend(to.port().to_be_bytes());
    header.extend(length16(UDP_HEADER + whole).to_be_bytes());
    header.extend([0, 0]);
    let checksum = match checksum(from.ip(), to.ip(), UDP, &header, payload, whole) {
        // Zero stands for "none", so a sum of zero is written as its other form (RFC 768).
        Some(0) => 0xFFFF,
        Some(checksum) => checksum,
        // IPv6 knows no "none"; nobody can verify the checksum of a packet that is cut.
        None if from.is_ipv6() => 0xFFFF,
        None => 0,
    };
    header[6..8].copy_from_slice(&checksum.to_be_bytes());
    packet(from.ip(), to.ip(), UDP, &header, payload, whole)
}

/// A TCP segment with PSH and ACK.
pub(super) fn tcp(from: SocketAddr, to: SocketAddr, place: Place, payload: &[u8], whole: usize) -> Synthesised {
    let mut header = Vec::with_capacity(TCP_HEADER);
    header.extend(from.port().to_be_bytes());
    header.extend(to.port().to_be_bytes());
    header.extend(place.sequence.to_be_bytes());
    header.extend(place.acknowledged.to_be_bytes());
    header.extend([0x50, 0x18]);
    header.extend(u16::MAX.to_be_bytes());
    header.extend([0; 4]);
    let checksum = checksum(from.ip(), to.ip(), TCP, &header, payload, whole).unwrap_or(0);
    header[16..18].copy_from_slice(&checksum.to_be_bytes());
    packet(from.ip(), to.ip(), TCP, &header, payload, whole)
}

fn packet(from: IpAddr, to: IpAddr, protocol: u8, header: &[u8], payload: &[u8], whole: usize) -> Synthesised {
    let mut bytes = ip_header(from, to, protocol, header.len() + whole);
    let whole = bytes.len() + header.len() + whole;
    bytes.extend(header);
    bytes.extend(payload);
    Synthesised { bytes, whole: u32::try_from(whole).unwrap_or(u32::MAX) }
}

fn ip_header(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = vec![0x45, 0];
            header.extend(length16(20 + length).to_be_bytes());
            // Do not fragment: what our sockets send fits, and what arrives is whole again.
            header.extend([0, 0, 0x40, 0, HOP_LIMIT, protocol, 0, 0]);
            header.extend(from.octets());
            header.extend(to.octets());
            let checksum = !fold(sum(0, &header));
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
            header
        }
        (from, to) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(length16(length).to_be_bytes());
            header.extend([protocol, HOP_LIMIT]);
            header.extend(v6(from).octets());
            header.extend(v6(to).octets());
            header
        }
    }
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn length16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// The checksum of UDP and TCP (RFC 9293 section 3.1); none when the payload is cut.
fn checksum(from: IpAddr, to: IpAddr, protocol: u8, header: &[u8], payload: &[u8], whole: usize) -> Option<u16> {
    if payload.len() != whole {
        return None;
    }
    let mut pseudo = Vec::with_capacity(40);
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            pseudo.extend(from.octets());
            pseudo.extend(to.octets());
        }
        (from, to) => {
            pseudo.extend(v6(from).octets());
            pseudo.extend(v6(to).octets());
        }
    }
    pseudo.extend([0, protocol]);
    pseudo.extend(length16(header.len() + whole).to_be_bytes());
    Some(!fold(sum(sum(sum(0, &pseudo), header), payload)))
}

/// Adds 16-bit words; only the last part may be odd.
fn sum(start: u64, bytes: &[u8]) -> u64 {
    let words = bytes.chunks(2).map(|word| u64::from(word[0]) << 8 | u64::from(*word.get(1).unwrap_or(&0)));
    start + words.sum::<u64>()
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_packet_adds_up_to_a_right_checksum() {
        for (from, to) in [("192.0.2.1:5000", "198.51.100.2:6000"), ("[2001:db8::1]:5000", "[2001:db8::2]:6000")] {
            let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let packet = udp(from, to, b"hello", 5);
            let ip = if from.is_ipv4() { 20 } else { 40 };
            let segment = &packet.bytes[ip..];
            assert_eq!(checksum(from.ip(), to.ip(), UDP, &segment[..8], &segment[8..], 5), Some(0));
            assert_eq!(packet.whole as usize, packet.bytes.len());
        }
    }

    #[test]
    fn a_cut_packet_keeps_its_length_on_the_wire() {
        let packet = udp("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap(), &[0x80; 64], 180);
        assert_eq!((packet.bytes.len(), packet.whole), (20 + 8 + 64, 20 + 8 + 180));
        assert_eq!(packet.bytes[2..4], 208_u16.to_be_bytes());
        assert_eq!(fold(sum(0, &packet.bytes[..20])), 0xFFFF);
    }
}
