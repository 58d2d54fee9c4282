//! The relayed addresses of a call: one per TURN server, address family and interface, asked for again when lost.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use floe_transport::{
    Inbound, Network, Tap,
    relay::{
        Credentials, Relay, RelayContext, RelayEvent, RelayIds, RelayNews, RelayServer, TlsTrust, TurnUrl,
        relay_preference, relayed_candidate,
    },
};
use floe_wire::{BaseId, Candidate, InterfaceInfo};
use tokio::sync::mpsc;

use super::{OwnBase, patience::Awaited};

/// Relayed addresses of a call; each costs the server a port.
const MAX_RELAYS: usize = 8;
/// Interfaces that one server is asked from.
const INTERFACES_PER_SERVER: usize = 2;
/// Events that may wait; each relay has a few in its life.
const EVENT_CAPACITY: usize = 64;
/// Pause before an address that was lost is asked for again, after a first attempt at once; doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// An address that was kept so long is asked for again at once.
const PROVEN: Duration = Duration::from_secs(10);
/// A server that stays away is asked this often in the end.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Pause before a server that never gave an address is asked again; doubles with each attempt. It is down, or full, or
/// the way to it is blocked here, all of which may pass while people talk.
const FIRST_SLOW_PAUSE: Duration = Duration::from_secs(10);
/// It is asked this often in the end.
const LONGEST_SLOW_PAUSE: Duration = Duration::from_mins(5);

/// A TURN server whose name is resolved.
pub(super) struct TurnServer {
    pub url: TurnUrl,
    pub credentials: Credentials,
    pub addresses: Vec<SocketAddr>,
    /// Its place among those that people name.
    pub order: u16,
}

/// Where a relay can leave from.
#[derive(Clone)]
pub(super) struct Origin {
    pub interface: InterfaceInfo,
    pub ip: IpAddr,
    pub local_preference: u16,
}

impl Origin {
    /// The way over this base's interface.
    pub fn of(own: &OwnBase) -> Self {
        Self {
            interface: own.base.interface().clone(),
            ip: own.base.address().ip(),
            local_preference: own.local_preference,
        }
    }
}

/// What a relay's news change for the call.
pub(super) enum RelayChange {
    /// A base to check from, and its candidate.
    Added {
        relay: BaseId,
        candidate: Candidate,
        server: String,
        /// To the server and back.
        round_trip: Duration,
    },
    /// A base that is no more.
    Removed { relay: BaseId },
}

/// The relayed addresses of a call.
pub(super) struct Relays {
    network: Arc<dyn Network>,
    tap: Tap,
    inbound: mpsc::Sender<Inbound>,
    event_sender: mpsc::Sender<RelayEvent>,
    events: mpsc::Receiver<RelayEvent>,
    trust: TlsTrust,
    slots: Vec<Slot>,
    /// The peer's hosts.
    hosts: Vec<IpAddr>,
}

/// One relayed address that is wanted.
struct Slot {
    server: RelayServer,
    origin: Origin,
    order: u16,
    state: SlotState,
    /// Attempts since the address was there for a while.
    attempts: u32,
    /// There was an address, so that another one is worth a hurry.
    has_served: bool,
}

enum SlotState {
    Asking {
        relay: Relay,
        since: Instant,
    },
    Open {
        relay: Relay,
        since: Instant,
    },
    Paused {
        until: Instant,
    },
    /// No address here leads to the server that does not have a relay there already.
    Homeless,
    /// The server refused it, and would again.
    GivenUp,
}

impl Relays {
    pub fn new(network: &Arc<dyn Network>, tap: &Tap, inbound: &mpsc::Sender<Inbound>, trust: &TlsTrust) -> Self {
        let (event_sender, events) = mpsc::channel(EVENT_CAPACITY);
        Self {
            network: Arc::clone(network),
            tap: tap.clone(),
            inbound: inbound.clone(),
            event_sender,
            events,
            trust: trust.clone(),
            slots: Vec::new(),
            hosts: Vec::new(),
        }
    }

    /// Asks a server for an address of each family that both it and an interface here have; `false` when there is none.
    pub fn ask(
        &mut self,
        server: &TurnServer,
        origins: &[Origin],
        now: Instant,
        mut next_ids: impl FnMut() -> RelayIds,
    ) -> bool {
        let mut asked = false;
        for is_ipv4 in [false, true] {
            let Some(address) = server.addresses.iter().find(|address| address.is_ipv4() == is_ipv4) else { continue };
            for origin in first_of_each_interface(origins, is_ipv4) {
                asked = true;
                if self.slots.len() >= MAX_RELAYS {
                    continue;
                }
                let server_at = RelayServer {
                    url: server.url.clone(),
                    address: *address,
                    credentials: server.credentials.clone(),
                    trust: self.trust.clone(),
                };
                let state = SlotState::Asking { relay: self.open(&server_at, &origin, next_ids()), since: now };
                self.slots.push(Slot {
                    server: server_at,
                    origin,
                    order: server.order,
                    state,
                    attempts: 0,
                    has_served: false,
                });
            }
        }
        asked
    }

