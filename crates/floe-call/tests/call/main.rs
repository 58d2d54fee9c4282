//! Whole calls over simulated networks: two sessions, real timers, real encryption, real audio.

#[path = "../common/mod.rs"]
mod common;
mod relays;

use std::{net::SocketAddr, sync::Arc};

use floe_call::{CallConfig, Command, PasteOutcome, Snapshot};
use floe_inspect::{
    Picture, Report,
    picture::{PairState, SecurityView},
};
use floe_signal::Code;
use floe_simnet::{Scenario, World};
use floe_wire::{BaseId, CandidateType, IceConnectionState, note::EndReason};

use crate::common::{
    code_of, hears_the_tone, log_of,
    pair::{Pair, config_for},
    until,
};

impl Pair {
    fn start(scenario: Scenario) -> Self {
        Self::start_in(World::build(scenario, 7).expect("the world can be built"), |_| {})
    }

    /// Starts both calls in a world of its own, with another configuration than fits the world.
    fn start_in(world: World, change: impl Fn(&mut CallConfig)) -> Self {
        let mut config = config_for(&world);
        change(&mut config);
        Self::begin(world, config)
    }

    /// Starts both calls and pastes each code into the other.
    async fn exchanged(scenario: Scenario) -> Self {
        let pair = Self::start(scenario);
        pair.exchange().await;
        pair
    }
}

/// Both ends use one pair: what one sends to is an address (host, mapped or seen by checks) of the other's base.
fn assert_same_pair(a: &Picture, b: &Picture) {
    let (ours, theirs) = (a.selected_pair().expect("a selected"), b.selected_pair().expect("b selected"));
    assert!(has_address(b, theirs.id.base, ours.id.remote), "a: {:?}, b: {:?}\n{}", ours.id, theirs.id, log_of(b));
    assert!(has_address(a, ours.id.base, theirs.id.remote), "a: {:?}, b: {:?}\n{}", ours.id, theirs.id, log_of(a));
    for (picture, pair) in [(a, ours), (b, theirs)] {
        assert!(pair.nominated && pair.selected && pair.state == PairState::Succeeded, "{}", log_of(picture));
        assert!(pair.media_sent.packets > 0 && pair.media_received.packets > 0, "{}", log_of(picture));
    }
}

fn has_address(picture: &Picture, base: BaseId, address: SocketAddr) -> bool {
    picture.local_candidates.iter().any(|view| view.base == Some(base) && view.candidate.address == address)
}

async fn connects(scenario: Scenario) -> (Arc<Snapshot>, Arc<Snapshot>) {
    let pair = Pair::exchanged(scenario).await;
    hears_the_tone(&pair.a).await;
    hears_the_tone(&pair.b).await;
    let (a, b) = pair.finish().await;
    assert_same_pair(&a.picture, &b.picture);
    for snapshot in [&a, &b] {
        let picture = &snapshot.picture;
        assert!(snapshot.finished && picture.ended.is_some());
        let timings = picture.timings;
        let order = [timings.both_codes, timings.first_check, timings.first_valid, timings.selected, timings.secured];
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{timings:?}\n{}", log_of(picture));
    }
    let (SecurityView::Secured(one), SecurityView::Secured(two)) = (&a.picture.security, &b.picture.security) else {
        panic!("not secured");
    };
    assert_eq!(one.sas, two.sas);
    assert_eq!(one.local_fingerprint, two.remote_fingerprint);
    (a, b)
}

