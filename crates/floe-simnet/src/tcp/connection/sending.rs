//! The sending half of a connection: what was written, how much of it may be under way, and when to try again.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::tcp::{Control, MAX_SEGMENT};

/// Bytes that wait to be sent or acknowledged.
const BUFFER: usize = 65_536;
/// Before the first round trip was measured (RFC 6298 section 2.1).
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// The least time-out, as Linux has it.
const MIN_TIMEOUT: Duration = Duration::from_millis(200);
/// The most, a little above what an opening comes to.
const MAX_TIMEOUT: Duration = Duration::from_secs(64);
/// Segments that may be under way at first (RFC 6928).
const FIRST_WINDOW: usize = 10 * MAX_SEGMENT;
/// Acknowledgements of the same byte that prove a loss (RFC 5681 section 3.2).
const DUPLICATES: u32 = 3;

/// A piece to send: what it does, where it is in the stream, what it carries.
type Piece = (Control, u64, Bytes);

/// What was written, from the first byte that was not acknowledged.
#[derive(Debug)]
pub(super) struct Sending {
    /// The first byte of the stream that was not acknowledged. The opening counts as one.
    first: u64,
    /// The byte that is sent next.
    pub next: u64,
    /// Bytes from `first` on.
    buffer: VecDeque<u8>,
    closing: Closing,
    /// What the other end has room for, from `first`.
    pub peer_window: usize,
    congestion_window: usize,
    slow_start_until: usize,
    duplicates: u32,
    /// A loss is being made good up to here.
    recovers_to: Option<u64>,
    /// The byte after the piece whose round trip is measured, and when that was sent.
    timed: Option<(u64, Instant)>,
    round_trip: Option<Duration>,
    /// Time-outs since something was acknowledged.
    tries: u32,
    /// Time-outs since anything was heard. Whoever keeps answering probes of his closed window lives.
    pub unanswered: u32,
    pub retry_at: Option<Instant>,
}

/// How far the end of the stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    Wanted,
    Sent,
    Acknowledged,
}

impl Sending {
    pub const fn new(initial: u64) -> Self {
        Self {
            first: initial,
            next: initial,
            buffer: VecDeque::new(),
            closing: Closing::No,
            peer_window: 0,
            congestion_window: FIRST_WINDOW,
            slow_start_until: usize::MAX,
            duplicates: 0,
            recovers_to: None,
            timed: None,
            round_trip: None,
            tries: 0,
            unanswered: 0,
            retry_at: None,
        }
    }

    /// Begins the stream with the opening, or begins it again; gives its place.
    pub fn begin(&mut self, now: Instant) -> u64 {
        self.next = self.first + 1;
        // An answer to a repeated opening may be one to the first (RFC 6298 section 3).
        self.timed = (self.tries == 0).then_some((self.next, now));
        self.restart_timer(now);
        self.first
    }

