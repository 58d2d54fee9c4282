//! The system's interfaces, filtered to the addresses ICE may use and named by kind.

#[cfg(any(target_os = "linux", test))]
mod linux;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use floe_wire::{InterfaceInfo, InterfaceKind};
use netdev::interface::{ipv6_addr_flags::Ipv6AddrFlags, types::InterfaceType};

/// The interfaces that are up, with a carrier, and have a usable address.
pub(super) fn list() -> Vec<InterfaceInfo> {
    let up = |interface: &&netdev::Interface| interface.is_up() && interface.is_running();
    let flags = more_flags();
    netdev::get_interfaces().iter().filter(up).filter_map(|interface| usable(interface, &flags)).collect()
}

/// What the system tells of IPv6 addresses apart from the list of interfaces, which on Linux lacks flags where netlink
/// is closed to programs.
fn more_flags() -> Vec<(Ipv6Addr, Ipv6AddrFlags)> {
    #[cfg(target_os = "linux")]
    return linux::address_flags();
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

/// Whether the system says that an interface is a tunnel, whatever it is called.
pub(super) fn is_tunnel(name: &str) -> bool {
    #[cfg(target_os = "linux")]
    return linux::is_tunnel(name);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = name;
        false
    }
}

fn usable(interface: &netdev::Interface, more: &[(Ipv6Addr, Ipv6AddrFlags)]) -> Option<InterfaceInfo> {
    let ipv6: Vec<Ipv6Address> = interface
        .ipv6
        .iter()
        .enumerate()
        .map(|(index, net)| {
            let flags = interface.ipv6_addr_flags.get(index).copied().unwrap_or_default();
            let more = more.iter().filter(|(ip, _)| *ip == net.addr());
            Ipv6Address { ip: net.addr(), flags: more.fold(flags, |flags, (_, more)| either(flags, *more)) }
        })
        .collect();
    let addresses: Vec<IpAddr> = interface
        .ipv4
        .iter()
        .map(|net| net.addr())
        .filter(is_usable_v4)
        .map(IpAddr::from)
        .chain(usable_v6(&ipv6).into_iter().map(IpAddr::from))
        .collect();
    let name = interface.friendly_name.clone().filter(|_| cfg!(windows)).unwrap_or_else(|| interface.name.clone());
    let kind = match interface.if_type {
        _ if interface.is_loopback() => InterfaceKind::Loopback,
        _ if is_tunnel(&interface.name) => InterfaceKind::Tunnel,
        system => kind(&name, system),
    };
    (!addresses.is_empty()).then_some(InterfaceInfo { name, kind, addresses })
}

fn either(one: Ipv6AddrFlags, other: Ipv6AddrFlags) -> Ipv6AddrFlags {
    Ipv6AddrFlags {
        deprecated: one.deprecated || other.deprecated,
        temporary: one.temporary || other.temporary,
        tentative: one.tentative || other.tentative,
        duplicated: one.duplicated || other.duplicated,
        permanent: one.permanent || other.permanent,
    }
}

fn is_usable_v4(ip: &Ipv4Addr) -> bool {
    !(ip.is_link_local() || ip.is_multicast() || ip.is_unspecified() || ip.is_broadcast())
}

/// An IPv6 address with what the system says about it.
struct Ipv6Address {
    ip: Ipv6Addr,
    flags: Ipv6AddrFlags,
}

impl Ipv6Address {
    /// The first 64 bits. What the system tells as prefix length is 128 for temporary addresses on Windows.
    fn prefix(&self) -> u64 {
        (self.ip.to_bits() >> 64) as u64
    }
}

/// Leaves out what RFC 8445 section 5.1.1.1 forbids, and stable addresses where a temporary one of the same prefix
/// exists: the stable one would identify the machine across networks.
fn usable_v6(all: &[Ipv6Address]) -> Vec<Ipv6Addr> {
    let usable: Vec<&Ipv6Address> = all.iter().filter(|address| is_usable_v6(address)).collect();
    let has_temporary = |prefix| usable.iter().any(|other| other.flags.temporary && other.prefix() == prefix);
    usable
        .iter()
        .filter(|address| address.flags.temporary || !has_temporary(address.prefix()))
        .map(|address| address.ip)
        .collect()
}

fn is_usable_v6(address: &Ipv6Address) -> bool {
    let Ipv6Address { ip, flags, .. } = address;
    let segments = ip.segments();
    let site_local = segments[0] & 0xFFC0 == 0xFEC0;
    let v4_compatible = segments[..6] == [0; 6] && !ip.is_loopback();
    !(ip.is_unicast_link_local()
        || ip.is_multicast()
        || ip.is_unspecified()
        || ip.to_ipv4_mapped().is_some()
        || site_local
        || v4_compatible
        || flags.deprecated
        || flags.tentative
        || flags.duplicated)
}

