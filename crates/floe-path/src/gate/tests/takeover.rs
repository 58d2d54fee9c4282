//! Choice, agreement, and pairs in reserve that take over, with numbered media packets.

use super::{world::Side, *};

/// What the selected pair is used for in place of the one before.
fn cause(side: &Side) -> Option<MoveCause> {
    side.gate.moved().map(|moved| moved.cause)
}

/// What either end makes of the last move: the first one chose, the second one followed.
fn assert_moved_for(world: &World, cause: MoveCause, looks_like: MoveCause) {
    let moved = [End::A, End::B].map(|end| world.sides[&end].gate.moved());
    let expected = [Moved { cause, is_guess: false }, Moved { cause: looks_like, is_guess: true }];
    assert_eq!(moved, expected.map(Some));
}

#[test]
fn without_direct_paths_both_ends_need_little_more_than_a_round_trip() {
    for seed in 0..30 {
        // The best two lines lead nowhere, as the private addresses behind two home routers do.
        let mut world = World::begun(&[(0, 0), (1, 0), (0, 1), (1, 1)], seed);
        world.dead = [(0, 0), (1, 0)].into();
        world.delay = 13 * MS;
        world.run_to(2000);
        assert_eq!((world.selected(End::A), world.selected(End::B)), (Some((0, 1)), Some((0, 1))), "seed {seed}");
        for end in [End::A, End::B] {
            let selections = &world.sides[&end].selections;
            assert!(selections[0].0 <= 60 && selections.len() == 1, "seed {seed} {end:?} {selections:?}");
        }
    }
}

#[test]
fn both_ends_agree_whatever_is_dead_lost_or_overtaken() {
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(seed);
        let lines: Vec<Line> = (0..9).map(|n| (n / 3, n % 3)).collect();
        let mut world = World::new(&lines, seed);
        world.dead = lines.iter().copied().filter(|_| random.random_bool(0.4)).collect();
        world.dead.remove(&(2, 2));
        world.loss = random.random_range(0.0..0.4);
        world.delay = Duration::from_millis(random.random_range(0..150));
        world.begin(End::A);
        world.run_to(random.random_range(1..200));
        world.begin(End::B);
        world.run_to(15_000);
        world.loss = 0.0;
        world.run_to(60_000);
        let best = lines.iter().copied().filter(|line| !world.dead.contains(line));
        let best = best.max_by_key(|line| End::A.rank(*line).priority(IceRole::Controlling));
        assert_eq!((world.selected(End::A), world.selected(End::B)), (best, best), "seed {seed}");
    }
}

#[test]
fn a_wait_for_a_better_pair_is_short_and_shown() {
    let mut world = World::begun(&[(0, 0), (0, 1)], 1);
    world.dead.insert((0, 0));
    world.delay = 20 * MS;
    let mut shown = None;
    for ms in 1..200 {
        world.run_to(ms);
        shown = shown.or(world.sides[&End::A].gate.waiting().map(|waiting| (ms, waiting)));
    }
    let (at, waiting) = shown.expect("the best line is worth a moment");
    assert_eq!((End::A.line(waiting.best), End::A.line(waiting.hope.better)), ((0, 1), (0, 0)));
    assert!(waiting.hope.until <= world.start + Duration::from_millis(at) + GRACE);
    assert_eq!((world.selected(End::A), world.selected(End::B)), (Some((0, 1)), Some((0, 1))));
}

#[test]
fn a_wait_is_shortened_by_the_check_that_it_waits_for() {
    let now = Instant::now();
    for role in [IceRole::Controlling, IceRole::Controlled] {
        let mut gate = Gate::new(role, GRACE, 1);
        let (good, better) = (End::A.key((1, 1)), End::A.key((0, 0)));
        gate.add(good, rank(1), foundation(good), now);
        gate.add(better, rank(2), foundation(better), now + 10 * MS);
        prove(&mut gate, good, now);
        gate.on_request_answered(good, Some(1), now);
        let waiting = gate.waiting().unwrap();
        assert_eq!((waiting.best, waiting.hope.better, waiting.hope.until), (good, better, now + 4 * GRACE));

        let left = now + 10 * MS;
        let release = gate.release(left).unwrap();
        let transaction = gate.transaction();
        gate.on_sent(release, transaction, left);

        assert_eq!(release.key, better);
        let (until, why) = gate.time_at().unwrap();
        assert_eq!(
            ((until - left).as_millis(), why),
            (5, "waiting for a better pair"),
            "a quarter of nothing, and 5 ms"
        );
        gate.handle_time(until);
        let goes_on = gate.release(until).map(|release| release.key).or(gate.selected());
        assert_eq!(goes_on, Some(good), "as {role}");
    }
}

