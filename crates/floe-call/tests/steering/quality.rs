//! A direct way that turns bad.

use std::time::Duration;

use floe_call::Call;
use floe_inspect::{Report, diagnose};
use floe_wire::peer::{MoveReason, RestartCause};

use crate::{
    common::{log_of, until},
    is_relayed, prepared, says, selected, shows_move,
};

async fn moved(call: &Call, to_relay: bool) -> Duration {
    let what = if to_relay { "the call goes over the relay" } else { "the call is back on the direct way" };
    let snapshot = until(call, what, |snapshot| is_relayed(snapshot, selected(snapshot)) == to_relay).await;
    snapshot.picture.selections.last().expect("just waited for").at.0
}

#[tokio::test(start_paused = true)]
async fn a_direct_way_that_loses_packets_is_left_for_a_relay_at_both_ends_and_returned_to_once_it_is_good() {
    let (pair, loss) = prepared().await;
    loss.set_even_percent(30);
    let mut left = Vec::new();
    for call in [&pair.a, &pair.b] {
        until(call, "the reason is known", |snapshot| !snapshot.picture.departures.is_empty()).await;
        left.push(moved(call, true).await);
        shows_move(call, MoveReason::Quality).await;
        let named = |id: &str, picture: &_| diagnose(picture).iter().any(|finding| finding.id == id);
        let snapshot = until(call, "C27 names it", |snapshot| named("C27", &snapshot.picture)).await;
        assert!(says(&snapshot, "% of the audio"), "{}", log_of(&snapshot.picture));
    }
    loss.set_percent(0);
    for (call, left) in [&pair.a, &pair.b].into_iter().zip(left) {
        let back = moved(call, false).await;
        let away = back.saturating_sub(left);
        // 15 s of distrust and 5 s of trial; the ends may differ by how they learn of it.
        shows_move(call, MoveReason::Better).await;
        assert!(away >= Duration::from_secs(17), "{away:?}\n{}", log_of(&call.snapshot().picture));
        until(call, "it is trusted again", |snapshot| snapshot.picture.rulings.is_empty()).await;
    }
    let (a, b) = pair.finish().await;
    for snapshot in [a, b] {
        let report = Report::of(&snapshot.picture);
        let why = report.selected_pairs.iter().filter_map(|selection| selection.why.as_deref());
        assert!(why.into_iter().any(|why| why.contains("% of the audio")), "{}", log_of(&snapshot.picture));
    }
}

#[tokio::test(start_paused = true)]
async fn a_direct_way_that_loses_a_third_of_everything_is_left_and_not_returned_to_while_it_does() {
    let (pair, loss) = prepared().await;
    loss.set_percent(33);
    for call in [&pair.a, &pair.b] {
        // A run of lost answers may look like silence before the loss of audio is known.
        moved(call, true).await;
    }
    let left = [&pair.a, &pair.b].map(|call| call.snapshot().picture.selections.len());
    tokio::time::sleep(Duration::from_secs(60)).await;
    for (call, left) in [&pair.a, &pair.b].into_iter().zip(left) {
        let snapshot = call.snapshot();
        let since = &snapshot.picture.selections[left..];
        assert!(since.iter().all(|chosen| is_relayed(&snapshot, chosen.pair)), "{}", log_of(&snapshot.picture));
        let is_said = ["% of the audio", "is tried for some seconds"].iter().any(|text| says(&snapshot, text));
        assert!(is_said, "{}", log_of(&snapshot.picture));
    }
    pair.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_direct_way_that_takes_three_times_as_long_as_the_relay_is_left_for_it_at_both_ends_and_nothing_is_called_lost()
 {
    let (pair, loss) = prepared().await;
    loss.set_delay(250);
    for call in [&pair.a, &pair.b] {
        moved(call, true).await;
        shows_move(call, MoveReason::Quality).await;
        let snapshot =
            until(call, "it is said what it took", |snapshot| says(snapshot, ", and another pair takes ")).await;
        let causes: Vec<_> = snapshot.picture.restarts.iter().map(|restart| restart.cause).collect();
        assert_eq!(causes, [RestartCause::Quality], "{}", log_of(&snapshot.picture));
    }
    pair.finish().await;
}
