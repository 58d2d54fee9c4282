//! Whole calls whose first end moves between networks: Wi-Fi and mobile data, one, the other, both, and neither.

use std::time::Duration;

use floe_call::{Call, Command, PasteOutcome, Snapshot};
use floe_inspect::peer::RestartView;
use floe_signal::Code;
use floe_simnet::{Scenario, World, world::Side};
use floe_wire::peer::RestartCause;

use crate::{
    pair::{Pair, log_of, until},
    restarts::{hears_more, prepare, words},
};

const WIFI: &str = "wlan0";
const MOBILE: &str = "wwan0";

fn set(world: &World, interface: &str, up: bool) {
    assert!(world.set_interface_up(Side::A, interface, up));
}

/// A connected call of a machine that has only these interfaces up.
async fn connected_with(interfaces: &[&str]) -> Pair {
    let world = World::build(Scenario::Roam, 7).expect("the world can be built");
    for interface in [WIFI, MOBILE] {
        set(&world, interface, interfaces.contains(&interface));
    }
    let pair = Pair::over(world);
    pair.exchange().await;
    prepare(&pair).await;
    pair
}

fn interface_in_use(snapshot: &Snapshot) -> Option<String> {
    let picture = &snapshot.picture;
    let base = picture.selections.last()?.pair.base;
    picture.base(base).map(|view| view.interface.clone())
}

async fn moved_to(call: &Call, interface: &str) {
    until(call, "the call has moved", |snapshot| interface_in_use(snapshot).as_deref() == Some(interface)).await;
    hears_more(call).await;
}

fn is_told(snapshot: &Snapshot, text: &str) -> bool {
    snapshot.picture.events.iter().any(|event| event.text == text)
}

fn concealed(call: &Call) -> u64 {
    call.snapshot().picture.audio.as_ref().map_or(0, |audio| audio.concealed_samples)
}

/// How much of what A hears was made up since `before`.
fn gap_since(call: &Call, before: u64) -> Duration {
    Duration::from_micros((concealed(call) - before) * 1_000_000 / 48_000)
}

