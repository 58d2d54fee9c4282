//! Whole calls that leave a pair for a better one, or use the one that a person wants.

#[path = "../common/mod.rs"]
mod common;
mod lossy;
mod quality;
mod wishes;

use std::sync::Arc;

use floe_call::{AudioClock, Call, CallConfig, Snapshot};
use floe_inspect::picture::{PairId, PairState, PairView};
use floe_simnet::{Scenario, World};
use floe_wire::{CandidateType, RelayProtocol, peer::MoveReason};

use self::{
    common::{
        hears_a_tone, log_of,
        pair::{Pair, config_for},
        until,
    },
    lossy::{Loss, lossy},
};

/// Two calls behind home routers with a relay between them; what goes to the other's router is lost as a test wants.
async fn with_relay() -> (Pair, Loss) {
    let world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Udp], 7).expect("the world can be built");
    let loss = Loss::default();
    let (url, _) = world.turn_servers[0].read().expect("a URL");
    let relay = world.a.resolve(&url.host, url.port).await.expect("a name")[0].ip();
    let [a, b] = [&world.a, &world.b].map(|network| lossy(Arc::clone(network), relay, &loss));
    let config = CallConfig { audio_clock: AudioClock::Runtime, ..config_for(&world) };
    let (a, b) = (Call::start(config.clone(), a), Call::start(config, b));
    (Pair { a, b, world }, loss)
}

/// A connected call over the direct way, whose ends know each other's names for the relayed pairs.
async fn prepared() -> (Pair, Loss) {
    let (pair, loss) = with_relay().await;
    pair.exchange().await;
    for call in [&pair.a, &pair.b] {
        hears_a_tone(call).await;
        until(call, "relayed pairs answer, and the other side has named them", |snapshot| {
            !is_relayed(snapshot, selected(snapshot)) && named_relayed(snapshot).is_some()
        })
        .await;
    }
    (pair, loss)
}

fn selected(snapshot: &Snapshot) -> PairId {
    snapshot.picture.selections.last().expect("a pair is in use").pair
}

fn is_relayed(snapshot: &Snapshot, id: PairId) -> bool {
    let picture = &snapshot.picture;
    let Some(pair) = picture.pair(id) else { return false };
    let candidates = [pair.local_candidate.as_deref(), pair.remote_candidate.as_deref()];
    let mut views = candidates.into_iter().flatten().filter_map(|id| picture.candidate(id));
    views.any(|view| view.candidate.candidate_type == CandidateType::Relayed)
}

/// A relayed pair that answers and that the other side has a name for.
fn named_relayed(snapshot: &Snapshot) -> Option<&PairView> {
    let picture = &snapshot.picture;
    picture.pairs.iter().find(|pair| {
        let is_usable = pair.state == PairState::Succeeded && is_relayed(snapshot, pair.id);
        is_usable && picture.peer.seen_of(pair.id).is_some()
    })
}

/// Waits until this end shows that audio moved for this reason, and that nobody guesses.
async fn shows_move(call: &Call, reason: MoveReason) {
    let what = format!("it is known why audio moved: {}", reason.name());
    let snapshot = until(call, &what, |snapshot| {
        let newest = snapshot.picture.selections.last();
        newest.is_some_and(|newest| newest.reason == Some(reason) && !newest.is_guess)
    })
    .await;
    let newest = snapshot.picture.selections.last().expect("just waited for").at;
    let restarts = &snapshot.picture.restarts;
    let cause = restarts.iter().rev().find(|restart| restart.selected == Some(newest)).map(|restart| restart.cause);
    assert_eq!(cause, reason.cause(), "{}", log_of(&snapshot.picture));
}

fn says(snapshot: &Snapshot, text: &str) -> bool {
    snapshot.picture.events.iter().any(|event| event.text.contains(text))
}
