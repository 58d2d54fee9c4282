//! The scenarios, as data.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use floe_wire::{InterfaceKind, RelayProtocol};

use crate::{LinkProfile, NatConfig, Prefix};

/// A network situation that two peers can be put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scenario {
    /// Both on one local network.
    Lan,
    /// One behind a home router, one public.
    OneNat,
    /// Each behind a home router.
    #[default]
    TwoNat,
    /// One behind a symmetric NAT, one behind an open one.
    Symmetric,
    /// Both behind symmetric NATs.
    SymmetricBoth,
    /// Both behind home routers that let no UDP through.
    UdpBlocked,
    /// IPv4 behind NATs and IPv6 without.
    DualStack,
    /// One with Wi-Fi at home and mobile data, each behind a NAT of its own; one public.
    Roam,
    /// Real sockets on this machine.
    Loopback,
}

impl Scenario {
    /// All of them, in the order people are shown them.
    pub const ALL: [Self; 9] = [
        Self::Lan,
        Self::OneNat,
        Self::TwoNat,
        Self::Symmetric,
        Self::SymmetricBoth,
        Self::UdpBlocked,
        Self::DualStack,
        Self::Roam,
        Self::Loopback,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::OneNat => "one-nat",
            Self::TwoNat => "two-nat",
            Self::Symmetric => "symmetric",
            Self::SymmetricBoth => "symmetric-both",
            Self::UdpBlocked => "udp-blocked",
            Self::DualStack => "dual-stack",
            Self::Roam => "roam",
            Self::Loopback => "loopback",
        }
    }

    /// The scenario of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// One sentence about it.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Lan => "Both computers are on one local network, each by cable and by Wi-Fi.",
            Self::OneNat => "One computer is behind a home router, the other has a public address.",
            Self::TwoNat => "Each computer is behind a home router of its own, 30 ms apart.",
            Self::Symmetric => {
                "One router gives every destination another port (\"symmetric\"); the other one lets anybody in."
            }
            Self::SymmetricBoth => {
                "Both routers give every destination another port, so that only a relay (TURN) joins the two."
            }
            Self::UdpBlocked => "No router lets UDP through, so that only a relay reached by TCP or TLS joins the two.",
            Self::DualStack => "Both computers have IPv4 behind a home router and IPv6 without translation.",
            Self::Roam => "One computer moves between Wi-Fi at home and mobile data, the other has a public address.",
            Self::Loopback => "Real sockets on this computer, without any simulation.",
        }
    }

    /// How its TURN server can be reached; where a direct path exists, there is none.
    pub(crate) const fn relays(self) -> &'static [RelayProtocol] {
        match self {
            Self::SymmetricBoth => &[RelayProtocol::Udp],
            Self::UdpBlocked => &[RelayProtocol::Tcp, RelayProtocol::Tls],
            Self::Lan
            | Self::OneNat
            | Self::TwoNat
            | Self::Symmetric
            | Self::DualStack
            | Self::Roam
            | Self::Loopback => &[],
        }
    }

    /// Whether no router lets UDP through.
    pub(crate) const fn blocks_udp(self) -> bool {
        matches!(self, Self::UdpBlocked)
    }

    /// How it is built.
    pub(crate) const fn plan(self) -> Plan {
        match self {
            Self::Lan => Plan::SharedLan([LAN_A, LAN_B]),
            Self::OneNat => Plan::Internet([
                Site { interfaces: HOME_A, access: Access::Router { nat: NatConfig::HOME, external: EXTERNAL_A } },
                Site { interfaces: PUBLIC_B, access: Access::Direct },
            ]),
            Self::TwoNat => Plan::Internet([
                Site { interfaces: TWO_LINKS_A, access: Access::Router { nat: NatConfig::HOME, external: EXTERNAL_A } },
                Site { interfaces: HOME_B, access: Access::Router { nat: NatConfig::HOME, external: EXTERNAL_B } },
            ]),
            Self::Symmetric => Plan::Internet([
                Site { interfaces: HOME_A, access: Access::Router { nat: NatConfig::SYMMETRIC, external: EXTERNAL_A } },
                Site { interfaces: HOME_B, access: Access::Router { nat: NatConfig::OPEN, external: EXTERNAL_B } },
            ]),
            Self::SymmetricBoth => Plan::Internet([
                Site { interfaces: HOME_A, access: Access::Router { nat: NatConfig::SYMMETRIC, external: EXTERNAL_A } },
                Site { interfaces: HOME_B, access: Access::Router { nat: NatConfig::SYMMETRIC, external: EXTERNAL_B } },
            ]),
            Self::UdpBlocked => Plan::Internet([
                Site { interfaces: HOME_A, access: Access::Router { nat: NatConfig::HOME, external: EXTERNAL_A } },
                Site { interfaces: HOME_B, access: Access::Router { nat: NatConfig::HOME, external: EXTERNAL_B } },
            ]),
            Self::DualStack => Plan::Internet([
                Site { interfaces: DUAL_A, access: Access::Router { nat: NatConfig::HOME, external: EXTERNAL_A } },
                Site { interfaces: DUAL_B, access: Access::Router { nat: NatConfig::HOME, external: EXTERNAL_B } },
            ]),
            Self::Roam => Plan::Roaming([
                Site { interfaces: WIFI_A, access: Access::Router { nat: NatConfig::HOME, external: EXTERNAL_A } },
                Site {
                    interfaces: MOBILE_A,
                    access: Access::Router { nat: NatConfig::HOME, external: EXTERNAL_MOBILE },
                },
                Site { interfaces: PUBLIC_B, access: Access::Direct },
            ]),
            Self::Loopback => Plan::Loopback,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a scenario is built.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plan {
    /// Both on one switch, and nothing else.
    SharedLan([&'static [Interface]; 2]),
    /// Both on the internet, with two STUN servers.
    Internet([Site; 2]),
    /// On the internet as well; the first two sites are both the first peer's.
    Roaming([Site; 3]),
    /// Real sockets.
    Loopback,
}

/// Where one peer sits on the internet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub interfaces: &'static [Interface],
    pub access: Access,
}

/// How a site is joined to the internet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access {
    /// Its addresses are public.
    Direct,
    /// Through a home router.
    Router { nat: NatConfig, external: IpAddr },
}

/// One interface of a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interface {
    pub name: &'static str,
    pub kind: InterfaceKind,
    pub addresses: &'static [IpAddr],
    pub link: LinkProfile,
}

/// A STUN server on the internet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    pub name: &'static str,
    pub addresses: [IpAddr; 2],
    /// What the first of its addresses has beside it, for RFC 5780.
    pub second: Option<IpAddr>,
}

