//! Whole calls whose ends tell each other what they see.

#[path = "../common/mod.rs"]
mod common;
mod forged;
mod machine;
mod one_way;
mod pair;
mod replay;
mod restarts;
mod roaming;
mod sides;

use std::time::Duration;

use floe_call::{Call, Command};
use floe_inspect::{directions::directions, peer::ChannelView};
use floe_signal::{Capabilities, Code};
use floe_simnet::Scenario;
use floe_wire::note::EndReason;

use self::pair::{Pair, code_of, hears_a_tone, until};

async fn has_digests(call: &Call) {
    until(call, "the peer's digest has come twice", |snapshot| {
        snapshot.picture.peer.digests.is_some_and(|(first, newest)| newest > first)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_end_knows_what_the_other_one_sees() {
    let pair = Pair::exchanged(Scenario::TwoNat).await;
    hears_a_tone(&pair.a).await;
    hears_a_tone(&pair.b).await;
    for call in [&pair.a, &pair.b] {
        has_digests(call).await;
        let snapshot = until(call, "clocks are compared", |snapshot| snapshot.picture.peer.clocks.is_some()).await;
        let picture = &snapshot.picture;
        let selected = picture.selected_pair().expect("a pair is selected");
        let seen = picture.peer.seen_of(selected.id).expect("the peer knows the pair in use");
        assert!(seen.requests_received > 0 && seen.responses_sent > 0, "{seen:?}");
        assert!(picture.peer.media.is_some_and(|media| media.packets_received > 0), "{:?}", picture.peer.media);
        let clocks = picture.peer.clocks.expect("just waited for");
        assert!(clocks.uncertainty >= Duration::from_millis(15), "the way takes 15 ms: {clocks:?}");
        assert!(clocks.uncertainty < Duration::from_millis(500), "{clocks:?}");
        assert!(picture.peer.sends_to.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_mutes_is_shown_as_muted() {
    let pair = Pair::exchanged(Scenario::Lan).await;
    hears_a_tone(&pair.b).await;
    for muted in [true, false] {
        pair.a.send(Command::SetMuted(muted));
        until(&pair.b, "the other side's mute is known", |snapshot| snapshot.picture.peer.muted == muted).await;
    }
}

#[tokio::test(start_paused = true)]
async fn checks_that_never_arrive_are_told_apart_from_answers_that_do_not() {
    let pair = Pair::exchanged(Scenario::TwoNat).await;
    hears_a_tone(&pair.a).await;
    has_digests(&pair.a).await;
    let snapshot = until(&pair.a, "a pair that cannot work says what the peer saw", |snapshot| {
        snapshot.picture.pairs.iter().any(|pair| pair.why.ends_with("the peer saw none of them"))
    })
    .await;
    let selected = snapshot.picture.selected_pair().expect("a pair is selected");
    assert!(!selected.why.contains("the peer saw"), "{}", selected.why);
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_a_channel_is_called_all_the_same() {
    let pair = Pair::start(Scenario::Lan);
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    let (mut older, _) = Code::decode(&code_b).expect("a code just made");
    older.capabilities = Capabilities::AUDIO;
    pair.a.send(Command::PasteCode(older.encode()));
    pair.b.send(Command::PasteCode(code_a));
    hears_a_tone(&pair.a).await;
    hears_a_tone(&pair.b).await;
    let snapshot = until(&pair.a, "it is said why only this side is in view", |snapshot| {
        matches!(snapshot.picture.peer.channel, ChannelView::Closed { .. })
    })
    .await;
    assert!(snapshot.picture.peer.digests.is_none());
    let a = pair.a.finish().await;
    assert_eq!(a.picture.ended, Some(EndReason::HungUp));
}

#[tokio::test(start_paused = true)]
async fn each_end_knows_when_the_other_one_saw_its_checks_and_what_a_direction_takes() {
    let pair = Pair::exchanged(Scenario::TwoNat).await;
    for call in [&pair.a, &pair.b] {
        let snapshot = until(call, "both directions are measured", |snapshot| {
            let found = directions(&snapshot.picture);
            found.there.delay.is_some() && found.here.delay.is_some()
        })
        .await;
        let picture = &snapshot.picture;
        let rows = picture.ladder.rows(None);
        let seen = rows.iter().filter(|(_, message)| message.there.is_some());
        assert!(seen.count() >= 4, "a check and its answer in either direction");
        let found = directions(picture);
        let (there, here) = (found.there.delay.expect("just seen"), found.here.delay.expect("just seen"));
        // The way takes 15 ms, and the machine some; no direction is slower.
        let least = Duration::from_millis(15);
        assert!(there.median + there.uncertainty >= least && here.median + here.uncertainty >= least, "{found:?}");
    }
    pair.finish().await;
}
