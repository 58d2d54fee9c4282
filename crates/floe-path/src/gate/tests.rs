//! What two gates that face each other agree upon, and what one does alone.

mod broken;
mod freezing;
mod limits;
mod takeover;
mod world;

use floe_wire::IceConnectionState as State;

use self::world::{End, GRACE, Line, MS, TA, World, address, foundation, rank};
use super::*;

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
        let mut world = World::begun(&[(1, 0), (1, 1)], seed);
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
    let mut world = World::begun(&[(0, 0)], 1);
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
    let mut world = World::begun(&[(0, 0)], 1);
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

/// A controlled gate with a good pair and a better one, both of which work.
fn follower() -> (Gate, [PairKey; 2], Instant) {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlled, GRACE, 1);
    let keys = [(1, 1), (0, 0)].map(|line| {
        let key = End::B.key(line);
        gate.add(key, End::B.rank(line), foundation(key), now);
        prove(&mut gate, key, now);
        key
    });
    (gate, keys, now)
}

#[test]
fn the_largest_nomination_wins_however_late_an_older_one_arrives() {
    let (mut gate, [good, better], now) = follower();
    gate.on_request_answered(good, Some(2), now);
    assert_eq!(gate.selected(), Some(good));
    gate.on_request_answered(better, Some(1), now);
    assert_eq!(gate.selected(), Some(good), "a late retransmission of an older nomination");
    gate.on_request_answered(better, Some(3), now);
    assert_eq!(gate.selected(), Some(better));
}

#[test]
fn a_peer_that_does_not_number_its_nominations_is_followed_by_priority() {
    let (mut gate, [good, better], now) = follower();
    for key in [good, better, good] {
        gate.on_request_answered(key, Some(0), now);
    }
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
