//! Gathering: bases on the chosen interfaces, STUN and TURN servers asked from them, candidates out of all.

mod any_base;
mod bases;
mod candidates;
pub(crate) mod changes;
mod names;
mod patience;
mod preferences;
mod relays;
mod servers;
mod tcp;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use floe_signal::{HiddenHost, MAX_HIDDEN};
use floe_transport::{
    BrokenConnection, Discovery, DiscoveryOutput, Inbound, NatSend, Network, Tap,
    candidate::server_reflexive_candidate, relay::RelayEvent,
};
use floe_wire::{BaseId, Candidate, GatheringState, Generation, NatSummary, Note, stun::StunMessage};
use tokio::sync::mpsc;

use self::{
    bases::{Bases, OwnBase},
    candidates::Candidates,
    changes::Surroundings,
    names::{Heard, Names},
    patience::Awaited,
    relays::{RelayChange, Relays},
    servers::{Resolved, Servers},
    tcp::TcpOpener,
};
use crate::{
    CallConfig,
    mappings::{MappedAnswer, Mappings},
    privacy::Privacy,
};

/// Connections whose end may wait to be told; a call has a few.
const BROKEN_CAPACITY: usize = 64;

/// What gathering waits for.
pub(crate) enum Found {
    /// A server's name led somewhere, or nowhere.
    Resolved(Resolved),
    /// Something became of a relayed address.
    Relay(RelayEvent),
    /// A TCP connection in use has ended.
    Broken(BrokenConnection),
    /// Somebody in the local network asks for a hidden name, or answers for one.
    Name(Heard),
}

/// A base that came or went after the checks had begun.
pub(crate) enum BaseChange {
    /// Checks may leave from it.
    Added {
        id: BaseId,
        address: SocketAddr,
        /// Of its candidate, and of checks from it.
        priority: u32,
    },
    /// It is no more.
    Removed { id: BaseId },
    /// It is there, and its connection to this address has ended.
    Broken { id: BaseId, remote: SocketAddr },
}

/// The bases of a call and the search for candidates over them.
pub(crate) struct Gathering {
    tap: Tap,
    bases: Bases,
    tcp: TcpOpener,
    broken: mpsc::Receiver<BrokenConnection>,
    surroundings: Surroundings,
    relays: Relays,
    discovery: Discovery,
    servers: Servers,
    privacy: Privacy,
    mappings: Mappings,
    names: Names,
    candidates: Candidates,
    started: Instant,
    /// The longest round trip to a server that answered.
    round_trip: Option<Duration>,
    state: GatheringState,
}

impl Gathering {
    /// Opens bases on every usable interface address and starts to ask the servers.
    pub fn start(
        config: &CallConfig,
        network: &Arc<dyn Network>,
        tap: &Tap,
        inbound: &mpsc::Sender<Inbound>,
        now: Instant,
    ) -> Self {
        tap.note(Note::GatheringChanged { generation: Generation(0), state: GatheringState::Gathering });
        let (watcher, broken) = mpsc::channel(BROKEN_CAPACITY);
        let mut gathering = Self {
            tap: tap.clone(),
            bases: Bases::default(),
            tcp: TcpOpener::new(config, network, tap, inbound, watcher),
            broken,
            surroundings: Surroundings::new(config, network, inbound),
            relays: Relays::new(network, tap, inbound, &config.turn_trust),
            discovery: Discovery::new(rand::random()),
            servers: Servers::new(config, network, tap),
            privacy: config.privacy,
            mappings: Mappings::new(tap, config.mapping_refresh, now),
            names: Names::new(network, tap),
            candidates: Candidates::new(tap),
            started: now,
            round_trip: None,
            state: GatheringState::Gathering,
        };
        gathering.open_bases();
        gathering.advance(now);
        gathering
    }

    /// Waits for the next name or relay; pending when there is none.
    pub async fn next_found(&mut self) -> Found {
        tokio::select! {
            Some(resolved) = self.servers.next() => Found::Resolved(resolved),
            event = self.relays.next_event() => Found::Relay(event),
            heard = self.names.next() => Found::Name(heard),
            Some(broken) = self.broken.recv() => Found::Broken(broken),
        }
    }

    /// Takes what was found; gives the base that came or went by it.
    pub fn on_found(&mut self, found: Found, now: Instant) -> Option<BaseChange> {
        let change = match found {
            Found::Resolved(resolved) => {
                self.on_resolved(resolved, now);
                None
            }
            Found::Name(heard) => {
                self.names.on_heard(heard, now);
                None
            }
            Found::Broken(BrokenConnection { base, remote }) => Some(BaseChange::Broken { id: base, remote }),
            Found::Relay(event) => self.relays.on_event(event, now).map(|change| self.on_relay_change(change)),
        };
        self.advance(now);
        change
    }

