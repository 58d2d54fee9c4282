//! Whole calls where no UDP gets through: media, keys and the record go over a direct TCP connection.

#[path = "../common/mod.rs"]
mod common;

use std::sync::Arc;

use floe_call::{AudioSource, Call, CallConfig, Snapshot};
use floe_inspect::{
    Picture, Report,
    picture::{CandidateView, SecurityView},
};
use floe_simnet::{NatConfig, PortAssignment, Scenario, Side, World};
use floe_wire::{BaseKind, CandidateType, PacketKind, Protocol, TcpType};

use crate::common::{exchange, hears_the_tone, log_of, until};

fn audio_packets(picture: &Picture) -> u64 {
    let received = picture.counters.received_by_kind.iter();
    received.filter(|(kind, _)| *kind == PacketKind::Rtp).map(|(_, count)| count).sum()
}

/// One behind a router that lets no UDP through, one public: both calls, once each has the other's code.
async fn exchanged(world: &World, config: CallConfig) -> [Call; 2] {
    assert!(world.block_udp(Side::A, true));
    let config =
        CallConfig { stun_servers: world.stun_servers.clone(), source: AudioSource::Tone { hz: 440 }, ..config };
    let calls = [&world.a, &world.b].map(|network| Call::start(config.clone(), Arc::clone(network)));
    exchange(&calls[0], &calls[1]).await;
    calls
}

/// Our candidate and the peer's of the pair in use.
fn in_use(picture: &Picture) -> (&CandidateView, &CandidateView) {
    let pair = picture.selected_pair().expect("a pair is in use");
    let candidate = |id: &Option<String>| picture.candidate(id.as_deref().expect("it is known")).expect("it is listed");
    (candidate(&pair.local_candidate), candidate(&pair.remote_candidate))
}

fn base_kind(picture: &Picture) -> &BaseKind {
    let pair = picture.selected_pair().expect("a pair is in use");
    &picture.base(pair.id.base).expect("its base is listed").base_kind
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_peer_dials_a_public_one_and_both_hear_each_other() {
    let world = World::build(Scenario::OneNat, 7).expect("the world can be built");
    let [a, b] = exchanged(&world, CallConfig::default()).await;
    hears_the_tone(&a).await;
    hears_the_tone(&b).await;
    let (a, b) = tokio::join!(a.finish(), b.finish());
    assert_eq!(base_kind(&a.picture), &BaseKind::Tcp { tcp_type: TcpType::Active }, "{}", log_of(&a.picture));
    assert_eq!(base_kind(&b.picture), &BaseKind::Tcp { tcp_type: TcpType::Passive }, "{}", log_of(&b.picture));
    let (ours, theirs) = in_use(&a.picture);
    assert_eq!((ours.candidate.candidate_type, ours.candidate.protocol), (CandidateType::Host, Protocol::Tcp));
    assert_eq!(
        (theirs.candidate.candidate_type, theirs.candidate.tcp_type),
        (CandidateType::Host, Some(TcpType::Passive))
    );
    let (ours, theirs) = in_use(&b.picture);
    assert_eq!((ours.candidate.candidate_type, ours.candidate.tcp_type), (CandidateType::Host, Some(TcpType::Passive)));
    assert_eq!(
        (theirs.candidate.candidate_type, theirs.candidate.protocol),
        (CandidateType::PeerReflexive, Protocol::Tcp)
    );
    assert_eq!(theirs.candidate.address.ip().to_string(), "203.0.113.10");
    for snapshot in [&a, &b] {
        assert!(matches!(snapshot.picture.security, SecurityView::Secured(_)));
        let received = &snapshot.picture.counters.received_by_kind;
        for kind in [PacketKind::Stun, PacketKind::Dtls, PacketKind::Rtp] {
            assert!(received.iter().any(|(known, count)| *known == kind && *count > 0), "{kind:?}: {received:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_tells_the_role_of_every_tcp_candidate() {
    let world = World::build(Scenario::OneNat, 7).expect("the world can be built");
    let calls = exchanged(&world, CallConfig::default()).await;
    for call in &calls {
        hears_the_tone(call).await;
        let report = serde_json::to_value(Report::of(&call.snapshot().picture)).expect("a report is JSON");
        let roles = |side: &str| -> Vec<String> {
            let candidates = report[side].as_array().expect("candidates are listed").iter();
            let tcp = candidates.filter(|one| one["protocol"] == "tcp" && one["candidateType"] == "host");
            tcp.map(|one| one["tcpType"].as_str().unwrap_or("none").to_owned()).collect()
        };
        for side in ["localCandidates", "remoteCandidates"] {
            let mut roles = roles(side);
            roles.sort();
            assert_eq!(roles, ["active", "passive", "so"], "{side}: {report}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_port_is_listened_on_and_in_the_code() {
    let world = World::build(Scenario::OneNat, 7).expect("the world can be built");
    let config = CallConfig { tcp_ports: vec![443, 443], ..CallConfig::default() };
    let calls = exchanged(&world, config).await;
    hears_the_tone(&calls[0]).await;
    let picture = &calls[0].snapshot().picture;
    assert!(picture.remote_candidates.iter().any(|view| view.candidate.address.to_string() == "198.51.100.30:443"));
    // The second time the port is taken; that is told, and nothing else is lost by it.
    assert!(picture.base_failures.iter().any(|(_, error)| error.contains("443")), "{:?}", picture.base_failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_is_taken_where_it_works_although_tcp_does_too() {
    let world = World::build(Scenario::Lan, 7).expect("the world can be built");
    let config = CallConfig { source: AudioSource::Tone { hz: 440 }, ..CallConfig::default() };
    let calls = [&world.a, &world.b].map(|network| Call::start(config.clone(), Arc::clone(network)));
    exchange(&calls[0], &calls[1]).await;
    for call in &calls {
        hears_the_tone(call).await;
        assert_eq!(base_kind(&call.snapshot().picture), &BaseKind::Udp);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_reset_in_the_middle_of_a_call_is_made_anew_and_the_call_goes_on() {
    let world = World::build(Scenario::OneNat, 7).expect("the world can be built");
    let [a, b] = exchanged(&world, CallConfig::default()).await;
    hears_the_tone(&a).await;
    hears_the_tone(&b).await;
    // The router begins anew and maps connections elsewhere, so that the peer takes their segments for strangers'.
    assert!(world.set_nat(Side::A, NatConfig { ports: PortAssignment::Random, ..NatConfig::HOME }));
    until(&a, "the connection is reset", |snapshot| {
        snapshot.picture.events.iter().any(|event| event.text.contains("connection") && event.text.contains("reset"))
    })
    .await;
    for call in [&a, &b] {
        let before = audio_packets(&call.snapshot().picture);
        until(call, "audio goes on", |snapshot| audio_packets(&snapshot.picture) > before + 50).await;
    }
    let is_tcp = |snapshot: &Snapshot| {
        let base = snapshot.picture.selected_pair().and_then(|pair| snapshot.picture.base(pair.id.base));
        base.is_some_and(|base| matches!(base.base_kind, BaseKind::Tcp { .. }))
    };
    until(&a, "a connection is in use", is_tcp).await;
}