#[test]
fn no_packet_is_lost_when_a_better_pair_takes_over() {
    for seed in 0..30 {
        let mut world = World::begun(&[(1, 0), (1, 1)], seed);
        world.delay = 30 * MS;
        world.run_to(500);
        world.talk();
        world.run_to(2000);
        world.add_line((0, 0));
        world.run_to(4000);
        world.assert_both_on((0, 0));
        assert!(
            world.sides.values().all(|side| cause(side) == Some(MoveCause::Better)),
            "a better one is no take-over"
        );
        let sent = [End::A, End::B].map(|end| world.sides[&end].media.sent);
        world.sides.values_mut().for_each(|side| side.media.due = None);
        world.run_to(4500);
        for (end, sent) in [(End::B, sent[0]), (End::A, sent[1])] {
            assert!(sent > 150);
            assert_eq!(world.sides[&end].media.lost(sent), 0, "seed {seed} {end:?}");
            assert!(world.sides[&end].media.gap(600, 4000) <= 60, "seed {seed}");
        }
    }
}

#[test]
fn a_pair_in_reserve_takes_over_at_once_when_an_interface_of_ours_goes_away() {
    for (end, base) in [(End::A, 0), (End::B, 0)] {
        for seed in 0..20 {
            let mut world = World::talking(seed);
            assert_eq!(world.sides[&end].gate.standby().len(), 3);
            let sent_before = world.sides[&end.other()].sent.len();
            world.remove_base(end, base);
            assert!(world.selected(end).is_some(), "the end that lost it needs no check");
            assert_eq!(cause(&world.sides[&end]), Some(MoveCause::Loss));
            world.run_to(5000);
            let next = if end == End::A { (1, 0) } else { (0, 1) };
            assert_eq!((world.selected(End::A), world.selected(End::B)), (Some(next), Some(next)), "seed {seed}");
            let there = &world.sides[&end.other()];
            assert!(there.media.gap(2900, 5000) <= 60, "{end:?} seed {seed}: what it sends arrives without a gap");
            let here = &world.sides[&end];
            let gap = here.media.gap(2900, 5000);
            assert!(gap <= 250, "{end:?} seed {seed}: the other end follows, {gap} ms");
            assert!(there.sent.len() > sent_before);
        }
    }
}

#[test]
fn a_pair_in_reserve_that_was_never_nominated_takes_over_at_either_end() {
    for (end, later) in [(End::A, (1, 0)), (End::B, (0, 1))] {
        for seed in 0..20 {
            let mut world = World::begun(&[(0, 0)], seed);
            world.delay = 15 * MS;
            world.run_to(500);
            // From here on nothing but what is chosen is nominated.
            world.add_line(later);
            world.talk();
            world.run_to(3000);
            world.assert_both_on((0, 0));
            world.remove_base(end, 0);
            assert_eq!(world.selected(end), Some(later), "{end:?} seed {seed}");
            world.run_to(5000);
            assert_eq!((world.selected(End::A), world.selected(End::B)), (Some(later), Some(later)), "{end:?} {seed}");
        }
    }
}

#[test]
fn within_200_ms_of_noticing_a_loss_a_pair_in_reserve_carries_the_media() {
    for seed in 0..30 {
        let mut world = World::talking(seed);
        world.dead.insert((0, 0));
        world.run_to(5000);
        for end in [End::A, End::B] {
            assert_eq!(world.selected(end), Some((1, 0)), "seed {seed}");
            assert_eq!(cause(&world.sides[&end]), Some(MoveCause::Loss), "{end:?} seed {seed}");
            let gap = world.sides[&end].media.gap(2900, 5000);
            // 400 ms without media are noticed.
            assert!(gap <= 400 + 200 + 60, "{end:?} seed {seed}: {gap} ms");
        }
    }
}

