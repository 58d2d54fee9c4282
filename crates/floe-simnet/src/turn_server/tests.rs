//! Relays of the product against the server, over simulated networks.

use std::net::IpAddr;

use floe_transport::{
    Clock, Inbound, Tap, TapReceiver,
    relay::{Refusal, Relay, RelayContext, RelayError, RelayEvent, RelayIds, RelayNews, RelayServer, TlsTrust},
};
use floe_wire::{BaseId, InterfaceInfo, Note, RecordBody};

use super::*;
use crate::{Scenario, Side, World};

const DEADLINE: Duration = Duration::from_secs(10);
/// A home's access link and the server's link, there and back.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// One side's relay and everything that comes out of it.
struct Fixture {
    relay: Relay,
    inbound: mpsc::Receiver<Inbound>,
    events: mpsc::Receiver<RelayEvent>,
    records: TapReceiver,
    relayed: Option<SocketAddr>,
}

impl Fixture {
    async fn open(world: &World, side: Side, server: usize) -> Self {
        Self::open_as(world, side, server, world.turn_trust.clone(), |_| {}).await
    }

    async fn open_as(
        world: &World,
        side: Side,
        server: usize,
        trust: TlsTrust,
        change: impl FnOnce(&mut RelayServer),
    ) -> Self {
        let network = world.network(side);
        let (url, credentials) = world.turn_servers[server].read().unwrap();
        let addresses = network.resolve(&url.host, url.port).await.unwrap();
        let address = *addresses.iter().find(|address| address.is_ipv4()).unwrap();
        let mut server = RelayServer { url, address, credentials, trust };
        change(&mut server);
        let (tap, records) = Tap::new(Clock::start(), 4096);
        let (inbound_sender, inbound) = mpsc::channel(64);
        let (event_sender, events) = mpsc::channel(16);
        let context = RelayContext { network: &network, tap: &tap, inbound: &inbound_sender, events: &event_sender };
        let interface: InterfaceInfo = network.interfaces().unwrap().remove(0);
        let ip: IpAddr = interface.addresses[0];
        let ids = RelayIds { client: BaseId(1), relay: BaseId(2) };
        let relay = Relay::open(&context, ids, interface, ip, server, 7);
        Self { relay, inbound, events, records, relayed: None }
    }

    async fn news(&mut self) -> RelayNews {
        tokio::time::timeout(DEADLINE, self.events.recv()).await.expect("news in time").expect("news").news
    }

    async fn allocated(mut self) -> Self {
        match self.news().await {
            RelayNews::Allocated { relayed, .. } => self.relayed = Some(relayed),
            other => panic!("{other:?}"),
        }
        self
    }

    async fn received(&mut self) -> Inbound {
        tokio::time::timeout(DEADLINE, self.inbound.recv()).await.expect("a packet in time").expect("a packet")
    }

    fn address(&self) -> SocketAddr {
        self.relayed.unwrap()
    }
}

/// Both sides with relays that let each other in.
async fn joined(world: &World, servers: [usize; 2]) -> (Fixture, Fixture) {
    let a = Fixture::open(world, Side::A, servers[0]).await.allocated().await;
    let b = Fixture::open(world, Side::B, servers[1]).await.allocated().await;
    a.relay.permit(vec![b.address().ip()]);
    b.relay.permit(vec![a.address().ip()]);
    (a, b)
}

#[tokio::test(start_paused = true)]
async fn packets_cross_two_relays_both_ways_and_bear_the_relayed_addresses() {
    let world = World::build(Scenario::SymmetricBoth, 1).unwrap();
    let (mut a, mut b) = joined(&world, [0, 0]).await;
    // The peer's permission must be there before our packet is.
    tokio::time::sleep(ROUND_TRIP).await;
    assert!(a.relay.send(b"hello", b.address()));
    let inbound = b.received().await;
    assert_eq!((inbound.base, inbound.remote, &inbound.bytes[..]), (BaseId(2), a.address(), &b"hello"[..]));
    b.relay.bind(a.address());
    tokio::time::sleep(ROUND_TRIP).await;
    assert!(b.relay.send(b"over the channel", a.address()));
    assert_eq!(a.received().await.bytes, &b"over the channel"[..]);
}

