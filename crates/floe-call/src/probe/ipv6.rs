//! The state of IPv6, in four wordings, and a fifth for what was not tested.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use floe_transport::Network;
use serde::Serialize;

use super::Findings;

/// The first global unicast address, which the default route and no other leads to. Nothing is sent there.
const ANYWHERE: Ipv6Addr = Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1);

/// The state of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ipv6State {
    /// A server answered over it.
    Works,
    /// The system speaks it and has no address that is valid everywhere.
    NoAddress,
    /// There is an address, and packets find no way.
    NoRoute,
    /// The system does not speak it.
    Off,
    /// There is an address, and nobody answered who would have proven that it works.
    Unknown,
}

impl Ipv6State {
    /// The words people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::NoAddress => "no address",
            Self::NoRoute => "no route",
            Self::Off => "off",
            Self::Unknown => "not known",
        }
    }
}

/// The state of IPv6 and how it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ipv6Report {
    /// The state.
    pub state: Ipv6State,
    /// How it shows, in one sentence.
    pub why: &'static str,
}

/// Judges by what was found.
pub(super) fn judge(findings: &Findings, network: &dyn Network) -> Ipv6Report {
    let has_any = findings.interfaces.iter().flat_map(|interface| &interface.addresses).any(IpAddr::is_ipv6);
    let is_on = has_any || network.bind_udp((Ipv6Addr::LOCALHOST, 0).into()).is_ok();
    let global: Vec<_> = findings.udp.bases.iter().filter(|base| is_global(base.address)).collect();
    let udp = findings.udp.answers.iter().filter(|answer| answer.is_ipv6);
    let tcp = findings.streams.iter().filter(|answer| answer.is_ipv6);
    let results: Vec<bool> =
        udp.map(|answer| answer.result.is_ok()).chain(tcp.map(|answer| answer.result.is_ok())).collect();
    let (state, why) = if !global.is_empty() && results.contains(&true) {
        (Ipv6State::Works, "a server answered over it")
    } else if !is_on {
        (Ipv6State::Off, "this computer's system does not speak it")
    } else if global.is_empty() {
        (Ipv6State::NoAddress, "no interface has an address that is valid outside")
    } else if global.iter().all(|base| base.is_unroutable || !leads_outside(base.address, network)) {
        (Ipv6State::NoRoute, "there is an address, and the system knows no way for what is sent from it")
    } else if results.is_empty() {
        (Ipv6State::Unknown, "there is an address, and no server with IPv6 was asked")
    } else {
        (Ipv6State::Unknown, "there is an address, and no server answered over it")
    };
    Ipv6Report { state, why }
}

/// Whether the system would send a packet from this address to the wide world.
fn leads_outside(ip: IpAddr, network: &dyn Network) -> bool {
    network.check_route(SocketAddr::new(ip, 0), SocketAddr::new(ANYWHERE.into(), 9)).is_ok()
}

/// Global unicast (RFC 4291 section 2.4, 2000::/3).
pub(super) fn is_global(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.segments()[0] & 0xE000 == 0x2000)
}