    fn on_relay_change(&mut self, change: RelayChange) -> BaseChange {
        match change {
            RelayChange::Added { relay, candidate, server, round_trip } => {
                let (address, priority) = (candidate.address, candidate.priority);
                self.round_trip = self.round_trip.max(Some(round_trip));
                self.publish(relay, candidate, Some(server));
                BaseChange::Added { id: relay, address, priority }
            }
            RelayChange::Removed { relay } => {
                // The one that replaces it is news to whoever has our code.
                self.surroundings.has_changed = true;
                self.candidates.forget_bases(&[relay]);
                BaseChange::Removed { id: relay }
            }
        }
    }

    /// Lets packets of the peer's hosts in through relays, before the first of them is sent.
    pub fn expect_from(&mut self, candidates: &[Candidate]) {
        let mut hosts: Vec<IpAddr> = candidates.iter().map(|candidate| candidate.address.ip()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        self.relays.permit(hosts);
    }

    /// A pair is in use: a relay can make its packets shorter.
    pub fn on_selected(&self, base: BaseId, remote: SocketAddr) {
        self.relays.bind(base, remote);
    }

    /// The pair in use is suspected: relays ask their servers whether they still know us, also those that are not in use. A
    /// server that has forgotten the peer's relay has forgotten ours.
    pub fn on_suspected(&self) {
        self.relays.probe();
    }

    /// Lets mappings go: checks of this call keep the ones in use from here on.
    pub fn stop_refreshing(&mut self) {
        self.mappings.stop_refreshing();
    }

    /// Takes a STUN message that may answer a server request; `true` when it did.
    pub fn on_stun(&mut self, base: BaseId, from: SocketAddr, message: &StunMessage, now: Instant) -> bool {
        let consumed =
            self.discovery.handle(base, from, message, now) || self.mappings.on_stun(base, from, message, now);
        self.advance(now);
        consumed
    }

    /// Takes note of something that nobody has a use for: it may be what a server answers.
    pub fn on_nonsense(&mut self, base: BaseId, from: SocketAddr) {
        self.discovery.on_nonsense(base, from);
    }

    /// When it wants to be woken.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let mine = [self.discovery.poll_timeout(), self.mappings.poll_timeout(), self.relays.poll_timeout()];
        mine.into_iter().chain([self.names.poll_timeout()]).flatten().min()
    }

    /// Retransmits and gives up what is due.
    pub fn on_timeout(&mut self, now: Instant) {
        self.discovery.handle_timeout(now);
        self.names.on_timeout(now);
        let Self { relays, bases, .. } = self;
        relays.on_timeout(now, || bases.new_relay());
        if self.mappings.on_timeout(now) {
            self.refresh(now);
        }
        self.advance(now);
    }

    fn advance(&mut self, now: Instant) {
        while let Some(output) = self.discovery.poll_output() {
            match output {
                DiscoveryOutput::Send { base, to, bytes } => self.send(base, &bytes, to),
                DiscoveryOutput::Mapped { base, server, mapped, rtt, asked, other } => {
                    self.watch_mapped(base, (asked, mapped, other), rtt, now);
                    self.add_mapped(base, server, mapped, rtt);
                }
                DiscoveryOutput::Failed { base, server, error } => self.servers.fail_stun(&server, base, error),
            }
        }
        while let Some(NatSend { base, to, bytes }) = self.mappings.poll_send() {
            self.send(base, &bytes, to);
        }
        self.mappings.note_verdicts(self.bases.asking().map(|own| own.base.id()));
        let is_done = self.servers.resolving() == 0 && self.discovery.is_done() && self.relays.is_settled();
        if self.state == GatheringState::Gathering && is_done {
            self.enter(GatheringState::Complete);
        }
    }

    /// Drops the candidate that a mapping has moved away from: a code made later must not tell it.
    fn watch_mapped(
        &mut self,
        base: BaseId,
        (asked, mapped, other): (SocketAddr, SocketAddr, Option<SocketAddr>),
        rtt: Duration,
        now: Instant,
    ) {
        let Some(own) = self.bases.find_mut(base) else { return };
        let local = own.base.address();
        let answer = MappedAnswer { base, local, asked, mapped, other, rtt };
        let Some(gone) = self.mappings.on_mapped(&answer, now) else { return };
        own.forget_mapped(gone);
        self.candidates.forget_mapped(local, gone);
    }

    /// Whether a further code would be better than the newest one: an address in it has moved, the network has changed,
    /// or a server has told a sort of address that it lacks. Tells each news once.
    pub fn take_moved(&mut self) -> bool {
        let has_news = std::mem::take(&mut self.surroundings.has_news);
        self.mappings.take_moved() || has_news
    }

    /// What a code says of our NAT.
    pub fn nat_summary(&self) -> Option<NatSummary> {
        self.mappings.summary()
    }