#[tokio::test(start_paused = true)]
async fn a_relay_takes_two_round_trips_over_udp_three_over_tcp_and_four_over_tls() {
    for (scenario, server, trips) in
        [(Scenario::SymmetricBoth, 0, 2), (Scenario::UdpBlocked, 0, 3), (Scenario::UdpBlocked, 1, 4)]
    {
        let world = World::build(scenario, 1).unwrap();
        let begin = clock::now();
        Fixture::open(&world, Side::A, server).await.allocated().await;
        let took = clock::now() - begin;
        let most = ROUND_TRIP * trips + Duration::from_millis(20);
        assert!(took <= most, "{scenario} {server}: {took:?} of {most:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn tcp_and_tls_to_the_server_carry_the_same() {
    let world = World::build(Scenario::UdpBlocked, 1).unwrap();
    let (a, mut b) = joined(&world, [0, 1]).await;
    tokio::time::sleep(ROUND_TRIP * 2).await;
    for length in [1, 2, 3, 4, 1200] {
        assert!(a.relay.send(&vec![7; length], b.address()));
        assert_eq!(b.received().await.bytes.len(), length);
    }
    a.relay.bind(b.address());
    tokio::time::sleep(ROUND_TRIP * 2).await;
    for length in [1, 2, 3, 4, 1200] {
        assert!(a.relay.send(&vec![8; length], b.address()));
        assert_eq!(b.received().await.bytes.len(), length);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_named_and_in_no_record() {
    let world = World::build(Scenario::SymmetricBoth, 1).unwrap();
    let wrong = |server: &mut RelayServer| server.credentials = Credentials::new("demo", "a-wrong-password");
    let mut fixture = Fixture::open_as(&world, Side::A, 0, TlsTrust::default(), wrong).await;
    assert_eq!(fixture.news().await, RelayNews::Failed(RelayError::Refused(Refusal::Unauthorized)));
    drop(fixture.relay);
    let mut records = Vec::new();
    while fixture.records.recv_many(&mut records).await > 0 {}
    let text = format!("{records:?}");
    assert!(text.contains("the user name or the password is wrong") && !text.contains("a-wrong-password"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_restarted_is_noticed_within_the_time_of_asking() {
    let mut world = World::build(Scenario::SymmetricBoth, 1).unwrap();
    let mut fixture = Fixture::open(&world, Side::A, 0).await.allocated().await;
    assert!(world.restart_turn().await);
    let begin = clock::now();
    fixture.relay.probe();
    let RelayNews::Lost(RelayError::Refused(_)) = fixture.news().await else { panic!("not lost") };
    assert!(clock::now() - begin <= ROUND_TRIP * 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_is_a_lost_relay() {
    let mut world = World::build(Scenario::UdpBlocked, 1).unwrap();
    let mut fixture = Fixture::open(&world, Side::A, 0).await.allocated().await;
    world.restart_turn().await;
    assert_eq!(fixture.news().await, RelayNews::Lost(RelayError::Closed));
}

#[tokio::test(start_paused = true)]
async fn an_address_is_given_up_when_its_handle_is_dropped() {
    let world = World::build(Scenario::SymmetricBoth, 1).unwrap();
    let Fixture { relay, mut records, events, inbound, .. } = Fixture::open(&world, Side::A, 0).await.allocated().await;
    drop((relay, events, inbound));
    let mut all = Vec::new();
    while tokio::time::timeout(DEADLINE, records.recv_many(&mut all)).await.expect("an end") > 0 {}
    let closed = |record: &&floe_wire::Record| matches!(record.body.as_note(), Some(Note::BaseClosed { .. }));
    assert_eq!(all.iter().filter(closed).count(), 2);
    let released = all.iter().filter(|record| match &record.body {
        RecordBody::Packet(packet) => floe_wire::turn::TurnMessage::decode(&packet.bytes)
            .is_ok_and(|message| message.lifetime == Some(Duration::ZERO)),
        RecordBody::Note(_) => false,
    });
    assert_eq!(released.count(), 2, "a request and its answer");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_authority_and_a_wrong_kind_of_server_are_named() {
    let world = World::build(Scenario::UdpBlocked, 1).unwrap();
    let nobody = TlsIdentity::generate(&["another.example"], false).unwrap();
    let trust = TlsTrust::with_authorities(nobody.certificate_pem().as_bytes()).unwrap();
    let mut fixture = Fixture::open_as(&world, Side::A, 1, trust, |_| {}).await;
    let RelayNews::Failed(error) = fixture.news().await else { panic!("not failed") };
    assert!(error.to_string().contains("authority that is not trusted here"), "{error}");
    // TLS on the port where the server speaks plain TURN.
    let mut fixture = Fixture::open_as(&world, Side::A, 1, world.turn_trust.clone(), |server| {
        server.address.set_port(3478);
    })
    .await;
    let RelayNews::Failed(error) = fixture.news().await else { panic!("not failed") };
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_expired_certificate_and_one_for_another_name_are_named() {
    let world = World::build(Scenario::UdpBlocked, 1).unwrap();
    let network = world.network(Side::B);
    let ip = network.interfaces().unwrap()[0].addresses[0];
    let credentials = Credentials::new("a", "b");
    for (names, expired, words) in
        [(["turn.example"], true, "has expired"), (["another.example"], false, "for another host name")]
    {
        let identity = TlsIdentity::generate(&names, expired).unwrap();
        let local = (ip, 0).into();
        let tls = RelayProtocol::Tls;
        let server = TurnServer::serve(Arc::clone(&network), local, tls, &credentials, Some(&identity)).unwrap();
        let trust = TlsTrust::with_authorities(identity.certificate_pem().as_bytes()).unwrap();
        // Side B reaches its own server.
        let mut fixture = Fixture::open_as(&world, Side::B, 1, trust, |wanted| wanted.address = server.address()).await;
        let RelayNews::Failed(error) = fixture.news().await else { panic!("not failed") };
        assert!(error.to_string().contains(words), "{error}");
    }
}