/// Two, with different addresses, so that endpoint-dependent mapping shows; one of them can tell filtering too.
pub(crate) const SERVERS: [Server; 2] = [
    Server {
        name: "stun1.example",
        addresses: [v4(192, 0, 2, 1), v6([0x2001, 0xDB8, 1, 0, 0, 0, 0, 1])],
        second: Some(v4(192, 0, 2, 2)),
    },
    Server {
        name: "stun2.example",
        addresses: [v4(198, 51, 100, 1), v6([0x2001, 0xDB8, 2, 0, 0, 0, 0, 1])],
        second: None,
    },
];
/// The web server, where a test wants one.
pub(crate) const WEB_SERVER: IpAddr = v4(192, 0, 2, 80);
/// A server of A's carrier, in front of the carrier's NAT.
pub(crate) const CARRIER_SERVER: Server = Server {
    name: "stun.carrier.example",
    addresses: [v4(192, 0, 2, 33), v6([0x2001, 0xDB8, 1, 0, 0, 0, 0, 0x33])],
    second: None,
};
/// The second port of a server with a second address (RFC 5780 section 7.4 wants it to differ as well).
pub(crate) const SECOND_PORT: u16 = 3479;

/// The TURN server, and the address that it relays from as well.
pub(crate) const TURN_SERVER: Server =
    Server { name: "turn.example", addresses: [v4(192, 0, 2, 9), v6([0x2001, 0xDB8, 1, 0, 0, 0, 0, 9])], second: None };

/// From a home or a public host to the core of the internet, one way: 30 ms there and back between two of them.
pub(crate) const ACCESS_LINK: LinkProfile = LinkProfile::delay(Duration::from_micros(7500));
/// From a STUN server to the core of the internet, one way.
pub(crate) const SERVER_LINK: LinkProfile = LinkProfile::delay(Duration::from_micros(2500));
/// A cable to a switch: 0.3 ms there and back over two of them.
const CABLE: LinkProfile = LinkProfile::delay(Duration::from_micros(75));
/// A cable to a home router, whose share in the way to another home is too small to be worth a timer.
const SHORT_CABLE: LinkProfile = LinkProfile::delay(Duration::ZERO);
/// A fair Wi-Fi: a little slower than a cable, and less steady.
const WIFI: LinkProfile =
    LinkProfile { jitter: Duration::from_micros(500), ..LinkProfile::delay(Duration::from_micros(500)) };

