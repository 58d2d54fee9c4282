//! Routers that forward, translate and refuse.

use super::*;
use crate::{LinkProfile, NatConfig, fabric::Fabric};

const EXTERNAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 10));

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn datagram(source: &str, destination: &str) -> Datagram {
    Datagram { source: at(source), destination: at(destination), payload: Payload::Udp(Bytes::from_static(b"x")) }
}

/// A home router with two inside links and one outside.
struct Home {
    router: Router,
    first: LinkId,
    second: LinkId,
    outside: LinkId,
    now: Instant,
}

fn home(config: NatConfig) -> Home {
    let mut fabric = Fabric::new(1);
    let (node, other) = (fabric.add_router(), fabric.add_router());
    let [first, second, outside] = [0; 3].map(|_| fabric.add_link([node, other], LinkProfile::default()));
    let mut router = Router::default();
    let prefix = |ip: &str, length| Prefix::new(ip.parse().unwrap(), length);
    router.add_route(prefix("0.0.0.0", 0), outside);
    router.add_route(prefix("::", 0), outside);
    router.add_route(prefix("192.168.1.0", 24), first);
    router.add_route(prefix("192.168.1.11", 32), second);
    router.add_route(prefix("2001:db8:a::", 48), first);
    router.set_border(Border::new(outside, config, EXTERNAL, [1, 2]));
    Home { router, first, second, outside, now: Instant::now() }
}

impl Home {
    fn forward(&mut self, via: LinkId, datagram: &mut Datagram) -> Result<LinkId, Loss> {
        self.router.forward(via, datagram, self.now)
    }
}

#[test]
fn the_longest_prefix_decides_and_inside_traffic_is_not_translated() {
    let mut home = home(NatConfig::HOME);
    let mut inside = datagram("192.168.1.10:5000", "192.168.1.11:6000");
    assert_eq!(home.forward(home.first, &mut inside), Ok(home.second));
    assert_eq!(inside.source, at("192.168.1.10:5000"));
}

#[test]
fn what_leaves_is_translated_and_its_answer_translated_back() {
    let mut home = home(NatConfig::HOME);
    let mut question = datagram("192.168.1.10:5000", "192.0.2.1:3478");
    assert_eq!(home.forward(home.first, &mut question), Ok(home.outside));
    assert_eq!(question.source, at("203.0.113.10:5000"));
    let mut answer = datagram("192.0.2.1:3478", "203.0.113.10:5000");
    assert_eq!(home.forward(home.outside, &mut answer), Ok(home.first));
    assert_eq!(answer.destination, at("192.168.1.10:5000"));
}

#[test]
fn hairpinning_reaches_a_neighbour_through_the_external_address_where_it_is_on() {
    for (hairpinning, expected) in [(true, Ok(())), (false, Err(Loss::Filtered))] {
        let mut home = home(NatConfig { hairpinning, ..NatConfig::OPEN });
        home.forward(home.second, &mut datagram("192.168.1.11:6000", "192.0.2.1:3478")).unwrap();
        let mut hairpin = datagram("192.168.1.10:5000", "203.0.113.10:6000");
        let result = home.forward(home.first, &mut hairpin);
        assert_eq!(result, expected.map(|()| home.second), "hairpinning {hairpinning}");
        if hairpinning {
            assert_eq!((hairpin.source, hairpin.destination), (at("203.0.113.10:5000"), at("192.168.1.11:6000")));
        }
    }
}

#[test]
fn hairpinned_datagrams_are_filtered_like_others() {
    let mut home = home(NatConfig { hairpinning: true, ..NatConfig::HOME });
    home.forward(home.second, &mut datagram("192.168.1.11:6000", "192.0.2.1:3478")).unwrap();
    let mut hairpin = datagram("192.168.1.10:5000", "203.0.113.10:6000");
    assert_eq!(home.forward(home.first, &mut hairpin), Err(Loss::Filtered));
}

#[test]
fn the_outside_cannot_send_to_private_addresses() {
    let mut home = home(NatConfig::OPEN);
    let mut guess = datagram("192.0.2.1:3478", "192.168.1.10:5000");
    assert_eq!(home.forward(home.outside, &mut guess), Err(Loss::Filtered));
}

#[test]
fn ipv6_passes_untranslated_once_it_was_sent_to_and_until_it_is_forgotten() {
    let mut home = home(NatConfig::HOME);
    let (inside, outside) = ("[2001:db8:a::10]:5000", "[2001:db8:b::20]:6000");
    assert_eq!(home.forward(home.outside, &mut datagram(outside, inside)), Err(Loss::Filtered));
    let mut question = datagram(inside, outside);
    assert_eq!(home.forward(home.first, &mut question), Ok(home.outside));
    assert_eq!(question.source, at(inside));
    assert_eq!(home.forward(home.outside, &mut datagram(outside, inside)), Ok(home.first));
    let stranger = "[2001:db8:b::20]:6001";
    assert_eq!(home.forward(home.outside, &mut datagram(stranger, inside)), Err(Loss::Filtered));
    home.now += FLOW_EXPIRY;
    assert_eq!(home.forward(home.outside, &mut datagram(outside, inside)), Err(Loss::Filtered));
}

#[test]
fn blocked_udp_crosses_the_border_neither_way_and_the_inside_is_free() {
    let mut home = home(NatConfig::OPEN);
    home.forward(home.first, &mut datagram("192.168.1.10:5000", "192.0.2.1:3478")).unwrap();
    home.router.border_mut().unwrap().udp_blocked = true;
    let mut out = datagram("192.168.1.10:5000", "192.0.2.1:3478");
    assert_eq!(home.forward(home.first, &mut out), Err(Loss::Blocked));
    let mut back = datagram("192.0.2.1:3478", "203.0.113.10:5000");
    assert_eq!(home.forward(home.outside, &mut back), Err(Loss::Blocked));
    let mut inside = datagram("192.168.1.10:5000", "192.168.1.11:6000");
    assert_eq!(home.forward(home.first, &mut inside), Ok(home.second));
}

#[test]
fn a_router_without_routes_knows_no_way() {
    let mut home = home(NatConfig::HOME);
    home.router = Router::default();
    assert_eq!(home.forward(home.first, &mut datagram("192.0.2.1:1", "192.0.2.2:1")), Err(Loss::Unroutable));
}
