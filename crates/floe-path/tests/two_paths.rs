//! Two paths with their agents, facing each other over an in-memory network.

mod alone;
mod network;
mod over_tcp;

use std::time::{Duration, Instant};

use bytes::Bytes;
use floe_path::{Credentials, PathEvent};
use floe_wire::{
    BaseId, Generation,
    IceConnectionState::{Checking, Completed, Connected, Disconnected, Failed},
    IceRole::{Controlled, Controlling},
    note::{DropKind, RefusalReason},
    stun::{Check, Class, StunMessage, TransactionId, binding_request},
};
use network::{Order, Side, Wire, base, candidate};

/// Both sides with `a` and `b` bases, nothing pasted yet.
async fn sides(wire: &Wire, a: u8, b: u8, seed: u64) -> (Side, Side) {
    (Side::start(wire, 2, a, seed).await, Side::start(wire, 1, b, !seed).await)
}

/// Both sides on the best pair of so many bases each.
async fn connected(a: u8, b: u8) -> (Wire, Side, Side) {
    let wire = Wire::new(1);
    let (mut one, mut other) = sides(&wire, a, b, 1).await;
    paste_both(&one, &other);
    until_both_on(&mut one, &mut other, (0, 0)).await;
    (wire, one, other)
}

/// Both sides with three pairs in reserve, and talking.
async fn talking() -> (Wire, Side, Side) {
    let (wire, mut a, mut b) = connected(2, 2).await;
    for side in [&mut a, &mut b] {
        side.until("three in reserve", |view| view.standby == 3).await;
        side.order(Order::Talk);
    }
    for side in [&mut a, &mut b] {
        side.until("media", |view| view.heard.len() > 5).await;
    }
    (wire, a, b)
}

fn paste_both(a: &Side, b: &Side) {
    a.paste(Controlling, b);
    b.paste(Controlled, a);
}

/// Waits until both ends are on the pair of these bases' indices.
async fn until_both_on(a: &mut Side, b: &mut Side, pair: (u8, u8)) {
    let (here, there) = (base(2, pair.0).address, base(1, pair.1).address);
    a.until("controlling side on the pair", |view| view.selected == Some((here, there))).await;
    b.until("controlled side on the pair", |view| view.selected == Some((there, here))).await;
}

async fn until_completed(a: &mut Side, b: &mut Side) {
    a.until("controlling side completed", |view| view.state() == Some(Completed)).await;
    b.until("controlled side completed", |view| view.state() == Some(Completed)).await;
}

fn answers(wire: &Wire) -> usize {
    let is_answer = |bytes: &Bytes| StunMessage::decode(bytes).is_ok_and(|message| message.class == Class::Success);
    wire.log().iter().filter(|(_, _, bytes)| is_answer(bytes)).count()
}

