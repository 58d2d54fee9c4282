//! Streams between the hosts of whole scenarios.

use std::{future::Future, net::IpAddr, sync::Arc, time::Duration};

use floe_transport::Network;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::{Scenario, Side, World};

/// On the paused clock a deadline costs nothing.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(600), event).await.expect("the event comes before the deadline")
}

fn ip(network: &dyn Network) -> IpAddr {
    network.interfaces().unwrap()[0].addresses[0]
}

fn listen(network: &dyn Network) -> Box<dyn TcpListener> {
    network.listen_tcp((ip(network), 0).into()).unwrap()
}

async fn dial(network: &dyn Network, remote: SocketAddr) -> io::Result<Box<dyn TcpStream>> {
    soon(network.connect_tcp((ip(network), 0).into(), remote)).await
}

async fn accept(listener: &dyn TcpListener) -> Box<dyn TcpStream> {
    soon(poll_fn(|cx| listener.poll_accept(cx))).await.unwrap()
}

/// A stream from A to a listener of B.
async fn stream(world: &World) -> (Box<dyn TcpStream>, Box<dyn TcpStream>) {
    let listener = listen(&*world.b);
    let (dialed, accepted) = tokio::join!(dial(&*world.a, listener.local_addr().unwrap()), accept(&*listener));
    (dialed.unwrap(), accepted)
}

/// Sends `length` bytes and the end of the stream one way.
async fn carry(mut from: Box<dyn TcpStream>, mut to: Box<dyn TcpStream>, length: usize) {
    let data: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let sent = data.clone();
    let write = async move {
        from.write_all(&sent).await.unwrap();
        from.shutdown().await.unwrap();
        from
    };
    let mut heard = Vec::new();
    let (_, read) = soon(async { tokio::join!(write, to.read_to_end(&mut heard)) }).await;
    read.unwrap();
    assert!(heard == data, "{} of {} bytes arrived", heard.len(), data.len());
}

#[tokio::test(start_paused = true)]
async fn a_stream_carries_bytes_there_and_back() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let (mut a, mut b) = stream(&world).await;
    assert_eq!(a.peer_addr().unwrap(), b.local_addr().unwrap());
    assert_eq!(b.peer_addr().unwrap(), a.local_addr().unwrap());
    for (from, to) in [(0, 1), (1, 0)] {
        let ends = [&mut a, &mut b];
        let [x, y] = ends;
        let (writer, reader) = if from < to { (x, y) } else { (y, x) };
        writer.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        soon(reader.read_exact(&mut heard)).await.unwrap();
        assert_eq!(&heard, b"hello");
    }
}

