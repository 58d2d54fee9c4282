//! pcapng (draft-ietf-opsawg-pcapng): sections of blocks, each with interfaces of its own.

use std::io::Read;

use floe_wire::Direction;

use super::{ByteOrder, Found, LONGEST_FRAME, Step};
use crate::{
    import::source::Source,
    pcapng::block::{BYTE_ORDER_MAGIC, kind, option},
};

/// Type and length before a block's body, and the length again behind it.
const AROUND: usize = 12;

/// Interfaces believed; each costs memory.
const INTERFACES_KEPT: usize = 4_096;

/// Blocks that are no packets are skipped without being looked at beyond this length.
const LONGEST_LOOKED_AT: usize = LONGEST_FRAME + 4_096;

/// No kind of link has this number, which is beyond all that are given.
const UNKNOWN_LINK: u16 = u16::MAX;

/// How far the next block is looked for behind damage.
const SEARCHED: usize = 1 << 20;

/// What the sections read so far tell.
#[derive(Debug, Default)]
pub(super) struct NextGeneration {
    order: Option<ByteOrder>,
    /// Interfaces of all sections.
    interfaces: Vec<Interface>,
    /// Where those of this section begin.
    section: usize,
    latest: u64,
}

#[derive(Debug)]
struct Interface {
    link: u16,
    /// Longest captured; zero when there is no limit.
    snap_len: u32,
    resolution: Resolution,
    offset_s: i64,
    name: Option<String>,
}

/// What a unit of a stamp is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolution {
    Nanoseconds,
    Microseconds,
    /// So many in a second.
    PerSecond(u64),
}

impl NextGeneration {
    /// Whether a file begins with a section.
    pub fn is_one(window: &[u8]) -> bool {
        window.len() >= AROUND && window[..4] == kind::SECTION.to_be_bytes() && section_order(window).is_some()
    }

    pub fn interface_name(&self, interface: u32) -> Option<String> {
        self.interfaces.get(interface as usize)?.name.clone()
    }

    #[inline]
    pub fn step<R: Read>(&mut self, source: &mut Source<R>) -> Step {
        if !source.fill(AROUND) {
            return if source.window().is_empty() { Step::End } else { Step::CutOff };
        }
        let Some((kind, length)) = self.head(source.window()) else { return Step::Nonsense };
        if length > LONGEST_LOOKED_AT {
            // Secrets, names and other programs' blocks may be long; packets are not.
            let is_packet = matches!(kind, kind::PACKET | kind::OBSOLETE_PACKET | kind::SIMPLE_PACKET);
            return if is_packet { Step::Nonsense } else { Step::Other(length as u64) };
        }
        if !source.fill(length) {
            return Step::CutOff;
        }
        let block = &source.window()[..length];
        let Some(order) = self.order else { return Step::Nonsense };
        if order.u32(block, length - 4) as usize != length {
            return Step::Nonsense;
        }
        let body = &block[8..length - 4];
        let found = match kind {
            kind::PACKET => self.packet(order, body),
            kind::OBSOLETE_PACKET => self.obsolete_packet(order, body),
            kind::SIMPLE_PACKET => self.simple_packet(order, body),
            kind::INTERFACE => {
                self.interface(order, body);
                None
            }
            _ => None,
        };
        match found {
            Some(found) => {
                self.latest = found.at;
                Step::Frame(Found { bytes: (found.bytes.0 + 8, found.bytes.1 + 8), length, ..found })
            }
            None => Step::Other(length as u64),
        }
    }

    /// Type and length of the block at the start of the window. A section tells its byte order first.
    #[inline]
    fn head(&mut self, window: &[u8]) -> Option<(u32, usize)> {
        if window[..4] == kind::SECTION.to_be_bytes() {
            self.order = Some(section_order(window)?);
            self.section = self.interfaces.len();
        }
        let order = self.order?;
        let length = order.u32(window, 4) as usize;
        (length >= AROUND && length.is_multiple_of(4)).then(|| (order.u32(window, 0), length))
    }

    #[inline]
    fn packet(&self, order: ByteOrder, body: &[u8]) -> Option<Found> {
        if body.len() < 20 {
            return None;
        }
        let interface = self.section + order.u32(body, 0) as usize;
        let (captured, whole) = (order.u32(body, 12) as usize, order.u32(body, 16) as usize);
        let stamp = u64::from(order.u32(body, 4)) << 32 | u64::from(order.u32(body, 8));
        let mut found = self.found(interface, Some(stamp), (20, captured, whole), body)?;
        let options = body.get(20 + captured.next_multiple_of(4)..).unwrap_or_default();
        if options.len() > 4 {
            found.direction =
                options_of(order, options).find(|(code, _)| *code == option::PACKET_FLAGS).and_then(|(_, value)| {
                    match (value.len() >= 4).then(|| order.u32(value, 0) & 3)? {
                        1 => Some(Direction::Inbound),
                        2 => Some(Direction::Outbound),
                        _ => None,
                    }
                });
        }
        Some(found)
    }

    fn obsolete_packet(&self, order: ByteOrder, body: &[u8]) -> Option<Found> {
        if body.len() < 20 {
            return None;
        }
        let interface = self.section + usize::from(order.u16(body, 0));
        let (captured, whole) = (order.u32(body, 12) as usize, order.u32(body, 16) as usize);
        let stamp = u64::from(order.u32(body, 4)) << 32 | u64::from(order.u32(body, 8));
        self.found(interface, Some(stamp), (20, captured, whole), body)
    }

