//! Gathering on simulated networks in simulated time: how soon a code can be made, and what it tells then.

use floe_simnet::{Scenario, Side, World};
use floe_transport::{Clock, TapReceiver, clock};
use floe_wire::{CandidateType, RelayProtocol, turn::Method};

use super::*;

/// Nothing a code waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(15);
const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// One side that gathers.
struct Gatherer {
    gathering: Gathering,
    inbound: mpsc::Receiver<Inbound>,
    _records: TapReceiver,
    started: Instant,
}

impl Gatherer {
    fn start(world: &World, side: Side, config: &CallConfig) -> Self {
        let (tap, records) = Tap::new(Clock::start(), 1024);
        let (sender, inbound) = mpsc::channel(256);
        let started = clock::now();
        let gathering = Gathering::start(config, &world.network(side), &tap, &sender, started);
        Self { gathering, inbound, _records: records, started }
    }

    /// Takes whatever comes next.
    async fn step(&mut self) {
        let Self { gathering, inbound, started, .. } = self;
        let latest = *started + PATIENCE;
        let wake = gathering.poll_timeout().into_iter().chain([gathering.code_deadline(), latest]);
        let wake = wake.filter(|at| *at > clock::now()).min().unwrap_or(latest);
        tokio::select! {
            Some(Inbound { base, remote, bytes, at, .. }) = inbound.recv() => {
                if let Ok(message) = StunMessage::decode(&bytes) {
                    gathering.on_stun(base, remote, &message, at);
                }
            }
            found = gathering.next_found() => {
                gathering.on_found(found, clock::now());
            }
            () = tokio::time::sleep_until(wake.into()) => {}
        }
        if gathering.poll_timeout().is_some_and(|at| at <= clock::now()) {
            gathering.on_timeout(clock::now());
        }
    }

    /// Goes on until there is a relayed address; after how long since the start, or none until then.
    async fn until_relayed(&mut self, until: Duration) -> Option<Duration> {
        while clock::now() < self.started + until {
            if self.gathering.relayed().next().is_some() {
                return Some(clock::now() - self.started);
            }
            let _nothing_happens = tokio::time::timeout_at((self.started + until).into(), self.step()).await;
        }
        None
    }

    /// Goes on until a code may be made; after how long that is.
    async fn until_code(&mut self) -> Duration {
        while !self.gathering.is_code_worthy(clock::now()) {
            assert!(clock::now() < self.started + PATIENCE, "no code within {PATIENCE:?}");
            self.step().await;
        }
        clock::now() - self.started
    }

    fn types(&self) -> Vec<CandidateType> {
        let udp = self.gathering.candidates().into_iter().filter(|candidate| candidate.tcp_type.is_none());
        udp.map(|candidate| candidate.candidate_type).collect()
    }
}

fn config(world: &World) -> CallConfig {
    CallConfig {
        stun_servers: world.stun_servers.clone(),
        turn_servers: world.turn_servers.clone(),
        turn_trust: world.turn_trust.clone(),
        ..CallConfig::default()
    }
}

/// To a server of a simulated internet and back.
const ROUND_TRIP: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn where_udp_is_blocked_the_code_follows_the_relay_within_a_few_round_trips() {
    let world = World::build(Scenario::UdpBlocked, 1).unwrap();
    let mut a = Gatherer::start(&world, Side::A, &config(&world));
    let code = a.until_code().await;
    assert!(code <= 7 * ROUND_TRIP, "{code:?} to a code");
    assert!(a.types().contains(&CandidateType::Relayed), "{:?}", a.types());
}

