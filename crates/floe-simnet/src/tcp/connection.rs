//! One connection: segments, calls of its owner and time come in; segments go out.

mod receiving;
mod sending;

use std::{
    io,
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;
use receiving::Receiving;
use sending::Sending;

use super::{Control, Segment};

/// Repetitions after which an opening that nobody answers is given up, as Linux does: after two minutes.
const MAX_OPENINGS: u32 = 6;
/// Repetitions after which an open connection that nobody answers is given up; some minutes (RFC 9293 section 3.8.3).
const MAX_REPETITIONS: u32 = 12;
/// How long a connection that its owner dropped may take to end properly.
const LINGER: Duration = Duration::from_secs(60);

/// Where a connection stands. What was sent and received of its two ends is told by [`Sending`] and [`Receiving`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Our opening is under way.
    Dialing,
    /// Both openings are under way; ours acknowledges the other one.
    Answering,
    /// Data may flow.
    Open,
    /// Over, with the error that its owner gets.
    Dead(io::ErrorKind),
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    state: State,
    sending: Sending,
    receiving: Receiving,
    /// When its owner dropped it.
    orphaned: Option<Instant>,
    /// Whoever waits to read, to write or for the connection.
    pub reader: Option<Waker>,
    pub writer: Option<Waker>,
    /// The earliest timer that was set for it, kept by the one who sets it.
    pub armed: Option<Instant>,
}

impl Connection {
    /// Opens a connection.
    pub fn dial(initial: u64, now: Instant, out: &mut Vec<Segment>) -> Self {
        let mut connection = Self::new(State::Dialing, initial, Receiving::default());
        connection.send_opening(now, out);
        connection
    }

    /// Answers the opening of another end.
    pub fn answer(initial: u64, opening: &Segment, now: Instant, out: &mut Vec<Segment>) -> Self {
        let mut connection = Self::new(State::Answering, initial, Receiving::after(opening));
        connection.sending.peer_window = opening.window;
        connection.send_opening(now, out);
        connection
    }

    fn new(state: State, initial: u64, receiving: Receiving) -> Self {
        let sending = Sending::new(initial);
        Self { state, sending, receiving, orphaned: None, reader: None, writer: None, armed: None }
    }

    /// Whether data may flow; an error when that will never be.
    pub fn is_open(&self) -> io::Result<bool> {
        match self.state {
            State::Dialing | State::Answering => Ok(false),
            State::Open => Ok(true),
            State::Dead(kind) => Err(kind.into()),
        }
    }

    /// Whether a program has it, or may still get it.
    pub fn is_owned(&self) -> bool {
        self.orphaned.is_none()
    }

    /// Whether nobody needs it any more.
    pub fn is_finished(&self) -> bool {
        let ended_well = self.sending.is_finished() && self.receiving.is_finished();
        self.orphaned.is_some() && (ended_well || matches!(self.state, State::Dead(_)))
    }

    /// When something must be done although nothing arrives.
    pub fn deadline(&self) -> Option<Instant> {
        if matches!(self.state, State::Dead(_)) {
            return None;
        }
        let lingers_until = self.orphaned.map(|since| since + LINGER);
        self.sending.retry_at.into_iter().chain(lingers_until).min()
    }

    /// Takes bytes to send; none while the buffer is full.
    pub fn write(&mut self, bytes: &[u8], now: Instant, out: &mut Vec<Segment>) -> io::Result<Option<usize>> {
        if let State::Dead(kind) = self.state {
            return Err(kind.into());
        }
        if self.sending.is_closing() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = self.sending.take(bytes);
        self.send_what_may(now, out);
        Ok((taken > 0 || bytes.is_empty()).then_some(taken))
    }