    fn open(&mut self, server: &RelayServer, origin: &Origin, ids: RelayIds) -> Relay {
        let context =
            RelayContext { network: &self.network, tap: &self.tap, inbound: &self.inbound, events: &self.event_sender };
        Relay::open(&context, ids, origin.interface.clone(), origin.ip, server.clone(), rand::random())
    }

    /// Waits for news; pending when there are none.
    pub async fn next_event(&mut self) -> RelayEvent {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Takes news.
    pub fn on_event(&mut self, event: RelayEvent, now: Instant) -> Option<RelayChange> {
        let relay = event.ids.relay;
        let slot = self.slots.iter_mut().find(|slot| slot.relay().is_some_and(|known| known.ids() == event.ids))?;
        match event.news {
            RelayNews::Allocated { relayed, mapped, rtt: round_trip } => {
                slot.open(now);
                if let Some(relay) = slot.relay() {
                    relay.permit(self.hosts.clone());
                }
                let RelayServer { url, address, .. } = &slot.server;
                let preference = relay_preference(url.transport, slot.origin.local_preference, slot.order);
                let candidate = relayed_candidate(relayed, mapped, *address, preference);
                Some(RelayChange::Added { relay, candidate, server: url.to_string(), round_trip })
            }
            RelayNews::Failed(error) if error.is_final() => {
                slot.state = SlotState::GivenUp;
                None
            }
            RelayNews::Failed(_) => {
                slot.pause(now);
                None
            }
            RelayNews::Lost(_) => {
                slot.pause(now);
                Some(RelayChange::Removed { relay })
            }
        }
    }

    /// The machine's addresses have changed: what was asked for from one that is gone is asked for from another, which has
    /// none at that server yet. Gives the relayed addresses that are lost by it.
    pub fn follow(&mut self, origins: &[Origin], now: Instant) -> Vec<BaseId> {
        let mut lost = Vec::new();
        for place in 0..self.slots.len() {
            let slot = &self.slots[place];
            let is_homeless = matches!(slot.state, SlotState::Homeless);
            if !is_homeless && origins.iter().any(|origin| origin.ip == slot.origin.ip) {
                continue;
            }
            let next = self.free_origin(place, origins).cloned();
            let slot = &mut self.slots[place];
            if let SlotState::Open { relay, .. } = &slot.state {
                lost.push(relay.ids().relay);
            }
            slot.attempts = 0;
            slot.has_served = false;
            slot.state = match next {
                Some(origin) => {
                    slot.origin = origin;
                    SlotState::Paused { until: now }
                }
                None => SlotState::Homeless,
            };
        }
        lost
    }

    /// The best origin of a slot's family from which no other slot asks the same server.
    fn free_origin<'a>(&self, place: usize, origins: &'a [Origin]) -> Option<&'a Origin> {
        let slot = &self.slots[place];
        let is_taken = |origin: &Origin| {
            let others = self.slots.iter().enumerate().filter(|(other, _)| *other != place);
            others.map(|(_, other)| other).any(|other| {
                other.origin.ip == origin.ip
                    && other.server.address == slot.server.address
                    && other.server.url == slot.server.url
                    && !matches!(other.state, SlotState::Homeless)
            })
        };
        let fitting = origins.iter().filter(|origin| origin.ip.is_ipv4() == slot.origin.ip.is_ipv4());
        fitting.filter(|origin| !is_taken(origin)).max_by_key(|origin| origin.local_preference)
    }

    /// When [`Self::on_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.slots.iter().filter_map(Slot::paused_until).min()
    }

    /// Asks again for what was lost, and for what never came while nothing else came from there.
    pub fn on_timeout(&mut self, now: Instant, mut next_ids: impl FnMut() -> RelayIds) {
        for place in 0..self.slots.len() {
            let is_served = self.is_served_elsewhere(place);
            let slot = &mut self.slots[place];
            if slot.paused_until().is_some_and(|until| until <= now) {
                slot.attempts = slot.attempts.saturating_add(1);
                if is_served && !slot.has_served {
                    slot.pause(now);
                    continue;
                }
                let (server, origin) = (slot.server.clone(), slot.origin.clone());
                let relay = self.open(&server, &origin, next_ids());
                self.slots[place].state = SlotState::Asking { relay, since: now };
            }
        }
    }

    /// Whether the same server gives an address to another interface or of another family.
    fn is_served_elsewhere(&self, place: usize) -> bool {
        let url = &self.slots[place].server.url;
        self.slots.iter().any(|slot| slot.server.url == *url && matches!(slot.state, SlotState::Open { .. }))
    }

    /// Whether every server that was asked has given an address or has not.
    pub fn is_settled(&self) -> bool {
        !self.slots.iter().any(|slot| matches!(slot.state, SlotState::Asking { .. }) && slot.attempts == 0)
    }

    /// What was asked for the first time and has not come.
    pub fn awaited(&self) -> impl Iterator<Item = Awaited> {
        self.slots.iter().filter_map(|slot| match slot.state {
            SlotState::Asking { since, .. } if slot.attempts == 0 => {
                Some(Awaited::Relay { since, transport: slot.server.url.transport })
            }
            SlotState::Asking { .. }
            | SlotState::Open { .. }
            | SlotState::Paused { .. }
            | SlotState::Homeless
            | SlotState::GivenUp => None,
        })
    }

    /// Lets packets of these hosts in, through every address there is or will be.
    pub fn permit(&mut self, hosts: Vec<IpAddr>) {
        for relay in self.slots.iter().filter_map(Slot::relay) {
            relay.permit(hosts.clone());
        }
        self.hosts = hosts;
    }

    /// Sends from a relayed address.
    pub fn send(&self, base: BaseId, datagram: &[u8], remote: SocketAddr) {
        if let Some(relay) = self.find(base) {
            relay.send(datagram, remote);
        }
    }

    /// Makes packets to a peer in use shorter, when they leave from a relayed address.
    pub fn bind(&self, base: BaseId, remote: SocketAddr) {
        if let Some(relay) = self.find(base) {
            relay.bind(remote);
        }
    }

    /// Finds out whether servers still know their addresses.
    pub fn probe(&self) {
        self.slots.iter().filter_map(Slot::relay).for_each(Relay::probe);
    }

    fn find(&self, base: BaseId) -> Option<&Relay> {
        self.slots.iter().filter_map(Slot::relay).find(|relay| relay.ids().relay == base)
    }
}

