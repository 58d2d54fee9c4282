//! Which side of a session is the machine that captured.
//!
//! The wire does not say it. The first of these that tells the sides apart decides: the file's own marks of direction
//! (pcapng flags, Linux cooked captures); who asked STUN or TURN servers; whose packets have passed no router yet where
//! the other side's have; whose addresses take part in more of the file's sessions; who has private addresses where the
//! other has none (captures are taken behind NATs more often than in front of them); who sent the first check.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use super::{
    checks::{Checks, Grouped},
    flows::Flows,
    relays::Relays,
};

/// Why a side was taken for ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The caller said so.
    Chosen,
    /// The file marks its packets as sent.
    Direction,
    /// It asked STUN or TURN servers.
    AskedServers,
    /// Its packets have passed no router yet, and those of the other side have.
    Near,
    /// It takes part in more sessions of the file.
    InMoreSessions,
    /// It has private addresses and the other side has none.
    Private,
    /// It sent the first check, and nothing else tells the sides apart.
    FirstCheck,
}

impl Why {
    /// The reason as the end of a sentence that begins "… is taken for us: ".
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Chosen => "you said so",
            Self::Direction => "the file marks its packets as sent",
            Self::AskedServers => "it asked STUN or TURN servers",
            Self::Near => "its packets have passed no router yet and those of the other side have",
            Self::InMoreSessions => "it takes part in more sessions of this file",
            Self::Private => "it has private addresses and the other side has none",
            Self::FirstCheck => "it sent the first check, and nothing else tells the sides apart",
        }
    }
}

/// Decides which side of `session` is us: 0 or 1.
pub(super) fn infer(
    session: &Grouped,
    all: &[Grouped],
    flows: &Flows,
    checks: &Checks,
    relays: &Relays,
) -> (usize, Why) {
    let sides = session.addresses(flows);
    let by = [
        (by_direction(session, flows), Why::Direction),
        (by_servers(&sides, flows, checks, relays), Why::AskedServers),
        (by_nearness(session, flows), Why::Near),
        (by_sessions(&sides, all, flows), Why::InMoreSessions),
        (by_privacy(&sides), Why::Private),
    ];
    let first = by.into_iter().find_map(|(side, why)| Some((side?, why)));
    first.unwrap_or((usize::from(!session.first_side_asks), Why::FirstCheck))
}

/// The side with more; none when they are equal.
fn more(counts: [usize; 2]) -> Option<usize> {
    (counts[0] != counts[1]).then(|| usize::from(counts[1] > counts[0]))
}

fn by_direction(session: &Grouped, flows: &Flows) -> Option<usize> {
    let mut votes = [0; 2];
    for (flow, a_is_first) in &session.flows {
        if let Some(a_is_here) = flows.get(*flow).a_is_here() {
            votes[usize::from(a_is_here != *a_is_first)] += 1;
        }
    }
    more(votes)
}

fn by_nearness(session: &Grouped, flows: &Flows) -> Option<usize> {
    let mut votes = [0; 2];
    for (flow, a_is_first) in &session.flows {
        if let Some(a_is_near) = flows.get(*flow).a_is_near() {
            votes[usize::from(a_is_near != *a_is_first)] += 1;
        }
    }
    more(votes)
}

fn by_servers(sides: &[BTreeSet<SocketAddr>; 2], flows: &Flows, checks: &Checks, relays: &Relays) -> Option<usize> {
    let askers = checks.questions().map(|(flow, a_asks)| flows.get(flow).ends(a_asks).0);
    let clients = relays.iter().map(|(flow, relay)| flows.get(flow).ends(relay.a_is_client).0);
    let askers: BTreeSet<IpAddr> = askers.chain(clients).map(|asker| asker.ip()).collect();
    let relayed: BTreeSet<SocketAddr> = relays.iter().flat_map(|(_, relay)| relay.relayed.iter().copied()).collect();
    let counts = [0, 1].map(|side: usize| {
        sides[side].iter().filter(|address| askers.contains(&address.ip()) || relayed.contains(address)).count().min(1)
    });
    more(counts)
}

fn by_sessions(sides: &[BTreeSet<SocketAddr>; 2], all: &[Grouped], flows: &Flows) -> Option<usize> {
    let mut appears: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for session in all {
        let addresses: BTreeSet<IpAddr> = session.addresses(flows).iter().flatten().map(SocketAddr::ip).collect();
        for address in addresses {
            *appears.entry(address).or_default() += 1;
        }
    }
    let most =
        |side: &BTreeSet<SocketAddr>| side.iter().filter_map(|address| appears.get(&address.ip())).max().copied();
    more([most(&sides[0]).unwrap_or_default(), most(&sides[1]).unwrap_or_default()])
}

fn by_privacy(sides: &[BTreeSet<SocketAddr>; 2]) -> Option<usize> {
    let has_private = |side: &BTreeSet<SocketAddr>| side.iter().any(|address| is_private(address.ip()));
    more([0, 1].map(|side: usize| usize::from(has_private(&sides[side]))))
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback() || is_shared(v4.octets()),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

/// The carriers' shared range (RFC 6598).
fn is_shared(octets: [u8; 4]) -> bool {
    octets[0] == 100 && octets[1] & 0xC0 == 64
}