    /// Gives at most `limit` bytes that arrived; empty at the end of the stream, none while there is nothing to read.
    pub fn read(&mut self, limit: usize, out: &mut Vec<Segment>) -> io::Result<Option<Bytes>> {
        let before = self.receiving.window();
        let bytes = self.receiving.read(limit);
        if bytes.is_empty() && limit > 0 && !self.receiving.is_finished() {
            return match self.state {
                State::Dead(kind) => Err(kind.into()),
                State::Dialing | State::Answering | State::Open => Ok(None),
            };
        }
        // The other end may be waiting for this room.
        if before < super::MAX_SEGMENT && self.receiving.window() >= super::MAX_SEGMENT && self.state == State::Open {
            self.acknowledge(out);
        }
        Ok(Some(bytes))
    }

    /// Sends what was written, and then the end of the stream.
    pub fn finish(&mut self, now: Instant, out: &mut Vec<Segment>) {
        self.sending.close();
        self.send_what_may(now, out);
    }

    /// Its owner wants no more of it. What was read goes on to be acknowledged; unread data resets the connection
    /// (RFC 1122 section 4.2.2.13).
    pub fn abandon(&mut self, now: Instant, out: &mut Vec<Segment>) {
        self.orphaned = Some(now);
        (self.reader, self.writer) = (None, None);
        let reads_all = self.receiving.is_empty();
        match self.state {
            State::Open if reads_all => self.finish(now, out),
            State::Open | State::Answering => self.abort(out),
            State::Dialing => self.die(io::ErrorKind::ConnectionAborted),
            State::Dead(_) => {}
        }
    }

    /// Resets the connection.
    pub fn abort(&mut self, out: &mut Vec<Segment>) {
        out.push(Segment::reset(self.sending.next, Some(self.receiving.expected)));
        self.die(io::ErrorKind::ConnectionAborted);
    }

    /// Ends the connection without a word to the other end.
    pub fn die(&mut self, kind: io::ErrorKind) {
        self.state = State::Dead(kind);
        self.sending.retry_at = None;
        self.wake();
    }

    /// Does what is due.
    pub fn on_timeout(&mut self, now: Instant, out: &mut Vec<Segment>) {
        if self.orphaned.is_some_and(|since| since + LINGER <= now) {
            return self.die(io::ErrorKind::TimedOut);
        }
        if self.sending.retry_at.is_none_or(|at| now < at) {
            return;
        }
        let repetitions = if self.state == State::Open { MAX_REPETITIONS } else { MAX_OPENINGS };
        if self.sending.unanswered >= repetitions {
            return self.die(io::ErrorKind::TimedOut);
        }
        self.sending.back_off();
        match self.state {
            State::Dialing | State::Answering => self.send_opening(now, out),
            State::Open => self.send_again(now, out),
            State::Dead(_) => {}
        }
    }

    /// Takes a segment of the other end.
    pub fn on_segment(&mut self, segment: Segment, now: Instant, out: &mut Vec<Segment>) {
        match (self.state, segment.control) {
            (State::Dead(_), _) => {}
            (State::Dialing, Control::Reset) => self.on_refusal(&segment),
            (_, Control::Reset) => self.on_reset(&segment),
            (State::Dialing, Control::Open) => self.on_opening(&segment, now, out),
            (State::Dialing, Control::Data | Control::Finish) => {}
            (State::Answering, _) => self.on_answer(segment, now, out),
            // Our acknowledgement of its opening was lost.
            (State::Open, Control::Open) => self.acknowledge(out),
            (State::Open, Control::Data | Control::Finish) => self.on_data(segment, now, out),
        }
    }

    fn on_refusal(&mut self, segment: &Segment) {
        if segment.acknowledged == Some(self.sending.next) {
            self.die(io::ErrorKind::ConnectionRefused);
        }
    }

    fn on_reset(&mut self, segment: &Segment) {
        if self.receiving.covers(segment.sequence) {
            self.die(io::ErrorKind::ConnectionReset);
        }
    }

