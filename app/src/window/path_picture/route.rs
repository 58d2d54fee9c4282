//! What the path picture shows, in order from you to your friend. No drawing here.

use std::net::SocketAddr;

use floe_inspect::{
    PacketStop, PathFacts, Picture, RelaySide,
    picture::{PairId, PairState, PairView, ServerVerdict},
};
use floe_wire::{BaseKind, CandidateType};

use crate::window::{
    format,
    grid::ruling_words,
    model::{Model, Standing},
};

/// The main route.
#[derive(Debug, PartialEq)]
pub struct Route {
    /// From you to your friend.
    pub places: Vec<Place>,
    /// `links[n]` joins `places[n]` and `places[n + 1]`.
    pub links: Vec<Link>,
    /// The interface packets leave by, written where the first link begins.
    pub interface: String,
}

/// You, a router, a relay, your friend.
#[derive(Debug, PartialEq)]
pub struct Place {
    /// What it is.
    pub name: String,
    /// Its address in full; empty if not known.
    pub address: String,
    /// What to say of it.
    pub hover: String,
    /// Whether it was seen; otherwise it is only supposed.
    pub is_known: bool,
    /// You or your friend.
    pub is_end: bool,
}

/// What joins two places.
#[derive(Debug, PartialEq)]
pub struct Link {
    /// What is written on it.
    pub label: String,
    /// How it is drawn.
    pub style: LinkStyle,
    /// The one between the two sides, which carries the numbers.
    pub is_long: bool,
}

/// How a link is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkStyle {
    /// Audio goes over it.
    InUse,
    /// It is there.
    Known,
    /// Checks go over it.
    Trying,
    /// It answers and would take over.
    Standby,
    /// Packets stop here.
    Dead,
    /// Nothing is known of it.
    Unknown,
}

/// A route beside the main one.
#[derive(Debug, PartialEq)]
pub struct SideRoute {
    /// Its pair.
    pub pair: PairId,
    /// Our end.
    pub from: String,
    /// The other end.
    pub to: String,
    /// What is written on it.
    pub label: String,
    /// How it is drawn.
    pub style: LinkStyle,
    /// Why it is as it is.
    pub why: String,
}

impl Place {
    /// The address short enough to stand under the name.
    pub fn shortened(&self) -> String {
        if self.address.is_empty() { "?".to_owned() } else { format::shorten(&self.address, 17) }
    }

    fn end(name: &str, address: String, hover: &str) -> Self {
        let is_known = !address.is_empty();
        Self { name: name.to_owned(), address, hover: hover.to_owned(), is_known, is_end: true }
    }

    fn between(name: &str, address: String, hover: &str) -> Self {
        let is_known = !address.is_empty();
        Self { name: name.to_owned(), address, hover: hover.to_owned(), is_known, is_end: false }
    }
}

impl Route {
    /// The route in use, or the best one to be, as far as it is known.
    pub fn main(model: &Model<'_>) -> Self {
        let facts = &model.reading.path;
        let local = Local::of(model, facts);
        let (mut places, mut links) = (Vec::new(), Vec::new());
        places.push(local.place());
        if let Some(router) = &local.router {
            let hover = "Your router. Others see you at this address";
            places.push(Place::between("Your router", router.clone(), hover));
            links.push(Link { label: String::new(), style: LinkStyle::Known, is_long: false });
        }
        if let Some(relay) = &facts.relay {
            let name = match relay.side {
                RelaySide::Ours => "Your relay",
                RelaySide::Peers => "Friend's relay",
            };
            links.push(Link { label: String::new(), style: LinkStyle::Known, is_long: false });
            places.push(Place::between(name, relay.address.ip().to_string(), "A TURN server carries the audio"));
        }
        links.push(middle(model, facts));
        let friend = Friend::of(model, facts);
        if let Some(router) = friend.router {
            places.push(Place::between("Friend's router", router, "Your friend's router. You send to this address"));
            links.push(Link { label: String::new(), style: LinkStyle::Known, is_long: false });
        }
        places.push(Place::end("Friend", friend.address, friend.hover));
        mark(&mut links, model.standing(), facts.stops);
        Self { places, links, interface: local.interface }
    }
}

/// Audio colours every link; a stop marks the one where packets end.
fn mark(links: &mut [Link], standing: Standing, stops: Option<PacketStop>) {
    if matches!(standing, Standing::Connected | Standing::Securing) {
        for link in &mut *links {
            link.style = LinkStyle::InUse;
        }
    }
    let broken = match stops {
        Some(PacketStop::NothingSent) => links.first_mut(),
        Some(PacketStop::NothingArrives | PacketStop::NothingAnswered | PacketStop::PathDied) => {
            links.iter_mut().find(|link| link.is_long)
        }
        None => None,
    };
    if let Some(link) = broken {
        link.style = LinkStyle::Dead;
    }
}

