//! What is checked how often, what makes room for what, and what never waits in vain.

use super::*;

fn key(n: u32) -> PairKey {
    PairKey { base: BaseId(0), remote: address(n) }
}

fn shared(remote: &str) -> Foundation {
    Foundation { local: [10, 0, 0, 1].into(), remote: remote.into() }
}

/// When each of the pairs was asked, in ms, if all that is due goes at once and nobody answers.
fn unanswered(gate: &mut Gate, from: Instant, until: Duration) -> Vec<(u128, PairKey)> {
    let mut sent = Vec::new();
    while let Some((at, _)) = gate.release_at().filter(|(at, _)| *at <= from + until) {
        let release = gate.release(at).unwrap();
        let transaction = gate.transaction();
        gate.on_sent(release, transaction, at);
        sent.push((at.saturating_duration_since(from).as_millis(), release.key));
    }
    sent
}

#[test]
fn a_pair_that_does_not_answer_is_asked_half_as_often_each_time_down_to_every_four_seconds() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
    gate.add(key(0), rank(1), foundation(key(0)), now);
    let sent: Vec<u128> = unanswered(&mut gate, now, 20_000 * MS).into_iter().map(|(at, _)| at).collect();
    assert_eq!(sent, [0, 250, 750, 1750, 3750, 7750, 11_750, 15_750, 19_750]);
}

#[test]
fn a_redundant_candidate_makes_no_second_pair_and_the_signaled_priority_counts() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
    gate.hear(key(0), rank(1), now);
    gate.add(key(0), rank(7), foundation(key(0)), now);
    gate.add(key(0), rank(7), foundation(key(0)), now);
    assert_eq!(gate.pairs.len(), 1);
    assert_eq!(gate.pairs[&key(0)].priority, rank(7).priority(IceRole::Controlling));
}

#[test]
fn a_check_of_the_peer_finds_room_beside_a_hundred_addresses_that_do_not_answer() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlled, GRACE, 1);
    for n in 0..100 {
        gate.add(key(n), rank(n + 10), foundation(key(n)), now);
    }
    assert_eq!(gate.hear(key(200), rank(5), now), Admission::Replaced, "the peer is there, the worst pair is not");
    assert!(gate.pairs.len() == MAX_PAIRS && !gate.pairs.contains_key(&key(0)));
    let admitted = (201..400).filter(|n| gate.hear(key(*n), rank(5), now) != Admission::NoRoom).count();
    assert_eq!(admitted, MAX_LEARNED - 1, "a flood does not push out what the code told");
}

#[test]
fn a_pair_that_works_makes_room_for_nobody() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlled, GRACE, 1);
    for n in 0..100 {
        gate.add(key(n), rank(n + 10), foundation(key(n)), now);
        prove(&mut gate, key(n), now);
    }
    assert_eq!(gate.add(key(200), rank(1000), foundation(key(200)), now), Admission::NoRoom);
    assert_eq!(gate.hear(key(201), rank(1000), now), Admission::NoRoom);
}

#[test]
fn frozen_pairs_are_checked_although_the_one_they_wait_for_is_blocked_or_gone() {
    let relay = |base| PairKey { base: BaseId(base), remote: address(0) };
    let leave: [fn(&mut Gate, PairKey, Instant); 2] = [
        |gate, leader, now| gate.judge(leader, Verdict::Blocked, now),
        // Relays of two interfaces on one server share their address, and so their foundation.
        |gate, leader, now| gate.remove_bases(&[leader.base], now),
    ];
    for leave in leave {
        let now = Instant::now();
        let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
        gate.add(relay(1), rank(20), shared("same"), now);
        gate.add(relay(2), rank(10), shared("same"), now);
        assert!(gate.pairs[&relay(2)].is_frozen());
        leave(&mut gate, relay(1), now);
        let sent = unanswered(&mut gate, now, 100 * MS);
        assert_eq!(sent, [(0, relay(2))]);
    }
}

#[test]
fn after_a_role_switch_an_answer_to_a_check_of_the_old_role_proves_the_pair_and_nominates_nothing() {
    let now = Instant::now();
    let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
    gate.add(key(0), Rank { local: 9, remote: 5 }, foundation(key(0)), now);
    gate.on_request_answered(key(0), None, now);
    let release = gate.release(now).unwrap();
    assert!(release.nomination.is_some(), "every check nominates until something is chosen");
    let transaction = gate.transaction();
    gate.on_sent(release, transaction, now);
    gate.switch_role(now);
    assert_eq!(gate.role(), IceRole::Controlled);
    assert_eq!(gate.pairs[&key(0)].priority, Rank { local: 9, remote: 5 }.priority(IceRole::Controlled));
    gate.on_success(key(0), transaction, now);
    assert!(gate.pairs[&key(0)].is_valid() && gate.selected().is_none());
}

#[test]
fn a_refused_check_is_asked_again_at_once_if_the_roles_have_changed_since() {
    let now = Instant::now();
    for (has_switched, due_in) in [(true, 0), (false, 250)] {
        let mut gate = Gate::new(IceRole::Controlling, GRACE, 1);
        gate.add(key(0), rank(1), foundation(key(0)), now);
        let release = gate.release(now).unwrap();
        let transaction = gate.transaction();
        gate.on_sent(release, transaction, now);
        if has_switched {
            gate.switch_role(now);
        }
        assert_eq!(gate.on_error(key(0), transaction, now), Some(IceRole::Controlling));
        assert_eq!(gate.on_error(key(0), transaction, now), None, "a transaction ends once");
        assert!(!gate.pairs[&key(0)].is_valid(), "an error proves nothing");
        assert_eq!(gate.release_at().map(|(at, _)| (at - now).as_millis()), Some(due_in));
    }
}
