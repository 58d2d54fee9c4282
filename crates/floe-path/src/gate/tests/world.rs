//! Two gates facing each other over a network of rules, in virtual time.

use std::collections::{BTreeMap, BTreeSet};

use floe_wire::IceConnectionState as State;

use super::*;
use crate::connection::Connection;

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const TA: Duration = Duration::from_millis(5);
pub(super) const GRACE: Duration = Duration::from_millis(30);

/// A path between base `a` of the controlling side and base `b` of the controlled one.
pub(super) type Line = (u32, u32);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum End {
    A,
    B,
}

impl End {
    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(super) fn key(self, (a, b): Line) -> PairKey {
        let (base, remote) = match self {
            Self::A => (a, b),
            Self::B => (b, a),
        };
        PairKey { base: BaseId(base), remote: address(remote) }
    }

    /// Lower bases are better; the smaller preference, B's, weighs more (RFC 8445 section 6.1.2.3).
    pub(super) fn rank(self, (a, b): Line) -> Rank {
        let (a, b) = (1000 - 10 * a, 900 - b);
        match self {
            Self::A => Rank { local: a, remote: b },
            Self::B => Rank { local: b, remote: a },
        }
    }

    pub(super) fn line(self, key: PairKey) -> Line {
        let remote = u32::from(key.remote.port()) - 1000;
        match self {
            Self::A => (key.base.0, remote),
            Self::B => (remote, key.base.0),
        }
    }
}

pub(super) fn address(base: u32) -> std::net::SocketAddr {
    ([10, 0, 0, 1], 1000 + u16::try_from(base).unwrap()).into()
}

/// Every pair has a foundation of its own, unless a test says otherwise.
pub(super) fn foundation(key: PairKey) -> Foundation {
    let (local, remote) = (key.base.0, key.remote.port());
    Foundation { local: std::net::Ipv4Addr::from(local).into(), remote: remote.to_string().into() }
}

/// The rank that gives a pair this priority, in whichever role.
pub(super) fn rank(priority: u32) -> Rank {
    Rank { local: priority, remote: priority }
}

pub(super) enum Wire {
    Request { transaction: TransactionId, nomination: Option<u32> },
    Answer { transaction: TransactionId },
    Media { number: usize },
}

/// Numbered packets of one direction, one every 20 ms while talking.
#[derive(Default)]
pub(super) struct Media {
    pub(super) due: Option<Instant>,
    pub(super) sent: usize,
    /// When each arrived, in ms, and its number.
    pub(super) heard: Vec<(u128, usize)>,
}

impl Media {
    /// The longest time without a packet between two moments, in ms.
    pub(super) fn gap(&self, from: u128, to: u128) -> u128 {
        let inner = self.heard.iter().map(|(at, _)| *at).filter(|at| (from..=to).contains(at));
        let moments: Vec<_> = [from].into_iter().chain(inner).chain([to]).collect();
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    pub(super) fn lost(&self, sent: usize) -> usize {
        let mut numbers: Vec<_> = self.heard.iter().map(|(_, number)| *number).filter(|n| *n < sent).collect();
        numbers.sort_unstable();
        numbers.dedup();
        sent - numbers.len()
    }
}

pub(super) struct Side {
    pub(super) gate: Gate,
    pub(super) connection: Connection,
    pub(super) has_begun: bool,
    pub(super) early: Vec<(PairKey, Option<u32>)>,
    pub(super) released_at: Option<Instant>,
    pub(super) states: Vec<(u128, State)>,
    pub(super) selections: Vec<(u128, Line)>,
    pub(super) sent: Vec<(u128, Line, Purpose)>,
    pub(super) media: Media,
}

pub(super) struct World {
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) sides: BTreeMap<End, Side>,
    pub(super) lines: Vec<Line>,
    pub(super) dead: BTreeSet<Line>,
    pub(super) delay: Duration,
    pub(super) loss: f64,
    /// This end takes the other end's bases for ranked the other way round.
    pub(super) is_reversed: Option<End>,
    pub(super) random: StdRng,
    pub(super) flying: BTreeMap<(Instant, u64), (End, Line, Wire)>,
    pub(super) flown: u64,
}

