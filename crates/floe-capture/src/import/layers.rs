//! From a frame to the UDP datagram or TCP segment in it: link layer, IP, ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use floe_wire::Direction;

/// VLAN tags and IPv6 extension headers followed in one frame.
const NESTED: usize = 8;

/// The link-layer types understood (tcpdump's LINKTYPE_ numbers).
mod link {
    pub const NULL: u16 = 0;
    pub const ETHERNET: u16 = 1;
    pub const RAW_BSD: u16 = 12;
    pub const RAW_OPENBSD: u16 = 14;
    pub const RAW: u16 = 101;
    pub const LOOP: u16 = 108;
    pub const LINUX_SLL: u16 = 113;
    pub const IPV4: u16 = 228;
    pub const IPV6: u16 = 229;
    pub const LINUX_SLL2: u16 = 276;
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried<'a> {
    /// A UDP datagram.
    Udp(Segment<'a>),
    /// A TCP segment.
    Tcp(Segment<'a>, TcpFacts),
    /// A later part of a packet that IP cut up.
    Fragment,
    /// Something else, or too little of it.
    Other,
    /// A link layer that nobody taught this program.
    UnknownLink,
}

/// A UDP datagram or a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// Who it is for.
    pub to: SocketAddr,
    /// What was captured of its payload.
    pub payload: &'a [u8],
    /// The length of its payload on the wire.
    pub wire_len: u32,
    /// Which way it went, where the link layer tells.
    pub direction: Option<Direction>,
    /// How many routers it may still pass: IPv4's time to live, IPv6's hop limit.
    pub hops: u8,
    /// Whether it is the first part of a packet that IP cut up.
    pub is_fragment: bool,
}

/// What reassembly needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TcpFacts {
    /// The number of the first byte of the payload.
    pub sequence: u32,
    /// Opens a connection.
    pub is_syn: bool,
    /// Acknowledges something.
    pub is_ack: bool,
    /// Ends this direction.
    pub is_fin: bool,
}

impl Carried<'_> {
    #[inline]
    fn with_hops(mut self, count: u8) -> Self {
        if let Self::Udp(segment) | Self::Tcp(segment, _) = &mut self {
            segment.hops = count;
        }
        self
    }
}

/// Looks through the layers.
#[inline]
pub(super) fn look(link: u16, frame: &[u8]) -> Carried<'_> {
    let mut direction = None;
    let ip = match link {
        link::ETHERNET => ethernet(frame),
        link::RAW | link::RAW_BSD | link::RAW_OPENBSD | link::IPV4 | link::IPV6 => Some(frame),
        link::NULL | link::LOOP => frame.get(4..),
        link::LINUX_SLL => {
            direction = frame.get(1).and_then(|kind| cooked_direction(*kind));
            frame.get(14..16).and_then(|kind| ip_behind([kind[0], kind[1]], &frame[16..]))
        }
        link::LINUX_SLL2 => {
            direction = frame.get(10).and_then(|kind| cooked_direction(*kind));
            frame.get(..20).and_then(|head| ip_behind([head[0], head[1]], &frame[20..]))
        }
        _ => return Carried::UnknownLink,
    };
    let Some(ip) = ip else { return Carried::Other };
    let carried = match ip.first().map(|first| first >> 4) {
        Some(4) => ipv4(ip),
        Some(6) => ipv6(ip),
        _ => None,
    };
    match carried {
        Some(Carried::Udp(segment)) => Carried::Udp(Segment { direction, ..segment }),
        Some(Carried::Tcp(segment, facts)) => Carried::Tcp(Segment { direction, ..segment }, facts),
        Some(carried) => carried,
        None => Carried::Other,
    }
}

/// The packet type of Linux cooked captures: 0 is to us, 4 is from us.
fn cooked_direction(kind: u8) -> Option<Direction> {
    match kind {
        0 => Some(Direction::Inbound),
        4 => Some(Direction::Outbound),
        _ => None,
    }
}

#[inline]
fn ethernet(frame: &[u8]) -> Option<&[u8]> {
    let kind = frame.get(12..14)?;
    ip_behind([kind[0], kind[1]], &frame[14..])
}

/// The IP packet behind an EtherType, with VLAN tags (802.1Q, 802.1ad) and PPPoE in between.
#[inline]
fn ip_behind(mut kind: [u8; 2], mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..NESTED {
        match kind {
            [0x08, 0x00] | [0x86, 0xDD] => return Some(rest),
            [0x81, 0x00] | [0x88, 0xA8] | [0x91, 0x00] => {
                kind = [*rest.get(2)?, *rest.get(3)?];
                rest = &rest[4..];
            }
            [0x88, 0x64] => return rest.get(8..),
            _ => return None,
        }
    }
    None
}

