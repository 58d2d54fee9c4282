//! Real calls in networks that are broken on purpose: what each end says about it, and that a healthy call says nothing.

mod meddler;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use floe_call::{AudioSource, Call, CallConfig, Command, Snapshot};
use floe_inspect::{Picture, diagnose, failure_code};
use floe_signal::Code;
use floe_simnet::{Scenario, Side, World};
use floe_transport::{Network, relay::Credentials};
use floe_wire::{IceConnectionState, PacketKind, RelayProtocol, classify};
use tokio::time::timeout;

use crate::meddler::{Fate, hide, meddle};

/// A rule that needs longer than this for its evidence has missed it; checks that fail do so after 39.5 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two calls over one world.
struct Pair {
    a: Call,
    b: Call,
    world: World,
}

impl Pair {
    fn start(scenario: Scenario) -> Self {
        let world = World::build(scenario, 7).expect("the world can be built");
        let (a, b) = (Arc::clone(&world.a), Arc::clone(&world.b));
        Self::over(world, a, b, &[])
    }

    /// Calls with the relays of their world.
    fn relayed(world: World, password: Option<&str>) -> Self {
        let mut turn_servers = world.turn_servers.clone();
        if let Some(password) = password {
            turn_servers.truncate(1);
            turn_servers[0].credentials = Some(Credentials::new("demo", password));
        }
        let config = CallConfig {
            stun_servers: world.stun_servers.clone(),
            turn_servers,
            turn_trust: world.turn_trust.clone(),
            source: AudioSource::Tone { hz: 440 },
            ..CallConfig::default()
        };
        let (a, b) = (Arc::clone(&world.a), Arc::clone(&world.b));
        Self { a: Call::start(config.clone(), a), b: Call::start(config, b), world }
    }

    /// Calls over networks of the test's choice, with further servers.
    fn over(world: World, a: Arc<dyn Network>, b: Arc<dyn Network>, servers: &[&str]) -> Self {
        let config = CallConfig {
            stun_servers: world.stun_servers.iter().cloned().chain(servers.iter().map(ToString::to_string)).collect(),
            include_loopback: world.include_loopback,
            source: AudioSource::Tone { hz: 440 },
            // It would carry calls past most of what is staged here.
            tcp: false,
            ..CallConfig::default()
        };
        Self { a: Call::start(config.clone(), a), b: Call::start(config, b), world }
    }

    /// What `a` sends meets a fate.
    fn meddled(scenario: Scenario, judge: impl Fn(&[u8], SocketAddr) -> Fate + Send + Sync + 'static) -> Self {
        let world = World::build(scenario, 7).expect("the world can be built");
        let (a, b) = (meddle(Arc::clone(&world.a), judge), Arc::clone(&world.b));
        Self::over(world, a, b, &[])
    }

    /// Pastes each code into the other.
    async fn exchange(self) -> Self {
        let (code_a, code_b) = (code_of(&self.a).await, code_of(&self.b).await);
        self.a.send(Command::PasteCode(code_b));
        self.b.send(Command::PasteCode(code_a));
        self
    }

    async fn connected(self) -> Self {
        for call in [&self.a, &self.b] {
            until(call, "a tone is heard", |snapshot| {
                snapshot.picture.audio.as_ref().is_some_and(|audio| audio.tone_hz.is_some())
            })
            .await;
        }
        self
    }
}

async fn until(call: &Call, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let mut snapshots = call.watch();
    let outcome = timeout(PATIENCE, snapshots.wait_for(|snapshot| wanted(snapshot))).await;
    match outcome {
        Ok(Ok(snapshot)) => Arc::clone(&snapshot),
        _ => panic!("waited in vain until {what}: {}", story(&call.snapshot().picture)),
    }
}

async fn code_of(call: &Call) -> String {
    until(call, "the code is ready", |snapshot| snapshot.code.is_some()).await.code.clone().expect("just checked")
}

fn story(picture: &Picture) -> String {
    let events: String =
        picture.events.iter().map(|event| format!("{} {} {}\n", event.at, event.topic, event.text)).collect();
    format!("{:?}\n{:?}\n{events}", diagnose(picture), picture.lint)
}

