//! The decider on links of rules, in virtual time.

use floe_wire::BaseId;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::*;

const MS: Duration = Duration::from_millis(1);
const DIRECT: u16 = 1;
const RELAY: u16 = 2;

fn key(port: u16) -> Key {
    (BaseId(u32::from(port)), SocketAddr::from(([203, 0, 113, 7], port)))
}

/// How one way treats packets.
#[derive(Clone, Copy)]
struct Link {
    rtt: Duration,
    /// How much longer an answer may take.
    jitter: Duration,
    /// In either direction.
    loss: f64,
}

const fn link(rtt_ms: u64, jitter_ms: u64, loss: f64) -> Link {
    Link { rtt: Duration::from_millis(rtt_ms), jitter: Duration::from_millis(jitter_ms), loss }
}

/// A call over the best pair that is not distrusted, with consent and audio.
struct World {
    start: Instant,
    now: Instant,
    random: StdRng,
    /// Best first.
    links: Vec<(u16, Link)>,
    measures: BTreeMap<u16, PairMeasure>,
    asked_at: BTreeMap<u16, Instant>,
    heard: MediaCounts,
    arrived: MediaCounts,
    quality: Quality,
    look_at: Instant,
    /// When audio moved to which pair, in seconds.
    moves: Vec<(f64, u16)>,
    complaints: Vec<Measured>,
    asked: u32,
}

impl World {
    fn new(links: &[(u16, Link)], seed: u64) -> Self {
        let start = Instant::now();
        let counts = MediaCounts { received: 0, lost: 0 };
        let mut world = Self {
            start,
            now: start,
            random: StdRng::seed_from_u64(seed),
            links: links.to_vec(),
            measures: BTreeMap::new(),
            asked_at: BTreeMap::new(),
            heard: counts,
            arrived: counts,
            quality: Quality::default(),
            look_at: start,
            moves: Vec::new(),
            complaints: Vec::new(),
            asked: 0,
        };
        for (port, link) in links {
            let (base, remote) = key(*port);
            let measure = PairMeasure {
                base,
                remote,
                answered_at: start,
                rtt: link.rtt,
                asked: 1,
                answered: 1,
                is_shunned: false,
            };
            world.measures.insert(*port, measure);
            world.asked_at.insert(*port, start);
        }
        world
    }

    fn set(&mut self, port: u16, link: Link) {
        self.links.iter_mut().filter(|(known, _)| *known == port).for_each(|(_, known)| *known = link);
    }

    fn in_use(&self) -> u16 {
        let trusted = self.links.iter().map(|(port, _)| *port).find(|port| !self.quality.distrusts(key(*port)));
        trusted.unwrap_or(self.links[0].0)
    }

    fn link(&self, port: u16) -> Link {
        self.links.iter().find(|(known, _)| *known == port).expect("a link").1
    }

    fn is_lost(&mut self, loss: f64) -> bool {
        self.random.random_bool(loss)
    }

    fn ask(&mut self, port: u16) {
        let link = self.link(port);
        self.asked_at.insert(port, self.now);
        self.asked += 1;
        let jitter = link.jitter.mul_f64(self.random.random());
        let is_answered = !self.is_lost(link.loss) && !self.is_lost(link.loss);
        let measure = self.measures.get_mut(&port).expect("a pair");
        measure.asked += 1;
        if is_answered {
            measure.answered += 1;
            measure.rtt = link.rtt + jitter;
            measure.answered_at = self.now + measure.rtt;
        }
    }

    /// A packet each way every 20 ms, consent every 5 s, and looks as often as the decider wants them.
    fn run(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while self.now < until {
            self.now += 20 * MS;
            let loss = self.link(self.in_use()).loss;
            for is_ours in [true, false] {
                let is_lost = self.is_lost(loss);
                let counts = if is_ours { &mut self.arrived } else { &mut self.heard };
                counts.received += u64::from(!is_lost);
                counts.lost += i64::from(is_lost);
            }
            let ports: Vec<u16> = self.links.iter().map(|(port, _)| *port).collect();
            for port in ports {
                if self.now - self.asked_at[&port] >= 5000 * MS {
                    self.ask(port);
                }
            }
            if self.now >= self.look_at {
                self.look();
            }
        }
    }

    fn look(&mut self) {
        let before = self.in_use();
        let pairs: Vec<PairMeasure> = self.links.iter().map(|(port, _)| self.measures[port]).collect();
        let (heard, arrived) = (Some(self.heard), Some(self.arrived));
        let look = Look { now: self.now, selected: key(before), pairs: &pairs, heard, arrived, reported: None };
        for step in self.quality.look(&look) {
            match step {
                Step::Ask((base, _)) => self.ask(u16::try_from(base.0).expect("a port")),
                Step::Distrust(_, measured) => self.complaints.extend(measured),
                Step::Trust(_) => {}
            }
        }
        self.look_at = self.now + self.quality.pace();
        let after = self.in_use();
        if after != before {
            self.moves.push(((self.now - self.start).as_secs_f64(), after));
        }
    }
}

