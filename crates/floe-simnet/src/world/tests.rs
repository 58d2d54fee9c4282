//! Worlds of every scenario, end to end.

use std::{future::poll_fn, net::SocketAddr};

use floe_transport::{ServerUrl, UdpSocket, clock};
use floe_wire::{
    InterfaceKind,
    stun::{StunMessage, TransactionId, binding_request},
};

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// On the paused clock a deadline costs nothing.
const DEADLINE: Duration = Duration::from_secs(5);

async fn receive(socket: &dyn UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 2048];
    let received = poll_fn(|cx| socket.poll_recv_from(cx, &mut buffer));
    let (length, from) = tokio::time::timeout(DEADLINE, received).await.ok()?.unwrap();
    Some((buffer[..length].to_vec(), from))
}

fn address(network: &dyn Network, interface: usize, address: usize) -> IpAddr {
    network.interfaces().unwrap()[interface].addresses[address]
}

fn bind(network: &dyn Network, ip: IpAddr) -> Box<dyn UdpSocket> {
    network.bind_udp((ip, 0).into()).unwrap()
}

/// A peer's first socket.
fn first_socket(network: &dyn Network) -> Box<dyn UdpSocket> {
    bind(network, address(network, 0, 0))
}

/// The address that the n-th STUN server sees of a socket.
async fn mapped(world: &World, network: &dyn Network, socket: &dyn UdpSocket, server: usize) -> Option<SocketAddr> {
    let url = ServerUrl::parse(&world.stun_servers[server]).unwrap();
    let family = socket.local_addr().unwrap().is_ipv4();
    let servers = network.resolve(&url.host, url.port).await.unwrap();
    let server = servers.into_iter().find(|address| address.is_ipv4() == family).unwrap();
    socket.try_send_to(&binding_request(TransactionId([9; 12])), server).unwrap();
    let (answer, from) = receive(socket).await?;
    assert_eq!(from, server);
    StunMessage::decode(&answer).unwrap().mapped
}

/// Both sides learn their mapped addresses and send to each other's; whether something got through to A, and to B.
async fn punch(world: &World, address: usize) -> (bool, bool) {
    let [a, b] = [&*world.a, &*world.b].map(|network| bind(network, self::address(network, 0, address)));
    let at_a = mapped(world, &*world.a, &*a, 0).await.unwrap();
    let at_b = mapped(world, &*world.b, &*b, 0).await.unwrap();
    for _ in 0..3 {
        a.try_send_to(b"to b", at_b).unwrap();
        b.try_send_to(b"to a", at_a).unwrap();
        tokio::time::sleep(ms(50)).await;
    }
    (receive(&*a).await.is_some(), receive(&*b).await.is_some())
}

#[tokio::test(start_paused = true)]
async fn two_hosts_behind_two_home_routers_punch_holes() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    assert_eq!(punch(&world, 0).await, (true, true));
}

#[tokio::test(start_paused = true)]
async fn nothing_gets_through_between_two_symmetric_nats() {
    let world = World::build(Scenario::SymmetricBoth, 1).unwrap();
    assert_eq!(punch(&world, 0).await, (false, false));
    assert_eq!(world.counters().unwrap().filtered, 6);
}

#[tokio::test(start_paused = true)]
async fn a_symmetric_nat_reaches_an_open_one_from_a_port_nobody_told() {
    let world = World::build(Scenario::Symmetric, 1).unwrap();
    let (a, b) = (first_socket(&*world.a), first_socket(&*world.b));
    let told = mapped(&world, &*world.a, &*a, 0).await.unwrap();
    let at_b = mapped(&world, &*world.b, &*b, 0).await.unwrap();
    a.try_send_to(b"check", at_b).unwrap();
    let (_, from) = receive(&*b).await.unwrap();
    assert_ne!(from, told);
    b.try_send_to(b"answer", from).unwrap();
    assert_eq!(receive(&*a).await.unwrap(), (b"answer".to_vec(), at_b));
}

#[tokio::test(start_paused = true)]
async fn a_public_host_answers_one_behind_a_router() {
    let world = World::build(Scenario::OneNat, 1).unwrap();
    let (a, b) = (first_socket(&*world.a), first_socket(&*world.b));
    let at_b = b.local_addr().unwrap();
    assert_eq!(mapped(&world, &*world.b, &*b, 0).await, Some(at_b), "a public host is seen as it is");
    a.try_send_to(b"check", at_b).unwrap();
    let (_, from) = receive(&*b).await.unwrap();
    assert_eq!(from.to_string(), format!("203.0.113.10:{}", a.local_addr().unwrap().port()));
    b.try_send_to(b"answer", from).unwrap();
    assert_eq!(receive(&*a).await.unwrap().1, at_b);
}

