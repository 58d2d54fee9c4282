//! Somebody sends from the peer's very address what is not authentic, or is no longer.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use floe_call::{Call, Snapshot};
use floe_simnet::{Overheard, Scenario, Side, World};
use floe_wire::{
    IceConnectionState, PacketKind, Protocol, classify,
    note::{AudioMeasure, RefusalReason},
    stun::{Class, StunMessage},
};
use tokio::time::{Instant, sleep};

use crate::{
    pair::{Pair, log_of, until},
    replay::{concealed, go_on, more_refused, standing},
    restarts::{prepare, words},
};

/// As often as audio comes.
const PACE: Duration = Duration::from_millis(20);
/// The attacker's own address.
const ELSEWHERE: &str = "203.0.113.66:6666";

/// The first byte of a DTLS record that is not encrypted yet.
const HANDSHAKE: u8 = 22;

/// What B receives in ten seconds of a call.
async fn overheard(pair: &Pair) -> Vec<Overheard> {
    pair.exchange().await;
    prepare(pair).await;
    assert!(pair.world.begin_overhearing(Side::B));
    sleep(Duration::from_secs(10)).await;
    pair.world.take_overheard(Side::B)
}

fn of_kind(packets: &[Overheard], kind: PacketKind) -> Vec<Overheard> {
    packets.iter().filter(|packet| classify(&packet.bytes) == kind).cloned().collect()
}

fn of_class(packets: &[Overheard], class: Class) -> Vec<Overheard> {
    let is_of = |packet: &&Overheard| StunMessage::decode(&packet.bytes).is_ok_and(|message| message.class == class);
    packets.iter().filter(is_of).cloned().collect()
}

/// The newest packet of the peer's audio, made into ones that the peer is to send in a while, without the key.
fn forged_audio(packets: &[Overheard], many: u16) -> Vec<Overheard> {
    let audio = of_kind(packets, PacketKind::Rtp);
    let newest = audio.last().expect("audio came");
    let ahead = |steps: u16| {
        let mut bytes = newest.bytes.to_vec();
        let sequence = u16::from_be_bytes([bytes[2], bytes[3]]).wrapping_add(steps);
        let time = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]).wrapping_add(u32::from(steps) * 960);
        bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&time.to_be_bytes());
        Overheard { bytes: Bytes::from(bytes), ..newest.clone() }
    };
    (1..=many).map(|step| ahead(2_000 + step * 50)).collect()
}

/// The newest report, made into later ones without the key: with AES-GCM the index comes last (RFC 7714 section 9.3).
fn forged_reports(packets: &[Overheard], many: u32) -> Vec<Overheard> {
    let reports = of_kind(packets, PacketKind::Rtcp);
    let newest = reports.last().expect("reports came");
    let ahead = |steps: u32| {
        let (body, index) = newest.bytes.split_last_chunk().expect("an index");
        let later = u32::from_be_bytes(*index) + steps * 100;
        Overheard { bytes: [body, &later.to_be_bytes()].concat().into(), ..newest.clone() }
    };
    (1..=many).map(ahead).collect()
}

fn measure(snapshot: &Snapshot) -> AudioMeasure {
    snapshot.picture.audio.clone().expect("audio flows")
}

