//! Frozen pairs, the order of checks, and their number.

use super::*;

fn shared(remote: &str) -> Foundation {
    Foundation { local: [10, 0, 0, 1].into(), remote: remote.into() }
}

fn key(n: u32) -> PairKey {
    PairKey { base: BaseId(0), remote: address(n) }
}

/// Lets everything go that is due, at the pace, and tells when each pair was asked.
fn run(gate: &mut Gate, from: Instant, until: Duration) -> Vec<(u128, PairKey)> {
    let mut sent = Vec::new();
    let mut now = from;
    while now <= from + until {
        gate.handle_time(now);
        if let Some(release) = gate.release(now) {
            let transaction = gate.transaction();
            gate.on_sent(release, transaction, now);
            sent.push(((now - from).as_millis(), release.key));
        }
        now += TA;
    }
    sent
}

#[test]
fn of_each_foundation_the_best_pair_goes_first_and_the_others_follow_slowly() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
    for n in 0..4 {
        gate.add(key(n), rank(100 + n), shared("same"), now);
    }
    gate.add(key(9), rank(1), shared("other"), now);
    let sent = run(&mut gate, now, 190 * MS);
    assert_eq!(sent, [(0, key(3)), (5, key(9)), (50, key(2)), (100, key(1)), (150, key(0))]);
}

#[test]
fn one_success_thaws_all_pairs_of_its_foundation() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
    for n in 0..4 {
        gate.add(key(n), rank(100 + n), shared("same"), now);
    }
    prove(&mut gate, key(3), now);
    let sent = run(&mut gate, now, 20 * MS);
    assert_eq!(sent, [(0, key(2)), (5, key(1)), (10, key(0))]);
    gate.add(key(7), rank(50), shared("same"), now + 30 * MS);
    assert!(!gate.pairs[&key(7)].is_frozen(), "the foundation is proven");
}

#[test]
fn a_check_of_the_peer_goes_before_everything_else_and_thaws_its_pair() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
    for n in 0..4 {
        gate.add(key(n), rank(100 + n), shared("same"), now);
    }
    gate.on_request_answered(key(0), None, now);
    let sent = run(&mut gate, now, 5 * MS);
    assert_eq!(sent, [(0, key(0)), (5, key(3))]);
}

#[test]
fn every_pair_of_a_long_list_is_checked_once_before_any_is_checked_again() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
    for n in 0..100 {
        gate.add(key(n), rank(100 + n), foundation(key(n)), now);
    }
    let sent = run(&mut gate, now, 495 * MS);
    let order: Vec<_> = sent.iter().map(|(_, key)| *key).collect();
    assert_eq!(order, (0..100).rev().map(key).collect::<Vec<_>>());
}

/// What a gate asks in the third to fifth minute, which nobody answers.
fn waiting(pairs: u32, prepare: impl Fn(&mut Gate)) -> Vec<(u128, PairKey)> {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
    prepare(&mut gate);
    for n in 0..pairs {
        gate.add(key(n), rank(100 + n), foundation(key(n)), now);
    }
    run(&mut gate, now, Duration::from_secs(180));
    run(&mut gate, now + Duration::from_secs(180), Duration::from_secs(120))
}

#[test]
fn however_many_pairs_a_base_has_it_sends_less_than_one_check_a_second_while_nobody_answers() {
    for (pairs, most) in [(1, 31), (2, 61), (8, 61), (12, 61), (15, 76), (40, 100)] {
        let sent = waiting(pairs, |_| ()).len();
        assert!(sent <= most, "{pairs} pairs: {sent} checks in 120 s");
    }
}

#[test]
fn no_pair_is_left_alone_until_a_router_forgets_it() {
    for pairs in [1, 4, 12, 19] {
        let sent = waiting(pairs, |_| ());
        for n in 0..pairs {
            let asked: Vec<u128> = sent.iter().filter(|(_, asked)| *asked == key(n)).map(|(at, _)| *at).collect();
            assert!(asked.len() > 3, "{pairs} pairs: {asked:?}");
            assert!(asked.windows(2).all(|two| two[1] - two[0] < 25_000), "{pairs} pairs: {asked:?}");
        }
    }
}

#[test]
fn a_pair_that_dials_is_tried_once_a_minute_in_the_end() {
    let sent = waiting(2, |gate| gate.dials_from(BaseId(0)));
    assert!((2..=4).contains(&sent.len()), "{sent:?}");
}