/// The system's type where it says something, else what the name says.
fn kind(name: &str, system: InterfaceType) -> InterfaceKind {
    // Names go first: a TUN or WireGuard device calls itself a virtual Ethernet on several systems.
    let lower = name.to_ascii_lowercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| lower.starts_with(prefix));
    if begins(&[
        "tun",
        "tap",
        "wg",
        "utun",
        "ppp",
        "ipsec",
        "tailscale",
        "zt",
        "nordlynx",
        "proton",
        "openvpn",
        "gre",
        "sit",
    ]) {
        return InterfaceKind::Tunnel;
    }
    if begins(&["wwan", "ww", "rmnet", "pdp_ip", "cellular"]) {
        return InterfaceKind::Cellular;
    }
    if begins(&["wl", "wi-fi", "wifi", "ath", "ra0"]) {
        return InterfaceKind::Wireless;
    }
    match system {
        InterfaceType::Wireless80211 | InterfaceType::PeerToPeerWireless => InterfaceKind::Wireless,
        InterfaceType::Wwan | InterfaceType::Wwanpp | InterfaceType::Wwanpp2 | InterfaceType::Wman => {
            InterfaceKind::Cellular
        }
        InterfaceType::Tunnel | InterfaceType::Ppp | InterfaceType::Slip => InterfaceKind::Tunnel,
        InterfaceType::Loopback => InterfaceKind::Loopback,
        InterfaceType::Ethernet
        | InterfaceType::Ethernet3Megabit
        | InterfaceType::FastEthernetT
        | InterfaceType::FastEthernetFx
        | InterfaceType::GigabitEthernet => InterfaceKind::Ethernet,
        _ if begins(&["eth", "en", "em"]) => InterfaceKind::Ethernet,
        _ => InterfaceKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(ip: &str, flags: Ipv6AddrFlags) -> Ipv6Address {
        Ipv6Address { ip: ip.parse().unwrap(), flags }
    }

    fn texts(all: &[Ipv6Address]) -> Vec<String> {
        usable_v6(all).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_temporary_address_replaces_the_stable_ones_of_its_prefix_only() {
        let (stable, temporary) = (Ipv6AddrFlags::default(), Ipv6AddrFlags { temporary: true, ..Default::default() });
        let all =
            [address("2001:db8:1::1", stable), address("2001:db8:1::abcd", temporary), address("fd00::1", stable)];
        assert_eq!(texts(&all), ["2001:db8:1::abcd", "fd00::1"]);
    }

    #[test]
    fn deprecated_and_tentative_addresses_are_left_out() {
        let all = [
            address("2001:db8::1", Ipv6AddrFlags { deprecated: true, ..Default::default() }),
            address("2001:db8::2", Ipv6AddrFlags { tentative: true, ..Default::default() }),
            address("2001:db8::3", Ipv6AddrFlags { duplicated: true, ..Default::default() }),
            address("2001:db8::4", Ipv6AddrFlags::default()),
        ];
        assert_eq!(texts(&all), ["2001:db8::4"]);
    }

    #[test]
    fn a_deprecated_temporary_address_does_not_hide_the_stable_one() {
        let old = Ipv6AddrFlags { deprecated: true, temporary: true, ..Default::default() };
        let all = [address("2001:db8::1", Ipv6AddrFlags::default()), address("2001:db8::abcd", old)];
        assert_eq!(texts(&all), ["2001:db8::1"]);
    }

    #[test]
    fn link_local_multicast_mapped_and_site_local_addresses_are_left_out() {
        let plain = Ipv6AddrFlags::default();
        for ip in ["fe80::1", "ff02::1", "::", "::ffff:192.0.2.1", "fec0::1", "::192.0.2.1"] {
            assert!(texts(&[address(ip, plain)]).is_empty(), "{ip}");
        }
        assert_eq!(texts(&[address("::1", plain)]), ["::1"]);
        for ip in ["169.254.1.1", "224.0.0.1", "0.0.0.0", "255.255.255.255"] {
            assert!(!is_usable_v4(&ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn kinds_follow_the_names_people_know() {
        let ethernet = InterfaceType::Ethernet;
        for (name, expected) in [
            ("eth0", InterfaceKind::Ethernet),
            ("enp3s0", InterfaceKind::Ethernet),
            ("docker0", InterfaceKind::Ethernet),
            ("wlp2s0", InterfaceKind::Wireless),
            ("wwan0", InterfaceKind::Cellular),
            ("wwp0s20u4", InterfaceKind::Cellular),
            ("wg0", InterfaceKind::Tunnel),
            ("utun4", InterfaceKind::Tunnel),
            ("tun0", InterfaceKind::Tunnel),
            ("tap0", InterfaceKind::Tunnel),
            ("ppp0", InterfaceKind::Tunnel),
        ] {
            assert_eq!(kind(name, ethernet), expected, "{name}");
        }
        assert_eq!(kind("Local Area Connection", InterfaceType::Wireless80211), InterfaceKind::Wireless);
        assert_eq!(kind("xyz0", InterfaceType::Unknown), InterfaceKind::Unknown);
    }
}
