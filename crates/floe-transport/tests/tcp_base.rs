//! ICE-TCP bases over simulated networks, with peers that behave and peers that do not.
#![expect(clippy::unwrap_used, reason = "the helpers of a test file are test code, which clippy does not see")]

use std::{
    future::{Future, poll_fn},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use floe_simnet::{Scenario, Side, World};
use floe_transport::{Clock, Inbound, Network, Tap, TapReceiver, TcpBase, TcpStream};
use floe_wire::{
    BaseId, Direction, Note, PacketKind, Record, RecordBody, TcpType, framing,
    note::{DropKind, FramingFault},
    stun::{TransactionId, binding_request},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
};

/// On the paused clock a deadline costs nothing.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(300), event).await.expect("the event comes before the deadline")
}

/// A base and what comes out of it.
struct Fixture {
    base: TcpBase,
    inbound: mpsc::Receiver<Inbound>,
    tap: TapReceiver,
}

fn open(network: &Arc<dyn Network>, tcp_type: TcpType) -> Fixture {
    let (tap, records) = Tap::new(Clock::start(), 100_000);
    let (sender, inbound) = mpsc::channel(64);
    let interface = network.interfaces().unwrap().remove(0);
    let local = (ip(network), 0).into();
    let base = TcpBase::open(network, &tap, BaseId(7), interface, local, tcp_type, sender).unwrap();
    Fixture { base, inbound, tap: records }
}

fn ip(network: &Arc<dyn Network>) -> IpAddr {
    network.interfaces().unwrap()[0].addresses[0]
}

fn check(number: u8) -> Vec<u8> {
    binding_request(TransactionId([number; 12]))
}

impl Fixture {
    async fn receive(&mut self) -> Inbound {
        soon(self.inbound.recv()).await.unwrap()
    }

    /// Every record so far; the base goes on.
    async fn records(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        self.tap.recv_many(&mut records).await;
        records
    }

    async fn notes(&mut self) -> Vec<Note> {
        let records = self.records().await;
        records
            .into_iter()
            .filter_map(|record| if let RecordBody::Note(note) = record.body { Some(*note) } else { None })
            .collect()
    }

    /// Waits until a note satisfies `wanted`; every note until then.
    async fn until(&mut self, wanted: impl Fn(&Note) -> bool) -> Vec<Note> {
        let mut notes = Vec::new();
        while !notes.iter().any(&wanted) {
            let mut records = Vec::new();
            soon(self.tap.recv_many(&mut records)).await;
            notes.extend(records.into_iter().filter_map(|record| match record.body {
                RecordBody::Note(note) => Some(*note),
                RecordBody::Packet(_) => None,
            }));
        }
        notes
    }
}

async fn dial(network: &Arc<dyn Network>, remote: SocketAddr) -> Box<dyn TcpStream> {
    soon(network.connect_tcp((ip(network), 0).into(), remote)).await.unwrap()
}

/// Behind a router with UDP blocked, and public.
fn blocked() -> World {
    let world = World::build(Scenario::OneNat, 1).unwrap();
    assert!(world.block_udp(Side::A, true));
    world
}

#[tokio::test(start_paused = true)]
async fn a_datagram_dials_and_the_answer_comes_back_over_the_same_connection() {
    let world = blocked();
    let (mut active, mut passive) = (open(&world.a, TcpType::Active), open(&world.b, TcpType::Passive));
    assert_eq!(active.base.address().port(), 9);
    assert!(active.base.send(&check(1), passive.base.address()));
    let heard = passive.receive().await;
    assert_eq!((heard.base, heard.kind, &heard.bytes[..]), (BaseId(7), PacketKind::Stun, &check(1)[..]));
    assert_eq!(heard.remote.ip().to_string(), "203.0.113.10");
    assert!(passive.base.send(&check(2), heard.remote));
    let answer = active.receive().await;
    assert_eq!((answer.remote, &answer.bytes[..]), (passive.base.address(), &check(2)[..]));
    let opened = |note: &Note| matches!(note, Note::ConnectionOpened { .. });
    let ours = active.until(opened).await;
    let theirs = passive.until(opened).await;
    assert!(
        ours.iter().any(|note| matches!(note, Note::ConnectionOpened { dialed: true, took, .. } if !took.is_zero()))
    );
    assert!(theirs.iter().any(|note| matches!(note, Note::ConnectionOpened { dialed: false, .. })));
}