#[tokio::test(start_paused = true)]
async fn a_network_that_comes_is_moved_to_without_a_gap() {
    let pair = connected_with(&[MOBILE]).await;
    let before = concealed(&pair.a);
    set(&pair.world, WIFI, true);
    moved_to(&pair.a, WIFI).await;
    let snapshot = pair.a.snapshot();
    assert_eq!(snapshot.picture.restarts[0].cause, RestartCause::NetworkUp);
    let gap = gap_since(&pair.a, before);
    assert!(gap <= Duration::from_millis(60), "{gap:?}\n{}", log_of(&snapshot.picture));
    hears_more(&pair.b).await;
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_no_better_goes_into_reserve() {
    let pair = connected_with(&[WIFI]).await;
    set(&pair.world, MOBILE, true);
    for call in [&pair.a, &pair.b] {
        until(call, "the first generation is over", |snapshot| is_told(snapshot, "Generation 0 is over")).await;
    }
    assert_eq!(interface_in_use(&pair.a.snapshot()).as_deref(), Some(WIFI), "{}", log_of(&pair.a.snapshot().picture));
    set(&pair.world, WIFI, false);
    moved_to(&pair.a, MOBILE).await;
    hears_more(&pair.b).await;
}

#[tokio::test(start_paused = true)]
async fn a_network_that_goes_is_replaced_by_the_one_in_reserve_at_once() {
    let pair = connected_with(&[WIFI, MOBILE]).await;
    until(&pair.a, "Wi-Fi is in use", |snapshot| interface_in_use(snapshot).as_deref() == Some(WIFI)).await;
    hears_more(&pair.a).await;
    let before = concealed(&pair.a);
    set(&pair.world, WIFI, false);
    moved_to(&pair.a, MOBILE).await;
    let gap = gap_since(&pair.a, before);
    // The news of the network is waited for 30 ms; from there on it is 200.
    assert!(gap <= Duration::from_millis(230), "{gap:?}\n{}", log_of(&pair.a.snapshot().picture));
    hears_more(&pair.b).await;
    for call in [&pair.a, &pair.b] {
        let snapshot = until(call, "it is told what the take-over cost", |snapshot| {
            let of_reserve = |restart: &&RestartView| restart.cause == RestartCause::TookOver;
            snapshot.picture.restarts.iter().find(of_reserve).is_some_and(|restart| restart.gap.is_some())
        })
        .await;
        assert!(snapshot.picture.restarts.iter().all(|restart| restart.selected.is_some()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_goes_as_another_one_comes_costs_less_than_a_second_and_no_code() {
    let pair = connected_with(&[WIFI]).await;
    let before = (concealed(&pair.a), words(&pair.a.snapshot()));
    set(&pair.world, WIFI, false);
    set(&pair.world, MOBILE, true);
    moved_to(&pair.a, MOBILE).await;
    hears_more(&pair.b).await;
    let gap = gap_since(&pair.a, before.0);
    assert!(gap <= Duration::from_secs(1), "{gap:?}\n{}", log_of(&pair.a.snapshot().picture));
    assert_eq!(words(&pair.a.snapshot()), before.1);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_offline_for_a_while_comes_back_by_itself() {
    let pair = connected_with(&[WIFI]).await;
    set(&pair.world, WIFI, false);
    until(&pair.b, "the other side notices", |snapshot| snapshot.picture.is_path_suspected).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    set(&pair.world, MOBILE, true);
    moved_to(&pair.a, MOBILE).await;
    hears_more(&pair.b).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_moves_again_and_again_keeps_its_keys_and_leaves_nothing_behind() {
    let pair = connected_with(&[WIFI]).await;
    let before = words(&pair.a.snapshot());
    let mut seed = 20_u32;
    let mut current = WIFI;
    for _ in 0..8 {
        let next = if current == WIFI { MOBILE } else { WIFI };
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let make_before_break = seed >> 31 == 0;
        set(&pair.world, next, make_before_break);
        tokio::time::sleep(Duration::from_millis(u64::from(seed % 300))).await;
        set(&pair.world, current, false);
        set(&pair.world, next, true);
        moved_to(&pair.a, next).await;
        hears_more(&pair.b).await;
        current = next;
    }
    let snapshot = pair.a.snapshot();
    assert_eq!(words(&snapshot), before);
    let open: Vec<_> = snapshot.picture.bases.iter().filter(|base| base.closed.is_none()).collect();
    // One for UDP, and three for TCP.
    assert_eq!(open.len(), 4, "{open:?}");
    assert!(open.iter().all(|base| base.address.ip() == open[0].address.ip()), "{open:?}");
}

#[tokio::test(start_paused = true)]
async fn when_the_only_relay_of_both_forgets_them_fresh_codes_revive_the_same_call() {
    let mut pair = Pair::exchanged(Scenario::UdpBlocked).await;
    prepare(&pair).await;
    let before = words(&pair.a.snapshot());
    let [first_a, first_b] = [&pair.a, &pair.b].map(|call| call.snapshot().code.clone());
    assert!(pair.world.restart_turn().await);
    let code_a = fresh_code(&pair.a, first_a.as_deref()).await;
    let code_b = fresh_code(&pair.b, first_b.as_deref()).await;
    pair.a.send(Command::PasteCode(code_b));
    pair.b.send(Command::PasteCode(code_a));
    for call in [&pair.a, &pair.b] {
        hears_more(call).await;
        assert_eq!(words(&call.snapshot()), before);
        let causes = call.snapshot().picture.restarts.iter().map(|restart| restart.cause).collect::<Vec<_>>();
        let is_known = |cause: &RestartCause| {
            matches!(cause, RestartCause::TookOver | RestartCause::RelayLost | RestartCause::Peer)
        };
        assert!(!causes.is_empty() && causes.iter().all(is_known), "{causes:?}");
    }
}

/// The code that is offered in place of the first one.
async fn fresh_code(call: &Call, first: Option<&str>) -> String {
    let is_fresh = |snapshot: &Snapshot| {
        let code = snapshot.code.as_deref().filter(|code| Some(*code) != first);
        code.and_then(|code| Code::decode(code).ok()).is_some_and(|(code, _)| !code.candidates.is_empty())
    };
    until(call, "a fresh code is offered", is_fresh).await.code.clone().expect("just waited for")
}

#[tokio::test(start_paused = true)]
async fn when_both_have_lost_their_networks_one_fresh_code_or_a_known_address_revives_the_same_call() {
    let pair = connected_with(&[WIFI]).await;
    let before = words(&pair.a.snapshot());
    let first_a = pair.a.snapshot().code.clone();
    assert!(pair.world.set_interface_up(Side::B, "eth0", false));
    set(&pair.world, WIFI, false);
    set(&pair.world, MOBILE, true);
    let code_a = fresh_code(&pair.a, first_a.as_deref()).await;
    // B is back where A knows it, and may be found before the code is pasted; nothing is lost by pasting it.
    assert!(pair.world.set_interface_up(Side::B, "eth0", true));
    pair.b.send(Command::PasteCode(code_a));
    moved_to(&pair.a, MOBILE).await;
    hears_more(&pair.b).await;
    until(&pair.b, "the code is taken", |snapshot| snapshot.paste == Some(PasteOutcome::Accepted)).await;
    assert_eq!(words(&pair.a.snapshot()), before);
}