#[tokio::test(start_paused = true)]
async fn a_relay_over_tcp_takes_three_round_trips_and_over_tls_four() {
    for (transport, round_trips) in [(RelayProtocol::Tcp, 3), (RelayProtocol::Tls, 4)] {
        let relays: &'static [RelayProtocol] =
            if transport == RelayProtocol::Tcp { &[RelayProtocol::Tcp] } else { &[RelayProtocol::Tls] };
        let world = World::build_with_relays(Scenario::UdpBlocked, relays, 1).unwrap();
        let mut a = Gatherer::start(&world, Side::A, &config(&world));
        while a.gathering.relayed().next().is_none() {
            a.step().await;
        }
        let took = clock::now() - a.started;
        assert!(took <= round_trips * ROUND_TRIP + 2 * MS, "{transport:?} took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_dead_server_is_not_waited_for_where_another_one_answers() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let mut config = config(&world);
    config.stun_servers = vec![config.stun_servers[0].clone(), "stun:192.0.2.77".to_owned()];
    let mut b = Gatherer::start(&world, Side::B, &config);
    let code = b.until_code().await;
    assert!(code <= 200 * MS, "{code:?} to a code");
    assert!(b.types().contains(&CandidateType::ServerReflexive));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_merely_slow_is_in_the_code_where_it_alone_tells_an_address() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    assert!(world.set_delay(Side::B, 900 * MS));
    let mut b = Gatherer::start(&world, Side::B, &config(&world));
    let code = b.until_code().await;
    assert!(b.types().contains(&CandidateType::ServerReflexive), "{:?} after {code:?}", b.types());
}

#[tokio::test(start_paused = true)]
async fn slow_servers_are_in_the_code_beside_a_relay_that_is_as_slow() {
    let world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Tcp], 1).unwrap();
    assert!(world.set_delay(Side::B, 300 * MS));
    let mut b = Gatherer::start(&world, Side::B, &config(&world));
    b.until_code().await;
    assert!(b.types().contains(&CandidateType::ServerReflexive) && b.types().contains(&CandidateType::Relayed));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_answers_the_code_comes_when_patience_ends() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    assert!(world.block_udp(Side::B, true));
    let mut b = Gatherer::start(&world, Side::B, &config(&world));
    let code = b.until_code().await;
    assert!((2500 * MS..2510 * MS).contains(&code), "{code:?} to a code");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_had_no_room_at_first_is_asked_again_ever_more_slowly() {
    let mut world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Udp], 1).unwrap();
    world.refuse_turn(Method::Allocate, 508);
    let mut b = Gatherer::start(&world, Side::B, &config(&world));
    assert_eq!(b.until_relayed(75 * SECOND).await, None);
    // It has room from here on.
    assert!(world.restart_turn().await);
    let took = b.until_relayed(400 * SECOND).await.expect("it was asked again");
    // It was asked after 10 s, 20 s more and 40 s more; the next time is 80 s later.
    assert!((150 * SECOND..151 * SECOND).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_out_of_reach_for_an_hour_is_asked_every_five_minutes() {
    let mut world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Udp], 1).unwrap();
    world.refuse_turn(Method::Allocate, 500);
    let mut b = Gatherer::start(&world, Side::B, &config(&world));
    assert_eq!(b.until_relayed(3600 * SECOND).await, None);
    assert!(world.restart_turn().await);
    let took = b.until_relayed(4000 * SECOND).await.expect("it was asked again");
    assert!(took <= 3901 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_believe_the_password_is_not_asked_again() {
    let mut world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Udp], 1).unwrap();
    world.refuse_turn(Method::Allocate, 401);
    let mut b = Gatherer::start(&world, Side::B, &config(&world));
    assert_eq!(b.until_relayed(15 * SECOND).await, None);
    assert!(world.restart_turn().await);
    assert_eq!(b.until_relayed(1000 * SECOND).await, None);
}

#[tokio::test(start_paused = true)]
async fn relay_only_waits_for_no_stun_server() {
    let world = World::build(Scenario::UdpBlocked, 1).unwrap();
    let config = CallConfig { privacy: Privacy::RelayOnly, ..config(&world) };
    let mut a = Gatherer::start(&world, Side::A, &config);
    let code = a.until_code().await;
    assert!(code <= 7 * ROUND_TRIP, "{code:?} to a code");
    assert_eq!(a.types(), [CandidateType::Relayed; 2]);
}

#[tokio::test(start_paused = true)]
async fn every_candidate_has_a_priority_of_its_own_also_with_chosen_ports_and_many_servers() {
    let world = World::build_with_relays(Scenario::DualStack, &[RelayProtocol::Udp, RelayProtocol::Tcp], 1).unwrap();
    let config = CallConfig { tcp_ports: vec![443, 80, 8080], ..config(&world) };
    let mut a = Gatherer::start(&world, Side::A, &config);
    a.until_code().await;
    let mut priorities: Vec<u32> = a.gathering.candidates().iter().map(|candidate| candidate.priority).collect();
    let all = priorities.len();
    priorities.sort_unstable();
    priorities.dedup();
    assert_eq!(priorities.len(), all);
    assert!(a.types().iter().filter(|kind| **kind == CandidateType::Relayed).count() >= 4, "both families, twice");
}
