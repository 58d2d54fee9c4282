//! What two networks can expect of each other before any check is sent, and how that compares with what happened.
//!
//! Checks of both sides open both filters for the addresses that the codes tell. What decides is therefore whether the
//! told addresses are the ones that packets will come from: they are where a NAT maps independently of the destination.
//! One side whose port differs per destination is found by the other one's answers, if its filter lets in a port that
//! nobody told. Two such sides do not find each other.

use floe_wire::{Dependence, NatFiltering, NatMapping, NatSummary};
use serde::Serialize;

/// What is known of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party {
    /// Its NAT.
    pub nat: NatSummary,
    /// Whether it has an IPv6 address that is valid everywhere.
    pub has_ipv6: bool,
    /// Whether it has an IPv4 address of any kind.
    pub has_ipv4: bool,
    /// Whether it has a relayed address.
    pub has_relay: bool,
}

/// What kind of path is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    /// A direct one.
    Direct,
    /// One through a relay.
    Relay,
    /// None.
    NoPath,
    /// Too little is known.
    Unknown,
}

impl Outlook {
    /// The words people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "through a relay",
            Self::NoPath => "no path",
            Self::Unknown => "not known",
        }
    }
}

/// An expectation with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// What is expected.
    pub outlook: Outlook,
    /// Why, in one sentence.
    pub why: &'static str,
}

/// What became of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// It came as expected.
    Right,
    /// It came better than expected.
    Better,
    /// It came worse than expected.
    Worse,
}

impl Score {
    /// Compares what was expected with what came; none where nothing was expected.
    #[must_use]
    pub const fn of(expected: Outlook, came: Outlook) -> Option<Self> {
        let (Some(expected), Some(came)) = (rank(expected), rank(came)) else { return None };
        Some(if came == expected {
            Self::Right
        } else if came < expected {
            Self::Better
        } else {
            Self::Worse
        })
    }

    /// The words people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Right => "as forecast",
            Self::Better => "better than forecast",
            Self::Worse => "worse than forecast",
        }
    }
}

const fn rank(outlook: Outlook) -> Option<u8> {
    match outlook {
        Outlook::Direct => Some(0),
        Outlook::Relay => Some(1),
        Outlook::NoPath => Some(2),
        Outlook::Unknown => None,
    }
}

/// What `us` and `them` can expect, over UDP between different networks.
#[must_use]
pub fn forecast(us: &Party, them: &Party) -> Forecast {
    match direct(us, them) {
        Direct::Yes(why) => Forecast { outlook: Outlook::Direct, why },
        Direct::No(why) if us.has_relay || them.has_relay => Forecast { outlook: Outlook::Relay, why },
        Direct::No(why) => Forecast { outlook: Outlook::NoPath, why },
        Direct::Unknown(why) => Forecast { outlook: Outlook::Unknown, why },
    }
}

enum Direct {
    Yes(&'static str),
    No(&'static str),
    Unknown(&'static str),
}

fn direct(us: &Party, them: &Party) -> Direct {
    if us.has_ipv6 && them.has_ipv6 {
        return Direct::Yes("both sides have IPv6, which is not translated");
    }
    if !(us.has_ipv4 || us.has_ipv6) {
        return Direct::No("no interface here has a usable address");
    }
    if !(us.has_ipv4 && them.has_ipv4) {
        return Direct::No("the two sides have no address family in common");
    }
    if us.nat.udp_silent {
        return Direct::No("no server answers over UDP here, so it seems to be blocked");
    }
    if them.nat.udp_silent {
        return Direct::No("no server answers over UDP at the other side, so it seems to be blocked there");
    }
    match (us.nat.mapping.is_stable(), them.nat.mapping.is_stable()) {
        (Some(true), Some(true)) => {
            Direct::Yes("each side keeps one port for every destination, so what the codes tell holds")
        }
        (Some(false), Some(false)) => {
            Direct::No("both routers use another port for every destination, so neither side can be told of it")
        }
        (Some(false), Some(true)) => half_stable(them.nat, OUR_PORT_VARIES),
        (Some(true), Some(false)) => half_stable(us.nat, THEIR_PORT_VARIES),
        (None, _) => Direct::Unknown("our router's mapping is not known; two STUN servers would tell it"),
        (_, None) => Direct::Unknown("the other router's mapping is not known"),
    }
}

/// The sentences for one side whose port varies: the other filter lets it in, does not, or is not known.
struct HalfStable {
    admitted: &'static str,
    refused: &'static str,
    unknown: &'static str,
}

const OUR_PORT_VARIES: HalfStable = HalfStable {
    admitted: "our router uses another port for every destination, and the other router lets it in all the same",
    refused: "our router uses another port for every destination, and the other router lets in only ports it knows",
    unknown: "our router uses another port for every destination; whether the other one lets it in is not known",
};

const THEIR_PORT_VARIES: HalfStable = HalfStable {
    admitted: "the other router uses another port for every destination, and ours lets it in all the same",
    refused: "the other router uses another port for every destination, and ours lets in only ports it knows",
    unknown: "the other router uses another port for every destination; whether ours lets it in is not known",
};

/// The side whose port holds decides: its filter must let in a port that nobody told.
fn half_stable(stable: NatSummary, say: HalfStable) -> Direct {
    match stable.filtering {
        NatFiltering::Known(Dependence::EndpointIndependent | Dependence::AddressDependent) => {
            Direct::Yes(say.admitted)
        }
        NatFiltering::Known(Dependence::AddressAndPortDependent) => Direct::No(say.refused),
        NatFiltering::Unknown(_) => Direct::Unknown(say.unknown),
    }
}

/// A kind of peer that people ask about before they call anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerKind {
    /// A public address, or a router that lets anybody in.
    Open,
    /// A common home router.
    Cone,
    /// A router that uses another port for every destination.
    Symmetric,
}

impl PeerKind {
    /// All of them, the easiest to reach first.
    pub const ALL: [Self; 3] = [Self::Open, Self::Cone, Self::Symmetric];

    /// The words people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open (public address, or a router that lets anybody in)",
            Self::Cone => "cone (a common home router)",
            Self::Symmetric => "symmetric (mobile networks, many companies)",
        }
    }

