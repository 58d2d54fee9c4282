//! What the peer, and whoever reads a code, learns of our addresses.

use std::net::IpAddr;

use floe_wire::{Candidate, CandidateType};

/// What the peer learns of our addresses. Servers that were named learn what they are asked from in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Privacy {
    /// All addresses, which finds the shortest path.
    #[default]
    Everything,
    /// No address of the local network, but names that only it can tell the addresses of.
    HideLan,
    /// No address but that of a relay.
    RelayOnly,
}

impl Privacy {
    /// All of them, from open to closed.
    pub const ALL: [Self; 3] = [Self::Everything, Self::HideLan, Self::RelayOnly];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::HideLan => "hide-lan",
            Self::RelayOnly => "relay-only",
        }
    }

    /// The level of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// What it reveals and what it costs, in one sentence.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Everything => {
                "Your friend learns the addresses of this computer and of your router; the shortest path is found."
            }
            Self::HideLan => {
                "Your friend learns the address of your router, and random names for the addresses of your local network, \
                 which only computers in it can ask for (mDNS); that is how two people on one network still find the direct \
                 path."
            }
            Self::RelayOnly => {
                "Your friend learns the address of your relay and nothing else; it needs a TURN server and takes a longer \
                 path."
            }
        }
    }

    /// Whether checks may leave from sockets of this computer: whoever receives one sees where it came from.
    pub(crate) const fn sends_directly(self) -> bool {
        match self {
            Self::Everything | Self::HideLan => true,
            Self::RelayOnly => false,
        }
    }

    /// Whether addresses of the local network are told as names that only it can tell the addresses of.
    pub(crate) const fn names_lan(self) -> bool {
        match self {
            Self::HideLan => true,
            Self::Everything | Self::RelayOnly => false,
        }
    }

    /// The candidates that may be told, without what stands behind them where that is hidden.
    pub(crate) fn told(self, candidates: Vec<Candidate>) -> Vec<Candidate> {
        match self {
            Self::Everything => candidates,
            Self::HideLan => {
                let told = candidates.into_iter().filter(|candidate| !is_local(candidate.address.ip()));
                told.map(|candidate| {
                    let related_address = candidate.related_address.filter(|related| !is_local(related.ip()));
                    Candidate { related_address, ..candidate }
                })
                .collect()
            }
            Self::RelayOnly => {
                let told = candidates.into_iter().filter(|told| told.candidate_type == CandidateType::Relayed);
                told.map(|candidate| Candidate { related_address: None, ..candidate }).collect()
            }
        }
    }
}

/// Of use inside one network only (RFC 1918, RFC 4193, link-local). The carrier's range counts as the router's outside.
fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use floe_transport::candidate::{host_candidate, server_reflexive_candidate};

    use super::*;

    fn all() -> Vec<Candidate> {
        let at = |address: &str| address.parse().unwrap();
        let relayed = Candidate {
            candidate_type: CandidateType::Relayed,
            related_address: Some(at("203.0.113.9:5")),
            ..host_candidate(at("192.0.2.200:5"), 1)
        };
        vec![
            host_candidate(at("192.168.1.2:5"), 4),
            host_candidate(at("[2001:db8::2]:5"), 3),
            host_candidate(at("[fd00::2]:5"), 2),
            server_reflexive_candidate(at("203.0.113.9:5"), at("192.168.1.2:5"), 1),
            relayed,
        ]
    }

    fn shown(level: Privacy) -> Vec<String> {
        let told = level.told(all());
        let addresses = |told: &Candidate| [Some(told.address), told.related_address];
        told.iter().flat_map(addresses).flatten().map(|address| address.to_string()).collect()
    }

    #[test]
    fn hiding_the_lan_tells_no_local_address_not_even_behind_another() {
        let shown = shown(Privacy::HideLan);
        assert_eq!(shown, ["[2001:db8::2]:5", "203.0.113.9:5", "192.0.2.200:5", "203.0.113.9:5"]);
    }

    #[test]
    fn relay_only_tells_the_relay_and_nothing_behind_it() {
        assert_eq!(shown(Privacy::RelayOnly), ["192.0.2.200:5"]);
    }

    #[test]
    fn every_level_is_found_by_its_name_and_says_what_it_reveals() {
        for level in Privacy::ALL {
            assert_eq!(Privacy::from_name(level.name()), Some(level));
            assert!(level.describe().contains("Your friend learns"));
        }
        assert_eq!(shown(Privacy::Everything).len(), 7);
    }
}
