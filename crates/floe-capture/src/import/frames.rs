//! Frames of a capture file: pcap of either byte order and resolution, and pcapng.

mod classic;
mod next_generation;

use std::io::Read;

use floe_wire::Direction;

use self::{classic::Classic, next_generation::NextGeneration};
use super::{ImportError, source::Source};
use crate::Problem;

/// The longest frame believed; the largest that capture programs write.
const LONGEST_FRAME: usize = 1 << 18;

/// Problems told one by one.
const PROBLEMS_KEPT: usize = 100;

/// A frame as it was captured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// Nanoseconds since the Unix epoch.
    pub at: u64,
    /// The link-layer type of its interface (tcpdump's LINKTYPE_ numbers).
    pub link: u16,
    /// The interface, counted over the file.
    pub interface: u32,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether its end was not captured.
    pub is_cut: bool,
    /// Which way it went, where the file tells.
    pub direction: Option<Direction>,
}

/// Gives the frames of a file one after the other.
#[derive(Debug)]
pub(super) struct Frames<R> {
    source: Source<R>,
    format: Format,
    problems: Vec<Problem>,
}

#[derive(Debug)]
enum Format {
    Classic(Classic),
    NextGeneration(NextGeneration),
}

/// Where the next frame's bytes are in the window, and what is known of it.
#[derive(Debug, Clone, Copy)]
struct Found {
    at: u64,
    link: u16,
    interface: u32,
    bytes: (usize, usize),
    is_cut: bool,
    direction: Option<Direction>,
    /// What to move on by, once the frame was looked at.
    length: usize,
}

/// What stands at the start of the window.
#[derive(Debug)]
enum Step {
    Frame(Found),
    /// Something of this many bytes that is no frame.
    Other(u64),
    /// The end of the file, exactly between two things.
    End,
    /// The end of the file within something.
    CutOff,
    Nonsense,
}

impl<R: Read> Frames<R> {
    /// Reads the file's header.
    pub fn new(reader: R) -> Result<Self, ImportError> {
        let mut source = Source::new(reader);
        let mut problems = Vec::new();
        let is_whole = source.fill(24);
        let format = if let Some(classic) = Classic::read(source.window()) {
            if !is_whole {
                problems.push(Problem::CutOff { offset: 0 });
            }
            source.consume(24);
            Format::Classic(classic)
        } else if NextGeneration::is_one(source.window()) {
            Format::NextGeneration(NextGeneration::default())
        } else if let Some(error) = source.take_error() {
            return Err(ImportError::Unreadable(error));
        } else {
            return Err(ImportError::NotACapture);
        };
        Ok(Self { source, format, problems })
    }

    /// The next frame; none at the end of what can be read.
    pub fn next(&mut self) -> Option<Frame<'_>> {
        loop {
            let step = match &mut self.format {
                Format::Classic(classic) => classic.step(&mut self.source),
                Format::NextGeneration(pcapng) => pcapng.step(&mut self.source),
            };
            match step {
                Step::Frame(found) => {
                    let Found { at, link, interface, bytes, is_cut, direction, length } = found;
                    let window = self.source.consume_and_show(length);
                    let bytes = &window[bytes.0..bytes.1];
                    return Some(Frame { at, link, interface, bytes, is_cut, direction });
                }
                Step::Other(length) => {
                    let offset = self.source.position();
                    if !self.source.skip(length) {
                        self.tell(Problem::CutOff { offset });
                    }
                }
                Step::End => return self.end(None),
                Step::CutOff => return self.end(Some(Problem::CutOff { offset: self.source.position() })),
                Step::Nonsense => {
                    if !self.resynchronise() {
                        return None;
                    }
                }
            }
        }
    }

    fn end(&mut self, problem: Option<Problem>) -> Option<Frame<'static>> {
        match self.source.take_error() {
            Some(error) => self.tell(Problem::Unreadable { error: error.to_string() }),
            None => problem.into_iter().for_each(|problem| self.tell(problem)),
        }
        self.source.skip(u64::MAX);
        None
    }

    /// Looks for the next thing that makes sense; `false` when there is none near.
    fn resynchronise(&mut self) -> bool {
        let offset = self.source.position();
        let distance = match &mut self.format {
            Format::Classic(classic) => classic.distance_to_next(&mut self.source),
            Format::NextGeneration(pcapng) => pcapng.distance_to_next(&mut self.source),
        };
        match distance {
            Some(bytes) => {
                self.tell(Problem::Damaged { offset, bytes: bytes as u64 });
                self.source.consume(bytes);
                true
            }
            None => {
                self.tell(Problem::GivenUp { offset });
                false
            }
        }
    }

    fn tell(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_KEPT {
            self.problems.push(problem);
        }
    }

    /// How far the file is read, in bytes.
    pub fn position(&self) -> u64 {
        self.source.position()
    }

    /// What the file calls an interface.
    pub fn interface_name(&self, interface: u32) -> Option<String> {
        match &self.format {
            Format::Classic(_) => None,
            Format::NextGeneration(pcapng) => pcapng.interface_name(interface),
        }
    }

    /// What could not be read.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// Numbers in the byte order of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ByteOrder {
    is_big: bool,
}

impl ByteOrder {
    #[inline]
    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let number = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if self.is_big { u32::from_be_bytes(number) } else { u32::from_le_bytes(number) }
    }

    #[inline]
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let number = [bytes[at], bytes[at + 1]];
        if self.is_big { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) }
    }
}
