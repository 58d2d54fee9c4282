//! Reads record files, also cut, damaged and newer ones.

use std::io::{self, Read};

use floe_wire::Record;

use super::{
    MAGIC, RecordFileError, VERSION,
    frame::{self, MARK, Parsed},
};
use crate::Problem;

/// How much is read from the file at once.
const CHUNK: usize = 1 << 16;

/// Checksums computed in vain while looking for the next frame after damage, in bytes: crafted files are full of
/// marks with long lengths behind them.
const SEARCH_BUDGET: u64 = 64 << 20;

/// Problems told one by one.
const PROBLEMS_KEPT: usize = 100;

/// The header behind magic, version and length, as far as version 1 knows it.
const HEADER_V1: usize = 8;

/// A whole record file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Opened {
    /// Wall clock of stamp zero, milliseconds since the Unix epoch.
    pub wall_ms: u64,
    /// Every record that could be read.
    pub records: Vec<Record>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Opened {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// When it is no record file, one of a newer version, or cannot be read at all. Damage is no error.
    pub fn read(source: impl Read) -> Result<Self, RecordFileError> {
        RecordReader::new(source).map(Self::of)
    }

    /// What a reader has not given yet.
    pub(crate) fn of(mut reader: RecordReader<impl Read>) -> Self {
        let records = reader.by_ref().collect();
        Self { wall_ms: reader.wall_ms(), records, problems: reader.problems() }
    }
}

/// Gives the records of a file one after the other. Holds one chunk of the file at a time.
#[derive(Debug)]
pub struct RecordReader<R> {
    source: R,
    buffer: Vec<u8>,
    /// Where reading goes on inside the buffer.
    position: usize,
    /// Where the buffer begins in the file.
    offset: u64,
    is_at_end: bool,
    wall_ms: u64,
    problems: Vec<Problem>,
    unknown: u64,
    /// Where the bytes began that make no sense.
    damaged_since: Option<u64>,
    searched: u64,
}

impl<R: Read> RecordReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is no record file, one of a newer version, or cannot be read at all.
    pub fn new(source: R) -> Result<Self, RecordFileError> {
        let mut reader = Self {
            source,
            buffer: Vec::new(),
            position: 0,
            offset: 0,
            is_at_end: false,
            wall_ms: 0,
            problems: Vec::new(),
            unknown: 0,
            damaged_since: None,
            searched: 0,
        };
        reader.read_header()?;
        Ok(reader)
    }

    /// Wall clock of stamp zero, milliseconds since the Unix epoch.
    #[must_use]
    pub fn wall_ms(&self) -> u64 {
        self.wall_ms
    }

    /// What could not be read so far.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        if self.unknown > 0 {
            problems.push(Problem::Unknown { count: self.unknown });
        }
        problems
    }

    fn read_header(&mut self) -> Result<(), RecordFileError> {
        const FIXED: usize = MAGIC.len() + 4;
        self.fill(FIXED)?;
        let Some((head, _)) = self.buffer.split_at_checked(FIXED) else { return Err(RecordFileError::NotARecord) };
        if head[..MAGIC.len()] != MAGIC {
            return Err(RecordFileError::NotARecord);
        }
        let version = u16::from_le_bytes([head[8], head[9]]);
        if version > VERSION {
            return Err(RecordFileError::NewerVersion { version });
        }
        let length = usize::from(u16::from_le_bytes([head[10], head[11]]));
        self.fill(FIXED + length)?;
        let rest = &self.buffer[FIXED..self.buffer.len().min(FIXED + length)];
        match rest.first_chunk::<HEADER_V1>() {
            Some(wall_ms) => self.wall_ms = u64::from_le_bytes(*wall_ms),
            None => self.problems.push(Problem::CutOff { offset: FIXED as u64 }),
        }
        self.position = (FIXED + length).min(self.buffer.len());
        Ok(())
    }

    /// Makes sure that `wanted` bytes stand behind the position, if the file has them.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while self.buffer.len() - self.position < wanted && !self.is_at_end {
            if self.position >= CHUNK {
                self.buffer.drain(..self.position);
                self.offset += self.position as u64;
                self.position = 0;
            }
            let before = self.buffer.len();
            self.buffer.resize(before + CHUNK, 0);
            let read = self.source.read(&mut self.buffer[before..]);
            self.buffer.truncate(before + read.as_ref().map_or(0, |count| *count));
            match read {
                Ok(0) => self.is_at_end = true,
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    self.is_at_end = true;
                    return Err(error);
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn fill_and_note(&mut self, wanted: usize) {
        if let Err(error) = self.fill(wanted) {
            self.tell(Problem::Unreadable { error: error.to_string() });
        }
    }

    fn here(&self) -> u64 {
        self.offset + self.position as u64
    }

    fn tell(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_KEPT {
            self.problems.push(problem);
        }
    }

    fn damage_is_over(&mut self) {
        if let Some(offset) = self.damaged_since.take() {
            self.tell(Problem::Damaged { offset, bytes: self.here() - offset });
        }
    }

    /// Moves to the next place where a frame may begin; `false` when the search has cost too much.
    fn skip_nonsense(&mut self) -> bool {
        self.damaged_since.get_or_insert(self.offset + self.position as u64);
        let rest = &self.buffer[self.position + 1..];
        let next = rest.iter().position(|byte| *byte == MARK[0]).unwrap_or(rest.len());
        // What was looked at in vain: the checksum of the longest payload that was there.
        let declared = self.buffer[self.position..]
            .get(5..9)
            .map_or(0, |length| u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize);
        if self.buffer[self.position..].starts_with(&MARK) && declared <= frame::LONGEST {
            self.searched += declared as u64;
        }
        self.position += 1 + next;
        self.searched <= SEARCH_BUDGET
    }

    fn give_up(&mut self) {
        let offset = self.damaged_since.take().unwrap_or_else(|| self.here());
        self.tell(Problem::GivenUp { offset });
        self.is_at_end = true;
        self.buffer.clear();
        self.position = 0;
    }
}

impl<R: Read> Iterator for RecordReader<R> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if self.buffer.len() == self.position {
                self.fill_and_note(frame::HEAD);
                if self.buffer.len() == self.position {
                    self.damage_is_over();
                    return None;
                }
            }
            match frame::parse(&self.buffer[self.position..]) {
                Parsed::Frame(frame) => {
                    let (record, length) = (frame.decode(), frame.length());
                    self.damage_is_over();
                    self.position += length;
                    match record {
                        Some(record) => return Some(record),
                        None => self.unknown += 1,
                    }
                }
                Parsed::NeedsBytes(wanted) if !self.is_at_end => self.fill_and_note(wanted),
                // A frame that the end of the file cuts off, unless whole frames still follow its beginning.
                Parsed::NeedsBytes(_) if self.damaged_since.is_none() && !self.has_frame_ahead() => {
                    self.tell(Problem::CutOff { offset: self.here() });
                    self.position = self.buffer.len();
                }
                Parsed::NeedsBytes(_) | Parsed::Nonsense => {
                    if !self.skip_nonsense() {
                        self.give_up();
                        return None;
                    }
                }
            }
        }
    }
}

impl<R> RecordReader<R> {
    /// Whether a whole frame stands behind the unfinished one at the position (its length may be what is damaged).
    fn has_frame_ahead(&self) -> bool {
        let rest = &self.buffer[self.position + 1..];
        let marks = rest.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
        marks.take(16).any(|(at, _)| matches!(frame::parse(&rest[at..]), Parsed::Frame(..)))
    }
}