    /// Takes what has room.
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(BUFFER - self.buffer.len().min(BUFFER));
        self.buffer.extend(&bytes[..taken]);
        taken
    }

    pub fn has_room(&self) -> bool {
        self.buffer.len() < BUFFER
    }

    pub fn close(&mut self) {
        if self.closing == Closing::No {
            self.closing = Closing::Wanted;
        }
    }

    pub fn is_closing(&self) -> bool {
        self.closing != Closing::No
    }

    /// Whether everything was acknowledged, up to the end.
    pub fn is_finished(&self) -> bool {
        self.closing == Closing::Acknowledged
    }

    /// The other end has everything before `to`; whether the first piece under way must be repeated at once.
    pub fn on_progress(&mut self, to: u64, is_duplicate: bool, now: Instant) -> bool {
        if to > self.first {
            self.on_acknowledged(to, now);
            // A part of what was lost is made good, so the next part was lost too (RFC 6582).
            let recovering = self.recovers_to.is_some_and(|end| to < end);
            self.recovers_to = self.recovers_to.filter(|_| recovering);
            return recovering;
        }
        self.unanswered = 0;
        if to < self.first || !is_duplicate || self.next == self.first {
            return false;
        }
        self.duplicates += 1;
        if self.duplicates != DUPLICATES || self.recovers_to.is_some() {
            return false;
        }
        self.shrink();
        self.congestion_window = self.slow_start_until;
        self.recovers_to = Some(self.next);
        true
    }

    /// The other end has everything before `to`.
    pub fn on_acknowledged(&mut self, to: u64, now: Instant) {
        let gone = usize::try_from(to.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if self.closing != Closing::No && gone > self.buffer.len() {
            self.closing = Closing::Acknowledged;
        }
        self.buffer.drain(..gone.min(self.buffer.len()));
        self.first = to;
        // An acknowledgement of what was sent before a time-out.
        self.next = self.next.max(to);
        (self.tries, self.unanswered, self.duplicates) = (0, 0, 0);
        if self.recovers_to.is_none() {
            self.grow(gone);
        }
        if let Some((_, sent)) = self.timed.filter(|(end, _)| *end <= to) {
            self.measure(now.saturating_duration_since(sent));
        }
        self.restart_timer(now);
    }

    /// The next piece that may be sent.
    pub fn next_piece(&mut self, now: Instant) -> Option<Piece> {
        let under_way = usize::try_from(self.next - self.first).unwrap_or(usize::MAX);
        let may = self.peer_window.min(self.congestion_window).saturating_sub(under_way);
        let length = self.buffer.len().saturating_sub(under_way).min(may).min(MAX_SEGMENT);
        let sequence = self.next;
        let piece = if length > 0 {
            (Control::Data, sequence, self.copy(under_way, length))
        } else if self.closing == Closing::Wanted && self.buffer.len() <= under_way {
            self.closing = Closing::Sent;
            (Control::Finish, sequence, Bytes::new())
        } else {
            return None;
        };
        self.next += if length > 0 { length as u64 } else { 1 };
        if self.timed.is_none() && self.tries == 0 {
            self.timed = Some((self.next, now));
        }
        Some(piece)
    }

    /// The first piece that was not acknowledged, to be sent again.
    pub fn first_piece(&mut self) -> Option<Piece> {
        self.timed = None;
        if self.next == self.first {
            return None;
        }
        let length = self.buffer.len().min(MAX_SEGMENT);
        let control = if length == 0 { Control::Finish } else { Control::Data };
        Some((control, self.first, self.copy(0, length)))
    }

    fn copy(&self, from: usize, length: usize) -> Bytes {
        self.buffer.range(from..from + length).copied().collect()
    }

    /// A time-out: waits twice as long for the next, and takes the network for congested.
    pub fn back_off(&mut self) {
        self.tries += 1;
        self.unanswered += 1;
        self.timed = None;
        self.shrink();
        self.congestion_window = MAX_SEGMENT;
        (self.recovers_to, self.duplicates) = (None, 0);
    }

    /// Everything that was not acknowledged counts as not sent.
    pub fn go_back(&mut self) {
        self.next = self.first;
        if self.closing == Closing::Sent {
            self.closing = Closing::Wanted;
        }
    }

    /// Sets the timer if something waits for an answer and none is set.
    pub fn set_timer(&mut self, now: Instant) {
        if self.retry_at.is_none() {
            self.restart_timer(now);
        }
    }

    /// Sets the timer if something waits for an answer or for room at the other end.
    pub fn restart_timer(&mut self, now: Instant) {
        let waits = self.next > self.first || !self.buffer.is_empty();
        let timeout = self.round_trip.map_or(FIRST_TIMEOUT, |round_trip| (2 * round_trip).max(MIN_TIMEOUT));
        self.retry_at = waits.then(|| now + (timeout * 2_u32.pow(self.tries.min(16))).min(MAX_TIMEOUT));
    }

    fn measure(&mut self, sample: Duration) {
        self.timed = None;
        // RFC 6298 section 2.3, without the variance: twice the mean is what the time-out takes.
        self.round_trip = Some(self.round_trip.map_or(sample, |mean| mean * 7 / 8 + sample / 8));
    }

    fn shrink(&mut self) {
        let under_way = usize::try_from(self.next - self.first).unwrap_or(usize::MAX);
        self.slow_start_until = (under_way / 2).max(2 * MAX_SEGMENT);
    }

    /// RFC 5681 section 3.1.
    fn grow(&mut self, acknowledged: usize) {
        let by = if self.congestion_window < self.slow_start_until {
            acknowledged.min(MAX_SEGMENT)
        } else {
            MAX_SEGMENT * MAX_SEGMENT / self.congestion_window
        };
        self.congestion_window = (self.congestion_window + by).min(BUFFER);
    }
}