/// Mobile data on a good day.
const MOBILE: LinkProfile =
    LinkProfile { jitter: Duration::from_millis(4), ..LinkProfile::delay(Duration::from_millis(12)) };

pub(crate) const EXTERNAL_A: IpAddr = v4(203, 0, 113, 10);
/// Of the mobile network.
const EXTERNAL_MOBILE: IpAddr = v4(203, 0, 113, 77);
pub(crate) const EXTERNAL_B: IpAddr = v4(198, 51, 100, 20);
/// What A's carrier gives to A's router, of the range that carriers share (RFC 6598).
pub(crate) const WAN_A: IpAddr = v4(100, 64, 0, 10);
/// What is delegated to the homes of the dual-stack scenario, and to a second site of a peer. The homes of the others
/// have no IPv6 in them.
pub(crate) const DELEGATED: [Prefix; 3] = [
    Prefix::new(v6([0x2001, 0xDB8, 0xA, 0, 0, 0, 0, 0]), 48),
    Prefix::new(v6([0x2001, 0xDB8, 0xB, 0, 0, 0, 0, 0]), 48),
    Prefix::new(v6([0x2001, 0xDB8, 0xC, 0, 0, 0, 0, 0]), 48),
];

const LAN_A: &[Interface] = &[cable(CABLE, &[v4(192, 168, 1, 10)]), wifi(&[v4(192, 168, 1, 11)])];
const LAN_B: &[Interface] = &[cable(CABLE, &[v4(192, 168, 1, 20)]), wifi(&[v4(192, 168, 1, 21)])];
const TWO_LINKS_A: &[Interface] = &[cable(SHORT_CABLE, &[v4(192, 168, 1, 10)]), wifi(&[v4(192, 168, 1, 11)])];
const WIFI_A: &[Interface] = &[wifi(&[v4(192, 168, 1, 11)])];
const MOBILE_A: &[Interface] = &[mobile(&[v4(10, 64, 7, 11)])];
pub(crate) const HOME_A: &[Interface] = &[cable(SHORT_CABLE, &[v4(192, 168, 1, 10)])];
pub(crate) const SHARED_B: &[Interface] = &[mobile(&[v4(100, 64, 7, 11)])];
const HOME_B: &[Interface] = &[cable(SHORT_CABLE, &[v4(192, 168, 178, 20)])];
const PUBLIC_B: &[Interface] = &[cable(SHORT_CABLE, &[v4(198, 51, 100, 30)])];
const DUAL_A: &[Interface] = &[cable(SHORT_CABLE, &[v4(192, 168, 1, 10), v6([0x2001, 0xDB8, 0xA, 1, 0, 0, 0, 0x10])])];
const DUAL_B: &[Interface] =
    &[cable(SHORT_CABLE, &[v4(192, 168, 178, 20), v6([0x2001, 0xDB8, 0xB, 1, 0, 0, 0, 0x20])])];

const fn cable(link: LinkProfile, addresses: &'static [IpAddr]) -> Interface {
    Interface { name: "eth0", kind: InterfaceKind::Ethernet, addresses, link }
}

const fn wifi(addresses: &'static [IpAddr]) -> Interface {
    Interface { name: "wlan0", kind: InterfaceKind::Wireless, addresses, link: WIFI }
}

const fn mobile(addresses: &'static [IpAddr]) -> Interface {
    Interface { name: "wwan0", kind: InterfaceKind::Cellular, addresses, link: MOBILE }
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(s: [u16; 8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::from_name(scenario.name()), Some(scenario));
        }
        assert_eq!(Scenario::from_name("Two-Nat"), None);
        assert_eq!(Scenario::default().name(), "two-nat");
    }

    #[test]
    fn every_scenario_is_described_by_one_sentence() {
        for scenario in Scenario::ALL {
            let sentence = scenario.describe();
            assert!(sentence.ends_with('.') && sentence.matches(". ").count() == 0, "{sentence}");
        }
    }
}
