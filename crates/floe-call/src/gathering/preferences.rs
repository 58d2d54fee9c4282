//! The local preference of each address of a call: its own for as long as the call lasts, wherever it is meanwhile.

use std::net::IpAddr;

use floe_transport::candidate::local_preference;
use floe_wire::InterfaceInfo;

/// Addresses beyond these push out those that are gone: one sort of address has as many places to itself.
const MOST_GIVEN: usize = 13;

/// The local preferences that addresses were given.
///
/// The peer keeps what it was told of an address. One that comes back with another preference, or another address with
/// this one's, would make the two ends rank pairs differently.
#[derive(Debug, Default)]
pub(super) struct Preferences {
    given: Vec<Given>,
}

#[derive(Debug)]
struct Given {
    interface: String,
    ip: IpAddr,
    preference: u16,
}

impl Preferences {
    /// The preference of an address. `is_in_use` tells the preferences of those that are there: the others may be
    /// forgotten when there are too many.
    pub fn of(&mut self, interface: &InterfaceInfo, ip: IpAddr, is_in_use: impl Fn(u16) -> bool) -> u16 {
        let known = self.given.iter().find(|given| given.interface == interface.name && given.ip == ip);
        if let Some(given) = known {
            return given.preference;
        }
        if self.given.len() >= MOST_GIVEN {
            self.given.retain(|given| is_in_use(given.preference));
        }
        let taken: Vec<u16> = self.given.iter().map(|given| given.preference).collect();
        let preference = local_preference(interface.kind, ip, &taken);
        self.given.push(Given { interface: interface.name.clone(), ip, preference });
        preference
    }
}

#[cfg(test)]
mod tests {
    use floe_wire::InterfaceKind;

    use super::*;

    fn ethernet(name: &str) -> InterfaceInfo {
        InterfaceInfo { name: name.to_owned(), kind: InterfaceKind::Ethernet, addresses: Vec::new() }
    }

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn an_address_that_comes_back_has_the_preference_it_had_and_nobody_had_it_meanwhile() {
        let mut preferences = Preferences::default();
        let first = preferences.of(&ethernet("eth0"), ip(1), |_| true);
        let other = preferences.of(&ethernet("eth1"), ip(2), |_| false);
        assert!(first > other);
        assert_eq!(preferences.of(&ethernet("eth0"), ip(1), |_| true), first);
    }

    #[test]
    fn of_addresses_that_come_and_go_without_end_those_that_are_gone_are_forgotten() {
        let mut preferences = Preferences::default();
        let kept = preferences.of(&ethernet("eth0"), ip(1), |_| true);
        for last in 2..=250 {
            let newest = preferences.of(&ethernet("eth0"), ip(last), |preference| preference == kept);
            assert!(newest < kept, "{last}");
        }
        assert!(preferences.given.len() < 20);
    }
}