#[test]
fn pairs_that_are_lost_together_are_passed_over_for_one_that_answers() {
    for seed in 0..30 {
        for fate in [[(0, 0), (1, 0)], [(0, 0), (0, 1)]] {
            let mut world = World::talking(seed);
            world.dead.extend(fate);
            world.run_to(6000);
            for end in [End::A, End::B] {
                assert!(!fate.contains(&world.selected(end).unwrap()), "{end:?} seed {seed}");
                let gap = world.sides[&end].media.gap(2900, 6000);
                assert!(gap <= 400 + 200 + 60, "{end:?} seed {seed}: {gap} ms without media");
            }
        }
    }
}

#[test]
fn ends_that_rank_pairs_differently_soon_send_over_one_pair_without_a_flood_of_requests() {
    for seed in 0..30 {
        let mut world = World::new(&[(0, 0), (1, 0)], seed);
        world.delay = 15 * MS;
        // One end knows better priorities than it told; and neither sees by the numbers that the other one differs.
        world.is_reversed = Some(End::B);
        world.begin(End::A);
        world.begin(End::B);
        world.talk();
        world.run_to(1000);
        world.assert_both_on((0, 0));
        world.run_to(6000);
        world.assert_both_on((0, 0));
        let asked = world.sent_between(End::A, 1000, 6000);
        assert!(asked <= 10, "seed {seed}: {asked} requests in five seconds");
    }
}

#[test]
fn a_path_that_stutters_is_left_once_and_not_again_and_again() {
    let mut world = World::square(1);
    world.delay = 15 * MS;
    world.run_to(500);
    world.talk();
    for second in 1..60 {
        world.run_to(second * 1000);
        world.dead.insert((0, 0));
        world.run_to(second * 1000 + 700);
        world.dead.clear();
    }
    let moves = world.sides[&End::A].selections.len();
    assert!((2..=10).contains(&moves), "{moves} moves in a minute");
}

#[test]
fn a_preferred_pair_is_used_while_it_works_and_a_penalized_one_last() {
    let mut world = World::square(1);
    world.run_to(1000);
    world.assert_both_on((0, 0));
    let now = world.now;
    world.side(End::A).gate.judge(End::A.key((1, 1)), Verdict::Preferred, now);
    world.run_to(2000);
    world.assert_both_on((1, 1));
    // Nobody has told the other end.
    assert_moved_for(&world, MoveCause::Verdict, MoveCause::Loss);
    world.dead.insert((1, 1));
    world.run_to(15_000);
    assert_eq!((world.selected(End::A), world.selected(End::B)), (Some((0, 0)), Some((0, 0))));
    assert_moved_for(&world, MoveCause::Loss, MoveCause::Loss);
    let now = world.now;
    world.side(End::A).gate.judge(End::A.key((0, 0)), Verdict::Penalized, now);
    world.side(End::B).gate.judge(End::B.key((0, 0)), Verdict::Penalized, now);
    world.run_to(16_000);
    assert_eq!((world.selected(End::A), world.selected(End::B)), (Some((1, 0)), Some((1, 0))));
    assert_moved_for(&world, MoveCause::Verdict, MoveCause::Verdict);
    let now = world.now;
    world.side(End::A).gate.judge(End::A.key((0, 0)), Verdict::Neutral, now);
    world.side(End::A).gate.judge(End::A.key((1, 1)), Verdict::Neutral, now);
    world.side(End::B).gate.judge(End::B.key((0, 0)), Verdict::Neutral, now);
    world.run_to(17_000);
    assert_eq!((world.selected(End::A), world.selected(End::B)), (Some((0, 0)), Some((0, 0))));
    assert_moved_for(&world, MoveCause::Better, MoveCause::Better);
}

#[test]
fn a_blocked_pair_is_left_at_once_and_neither_checked_nor_chosen_until_it_is_not() {
    let mut world = World::square(1);
    world.run_to(1000);
    let now = world.now;
    world.side(End::A).gate.judge(End::A.key((0, 0)), Verdict::Blocked, now);
    assert_eq!(world.selected(End::A), Some((1, 0)));
    world.run_to(20_000);
    world.assert_both_on((1, 0));
    assert_moved_for(&world, MoveCause::Verdict, MoveCause::Loss);
    let late = world.sides[&End::A].sent.iter().filter(|(at, line, _)| *at > 1000 && *line == (0, 0)).count();
    assert_eq!(late, 0);
    let now = world.now;
    world.side(End::A).gate.judge(End::A.key((0, 0)), Verdict::Neutral, now);
    world.run_to(21_000);
    world.assert_both_on((0, 0));
}

