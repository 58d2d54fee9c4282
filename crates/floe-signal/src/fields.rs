//! Fields of control messages and of sides: fixed ones in network byte order, and numbers of varying length.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_wire::{Candidate, Stamp};

use crate::candidate_field::{PROTOCOLS, TYPES};

const IPV4: u8 = 4;
const IPV6: u8 = 6;
const NO_ADDRESS: u8 = 0;
/// RFC 8445 section 5.1.1.3.
const LONGEST_FOUNDATION: usize = 32;

/// Collects fields.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Seven bits an octet, the lowest ones first (LEB128).
    pub(crate) fn varint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8)
    }

    /// A number that may be less than nothing, small ones in few octets.
    pub(crate) fn signed_varint(&mut self, value: i64) -> &mut Self {
        self.varint((value << 1 ^ value >> 63).cast_unsigned())
    }

    /// In microseconds.
    pub(crate) fn stamp(&mut self, stamp: Stamp) -> &mut Self {
        self.u64(u64::try_from(stamp.0.as_micros()).unwrap_or(u64::MAX))
    }

    pub(crate) fn address(&mut self, address: SocketAddr) -> &mut Self {
        match address.ip() {
            IpAddr::V4(ip) => self.u8(IPV4).bytes(&ip.octets()),
            IpAddr::V6(ip) => self.u8(IPV6).bytes(&ip.octets()),
        };
        self.u16(address.port())
    }

    pub(crate) fn candidate(&mut self, candidate: &Candidate) -> &mut Self {
        let kind = TYPES.iter().position(|kind| *kind == candidate.candidate_type).unwrap_or(0);
        let protocol = (candidate.protocol, candidate.tcp_type);
        let protocol = PROTOCOLS.iter().position(|known| *known == protocol).unwrap_or(0);
        self.u8(kind as u8).u8(protocol as u8).address(candidate.address).u32(candidate.priority);
        let foundation = candidate.foundation.as_bytes();
        let foundation = &foundation[..foundation.len().min(LONGEST_FOUNDATION)];
        self.u8(foundation.len() as u8).bytes(foundation);
        match candidate.related_address {
            Some(related) => self.address(related),
            None => self.u8(NO_ADDRESS),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes fields; none once the message is over.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let octet = self.u8()?;
            value |= u64::from(octet & 0x7F) << shift;
            if octet < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn signed_varint(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(crate) fn stamp(&mut self) -> Option<Stamp> {
        self.u64().map(|us| Stamp(Duration::from_micros(us)))
    }

    pub(crate) fn address(&mut self) -> Option<SocketAddr> {
        let family = self.u8()?;
        self.address_of(family)
    }

    fn address_of(&mut self, family: u8) -> Option<SocketAddr> {
        let ip = match family {
            IPV4 => IpAddr::from(self.take::<4>()?),
            IPV6 => IpAddr::from(self.take::<16>()?),
            _ => return None,
        };
        Some(SocketAddr::new(ip, self.u16()?))
    }

    pub(crate) fn candidate(&mut self) -> Option<Candidate> {
        let candidate_type = *TYPES.get(usize::from(self.u8()?))?;
        let (protocol, tcp_type) = *PROTOCOLS.get(usize::from(self.u8()?))?;
        let (address, priority) = (self.address()?, self.u32()?);
        let foundation = self.foundation()?;
        let related_address = match self.u8()? {
            NO_ADDRESS => None,
            family => Some(self.address_of(family)?),
        };
        Some(Candidate { candidate_type, protocol, tcp_type, address, priority, foundation, related_address })
    }

    fn foundation(&mut self) -> Option<String> {
        let length = usize::from(self.u8()?);
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let is_foundation = (1..=LONGEST_FOUNDATION).contains(&length) && text.iter().all(u8::is_ascii_graphic);
        is_foundation.then(|| String::from_utf8_lossy(text).into_owned())
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}