fn ids(picture: &Picture) -> Vec<&'static str> {
    diagnose(picture).iter().map(|finding| finding.id).collect()
}

/// Waits until a rule is the first or stands beside others.
async fn says(call: &Call, id: &str) -> Arc<Snapshot> {
    until(call, &format!("{id} is said"), |snapshot| ids(&snapshot.picture).contains(&id)).await
}

/// Waits until a rule is the first to match.
async fn says_first(call: &Call, id: &str) {
    until(call, &format!("{id} is said first"), |snapshot| ids(&snapshot.picture).first() == Some(&id)).await;
}

async fn healthy(scenario: Scenario) {
    silent(scenario, Pair::start(scenario), &[]).await;
}

/// Holds a connected call to a few findings, and to no sin against the RFCs.
async fn silent(scenario: Scenario, pair: Pair, expected: &[&str]) {
    let pair = pair.exchange().await.connected().await;
    // Long enough for a second round of consent.
    until(&pair.a, "ten seconds have passed", |snapshot| snapshot.picture.at.0 >= Duration::from_secs(12)).await;
    let Pair { a, b, world } = pair;
    let (a, b) = tokio::join!(a.finish(), b.finish());
    drop(world);
    for (side, picture) in [("a", &a.picture), ("b", &b.picture)] {
        assert_eq!(ids(picture), expected, "{scenario}, {side}: {}", story(picture));
        assert!(picture.lint.is_empty(), "{scenario}, {side}: {}", story(picture));
        assert_eq!(failure_code(picture), None);
        assert!(picture.ladder.rows(None).len() > 4 && picture.markers.len() > 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_on_a_lan_has_no_finding() {
    healthy(Scenario::Lan).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_through_one_router_has_no_finding() {
    healthy(Scenario::OneNat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_through_two_routers_has_no_finding() {
    healthy(Scenario::TwoNat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_through_a_symmetric_router_has_no_finding() {
    healthy(Scenario::Symmetric).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_over_two_families_has_no_finding() {
    healthy(Scenario::DualStack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_within_one_computer_has_no_finding() {
    healthy(Scenario::Loopback).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_call_through_a_relay_has_no_finding() {
    let world = World::build(Scenario::SymmetricBoth, 7).expect("the world can be built");
    silent(Scenario::SymmetricBoth, Pair::relayed(world, None), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c07_udp_that_is_blocked_while_a_relay_over_tcp_carries_the_call() {
    let world = World::build(Scenario::UdpBlocked, 7).expect("the world can be built");
    silent(Scenario::UdpBlocked, Pair::relayed(world, None), &["C07"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_wrong_password_is_named_while_the_call_connects_without_the_relay() {
    let world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Udp], 7).expect("the world can be built");
    silent(Scenario::TwoNat, Pair::relayed(world, Some("not-the-password")), &["C20"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c25_an_interface_that_goes_down_is_a_network_change() {
    let pair = Pair::start(Scenario::TwoNat).exchange().await.connected().await;
    let interface = |call: &Call| {
        let picture = &call.snapshot().picture;
        let base = picture.selected_pair().expect("a pair is in use").id.base;
        picture.base(base).expect("it has a base").interface.clone()
    };
    assert!(pair.world.set_interface_up(Side::A, &interface(&pair.a), false));
    says(&pair.a, "C25").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_a_person_asks_for_has_no_finding() {
    let pair = Pair::start(Scenario::TwoNat).exchange().await.connected().await;
    let can_restart =
        |snapshot: &Snapshot| snapshot.picture.events.iter().any(|event| event.text.starts_with("Both sides can tell"));
    for call in [&pair.a, &pair.b] {
        until(call, "both sides can agree on a restart", can_restart).await;
    }
    pair.a.send(Command::RestartIce);
    let is_moved = |snapshot: &Snapshot| {
        snapshot.picture.selections.last().is_some_and(|selection| selection.pair.generation.0 == 1)
    };
    for call in [&pair.a, &pair.b] {
        until(call, "the new generation carries the call", is_moved).await;
    }
    let Pair { a, b, world } = pair;
    let (a, b) = tokio::join!(a.finish(), b.finish());
    drop(world);
    for picture in [&a.picture, &b.picture] {
        assert_eq!(ids(picture), [] as [&str; 0], "{}", story(picture));
        assert!(picture.lint.is_empty(), "{}", story(picture));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c01_the_own_code_is_said_until_the_right_one_comes() {
    let pair = Pair::start(Scenario::Lan);
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    pair.a.send(Command::PasteCode(code_a.clone()));
    pair.b.send(Command::PasteCode(code_b.clone()));
    says_first(&pair.a, "C01").await;
    says_first(&pair.b, "C01").await;
    pair.a.send(Command::PasteCode(code_b));
    pair.b.send(Command::PasteCode(code_a));
    let pair = pair.connected().await;
    assert_eq!(ids(&pair.a.snapshot().picture), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c02_an_older_code_at_one_end_is_named_at_both() {
    let pair = Pair::start(Scenario::Lan);
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    let (mut older, _) = Code::decode(&code_a).expect("a code just made");
    older.ufrag = "older".to_owned();
    pair.b.send(Command::PasteCode(older.encode()));
    pair.a.send(Command::PasteCode(code_b));
    says_first(&pair.a, "C02").await;
    says_first(&pair.b, "C02").await;
    let advice = |call: &Call| diagnose(&call.snapshot().picture)[0].advice.clone();
    assert!(advice(&pair.a).contains("Send the code shown here"), "{}", advice(&pair.a));
    assert!(advice(&pair.b).contains("Ask the other side"), "{}", advice(&pair.b));
}

#[tokio::test(flavor = "multi_thread")]
async fn c04_no_interface_at_either_end() {
    let world = World::build(Scenario::Lan, 7).expect("the world can be built");
    let [a, b] = [&world.a, &world.b].map(|network| hide(Arc::clone(network), |_| false));
    let pair = Pair::over(world, a, b, &[]);
    says_first(&pair.a, "C04").await;
    says_first(&pair.b, "C04").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c18_one_end_has_ipv4_only_and_the_other_ipv6_only() {
    let world = World::build(Scenario::DualStack, 7).expect("the world can be built");
    let a = hide(Arc::clone(&world.a), |address| address.is_ipv4());
    let b = hide(Arc::clone(&world.b), |address| address.is_ipv6());
    let pair = Pair::over(world, a, b, &[]).exchange().await;
    says_first(&pair.a, "C18").await;
    says_first(&pair.b, "C18").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c06_a_firewall_that_refuses_everything_and_what_the_other_end_sees_of_it() {
    let pair = Pair::meddled(Scenario::Lan, |_, _| Fate::Deny).exchange().await;
    says_first(&pair.a, "C06").await;
    says_first(&pair.b, "C13").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c07_udp_blocked_at_both_ends() {
    let world = World::build(Scenario::TwoNat, 7).expect("the world can be built");
    assert!(world.block_udp(Side::A, true) && world.block_udp(Side::B, true));
    let (a, b) = (Arc::clone(&world.a), Arc::clone(&world.b));
    let pair = Pair::over(world, a, b, &[]).exchange().await;
    says_first(&pair.a, "C07").await;
    says_first(&pair.b, "C07").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c09_one_dead_server_is_named_and_the_call_connects() {
    let world = World::build(Scenario::TwoNat, 7).expect("the world can be built");
    let (a, b) = (Arc::clone(&world.a), Arc::clone(&world.b));
    let pair = Pair::over(world, a, b, &["stun:203.0.113.250:3478"]).exchange().await.connected().await;
    for call in [&pair.a, &pair.b] {
        let snapshot = says(call, "C09").await;
        assert_eq!(ids(&snapshot.picture), ["C09"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_and_c11_two_symmetric_routers() {
    let pair = Pair::start(Scenario::SymmetricBoth).exchange().await;
    for call in [&pair.a, &pair.b] {
        says_first(call, "C11").await;
        says(call, "C10").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c12_and_c13_checks_that_pass_one_way() {
    let is_stun = |datagram: &[u8]| classify(datagram) == PacketKind::Stun;
    // To the servers, everything passes.
    let pair = Pair::meddled(Scenario::Lan, move |datagram, _| if is_stun(datagram) { Fate::Lose } else { Fate::Pass });
    let pair = pair.exchange().await;
    says_first(&pair.a, "C12").await;
    says_first(&pair.b, "C13").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c13_nobody_is_checking_at_the_other_end() {
    let pair = Pair::start(Scenario::TwoNat);
    let (_, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    pair.a.send(Command::PasteCode(code_b));
    says_first(&pair.a, "C13").await;
    assert_eq!(ids(&pair.b.snapshot().picture), [] as [&str; 0], "nobody has asked b for anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn c23_large_packets_do_not_pass() {
    let judge = |datagram: &[u8], _| {
        let is_large = classify(datagram) == PacketKind::Dtls && datagram.len() > 400;
        if is_large { Fate::Lose } else { Fate::Pass }
    };
    let world = World::build(Scenario::Lan, 7).expect("the world can be built");
    let networks = [&world.a, &world.b].map(|network| meddle(Arc::clone(network), judge));
    let [a, b] = networks;
    let pair = Pair::over(world, a, b, &[]).exchange().await;
    // What stalls is whatever first needs a large packet; the ends see it from two sides.
    let stalled = |snapshot: &Snapshot| ids(&snapshot.picture).iter().any(|id| matches!(*id, "C23" | "C28"));
    until(&pair.a, "a stalled handshake is explained", stalled).await;
    until(&pair.b, "a stalled handshake is explained", stalled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c28_only_stun_passes() {
    let judge = |datagram: &[u8], _| if classify(datagram) == PacketKind::Stun { Fate::Pass } else { Fate::Lose };
    let world = World::build(Scenario::Lan, 7).expect("the world can be built");
    let (a, b) = (meddle(Arc::clone(&world.a), judge), meddle(Arc::clone(&world.b), judge));
    let pair = Pair::over(world, a, b, &[]).exchange().await;
    // Only the DTLS client has something to say before the other speaks.
    let explained = |snapshot: &Snapshot| ids(&snapshot.picture).contains(&"C28");
    until(&pair.a, "C28 is said", explained).await;
    until(&pair.b, "C28 is said", explained).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c24_media_that_goes_one_way() {
    let judge = |datagram: &[u8], _| if classify(datagram) == PacketKind::Rtp { Fate::Lose } else { Fate::Pass };
    let pair = Pair::meddled(Scenario::Lan, judge).exchange().await;
    says_first(&pair.b, "C24").await;
    says_first(&pair.a, "C24").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c31_a_path_that_dies_in_the_middle_of_a_call() {
    let is_dead = Arc::new(AtomicBool::new(false));
    let judge = |is_dead: &Arc<AtomicBool>| {
        let is_dead = Arc::clone(is_dead);
        move |_: &[u8], _| if is_dead.load(Ordering::Relaxed) { Fate::Lose } else { Fate::Pass }
    };
    let world = World::build(Scenario::TwoNat, 7).expect("the world can be built");
    let (a, b) = (meddle(Arc::clone(&world.a), judge(&is_dead)), meddle(Arc::clone(&world.b), judge(&is_dead)));
    let pair = Pair::over(world, a, b, &[]).exchange().await.connected().await;
    is_dead.store(true, Ordering::Relaxed);
    says_first(&pair.a, "C31").await;
    says_first(&pair.b, "C31").await;
    for call in [&pair.a, &pair.b] {
        let snapshot = until(call, "ICE has failed", |snapshot| {
            snapshot.picture.ice_connection_state() == IceConnectionState::Failed
        })
        .await;
        let code = failure_code(&snapshot.picture).expect("it failed");
        assert!(floe_inspect::explain_code(&code).unwrap().iter().any(|bit| bit.id == "C31"), "{code}");
        assert!(snapshot.picture.lint.is_empty(), "{}", story(&snapshot.picture));
    }
}