    /// The answer to our opening, or an opening that crossed it (RFC 9293 section 3.5, simultaneous).
    fn on_opening(&mut self, segment: &Segment, now: Instant, out: &mut Vec<Segment>) {
        self.receiving = Receiving::after(segment);
        self.sending.peer_window = segment.window;
        match segment.acknowledged {
            None => {
                self.state = State::Answering;
                self.send_opening(now, out);
            }
            Some(acknowledged) if acknowledged == self.sending.next => {
                self.open(acknowledged, now);
                self.acknowledge(out);
                self.send_what_may(now, out);
            }
            Some(acknowledged) => out.push(Segment::reset(acknowledged, None)),
        }
    }

    fn on_answer(&mut self, segment: Segment, now: Instant, out: &mut Vec<Segment>) {
        match segment.acknowledged {
            Some(acknowledged) if acknowledged == self.sending.next => {
                self.open(acknowledged, now);
                self.sending.peer_window = segment.window;
                match segment.control {
                    // In a simultaneous opening this tells the other end that its own one arrived.
                    Control::Open => self.acknowledge(out),
                    Control::Data | Control::Finish | Control::Reset => self.on_data(segment, now, out),
                }
                self.send_what_may(now, out);
            }
            None if segment.control == Control::Open => self.send_opening(now, out),
            _ => {}
        }
    }

    fn open(&mut self, acknowledged: u64, now: Instant) {
        self.state = State::Open;
        self.sending.on_acknowledged(acknowledged, now);
        self.wake();
    }

    fn on_data(&mut self, segment: Segment, now: Instant, out: &mut Vec<Segment>) {
        if self.orphaned.is_some() && !segment.data.is_empty() && segment.end() > self.receiving.expected {
            return self.abort(out);
        }
        let wants_answer = segment.length() > 0;
        let is_duplicate = !wants_answer && segment.window == self.sending.peer_window;
        self.sending.peer_window = segment.window;
        let repeat = segment.acknowledged.is_some_and(|to| self.sending.on_progress(to, is_duplicate, now));
        if self.receiving.take(segment)
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
        if repeat {
            self.repeat_first(now, out);
        }
        let sent = out.len();
        self.send_what_may(now, out);
        if wants_answer && out.len() == sent {
            self.acknowledge(out);
        }
        if self.sending.has_room()
            && let Some(writer) = self.writer.take()
        {
            writer.wake();
        }
    }

    /// Sends everything from the first byte that was not acknowledged, as far as the shrunken window allows. A closed
    /// window is probed with one byte (RFC 9293 section 3.8.6.1).
    fn send_again(&mut self, now: Instant, out: &mut Vec<Segment>) {
        self.sending.go_back();
        if self.sending.peer_window == 0 {
            self.sending.peer_window = 1;
            self.send_what_may(now, out);
            self.sending.peer_window = 0;
            self.sending.go_back();
        } else {
            self.send_what_may(now, out);
        }
        self.sending.restart_timer(now);
    }

    fn send_what_may(&mut self, now: Instant, out: &mut Vec<Segment>) {
        if self.state != State::Open {
            return;
        }
        while let Some((control, sequence, data)) = self.sending.next_piece(now) {
            out.push(self.segment(control, sequence, data));
        }
        self.sending.set_timer(now);
    }

    fn repeat_first(&mut self, now: Instant, out: &mut Vec<Segment>) {
        if let Some((control, sequence, data)) = self.sending.first_piece() {
            out.push(self.segment(control, sequence, data));
            self.sending.restart_timer(now);
        }
    }

    fn send_opening(&mut self, now: Instant, out: &mut Vec<Segment>) {
        let acknowledged = (self.state == State::Answering).then_some(self.receiving.expected);
        let (sequence, window) = (self.sending.begin(now), self.receiving.window());
        out.push(Segment { control: Control::Open, sequence, acknowledged, window, data: Bytes::new() });
    }

    fn acknowledge(&self, out: &mut Vec<Segment>) {
        out.push(self.segment(Control::Data, self.sending.next, Bytes::new()));
    }

    fn segment(&self, control: Control, sequence: u64, data: Bytes) -> Segment {
        let acknowledged = Some(self.receiving.expected);
        Segment { control, sequence, acknowledged, window: self.receiving.window(), data }
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;