fn direct_and_relay(direct: Link, relay: Link, seed: u64) -> World {
    World::new(&[(DIRECT, direct), (RELAY, relay)], seed)
}

#[test]
fn a_lossy_path_is_left_for_a_clean_one_after_some_seconds_and_says_why() {
    for seed in 0..50 {
        let mut world = direct_and_relay(link(20, 5, 0.0), link(45, 5, 0.0), seed);
        world.run(10);
        world.set(DIRECT, link(20, 5, 0.3));
        world.run(12);
        let [(at, RELAY)] = world.moves[..] else { panic!("seed {seed}: {:?}", world.moves) };
        assert!((13.0..20.0).contains(&at), "seed {seed}: {at}");
        let measured = world.complaints[0];
        assert_eq!(measured.complaint, Complaint::Loss);
        assert!((18..45).contains(&measured.loss_percent), "seed {seed}: {measured:?}");
        assert_eq!(measured.distrust, DISTRUST);
    }
}

#[test]
fn a_slow_path_is_left_for_one_with_a_third_of_its_round_trip() {
    for seed in 0..50 {
        let mut world = direct_and_relay(link(20, 5, 0.0), link(45, 10, 0.0), seed);
        world.run(10);
        world.set(DIRECT, link(300, 30, 0.0));
        world.run(25);
        assert!(matches!(world.moves[..], [(_, RELAY)]), "seed {seed}: {:?}", world.moves);
        assert_eq!(world.complaints[0].complaint, Complaint::RoundTrip);
    }
}

#[test]
fn a_link_that_jitters_moves_nothing_in_a_minute() {
    for seed in 0..60 {
        // From nothing to twice the usual, on either way.
        let mut world = direct_and_relay(link(10, 200, 0.0), link(5, 100, 0.01), seed);
        world.run(60);
        assert_eq!(world.moves, [], "seed {seed}");
        let mut world = direct_and_relay(link(10, 200, 0.02), link(40, 20, 0.0), seed);
        world.run(60);
        assert_eq!(world.moves, [], "seed {seed}, beside a steady relay");
    }
}

#[test]
fn a_healthy_call_asks_for_nothing_beyond_consent() {
    let mut world = direct_and_relay(link(20, 5, 0.01), link(45, 5, 0.01), 1);
    world.run(60);
    assert!(world.asked <= 24, "{} requests in a minute over two pairs", world.asked);
}

#[test]
fn loss_on_every_way_moves_nothing() {
    for seed in 0..50 {
        let mut world = direct_and_relay(link(20, 5, 0.25), link(45, 5, 0.25), seed);
        world.run(60);
        assert_eq!(world.moves, [], "seed {seed}");
    }
}

#[test]
fn a_pause_of_a_second_moves_nothing() {
    for seed in 0..50 {
        let mut world = direct_and_relay(link(20, 5, 0.0), link(45, 5, 0.0), seed);
        for _ in 0..6 {
            world.run(9);
            world.set(DIRECT, link(20, 5, 1.0));
            world.run(1);
            world.set(DIRECT, link(20, 5, 0.0));
        }
        assert_eq!(world.moves, [], "seed {seed}");
    }
}

#[test]
fn a_path_that_recovers_is_returned_to_after_its_distrust_and_a_trial() {
    for seed in 0..50 {
        let mut world = direct_and_relay(link(20, 5, 0.3), link(45, 5, 0.0), seed);
        world.run(12);
        world.set(DIRECT, link(20, 5, 0.0));
        world.run(30);
        let [(left, RELAY), (back, DIRECT)] = world.moves[..] else { panic!("seed {seed}: {:?}", world.moves) };
        let away = back - left;
        assert!((20.0..25.0).contains(&away), "seed {seed}: {away}");
    }
}

#[test]
fn a_path_that_stays_bad_is_hardly_ever_returned_to() {
    let mut returns = 0;
    for seed in 0..20 {
        let mut world = direct_and_relay(link(20, 5, 0.3), link(45, 5, 0.0), seed);
        world.run(600);
        returns += world.moves.iter().filter(|(_, to)| *to == DIRECT).count();
    }
    assert!(returns <= 4, "{returns} returns in 200 minutes");
}

#[test]
fn a_path_that_is_good_and_bad_by_turns_is_left_for_twice_as_long_each_time() {
    for seed in 0..10 {
        let mut world = direct_and_relay(link(20, 5, 0.0), link(45, 5, 0.0), seed);
        for _ in 0..30 {
            // Good whenever it is not in use, and bad as soon as it is.
            let is_in_use = world.in_use() == DIRECT;
            world.set(DIRECT, link(20, 5, if is_in_use { 0.3 } else { 0.0 }));
            world.run(20);
        }
        let lengths: Vec<u64> = world.complaints.iter().map(|measured| measured.distrust.as_secs()).collect();
        assert!(lengths.len() >= 3 && lengths.len() <= 7, "seed {seed}: {lengths:?}");
        assert!(lengths.windows(2).all(|pair| pair[1] == (pair[0] * 2).min(480)), "seed {seed}: {lengths:?}");
    }
}