fn has_local(snapshot: &Snapshot, candidate_type: CandidateType) -> bool {
    snapshot.picture.local_candidates.iter().any(|view| view.candidate.candidate_type == candidate_type)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_peers_on_one_lan_connect() {
    connects(Scenario::Lan).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_peer_behind_a_nat_connects() {
    connects(Scenario::OneNat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_peers_behind_two_nats_connect_with_reflexive_candidates() {
    let (a, b) = connects(Scenario::TwoNat).await;
    for snapshot in [a, b] {
        assert!(has_local(&snapshot, CandidateType::Host) && has_local(&snapshot, CandidateType::ServerReflexive));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_symmetric_nat_is_crossed() {
    connects(Scenario::Symmetric).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dual_stack_peers_prefer_ipv6() {
    let (a, _) = connects(Scenario::DualStack).await;
    assert!(a.picture.selected_pair().unwrap().id.remote.is_ipv6());
}

#[tokio::test(flavor = "multi_thread")]
async fn real_loopback_sockets_connect() {
    connects(Scenario::Loopback).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_symmetric_nats_without_a_relay_end_as_failed_with_a_reason() {
    let pair = Pair::start_in(World::build(Scenario::SymmetricBoth, 7).unwrap(), |config| config.turn_servers.clear());
    pair.exchange().await;
    until(&pair.a, "checking has failed", |snapshot| {
        snapshot.picture.ice_connection_state() == IceConnectionState::Failed
    })
    .await;
    let (a, _) = pair.finish().await;
    let report = Report::of(&a.picture);
    assert_eq!(a.picture.ended, Some(EndReason::NotConnected));
    let report = serde_json::to_value(report).unwrap();
    assert_eq!(report["outcome"], "failed");
    assert!(report["failureCode"].as_str().is_some_and(|code| code.starts_with("ICE-")), "{}", report["failureCode"]);
    assert!(!report["diagnosis"].as_array().unwrap().is_empty());
    assert!(!report["candidatePairs"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_code_is_named_as_such() {
    let pair = Pair::start(Scenario::Lan);
    let code = code_of(&pair.a).await;
    pair.a.send(Command::PasteCode(code));
    let snapshot = until(&pair.a, "the paste is judged", |snapshot| snapshot.paste.is_some()).await;
    let Some(PasteOutcome::Refused(reason)) = &snapshot.paste else { panic!("{:?}", snapshot.paste) };
    assert!(reason.contains("your own code"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_who_pastes_later_still_connects() {
    let pair = Pair::start(Scenario::TwoNat);
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    pair.a.send(Command::PasteCode(code_b));
    until(&pair.a, "several checks went unanswered", |snapshot| {
        snapshot.picture.pairs.iter().map(|view| view.requests_sent).sum::<u64>() >= 12
    })
    .await;
    pair.b.send(Command::PasteCode(code_a));
    hears_the_tone(&pair.a).await;
    hears_the_tone(&pair.b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_tells_the_peer() {
    let pair = Pair::exchanged(Scenario::Lan).await;
    hears_the_tone(&pair.a).await;
    hears_the_tone(&pair.b).await;
    pair.a.send(Command::HangUp);
    let snapshot = until(&pair.b, "the peer's goodbye arrived", |snapshot| snapshot.finished).await;
    assert_eq!(snapshot.picture.ended, Some(EndReason::PeerHungUp));
}

#[tokio::test(flavor = "multi_thread")]
async fn muting_sends_silence_and_keeps_the_stream() {
    let pair = Pair::exchanged(Scenario::Lan).await;
    hears_the_tone(&pair.b).await;
    pair.a.send(Command::SetMuted(true));
    until(&pair.b, "silence is heard", |snapshot| {
        snapshot.picture.audio.as_ref().and_then(|audio| audio.received_level_dbfs).is_some_and(|level| level < -60.0)
    })
    .await;
    assert!(pair.a.snapshot().picture.muted);
    assert_eq!(pair.b.snapshot().picture.ice_connection_state(), IceConnectionState::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_the_codes_ends_the_call_with_a_clear_message() {
    let pair = Pair::start(Scenario::Lan);
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    let (mut forged, _) = Code::decode(&code_b).expect("a code just made");
    forged.fingerprint[0] ^= 1;
    pair.a.send(Command::PasteCode(forged.encode()));
    pair.b.send(Command::PasteCode(code_a));
    let snapshot = until(&pair.a, "the call has ended", |snapshot| snapshot.finished).await;
    let Some(EndReason::Insecure { error }) = &snapshot.picture.ended else { panic!("{:?}", snapshot.picture.ended) };
    assert!(error.contains("not the owner of the code"), "{error}");
    assert!(snapshot.picture.audio.as_ref().is_none_or(|audio| audio.packets_sent == 0));
}
