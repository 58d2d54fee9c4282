//! Whole calls that restart ICE: on a person's wish, after silence, from one side or both.

use std::time::Duration;

use floe_call::{Call, Command, Snapshot};
use floe_inspect::{Report, picture::SecurityView};
use floe_simnet::{Scenario, World, world::Side};
use floe_wire::{
    Generation, IceConnectionState,
    peer::{MoveReason, RestartCause},
};

use crate::pair::{Pair, hears_a_tone, log_of, until};

/// Two ends that have agreed that generations can follow.
async fn prepared(scenario: Scenario) -> Pair {
    let pair = Pair::exchanged(scenario).await;
    prepare(&pair).await;
    pair
}

/// Waits until both ends agree that generations can follow.
pub async fn prepare(pair: &Pair) {
    for call in [&pair.a, &pair.b] {
        hears_a_tone(call).await;
        until(call, "the peer has told its features", |snapshot| snapshot.picture.peer.digests.is_some()).await;
    }
}

fn is_carried_by(snapshot: &Snapshot, generation: u32) -> bool {
    snapshot.picture.selections.last().is_some_and(|selection| selection.pair.generation >= Generation(generation))
}

async fn carried_by(call: &Call, generation: u32) {
    until(call, "the new generation carries the audio", |snapshot| is_carried_by(snapshot, generation)).await;
}

pub fn words(snapshot: &Snapshot) -> [String; 4] {
    match &snapshot.picture.security {
        SecurityView::Secured(facts) => facts.sas.clone(),
        other => panic!("not secured: {other:?}"),
    }
}

/// Hears more audio than it had, so that the path in use works.
pub async fn hears_more(call: &Call) {
    let packets = |snapshot: &Snapshot| snapshot.picture.audio.as_ref().map_or(0, |audio| audio.packets_received);
    let before = packets(&call.snapshot());
    until(call, "audio comes in", |snapshot| packets(snapshot) > before + 20).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_moves_the_call_without_a_gap_and_keeps_its_keys() {
    let pair = prepared(Scenario::TwoNat).await;
    let before = [&pair.a, &pair.b].map(|call| words(&call.snapshot()));
    pair.a.send(Command::RestartIce);
    for call in [&pair.a, &pair.b] {
        carried_by(call, 1).await;
        until(call, "the gap is measured", |snapshot| {
            snapshot.picture.restarts.first().is_some_and(|restart| restart.gap.is_some())
        })
        .await;
        until(call, "the first generation is over", |snapshot| {
            snapshot.picture.events.iter().any(|event| event.text == "Generation 0 is over")
        })
        .await;
        hears_more(call).await;
    }
    let (a, b) = pair.finish().await;
    assert_eq!([words(&a), words(&b)], before);
    for (snapshot, cause) in [(&a, RestartCause::Asked), (&b, RestartCause::Peer)] {
        let report = Report::of(&snapshot.picture);
        let [restart] = &report.restarts[..] else { panic!("{:?}", report.restarts) };
        assert_eq!((restart.generation, restart.cause), (1, Some(cause)));
        let moved = report.selected_pairs.iter().find(|selection| selection.generation == 1);
        assert_eq!(moved.and_then(|selection| selection.reason), Some(MoveReason::Restart));
        assert!(restart.audio_gap_ms.is_some_and(|gap| gap <= 60.0), "{restart:?}\n{}", log_of(&snapshot.picture));
        assert!(snapshot.picture.pairs.iter().any(|pair| pair.id.generation == Generation(0)), "both are in view");
    }
}

#[tokio::test(start_paused = true)]
async fn both_sides_may_restart_at_once_and_again_and_again() {
    let pair = prepared(Scenario::Lan).await;
    for round in 1..=6 {
        pair.a.send(Command::RestartIce);
        if round % 2 == 0 {
            pair.b.send(Command::RestartIce);
        }
        carried_by(&pair.a, round).await;
        carried_by(&pair.b, round).await;
    }
    for call in [&pair.a, &pair.b] {
        hears_more(call).await;
        let picture = call.snapshot().picture.clone();
        assert_eq!(picture.ice_connection_state(), IceConnectionState::Completed, "{}", log_of(&picture));
    }
}

/// Cuts the way for `outage`, and tells how the call went on.
async fn survives(outage: Duration) -> Pair {
    let pair = prepared(Scenario::OneNat).await;
    assert!(set_cut(&pair.world, true));
    tokio::time::sleep(outage).await;
    assert!(set_cut(&pair.world, false));
    for call in [&pair.a, &pair.b] {
        hears_more(call).await;
        until(call, "it is connected again", |snapshot| {
            let state = snapshot.picture.ice_connection_state();
            matches!(state, IceConnectionState::Connected | IceConnectionState::Completed)
        })
        .await;
    }
    pair
}

fn set_cut(world: &World, cut: bool) -> bool {
    world.set_loss(Side::A, if cut { 1.0 } else { 0.0 })
}

#[tokio::test(start_paused = true)]
async fn ten_seconds_without_a_path_are_survived() {
    let pair = survives(Duration::from_secs(10)).await;
    let (a, _) = pair.finish().await;
    let states: Vec<_> = a.picture.ice_connection.iter().map(|visit| visit.state).collect();
    assert!(states.contains(&IceConnectionState::Disconnected), "{states:?}");
    assert!(!states.contains(&IceConnectionState::Failed), "{states:?}");
    let gap = a.picture.restarts.first().and_then(|restart| restart.gap);
    assert!(gap.is_none_or(|gap| gap >= Duration::from_secs(9)), "{gap:?}\n{}", log_of(&a.picture));
}

#[tokio::test(start_paused = true)]
async fn a_router_that_forgets_its_mappings_costs_about_a_second() {
    let pair = prepared(Scenario::OneNat).await;
    let concealed = |call: &Call| call.snapshot().picture.audio.as_ref().map_or(0, |audio| audio.concealed_samples);
    let before = concealed(&pair.a);
    assert!(pair.world.flush_nat(Side::A));
    for call in [&pair.b, &pair.a] {
        hears_more(call).await;
    }
    let gap = Duration::from_micros((concealed(&pair.a) - before) * 1_000_000 / 48_000);
    assert!(gap < Duration::from_secs(1), "{gap:?}\n{}", log_of(&pair.a.snapshot().picture));
}
