//! Bases, tap and discovery of `floe-transport` over simulated and real sockets, as a call uses them.
#![expect(clippy::unwrap_used, reason = "the helpers of a test file are test code, which clippy does not see")]

use std::time::Duration;

use floe_simnet::{Scenario, Side, World};
use floe_transport::{Base, Clock, Discovery, DiscoveryOutput, Inbound, ServerUrl, Tap, TapReceiver, clock};
use floe_wire::{BaseId, Direction, Note, Record, RecordBody, stun::StunMessage};
use tokio::sync::mpsc;

/// One peer that asks every server from every base.
struct Gatherer {
    bases: Vec<Base>,
    discovery: Discovery,
    inbound: mpsc::Receiver<Inbound>,
    records: TapReceiver,
}

async fn gatherer(world: &World, side: Side) -> Gatherer {
    let network = world.network(side);
    let (tap, records) = Tap::new(Clock::start(), 256);
    let (sender, inbound) = mpsc::channel(64);
    let mut bases: Vec<Base> = Vec::new();
    for interface in network.interfaces().unwrap() {
        for ip in interface.addresses.clone() {
            let id = BaseId(u32::try_from(bases.len()).unwrap());
            bases.push(Base::open(&*network, &tap, id, interface.clone(), ip, sender.clone()).unwrap());
        }
    }
    let mut discovery = Discovery::new(1);
    for server in &world.stun_servers {
        let url = ServerUrl::parse(server).unwrap();
        for address in network.resolve(&url.host, url.port).await.unwrap() {
            for base in &bases {
                discovery.ask(base.id(), base.address(), server, address, clock::now());
            }
        }
    }
    Gatherer { bases, discovery, inbound, records }
}

impl Gatherer {
    /// Runs until every server has answered or is named dead; gives what was found out.
    async fn run(&mut self) -> Vec<DiscoveryOutput> {
        let mut found = Vec::new();
        loop {
            while let Some(output) = self.discovery.poll_output() {
                match output {
                    DiscoveryOutput::Send { base, to, bytes } => {
                        let base = self.bases.iter().find(|own| own.id() == base).unwrap();
                        base.send(&bytes, to);
                    }
                    told => found.push(told),
                }
            }
            if self.discovery.is_done() {
                return found;
            }
            let wake = self.discovery.poll_timeout().expect("what is not done has a deadline");
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => self.discovery.handle_timeout(clock::now()),
                Some(inbound) = self.inbound.recv() => {
                    let message = StunMessage::decode(&inbound.bytes).unwrap();
                    assert!(self.discovery.handle(inbound.base, inbound.remote, &message, inbound.at));
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_bases_behind_one_router_learn_two_mapped_addresses_from_each_server() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let mut gatherer = gatherer(&world, Side::A).await;
    let found = gatherer.run().await;
    assert_eq!(found.len(), 4);
    for output in found {
        let DiscoveryOutput::Mapped { base, mapped, rtt, .. } = output else { panic!("{output:?}") };
        let own = gatherer.bases[base.0 as usize].address();
        assert_eq!(mapped.to_string(), format!("203.0.113.10:{}", own.port()));
        // 20 ms, Wi-Fi a little more; the paused clock rounds up to milliseconds at either end.
        assert!(rtt >= Duration::from_millis(20) && rtt <= Duration::from_millis(25), "{rtt:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_record_shows_bases_then_questions_then_answers() {
    let world = World::build(Scenario::OneNat, 1).unwrap();
    let mut gatherer = gatherer(&world, Side::A).await;
    gatherer.run().await;
    let mut records: Vec<Record> = Vec::new();
    gatherer.records.recv_many(&mut records).await;
    assert!(matches!(records[0].body.as_note(), Some(Note::BaseOpened { base: BaseId(0), .. })));
    let ways = records[1..].iter().map(|record| match &record.body {
        RecordBody::Packet(packet) => packet.direction,
        RecordBody::Note(note) => panic!("{note:?}"),
    });
    let expected = [Direction::Outbound, Direction::Outbound, Direction::Inbound, Direction::Inbound];
    assert_eq!(ways.collect::<Vec<_>>(), expected);
    assert!(records.is_sorted_by_key(|record| record.at));
}

#[tokio::test(start_paused = true)]
async fn where_udp_is_blocked_every_server_is_named_dead_within_five_seconds() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    world.block_udp(Side::B, true);
    let start = clock::now();
    let found = gatherer(&world, Side::B).await.run().await;
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|output| matches!(output, DiscoveryOutput::Failed { .. })), "{found:?}");
    assert!(clock::now() - start <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn lost_requests_are_repeated_until_answered() {
    let world = World::build(Scenario::OneNat, 3).unwrap();
    world.set_loss(Side::A, 1.0);
    let mut gatherer = gatherer(&world, Side::A).await;
    let repair = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        world.set_loss(Side::A, 0.0);
    };
    let (found, ()) = tokio::join!(gatherer.run(), repair);
    for output in found {
        let DiscoveryOutput::Mapped { rtt, .. } = output else { panic!("{output:?}") };
        assert!(rtt < Duration::from_millis(25), "the round trip of the request that was answered, not {rtt:?}");
    }
}

#[tokio::test]
async fn real_loopback_sockets_are_answered_too() {
    let world = World::build(Scenario::Loopback, 1).unwrap();
    let mut gatherer = gatherer(&world, Side::A).await;
    let found = tokio::time::timeout(Duration::from_secs(20), gatherer.run()).await.expect("in time");
    assert!(found.len() >= 2);
    for output in found {
        let DiscoveryOutput::Mapped { base, mapped, .. } = output else { panic!("{output:?}") };
        assert_eq!(mapped, gatherer.bases[base.0 as usize].address());
    }
}
