//! What is known of the NAT in front of us (RFC 4787), as values that can say "unknown" and why.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

/// What a NAT's decision depends on, of the remote endpoint (RFC 4787 sections 4.1 and 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dependence {
    /// Nothing of it.
    EndpointIndependent,
    /// Its address.
    AddressDependent,
    /// Its address and port.
    AddressAndPortDependent,
}

impl Dependence {
    /// All of them, the friendliest first.
    pub const ALL: [Self; 3] = [Self::EndpointIndependent, Self::AddressDependent, Self::AddressAndPortDependent];

    /// The RFC 4787 name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EndpointIndependent => "endpoint-independent",
            Self::AddressDependent => "address-dependent",
            Self::AddressAndPortDependent => "address-and-port-dependent",
        }
    }
}

/// When a socket keeps its mapped address from one destination to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NatMapping {
    /// Servers see the socket's own address: there is no translation.
    Untranslated,
    /// What it depends on.
    Known(Dependence),
    /// Two destinations with different addresses see different ports; whether the port matters too was not tested.
    EndpointDependent,
    /// Not known.
    Unknown(NatUnknown),
}

/// Who may send to a mapped address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NatFiltering {
    /// What it depends on.
    Known(Dependence),
    /// Not known.
    Unknown(NatUnknown),
}

/// Why something about a NAT is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NatUnknown {
    /// Nobody was asked.
    NotAsked,
    /// The test is running.
    NotYet,
    /// No server answered.
    NoAnswer,
    /// One address of one server answered, which has nothing to be compared with.
    OneDestination,
    /// No server offers a second address to answer from (OTHER-ADDRESS, RFC 5780).
    NoSecondAddress,
    /// The second address that a server offers does not answer.
    SecondAddressSilent,
    /// The server does not answer from elsewhere even where the NAT would let the answer in.
    ChangeIgnored,
    /// The server refuses to answer from elsewhere.
    ChangeRefused,
}

impl NatMapping {
    /// What people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Untranslated => "no translation",
            Self::Known(dependence) => dependence.name(),
            Self::EndpointDependent => "address-dependent or address-and-port-dependent",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What it means for a call, in plain words; none where it is not known.
    #[must_use]
    pub const fn meaning(self) -> Option<&'static str> {
        if matches!(self, Self::Untranslated) {
            return Some("nothing stands between you and the servers");
        }
        match self.is_stable() {
            Some(true) => Some("the router keeps one port for everybody, so a code can tell it"),
            Some(false) => Some("the router uses another port for everybody, so no code can tell it (\"symmetric\")"),
            None => None,
        }
    }

    /// Whether a mapped address that one destination saw holds for another one too; none where that is not known.
    #[must_use]
    pub const fn is_stable(self) -> Option<bool> {
        match self {
            Self::Untranslated | Self::Known(Dependence::EndpointIndependent) => Some(true),
            Self::Known(Dependence::AddressDependent | Dependence::AddressAndPortDependent)
            | Self::EndpointDependent => Some(false),
            Self::Unknown(_) => None,
        }
    }

    /// Why it is not known, where it is not.
    #[must_use]
    pub const fn unknown(self) -> Option<NatUnknown> {
        match self {
            Self::Unknown(why) => Some(why),
            Self::Untranslated | Self::Known(_) | Self::EndpointDependent => None,
        }
    }

    /// Compares what several destinations saw of one socket; `seen` holds each with the address it saw.
    ///
    /// Destinations that share an IP address differ in port alone, and say nothing about other addresses.
    #[must_use]
    pub fn compare(local: SocketAddr, seen: &[(SocketAddr, SocketAddr)]) -> Self {
        let Some((first, mapped)) = seen.first() else { return Self::Unknown(NatUnknown::NoAnswer) };
        if seen.iter().all(|(_, mapped)| *mapped == local) {
            return Self::Untranslated;
        }
        let differing = seen.iter().find(|(_, other)| other != mapped);
        match differing {
            Some((destination, _)) if destination.ip() == first.ip() => {
                Self::Known(Dependence::AddressAndPortDependent)
            }
            Some(_) => Self::EndpointDependent,
            None if seen.iter().any(|(destination, _)| destination.ip() != first.ip()) => {
                Self::Known(Dependence::EndpointIndependent)
            }
            None => Self::Unknown(NatUnknown::OneDestination),
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Unknown(_) => 0,
            Self::Untranslated => 1,
            Self::Known(Dependence::EndpointIndependent) => 2,
            Self::Known(Dependence::AddressDependent) => 3,
            Self::Known(Dependence::AddressAndPortDependent) => 4,
            Self::EndpointDependent => 5,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Untranslated,
            2 => Self::Known(Dependence::EndpointIndependent),
            3 => Self::Known(Dependence::AddressDependent),
            4 => Self::Known(Dependence::AddressAndPortDependent),
            5 => Self::EndpointDependent,
            _ => Self::Unknown(NatUnknown::NotAsked),
        }
    }
}

