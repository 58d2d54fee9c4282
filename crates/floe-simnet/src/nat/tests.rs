//! NATs by RFC 4787, in sentences.

use super::*;

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

const EXTERNAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 10));

fn inside() -> SocketAddr {
    at("192.168.1.10:5000")
}

/// Three remote endpoints: the first two share their address.
fn remotes() -> [SocketAddr; 3] {
    [at("192.0.2.1:1000"), at("192.0.2.1:2000"), at("198.51.100.1:1000")]
}

const ALL: [Dependence; 3] =
    [Dependence::EndpointIndependent, Dependence::AddressDependent, Dependence::AddressAndPortDependent];

#[test]
fn each_mapping_behaviour_keeps_the_port_as_far_as_rfc_4787_says() {
    for (mapping, same_address, other_address) in [
        (Dependence::EndpointIndependent, true, true),
        (Dependence::AddressDependent, true, false),
        (Dependence::AddressAndPortDependent, false, false),
    ] {
        for ports in [PortAssignment::Preserving, PortAssignment::Random] {
            let mut nat = Nat::new(NatConfig { mapping, ports, ..NatConfig::HOME }, EXTERNAL, 1);
            let now = Instant::now();
            let [first, second, third] = remotes().map(|remote| nat.outbound(inside(), remote, now).unwrap());
            assert_eq!(first == second, same_address, "{mapping:?} {ports:?}");
            assert_eq!(first == third, other_address, "{mapping:?} {ports:?}");
            assert_eq!(nat.outbound(inside(), remotes()[0], now), Some(first), "a known flow keeps its port");
        }
    }
}

#[test]
fn each_filtering_behaviour_lets_in_whom_rfc_4787_says() {
    for mapping in ALL {
        for (filtering, same_address, other_address) in [
            (Dependence::EndpointIndependent, true, true),
            (Dependence::AddressDependent, true, false),
            (Dependence::AddressAndPortDependent, false, false),
        ] {
            let mut nat = Nat::new(NatConfig { mapping, filtering, ..NatConfig::HOME }, EXTERNAL, 1);
            let now = Instant::now();
            let port = nat.outbound(inside(), remotes()[0], now).unwrap().port();
            let admitted = remotes().map(|remote| nat.inbound(remote, port, now) == Some(inside()));
            assert_eq!(admitted, [true, same_address, other_address], "{mapping:?} {filtering:?}");
        }
    }
}

#[test]
fn nobody_comes_in_at_a_port_without_mapping() {
    let nat = Nat::new(NatConfig::OPEN, EXTERNAL, 1);
    assert_eq!(nat.inbound(remotes()[0], 5000, Instant::now()), None);
}

#[test]
fn a_port_is_preserved_where_it_is_free() {
    let mut nat = Nat::new(NatConfig::HOME, EXTERNAL, 1);
    let now = Instant::now();
    let neighbour = at("192.168.1.11:5000");
    assert_eq!(nat.outbound(inside(), remotes()[0], now).unwrap().port(), 5000);
    assert_eq!(nat.outbound(neighbour, remotes()[0], now).unwrap().port(), 5001);
    assert_eq!(nat.inbound(remotes()[0], 5001, now), Some(neighbour));
}

#[test]
fn random_ports_come_from_the_seed() {
    let ports = |seed| {
        let mut nat = Nat::new(NatConfig::SYMMETRIC, EXTERNAL, seed);
        remotes().map(|remote| nat.outbound(inside(), remote, Instant::now()).unwrap().port())
    };
    assert_eq!(ports(1), ports(1));
    assert_ne!(ports(1), ports(2));
}

#[test]
fn a_mapping_that_sends_nothing_expires() {
    let mut nat = Nat::new(NatConfig::OPEN, EXTERNAL, 1);
    let start = Instant::now();
    let port = nat.outbound(inside(), remotes()[0], start).unwrap().port();
    let (before, after) = (start + Duration::from_secs(119), start + Duration::from_secs(120));
    assert_eq!(nat.inbound(remotes()[0], port, before), Some(inside()));
    assert_eq!(nat.inbound(remotes()[0], port, after), None);
}

#[test]
fn sending_keeps_a_mapping_alive_and_receiving_does_not() {
    let mut nat = Nat::new(NatConfig { ports: PortAssignment::Random, ..NatConfig::OPEN }, EXTERNAL, 1);
    let start = Instant::now();
    let seconds = |seconds| start + Duration::from_secs(seconds);
    let first = nat.outbound(inside(), remotes()[0], start).unwrap();
    assert_eq!(nat.outbound(inside(), remotes()[0], seconds(100)), Some(first));
    assert_eq!(nat.inbound(remotes()[0], first.port(), seconds(219)), Some(inside()));
    assert_eq!(nat.inbound(remotes()[0], first.port(), seconds(220)), None);
    assert_ne!(nat.outbound(inside(), remotes()[0], seconds(220)), Some(first), "a new mapping, a new random port");
}

#[test]
fn a_permission_expires_although_the_mapping_lives() {
    let mut nat = Nat::new(NatConfig::HOME, EXTERNAL, 1);
    let start = Instant::now();
    let later = start + Duration::from_secs(100);
    let port = nat.outbound(inside(), remotes()[0], start).unwrap().port();
    nat.outbound(inside(), remotes()[2], later);
    let end = start + Duration::from_secs(150);
    assert_eq!(nat.inbound(remotes()[2], port, end), Some(inside()));
    assert_eq!(nat.inbound(remotes()[0], port, end), None);
}

#[test]
fn a_flush_forgets_everything() {
    let mut nat = Nat::new(NatConfig::OPEN, EXTERNAL, 1);
    let now = Instant::now();
    let port = nat.outbound(inside(), remotes()[0], now).unwrap().port();
    nat.flush();
    assert_eq!(nat.inbound(remotes()[0], port, now), None);
}

#[test]
fn a_flood_of_flows_ends_in_refusal_and_recovers_when_they_expire() {
    let mut nat = Nat::new(NatConfig::SYMMETRIC, EXTERNAL, 1);
    let start = Instant::now();
    let remote = |port| SocketAddr::new(remotes()[0].ip(), port);
    let mapped = (1..=10_000).filter(|port| nat.outbound(inside(), remote(*port), start).is_some()).count();
    assert_eq!(mapped, MAX_MAPPINGS);
    assert!(nat.outbound(inside(), remote(20_000), start + NatConfig::HOME.expiry).is_some());
}
