//! Connections that end under a pair.

use super::*;

/// Two lines that work, the better one in use, and both ends talking.
fn talking_over_two_lines(seed: u64) -> World {
    let mut world = World::begun(&[(0, 0), (1, 1)], seed);
    world.delay = 20 * MS;
    world.run_to(1000);
    world.assert_both_on((0, 0));
    world.talk();
    world.run_to(2000);
    world
}

#[test]
fn the_pair_in_reserve_takes_over_at_once_at_both_ends() {
    for dialer in [End::A, End::B] {
        let mut world = talking_over_two_lines(1);
        world.dead.insert((0, 0));
        world.break_connection((0, 0), dialer);
        assert_eq!(world.selected(End::A), Some((1, 1)), "the controlling side chooses in the same moment");
        world.run_to(4000);
        assert_eq!((world.selected(End::A), world.selected(End::B)), (Some((1, 1)), Some((1, 1))));
        for end in [End::A, End::B] {
            let gap = world.sides[&end].media.gap(1900, 3000);
            assert!(gap <= 100, "{gap} ms without media at {end:?}");
            assert!(!world.sides[&end].states.iter().any(|(_, state)| *state == State::Disconnected));
        }
    }
}

#[test]
fn without_a_reserve_the_side_that_dials_asks_at_once_and_the_call_goes_on() {
    let mut world = World::begun(&[(0, 0)], 3);
    world.delay = 20 * MS;
    world.run_to(1000);
    world.talk();
    world.run_to(2000);
    world.break_connection((0, 0), End::B);
    assert_eq!(world.side(End::A).gate.liveness(), Liveness::Silent, "it is known to be dead");
    let before = world.sent_between(End::B, 0, 2000);
    world.run_to(2010);
    assert!(world.sent_between(End::B, 0, 2010) > before, "a check is what dials");
    world.run_to(3000);
    world.assert_both_on((0, 0));
    assert_eq!(world.side(End::A).gate.liveness(), Liveness::Alive);
}

#[test]
fn a_pair_that_was_dialed_by_the_peer_is_forgotten_once_another_carries_media() {
    let mut world = talking_over_two_lines(5);
    world.break_connection((1, 1), End::B);
    let (a, b) = (End::A.key((1, 1)), End::B.key((1, 1)));
    assert!(!world.side(End::A).gate.pairs.contains_key(&a));
    assert!(world.side(End::B).gate.pairs.contains_key(&b), "this end can make it again");
    world.assert_both_on((0, 0));
}

#[test]
fn a_connection_that_breaks_again_and_again_does_not_take_the_call_with_it() {
    let mut world = talking_over_two_lines(7);
    for round in 0..4 {
        world.break_connection((0, 0), End::A);
        world.run_to(3000 + 100 * round);
    }
    assert_eq!((world.selected(End::A), world.selected(End::B)), (Some((1, 1)), Some((1, 1))));
    let moves = world.sides[&End::A].selections.len();
    assert!(moves <= 3, "{:?}", world.sides[&End::A].selections);
}