impl NatFiltering {
    /// What people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Known(dependence) => dependence.name(),
            Self::Unknown(_) => "unknown",
        }
    }

    /// What it depends on, where that is known.
    #[must_use]
    pub const fn known(self) -> Option<Dependence> {
        match self {
            Self::Known(dependence) => Some(dependence),
            Self::Unknown(_) => None,
        }
    }

    /// Why it is not known, where it is not.
    #[must_use]
    pub const fn unknown(self) -> Option<NatUnknown> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) => Some(why),
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Unknown(_) => 0,
            Self::Known(Dependence::EndpointIndependent) => 1,
            Self::Known(Dependence::AddressDependent) => 2,
            Self::Known(Dependence::AddressAndPortDependent) => 3,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Known(Dependence::EndpointIndependent),
            2 => Self::Known(Dependence::AddressDependent),
            3 => Self::Known(Dependence::AddressAndPortDependent),
            _ => Self::Unknown(NatUnknown::NotAsked),
        }
    }
}

impl NatFiltering {
    /// What it means for a call, in plain words; none where it is not known.
    #[must_use]
    pub const fn meaning(self) -> Option<&'static str> {
        match self {
            Self::Known(Dependence::EndpointIndependent) => Some("anybody is let in to a port in use"),
            Self::Known(Dependence::AddressDependent) => Some("a host is let in once you have sent to it"),
            Self::Known(Dependence::AddressAndPortDependent) => {
                Some("only the very port that you have sent to is let in")
            }
            Self::Unknown(_) => None,
        }
    }
}

impl NatUnknown {
    /// The reason in words, to stand after "unknown: ".
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotAsked => "no STUN server was asked",
            Self::NotYet => "the test is running",
            Self::NoAnswer => "no server answered over UDP",
            Self::OneDestination => "one server alone has nothing to be compared with; add a second one",
            Self::NoSecondAddress => "no server offers a second address to answer from (RFC 5780)",
            Self::SecondAddressSilent => "the server's second address does not answer",
            Self::ChangeIgnored => "the server does not answer from its second address",
            Self::ChangeRefused => "the server refuses to answer from its second address",
        }
    }
}

impl fmt::Display for NatMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(why) => write!(f, "unknown: {}", why.name()),
            Self::Untranslated | Self::Known(_) | Self::EndpointDependent => f.write_str(self.name()),
        }
    }
}

impl fmt::Display for NatFiltering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(why) => write!(f, "unknown: {}", why.name()),
            Self::Known(dependence) => f.write_str(dependence.name()),
        }
    }
}

/// What one side tells the other of its network, in the two bytes that a code has for it.
///
/// | bits | meaning |
/// |---|---|
/// | first byte, low half | mapping: 0 unknown, 1 none, 2–4 as [`Dependence`] orders them, 5 dependent, untold how |
/// | first byte, high half | filtering: 0 unknown, 1–3 as [`Dependence`] orders them |
/// | second byte | bit 0: several servers were asked over UDP, none answered; bit 1: behind a carrier's NAT or two NATs |
///
/// Numbers and bits of newer versions read as unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NatSummary {
    /// The friendliest mapping of its bases: any of them may carry the call.
    pub mapping: NatMapping,
    /// Filtering in front of the same base.
    pub filtering: NatFiltering,
    /// Several servers were asked over UDP and none answered.
    pub udp_silent: bool,
    /// A carrier's NAT, or two NATs in a row.
    pub carrier_grade: bool,
}

