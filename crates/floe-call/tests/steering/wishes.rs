//! Pairs that a person forces, blocks and releases, at either end.

use floe_call::{Call, Command, Snapshot};
use floe_inspect::picture::PairId;
use floe_wire::{IceRole, peer::MoveReason};

use crate::{
    common::{log_of, pair::Pair, until},
    is_relayed, named_relayed, prepared, says, selected, shows_move,
};

fn force(pair: PairId) -> Command {
    Command::ForcePair { base: pair.base, remote: pair.remote }
}

fn block(pair: PairId) -> Command {
    Command::BlockPair { base: pair.base, remote: pair.remote }
}

fn release(pair: PairId) -> Command {
    Command::ReleasePair { base: pair.base, remote: pair.remote }
}

async fn uses_relay(pair: &Pair, is_relay: bool) {
    for call in [&pair.a, &pair.b] {
        let wanted = |snapshot: &Snapshot| is_relayed(snapshot, selected(snapshot)) == is_relay;
        until(call, if is_relay { "the relay is used" } else { "the direct way is used" }, wanted).await;
    }
}

/// The call that has this role, and the other one.
fn by_role(pair: &Pair, role: IceRole) -> [&Call; 2] {
    let is_a = pair.a.snapshot().picture.role == Some(role);
    if is_a { [&pair.a, &pair.b] } else { [&pair.b, &pair.a] }
}

#[tokio::test(start_paused = true)]
async fn either_end_forces_a_pair_at_both_and_releases_it_again() {
    let (pair, _) = prepared().await;
    for role in [IceRole::Controlled, IceRole::Controlling] {
        let [asking, other] = by_role(&pair, role);
        let wanted = named_relayed(&asking.snapshot()).expect("waited for").id;
        asking.send(force(wanted));
        uses_relay(&pair, true).await;
        let is_it = |snapshot: &Snapshot| {
            let id = selected(snapshot);
            (id.base, id.remote) == (wanted.base, wanted.remote)
        };
        let here = until(asking, "the very pair is used", is_it).await;
        assert!(says(&here, "is forced by you"), "{}", log_of(&here.picture));
        until(other, "the other side knows why", |snapshot| says(snapshot, "is forced by the other side")).await;
        for call in [asking, other] {
            shows_move(call, MoveReason::Wish).await;
        }
        asking.send(release(wanted));
        uses_relay(&pair, false).await;
        for call in [asking, other] {
            shows_move(call, MoveReason::Better).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_blocked_pair_is_left_by_both_ends_and_used_again_when_it_is_released() {
    let (pair, _) = prepared().await;
    let [asking, other] = by_role(&pair, IceRole::Controlled);
    let blocked = selected(&asking.snapshot());
    asking.send(block(blocked));
    for call in [asking, other] {
        until(call, "another pair is used", |snapshot| snapshot.picture.selections.len() > 1).await;
    }
    for call in [asking, other] {
        shows_move(call, MoveReason::Wish).await;
    }
    let there = until(other, "it is told", |snapshot| says(snapshot, "is blocked by the other side")).await;
    assert!(there.picture.rulings.len() == 1, "{}", log_of(&there.picture));
    let why = |snapshot: &Snapshot| snapshot.picture.pair(blocked).map(|pair| pair.why.clone()).unwrap_or_default();
    until(asking, "the cell says so", |snapshot| why(snapshot).starts_with("blocked by you")).await;
    asking.send(release(blocked));
    until(asking, "it is used again", |snapshot| selected(snapshot).remote == blocked.remote).await;
    until(other, "no decision is left", |snapshot| snapshot.picture.rulings.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_forced_pair_that_dies_is_named_and_the_call_goes_on() {
    let (mut pair, _) = prepared().await;
    let wanted = named_relayed(&pair.a.snapshot()).expect("waited for").id;
    pair.a.send(force(wanted));
    uses_relay(&pair, true).await;
    assert!(pair.world.stop_turn(floe_wire::RelayProtocol::Udp).await);
    uses_relay(&pair, false).await;
    for call in [&pair.a, &pair.b] {
        shows_move(call, MoveReason::TookOver).await;
    }
    let snapshot =
        until(&pair.a, "it says so", |snapshot| says(snapshot, "does not answer: another one is used")).await;
    assert_eq!(snapshot.picture.rulings.len(), 1, "{}", log_of(&snapshot.picture));
}
