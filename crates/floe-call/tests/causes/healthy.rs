//! Calls that work: nobody is told that something is amiss.

use super::*;

async fn healthy(scenario: Scenario) {
    silent(scenario, Pair::start(scenario), &[]).await;
}

/// Holds a connected call to a few findings, and to no sin against the RFCs.
async fn silent(scenario: Scenario, pair: Pair, expected: &[&str]) {
    let pair = pair.exchanged().await.connected().await;
    // Long enough for a second round of consent.
    until(&pair.a, "ten seconds have passed", |snapshot| snapshot.picture.at.0 >= Duration::from_secs(12)).await;
    let Pair { a, b, world } = pair;
    let (a, b) = tokio::join!(a.finish(), b.finish());
    drop(world);
    for (side, picture) in [("a", &a.picture), ("b", &b.picture)] {
        assert_eq!(ids(picture), expected, "{scenario}, {side}: {}", story(picture));
        assert!(picture.lint.is_empty(), "{scenario}, {side}: {}", story(picture));
        assert_eq!(failure_code(picture), None);
        assert!(picture.ladder.rows(None).len() > 4 && picture.markers.len() > 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_on_a_lan_has_no_finding() {
    healthy(Scenario::Lan).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_through_one_router_has_no_finding() {
    healthy(Scenario::OneNat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_through_two_routers_has_no_finding() {
    healthy(Scenario::TwoNat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_through_a_symmetric_router_has_no_finding() {
    healthy(Scenario::Symmetric).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_over_two_families_has_no_finding() {
    healthy(Scenario::DualStack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_of_a_computer_with_two_networks_has_no_finding() {
    healthy(Scenario::Roam).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_within_one_computer_has_no_finding() {
    healthy(Scenario::Loopback).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_through_a_relay_has_no_finding() {
    let world = World::build(Scenario::SymmetricBoth, 7).expect("the world can be built");
    silent(Scenario::SymmetricBoth, Pair::relayed(world, None), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c07_udp_that_is_blocked_while_a_relay_over_tcp_carries_the_call() {
    let world = World::build(Scenario::UdpBlocked, 7).expect("the world can be built");
    silent(Scenario::UdpBlocked, Pair::relayed(world, None), &["C07"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_wrong_password_is_named_while_the_call_connects_without_the_relay() {
    let world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Udp], 7).expect("the world can be built");
    silent(Scenario::TwoNat, Pair::relayed(world, Some("not-the-password")), &["C20"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_a_person_asks_for_has_no_finding() {
    let pair = Pair::start(Scenario::TwoNat).exchanged().await.connected().await;
    let can_restart =
        |snapshot: &Snapshot| snapshot.picture.events.iter().any(|event| event.text.starts_with("Both sides can tell"));
    for call in [&pair.a, &pair.b] {
        until(call, "both sides can agree on a restart", can_restart).await;
    }
    pair.a.send(Command::RestartIce);
    let is_moved = |snapshot: &Snapshot| {
        snapshot.picture.selections.last().is_some_and(|selection| selection.pair.generation.0 == 1)
    };
    for call in [&pair.a, &pair.b] {
        until(call, "the new generation carries the call", is_moved).await;
    }
    let Pair { a, b, world } = pair;
    let (a, b) = tokio::join!(a.finish(), b.finish());
    drop(world);
    for picture in [&a.picture, &b.picture] {
        assert_eq!(ids(picture), [] as [&str; 0], "{}", story(picture));
        assert!(picture.lint.is_empty(), "{}", story(picture));
    }
}
