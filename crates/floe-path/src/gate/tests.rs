//! Two gates facing each other over a network of rules, in virtual time.

use std::collections::{BTreeMap, BTreeSet};

use floe_wire::IceConnectionState as State;

use super::*;
use crate::connection::Connection;

mod broken;
mod freezing;
mod limits;
mod takeover;

const MS: Duration = Duration::from_millis(1);
const TA: Duration = Duration::from_millis(5);
const GRACE: Duration = Duration::from_millis(30);

/// A path between base `a` of the controlling side and base `b` of the controlled one.
type Line = (u32, u32);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum End {
    A,
    B,
}

impl End {
    fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    fn key(self, (a, b): Line) -> PairKey {
        let (base, remote) = match self {
            Self::A => (a, b),
            Self::B => (b, a),
        };
        PairKey { base: BaseId(base), remote: address(remote) }
    }

    /// Lower bases are better; the smaller preference, B's, weighs more (RFC 8445 section 6.1.2.3).
    fn rank(self, (a, b): Line) -> Rank {
        let (a, b) = (1000 - 10 * a, 900 - b);
        match self {
            Self::A => Rank { local: a, remote: b },
            Self::B => Rank { local: b, remote: a },
        }
    }

    fn line(self, key: PairKey) -> Line {
        let remote = u32::from(key.remote.port()) - 1000;
        match self {
            Self::A => (key.base.0, remote),
            Self::B => (remote, key.base.0),
        }
    }
}

fn address(base: u32) -> std::net::SocketAddr {
    ([10, 0, 0, 1], 1000 + u16::try_from(base).unwrap()).into()
}

/// Every pair has a foundation of its own, unless a test says otherwise.
fn foundation(key: PairKey) -> Foundation {
    let (local, remote) = (key.base.0, key.remote.port());
    Foundation { local: std::net::Ipv4Addr::from(local).into(), remote: remote.to_string().into() }
}

/// The rank that gives a pair this priority, in whichever role.
fn rank(priority: u32) -> Rank {
    Rank { local: priority, remote: priority }
}

enum Wire {
    Request { transaction: TransactionId, nomination: Option<u32> },
    Answer { transaction: TransactionId },
    Media { number: usize },
}

/// Numbered packets of one direction, one every 20 ms while talking.
#[derive(Default)]
struct Media {
    due: Option<Instant>,
    sent: usize,
    /// When each arrived, in ms, and its number.
    heard: Vec<(u128, usize)>,
}