impl World {
    pub(super) fn new(lines: &[Line], seed: u64) -> Self {
        let start = Instant::now();
        let side = |role, seed| Side {
            gate: Gate::new(role, GRACE, seed),
            connection: Connection::new(),
            has_begun: false,
            early: Vec::new(),
            released_at: None,
            states: Vec::new(),
            selections: Vec::new(),
            sent: Vec::new(),
            media: Media::default(),
        };
        Self {
            start,
            now: start,
            sides: [(End::A, side(IceRole::Controlling, seed)), (End::B, side(IceRole::Controlled, !seed))].into(),
            lines: lines.to_vec(),
            dead: BTreeSet::new(),
            delay: Duration::from_micros(200),
            loss: 0.0,
            is_reversed: None,
            random: StdRng::seed_from_u64(seed),
            flying: BTreeMap::new(),
            flown: 0,
        }
    }

    /// Both codes are pasted at once.
    pub(super) fn begun(lines: &[Line], seed: u64) -> Self {
        let mut world = Self::new(lines, seed);
        world.begin(End::A);
        world.begin(End::B);
        world
    }

    /// 2×2 bases with both codes pasted at once.
    pub(super) fn square(seed: u64) -> Self {
        Self::begun(&[(0, 0), (0, 1), (1, 0), (1, 1)], seed)
    }

    /// The same, 15 ms apart, after three seconds in which both ends have come to talk over the best pair.
    pub(super) fn talking(seed: u64) -> Self {
        let mut world = Self::square(seed);
        world.delay = 15 * MS;
        world.run_to(500);
        world.talk();
        world.run_to(3000);
        world.assert_both_on((0, 0));
        world
    }

    pub(super) fn side(&mut self, end: End) -> &mut Side {
        self.sides.get_mut(&end).unwrap()
    }

    pub(super) fn at(&self) -> u128 {
        (self.now - self.start).as_millis()
    }

    /// The peer's code is pasted at this end.
    pub(super) fn begin(&mut self, end: End) {
        let (now, lines) = (self.now, self.lines.clone());
        let ranks: Vec<Rank> = lines.iter().map(|line| self.rank(end, *line)).collect();
        let side = self.side(end);
        side.has_begun = true;
        side.connection.begin(now);
        for (line, rank) in lines.into_iter().zip(ranks) {
            side.gate.add(end.key(line), rank, foundation(end.key(line)), now);
        }
        for (key, nomination) in std::mem::take(&mut side.early) {
            side.gate.on_request_answered(key, nomination, now);
        }
        self.note(end);
    }

    pub(super) fn rank(&self, end: End, line: Line) -> Rank {
        let rank = end.rank(line);
        let is_reversed = self.is_reversed == Some(end);
        if is_reversed { Rank { remote: 2000 - rank.remote, ..rank } } else { rank }
    }

    /// Both ends send media from here on, whenever a pair is selected.
    pub(super) fn talk(&mut self) {
        let now = self.now;
        self.sides.values_mut().for_each(|side| side.media.due = Some(now));
    }

    /// An interface of this end goes away.
    pub(super) fn remove_base(&mut self, end: End, base: u32) {
        let now = self.now;
        let gone = self.lines.iter().copied().filter(|line| end.key(*line).base == BaseId(base));
        self.dead.extend(gone.collect::<Vec<_>>());
        self.side(end).gate.remove_bases(&[BaseId(base)], now);
        self.note(end);
    }

    /// The connection of a line ends at both ends, of which one dials; it can be made again.
    pub(super) fn break_connection(&mut self, line: Line, dialer: End) {
        let now = self.now;
        for end in [End::A, End::B] {
            self.side(end).gate.on_broken(end.key(line), end == dialer, now);
            self.note(end);
        }
    }

    pub(super) fn speak(&mut self, end: End) {
        let now = self.now;
        let side = self.side(end);
        if side.media.due.is_none_or(|due| due > now) {
            return;
        }
        side.media.due = Some(now + 20 * MS);
        if let Some(key) = side.gate.selected() {
            let number = side.media.sent;
            side.media.sent += 1;
            self.fly(end.other(), end.line(key), Wire::Media { number });
        }
    }

    pub(super) fn add_line(&mut self, line: Line) {
        let now = self.now;
        self.lines.push(line);
        for end in [End::A, End::B] {
            self.side(end).gate.add(end.key(line), end.rank(line), foundation(end.key(line)), now);
        }
    }

    pub(super) fn fly(&mut self, to: End, line: Line, wire: Wire) {
        if self.dead.contains(&line) || self.random.random_bool(self.loss) {
            return;
        }
        self.flown += 1;
        let jitter = self.delay.mul_f64(self.random.random_range(0.0..0.5));
        self.flying.insert((self.now + self.delay + jitter, self.flown), (to, line, wire));
    }

