//! Two ends over a wire that loses what it is told to.

use std::collections::VecDeque;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::*;

/// Two connections and what is between them. Everything takes 10 ms.
struct Wire {
    now: Instant,
    ends: [Option<Connection>; 2],
    under_way: VecDeque<(Instant, usize, Segment)>,
    luck: StdRng,
    loss: f64,
    heard: [Vec<u8>; 2],
    segments: usize,
}

const DELAY: Duration = Duration::from_millis(10);

impl Wire {
    fn new(loss: f64, seed: u64) -> Self {
        let mut wire = Self {
            now: Instant::now(),
            ends: [None, None],
            under_way: VecDeque::new(),
            luck: StdRng::seed_from_u64(seed),
            loss,
            heard: [Vec::new(), Vec::new()],
            segments: 0,
        };
        let mut out = Vec::new();
        wire.ends[0] = Some(Connection::dial(1000, wire.now, &mut out));
        wire.send(0, out);
        wire
    }

    fn send(&mut self, from: usize, out: Vec<Segment>) {
        for segment in out {
            self.segments += 1;
            if self.luck.random::<f64>() >= self.loss {
                self.under_way.push_back((self.now + DELAY, 1 - from, segment));
            }
        }
    }

    fn act<T>(&mut self, end: usize, action: impl FnOnce(&mut Connection, Instant, &mut Vec<Segment>) -> T) -> T {
        let mut out = Vec::new();
        let result = action(self.ends[end].as_mut().unwrap(), self.now, &mut out);
        self.send(end, out);
        result
    }

    /// Goes to the next moment at which something happens; `false` when nothing ever will.
    fn advance(&mut self) -> bool {
        let arrival = self.under_way.front().map(|(at, ..)| *at);
        let timers = self.ends.iter().flatten().filter_map(Connection::deadline);
        let Some(next) = arrival.into_iter().chain(timers).min() else { return false };
        self.now = self.now.max(next);
        while self.under_way.front().is_some_and(|(at, ..)| *at <= self.now) {
            let (_, end, segment) = self.under_way.pop_front().unwrap();
            self.arrive(end, segment);
        }
        for end in 0..2 {
            if self.ends[end].as_ref().is_some_and(|one| one.deadline().is_some_and(|at| at <= self.now)) {
                self.act(end, Connection::on_timeout);
            }
        }
        true
    }

    fn arrive(&mut self, end: usize, segment: Segment) {
        if self.ends[end].is_none() {
            let mut out = Vec::new();
            self.ends[end] = Some(Connection::answer(5000, &segment, self.now, &mut out));
            return self.send(end, out);
        }
        self.act(end, |connection, now, out| connection.on_segment(segment, now, out));
    }

    /// Writes all of `data` from one end and its end of stream, reading at the other, until both know the end.
    fn transfer(&mut self, from: usize, data: &[u8]) {
        let mut rest = data;
        for _ in 0..200_000 {
            if self.ends[from].as_ref().is_some_and(|end| end.is_open().unwrap())
                && let Some(taken) = self.act(from, |end, now, out| end.write(rest, now, out).unwrap_or(None))
            {
                rest = &rest[taken..];
                if rest.is_empty() {
                    self.act(from, Connection::finish);
                }
            }
            if self.ends[1 - from].is_some() {
                let read = self.act(1 - from, |end, _, out| end.read(10_000, out)).unwrap();
                match read {
                    Some(bytes) if bytes.is_empty() => return,
                    Some(bytes) => {
                        self.heard[1 - from].extend(bytes);
                        continue;
                    }
                    None => {}
                }
            }
            assert!(self.advance(), "the transfer has stalled");
        }
        panic!("the transfer does not end");
    }
}

fn noise(length: usize) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(3);
    (0..length).map(|_| random.random()).collect()
}

#[test]
fn a_stream_arrives_whole_and_in_order_whatever_is_lost() {
    for (loss, seeds) in [(0.0, 1), (0.02, 10), (0.1, 10), (0.3, 10)] {
        for seed in 0..seeds {
            let mut wire = Wire::new(loss, seed);
            let data = noise(100_000);
            wire.transfer(0, &data);
            assert!(wire.heard[1] == data, "loss {loss} seed {seed}");
        }
    }
}