    /// A packet without a time; it stands between two that have one.
    fn simple_packet(&self, order: ByteOrder, body: &[u8]) -> Option<Found> {
        if body.len() < 4 {
            return None;
        }
        let whole = order.u32(body, 0) as usize;
        let limit = self.interfaces.get(self.section).map_or(0, |known| known.snap_len as usize);
        let limit = if limit == 0 { usize::MAX } else { limit };
        self.found(self.section, None, (4, whole.min(limit).min(body.len() - 4), whole), body)
    }

    #[inline]
    fn found(
        &self,
        interface: usize,
        stamp: Option<u64>,
        (start, captured, whole): (usize, usize, usize),
        body: &[u8],
    ) -> Option<Found> {
        // What describes the interface may have been in a damaged part: then nobody knows what its frames are.
        let known = self.interfaces.get(interface);
        let end = start.checked_add(captured).filter(|end| *end <= body.len())?;
        Some(Found {
            at: stamp.zip(known).map_or(self.latest, |(stamp, known)| known.nanoseconds(stamp)),
            link: known.map_or(UNKNOWN_LINK, |known| known.link),
            interface: u32::try_from(interface).unwrap_or(u32::MAX),
            bytes: (start, end),
            is_cut: captured < whole,
            direction: None,
            length: 0,
        })
    }

    fn interface(&mut self, order: ByteOrder, body: &[u8]) {
        if body.len() < 8 || self.interfaces.len() >= INTERFACES_KEPT {
            return;
        }
        let mut interface = Interface {
            link: order.u16(body, 0),
            snap_len: order.u32(body, 4),
            resolution: Resolution::Microseconds,
            offset_s: 0,
            name: None,
        };
        for (code, value) in options_of(order, &body[8..]) {
            match (code, value) {
                (option::INTERFACE_RESOLUTION, [resolution, ..]) => interface.resolution = Resolution::of(*resolution),
                (option::INTERFACE_OFFSET, value) if value.len() >= 8 => {
                    let (first, second) = (u64::from(order.u32(value, 0)), u64::from(order.u32(value, 4)));
                    let bits = if order.is_big { first << 32 | second } else { second << 32 | first };
                    interface.offset_s = i64::from_ne_bytes(bits.to_ne_bytes());
                }
                (option::INTERFACE_NAME, value) => {
                    let name: String = String::from_utf8_lossy(value).chars().take(64).collect();
                    interface.name = Some(name);
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
    }

    /// How far away the next block is whose two lengths agree.
    pub fn distance_to_next<R: Read>(&self, source: &mut Source<R>) -> Option<usize> {
        source.fill(SEARCHED + LONGEST_LOOKED_AT);
        let window = source.window();
        let order = self.order?;
        (1..window.len().min(SEARCHED)).find(|at| {
            let Some(head) = window.get(*at..*at + AROUND) else { return false };
            let length = order.u32(head, 4) as usize;
            let is_known = matches!(
                order.u32(head, 0),
                kind::PACKET | kind::INTERFACE | kind::OBSOLETE_PACKET | kind::SIMPLE_PACKET | kind::SECTION
            );
            is_known
                && (AROUND..=LONGEST_LOOKED_AT).contains(&length)
                && length.is_multiple_of(4)
                && window.get(at + length - 4..at + length).is_some_and(|end| order.u32(end, 0) as usize == length)
        })
    }
}

impl Interface {
    #[inline]
    fn nanoseconds(&self, stamp: u64) -> u64 {
        let nanoseconds = match self.resolution {
            Resolution::Nanoseconds => stamp,
            Resolution::Microseconds => stamp.saturating_mul(1_000),
            Resolution::PerSecond(units) => {
                let nanoseconds = u128::from(stamp) * 1_000_000_000 / u128::from(units);
                u64::try_from(nanoseconds).unwrap_or(u64::MAX)
            }
        };
        nanoseconds.saturating_add_signed(self.offset_s.saturating_mul(1_000_000_000))
    }
}

impl Resolution {
    /// `if_tsresol`: a negative power of ten, or of two with the highest bit set.
    fn of(value: u8) -> Self {
        match value {
            9 => Self::Nanoseconds,
            6 => Self::Microseconds,
            power @ 0x80.. => Self::PerSecond(1 << (power & 0x7F).min(63)),
            power => Self::PerSecond(10_u64.saturating_pow(u32::from(power))),
        }
    }
}

/// The byte order that a section header tells.
fn section_order(window: &[u8]) -> Option<ByteOrder> {
    let magic = window.get(8..12)?;
    if magic == BYTE_ORDER_MAGIC.to_be_bytes() {
        Some(ByteOrder { is_big: true })
    } else if magic == BYTE_ORDER_MAGIC.to_le_bytes() {
        Some(ByteOrder { is_big: false })
    } else {
        None
    }
}

/// Code and value of each option.
fn options_of(order: ByteOrder, mut options: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        if options.len() < 4 {
            return None;
        }
        let (code, length) = (order.u16(options, 0), usize::from(order.u16(options, 2)));
        let value = options.get(4..4 + length).filter(|_| code != 0)?;
        options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    })
}
