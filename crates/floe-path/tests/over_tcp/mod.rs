//! Pairs over TCP: who checks whom, and when TCP is taken.

use std::collections::BTreeSet;

use floe_wire::{
    IceConnectionState::Completed,
    IceRole::{Controlled, Controlling},
    TcpType::{self, Active, Passive, SimultaneousOpen},
};

use crate::network::{DEADLINE, Side, Wire, base, tcp_base};

const ROLES: [TcpType; 3] = [Active, Passive, SimultaneousOpen];

/// A side with one address for UDP and every TCP role.
async fn side(wire: &Wire, host: u8) -> Side {
    let bases = std::iter::once(base(host, 0)).chain(ROLES.map(|role| tcp_base(host, 0, role)));
    Side::start_on(wire, host, bases.collect(), u64::from(host)).await
}

fn paste_both(a: &Side, b: &Side) {
    a.paste(Controlling, b);
    b.paste(Controlled, a);
}

#[tokio::test]
async fn udp_is_taken_where_it_works() {
    let wire = Wire::new(1);
    let (mut a, mut b) = (side(&wire, 2).await, side(&wire, 1).await);
    paste_both(&a, &b);
    a.until("completed", |view| view.state() == Some(Completed)).await;
    b.until("completed", |view| view.state() == Some(Completed)).await;
    assert_eq!(a.seen().selected, Some((base(2, 0).address, base(1, 0).address)));
    assert_eq!(b.seen().selected, Some((base(1, 0).address, base(2, 0).address)));
}

#[tokio::test]
async fn connections_that_no_agent_asks_for_go_after_the_better_pairs() {
    let wire = Wire::new(1);
    wire.cut(true);
    let (a, b) = (side(&wire, 2).await, side(&wire, 1).await);
    paste_both(&a, &b);
    let first = async {
        loop {
            let log = wire.log();
            let first =
                [2, 1].map(|host| log.iter().find(|(from, ..)| from.ip() == base(host, 0).address.ip()).cloned());
            if let [Some((a, ..)), Some((b, ..))] = first {
                return [a, b];
            }
            tokio::task::yield_now().await;
        }
    };
    let first = tokio::time::timeout(DEADLINE, first).await.expect("both check");
    assert_eq!(first, [base(2, 0).address, base(1, 0).address], "UDP goes first");
}

#[tokio::test]
async fn without_udp_the_best_connection_is_one_that_a_side_dialed() {
    let wire = Wire::new(1);
    wire.kill(base(2, 0).address, base(1, 0).address);
    let (mut a, mut b) = (side(&wire, 2).await, side(&wire, 1).await);
    paste_both(&a, &b);
    a.until("a pair", |view| view.selected.is_some()).await;
    let (ours, theirs) = a.seen().selected.expect("just seen");
    b.until("the same pair", |view| view.selected == Some((theirs, ours))).await;
    let [dials, listens] = [Active, Passive].map(|role| [2, 1].map(|host| tcp_base(host, 0, role).address));
    let dialed = [(dials[0], listens[1]), (listens[0], dials[1])];
    assert!(dialed.contains(&(ours, theirs)), "{ours} → {theirs}");
}

#[tokio::test]
async fn only_active_ones_dial_passive_ones_and_openings_cross_between_their_like() {
    let wire = Wire::new(1);
    // Nobody hears anything, so that every check is one that a side wants of itself.
    wire.cut(true);
    let (a, b) = (side(&wire, 2).await, side(&wire, 1).await);
    paste_both(&a, &b);
    let expected: BTreeSet<_> = [(Active, Passive), (SimultaneousOpen, SimultaneousOpen)]
        .iter()
        .flat_map(|(from, to)| {
            [(2, 1), (1, 2)].map(|(x, y)| (tcp_base(x, 0, *from).address, tcp_base(y, 0, *to).address))
        })
        .chain([(2, 1), (1, 2)].map(|(x, y)| (base(x, 0).address, base(y, 0).address)))
        .collect();
    let seen = || wire.log().into_iter().map(|(from, to, _)| (from, to)).collect::<BTreeSet<_>>();
    let all = async {
        while seen().len() < expected.len() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all).await.expect("every pair is checked");
    assert_eq!(seen(), expected);
}

#[tokio::test]
async fn a_passive_side_answers_and_checks_over_the_connection_that_was_made_to_it() {
    let wire = Wire::new(1);
    let mut a = Side::start_on(&wire, 2, vec![tcp_base(2, 0, Active)], 2).await;
    let mut b = Side::start_on(&wire, 1, vec![tcp_base(1, 0, Passive)], 1).await;
    paste_both(&a, &b);
    let (dials, listens) = (tcp_base(2, 0, Active).address, tcp_base(1, 0, Passive).address);
    a.until("a pair", |view| view.selected == Some((dials, listens))).await;
    b.until("a pair", |view| view.selected == Some((listens, dials))).await;
}