#[test]
fn without_loss_nothing_is_sent_twice() {
    let mut wire = Wire::new(0.0, 1);
    wire.transfer(0, &noise(140_000));
    // Two openings, 100 full segments and some that the buffer cut, the end, and an acknowledgement for each.
    assert!(wire.segments <= 2 + 2 * 110, "{} segments", wire.segments);
}

#[test]
fn a_single_loss_is_made_good_without_waiting_for_the_time_out() {
    let mut wire = Wire::new(0.0, 1);
    while wire.ends[1].as_ref().is_none_or(|end| !end.is_open().unwrap()) {
        wire.advance();
    }
    let start = wire.now;
    wire.loss = 1.0;
    wire.act(0, |end, now, out| end.write(&[1; MAX], now, out)).unwrap();
    wire.loss = 0.0;
    for _ in 0..4 {
        wire.act(0, |end, now, out| end.write(&[1; MAX], now, out)).unwrap();
    }
    let mut heard = 0;
    while heard < 5 * MAX {
        assert!(wire.advance());
        heard += wire.act(1, |end, _, out| end.read(usize::MAX, out)).unwrap().map_or(0, |bytes| bytes.len());
    }
    assert_eq!(wire.now - start, 3 * DELAY);
}

const MAX: usize = crate::tcp::MAX_SEGMENT;

#[test]
fn a_reader_who_does_not_read_stops_the_writer_and_loses_nothing() {
    let mut wire = Wire::new(0.0, 1);
    while wire.ends[1].as_ref().is_none_or(|end| !end.is_open().unwrap()) {
        wire.advance();
    }
    let data = noise(200_000);
    let mut written = 0;
    let stalls_at = wire.now + Duration::from_secs(30);
    while wire.now < stalls_at {
        if let Some(taken) = wire.act(0, |end, now, out| end.write(&data[written..], now, out)).unwrap() {
            written += taken;
        }
        assert!(wire.advance());
    }
    assert!(written <= 2 * 65_536, "{written} bytes were taken");
    let sent = wire.segments;
    let rest = data[written..].to_vec();
    wire.transfer(0, &rest);
    assert!(wire.heard[1] == data);
    assert!(sent < 200, "{sent} segments against a closed window");
}

#[test]
fn an_opening_that_nobody_answers_is_given_up_after_a_minute_or_two() {
    let mut wire = Wire::new(1.0, 1);
    let start = wire.now;
    while wire.advance() {}
    assert_eq!(wire.ends[0].as_ref().unwrap().is_open().unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!((wire.segments, (wire.now - start).as_secs()), (7, 127));
}

#[test]
fn openings_that_cross_make_one_connection() {
    let mut wire = Wire::new(0.0, 1);
    let mut out = Vec::new();
    wire.ends[1] = Some(Connection::dial(9000, wire.now, &mut out));
    wire.send(1, out);
    wire.transfer(0, b"across");
    assert_eq!(wire.heard[1], b"across");
    assert!(wire.ends.iter().flatten().all(|end| end.is_open().unwrap()));
}

#[test]
fn both_ends_can_finish_and_are_then_needed_by_nobody() {
    let mut wire = Wire::new(0.0, 1);
    wire.transfer(0, b"there");
    wire.transfer(1, b"back");
    for end in 0..2 {
        wire.act(end, Connection::abandon);
    }
    while wire.advance() {}
    assert!(wire.ends.iter().flatten().all(Connection::is_finished));
}

#[test]
fn a_connection_dropped_with_unread_data_is_reset() {
    let mut wire = Wire::new(0.0, 1);
    while wire.ends[1].as_ref().is_none_or(|end| !end.is_open().unwrap()) {
        wire.advance();
    }
    wire.act(0, |end, now, out| end.write(b"unread", now, out)).unwrap();
    wire.advance();
    wire.act(1, Connection::abandon);
    while wire.ends[0].as_ref().unwrap().is_open().is_ok() {
        assert!(wire.advance());
    }
    assert_eq!(wire.ends[0].as_ref().unwrap().is_open().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert!(wire.ends[1].as_ref().unwrap().is_finished());
}

#[test]
fn a_reset_from_elsewhere_in_the_stream_is_not_believed() {
    let mut wire = Wire::new(0.0, 1);
    wire.transfer(0, b"x");
    for sequence in [0, 999, 1_000_000] {
        wire.act(1, |end, now, out| end.on_segment(Segment::reset(sequence, None), now, out));
        assert!(wire.ends[1].as_ref().unwrap().is_open().unwrap());
    }
}