impl Slot {
    const fn relay(&self) -> Option<&Relay> {
        match &self.state {
            SlotState::Asking { relay, .. } | SlotState::Open { relay, .. } => Some(relay),
            SlotState::Paused { .. } | SlotState::Homeless | SlotState::GivenUp => None,
        }
    }

    fn open(&mut self, since: Instant) {
        self.has_served = true;
        self.state = match std::mem::replace(&mut self.state, SlotState::GivenUp) {
            SlotState::Asking { relay, .. } => SlotState::Open { relay, since },
            other => other,
        };
    }

    fn pause(&mut self, now: Instant) {
        // A server that gives and takes in a row is not asked in a row.
        if matches!(self.state, SlotState::Open { since, .. } if since + PROVEN <= now) {
            self.attempts = 0;
        }
        let doubled = |first: Duration, times: u32| first * 2_u32.pow(times.min(8));
        let pause = match self.attempts {
            attempts if !self.has_served => doubled(FIRST_SLOW_PAUSE, attempts).min(LONGEST_SLOW_PAUSE),
            0 => Duration::ZERO,
            attempts => doubled(FIRST_PAUSE, attempts - 1).min(LONGEST_PAUSE),
        };
        self.state = SlotState::Paused { until: now + pause };
    }

    const fn paused_until(&self) -> Option<Instant> {
        match &self.state {
            SlotState::Paused { until } => Some(*until),
            SlotState::Asking { .. } | SlotState::Open { .. } | SlotState::Homeless | SlotState::GivenUp => None,
        }
    }
}

/// The best address of each interface, the best interfaces first.
fn first_of_each_interface(origins: &[Origin], is_ipv4: bool) -> Vec<Origin> {
    let mut found: Vec<Origin> = Vec::new();
    let mut sorted: Vec<&Origin> = origins.iter().filter(|origin| origin.ip.is_ipv4() == is_ipv4).collect();
    sorted.sort_by_key(|origin| std::cmp::Reverse(origin.local_preference));
    for origin in sorted {
        if found.len() < INTERFACES_PER_SERVER
            && !found.iter().any(|known| known.interface.name == origin.interface.name)
        {
            found.push(origin.clone());
        }
    }
    found
}
