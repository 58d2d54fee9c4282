//! Probes of simulated networks: the report says what was built.

use floe_inspect::forecast::Outlook;
use floe_simnet::{Ipv6, Scenario, Side, World};
use floe_wire::RelayProtocol;

use super::*;

async fn probed(scenario: Scenario, side: Side) -> ProbeReport {
    let world = World::build(scenario, 1).unwrap();
    probe_in(&world, side).await
}

async fn probe_in(world: &World, side: Side) -> ProbeReport {
    let (stun_servers, include_loopback) = (world.stun_servers.clone(), world.include_loopback);
    let config = ProbeConfig { stun_servers, include_loopback, ..ProbeConfig::default() };
    probe(&config, world.network(side)).await
}

fn outlooks(report: &ProbeReport) -> [(Outlook, Outlook); 3] {
    let outlooks = report.forecast.iter().map(|row| (row.without_relay.outlook, row.with_relay.outlook));
    outlooks.collect::<Vec<_>>().try_into().unwrap()
}

use Outlook::{Direct, NoPath, Relay, Unknown};

#[tokio::test(start_paused = true)]
async fn a_home_router_reaches_everybody_but_symmetric_ones() {
    let report = probed(Scenario::TwoNat, Side::A).await;
    assert_eq!(report.nat.mapping, Some("endpoint-independent"));
    assert_eq!(report.nat.filtering, Some("address-and-port-dependent"));
    assert_eq!(outlooks(&report), [(Direct, Direct), (Direct, Direct), (NoPath, Relay)]);
    assert!(report.servers.iter().all(|server| server.udp.ok == Some(true)), "{:?}", report.servers);
    assert!(report.is_connected());
    let text = report.lines().join("\n");
    assert!(text.contains("192.168.1.10 is seen as 203.0.113.10:"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_symmetric_router_reaches_open_peers_only() {
    let report = probed(Scenario::Symmetric, Side::A).await;
    assert_eq!(report.nat.mapping, Some("address-and-port-dependent"));
    assert_eq!(outlooks(&report), [(Direct, Direct), (NoPath, Relay), (NoPath, Relay)]);
}

#[tokio::test(start_paused = true)]
async fn a_router_that_lets_anybody_in_reaches_everybody() {
    let report = probed(Scenario::Symmetric, Side::B).await;
    assert_eq!(report.nat.filtering, Some("endpoint-independent"));
    assert_eq!(outlooks(&report), [(Direct, Direct); 3]);
}

#[tokio::test(start_paused = true)]
async fn ipv6_that_works_is_said_to_work_and_none_is_said_to_lack_an_address() {
    let report = probed(Scenario::DualStack, Side::A).await;
    assert_eq!(report.ipv6.state, Ipv6State::Works, "{}", report.ipv6.why);
    let report = probed(Scenario::TwoNat, Side::A).await;
    assert_eq!(report.ipv6.state, Ipv6State::NoAddress, "{}", report.ipv6.why);
}

#[tokio::test(start_paused = true)]
async fn ipv6_without_a_route_is_told_from_ipv6_that_is_off_with_and_without_servers() {
    for (ipv6, state) in
        [(Ipv6::On, None), (Ipv6::NoRoute, Some(Ipv6State::NoRoute)), (Ipv6::Off, Some(Ipv6State::Off))]
    {
        let world = World::build(Scenario::DualStack, 1).unwrap();
        assert!(world.set_ipv6(Side::A, ipv6));
        let report = probe_in(&world, Side::A).await;
        assert_eq!(report.ipv6.state, state.unwrap_or(Ipv6State::Works), "{}", report.ipv6.why);
        let report = probe(&ProbeConfig::default(), world.network(Side::A)).await;
        assert_eq!(report.ipv6.state, state.unwrap_or(Ipv6State::Unknown), "{}", report.ipv6.why);
    }
}

#[tokio::test(start_paused = true)]
async fn stun_servers_are_tested_over_tcp_and_tls_where_their_url_says_so() {
    let world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Tcp, RelayProtocol::Tls], 1).unwrap();
    // A TURN server answers Binding requests, over whatever it is reached by.
    let stun_servers = ["stun:turn.example?transport=tcp", "stuns:turn.example:443", "stuns:turn.example:3478"];
    let stun_servers = stun_servers.map(str::to_owned).to_vec();
    let config = ProbeConfig { stun_servers, trust: world.turn_trust.clone(), ..ProbeConfig::default() };
    let report = probe(&config, world.network(Side::A)).await;
    let ok = |server: &ServerReport| [&server.udp, &server.tcp, &server.tls].map(|reach| reach.ok);
    assert_eq!(ok(&report.servers[0]), [None, Some(true), None], "{:?}", report.servers);
    assert_eq!(ok(&report.servers[1]), [None, None, Some(true)], "{:?}", report.servers);
    assert!(report.servers[1].tls.rtt_ms.is_some_and(|rtt| rtt > 15.0), "{:?}", report.servers);
    let error = report.servers[2].tls.error.as_deref().unwrap();
    assert!(error.contains("TLS"), "{error}");
    let stranger = ProbeConfig { trust: TlsTrust::default(), ..config };
    let report = probe(&stranger, world.network(Side::A)).await;
    let error = report.servers[1].tls.error.as_deref().unwrap();
    assert!(error.contains("certificate") || error.contains("authority"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn blocked_udp_leaves_the_nat_unknown_and_names_every_server() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    world.block_udp(Side::B, true);
    let report = probe_in(&world, Side::B).await;
    assert_eq!((report.nat.mapping, report.nat.mapping_unknown), (None, Some("no server answered over UDP")));
    assert!(report.servers.iter().all(|server| server.udp.error.is_some() && server.udp.ok == Some(false)));
    assert_eq!(outlooks(&report), [(NoPath, Relay); 3]);
    assert_eq!(report.forecast[0].outlook_words(), "no path; with a relay: through a relay");
    assert!(report.forecast[0].without_relay.why.contains("blocked"));
}

#[tokio::test(start_paused = true)]
async fn without_a_server_nothing_is_known_and_nothing_is_denied() {
    let report = probed(Scenario::Lan, Side::A).await;
    assert_eq!((report.nat.mapping, report.nat.mapping_unknown), (None, Some("no STUN server was asked")));
    assert_eq!(outlooks(&report), [(Unknown, Unknown); 3]);
    assert!(report.servers.is_empty() && report.is_connected());
    assert!(report.lines().join("\n").contains("not known; with a relay: a path in any case"));
}

#[tokio::test(start_paused = true)]
async fn a_bad_url_and_an_unknown_name_are_each_told_and_the_rest_goes_on() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let mut stun_servers = vec!["http://nonsense".to_owned(), "stun:no-such-name.example".to_owned()];
    stun_servers.extend(world.stun_servers.clone());
    let report = probe(&ProbeConfig { stun_servers, ..ProbeConfig::default() }, world.network(Side::A)).await;
    let errors: Vec<_> = report.servers.iter().filter_map(|server| server.udp.error.as_deref()).collect();
    assert!(errors[0].contains("not a STUN server") && errors[1].contains("does not resolve"), "{errors:?}");
    assert_eq!(report.nat.mapping, Some("endpoint-independent"));
}

#[tokio::test(start_paused = true)]
async fn a_turn_server_that_is_down_or_misspelt_is_told_without_its_password() {
    let world = World::build(Scenario::TwoNat, 1).unwrap();
    let turn_servers = [
        "turn:alice:hunter2@192.0.2.77",
        "turn:alice:hunter2@no-such-name.example",
        "turn:192.0.2.77",
        "alice:hunter2",
    ];
    let turn_servers = turn_servers.map(|url| TurnAccess { url: url.to_owned(), credentials: None }).to_vec();
    let report = probe(&ProbeConfig { turn_servers, ..ProbeConfig::default() }, world.network(Side::A)).await;
    let errors: Vec<_> = report.servers.iter().filter_map(|server| server.udp.error.as_deref()).collect();
    assert_eq!(errors.len(), 4, "{:?}", report.servers);
    assert!(errors[0].contains("no answer within") && errors[1].contains("does not resolve"), "{errors:?}");
    assert!(errors[2].contains("a user name and a password") && errors[3].contains("not a TURN server"), "{errors:?}");
    assert!(report.servers[0].tcp.error.is_some(), "TCP is tried as well");
    let all = format!("{}{}", report.lines().join("\n"), serde_json::to_string(&report).unwrap());
    assert!(!all.contains("hunter2"), "{all}");
    assert!(!report.is_connected());
}

#[tokio::test(start_paused = true)]
async fn relays_are_asked_for_an_address_over_udp_tcp_and_tls() {
    let world = World::build(Scenario::SymmetricBoth, 1).unwrap();
    assert!(!world.turn_servers.is_empty());
    let (turn_servers, trust) = (world.turn_servers.clone(), world.turn_trust.clone());
    let config = ProbeConfig { turn_servers, trust, ..ProbeConfig::default() };
    let report = probe(&config, world.network(Side::A)).await;
    assert_eq!(report.servers.len(), world.turn_servers.len());
    for server in &report.servers {
        let works = [&server.udp, &server.tcp, &server.tls].map(|reach| reach.ok == Some(true));
        assert!(works.contains(&true) && server.relayed.is_some(), "{server:?}");
    }
}

#[tokio::test]
async fn real_loopback_sockets_are_probed_too() {
    let report = probed(Scenario::Loopback, Side::A).await;
    assert_eq!(report.nat.mapping, Some("no translation"), "{:?}", report.nat);
    assert!(report.servers.iter().all(|server| server.udp.ok == Some(true)), "{:?}", report.servers);
}
