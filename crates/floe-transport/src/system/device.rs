//! Whether a socket is tied to its interface: Linux chooses the way out by destination, whatever address a packet bears,
//! so that a second uplink would carry nothing as long as the first one has the better default route.

use super::interfaces::is_tunnel;

/// Whether a socket at an address of `interface` should leave by it and by no other.
///
/// Not beside a tunnel, because people who run a VPN want everything in it; and not where another interface is on the same
/// network, because either one answers ARP for both, and what arrives at the other would be lost.
pub(super) fn ties(interface: &str) -> bool {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let has_tunnel = devices(&read("/proc/net/dev")).any(|device| is_tunnel(device) && is_up(device));
    !has_tunnel && !shares_network(&read("/proc/net/route"), interface)
}

/// The names of `/proc/net/dev`: whatever stands before a colon.
fn devices(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim()))
}

/// `IFF_UP` of `linux/if.h`.
fn is_up(device: &str) -> bool {
    let flags = std::fs::read_to_string(format!("/sys/class/net/{device}/flags")).unwrap_or_default();
    u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).is_ok_and(|flags| flags & 1 != 0)
}

/// Whether `/proc/net/route` leads to a network of this interface by another one as well.
fn shares_network(routes: &str, interface: &str) -> bool {
    const ZERO: &str = "00000000";
    // Interface, destination, gateway, flags, …, the mask in the eighth column; without gateway it is on the link.
    let on_link = routes.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[name, destination, gateway, _, _, _, _, mask, ..] = columns.as_slice() else { return None };
        (gateway == ZERO && mask != ZERO).then_some((name, destination, mask))
    });
    let on_link: Vec<_> = on_link.collect();
    let (own, others): (Vec<_>, Vec<_>) = on_link.iter().partition(|(name, ..)| *name == interface);
    own.iter().any(|(_, destination, mask)| others.iter().any(|other| (other.1, other.2) == (*destination, *mask)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";
    const CABLE: &str = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                         eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";

    fn routes(more: &str) -> String {
        format!("{HEADER}{CABLE}{more}")
    }

    #[test]
    fn uplinks_on_networks_of_their_own_are_told_from_two_on_the_same() {
        let apart = routes("wlan0\t0003A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n");
        let together = routes("wlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n");
        assert!(!shares_network(&apart, "eth0") && !shares_network(&apart, "wlan0"));
        assert!(shares_network(&together, "eth0") && shares_network(&together, "wlan0"));
    }

    #[test]
    fn default_routes_and_nonsense_are_no_network() {
        let defaults = routes("wlan0\t00000000\t0103A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\neth1 1 2\n\n");
        assert!(!shares_network(&defaults, "eth0") && !shares_network("", "eth0"));
    }

    #[test]
    fn names_of_devices_stand_before_the_colon() {
        let text = "Inter-|   Receive\n face |bytes\n    lo:  10 0\n  eth0: 5 0\n";
        assert_eq!(devices(text).collect::<Vec<_>>(), ["lo", "eth0"]);
    }
}
