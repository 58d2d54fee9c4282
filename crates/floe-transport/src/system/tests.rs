//! The system's network, over loopback.

use std::{future::poll_fn, time::Duration};

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

async fn receive(socket: &dyn UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let received = poll_fn(|cx| socket.poll_recv_from(cx, &mut buffer));
    let (length, from) = tokio::time::timeout(DEADLINE, received).await.expect("in time").unwrap();
    (buffer[..length].to_vec(), from)
}

#[tokio::test]
async fn datagrams_travel_between_two_sockets_on_every_loopback_address() {
    let network = SystemNetwork::loopback();
    for ip in &network.interfaces().unwrap()[0].addresses {
        let (here, there) = (network.bind_udp((*ip, 0).into()).unwrap(), network.bind_udp((*ip, 0).into()).unwrap());
        here.try_send_to(b"hello", there.local_addr().unwrap()).unwrap();
        assert_eq!(receive(&*there).await, (b"hello".to_vec(), here.local_addr().unwrap()));
    }
}

#[tokio::test]
async fn a_closed_port_does_not_spoil_the_socket() {
    let network = SystemNetwork::loopback();
    let bind = || network.bind_udp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let (here, there) = (bind(), bind());
    let closed = bind().local_addr().unwrap();
    here.try_send_to(b"into the void", closed).unwrap();
    there.try_send_to(b"hello", here.local_addr().unwrap()).unwrap();
    assert_eq!(receive(&*here).await.0, b"hello");
}

#[tokio::test]
async fn the_loopback_network_has_nothing_else() {
    let network = SystemNetwork::loopback();
    let interfaces = network.interfaces().unwrap();
    assert!(interfaces.iter().all(|interface| interface.kind == InterfaceKind::Loopback));
    assert!(interfaces[0].addresses.contains(&Ipv4Addr::LOCALHOST.into()));
    assert!(network.bind_udp((Ipv4Addr::UNSPECIFIED, 0).into()).is_err());
}

#[tokio::test]
async fn every_listed_address_can_be_bound() {
    let network = SystemNetwork::new();
    let interfaces = network.interfaces().unwrap();
    assert!(interfaces.iter().any(|interface| interface.kind == InterfaceKind::Loopback), "{interfaces:?}");
    for address in interfaces.iter().flat_map(|interface| &interface.addresses) {
        assert!(network.bind_udp((*address, 0).into()).is_ok(), "{address}");
    }
}

#[tokio::test]
async fn literals_resolve_without_the_systems_help() {
    let network = SystemNetwork::loopback();
    for (host, address) in [("192.0.2.1", "192.0.2.1:7"), ("2001:db8::1", "[2001:db8::1]:7")] {
        assert_eq!(network.resolve(host, 7).await.unwrap(), [address.parse().unwrap()]);
    }
}

#[tokio::test]
async fn a_tcp_stream_carries_bytes_between_two_loopback_addresses() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let network = SystemNetwork::loopback();
    let listener = network.listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let dial = network.connect_tcp("127.0.0.2:0".parse().unwrap(), listener.local_addr().unwrap());
    let (dialed, accepted) = tokio::join!(dial, std::future::poll_fn(|cx| listener.poll_accept(cx)));
    let (mut dialed, mut accepted) = (dialed.unwrap(), accepted.unwrap());
    assert_eq!(accepted.peer_addr().unwrap(), dialed.local_addr().unwrap());
    dialed.write_all(b"hello").await.unwrap();
    let mut heard = [0; 5];
    accepted.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
}

#[tokio::test]
async fn a_port_that_is_listened_on_may_be_dialed_from() {
    let network = SystemNetwork::loopback();
    let ours = network.listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let theirs = network.listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let dialed = network.connect_tcp(ours.local_addr().unwrap(), theirs.local_addr().unwrap()).await.unwrap();
    assert_eq!(dialed.local_addr().unwrap(), ours.local_addr().unwrap());
}

#[tokio::test]
async fn a_port_that_was_chosen_before_may_be_dialed_from_too_if_that_is_said_in_advance() {
    let network = SystemNetwork::loopback();
    let first = network.listen_tcp_and_dial("127.0.0.1:0".parse().unwrap()).unwrap();
    let theirs = network.listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let (port, remote) = (first.local_addr().unwrap().port(), theirs.local_addr().unwrap());
    // The same port at a second address, and at the first one when it comes back.
    drop(first);
    for address in ["127.0.0.2", "127.0.0.1"] {
        let local = SocketAddr::new(address.parse().unwrap(), port);
        let listener = network.listen_tcp_and_dial(local).unwrap();
        let dialed = network.connect_tcp(local, remote).await.unwrap();
        assert_eq!(dialed.local_addr().unwrap(), listener.local_addr().unwrap());
    }
}