impl NatSummary {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        mapping: NatMapping::Unknown(NatUnknown::NotAsked),
        filtering: NatFiltering::Unknown(NatUnknown::NotAsked),
        udp_silent: false,
        carrier_grade: false,
    };

    /// The two bytes of a code.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 2] {
        [self.mapping.code() | self.filtering.code() << 4, self.udp_silent as u8 | (self.carrier_grade as u8) << 1]
    }

    /// Reads the two bytes of a code. The reason of what is unknown is not carried.
    #[must_use]
    pub const fn from_bytes([behavior, flags]: [u8; 2]) -> Self {
        Self {
            mapping: NatMapping::from_code(behavior & 15),
            filtering: NatFiltering::from_code(behavior >> 4),
            udp_silent: flags & 1 != 0,
            carrier_grade: flags & 2 != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn compare(seen: &[(&str, &str)]) -> NatMapping {
        let seen: Vec<_> = seen.iter().map(|(destination, mapped)| (at(destination), at(mapped))).collect();
        NatMapping::compare(at("192.168.1.2:5000"), &seen)
    }

    #[test]
    fn two_servers_tell_the_mapping_and_one_does_not() {
        let known = NatMapping::Known;
        for (seen, expected) in [
            (&[][..], NatMapping::Unknown(NatUnknown::NoAnswer)),
            (&[("192.0.2.1:1", "203.0.113.1:7")], NatMapping::Unknown(NatUnknown::OneDestination)),
            (
                &[("192.0.2.1:1", "203.0.113.1:7"), ("192.0.2.1:2", "203.0.113.1:7")],
                NatMapping::Unknown(NatUnknown::OneDestination),
            ),
            (
                &[("192.0.2.1:1", "203.0.113.1:7"), ("192.0.2.2:1", "203.0.113.1:7")],
                known(Dependence::EndpointIndependent),
            ),
            (&[("192.0.2.1:1", "203.0.113.1:7"), ("192.0.2.2:1", "203.0.113.1:8")], NatMapping::EndpointDependent),
            (
                &[("192.0.2.1:1", "203.0.113.1:7"), ("192.0.2.1:2", "203.0.113.1:8")],
                known(Dependence::AddressAndPortDependent),
            ),
            (&[("192.0.2.1:1", "192.168.1.2:5000")], NatMapping::Untranslated),
        ] {
            assert_eq!(compare(seen), expected, "{seen:?}");
        }
    }

    #[test]
    fn a_summary_survives_its_two_bytes() {
        let mappings = Dependence::ALL.map(NatMapping::Known);
        for mapping in mappings.into_iter().chain([NatMapping::Untranslated, NatMapping::EndpointDependent]) {
            for filtering in Dependence::ALL.map(NatFiltering::Known) {
                let summary = NatSummary { mapping, filtering, udp_silent: true, carrier_grade: false };
                assert_eq!(NatSummary::from_bytes(summary.to_bytes()), summary);
            }
        }
        assert_eq!(NatSummary::from_bytes(NatSummary::UNKNOWN.to_bytes()), NatSummary::UNKNOWN);
    }

    #[test]
    fn numbers_of_a_newer_version_read_as_unknown() {
        let summary = NatSummary::from_bytes([0xFF, 0xFC]);
        assert_eq!(summary, NatSummary::UNKNOWN);
    }

    #[test]
    fn what_is_unknown_says_why() {
        let text = NatFiltering::Unknown(NatUnknown::NoSecondAddress).to_string();
        assert_eq!(text, "unknown: no server offers a second address to answer from (RFC 5780)");
    }
}
