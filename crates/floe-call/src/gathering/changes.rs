//! A network that changes under a call: bases come and go with the addresses of the machine.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use floe_transport::{Inbound, Network};
use floe_wire::{BaseId, GatheringState, InterfaceInfo, InterfaceKind, Note, note::InterfaceAddress};
use tokio::sync::mpsc;

use super::{Gathering, OwnBase, any_base::AnyBase, bases::MAX_ADDRESSES};
use crate::CallConfig;

/// News of the network come in bursts (link, address, route); this long after the last one it is looked at, …
const QUIET: Duration = Duration::from_millis(30);
/// … and this long after the first one at the latest.
const LATEST: Duration = Duration::from_millis(150);

/// Addresses whose ports are remembered; temporary ones of IPv6 come without end.
const MOST_PORTS: usize = 64;

/// The machine's network, as far as this call may use it.
pub(super) struct Surroundings {
    pub(super) network: Arc<dyn Network>,
    pub(super) inbound: mpsc::Sender<Inbound>,
    /// Names of the interfaces to use; empty means all.
    names: Vec<String>,
    include_loopback: bool,
    first_news: Option<Instant>,
    look_at: Option<Instant>,
    /// The ports of addresses that went away. When one comes back, a router that keeps ports maps it to where the peer
    /// still sends, which is the only way back if the peer's router lets in nobody else.
    ports: HashMap<IpAddr, u16>,
    /// The network is not the one that the first code was made in.
    pub(super) has_changed: bool,
    /// A code made earlier lacks a candidate, or tells one that is gone.
    pub(super) has_news: bool,
}

/// What became of the bases of a call.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub added: Vec<BaseId>,
    pub removed: Vec<BaseId>,
}

impl Surroundings {
    pub(super) fn new(config: &CallConfig, network: &Arc<dyn Network>, inbound: &mpsc::Sender<Inbound>) -> Self {
        Self {
            network: Arc::clone(network),
            inbound: inbound.clone(),
            names: config.interfaces.clone(),
            include_loopback: config.include_loopback,
            first_news: None,
            look_at: None,
            ports: HashMap::new(),
            has_changed: false,
            has_news: false,
        }
    }

    fn remember_ports(&mut self, gone: &[OwnBase]) {
        if self.ports.len() >= MOST_PORTS {
            self.ports.clear();
        }
        let udp = gone.iter().filter(|own| matches!(own.base, AnyBase::Udp(_)));
        self.ports.extend(udp.map(|own| own.base.address()).map(|address| (address.ip(), address.port())));
    }

    /// The port that an address had when it went away.
    pub(super) fn port_of(&self, ip: IpAddr) -> Option<u16> {
        self.ports.get(&ip).copied()
    }

    /// The interfaces that may be used; none when the system does not tell.
    pub(super) fn interfaces(&self) -> Option<Vec<InterfaceInfo>> {
        let interfaces =
            self.network.interfaces().inspect_err(|error| tracing::warn!(%error, "cannot list interfaces"));
        let wanted = |interface: &InterfaceInfo| {
            (self.names.is_empty() || self.names.contains(&interface.name))
                && (self.include_loopback || interface.kind != InterfaceKind::Loopback)
        };
        Some(interfaces.ok()?.into_iter().filter(wanted).collect())
    }
}

/// Each address with its interface.
pub(super) fn addresses_of(interfaces: Vec<InterfaceInfo>) -> Vec<(InterfaceInfo, IpAddr)> {
    let each = |interface: InterfaceInfo| {
        let addresses = interface.addresses.clone();
        addresses.into_iter().map(move |address| (interface.clone(), address))
    };
    interfaces.into_iter().flat_map(each).collect()
}

impl Gathering {
    /// Something about the network has changed; it is looked at when the news have calmed down.
    pub fn on_network_news(&mut self, now: Instant) {
        let first = *self.surroundings.first_news.get_or_insert(now);
        self.surroundings.look_at = Some((now + QUIET).min(first + LATEST));
    }

    /// When the network is to be looked at.
    pub fn look_at(&self) -> Option<Instant> {
        self.surroundings.look_at
    }

    /// Looks at the network if it is time: closes the bases whose addresses are gone, opens some for each new address and
    /// asks the servers from there.
    pub fn follow(&mut self, now: Instant) -> Followed {
        if self.surroundings.look_at.is_none_or(|at| at > now) {
            return Followed::default();
        }
        (self.surroundings.look_at, self.surroundings.first_news) = (None, None);
        let Some(interfaces) = self.surroundings.interfaces() else { return Followed::default() };
        let addresses = addresses_of(interfaces);
        let is_there = |own: &OwnBase| addresses.iter().any(|(interface, ip)| is_at(own, interface, *ip));
        let gone = self.bases.take(|own| !is_there(own));
        let is_open =
            |(interface, ip): &(InterfaceInfo, IpAddr)| self.bases.iter().any(|own| is_at(own, interface, *ip));
        let fresh: Vec<_> = addresses.iter().filter(|address| !is_open(address)).cloned().collect();
        if gone.is_empty() && fresh.is_empty() {
            return Followed::default();
        }
        (self.surroundings.has_changed, self.surroundings.has_news) = (true, true);
        self.note_change(&fresh, &gone);
        self.surroundings.remember_ports(&gone);
        let removed: Vec<BaseId> = gone.iter().map(|own| own.base.id()).collect();
        self.candidates.forget_bases(&removed);
        drop(gone);
        let added: Vec<BaseId> =
            fresh.into_iter().flat_map(|(interface, ip)| self.open_address(interface, ip)).collect();
        if self.ask_servers_from(&added, now) && self.state == GatheringState::Complete {
            self.enter(GatheringState::Gathering);
        }
        let mut removed = removed;
        removed.extend(self.move_relays(now));
        self.advance(now);
        Followed { added, removed }
    }

    fn note_change(&self, fresh: &[(InterfaceInfo, IpAddr)], gone: &[OwnBase]) {
        let at = |interface: &InterfaceInfo, ip: IpAddr| InterfaceAddress { interface: interface.name.clone(), ip };
        let appeared = fresh.iter().map(|(interface, ip)| at(interface, *ip)).collect();
        let mut vanished: Vec<_> = gone.iter().map(|own| at(own.base.interface(), own.base.address().ip())).collect();
        vanished.dedup();
        self.tap.note(Note::NetworkChanged { appeared, vanished });
    }

    fn open_address(&mut self, interface: InterfaceInfo, ip: IpAddr) -> Vec<BaseId> {
        if self.bases.asking().count() >= MAX_ADDRESSES {
            return Vec::new();
        }
        self.tap.note(Note::InterfaceListed(interface.clone()));
        let preference = self.bases.preference_of(&interface, ip);
        let udp = self.open_udp(interface.clone(), ip, preference);
        udp.into_iter().chain(self.open_tcp(&interface, ip, preference)).collect()
    }

    /// Relays whose way to their server is gone ask for another address from what is left.
    fn move_relays(&mut self, now: Instant) -> Vec<BaseId> {
        let lost = self.relays.follow(&self.bases.origins(), now);
        self.candidates.forget_bases(&lost);
        lost
    }
}

fn is_at(own: &OwnBase, interface: &InterfaceInfo, ip: IpAddr) -> bool {
    own.base.interface().name == interface.name && own.base.address().ip() == ip
}