    pub(super) fn note(&mut self, end: End) {
        let (at, now) = (self.at(), self.now);
        let side = self.side(end);
        let facts = side.gate.facts();
        while let Some(state) = side.connection.advance(facts, now) {
            side.states.push((at, state));
        }
        if let Some(line) = side.gate.selected().map(|key| end.line(key))
            && side.selections.last().is_none_or(|(_, last)| *last != line)
        {
            side.selections.push((at, line));
        }
    }

    pub(super) fn next_event(&self) -> Option<Instant> {
        let timers = self.sides.values().filter(|side| side.has_begun).flat_map(|side| {
            let release = side.gate.release_at().map(|(at, _)| side.released_at.map_or(at, |last| at.max(last + TA)));
            let failure = side.connection.deadline(side.gate.facts());
            [release, side.gate.time_at().map(|(at, _)| at), failure, side.media.due]
        });
        let arrivals = self.flying.keys().next().map(|(at, _)| *at);
        timers.chain([arrivals]).flatten().min()
    }

    /// Runs until `ms` after the start.
    pub(super) fn run_to(&mut self, ms: u64) {
        let end = self.start + Duration::from_millis(ms);
        let mut steps = 0;
        while let Some(at) = self.next_event().filter(|at| *at <= end) {
            steps += 1;
            assert!(steps < 1_000_000, "a timer that never goes away at {} ms", self.at());
            self.now = self.now.max(at);
            self.deliver();
            for end in [End::A, End::B] {
                self.step(end);
                self.speak(end);
            }
        }
        self.now = end;
    }

    pub(super) fn deliver(&mut self) {
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, line, wire) = entry.remove();
            match wire {
                Wire::Request { transaction, nomination } => self.on_request(to, line, transaction, nomination),
                Wire::Answer { transaction } => {
                    let (key, now) = (to.key(line), self.now);
                    let gate = &mut self.side(to).gate;
                    if gate.has_asked(key, transaction) {
                        gate.on_success(key, transaction, now);
                    }
                }
                Wire::Media { number } => {
                    let (key, now, at) = (to.key(line), self.now, self.at());
                    let side = self.side(to);
                    side.media.heard.push((at, number));
                    side.gate.on_media(key, now);
                }
            }
            self.note(to);
        }
    }

    pub(super) fn on_request(&mut self, to: End, line: Line, transaction: TransactionId, nomination: Option<u32>) {
        let (key, now, at) = (to.key(line), self.now, self.at());
        let rank = self.rank(to, line);
        let side = self.side(to);
        if side.has_begun {
            if side.connection.on_request(now) {
                side.states.push((at, State::Checking));
            }
            side.gate.hear(key, rank, now);
            side.gate.on_request_answered(key, nomination, now);
        } else {
            side.early.push((key, nomination));
        }
        self.fly(to.other(), line, Wire::Answer { transaction });
    }

    pub(super) fn step(&mut self, end: End) {
        let (now, at) = (self.now, self.at());
        let side = self.side(end);
        if !side.has_begun {
            return;
        }
        side.gate.handle_time(now);
        if side.released_at.is_none_or(|last| last + TA <= now)
            && let Some(release) = side.gate.release(now)
        {
            let transaction = side.gate.transaction();
            side.gate.on_sent(release, transaction, now);
            side.released_at = Some(now);
            let line = end.line(release.key);
            side.sent.push((at, line, release.purpose));
            self.fly(end.other(), line, Wire::Request { transaction, nomination: release.nomination });
        }
        self.note(end);
    }

    pub(super) fn selected(&self, end: End) -> Option<Line> {
        self.sides[&end].gate.selected().map(|key| end.line(key))
    }

    pub(super) fn state(&self, end: End) -> Option<State> {
        self.sides[&end].states.last().map(|(_, state)| *state)
    }

    #[track_caller]
    pub(super) fn assert_both_on(&self, line: Line) {
        assert_eq!((self.selected(End::A), self.selected(End::B)), (Some(line), Some(line)));
        assert_eq!((self.state(End::A), self.state(End::B)), (Some(State::Completed), Some(State::Completed)));
    }

    pub(super) fn sent_between(&self, end: End, from: u128, to: u128) -> usize {
        self.sides[&end].sent.iter().filter(|(at, _, _)| (from..to).contains(at)).count()
    }
}
