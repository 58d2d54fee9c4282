//! What Linux tells about links and IPv6 addresses in files: `/proc/net/if_inet6` and `/sys/class/net`.

use std::net::Ipv6Addr;

use netdev::interface::ipv6_addr_flags::Ipv6AddrFlags;

/// Bits of `linux/if_addr.h`.
const TEMPORARY: u32 = 0x01;
const DAD_FAILED: u32 = 0x08;
const DEPRECATED: u32 = 0x20;
const TENTATIVE: u32 = 0x40;
const PERMANENT: u32 = 0x80;

/// Every IPv6 address of this network namespace with its flags; none where the file cannot be read.
#[cfg(target_os = "linux")]
pub(super) fn address_flags() -> Vec<(Ipv6Addr, Ipv6AddrFlags)> {
    std::fs::read_to_string("/proc/net/if_inet6").map(|text| parse_if_inet6(&text)).unwrap_or_default()
}

/// Lines of address, interface index, prefix length, scope, flags (all hexadecimal) and name; others are passed over.
fn parse_if_inet6(text: &str) -> Vec<(Ipv6Addr, Ipv6AddrFlags)> {
    let address = |line: &str| {
        let mut columns = line.split_ascii_whitespace();
        let address = columns.next().filter(|digits| digits.len() == 32)?;
        let flags = columns.nth(3)?;
        let address = Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?);
        Some((address, flags_of(u32::from_str_radix(flags, 16).ok()?)))
    };
    text.lines().filter_map(address).collect()
}

const fn flags_of(bits: u32) -> Ipv6AddrFlags {
    Ipv6AddrFlags {
        deprecated: bits & DEPRECATED != 0,
        temporary: bits & TEMPORARY != 0,
        tentative: bits & TENTATIVE != 0,
        duplicated: bits & DAD_FAILED != 0,
        permanent: bits & PERMANENT != 0,
    }
}

/// Whether the kernel says that an interface is a tunnel: WireGuard and TUN devices may have any name.
#[cfg(target_os = "linux")]
pub(super) fn is_tunnel(name: &str) -> bool {
    let directory = std::path::Path::new("/sys/class/net").join(name);
    let read = |file: &str| std::fs::read_to_string(directory.join(file)).unwrap_or_default();
    directory.join("tun_flags").exists() || is_tunnel_link(&read("type"), &read("uevent"))
}

/// Reads the link type (`linux/if_arp.h`) and the device type of an interface.
fn is_tunnel_link(link_type: &str, uevent: &str) -> bool {
    let is_tunnel_type = match link_type.trim().parse::<u32>() {
        // PPP, the IP-in-IP family with SIT and GRE, IPv6 GRE, and links without an address of their own.
        Ok(512 | 768 | 769 | 776 | 778 | 823 | 65534) => true,
        Ok(_) | Err(_) => false,
    };
    is_tunnel_type || uevent.lines().any(|line| matches!(line.trim(), "DEVTYPE=wireguard" | "DEVTYPE=ppp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a notebook shows it: loopback, a stable and two temporary addresses (one deprecated), link-local, and one
    /// that is being probed.
    const SAMPLE: &str = "\
00000000000000000000000000000001 01 80 10 80       lo
20010db8000100000211223344556677 02 40 00 00     eth0
20010db800010000abcdef0123456789 02 40 00 01     eth0
20010db800010000deadbeef00000001 02 40 00 21     eth0
fe80000000000000021122fffe334455 02 40 20 80     eth0
20010db8000200000000000000000001 03 40 00 40    wlan0
20010db8000200000000000000000002 03 40 00 c8    wlan0
";

    #[test]
    fn flags_of_addresses_are_read_from_the_kernels_list() {
        let flags = parse_if_inet6(SAMPLE);
        let of = |ip: &str| flags.iter().find(|(known, _)| *known == ip.parse::<Ipv6Addr>().unwrap()).unwrap().1;
        let none = Ipv6AddrFlags::default();
        assert_eq!(flags.len(), 7);
        assert_eq!(of("2001:db8:1:0:211:2233:4455:6677"), none);
        assert_eq!(of("2001:db8:1:0:abcd:ef01:2345:6789"), Ipv6AddrFlags { temporary: true, ..none });
        let old = Ipv6AddrFlags { temporary: true, deprecated: true, ..none };
        assert_eq!(of("2001:db8:1:0:dead:beef:0:1"), old);
        assert!(of("2001:db8:2::1").tentative && of("2001:db8:2::2").duplicated);
    }

    #[test]
    fn lines_that_say_something_else_are_passed_over() {
        for text in
            ["", "\n\n", "zz 02 40 00 00 eth0", "20010db8 02 40 00 00 eth0", &SAMPLE[..40], "\u{2603} 1 2 3 4 5"]
        {
            assert!(parse_if_inet6(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn tunnels_are_known_by_the_type_of_their_link() {
        for (link_type, uevent, expected) in [
            ("1\n", "INTERFACE=eth0\nIFINDEX=2\n", false),
            ("65534\n", "DEVTYPE=wireguard\nINTERFACE=office\n", true),
            ("65534\n", "INTERFACE=tun7\n", true),
            ("512\n", "", true),
            ("778", "", true),
            ("772\n", "INTERFACE=lo\n", false),
            ("", "", false),
        ] {
            assert_eq!(is_tunnel_link(link_type, uevent), expected, "{link_type} {uevent}");
        }
    }
}
