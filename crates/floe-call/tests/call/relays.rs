//! Calls that no direct path joins.

use floe_call::CallConfig;
use floe_simnet::Side;
use floe_transport::relay::Credentials;
use floe_wire::RelayProtocol;

use super::*;

/// The type of the candidate that the selected pair leaves from.
fn selected_type(snapshot: &Snapshot) -> CandidateType {
    let base = snapshot.picture.selected_pair().expect("a selected pair").id.base;
    let mut candidates = snapshot.picture.local_candidates.iter();
    candidates.find(|view| view.base == Some(base)).expect("its candidate").candidate.candidate_type
}

#[tokio::test(flavor = "multi_thread")]
async fn two_symmetric_nats_are_joined_by_a_relay() {
    let (a, b) = connects(Scenario::SymmetricBoth).await;
    // One relay does: the other side sends to it from behind its own router.
    let types = [selected_type(&a), selected_type(&b)];
    assert!(types.contains(&CandidateType::Relayed), "{types:?}");
    // One end follows the other one's choice before there is audio, of which nothing can be lost.
    for picture in [&a.picture, &b.picture] {
        let secured = picture.timings.secured.expect("it is secured");
        assert!(picture.restarts.iter().all(|restart| restart.started > secured), "{:?}", picture.restarts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn homes_without_udp_are_joined_by_a_relay_reached_by_tcp() {
    let (a, b) = connects(Scenario::UdpBlocked).await;
    assert_eq!((selected_type(&a), selected_type(&b)), (CandidateType::Relayed, CandidateType::Relayed));
}

#[tokio::test(flavor = "multi_thread")]
async fn homes_without_udp_are_joined_by_a_relay_reached_by_tls() {
    let world = World::build(Scenario::UdpBlocked, 7).unwrap();
    let pair = Pair::start_in(world, |config| config.turn_servers.retain(|server| server.url.starts_with("turns:")));
    pair.exchange().await;
    hears_the_tone(&pair.a).await;
    hears_the_tone(&pair.b).await;
    let (a, b) = pair.finish().await;
    assert_eq!((selected_type(&a), selected_type(&b)), (CandidateType::Relayed, CandidateType::Relayed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_path_is_preferred_to_a_relay() {
    let world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Udp], 7).unwrap();
    let pair = Pair::start_in(world, |_| {});
    pair.exchange().await;
    hears_the_tone(&pair.a).await;
    hears_the_tone(&pair.b).await;
    let (a, b) = pair.finish().await;
    assert!(has_local(&a, CandidateType::Relayed) && has_local(&b, CandidateType::Relayed));
    assert_eq!((selected_type(&a), selected_type(&b)), (CandidateType::Host, CandidateType::Host));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_server_alone_tells_reflexive_addresses_too() {
    let world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Udp], 7).unwrap();
    let pair = Pair::start_in(world, |config| config.stun_servers.clear());
    code_of(&pair.a).await;
    assert!(has_local(&pair.a.snapshot(), CandidateType::ServerReflexive));
    pair.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_wrong_urls_are_named_and_the_call_goes_on() {
    let world = World::build_with_relays(Scenario::OneNat, &[RelayProtocol::Udp], 7).unwrap();
    let pair = Pair::start_in(world, |config: &mut CallConfig| {
        let good = config.turn_servers[0].clone();
        let mut wrong = good.clone();
        wrong.credentials = Some(Credentials::new("demo", "not-the-password"));
        let mut unnamed = good.clone();
        unnamed.url = "turn:alice:hunter2@nowhere.example".to_owned();
        let mut broken = good;
        broken.url = "turn:alice:hunter2@host:99999".to_owned();
        config.turn_servers = vec![wrong, unnamed, broken];
    });
    pair.exchange().await;
    hears_the_tone(&pair.a).await;
    let (a, _) = pair.finish().await;
    let log = log_of(&a.picture);
    for words in ["the user name or the password is wrong", "does not resolve", "is not a number from 1 to 65535"] {
        assert!(log.contains(words), "{words}:\n{log}");
    }
    let everything = format!("{:?}", a.picture);
    assert!(!everything.contains("hunter2") && !everything.contains("not-the-password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_mid_call_gives_a_new_address_and_the_call_goes_on() {
    // One side behind a firewall that passes TCP only, the other one public, and neither connects to the other.
    let world = World::build_with_relays(Scenario::OneNat, &[RelayProtocol::Tcp], 7).unwrap();
    assert!(world.block_udp(Side::A, true));
    let mut pair = Pair::start_in(world, |config| config.tcp = false);
    pair.exchange().await;
    hears_the_tone(&pair.a).await;
    hears_the_tone(&pair.b).await;
    let first = pair.a.snapshot().picture.selected_pair().expect("a selected pair").id.base;
    assert!(pair.world.restart_turn().await);
    let moved =
        |snapshot: &Snapshot| snapshot.picture.selected_pair().is_some_and(|selected| selected.id.base != first);
    until(&pair.a, "another relayed address is selected", moved).await;
    let heard = |snapshot: &Snapshot| snapshot.picture.audio.as_ref().map_or(0, |audio| audio.packets_received);
    let (before_a, before_b) = (heard(&pair.a.snapshot()), heard(&pair.b.snapshot()));
    until(&pair.a, "a hears b again", |snapshot| heard(snapshot) > before_a + 25).await;
    until(&pair.b, "b hears a again", |snapshot| heard(snapshot) > before_b + 25).await;
    let (a, _) = pair.finish().await;
    assert_eq!(selected_type(&a), CandidateType::Relayed);
    assert!(log_of(&a.picture).contains("is gone"), "{}", log_of(&a.picture));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_mid_call_is_replaced_by_another_one() {
    let relays = &[RelayProtocol::Udp, RelayProtocol::Tcp];
    let world = World::build_with_relays(Scenario::SymmetricBoth, relays, 7).unwrap();
    let mut pair = Pair::start_in(world, |_| {});
    pair.exchange().await;
    hears_the_tone(&pair.a).await;
    hears_the_tone(&pair.b).await;
    let first = pair.a.snapshot().picture.selected_pair().expect("a selected pair").id;
    assert!(pair.world.stop_turn(RelayProtocol::Udp).await);
    let moved = |snapshot: &Snapshot| snapshot.picture.selected_pair().is_some_and(|selected| selected.id != first);
    until(&pair.a, "another pair is selected", moved).await;
    let heard = |snapshot: &Snapshot| snapshot.picture.audio.as_ref().map_or(0, |audio| audio.packets_received);
    let (before_a, before_b) = (heard(&pair.a.snapshot()), heard(&pair.b.snapshot()));
    until(&pair.a, "a hears b again", |snapshot| heard(snapshot) > before_a + 25).await;
    until(&pair.b, "b hears a again", |snapshot| heard(snapshot) > before_b + 25).await;
    pair.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relayed_addresses_of_both_families_are_asked_for() {
    let world = World::build_with_relays(Scenario::DualStack, &[RelayProtocol::Udp, RelayProtocol::Tls], 7).unwrap();
    let pair = Pair::start_in(world, |_| {});
    let families = |snapshot: &Snapshot| -> Vec<bool> {
        let candidates = snapshot.picture.local_candidates.iter().map(|view| &view.candidate);
        let relayed = candidates.filter(|candidate| candidate.candidate_type == CandidateType::Relayed);
        relayed.map(|candidate| candidate.address.is_ipv6()).collect()
    };
    // A code need not wait for all of them.
    let snapshot = until(&pair.a, "four relayed addresses", |snapshot| families(snapshot).len() == 4).await;
    let ipv6 = families(&snapshot).into_iter().filter(|is_ipv6| *is_ipv6).count();
    assert_eq!(ipv6, 2, "{}", log_of(&snapshot.picture));
    pair.finish().await;
}