#[tokio::test(start_paused = true)]
async fn ipv6_is_seen_as_it_is_and_still_needs_both_sides_to_send() {
    let world = World::build(Scenario::DualStack, 1).unwrap();
    let a = bind(&*world.a, address(&*world.a, 0, 1));
    let own = a.local_addr().unwrap();
    assert!(own.is_ipv6());
    assert_eq!(mapped(&world, &*world.a, &*a, 0).await, Some(own));
    let b = bind(&*world.b, address(&*world.b, 0, 1));
    b.try_send_to(b"unasked", own).unwrap();
    assert_eq!(receive(&*a).await, None);
    assert_eq!(punch(&world, 1).await, (true, true));
    assert_eq!(punch(&world, 0).await, (true, true), "and IPv4 beside it");
}

#[tokio::test(start_paused = true)]
async fn two_servers_see_one_port_of_a_home_router_and_two_of_a_symmetric_one() {
    for (scenario, same) in [(Scenario::TwoNat, true), (Scenario::Symmetric, false)] {
        let world = World::build(scenario, 1).unwrap();
        let socket = first_socket(&*world.a);
        let first = mapped(&world, &*world.a, &*socket, 0).await.unwrap();
        let second = mapped(&world, &*world.a, &*socket, 1).await.unwrap();
        assert_eq!(first.ip().to_string(), "203.0.113.10");
        assert_eq!(first == second, same, "{scenario}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_ports() {
    let mut ports = Vec::new();
    for seed in [5, 5, 6] {
        let world = World::build(Scenario::SymmetricBoth, seed).unwrap();
        let socket = first_socket(&*world.a);
        let first = mapped(&world, &*world.a, &*socket, 0).await.unwrap();
        ports.push((socket.local_addr().unwrap().port(), first.port()));
    }
    assert_eq!(ports[0], ports[1]);
    assert_ne!(ports[0], ports[2]);
}

#[tokio::test(start_paused = true)]
async fn a_lan_offers_two_interfaces_on_either_side_and_every_pair_works() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (here, there) = (bind(&*world.a, address(&*world.a, a, 0)), bind(&*world.b, address(&*world.b, b, 0)));
        here.try_send_to(b"hello", there.local_addr().unwrap()).unwrap();
        assert_eq!(receive(&*there).await.unwrap(), (b"hello".to_vec(), here.local_addr().unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn thirty_milliseconds_pass_from_home_to_home_and_back() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let (a, b) = (first_socket(&*world.a), first_socket(&*world.b));
    let at_a = mapped(&world, &*world.a, &*a, 0).await.unwrap();
    let at_b = mapped(&world, &*world.b, &*b, 0).await.unwrap();
    b.try_send_to(b"opens the hole", at_a).unwrap();
    tokio::time::sleep(ms(100)).await;
    let start = clock::now();
    a.try_send_to(b"there", at_b).unwrap();
    receive(&*b).await.unwrap();
    b.try_send_to(b"back", at_a).unwrap();
    receive(&*a).await.unwrap();
    let round_trip = clock::now() - start;
    // The paused clock goes from millisecond to millisecond, and rounds up at each end.
    assert!(round_trip >= ms(29) && round_trip <= ms(33), "{round_trip:?}");
}

#[tokio::test(start_paused = true)]
async fn loss_can_be_changed_while_it_runs() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let (a, b) = (first_socket(&*world.a), first_socket(&*world.b));
    for (loss, expected) in [(0.2, 140..260), (0.0, 0..1), (1.0, 1000..1001)] {
        assert!(world.set_loss(Side::B, loss));
        let before = world.counters().unwrap();
        for _ in 0..1000 {
            a.try_send_to(b"x", b.local_addr().unwrap()).unwrap();
            tokio::time::sleep(ms(2)).await;
        }
        let lost = world.counters().unwrap().lost - before.lost;
        assert!(expected.contains(&lost), "{lost} of 1000 lost at {loss}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_datagram_ends_in_one_counter() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let socket = first_socket(&*world.a);
    let server = mapped(&world, &*world.a, &*socket, 0).await.unwrap();
    for nowhere in ["203.0.113.99:1", "198.51.100.20:1", "192.0.2.1:9", &server.to_string()] {
        socket.try_send_to(b"x", nowhere.parse().unwrap()).unwrap();
    }
    tokio::time::sleep(ms(500)).await;
    let counters = world.counters().unwrap();
    let expected = Counters { sent: 6, delivered: 2, unroutable: 1, filtered: 2, unclaimed: 1, ..Counters::default() };
    assert_eq!(counters, expected);
}

#[tokio::test(start_paused = true)]
async fn a_queue_nobody_reads_is_bounded() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let (a, b) = (first_socket(&*world.a), first_socket(&*world.b));
    for _ in 0..2000 {
        a.try_send_to(b"x", b.local_addr().unwrap()).unwrap();
    }
    tokio::time::sleep(ms(10)).await;
    let counters = world.counters().unwrap();
    assert_eq!(counters.delivered + counters.overrun, 2000);
    assert!(counters.overrun > 0);
}

#[tokio::test(start_paused = true)]
async fn an_interface_that_goes_down_is_gone_and_comes_back() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let socket = first_socket(&*world.a);
    assert!(world.set_interface_up(Side::A, "eth0", false));
    assert_eq!(world.a.interfaces().unwrap().len(), 1);
    let refused = socket.try_send_to(b"x", "192.0.2.1:3478".parse().unwrap()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::NetworkUnreachable);
    assert!(world.set_interface_up(Side::A, "eth0", true));
    assert!(mapped(&world, &*world.a, &*socket, 0).await.is_some());
    assert!(!world.set_interface_up(Side::A, "eth7", false));
}

#[tokio::test(start_paused = true)]
async fn a_router_that_restarts_gives_a_new_port() {
    let world = World::build(Scenario::Symmetric, 1).unwrap();
    let socket = first_socket(&*world.a);
    let before = mapped(&world, &*world.a, &*socket, 0).await.unwrap();
    assert_eq!(mapped(&world, &*world.a, &*socket, 0).await, Some(before));
    assert!(world.flush_nat(Side::A));
    assert_ne!(mapped(&world, &*world.a, &*socket, 0).await, Some(before));
}

#[tokio::test(start_paused = true)]
async fn a_firewall_that_blocks_udp_is_counted_as_such() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let socket = first_socket(&*world.a);
    assert!(world.block_udp(Side::A, true));
    assert_eq!(mapped(&world, &*world.a, &*socket, 0).await, None);
    assert_eq!(world.counters().unwrap().blocked, 1);
    assert!(world.block_udp(Side::A, false));
    assert!(mapped(&world, &*world.a, &*socket, 0).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn delays_can_be_changed_while_it_runs() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let (a, b) = (first_socket(&*world.a), first_socket(&*world.b));
    assert!(world.set_delay(Side::A, ms(200)));
    let start = clock::now();
    a.try_send_to(b"x", b.local_addr().unwrap()).unwrap();
    receive(&*b).await.unwrap();
    assert!(clock::now() - start >= ms(200));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_world_stops_its_tasks_and_refuses_to_send() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    assert!(tasks() > 0);
    let (network, socket) = (Arc::clone(&world.a), first_socket(&*world.a));
    socket.try_send_to(b"under way", "192.0.2.1:3478".parse().unwrap()).unwrap();
    drop(world);
    assert_eq!(receive(&*socket).await, None);
    assert_eq!(tasks(), 0);
    let refused = socket.try_send_to(b"x", "192.0.2.1:3478".parse().unwrap()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::NetworkDown);
    drop(network);
}

#[tokio::test(start_paused = true)]
async fn names_and_literals_resolve_and_unknown_names_do_not() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    assert_eq!(world.a.resolve("stun1.example", 7).await.unwrap().len(), 2);
    assert_eq!(world.a.resolve("192.0.2.7", 7).await.unwrap(), ["192.0.2.7:7".parse().unwrap()]);
    assert_eq!(world.a.resolve("elsewhere.example", 7).await.unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn addresses_of_others_and_ports_in_use_cannot_be_bound() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let socket = first_socket(&*world.a);
    let bind = |local: SocketAddr| world.a.bind_udp(local).err().unwrap().kind();
    assert_eq!(bind(socket.local_addr().unwrap()), io::ErrorKind::AddrInUse);
    assert_eq!(bind("192.168.178.20:0".parse().unwrap()), io::ErrorKind::AddrNotAvailable);
    let local = socket.local_addr().unwrap();
    drop(socket);
    assert!(world.a.bind_udp(local).is_ok());
}

#[tokio::test]
async fn the_loopback_scenario_answers_on_real_sockets() {
    let world = World::build(Scenario::Loopback, 1).unwrap();
    assert!(world.include_loopback);
    let interfaces = world.a.interfaces().unwrap();
    assert_eq!(interfaces[0].kind, InterfaceKind::Loopback);
    let socket = first_socket(&*world.a);
    assert_eq!(mapped(&world, &*world.a, &*socket, 0).await, Some(socket.local_addr().unwrap()));
    assert!(!world.set_loss(Side::A, 1.0) && !world.flush_nat(Side::A) && world.counters().is_none());
}

#[tokio::test]
async fn a_lan_takes_less_than_a_timer_tick_on_a_real_clock() {
    let world = World::build(Scenario::Lan, 1).unwrap();
    let (a, b) = (first_socket(&*world.a), first_socket(&*world.b));
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let start = clock::now();
        a.try_send_to(b"there", b.local_addr().unwrap()).unwrap();
        receive(&*b).await.unwrap();
        b.try_send_to(b"back", a.local_addr().unwrap()).unwrap();
        receive(&*a).await.unwrap();
        fastest = fastest.min(clock::now() - start);
    }
    // The fastest of many, because a busy machine delays some.
    assert!(fastest >= Duration::from_micros(300) && fastest < ms(2), "{fastest:?}");
}
