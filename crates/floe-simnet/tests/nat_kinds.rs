//! The NAT test of `floe-transport` against every kind of NAT that RFC 4787 describes: the verdict is what was built.
#![expect(clippy::unwrap_used, reason = "the helpers of a test file are test code, which clippy does not see")]

use std::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_simnet::{Dependence, LinkProfile, NatConfig, PortAssignment, Prefix, Simnet, stun_server};
use floe_transport::{FirstAnswer, NatTest, NatVerdict, Network, UdpSocket, clock};
use floe_wire::{
    InterfaceInfo, InterfaceKind, NatFiltering, NatMapping,
    stun::{StunMessage, TransactionId, binding_request},
};
use tokio::time::{sleep_until, timeout};

const LINK: LinkProfile = LinkProfile::delay(Duration::from_millis(10));

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn interface(addresses: &[&str]) -> InterfaceInfo {
    let addresses = addresses.iter().map(|address| ip(address)).collect();
    InterfaceInfo { name: "eth0".to_owned(), kind: InterfaceKind::Ethernet, addresses }
}

/// A home behind a NAT (or with a public address), and a server with two addresses.
fn network(nat: Option<NatConfig>, loss: f64) -> (Simnet, impl Network, stun_server::StunServer) {
    let simnet = Simnet::new(5);
    let (core, router) = (simnet.add_router(), simnet.add_router());
    let (home, server) = (simnet.add_host(), simnet.add_host());
    let public = ip("203.0.113.10");
    let uplink = simnet.uplink(router, core, &[Prefix::host(public)], LinkProfile { loss, ..LINK });
    let own = match nat {
        Some(config) => {
            simnet.translate(router, uplink, config, public);
            "192.168.1.10"
        }
        None => "203.0.113.10",
    };
    simnet.attach(home, router, interface(&[own]), LinkProfile::default());
    simnet.attach(server, core, interface(&["192.0.2.1", "198.51.100.1"]), LINK);
    let (first, other) = (SocketAddr::new(ip("192.0.2.1"), 3478), SocketAddr::new(ip("198.51.100.1"), 3479));
    let server = stun_server::serve_two(&simnet.network(server), first, other).unwrap();
    let home = simnet.network(home);
    (simnet, home, server)
}

async fn receive(socket: &dyn UdpSocket) -> (SocketAddr, StunMessage) {
    let mut buffer = [0; 2048];
    let (length, from) = poll_fn(|cx| socket.poll_recv_from(cx, &mut buffer)).await.unwrap();
    (from, StunMessage::decode(&buffer[..length]).unwrap())
}

/// Test I of RFC 5780, repeated until it is answered.
async fn first_answer(socket: &dyn UdpSocket, server: SocketAddr) -> FirstAnswer {
    for _ in 0..50 {
        socket.try_send_to(&binding_request(TransactionId([1; 12])), server).unwrap();
        if let Ok((_, answer)) = timeout(Duration::from_millis(200), receive(socket)).await {
            let (mapped, other) = (answer.mapped.unwrap(), answer.other.unwrap());
            return FirstAnswer { server, mapped, other, rtt: Duration::from_millis(40) };
        }
    }
    panic!("the server never answered");
}

async fn verdict(nat: Option<NatConfig>, loss: f64) -> NatVerdict {
    let (_simnet, home, server) = network(nat, loss);
    let own = home.interfaces().unwrap()[0].addresses[0];
    let socket = home.bind_udp(SocketAddr::new(own, 0)).unwrap();
    let first = first_answer(&*socket, server.address()).await;
    let mut test = NatTest::new(1, socket.local_addr().unwrap(), first, clock::now()).unwrap();
    loop {
        while let Some((to, bytes)) = test.poll_send() {
            socket.try_send_to(&bytes, to).unwrap();
        }
        if let Some(verdict) = test.verdict() {
            return verdict;
        }
        let wake = test.poll_timeout().expect("what is not over has a deadline");
        tokio::select! {
            () = sleep_until(wake.into()) => test.handle_timeout(clock::now()),
            (from, message) = receive(&*socket) => {
                test.handle(from, &message, clock::now());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_nat_is_recognised() {
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            for ports in [PortAssignment::Preserving, PortAssignment::Random] {
                let config = NatConfig { mapping, filtering, ports, ..NatConfig::HOME };
                let expected =
                    NatVerdict { mapping: NatMapping::Known(mapping), filtering: NatFiltering::Known(filtering) };
                assert_eq!(verdict(Some(config), 0.0).await, expected, "{config:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_public_address_is_seen_to_have_no_nat() {
    let expected = NatVerdict {
        mapping: NatMapping::Untranslated,
        filtering: NatFiltering::Known(Dependence::EndpointIndependent),
    };
    assert_eq!(verdict(None, 0.0).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_tenth_of_lost_packets_does_not_mislead() {
    for mapping in Dependence::ALL {
        let config = NatConfig { mapping, filtering: Dependence::AddressDependent, ..NatConfig::HOME };
        let found = verdict(Some(config), 0.1).await;
        assert_eq!(found.mapping, NatMapping::Known(mapping));
        assert_eq!(found.filtering, NatFiltering::Known(Dependence::AddressDependent));
    }
}