#[test]
fn pairs_that_share_the_bad_way_are_passed_over_together() {
    for seed in 0..30 {
        let bad = link(20, 5, 0.3);
        let mut world = World::new(&[(DIRECT, bad), (3, bad), (RELAY, link(45, 5, 0.0))], seed);
        world.run(15);
        assert!(matches!(world.moves[..], [(_, RELAY)]), "seed {seed}: {:?}", world.moves);
        assert!(world.quality.distrusts(key(3)));
        assert_eq!(world.complaints.len(), 1, "only the pair that was in use is complained about");
    }
}

#[test]
fn whatever_the_links_do_a_pair_is_not_back_before_its_time() {
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut world = direct_and_relay(link(20, 5, 0.0), link(45, 5, 0.0), seed);
        for _ in 0..60 {
            let loss = if random.random_bool(0.4) { random.random_range(0.0..0.9) } else { 0.0 };
            let port = if random.random_bool(0.7) { DIRECT } else { RELAY };
            world.set(port, link(random.random_range(5..400), random.random_range(0..200), loss));
            world.run(random.random_range(1..20));
        }
        let least = (DISTRUST + TRIAL).as_secs_f64();
        let mut left: Option<f64> = None;
        for (at, to) in &world.moves {
            match to {
                &DIRECT => assert!(left.is_none_or(|left| at - left >= least), "seed {seed}: {:?}", world.moves),
                _ => left = Some(*at),
            }
        }
    }
}

#[test]
fn a_pair_of_a_network_that_was_left_is_forgotten_in_the_end() {
    let mut world = direct_and_relay(link(20, 0, 0.3), link(40, 0, 0.0), 5);
    world.run(10);
    assert_eq!(world.quality.past.len(), 1, "{:?}", world.moves);
    world.links.retain(|(port, _)| *port == RELAY);
    world.measures.remove(&DIRECT);
    world.asked_at.remove(&DIRECT);
    world.run(700);
    assert!(world.quality.past.is_empty(), "{:?}", world.quality.past);
}

/// The relay is in use after the direct pair fell silent, which answers `is_answered(n)` from `back_ms` on: what was
/// decided about it in a quarter of a minute, with the time in milliseconds.
fn after_silence(back_ms: u32, is_answered: fn(u32) -> bool) -> Vec<(u32, Step)> {
    let mut world = direct_and_relay(link(20, 0, 0.0), link(45, 0, 0.0), 1);
    let (mut quality, mut decided, mut look_at) = (Quality::default(), Vec::new(), world.start);
    quality.on_silent(key(DIRECT), world.start);
    for ms in (0..15_000).step_by(10) {
        let now = world.start + ms * MS;
        if now < look_at {
            continue;
        }
        let pairs: Vec<PairMeasure> = world.measures.values().copied().collect();
        let look = Look { now, selected: key(RELAY), pairs: &pairs, heard: None, arrived: None, reported: None };
        let (asked, steps): (Vec<Step>, _) =
            quality.look(&look).into_iter().partition(|step| *step == Step::Ask(key(DIRECT)));
        decided.extend(steps.into_iter().map(|step| (ms, step)));
        look_at = now + quality.pace();
        let direct = world.measures.get_mut(&DIRECT).expect("a pair");
        direct.is_shunned = ms < 5000;
        // A pair that owes an answer is asked anyway.
        if !asked.is_empty() || direct.answered_at == world.start {
            direct.asked += 1;
            if ms >= back_ms && is_answered(direct.asked) {
                direct.answered += 1;
                direct.answered_at = now + direct.rtt;
            }
        }
    }
    decided
}

#[test]
fn a_pair_that_fell_silent_and_is_back_is_trusted_after_a_trial() {
    let [(began, Step::Distrust(on_trial, None)), (ended, Step::Trust(trusted))] = after_silence(1000, |_| true)[..]
    else {
        panic!("{:?}", after_silence(1000, |_| true))
    };
    assert_eq!((on_trial, trusted), (key(DIRECT), key(DIRECT)));
    assert!((1000..1600).contains(&began) && (5000..5600).contains(&(ended - began)), "{began} {ended}");
}

#[test]
fn a_pair_that_fell_silent_and_answers_half_of_the_time_is_not_used_again() {
    let decided = after_silence(0, |asked| asked % 2 == 0);
    assert!(matches!(decided[..], [(0..1000, Step::Distrust(..))]), "{decided:?}");
}

#[test]
fn a_pair_that_stays_silent_is_left_to_itself() {
    assert_eq!(after_silence(6000, |_| true), []);
}
