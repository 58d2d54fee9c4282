//! Whole calls on a computer whose default route moves, and which sleeps.

use std::time::Duration;

use floe_simnet::{Scenario, world::Side};
use floe_wire::peer::RestartCause;

use crate::{
    pair::{Pair, log_of, until},
    restarts::{hears_more, prepare},
};

/// A connected call of a machine with two uplinks, the first of which is its default route.
async fn with_two_uplinks() -> Pair {
    let pair = Pair::exchanged(Scenario::Roam).await;
    prepare(&pair).await;
    assert_eq!(pair.a.snapshot().picture.default_route.as_deref(), Some("wlan0"));
    pair
}

/// Waits until both ends have begun anew, A for its own reason.
async fn restarts_for(pair: &Pair, cause: RestartCause) {
    for (call, expected) in [(&pair.a, cause), (&pair.b, RestartCause::Peer)] {
        let snapshot = until(call, "ICE begins anew, and the audio has moved", |snapshot| {
            snapshot.picture.restarts.first().is_some_and(|restart| restart.selected.is_some())
        })
        .await;
        assert_eq!(snapshot.picture.restarts[0].cause, expected, "{}", log_of(&snapshot.picture));
        hears_more(call).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_default_route_that_moves_alone_begins_ice_anew() {
    let pair = with_two_uplinks().await;
    assert!(pair.world.set_default_interface(Side::A, "wwan0"));
    restarts_for(&pair, RestartCause::DefaultRoute).await;
    let (a, _) = pair.finish().await;
    assert_eq!(a.picture.default_route.as_deref(), Some("wwan0"));
    assert_eq!(a.picture.restarts.len(), 1, "{}", log_of(&a.picture));
}

#[tokio::test(start_paused = true)]
async fn a_default_route_that_goes_with_its_address_is_noted_and_costs_no_restart_of_its_own() {
    let pair = with_two_uplinks().await;
    assert!(pair.world.set_interface_up(Side::A, "wlan0", false));
    until(&pair.a, "the route is noted", |snapshot| snapshot.picture.default_route.as_deref() == Some("wwan0")).await;
    hears_more(&pair.a).await;
    let (a, _) = pair.finish().await;
    let causes: Vec<_> = a.picture.restarts.iter().map(|restart| restart.cause).collect();
    assert!(!causes.contains(&RestartCause::DefaultRoute), "{causes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_computer_that_wakes_begins_ice_anew() {
    let pair = with_two_uplinks().await;
    assert!(pair.world.add_sleep(Side::A, Duration::from_secs(90)));
    restarts_for(&pair, RestartCause::Resumed).await;
    let (a, _) = pair.finish().await;
    let says = |text: &str| a.picture.events.iter().any(|event| event.text.contains(text));
    assert!(says("stood still for 90 s"), "{}", log_of(&a.picture));
}
