//! A window over a file that is read in large pieces.

use std::io::{self, Read};

/// How much is read at once, in the beginning and of large files. Larger pieces are not faster.
const FIRST_CHUNK: usize = 1 << 16;
const CHUNK: usize = 1 << 18;

/// A window over a file. Holds a chunk, or the longest thing asked for.
#[derive(Debug)]
pub(super) struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where the window begins in the file.
    consumed: u64,
    is_at_end: bool,
    error: Option<io::Error>,
}

impl<R: Read> Source<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, buffer: vec![0; FIRST_CHUNK], start: 0, end: 0, consumed: 0, is_at_end: false, error: None }
    }

    /// Makes sure that `wanted` bytes are in the window; `false` when the file ends before.
    #[inline]
    pub fn fill(&mut self, wanted: usize) -> bool {
        self.end - self.start >= wanted || self.read(wanted)
    }

    #[cold]
    fn read(&mut self, wanted: usize) -> bool {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if wanted > self.buffer.len() {
            self.grow(wanted.next_multiple_of(FIRST_CHUNK));
        } else if self.consumed > FIRST_CHUNK as u64 / 2 && self.buffer.len() < CHUNK {
            self.grow(CHUNK);
        }
        while self.end < wanted && !self.is_at_end {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.is_at_end = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_at_end = true;
                    self.error = Some(error);
                }
            }
        }
        self.end >= wanted
    }

    /// Memory fresh from the system is zero already; growing the old piece would write every byte.
    fn grow(&mut self, size: usize) {
        let mut larger = vec![0; size];
        larger[..self.end].copy_from_slice(&self.buffer[..self.end]);
        self.buffer = larger;
    }

    /// What is in the window.
    #[inline]
    pub fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Moves the window on.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.consumed += count as u64;
    }

    /// Moves the window on and shows what it moved over.
    #[inline]
    pub fn consume_and_show(&mut self, count: usize) -> &[u8] {
        let start = self.start;
        self.consume(count);
        &self.buffer[start..self.start]
    }

    /// Moves on by more than the window may hold; `false` when the file ends before.
    pub fn skip(&mut self, mut count: u64) -> bool {
        while count > 0 {
            if !self.fill(1) {
                return false;
            }
            let step = (self.end - self.start).min(usize::try_from(count).unwrap_or(usize::MAX));
            self.consume(step);
            count -= step as u64;
        }
        true
    }

    /// Where the window begins in the file.
    #[inline]
    pub fn position(&self) -> u64 {
        self.consumed
    }

    /// What ended reading before the end of the file.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }
}