impl Media {
    /// The longest time without a packet between two moments, in ms.
    fn gap(&self, from: u128, to: u128) -> u128 {
        let inner = self.heard.iter().map(|(at, _)| *at).filter(|at| (from..=to).contains(at));
        let moments: Vec<_> = [from].into_iter().chain(inner).chain([to]).collect();
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    fn lost(&self, sent: usize) -> usize {
        let mut numbers: Vec<_> = self.heard.iter().map(|(_, number)| *number).filter(|n| *n < sent).collect();
        numbers.sort_unstable();
        numbers.dedup();
        sent - numbers.len()
    }
}

struct Side {
    gate: Gate,
    connection: Connection,
    has_begun: bool,
    early: Vec<(PairKey, Option<u32>)>,
    released_at: Option<Instant>,
    states: Vec<(u128, State)>,
    selections: Vec<(u128, Line)>,
    sent: Vec<(u128, Line, Purpose)>,
    media: Media,
}

struct World {
    start: Instant,
    now: Instant,
    sides: BTreeMap<End, Side>,
    lines: Vec<Line>,
    dead: BTreeSet<Line>,
    delay: Duration,
    loss: f64,
    /// This end takes the other end's bases for ranked the other way round.
    is_reversed: Option<End>,
    random: StdRng,
    flying: BTreeMap<(Instant, u64), (End, Line, Wire)>,
    flown: u64,
}

impl World {
    fn new(lines: &[Line], seed: u64) -> Self {
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

    /// 2×2 bases with both codes pasted at once.
    fn square(seed: u64) -> Self {
        let mut world = Self::new(&[(0, 0), (0, 1), (1, 0), (1, 1)], seed);
        world.begin(End::A);
        world.begin(End::B);
        world
    }

    fn side(&mut self, end: End) -> &mut Side {
        self.sides.get_mut(&end).unwrap()
    }

    fn at(&self) -> u128 {
        (self.now - self.start).as_millis()
    }

    /// The peer's code is pasted at this end.
    fn begin(&mut self, end: End) {
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

    fn rank(&self, end: End, line: Line) -> Rank {
        let rank = end.rank(line);
        let is_reversed = self.is_reversed == Some(end);
        if is_reversed { Rank { remote: 2000 - rank.remote, ..rank } } else { rank }
    }

    /// Both ends send media from here on, whenever a pair is selected.
    fn talk(&mut self) {
        let now = self.now;
        self.sides.values_mut().for_each(|side| side.media.due = Some(now));
    }

    /// An interface of this end goes away.
    fn remove_base(&mut self, end: End, base: u32) {
        let now = self.now;
        let gone = self.lines.iter().copied().filter(|line| end.key(*line).base == BaseId(base));
        self.dead.extend(gone.collect::<Vec<_>>());
        self.side(end).gate.remove_base(BaseId(base), now);
        self.note(end);
    }

    /// The connection of a line ends at both ends, of which one dials; it can be made again.
    fn break_connection(&mut self, line: Line, dialer: End) {
        let now = self.now;
        for end in [End::A, End::B] {
            self.side(end).gate.on_broken(end.key(line), end == dialer, now);
            self.note(end);
        }
    }

    fn speak(&mut self, end: End) {
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

    fn add_line(&mut self, line: Line) {
        let now = self.now;
        self.lines.push(line);
        for end in [End::A, End::B] {
            self.side(end).gate.add(end.key(line), end.rank(line), foundation(end.key(line)), now);
        }
    }

    fn fly(&mut self, to: End, line: Line, wire: Wire) {
        if self.dead.contains(&line) || self.random.random_bool(self.loss) {
            return;
        }
        self.flown += 1;
        let jitter = self.delay.mul_f64(self.random.random_range(0.0..0.5));
        self.flying.insert((self.now + self.delay + jitter, self.flown), (to, line, wire));
    }

    fn note(&mut self, end: End) {
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

    fn next_event(&self) -> Option<Instant> {
        let timers = self.sides.values().filter(|side| side.has_begun).flat_map(|side| {
            let release = side.gate.release_at().map(|(at, _)| side.released_at.map_or(at, |last| at.max(last + TA)));
            let failure = side.connection.deadline(side.gate.facts());
            [release, side.gate.time_at().map(|(at, _)| at), failure, side.media.due]
        });
        let arrivals = self.flying.keys().next().map(|(at, _)| *at);
        timers.chain([arrivals]).flatten().min()
    }

    /// Runs until `ms` after the start.
    fn run_to(&mut self, ms: u64) {
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

    fn deliver(&mut self) {
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

    fn on_request(&mut self, to: End, line: Line, transaction: TransactionId, nomination: Option<u32>) {
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

    fn step(&mut self, end: End) {
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

    fn selected(&self, end: End) -> Option<Line> {
        self.sides[&end].gate.selected().map(|key| end.line(key))
    }

    fn state(&self, end: End) -> Option<State> {
        self.sides[&end].states.last().map(|(_, state)| *state)
    }

    #[track_caller]
    fn assert_both_on(&self, line: Line) {
        assert_eq!((self.selected(End::A), self.selected(End::B)), (Some(line), Some(line)));
        assert_eq!((self.state(End::A), self.state(End::B)), (Some(State::Completed), Some(State::Completed)));
    }

    fn sent_between(&self, end: End, from: u128, to: u128) -> usize {
        self.sides[&end].sent.iter().filter(|(at, _, _)| (from..to).contains(at)).count()
    }
}

#[test]
fn a_lan_needs_one_round_trip_and_few_requests() {
    let mut world = World::square(1);
    world.run_to(1000);
    world.assert_both_on((0, 0));
    for end in [End::A, End::B] {
        assert!(world.sides[&end].selections[0].0 <= 2, "{end:?} {:?}", world.sides[&end].selections);
        assert!(world.sent_between(end, 0, 1000) <= 8, "{:?}", world.sides[&end].sent);
        assert_eq!(world.sides[&end].selections.len(), 1);
    }
}

#[test]
fn both_ends_end_on_the_best_pair_whatever_is_lost() {
    for seed in 0..200 {
        let mut world = World::square(seed);
        world.loss = 0.4;
        world.delay = Duration::from_millis(seed % 120);
        world.run_to(20_000);
        world.loss = 0.0;
        world.run_to(60_000);
        let ends = (world.selected(End::A), world.selected(End::B));
        assert_eq!(ends, (Some((0, 0)), Some((0, 0))), "seed {seed}");
    }
}

#[test]
fn with_a_long_round_trip_the_best_pair_is_still_nominated_by_its_first_check() {
    let mut world = World::square(1);
    world.delay = 40 * MS;
    world.run_to(2000);
    world.assert_both_on((0, 0));
    let selected_at = world.sides[&End::A].selections[0].0;
    assert!(selected_at <= 125, "one round trip of up to 120 ms, not {selected_at} ms");
}

#[test]
fn a_peer_whose_code_is_pasted_three_minutes_later_connects() {
    for late in [End::A, End::B] {
        let mut world = World::new(&[(0, 0), (0, 1), (1, 0), (1, 1)], 7);
        world.begin(late.other());
        world.run_to(180_000);
        assert_eq!(world.selected(late.other()), None, "nobody is there to talk to yet");
        assert_eq!(world.state(late.other()), None, "answered checks are no failure");
        world.begin(late);
        world.run_to(182_000);
        world.assert_both_on((0, 0));
    }
}

#[test]
fn a_late_peer_behind_a_silent_network_is_waited_for_slowly_and_still_connects() {
    let mut world = World::square(3);
    world.dead = world.lines.iter().copied().collect();
    world.run_to(39_499);
    assert_eq!(world.state(End::A), None, "no failure before 39.5 s");
    world.run_to(180_000);
    assert_eq!(world.sides[&End::A].states, [(39_500, State::Failed)]);
    let per_pair_and_second = world.sent_between(End::A, 60_000, 180_000) as f64 / 4.0 / 120.0;
    assert!(per_pair_and_second <= 0.25, "{per_pair_and_second} packets per second and pair");
    world.dead.clear();
    world.run_to(190_000);
    world.assert_both_on((0, 0));
    let states: Vec<_> = world.sides[&End::A].states.iter().map(|(_, state)| *state).collect();
    for pair in states.windows(2) {
        assert!(pair[0].successors().contains(&pair[1]), "{states:?}");
    }
}

#[test]
fn when_the_best_pair_dies_before_it_is_nominated_another_takes_over() {
    for seed in 0..30 {
        let mut world = World::square(seed);
        world.delay = 20 * MS;
        world.run_to(30);
        world.dead.insert((0, 0));
        world.run_to(15_000);
        world.assert_both_on((1, 0));
    }
}

#[test]
fn a_better_pair_that_appears_later_moves_both_ends() {
    for seed in 0..30 {
        let mut world = World::new(&[(1, 0), (1, 1)], seed);
        world.begin(End::A);
        world.begin(End::B);
        world.run_to(1000);
        world.assert_both_on((1, 0));
        world.add_line((0, 0));
        world.run_to(3000);
        world.assert_both_on((0, 0));
    }
}

#[test]
fn a_dead_line_that_revives_after_another_was_chosen_moves_both_ends_back() {
    let mut world = World::square(5);
    world.dead.insert((0, 0));
    world.run_to(1000);
    assert_eq!((world.selected(End::A), world.selected(End::B)), (Some((1, 0)), Some((1, 0))));
    world.dead.clear();
    world.run_to(10_000);
    world.assert_both_on((0, 0));
}

#[test]
fn a_cut_line_shows_disconnected_within_two_seconds_of_the_first_unanswered_request() {
    let mut world = World::new(&[(0, 0)], 1);
    world.begin(End::A);
    world.begin(End::B);
    world.run_to(1000);
    world.assert_both_on((0, 0));
    world.dead.insert((0, 0));
    world.run_to(60_000);
    for end in [End::A, End::B] {
        let side = &world.sides[&end];
        let first_unanswered = side.sent.iter().map(|(at, ..)| *at).find(|at| *at > 1000).unwrap();
        let down: Vec<_> = side.states.iter().rev().take(2).rev().copied().collect();
        let [(disconnected, State::Disconnected), (failed, State::Failed)] = down[..] else { panic!("{down:?}") };
        assert!(disconnected - first_unanswered <= 2000, "{disconnected} after {first_unanswered}");
        assert!((30_000..30_100).contains(&failed), "30 s after the last answer, not {failed}");
        assert_eq!(side.gate.selected(), None, "nothing is sent without consent (RFC 7675)");
    }
    world.dead.clear();
    world.run_to(70_000);
    world.assert_both_on((0, 0));
}

#[test]
fn media_that_stops_shows_disconnected_within_two_seconds_and_answers_bring_it_back() {
    let mut world = World::new(&[(0, 0)], 1);
    world.begin(End::A);
    world.begin(End::B);
    for ms in (20..=1000).step_by(20) {
        world.run_to(ms);
        for end in [End::A, End::B] {
            let now = world.now;
            world.side(end).gate.on_media(end.key((0, 0)), now);
        }
    }
    world.dead.insert((0, 0));
    world.run_to(1500);
    assert_eq!(world.sides[&End::A].gate.liveness(), Liveness::Suspect);
    world.run_to(3000);
    assert_eq!(world.state(End::A), Some(State::Disconnected));
    assert_eq!(world.selected(End::A), Some((0, 0)), "media goes on until consent expires");
    world.dead.clear();
    world.run_to(5000);
    world.assert_both_on((0, 0));
}

#[test]
fn a_pair_in_reserve_takes_over_from_a_cut_line() {
    let mut world = World::square(1);
    world.run_to(1000);
    world.assert_both_on((0, 0));
    world.dead.insert((0, 0));
    world.run_to(12_000);
    assert_eq!((world.selected(End::A), world.selected(End::B)), (Some((1, 0)), Some((1, 0))));
    for end in [End::A, End::B] {
        assert_eq!(world.sides[&end].selections.len(), 2, "no detours: {:?}", world.sides[&end].selections);
    }
}

#[test]
fn consent_of_the_selected_pair_and_of_those_in_reserve_is_asked_every_four_to_six_seconds() {
    let mut world = World::square(9);
    world.run_to(60_000);
    let consents = |line: Line| -> Vec<u128> {
        let sent = world.sides[&End::A].sent.iter();
        sent.filter(|(_, l, purpose)| *l == line && *purpose == Purpose::Consent).map(|(at, ..)| *at).collect()
    };
    for line in [(0, 0), (1, 1)] {
        let at = consents(line);
        assert!(at.len() >= 9, "{at:?}");
        for pair in at.windows(2) {
            assert!((4000..=6010).contains(&(pair[1] - pair[0])), "{at:?}");
        }
    }
}

#[test]
fn the_largest_nomination_wins_however_late_an_older_one_arrives() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlled, GRACE, 1);
    let (good, better) = (End::B.key((1, 1)), End::B.key((0, 0)));
    for (key, line) in [(good, (1, 1)), (better, (0, 0))] {
        gate.add(key, End::B.rank(line), foundation(key), now);
        prove(&mut gate, key, now);
    }
    gate.on_request_answered(good, Some(2), now);
    assert_eq!(gate.selected(), Some(good));
    gate.on_request_answered(better, Some(1), now);
    assert_eq!(gate.selected(), Some(good), "a late retransmission of an older nomination");
    gate.on_request_answered(better, Some(3), now);
    assert_eq!(gate.selected(), Some(better));
}

#[test]
fn a_peer_that_does_not_number_its_nominations_is_followed_by_priority() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlled, GRACE, 1);
    let (good, better) = (End::B.key((1, 1)), End::B.key((0, 0)));
    for (key, line) in [(good, (1, 1)), (better, (0, 0))] {
        gate.add(key, End::B.rank(line), foundation(key), now);
        prove(&mut gate, key, now);
        gate.on_request_answered(key, Some(0), now);
    }
    gate.on_request_answered(good, Some(0), now);
    assert_eq!(gate.selected(), Some(better));
}

#[test]
fn an_answer_counts_once_and_only_from_where_it_was_asked() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
    let (asked, elsewhere) = (End::A.key((0, 0)), End::A.key((0, 1)));
    gate.add(asked, rank(10), foundation(asked), now);
    gate.add(elsewhere, rank(9), foundation(elsewhere), now);
    let release = gate.release(now).unwrap();
    let transaction = gate.transaction();
    gate.on_sent(release, transaction, now);
    assert_eq!(release.key, asked);
    assert!(gate.has_asked(asked, transaction) && !gate.has_asked(elsewhere, transaction));
    gate.on_success(asked, transaction, now);
    assert!(!gate.has_asked(asked, transaction), "a replay is not expected");
}

#[test]
fn addresses_that_are_only_heard_of_stay_bounded_and_make_room_when_stale() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlled, GRACE, 1);
    let key = |n: u32| PairKey { base: BaseId(0), remote: address(n) };
    let admitted = (0..400).filter(|n| gate.hear(key(*n), rank(5), now) == Admission::Admitted).count();
    assert_eq!(admitted, MAX_LEARNED);
    assert_eq!(gate.hear(key(500), rank(5), now + LEARNED_STALE), Admission::Admitted);
    assert!(gate.pairs.len() <= MAX_LEARNED);
}

#[test]
fn at_a_hundred_pairs_a_better_one_replaces_the_worst() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlled, GRACE, 1);
    let key = |n: u32| PairKey { base: BaseId(0), remote: address(n) };
    for n in 0..100 {
        assert_eq!(gate.add(key(n), rank(n + 10), foundation(key(n)), now), Admission::Admitted);
    }
    assert_eq!(gate.add(key(200), rank(5), foundation(key(200)), now), Admission::NoRoom);
    assert_eq!(gate.add(key(201), rank(500), foundation(key(201)), now), Admission::Replaced);
    assert!(gate.pairs.len() == MAX_PAIRS && !gate.pairs.contains_key(&key(0)));
}

