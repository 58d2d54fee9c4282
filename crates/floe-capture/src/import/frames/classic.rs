//! pcap (draft-ietf-opsawg-pcap): a header, then frames.

use std::io::Read;

use super::{ByteOrder, Found, LONGEST_FRAME, Step};
use crate::import::source::Source;

/// Bytes before each frame.
const HEAD: usize = 16;

/// How far the next frame is looked for behind damage.
const SEARCHED: usize = 1 << 20;

/// Frames of one file are at most this far apart when their header is to be believed after damage, in seconds.
const PLAUSIBLE_GAP_S: u32 = 24 * 3600;

/// What the header tells.
#[derive(Debug)]
pub(super) struct Classic {
    order: ByteOrder,
    /// Nanoseconds of one unit of the fraction.
    unit: u64,
    link: u16,
    last_seconds: Option<u32>,
}

impl Classic {
    /// Reads the header of 24 bytes.
    pub fn read(header: &[u8]) -> Option<Self> {
        let magic = header.first_chunk::<4>()?;
        let (is_big, unit) = match magic {
            [0xA1, 0xB2, 0xC3, 0xD4] => (true, 1_000),
            [0xD4, 0xC3, 0xB2, 0xA1] => (false, 1_000),
            [0xA1, 0xB2, 0x3C, 0x4D] => (true, 1),
            [0x4D, 0x3C, 0xB2, 0xA1] => (false, 1),
            _ => return None,
        };
        let order = ByteOrder { is_big };
        // The upper half of the link type tells about check sequences at the end of frames, which lengths in IP ignore.
        let link = if header.len() >= 24 { order.u32(header, 20) & 0xFFFF } else { 0 };
        Some(Self { order, unit, link: u16::try_from(link).unwrap_or(u16::MAX), last_seconds: None })
    }

    #[inline]
    pub fn step<R: Read>(&mut self, source: &mut Source<R>) -> Step {
        if !source.fill(HEAD) {
            return if source.window().is_empty() { Step::End } else { Step::CutOff };
        }
        let head = source.window();
        let (seconds, fraction) = (self.order.u32(head, 0), self.order.u32(head, 4));
        let (captured, whole) = (self.order.u32(head, 8) as usize, self.order.u32(head, 12) as usize);
        if captured > LONGEST_FRAME {
            return Step::Nonsense;
        }
        if !source.fill(HEAD + captured) {
            return Step::CutOff;
        }
        self.last_seconds = Some(seconds);
        Step::Frame(Found {
            at: u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.unit,
            link: self.link,
            interface: 0,
            bytes: (HEAD, HEAD + captured),
            is_cut: captured < whole,
            direction: None,
            length: HEAD + captured,
        })
    }

    /// How far away the next header is that makes sense and is followed by another one.
    pub fn distance_to_next<R: Read>(&self, source: &mut Source<R>) -> Option<usize> {
        source.fill(SEARCHED + LONGEST_FRAME);
        let window = source.window();
        let at_end = |at: usize| at == window.len();
        (1..window.len().min(SEARCHED)).find(|at| {
            let next = self.plausible(window, *at);
            next.is_some_and(|next| at_end(next) || self.plausible(window, next).is_some())
        })
    }

    /// Where the frame ends whose header stands at `at`, if it makes sense.
    fn plausible(&self, window: &[u8], at: usize) -> Option<usize> {
        let head = window.get(at..at + HEAD)?;
        let (seconds, fraction) = (self.order.u32(head, 0), self.order.u32(head, 4));
        let (captured, whole) = (self.order.u32(head, 8) as usize, self.order.u32(head, 12) as usize);
        let fits = self.last_seconds.is_none_or(|last| last.abs_diff(seconds) <= PLAUSIBLE_GAP_S)
            && u64::from(fraction) * self.unit < 1_000_000_000
            && (1..=LONGEST_FRAME).contains(&captured)
            && whole >= captured
            && whole <= LONGEST_FRAME;
        fits.then_some(at + HEAD + captured).filter(|end| *end <= window.len())
    }
}