#[tokio::test(start_paused = true)]
async fn frames_are_recorded_without_their_length_and_when_they_leave() {
    let world = blocked();
    let (mut active, mut passive) = (open(&world.a, TcpType::Active), open(&world.b, TcpType::Passive));
    active.base.send(&check(1), passive.base.address());
    passive.receive().await;
    for (fixture, direction) in [(&mut active, Direction::Outbound), (&mut passive, Direction::Inbound)] {
        let records = fixture.records().await;
        let packets: Vec<_> = records
            .iter()
            .filter_map(|record| match &record.body {
                RecordBody::Packet(packet) => Some((record.at, packet)),
                RecordBody::Note(_) => None,
            })
            .collect();
        assert_eq!(packets.len(), 1);
        let (at, packet) = packets[0];
        assert_eq!((packet.direction, &packet.bytes[..]), (direction, &check(1)[..]));
        assert!(at.0 >= Duration::from_millis(15), "the handshake comes first: {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_that_dial_and_listen_at_once_have_one_connection() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let (mut a, mut b) = (open(&world.a, TcpType::SimultaneousOpen), open(&world.b, TcpType::SimultaneousOpen));
    assert!(a.base.send(&check(1), b.base.address()));
    assert!(b.base.send(&check(2), a.base.address()));
    let (at_a, at_b) = (a.receive().await, b.receive().await);
    assert_eq!((at_a.remote, &at_a.bytes[..]), (b.base.address(), &check(2)[..]));
    assert_eq!((at_b.remote, &at_b.bytes[..]), (a.base.address(), &check(1)[..]));
    assert!(a.base.send(&check(3), b.base.address()));
    assert_eq!(&b.receive().await.bytes[..], &check(3)[..]);
}

#[tokio::test(start_paused = true)]
async fn simultaneous_opening_crosses_two_firewalls_that_neither_side_could_cross_alone() {
    let world = World::build(Scenario::DualStack, 1).unwrap();
    let open = |network: &Arc<dyn Network>, tcp_type| {
        let (tap, records) = Tap::new(Clock::start(), 1000);
        let (sender, inbound) = mpsc::channel(64);
        let interface = network.interfaces().unwrap().remove(0);
        let local = SocketAddr::new(interface.addresses[1], 0);
        let base = TcpBase::open(network, &tap, BaseId(7), interface, local, tcp_type, sender).unwrap();
        Fixture { base, inbound, tap: records }
    };
    let (active, mut passive) = (open(&world.a, TcpType::Active), open(&world.b, TcpType::Passive));
    assert!(passive.base.address().is_ipv6());
    active.base.send(&check(1), passive.base.address());
    assert!(tokio::time::timeout(Duration::from_secs(20), passive.inbound.recv()).await.is_err());
    let (mut a, mut b) = (open(&world.a, TcpType::SimultaneousOpen), open(&world.b, TcpType::SimultaneousOpen));
    a.base.send(&check(1), b.base.address());
    b.base.send(&check(2), a.base.address());
    assert_eq!((&a.receive().await.bytes[..], &b.receive().await.bytes[..]), (&check(2)[..], &check(1)[..]));
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_a_note_and_is_not_tried_again_at_once() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let mut active = open(&world.a, TcpType::Active);
    let nobody = SocketAddr::new(ip(&world.b), 443);
    assert!(active.base.send(&check(1), nobody));
    let is_failure = |note: &Note| matches!(note, Note::ConnectionFailed { error, .. } if error.contains("refused"));
    active.until(is_failure).await;
    let mut attempts = 1;
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        active.base.send(&check(2), nobody);
    }
    attempts += active.notes().await.iter().filter(|note| is_failure(note)).count();
    // After 1, 2, 4, 8, 16 and 32 seconds.
    assert!((6..=7).contains(&attempts), "{attempts} attempts in a minute");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_says_nothing_is_given_up_after_eight_seconds() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let mut active = open(&world.a, TcpType::Active);
    assert!(active.base.send(&check(1), "198.51.100.20:443".parse().unwrap()));
    let start = tokio::time::Instant::now();
    active.until(|note| matches!(note, Note::ConnectionFailed { .. })).await;
    assert_eq!(start.elapsed().as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn few_addresses_are_dialed_at_once_and_few_in_all() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let active = open(&world.a, TcpType::Active);
    let dial_all = |round: u16| {
        let remote = |port| SocketAddr::new("198.51.100.20".parse().expect("an address"), port);
        (1..=100).filter(|port| active.base.send(&check(1), remote(round * 100 + port))).count()
    };
    let mut dialed = Vec::new();
    for round in 0..10 {
        dialed.push(dial_all(round));
        tokio::time::sleep(Duration::from_secs(9)).await;
    }
    assert_eq!(dialed, [8, 8, 8, 8, 8, 8, 8, 8, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_passive_base_does_not_dial() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let (mut here, there) = (open(&world.a, TcpType::Passive), open(&world.b, TcpType::Passive));
    assert!(!here.base.send(&check(1), there.base.address()));
    assert!(here.notes().await.iter().any(|note| matches!(note, Note::SendFailed { .. })));
}

#[tokio::test(start_paused = true)]
async fn media_that_the_connection_has_no_room_for_is_dropped_and_counted_and_never_waits() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let (mut active, mut passive) = (open(&world.a, TcpType::Active), open(&world.b, TcpType::Passive));
    let remote = passive.base.address();
    active.base.send(&check(1), remote);
    passive.receive().await;
    world.set_rate(Side::A, Some(64_000));
    let media = [0x80; 1000];
    // Ten seconds of 400 kbit/s into a line of 64.
    let mut taken = 0;
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        taken += usize::from(active.base.send(&media, remote));
        assert!(taken < 400);
    }
    assert!(active.base.send(&check(2), remote), "there is room left for what is no media");
    drop(active.base);
    let mut dropped = 0;
    let mut records = Vec::new();
    while active.tap.recv_many(&mut records).await > 0 {}
    for record in &records {
        if let Some(Note::Dropped { what: DropKind::Frames, count }) = record.body.as_note() {
            dropped += count;
        }
    }
    assert_eq!(dropped as usize + taken, 500);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_broke_is_told_and_made_anew() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let listener = world.b.listen_tcp((ip(&world.b), 0).into()).unwrap();
    let mut active = open(&world.a, TcpType::Active);
    let remote = listener.local_addr().unwrap();
    active.base.send(&check(1), remote);
    drop(soon(poll_fn(|cx| listener.poll_accept(cx))).await.unwrap());
    active.until(|note| matches!(note, Note::ConnectionClosed { .. })).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(active.base.send(&check(2), remote));
    let mut second = soon(poll_fn(|cx| listener.poll_accept(cx))).await.unwrap();
    let mut heard = vec![0; 22];
    soon(second.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard[..], &framing::encode(&check(2)).unwrap()[..heard.len()]);
}

#[tokio::test(start_paused = true)]
async fn frames_that_do_not_fit_their_lengths_are_told_once_per_connection() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let listener = world.b.listen_tcp((ip(&world.b), 0).into()).unwrap();
    let mut active = open(&world.a, TcpType::Active);
    active.base.send(&check(1), listener.local_addr().unwrap());
    let mut peer = soon(poll_fn(|cx| listener.poll_accept(cx))).await.unwrap();
    let frame = |packet: &[u8]| framing::encode(packet).unwrap();
    for packet in [&check(2)[..], &[0xFF; 40], &[0xFE; 40]] {
        peer.write_all(&frame(packet)).await.unwrap();
    }
    // The beginning of a frame, and the end of the connection.
    peer.write_all(&frame(&check(3))[..9]).await.unwrap();
    peer.shutdown().await.unwrap();
    let notes = active.until(|note| matches!(note, Note::ConnectionClosed { .. })).await;
    let faults = notes.iter().filter_map(|note| match note {
        Note::FramingBroken { direction: Direction::Inbound, fault, .. } => Some(*fault),
        _ => None,
    });
    assert_eq!(faults.collect::<Vec<_>>(), [FramingFault::OutOfStep, FramingFault::CutShort]);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_says_nothing_or_something_else_is_turned_away() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    for (words, patience) in
        [(&b""[..], 10), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 10), (b"\0\x05hello", 0), (b"\x16\x03\x01", 10)]
    {
        let mut passive = open(&world.b, TcpType::Passive);
        let start = tokio::time::Instant::now();
        let mut stranger = dial(&world.a, passive.base.address()).await;
        stranger.write_all(words).await.unwrap();
        let mut rest = Vec::new();
        // A reset or an end: either way it is over.
        let _ = soon(stranger.read_to_end(&mut rest)).await;
        assert_eq!((start.elapsed().as_secs(), rest.len()), (patience, 0), "{words:?}");
        assert!(passive.inbound.try_recv().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_strangers_leave_room_for_the_peer() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let mut passive = open(&world.b, TcpType::Passive);
    let remote = passive.base.address();
    let mut peer = dial(&world.a, remote).await;
    peer.write_all(&framing::encode(&check(1)).unwrap()).await.unwrap();
    let heard = passive.receive().await;
    passive.base.send(&check(2), heard.remote);
    let mut strangers = Vec::new();
    for _ in 0..1000 {
        strangers.push(dial(&world.a, remote).await);
    }
    peer.write_all(&framing::encode(&check(3)).unwrap()).await.unwrap();
    assert_eq!(&passive.receive().await.bytes[..], &check(3)[..]);
    let mut late = dial(&world.a, remote).await;
    late.write_all(&framing::encode(&check(4)).unwrap()).await.unwrap();
    assert_eq!(&passive.receive().await.bytes[..], &check(4)[..]);
    drop(strangers);
    tokio::time::sleep(Duration::from_secs(15)).await;
    drop(passive.base);
    let mut records = Vec::new();
    while passive.tap.recv_many(&mut records).await > 0 {}
    let told = records.iter().filter(|record| matches!(record.body, RecordBody::Note(_))).count();
    assert!(told < 50, "{told} notes about strangers");
    let turned_away: u64 = records
        .iter()
        .filter_map(|record| match record.body.as_note() {
            Some(Note::Dropped { what: DropKind::Connections, count }) => Some(*count),
            _ => None,
        })
        .sum();
    assert_eq!(turned_away, 1001);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_floods_is_dropped_and_counted_by_the_session_that_lags() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let mut passive = open(&world.b, TcpType::Passive);
    let mut peer = dial(&world.a, passive.base.address()).await;
    let frame = framing::encode(&check(1)).unwrap();
    let empty = Bytes::from_static(&[0, 0]);
    for _ in 0..500 {
        peer.write_all(&frame).await.unwrap();
        peer.write_all(&empty).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut heard = 0;
    while passive.inbound.try_recv().is_ok() {
        heard += 1;
    }
    assert_eq!(heard, 64);
    drop(passive.base);
    let mut records = Vec::new();
    while passive.tap.recv_many(&mut records).await > 0 {}
    let dropped = Note::Dropped { what: DropKind::Datagrams, count: 500 - 64 };
    assert!(records.iter().any(|record| record.body == RecordBody::note(dropped.clone())));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_base_closes_its_listener_and_connections_and_ends_its_tasks() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let (active, mut passive) = (open(&world.a, TcpType::Active), open(&world.b, TcpType::Passive));
    active.base.send(&check(1), passive.base.address());
    let heard = passive.receive().await;
    passive.base.send(&check(2), heard.remote);
    let address = passive.base.address();
    drop((active.base, passive.base));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(tasks(), before);
    assert!(world.b.listen_tcp(address).is_ok());
}
