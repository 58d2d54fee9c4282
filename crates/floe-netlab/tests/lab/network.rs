//! The lab itself: what its networks let through, shown with plain UDP before any call depends on it.

use std::{net::SocketAddr, time::Duration};

use floe_netlab::{Capture, Host, Lab, Process, Sprayer, StunServer, helper, isolated};

const SOON: Duration = Duration::from_secs(10);

/// An echo at port 4000 of a machine.
fn echo(host: &Host) -> Process {
    let mut echo = Process::start("echo", host.command(helper().unwrap()).args(["echo", "0.0.0.0:4000"])).unwrap();
    echo.wait_for_line(SOON, |line| (line == "ready").then_some(())).unwrap();
    echo
}

/// How the server sees somebody who asks from this local address.
fn mapped(host: &Host, server: SocketAddr, local: &str) -> String {
    let mut command = host.command(helper().unwrap());
    let mut ask = Process::start("ask", command.args(["ask", &server.to_string(), local])).unwrap();
    ask.wait_for_line(SOON, |line| line.strip_prefix("mapped ").map(str::to_owned)).unwrap()
}

fn send(from: &Host, to: &str, what: &[u8]) {
    let mut sprayer = Sprayer::on(from).unwrap();
    sprayer.send(to.parse().unwrap(), what).unwrap();
    assert_eq!(sprayer.finish().unwrap(), 1);
}

#[test]
fn machines_on_a_lan_reach_each_other() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let mut echo = echo(&lab.bob);

        send(&lab.alice, "10.77.0.3:4000", b"hello");

        let from = echo.wait_for_line(SOON, |line| line.strip_prefix("from ").map(str::to_owned)).unwrap();
        assert!(from.starts_with("10.77.0.2:"), "{from}");
    });
}

#[test]
fn a_router_keeps_the_port_and_shows_its_own_address() {
    isolated(|| {
        let lab = Lab::two_nats().unwrap();
        let server = StunServer::start(&lab).unwrap();

        assert_eq!(mapped(&lab.alice, server.address(), "192.168.1.2:5555"), "203.0.113.21:5555");
        assert_eq!(mapped(&lab.bob, server.address(), "192.168.2.2:5555"), "203.0.113.22:5555");
    });
}

#[test]
fn a_router_drops_what_its_inside_did_not_ask_for() {
    isolated(|| {
        let lab = Lab::two_nats().unwrap();
        let server = StunServer::start(&lab).unwrap();
        let mapping = mapped(&lab.alice, server.address(), "192.168.1.2:4000");
        let mut echo = echo(&lab.alice);

        send(&lab.stranger, &mapping, b"a stranger knocks");
        // What the inside sends to itself comes after the knock, so its arrival shows that the knock did not arrive.
        send(&lab.alice, "192.168.1.2:4000", b"from inside");

        let from = echo.wait_for_line(SOON, |line| line.strip_prefix("from ").map(str::to_owned)).unwrap();
        assert!(from.starts_with("192.168.1.2:"), "{from} got through the router");
    });
}

#[test]
fn the_middle_sees_what_passes_between_the_peers_and_replays_arrive_twice() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let mut echo = echo(&lab.bob);
        let capture = Capture::in_the_middle(&lab).unwrap();
        lab.replay_everything(&lab.alice, &lab.bob).unwrap();

        send(&lab.alice, "10.77.0.3:4000", b"hello");

        for _ in 0..2 {
            echo.wait_for_line(SOON, |line| line.starts_with("from 10.77.0.2:").then_some(())).unwrap();
        }
        let seen = capture.stop().unwrap();
        assert!(seen.iter().any(|datagram| datagram.payload == b"hello" && datagram.to.port() == 4000), "{seen:?}");
    });
}
