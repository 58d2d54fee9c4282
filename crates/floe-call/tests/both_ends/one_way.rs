//! Calls over paths that are bad in one direction only: both ends name the same one.

use std::time::Duration;

use floe_call::Call;
use floe_inspect::directions::{Directions, Worse, directions};
use floe_simnet::{Scenario, Side, Way, World};

use super::pair::{Pair, hears_a_tone, until};

/// Both ends name the direction, each as its own.
async fn is_named(pair: &Pair, by_a: Worse, by_b: Worse, sentence: &str) {
    for (call, worse, name) in [(&pair.a, by_a, "A"), (&pair.b, by_b, "B")] {
        let what = format!("{name} names the direction: {sentence}");
        let snapshot = until(call, &what, |snapshot| {
            let found = directions(&snapshot.picture);
            found.worse == Some(worse) && found.sentences.iter().any(|said| said.contains(sentence))
        })
        .await;
        drop(snapshot);
    }
}

async fn measured(call: &Call) -> Directions {
    let both = |found: &Directions| found.there.delay.is_some() && found.here.delay.is_some();
    let snapshot = until(call, "both directions are measured", |snapshot| both(&directions(&snapshot.picture))).await;
    directions(&snapshot.picture)
}

#[tokio::test(start_paused = true)]
async fn the_direction_that_loses_is_named_by_both_ends() {
    let pair = Pair::exchanged(Scenario::TwoNat).await;
    hears_a_tone(&pair.a).await;
    hears_a_tone(&pair.b).await;
    pair.world.change_way(Side::A, Way::There, |profile| profile.loss = 0.2);
    is_named(&pair, Worse::There, Worse::Here, "direction loses").await;
    pair.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_direction_that_becomes_slow_is_named_by_both_ends() {
    let pair = Pair::exchanged(Scenario::TwoNat).await;
    for call in [&pair.a, &pair.b] {
        hears_a_tone(call).await;
        // While the path is quick both clocks are compared to within half of its round trip, and that of the machine.
        until(call, "the clocks are known well", |snapshot| {
            let known = snapshot.picture.peer.clock_log.at(snapshot.picture.at);
            known.is_some_and(|clocks| clocks.uncertainty < Duration::from_millis(100))
        })
        .await;
        measured(call).await;
    }
    pair.world.change_way(Side::B, Way::There, |profile| profile.delay = Duration::from_millis(400));
    is_named(&pair, Worse::Here, Worse::There, "late: ").await;
    let found = directions(&pair.a.snapshot().picture);
    let (there, here) = (found.there.delay.expect("just seen"), found.here.delay.expect("just seen"));
    assert!(here.median > there.median + 2 * here.uncertainty, "{found:?}");
    pair.finish().await;
}

#[tokio::test(start_paused = true)]
async fn with_one_clock_a_slow_direction_is_known_from_the_start() {
    let world = World::build(Scenario::TwoNat, 7).expect("the world can be built");
    world.change_way(Side::A, Way::There, |profile| profile.delay = Duration::from_millis(200));
    let pair = Pair::with_one_clock(world);
    pair.exchange().await;
    is_named(&pair, Worse::There, Worse::Here, "late: ").await;
    let found = measured(&pair.b).await;
    let (there, here) = (found.there.delay.expect("just seen"), found.here.delay.expect("just seen"));
    // 5 ms of aging in a hundred seconds, and the other clock is this one.
    assert!(here.uncertainty < Duration::from_millis(5), "{found:?}");
    assert!(here.median >= Duration::from_millis(200) && there.median >= Duration::from_millis(10), "{found:?}");
    pair.finish().await;
}