async fn until(check: impl Fn() -> bool, what: &str) {
    let checked = async {
        while !check() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(network::DEADLINE, checked).await.unwrap_or_else(|_| panic!("too late: {what}"));
}

fn strangers_check<'a>(side: &'a Side, password: &'a str, n: u8) -> Check<'a> {
    Check {
        transaction: TransactionId([n; 12]),
        remote_ufrag: &side.credentials.ufrag,
        local_ufrag: "ufrag002",
        remote_password: password,
        priority: 1_862_270_975,
        controlling: true,
        tie_breaker: 1,
        nomination: Some(1000),
    }
}

#[tokio::test]
async fn both_ends_of_two_by_two_bases_select_the_same_best_pair_at_once() {
    let mut times = Vec::new();
    for seed in 0..30 {
        let wire = Wire::new(seed);
        let (mut a, mut b) = sides(&wire, 2, 2, seed).await;
        let start = Instant::now();
        paste_both(&a, &b);
        until_both_on(&mut a, &mut b, (0, 0)).await;
        let selected_at = a.seen().selected_at.max(b.seen().selected_at).unwrap();
        times.push(selected_at.saturating_duration_since(start));
        until_completed(&mut a, &mut b).await;
        assert_eq!(a.seen().states, [Checking, Connected, Completed], "seed {seed}");
        let requests = wire.log().iter().filter(|(_, _, bytes)| bytes.starts_with(&[0, 1])).count();
        assert!(requests <= 16, "{requests} requests of both sides");
    }
    times.sort();
    println!("2x2 bases, 30 runs: min {:?}, median {:?}, max {:?}", times[0], times[15], times[29]);
}

#[tokio::test]
async fn both_ends_agree_although_four_of_ten_datagrams_are_lost() {
    let mut runs = Vec::new();
    for seed in 0..10 {
        let wire = Wire::new(seed);
        wire.lose(0.4);
        let (mut a, mut b) = sides(&wire, 2, 2, seed).await;
        paste_both(&a, &b);
        runs.push(async move {
            until_both_on(&mut a, &mut b, (0, 0)).await;
            wire.lose(0.0);
            until_both_on(&mut a, &mut b, (0, 0)).await;
            until_completed(&mut a, &mut b).await;
        });
    }
    for run in runs {
        run.await;
    }
}

#[tokio::test]
async fn an_early_peer_is_answered_and_connects_once_the_second_code_is_pasted() {
    let wire = Wire::new(1);
    let (mut a, mut b) = sides(&wire, 2, 2, 1).await;
    a.paste(Controlling, &b);
    for _ in 0..18 {
        let answered = answers(&wire);
        a.order(Order::Skip(Duration::from_secs(10)));
        until(|| answers(&wire) > answered, "an early check is answered").await;
    }
    assert_eq!(a.seen().selected, None, "nobody has pasted our code yet");
    b.paste(Controlled, &a);
    until_both_on(&mut a, &mut b, (0, 0)).await;
    until_completed(&mut a, &mut b).await;
    assert!(!a.seen().states.contains(&Failed) && !b.seen().states.contains(&Failed));
}

#[tokio::test]
async fn a_peer_that_comes_after_the_checks_failed_still_connects() {
    let wire = Wire::new(1);
    wire.cut(true);
    let (mut a, mut b) = sides(&wire, 2, 2, 1).await;
    a.paste(Controlling, &b);
    a.until("checking", |view| view.state() == Some(Checking)).await;
    a.order(Order::Skip(Duration::from_secs(60)));
    a.until("failed", |view| view.states == [Checking, Failed]).await;
    wire.cut(false);
    b.paste(Controlled, &a);
    until_both_on(&mut a, &mut b, (0, 0)).await;
    until_completed(&mut a, &mut b).await;
}

#[tokio::test]
async fn without_its_best_pair_a_call_takes_the_next() {
    let wire = Wire::new(1);
    wire.kill(base(2, 0).address, base(1, 0).address);
    let (mut a, mut b) = sides(&wire, 2, 2, 1).await;
    paste_both(&a, &b);
    until_both_on(&mut a, &mut b, (0, 1)).await;
}

#[tokio::test]
async fn a_better_base_that_comes_up_later_moves_both_ends() {
    let wire = Wire::new(1);
    let worse = base(2, 1);
    let mut a = Side::start(&wire, 2, 0, 1).await;
    let mut b = Side::start(&wire, 1, 1, 2).await;
    a.order(Order::AddBase(worse));
    a.paste(Controlling, &b);
    b.paste(Controlled, &a);
    b.order(Order::AddRemote(candidate(&worse)));
    until_both_on(&mut a, &mut b, (1, 0)).await;
    a.order(Order::AddBase(base(2, 0)));
    until_both_on(&mut a, &mut b, (0, 0)).await;
    until_completed(&mut a, &mut b).await;
}

#[tokio::test]
async fn a_killed_peer_is_disconnected_then_failed_and_may_come_back() {
    let (wire, mut a, mut b) = connected(1, 1).await;
    until_completed(&mut a, &mut b).await;
    wire.cut(true);
    // Consent becomes due and is asked; nothing answers.
    a.order(Order::Skip(Duration::from_secs(7)));
    a.until("disconnected", |view| view.state() == Some(Disconnected)).await;
    assert!(a.seen().selected.is_some(), "consent lasts for 30 s");
    a.order(Order::Skip(Duration::from_secs(24)));
    a.until("failed", |view| view.state() == Some(Failed)).await;
    assert_eq!(a.seen().selected, None);
    wire.cut(false);
    until_both_on(&mut a, &mut b, (0, 0)).await;
    until_completed(&mut a, &mut b).await;
}

#[tokio::test]
async fn what_is_not_authentic_is_refused_and_changes_nothing() {
    let (wire, mut a, mut b) = connected(1, 1).await;
    until_completed(&mut a, &mut b).await;
    let (before, to) = (b.seen().events.len(), b.bases[0].address);
    let stranger = "203.0.113.9:999".parse().unwrap();
    let own_answer = wire.log().into_iter().find(|(_, at, bytes)| *at == to && bytes.starts_with(&[1, 1])).unwrap().2;
    wire.send(stranger, to, strangers_check(&b, "not-the-password-24-chars", 1).encode().into());
    wire.send(stranger, to, Check { remote_ufrag: "older", ..strangers_check(&b, "any", 2) }.encode().into());
    // Somebody else who has the code, and is not who it was exchanged with.
    let third = strangers_check(&b, &b.credentials.password, 4);
    wire.send(stranger, to, Check { local_ufrag: "third", ..third }.encode().into());
    wire.send(stranger, to, binding_request(TransactionId([3; 12])).into());
    wire.send(stranger, to, Bytes::from_static(&[0, 1, 0, 99, 0x21, 0x12, 0xA4, 0x42, 0]));
    wire.send(stranger, to, own_answer.clone());
    wire.send(base(2, 0).address, to, own_answer);
    let expected = [
        (RefusalReason::MalformedStun, 1),
        (RefusalReason::UnknownUfrag, 3),
        (RefusalReason::BadIntegrity, 1),
        (RefusalReason::UnexpectedResponse, 2),
    ];
    let view = b.until("seven refusals", |view| view.refused.values().sum::<usize>() >= 7).await;
    assert_eq!(view.refused, expected.into());
    assert_eq!(view.events.len(), before);
    assert!(!wire.log().iter().any(|(_, at, _)| *at == stranger), "strangers get no answer");
}

#[tokio::test]
async fn a_flood_of_authentic_requests_from_many_sources_stays_bounded_and_is_counted() {
    let (wire, mut a, mut b) = connected(1, 1).await;
    for port in 1..=400 {
        let check = Check { nomination: None, ..strangers_check(&b, &b.credentials.password, 5) };
        wire.send(([198, 51, 100, 7], port).into(), b.bases[0].address, check.encode().into());
    }
    let is_drop = |event: &PathEvent| matches!(event, PathEvent::Dropped { what: DropKind::Candidates, .. });
    b.until("what is above the cap is counted", |view| view.events.iter().any(is_drop)).await;
    until_both_on(&mut a, &mut b, (0, 0)).await;
    let asked: std::collections::BTreeSet<_> = wire.log().iter().map(|(_, to, _)| *to).collect();
    assert!(asked.len() <= 40, "{} addresses are known", asked.len());
}

#[tokio::test]
async fn when_both_claim_one_role_the_larger_tie_breaker_gets_it_and_they_connect() {
    for (role, told_to_the_wrong) in [(Controlling, Controlled), (Controlled, Controlling)] {
        for seed in 0..5 {
            let wire = Wire::new(seed);
            let (mut a, mut b) = sides(&wire, 2, 2, seed).await;
            a.paste(role, &b);
            b.paste(role, &a);
            until_both_on(&mut a, &mut b, (0, 0)).await;
            until_completed(&mut a, &mut b).await;
            let wrong = if role == Controlling { &b } else { &a };
            let switched: Vec<_> = [&a, &b].map(|side| side.seen().switched_to()).into_iter().flatten().collect();
            assert_eq!((switched, wrong.seen().switched_to()), (vec![told_to_the_wrong], Some(told_to_the_wrong)));
        }
    }
}

#[tokio::test]
async fn a_peer_with_the_smaller_tie_breaker_that_claims_our_role_is_told_487() {
    let wire = Wire::new(1);
    let (mut a, mut b) = sides(&wire, 1, 1, 1).await;
    paste_both(&a, &b);
    until_completed(&mut a, &mut b).await;
    let claim = Check { local_ufrag: "ufrag001", ..strangers_check(&a, &a.credentials.password, 9) };
    wire.send(base(1, 0).address, base(2, 0).address, claim.encode().into());
    let is_told =
        |bytes: &Bytes| StunMessage::decode(bytes).is_ok_and(|message| matches!(message.error, Some((487, _))));
    until(|| wire.log().iter().any(|(_, _, bytes)| is_told(bytes)), "487").await;
    let is_conflict = |event: &PathEvent| matches!(event, PathEvent::RoleConflict { .. });
    a.until("conflict", |view| view.events.iter().any(is_conflict)).await;
    assert_eq!(a.seen().switched_to(), None);
}

#[tokio::test]
async fn checks_carry_the_codes_tie_breaker_and_a_peer_reflexive_priority() {
    let (wire, mut a, mut b) = connected(2, 2).await;
    until_completed(&mut a, &mut b).await;
    for (from, _, bytes) in wire.log() {
        let message = StunMessage::decode(&bytes).unwrap();
        if message.class == Class::Request {
            let is_a = from.ip().to_string().ends_with(".2");
            assert_eq!((message.controlling, message.controlled), if is_a { (Some(2), None) } else { (None, Some(1)) });
            assert_eq!(message.priority.unwrap() >> 24, 110);
        }
    }
}

#[tokio::test]
async fn a_second_generation_takes_over_without_a_gap_and_the_first_can_be_retired() {
    for seed in 0..5 {
        let wire = Wire::new(seed);
        let (mut a, mut b) = (Side::start(&wire, 2, 0, seed).await, Side::start(&wire, 1, 1, !seed).await);
        a.order(Order::AddBase(base(2, 1)));
        a.bases = vec![base(2, 1)];
        paste_both(&a, &b);
        until_both_on(&mut a, &mut b, (1, 0)).await;
        a.order(Order::Talk);
        b.order(Order::Talk);
        a.until("media", |view| view.heard.len() > 5).await;
        let old = (a.credentials.clone(), b.credentials.clone());
        a.restart(vec![base(2, 1), base(2, 0)]);
        b.restart(vec![base(1, 0), base(1, 1)]);
        // A knows the new credentials of B before B knows those of A, and checks at once.
        a.paste(Controlling, &b);
        let is_early = |(_, _, bytes): &(_, _, Bytes)| {
            let name = StunMessage::decode(bytes).ok().and_then(|message| message.username);
            name.is_some_and(|name| name.starts_with(&b.credentials.ufrag))
        };
        until(|| wire.log().iter().any(is_early), "an early check of the new generation").await;
        assert!(a.seen().is_on(Generation(0)), "the old generation goes on");
        b.paste(Controlled, &a);
        a.until("new generation", |view| view.is_on(Generation(1))).await;
        b.until("new generation", |view| view.is_on(Generation(1))).await;
        until_both_on(&mut a, &mut b, (0, 0)).await;
        a.order(Order::Retire(Generation(0)));
        b.order(Order::Retire(Generation(0)));
        let spoken = [a.seen().spoken + 10, b.seen().spoken + 10];
        a.until("media", |view| view.heard.contains(&spoken[1])).await;
        b.until("media", |view| view.heard.contains(&spoken[0])).await;
        for (side, count) in [(&a, spoken[1]), (&b, spoken[0])] {
            let view = side.seen();
            assert_eq!((0..=count).filter(|number| !view.heard.contains(number)).count(), 0, "lost, seed {seed}");
            assert_eq!(view.unspoken, 0, "seed {seed}");
        }
        replay_moves_nothing(&wire, &mut a, &old.0).await;
    }
}

/// Somebody who saw the first generation sends all of its checks and answers again, to `side`.
async fn replay_moves_nothing(wire: &Wire, side: &mut Side, old: &Credentials) {
    let before = side.seen();
    let old_ones: Vec<_> = wire
        .log()
        .into_iter()
        .filter(|(_, to, bytes)| {
            let message = StunMessage::decode(bytes);
            to.ip().to_string().ends_with(".2")
                && message
                    .is_ok_and(|message| message.receiver_ufrag() == Some(&old.ufrag) || message.username.is_none())
        })
        .collect();
    assert!(old_ones.len() > 3);
    for (from, to, bytes) in &old_ones {
        wire.send(*from, *to, bytes.clone());
    }
    let refused = before.refused.values().sum::<usize>() + old_ones.len();
    let view = side.until("refusals", |view| view.refused.values().sum::<usize>() >= refused).await;
    assert_eq!((view.selected, view.events.len()), (before.selected, before.events.len()));
}

#[tokio::test]
async fn a_pair_in_reserve_takes_over_when_its_base_is_removed_at_either_end() {
    for end in 0..2 {
        let (wire, mut a, mut b) = talking().await;
        let (loser, next) = if end == 0 { (&a, (1, 0)) } else { (&b, (0, 1)) };
        let gone = loser.bases[0].address;
        for other in [base(1, 0), base(1, 1), base(2, 0), base(2, 1)] {
            wire.kill(gone, other.address);
        }
        loser.order(Order::RemoveBase(loser.bases[0].id));
        until_both_on(&mut a, &mut b, next).await;
    }
}

#[tokio::test]
async fn a_pair_that_the_controlled_side_blocks_is_left_by_both() {
    let (_wire, mut a, mut b) = talking().await;
    b.order(Order::Block(BaseId(0), base(2, 0).address));
    until_both_on(&mut a, &mut b, (0, 1)).await;
    assert!(b.seen().refused.contains_key(&RefusalReason::BlockedPair));
}

#[tokio::test]
async fn closing_ends_in_time_in_every_state() {
    for stage in 0..3 {
        let wire = Wire::new(stage);
        let (mut a, mut b) = sides(&wire, 2, 2, stage).await;
        if stage > 0 {
            paste_both(&a, &b);
        }
        if stage > 1 {
            until_both_on(&mut a, &mut b, (0, 0)).await;
        }
        a.order(Order::Close);
        a.until("closed", |view| view.is_closed).await;
    }
}