#[test]
fn a_pair_that_answers_checks_but_no_nomination_is_given_up_and_another_chosen() {
    let start = Instant::now();
    let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
    let (mute, other) = (End::A.key((0, 0)), End::A.key((0, 1)));
    gate.add(mute, rank(10), foundation(mute), start);
    gate.add(other, rank(9), foundation(other), start);
    prove(&mut gate, mute, start);
    prove(&mut gate, other, start);
    gate.add(End::A.key((1, 1)), rank(11), foundation(End::A.key((1, 1))), start);
    gate.on_request_answered(other, None, start);
    let mut nominated = Vec::new();
    let mut now = start;
    while now < start + 4000 * MS && gate.selected().is_none() {
        gate.handle_time(now);
        if let Some(release) = gate.release(now) {
            let transaction = gate.transaction();
            gate.on_sent(release, transaction, now);
            if release.purpose == Purpose::Nomination {
                nominated.push((release.key, release.nomination));
            }
            if release.key == other {
                gate.on_success(other, transaction, now);
            }
        }
        now += TA;
    }
    let attempts = nominated.iter().filter(|(key, _)| *key == mute).count();
    assert_eq!((attempts, gate.selected()), (4, Some(other)));
    let (first, last) = (nominated[0].1, nominated.last().unwrap().1);
    assert!(first < last, "falling back is a new nomination");
}

/// Sends one request over a pair and answers it.
fn prove(gate: &mut Gate, key: PairKey, now: Instant) {
    let transaction = gate.transaction();
    gate.on_sent(Release { key, purpose: Purpose::Check, nomination: None }, transaction, now);
    gate.on_success(key, transaction, now);
}