    fn add_mapped(&mut self, base: BaseId, server: String, mapped: SocketAddr, rtt: Duration) {
        let generation_is_complete = self.state == GatheringState::Complete;
        let Some(own) = self.bases.find_mut(base) else { return };
        let preference = own.add_mapped(mapped);
        // Answers to refreshing requests are news only when the mapping moved.
        if !(generation_is_complete && preference.is_none()) {
            self.round_trip = self.round_trip.max(Some(rtt));
            self.tap.note(Note::ServerAnswered { server: server.clone(), base, mapped, rtt });
        }
        let local = own.base.address();
        // An address that is its own mapping is the host candidate again (RFC 8445 section 5.1.3).
        if let Some(preference) = preference.filter(|_| mapped != local) {
            self.publish(base, server_reflexive_candidate(mapped, local, preference), Some(server));
        }
    }

    fn publish(&mut self, base: BaseId, candidate: Candidate, server: Option<String>) {
        self.surroundings.has_news |=
            self.surroundings.has_changed || self.candidates.is_missed(&candidate, self.privacy);
        self.candidates.add(base, candidate, server);
    }

    fn enter(&mut self, state: GatheringState) {
        self.state = state;
        self.tap.note(Note::GatheringChanged { generation: self.candidates.generation(), state });
    }

    /// Sends one datagram from a base; a refusal is a record.
    pub fn send(&self, base: BaseId, datagram: &[u8], remote: SocketAddr) {
        match self.bases.find(base) {
            Some(own) => own.base.send(datagram, remote),
            None => self.relays.send(base, datagram, remote),
        }
    }

    /// When a code may be given away although something is still missing.
    pub fn code_deadline(&self) -> Instant {
        let tells_relays_only = !self.privacy.sends_directly();
        let answers = self.discovery.waiting().filter(|_| !tells_relays_only).map(|(base, since)| {
            let is_mapped = self.bases.find(base).is_some_and(OwnBase::is_mapped);
            Awaited::Answer { since, is_mapped }
        });
        let names = (0..self.servers.resolving()).map(|_| Awaited::Name { since: self.started });
        let awaited = answers.chain(self.relays.awaited()).chain(names);
        let has_relay = self.candidates.relayed().next().is_some();
        let good_at = patience::code_at(self.started, awaited, has_relay, self.round_trip, tells_relays_only);
        self.mappings.settles().map_or(good_at, |at| good_at.max(at))
    }

    /// Whether a code made at `now` would be as good as waiting reasonably can make it.
    pub fn is_code_worthy(&self, now: Instant) -> bool {
        let is_complete = self.state == GatheringState::Complete && !self.mappings.is_settling(now);
        is_complete || self.is_enough(now)
    }

    fn is_enough(&self, now: Instant) -> bool {
        let is_awaiting = self.state == GatheringState::Gathering;
        is_awaiting && now >= self.code_deadline()
    }

    /// All candidates so far that the peer may know, best first.
    pub fn candidates(&self) -> Vec<Candidate> {
        self.candidates.told(self.privacy)
    }

    /// The candidates of a code that is made now.
    pub fn candidates_for_code(&mut self) -> Vec<Candidate> {
        self.surroundings.has_news = false;
        self.candidates.for_code(self.privacy)
    }

    /// Hosts of ours that the peer may know by name only.
    pub fn hidden(&mut self) -> Vec<HiddenHost> {
        if !self.privacy.names_lan() {
            return Vec::new();
        }
        let Self { names, bases, .. } = self;
        let hide = |own: &OwnBase| {
            let address = own.base.address();
            let name = names.hide(address.ip(), &names::ears_of(bases.beside(own)))?;
            Some(HiddenHost { name, port: address.port(), local_preference: own.local_preference })
        };
        bases.asking().filter_map(hide).take(MAX_HIDDEN).collect()
    }

    /// Asks the local network for hosts that the peer tells by name.
    pub fn seek_names(&mut self, hosts: &[HiddenHost], now: Instant) {
        // What a name stands for can be reached from a socket of this computer only.
        if !hosts.is_empty() && self.privacy.sends_directly() {
            let ears = self.bases.asking().flat_map(|own| names::ears_of(self.bases.beside(own)));
            let ears: Vec<IpAddr> = ears.collect();
            self.names.seek(hosts, &ears, now);
        }
    }

    /// Candidates of the peer whose names were answered for since this was asked last.
    pub fn take_named(&mut self) -> Vec<Candidate> {
        self.names.take_found()
    }

    /// A new generation of checks has the same candidates.
    pub fn begin_generation(&mut self, generation: Generation) {
        self.candidates.begin_generation(generation);
    }

    /// How many candidates there are so far.
    pub fn candidate_count(&self) -> usize {
        self.candidates.count()
    }

    /// The relayed addresses, each with its candidate's priority.
    pub fn relayed(&self) -> impl Iterator<Item = (BaseId, SocketAddr, u32)> {
        self.candidates.relayed()
    }
}

#[cfg(test)]
mod tests;