fn middle(model: &Model<'_>, facts: &PathFacts) -> Link {
    let link = |label: String, style| Link { label, style, is_long: true };
    match model.standing() {
        Standing::Connected | Standing::Securing | Standing::Ended | Standing::Interrupted
            if facts.selected.is_some() =>
        {
            let rtt = format::or_unknown(facts.rtt, format::ms);
            let loss = facts.loss_percent.map_or(String::new(), |percent| format!("  ·  {percent:.1} % lost"));
            let style = if model.standing() == Standing::Interrupted { LinkStyle::Dead } else { LinkStyle::Known };
            link(format!("{rtt}{loss}"), style)
        }
        Standing::Checking => {
            let pairs = model.picture().pairs.len() as u64;
            link(format!("trying {}", format::count(pairs, "way")), LinkStyle::Trying)
        }
        Standing::Failed => link(String::new(), LinkStyle::Dead),
        Standing::Idle
        | Standing::Reading
        | Standing::Nothing
        | Standing::Preparing
        | Standing::WaitingForCode
        | Standing::Securing
        | Standing::Connected
        | Standing::Interrupted
        | Standing::Ended => link(String::new(), LinkStyle::Unknown),
    }
}

/// This computer's address on the path in use: that of the client where the pair's base is a relay's, which stands in the
/// picture by itself.
fn own_address(picture: &Picture, facts: &PathFacts) -> Option<SocketAddr> {
    let base = facts.selected.and_then(|pair| picture.base(pair.base));
    match base.map(|base| &base.base_kind) {
        Some(BaseKind::Relay { client }) => picture.base(*client).map(|client| client.address),
        Some(BaseKind::Udp | BaseKind::Tcp { .. } | BaseKind::TurnClient { .. }) | None => facts.local_address,
    }
}

/// Our end: the pair's base, or else the base the servers know best.
struct Local {
    interface: String,
    address: String,
    router: Option<String>,
}

impl Local {
    fn of(model: &Model<'_>, facts: &PathFacts) -> Self {
        let picture = model.picture();
        if let Some(address) = own_address(picture, facts) {
            return Self {
                interface: facts.local_interface.clone().unwrap_or_default(),
                address: address.ip().to_string(),
                router: facts.local_nat.map(|nat| nat.ip().to_string()),
            };
        }
        let mapped = |base| {
            picture.servers.iter().find_map(|server| match &server.verdict {
                ServerVerdict::Answered { mapped, .. } if server.base == Some(base) => Some(*mapped),
                ServerVerdict::Answered { .. } | ServerVerdict::Failed { .. } => None,
            })
        };
        let known = picture.bases.iter().find(|base| mapped(base.base).is_some());
        let Some(base) = known.or_else(|| picture.bases.first()) else {
            return Self { interface: String::new(), address: String::new(), router: None };
        };
        let router = mapped(base.base).filter(|mapped| *mapped != base.address).map(|mapped| mapped.ip().to_string());
        Self { interface: base.interface.clone(), address: base.address.ip().to_string(), router }
    }

    fn place(&self) -> Place {
        Place::end("You", self.address.clone(), "This computer, and the address it sends from")
    }
}

/// The other end.
struct Friend {
    address: String,
    router: Option<String>,
    hover: &'static str,
}

impl Friend {
    fn of(model: &Model<'_>, facts: &PathFacts) -> Self {
        let hosts = || {
            let told = model.picture().remote_candidates.iter().map(|view| &view.candidate);
            told.filter(|candidate| candidate.candidate_type == CandidateType::Host)
                .map(|candidate| candidate.address.ip())
        };
        let Some(remote) = facts.remote_address.filter(|_| facts.relay.is_none()) else {
            let hover = "Where your friend is becomes known with the code";
            return Self { address: hosts().next().map_or_else(String::new, |ip| ip.to_string()), router: None, hover };
        };
        if facts.remote_behind_nat == Some(true) {
            // A router translates within a family of addresses.
            let behind = hosts().find(|ip| ip.is_ipv4() == remote.is_ipv4());
            let address = behind.map_or_else(String::new, |ip| ip.to_string());
            let hover = "Your friend's own address, behind the router";
            Self { address, router: Some(remote.ip().to_string()), hover }
        } else {
            Self { address: remote.ip().to_string(), router: None, hover: "Your friend's address" }
        }
    }
}

impl SideRoute {
    /// Every pair beside the one in use that is worth a line: standby, then under way, then dead.
    pub fn list(model: &Model<'_>) -> Vec<Self> {
        let picture = model.picture();
        let newest = picture.pairs.iter().map(|pair| pair.id.generation).max();
        let mut pairs: Vec<&PairView> = picture
            .pairs
            .iter()
            .filter(|pair| Some(pair.id.generation) == newest && Some(pair.id) != model.reading.path.selected)
            .filter(|pair| pair.requests_sent + pair.requests_received > 0)
            .collect();
        pairs.sort_by_key(|pair| (rank(pair.state), std::cmp::Reverse(pair.priority)));
        pairs.into_iter().map(|pair| Self::of(model, pair)).collect()
    }