    /// Such a peer, without IPv6.
    #[must_use]
    pub const fn party(self, has_relay: bool) -> Party {
        let strict = Dependence::AddressAndPortDependent;
        let (mapping, filtering) = match self {
            Self::Open => (NatMapping::Untranslated, Dependence::EndpointIndependent),
            Self::Cone => (NatMapping::Known(Dependence::EndpointIndependent), strict),
            Self::Symmetric => (NatMapping::Known(strict), strict),
        };
        let filtering = NatFiltering::Known(filtering);
        let nat = NatSummary { mapping, filtering, udp_silent: false, carrier_grade: false };
        Party { nat, has_ipv6: false, has_ipv4: true, has_relay }
    }
}

#[cfg(test)]
mod tests {
    use floe_wire::NatUnknown;

    use super::*;

    fn party(mapping: NatMapping, filtering: NatFiltering) -> Party {
        let nat = NatSummary { mapping, filtering, udp_silent: false, carrier_grade: false };
        Party { nat, has_ipv6: false, has_ipv4: true, has_relay: false }
    }

    fn outlook(us: &Party, them: &Party) -> Outlook {
        let (forth, back) = (forecast(us, them).outlook, forecast(them, us).outlook);
        assert_eq!(forth, back, "both sides expect the same: {us:?} {them:?}");
        forth
    }

    const UNKNOWN: NatFiltering = NatFiltering::Unknown(NatUnknown::NotAsked);

    #[test]
    fn home_routers_reach_each_other_and_symmetric_ones_do_not() {
        let [open, cone, symmetric] = PeerKind::ALL.map(|kind| kind.party(false));
        for (us, them, expected) in [
            (open, open, Outlook::Direct),
            (open, cone, Outlook::Direct),
            (open, symmetric, Outlook::Direct),
            (cone, cone, Outlook::Direct),
            (cone, symmetric, Outlook::NoPath),
            (symmetric, symmetric, Outlook::NoPath),
        ] {
            assert_eq!(outlook(&us, &them), expected, "{us:?} {them:?}");
        }
    }

    #[test]
    fn a_relay_on_either_side_serves_both() {
        let symmetric = PeerKind::Symmetric.party(false);
        assert_eq!(outlook(&symmetric, &PeerKind::Symmetric.party(true)), Outlook::Relay);
        assert_eq!(outlook(&symmetric, &PeerKind::Cone.party(true)), Outlook::Relay);
        assert_eq!(outlook(&symmetric, &PeerKind::Open.party(true)), Outlook::Direct);
    }

    #[test]
    fn a_filter_that_looks_at_the_address_alone_lets_a_varying_port_in() {
        let lenient = party(
            NatMapping::Known(Dependence::EndpointIndependent),
            NatFiltering::Known(Dependence::AddressDependent),
        );
        assert_eq!(outlook(&lenient, &PeerKind::Symmetric.party(false)), Outlook::Direct);
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let stable = party(NatMapping::Known(Dependence::EndpointIndependent), UNKNOWN);
        let varying = party(NatMapping::EndpointDependent, UNKNOWN);
        let nothing = party(NatMapping::Unknown(NatUnknown::NotAsked), UNKNOWN);
        assert_eq!(outlook(&stable, &varying), Outlook::Unknown);
        assert_eq!(outlook(&stable, &nothing), Outlook::Unknown);
        assert_eq!(outlook(&stable, &stable), Outlook::Direct);
        assert_eq!(outlook(&varying, &varying), Outlook::NoPath);
    }

    #[test]
    fn ipv6_on_both_sides_needs_no_mapping_and_blocked_udp_spoils_the_rest() {
        let mut us = PeerKind::Symmetric.party(false);
        let mut them = us;
        (us.has_ipv6, them.has_ipv6) = (true, true);
        assert_eq!(outlook(&us, &them), Outlook::Direct);
        let mut blocked = PeerKind::Cone.party(false);
        blocked.nat.udp_silent = true;
        assert_eq!(outlook(&blocked, &PeerKind::Open.party(false)), Outlook::NoPath);
        assert_eq!(outlook(&blocked, &PeerKind::Open.party(true)), Outlook::Relay);
        let mut six = us;
        six.has_ipv4 = false;
        assert_eq!(outlook(&six, &PeerKind::Open.party(false)), Outlook::NoPath);
    }

    #[test]
    fn an_expectation_is_scored_and_ignorance_is_not() {
        assert_eq!(Score::of(Outlook::Direct, Outlook::Direct), Some(Score::Right));
        assert_eq!(Score::of(Outlook::Relay, Outlook::Direct), Some(Score::Better));
        assert_eq!(Score::of(Outlook::Direct, Outlook::NoPath), Some(Score::Worse));
        assert_eq!(Score::of(Outlook::Unknown, Outlook::Direct), None);
    }
}