#[inline]
fn ipv4(packet: &[u8]) -> Option<Carried<'_>> {
    let head = packet.get(..20)?;
    let header = usize::from(head[0] & 15) * 4;
    let fragment = u16::from_be_bytes([head[6], head[7]]);
    if fragment & 0x1FFF != 0 {
        return Some(Carried::Fragment);
    }
    let (from, to) = (&head[12..16], &head[16..20]);
    let from = Ipv4Addr::new(from[0], from[1], from[2], from[3]);
    let to = Ipv4Addr::new(to[0], to[1], to[2], to[3]);
    // Zero where the network card cuts packets up itself. Short frames are padded behind the packet.
    let total = match usize::from(u16::from_be_bytes([head[2], head[3]])) {
        0 => packet.len(),
        total => total,
    };
    let payload = packet.get(header.max(20)..packet.len().min(total))?;
    let whole = total.saturating_sub(header);
    let carried = transport(head[9], (from.into(), to.into()), payload, whole, fragment & 0x2000 != 0)?;
    Some(carried.with_hops(head[8]))
}

fn ipv6(packet: &[u8]) -> Option<Carried<'_>> {
    let head = packet.get(..40)?;
    let address =
        |at: usize| -> Option<Ipv6Addr> { Some(Ipv6Addr::from(<[u8; 16]>::try_from(&head[at..at + 16]).ok()?)) };
    let (from, to) = (address(8)?, address(24)?);
    let mut whole = match usize::from(u16::from_be_bytes([head[4], head[5]])) {
        0 => packet.len() - 40,
        length => length,
    };
    let mut payload = &packet[40..packet.len().min(40 + whole)];
    let mut next = head[6];
    let mut is_fragment = false;
    for _ in 0..NESTED {
        let header = match next {
            // Hop-by-hop options, routing, destination options: the length counts 8 bytes beyond the first 8.
            0 | 43 | 60 => 8 + usize::from(*payload.get(1)?) * 8,
            // Authentication header: counts 4 bytes beyond the first 8.
            51 => 8 + usize::from(*payload.get(1)?) * 4,
            44 => {
                let offset = u16::from_be_bytes([*payload.get(2)?, *payload.get(3)?]);
                if offset & 0xFFF8 != 0 {
                    return Some(Carried::Fragment);
                }
                is_fragment = offset & 1 != 0;
                8
            }
            _ => {
                let carried = transport(next, (from.into(), to.into()), payload, whole, is_fragment)?;
                return Some(carried.with_hops(head[7]));
            }
        };
        next = *payload.first()?;
        payload = payload.get(header..)?;
        whole = whole.saturating_sub(header);
    }
    None
}

#[inline]
fn transport(
    protocol: u8,
    (from, to): (IpAddr, IpAddr),
    bytes: &[u8],
    whole: usize,
    is_fragment: bool,
) -> Option<Carried<'_>> {
    let ports = bytes.get(..4)?;
    let from = SocketAddr::new(from, u16::from_be_bytes([ports[0], ports[1]]));
    let to = SocketAddr::new(to, u16::from_be_bytes([ports[2], ports[3]]));
    match protocol {
        17 => {
            let head = bytes.get(..8)?;
            // Zero for jumbograms, and where the network card cuts packets up itself.
            let length = match usize::from(u16::from_be_bytes([head[4], head[5]])) {
                0 => whole,
                length => length,
            };
            let payload = &bytes[8..bytes.len().min(length.max(8))];
            let wire_len = u32::try_from(length.checked_sub(8)?).ok()?;
            Some(Carried::Udp(Segment { from, to, payload, wire_len, direction: None, hops: 0, is_fragment }))
        }
        6 => {
            let head = bytes.get(..20)?;
            let header = usize::from(head[12] >> 4) * 4;
            let facts = TcpFacts {
                sequence: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
                is_syn: head[13] & 2 != 0,
                is_ack: head[13] & 16 != 0,
                is_fin: head[13] & 1 != 0,
            };
            let payload = bytes.get(header.max(20)..).unwrap_or_default();
            let wire_len = u32::try_from(whole.checked_sub(header)?).ok()?;
            Some(Carried::Tcp(Segment { from, to, payload, wire_len, direction: None, hops: 0, is_fragment }, facts))
        }
        _ => None,
    }
}