#[test]
fn many_pairs_in_reserve_do_not_add_up_to_a_stream_of_requests() {
    let lines: Vec<Line> = (0..100).map(|n| (n / 10, n % 10)).collect();
    let mut world = World::begun(&lines, 1);
    world.run_to(10_000);
    world.assert_both_on((0, 0));
    world.run_to(70_000);
    let per_second = world.sent_between(End::A, 10_000, 70_000) as f64 / 60.0;
    assert!(per_second <= 7.0, "{per_second} requests a second");
    assert_eq!(world.sides[&End::A].gate.standby().len(), 99);
}

#[test]
fn a_pair_is_asked_as_often_as_it_is_to_be_measured_and_counts_what_was_lost() {
    let mut world = World::square(1);
    world.delay = 20 * MS;
    world.run_to(1000);
    let count = |world: &World, line| {
        let key = End::A.key(line);
        let measures = world.sides[&End::A].gate.measures();
        measures.into_iter().find(|measure| measure.key == key).expect("it works")
    };
    let best: Vec<Line> = world.sides[&End::A].gate.measures().iter().map(|measure| End::A.line(measure.key)).collect();
    assert_eq!(best[0], (0, 0), "best first: {best:?}");
    let before = count(&world, (1, 1));
    for step in 1..=8 {
        if step == 5 {
            world.dead.insert((1, 1));
        }
        let now = world.now;
        world.side(End::A).gate.ask(End::A.key((1, 1)), now);
        world.run_to(1000 + step * 100);
    }
    let after = count(&world, (1, 1));
    assert!(after.asked - before.asked >= 8, "{before:?} {after:?}");
    assert_eq!(after.answered - before.answered, 4, "{before:?} {after:?}");
    assert!(after.rtt >= 40 * MS && after.rtt < 50 * MS, "{after:?}");
}

#[test]
fn a_better_pair_that_is_merely_heard_of_later_changes_no_state_until_it_answers() {
    let mut world = World::square(1);
    world.run_to(10_000);
    world.assert_both_on((0, 0));
    let states = |world: &World| world.sides[&End::A].states.len();
    let before = states(&world);
    // Somebody has sent a check of the other end again, from where nobody answers.
    let elsewhere = (0, 7);
    world.dead.insert(elsewhere);
    let (now, key) = (world.now, End::A.key(elsewhere));
    let gate = &mut world.side(End::A).gate;
    gate.hear(key, Rank { local: 2000, remote: 2000 }, now);
    gate.on_request_answered(key, Some(1), now);
    world.run_to(30_000);
    world.assert_both_on((0, 0));
    assert_eq!(states(&world), before, "{:?}", world.sides[&End::A].states);
    assert!(world.sides[&End::A].sent.iter().any(|(_, line, _)| *line == elsewhere), "it was asked all the same");
}

#[test]
fn nominations_that_are_sent_again_do_not_take_back_a_later_one() {
    let (now, mut gate) = (Instant::now(), Gate::new(IceRole::Controlled, GRACE, 1));
    let [older, newer] = [(0, 0), (1, 1)].map(|line| End::B.key(line));
    for (key, rank) in [(older, rank(9)), (newer, rank(1))] {
        gate.add(key, rank, foundation(key), now);
        prove(&mut gate, key, now);
    }
    for (key, number) in [(newer, 3), (older, 4), (newer, 5)] {
        gate.on_request_answered(key, Some(number), now);
        gate.handle_time(now + GRACE);
        assert_eq!(gate.selected(), Some(key), "number {number}");
    }
    // Whoever saw them sends them again, in the worst order.
    for (key, number) in [(newer, 3), (older, 4)] {
        gate.on_request_answered(key, Some(number), now + GRACE);
        gate.handle_time(now + GRACE * 2);
        assert_eq!(gate.selected(), Some(newer), "number {number} again");
    }
}