#[tokio::test(start_paused = true)]
async fn a_megabyte_crosses_a_slow_and_lossy_line_whole() {
    let world = World::build(Scenario::OneNat, 1).unwrap();
    let (a, b) = stream(&world).await;
    world.set_loss(Side::A, 0.05);
    world.set_rate(Side::A, Some(1_000_000));
    world.set_jitter(Side::A, Duration::from_millis(20));
    carry(a, b, 1_000_000).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_sends_the_same_segments() {
    let mut counters = Vec::new();
    for seed in [5, 5, 6] {
        let world = World::build(Scenario::OneNat, seed).unwrap();
        let (a, b) = stream(&world).await;
        world.set_loss(Side::A, 0.1);
        carry(a, b, 200_000).await;
        counters.push(world.counters());
    }
    assert_eq!(counters[0], counters[1]);
    assert_ne!(counters[0], counters[2]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_through_a_router_seems_to_come_from_its_outside() {
    let world = World::build(Scenario::OneNat, 1).unwrap();
    let (a, b) = stream(&world).await;
    assert_eq!(b.peer_addr().unwrap().ip().to_string(), "203.0.113.10");
    carry(b, a, 10_000).await;
}

#[tokio::test(start_paused = true)]
async fn blocked_udp_lets_streams_through() {
    let world = World::build(Scenario::OneNat, 1).unwrap();
    assert!(world.block_udp(Side::A, true));
    let (a, b) = stream(&world).await;
    carry(a, b, 10_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_port_nobody_listens_on_refuses() {
    let world = World::build(Scenario::OneNat, 1).unwrap();
    let refused = dial(&*world.a, (ip(&*world.b), 443).into()).await.err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_router_says_nothing_to_whom_it_does_not_let_in() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let silent = dial(&*world.a, "198.51.100.20:443".parse().unwrap()).await.err().unwrap();
    assert_eq!(silent.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn openings_that_cross_between_two_routers_meet() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    // Home routers keep ports where they can, so both know what the other one comes from.
    let (a, b) = ((ip(&*world.a), 5000).into(), (ip(&*world.b), 6000).into());
    let (there, back) = soon(async {
        tokio::join!(
            world.a.connect_tcp(a, "198.51.100.20:6000".parse().unwrap()),
            world.b.connect_tcp(b, "203.0.113.10:5000".parse().unwrap()),
        )
    })
    .await;
    carry(there.unwrap(), back.unwrap(), 10_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_listened_on_may_be_dialed_from() {
    let world = World::build(Scenario::OneNat, 1).unwrap();
    let (ours, theirs) = (listen(&*world.a), listen(&*world.b));
    let from = ours.local_addr().unwrap();
    let dialed = soon(world.a.connect_tcp(from, theirs.local_addr().unwrap())).await.unwrap();
    assert_eq!(dialed.local_addr().unwrap(), from);
    let taken = world.a.listen_tcp(from).err().unwrap();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_is_an_end_of_stream_at_the_other_end() {
    let world = World::build(Scenario::OneNat, 1).unwrap();
    let (mut a, mut b) = stream(&world).await;
    a.write_all(b"last words").await.unwrap();
    drop(a);
    let mut heard = Vec::new();
    soon(b.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"last words");
    b.write_all(b"into the void").await.unwrap();
    let reset = soon(async {
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if let Err(error) = b.write_all(b"more").await {
                return error;
            }
        }
    });
    assert_eq!(reset.await.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_router_that_restarts_breaks_its_streams() {
    let world = World::build(Scenario::Symmetric, 1).unwrap();
    let listener = world.network(Side::B).listen_tcp((ip(&*world.b), 0).into()).unwrap();
    // An open router lets in whom it likes, once its port is mapped.
    let port = listener.local_addr().unwrap().port();
    let _mapping = tokio::time::timeout(
        Duration::from_secs(3),
        world.b.connect_tcp((ip(&*world.b), port).into(), "192.0.2.1:9".parse().unwrap()),
    )
    .await;
    let (dialed, _accepted) =
        tokio::join!(dial(&*world.a, SocketAddr::new("198.51.100.20".parse().unwrap(), port)), accept(&*listener));
    let mut dialed = dialed.unwrap();
    world.flush_nat(Side::A);
    dialed.write_all(b"from a port that nobody knows").await.unwrap();
    let broken = soon(dialed.read_u8()).await.unwrap_err();
    assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_connections_that_nobody_accepts_is_bounded_and_ends_with_the_listener() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let listener = listen(&*world.b);
    let remote = listener.local_addr().unwrap();
    let mut dialing = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let network = Arc::clone(&world.a);
        dialing.spawn(async move { network.connect_tcp((ip(&*network), 0).into(), remote).await });
    }
    let mut connected = Vec::new();
    while connected.len() < 64 {
        connected.push(soon(dialing.join_next()).await.unwrap().unwrap().unwrap());
    }
    assert!(tokio::time::timeout(Duration::from_secs(1), dialing.join_next()).await.is_err());
    drop(listener);
    for mut stream in connected {
        assert_eq!(soon(stream.read_u8()).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_ends_breaks_its_streams() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let (mut a, _b) = stream(&world).await;
    let network = Arc::clone(&world.a);
    drop(world);
    assert_eq!(soon(a.read_u8()).await.unwrap_err().kind(), io::ErrorKind::NetworkDown);
    assert_eq!(a.write_u8(0).await.unwrap_err().kind(), io::ErrorKind::NetworkDown);
    assert_eq!(dial(&*network, a.peer_addr().unwrap()).await.err().unwrap().kind(), io::ErrorKind::NetworkDown);
}

#[tokio::test(start_paused = true)]
async fn a_given_up_attempt_leaves_its_port_free() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let from: SocketAddr = (ip(&*world.a), 5000).into();
    for _ in 0..2 {
        let attempt = world.a.connect_tcp(from, "198.51.100.20:443".parse().unwrap());
        assert!(tokio::time::timeout(Duration::from_secs(1), attempt).await.is_err());
    }
}
