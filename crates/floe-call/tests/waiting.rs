//! What a call sends while it waits for a person: ten minutes of simulated time.

mod common;

use std::time::Duration;

use floe_call::{AudioClock, CallConfig, Command};
use floe_inspect::Picture;
use floe_simnet::{NatConfig, Scenario, Side, World};
use floe_wire::BaseKind;
use tokio::time::Instant;

use crate::common::{
    code_of, log_of,
    pair::{Pair, config_for},
    until,
};

const WAIT: Duration = Duration::from_secs(600);
/// Packets of one base in that time: one a second.
const MOST: u64 = 600;
/// From the second paste until both ends are on a pair: a few round trips.
const SOON: Duration = Duration::from_millis(500);

/// Both ends of a call behind routers that forget after 30 s.
fn start(scenario: Scenario, nat: NatConfig) -> Pair {
    let world = World::build(scenario, 7).expect("the world can be built");
    for side in [Side::A, Side::B] {
        assert!(world.set_nat(side, NatConfig { expiry: Duration::from_secs(30), ..nat }));
    }
    let config = CallConfig { audio_clock: AudioClock::Runtime, ..config_for(&world) };
    Pair::begin(world, config)
}

/// Packets of both ends and of the servers, segments of TCP among them.
fn sent(world: &World) -> u64 {
    world.counters().expect("it is simulated").sent
}

/// What each base that is no mere TCP port has sent.
fn sent_by_base(picture: &Picture) -> Vec<(String, u64)> {
    let bases =
        picture.bases.iter().filter(|base| matches!(base.base_kind, BaseKind::Udp | BaseKind::TurnClient { .. }));
    bases.map(|base| (format!("{} ({:?})", base.base, base.base_kind), base.sent.packets)).collect()
}

/// A has pasted B's code; B has pasted nothing, for ten minutes.
async fn check_waiting(scenario: Scenario, nat: NatConfig) {
    let pair = start(scenario, nat);
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    pair.a.send(Command::PasteCode(code_b.clone()));
    let before = sent(&pair.world);
    tokio::time::sleep(WAIT).await;
    let sent = sent(&pair.world) - before;

    let bases: Vec<_> = [&pair.a, &pair.b].map(|call| sent_by_base(&call.snapshot().picture)).concat();
    assert!(bases.iter().all(|(_, packets)| *packets <= MOST), "{scenario}: {bases:?}");
    assert!(sent <= MOST * bases.len() as u64, "{scenario}: {sent} packets over {} bases", bases.len());
    assert_eq!(pair.b.snapshot().code.as_ref(), Some(&code_b), "the code is still good");

    let pasted = Instant::now();
    pair.b.send(Command::PasteCode(code_a));
    for call in [&pair.a, &pair.b] {
        let snapshot = until(call, "a pair is selected", |seen| seen.picture.selected_pair().is_some()).await;
        assert!(pasted.elapsed() < SOON, "{:?} after the paste\n{}", pasted.elapsed(), log_of(&snapshot.picture));
    }
}

#[tokio::test(start_paused = true)]
async fn behind_two_routers_each_base_sends_less_than_a_packet_a_second_and_the_paste_connects_at_once() {
    check_waiting(Scenario::TwoNat, NatConfig::HOME).await;
}

#[tokio::test(start_paused = true)]
async fn with_relays_each_base_sends_less_than_a_packet_a_second_and_the_paste_connects_at_once() {
    check_waiting(Scenario::SymmetricBoth, NatConfig::SYMMETRIC).await;
}

#[tokio::test(start_paused = true)]
async fn without_udp_each_base_sends_less_than_a_packet_a_second_and_the_paste_connects_at_once() {
    check_waiting(Scenario::UdpBlocked, NatConfig::HOME).await;
}