    fn of(model: &Model<'_>, pair: &PairView) -> Self {
        let picture = model.picture();
        let base = picture.base(pair.id.base);
        let from = base.map_or_else(
            || pair.id.base.to_string(),
            |base| format!("{} {}", base.interface, format::shorten(&base.address.ip().to_string(), 16)),
        );
        let kind = pair
            .remote_candidate
            .as_deref()
            .and_then(|id| picture.candidate(id))
            .map_or("", |view| view.candidate.candidate_type.name());
        let to = format!("{kind} {}", format::short_address(pair.id.remote));
        let checks = format::count(pair.requests_sent, "check");
        let (style, label) = match pair.state {
            _ if picture.is_blocked(pair.id) => {
                (LinkStyle::Unknown, ruling_words(picture, pair.id).unwrap_or_default())
            }
            PairState::Succeeded => {
                (LinkStyle::Standby, format!("standby  ·  {}", format::or_unknown(pair.rtt, format::ms)))
            }
            PairState::InProgress => (LinkStyle::Trying, format!("{checks}, no answer yet")),
            PairState::Waiting | PairState::Frozen => (LinkStyle::Unknown, pair.state.name().to_owned()),
            PairState::Failed if base.is_some_and(|base| base.is_gone) => (LinkStyle::Dead, "✗ gone".to_owned()),
            PairState::Failed if pair.last_answer.is_some() => (LinkStyle::Dead, "✗ answers no more".to_owned()),
            PairState::Failed => (LinkStyle::Dead, format!("✗ {checks}, no answer")),
        };
        Self { pair: pair.id, from, to, label, style, why: pair.why.clone() }
    }
}

const fn rank(state: PairState) -> u8 {
    match state {
        PairState::Succeeded => 0,
        PairState::InProgress => 1,
        PairState::Waiting => 2,
        PairState::Frozen => 3,
        PairState::Failed => 4,
    }
}

#[cfg(test)]
mod tests {
    use floe_inspect::picture::CandidateView;

    use super::*;
    use crate::window::fixtures;

    fn names(route: &Route) -> Vec<&str> {
        route.places.iter().map(|place| place.name.as_str()).collect()
    }

    #[test]
    fn two_routers_stand_between_the_two_people() {
        fixtures::with_model(&fixtures::connected(), |model| {
            let route = Route::main(model);
            assert_eq!(names(&route), ["You", "Your router", "Friend's router", "Friend"]);
            assert_eq!(route.links.len(), 3);
            assert!(route.links[1].label.starts_with("31 ms"));
            assert!(route.links.iter().all(|link| link.style == LinkStyle::InUse));
        });
    }

    #[test]
    fn behind_a_router_stands_an_address_that_it_can_translate() {
        let mut snapshot = fixtures::connected();
        let picture = std::sync::Arc::make_mut(&mut snapshot.picture);
        let own = |view: &&CandidateView| view.candidate.candidate_type == CandidateType::Host;
        let mut other = picture.remote_candidates.iter().find(own).cloned().unwrap();
        let known = other.candidate.address.ip().to_string();
        other.candidate.address = "[2001:db8::7]:5000".parse().unwrap();
        picture.remote_candidates.insert(0, other);
        fixtures::with_model(&snapshot, |model| {
            assert_eq!(Route::main(model).places.last().unwrap().address, known);
        });
    }

    #[test]
    fn before_the_friends_code_only_our_side_is_known() {
        fixtures::with_model(&fixtures::waiting_for_code(), |model| {
            let route = Route::main(model);
            assert_eq!(names(&route), ["You", "Your router", "Friend"]);
            assert!(!route.places[2].is_known);
            assert_eq!(route.links[1].style, LinkStyle::Unknown);
        });
    }

    #[test]
    fn after_a_failure_the_link_where_packets_stop_is_dead() {
        fixtures::with_model(&fixtures::failed(), |model| {
            let route = Route::main(model);
            assert!(route.links.iter().any(|link| link.is_long && link.style == LinkStyle::Dead));
        });
    }

    #[test]
    fn standby_routes_come_before_dead_ones_and_the_one_in_use_is_not_among_them() {
        fixtures::with_model(&fixtures::connected(), |model| {
            let sides = SideRoute::list(model);
            assert_eq!(sides[0].style, LinkStyle::Standby);
            assert_eq!(sides.last().unwrap().style, LinkStyle::Dead);
            assert!(sides.iter().all(|side| Some(side.pair) != model.reading.path.selected));
        });
    }
}