/// The peer's line is cut, and somebody sends something of each kind in its place, as often as audio comes: how long
/// until B suspects the path, and until it says that it is disconnected.
async fn noticed(pair: &Pair, said: &[Vec<Overheard>]) -> [Duration; 2] {
    assert!(pair.world.set_loss(Side::A, 1.0));
    let cut = Instant::now();
    let talking = async {
        for turn in 0.. {
            for packets in said {
                assert!(pair.world.forge(packets[turn % packets.len()].clone()));
            }
            sleep(PACE).await;
        }
    };
    let noticing = async {
        until(&pair.b, "the path is suspected", |snapshot| snapshot.picture.is_path_suspected).await;
        let suspected = cut.elapsed();
        until(&pair.b, "it is disconnected", |snapshot| {
            snapshot.picture.ice_connection_state() == IceConnectionState::Disconnected
        })
        .await;
        [suspected, cut.elapsed()]
    };
    tokio::select! {
        times = noticing => times,
        () = talking => unreachable!("it talks without end"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_path_that_somebody_talks_over_is_noticed_as_soon_as_a_silent_one() {
    for what in ["media", "checks and answers"] {
        // One path only: another one in reserve would be tried first, and be silent as well.
        let world = World::build(Scenario::OneNat, 7).expect("the world can be built");
        let pair = Pair::changed(world, |config| config.tcp = false);
        let packets = overheard(&pair).await;
        let said = if what == "media" {
            let reports = of_kind(&packets, PacketKind::Rtcp);
            vec![of_kind(&packets, PacketKind::Rtp), forged_audio(&packets, 500), reports]
        } else {
            vec![of_class(&packets, Class::Request), of_class(&packets, Class::Success)]
        };
        assert!(said.iter().all(|said| !said.is_empty()), "{what}");
        let before = pair.b.snapshot();
        let [suspected, disconnected] = noticed(&pair, &said).await;
        let after = pair.b.snapshot();
        let log = log_of(&after.picture);
        assert!(suspected <= Duration::from_millis(600), "suspected after {suspected:?} with {what}\n{log}");
        assert!(disconnected <= Duration::from_millis(2500), "disconnected after {disconnected:?} with {what}\n{log}");
        let heard = measure(&after).packets_received - measure(&before).packets_received;
        assert!(heard <= 20, "{heard} packets were heard with {what}");
        assert!(concealed(&after) > concealed(&before), "the silence is made up for with {what}");
        assert!(pair.world.set_loss(Side::A, 0.0));
        go_on(&pair).await;
        pair.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn media_that_is_not_authentic_is_neither_heard_nor_counted() {
    let pair = Pair::start(Scenario::Roam);
    let packets = overheard(&pair).await;
    let forged = [forged_audio(&packets, 200), forged_reports(&packets, 20)].concat();
    let elsewhere = ELSEWHERE.parse().expect("an address");
    for from in [None, Some(elsewhere)] {
        let [before_a, before] = [&pair.a, &pair.b].map(|call| call.snapshot());
        let begun = Instant::now();
        for packet in &forged {
            let source = from.unwrap_or(packet.source);
            assert!(pair.world.forge(Overheard { source, ..packet.clone() }));
            sleep(PACE).await;
        }
        let frames = begun.elapsed().as_millis() as u64 / 20;
        sleep(Duration::from_secs(2)).await;
        let [after_a, after] = [&pair.a, &pair.b].map(|call| call.snapshot());
        assert_eq!(standing(&after), standing(&before), "{}", log_of(&after.picture));
        assert_eq!(standing(&after_a), standing(&before_a), "{}", log_of(&after_a.picture));
        assert_eq!(more_refused([&before, &after], RefusalReason::BadMedia), forged.len() as u64);
        let [was, is] = [&before, &after].map(|snapshot| measure(snapshot));
        let heard = is.packets_received - was.packets_received;
        assert!((frames..frames + 120).contains(&heard), "{heard} packets in {frames} frames and two seconds");
        let told = |measure: &AudioMeasure| {
            let AudioMeasure { packets_lost, packets_late, concealed_samples, frames_dropped, .. } = *measure;
            (packets_lost, packets_late, concealed_samples, frames_dropped)
        };
        assert_eq!(told(&is), told(&was), "lost, late, made up, dropped");
        assert!(is.tone_hz.is_some_and(|hz| (hz - 440.0).abs() < 2.0), "{:?}", is.tone_hz);
        assert_eq!(after_a.picture.peer.media.map(|media| media.packets_lost), Some(was.packets_lost));
        assert_eq!(measure(&after_a).remote_fraction_lost, measure(&before_a).remote_fraction_lost);
    }
    go_on(&pair).await;
    pair.finish().await;
}

/// The addresses that a side may be reached at.
fn addresses(call: &Call) -> Vec<SocketAddr> {
    let snapshot = call.snapshot();
    let candidates = snapshot.picture.local_candidates.iter().map(|view| &view.candidate);
    candidates.filter(|candidate| candidate.protocol == Protocol::Udp).map(|candidate| candidate.address).collect()
}

/// Whoever gets a hello first answers that one alone, so that it must not be anybody's.
#[tokio::test(start_paused = true)]
async fn the_handshake_of_another_call_sent_again_from_elsewhere_does_not_keep_this_one_from_its_own() {
    let older = Pair::start(Scenario::Lan);
    for side in [Side::A, Side::B] {
        assert!(older.world.begin_overhearing(side));
    }
    older.exchange().await;
    prepare(&older).await;
    let mut hellos =
        [Side::A, Side::B].map(|side| of_kind(&older.world.take_overheard(side), PacketKind::Dtls)).concat();
    // What comes after is encrypted.
    hellos.retain(|packet| packet.bytes[0] == HANDSHAKE);
    assert!(hellos.len() >= 2, "one of the client and one of the server");
    older.finish().await;

    let pair = Pair::start(Scenario::Lan);
    // A long way leaves much time before the peer's own hello.
    assert!(pair.world.set_delay(Side::A, Duration::from_millis(50)));
    let source: SocketAddr = ELSEWHERE.parse().expect("an address");
    let talking = async {
        loop {
            for destination in [&pair.a, &pair.b].map(addresses).concat() {
                for packet in &hellos {
                    assert!(pair.world.forge(Overheard { source, destination, bytes: packet.bytes.clone() }));
                }
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let calling = async {
        pair.exchange().await;
        prepare(&pair).await;
    };
    tokio::select! {
        () = calling => {}
        () = talking => unreachable!("it talks without end"),
    }
    assert_eq!(words(&pair.a.snapshot()), words(&pair.b.snapshot()));
    pair.finish().await;
}
