//! The bases of a call: what they are, which of them ask servers, and how those of an address are opened.

use std::net::{IpAddr, SocketAddr};

use floe_path::PathBase;
use floe_transport::{Base, relay::RelayIds};
use floe_wire::{BaseId, InterfaceInfo, Note};

use super::{Gathering, any_base::AnyBase, preferences::Preferences, relays::Origin};

/// Machines with more addresses than this use the first ones.
pub(super) const MAX_ADDRESSES: usize = 16;

/// A base, and what became known of it.
pub(super) struct OwnBase {
    pub base: AnyBase,
    pub local_preference: u16,
    /// What servers see of it, and the rank of each; more than one where the mapping depends on the destination.
    mapped: Vec<(SocketAddr, u16)>,
}

impl OwnBase {
    /// Whether a server has told where it is seen.
    pub fn is_mapped(&self) -> bool {
        !self.mapped.is_empty()
    }

    /// Takes what a server sees of it; gives the local preference of a mapping that is new. Several get descending ones,
    /// so that priorities stay unique (RFC 8445 section 5.1.2.1).
    pub fn add_mapped(&mut self, mapped: SocketAddr) -> Option<u16> {
        if self.mapped.iter().any(|(known, _)| *known == mapped) {
            return None;
        }
        let is_free = |rank: &u16| self.mapped.iter().all(|(_, taken)| taken != rank);
        let rank = (0..u16::MAX).find(is_free).unwrap_or(u16::MAX);
        self.mapped.push((mapped, rank));
        Some(self.local_preference.saturating_sub(rank))
    }

    /// No server sees it there any more.
    pub fn forget_mapped(&mut self, gone: SocketAddr) {
        self.mapped.retain(|(known, _)| *known != gone);
    }
}

/// All bases that are sockets of this computer, and the ids of these and of relays.
#[derive(Default)]
pub(super) struct Bases {
    list: Vec<OwnBase>,
    next: u32,
    preferences: Preferences,
}

impl Bases {
    /// Ids are never used twice.
    pub fn new_id(&mut self) -> BaseId {
        let id = BaseId(self.next);
        self.next += 1;
        id
    }

    /// Those of a relayed address.
    pub fn new_relay(&mut self) -> RelayIds {
        RelayIds { client: self.new_id(), relay: self.new_id() }
    }

    pub fn iter(&self) -> impl Iterator<Item = &OwnBase> {
        self.list.iter()
    }

    /// Those that servers are asked from: one per address.
    pub fn asking(&self) -> impl Iterator<Item = &OwnBase> {
        self.list.iter().filter(|own| own.base.asks_servers())
    }

    /// The addresses of the interface of a base.
    pub fn beside(&self, own: &OwnBase) -> impl Iterator<Item = IpAddr> {
        let name = own.base.interface().name.clone();
        self.asking().filter(move |other| other.base.interface().name == name).map(|other| other.base.address().ip())
    }

    /// Where relays can leave from.
    pub fn origins(&self) -> Vec<Origin> {
        self.asking().map(Origin::of).collect()
    }

    pub fn find(&self, base: BaseId) -> Option<&OwnBase> {
        self.list.iter().find(|own| own.base.id() == base)
    }

    pub fn find_mut(&mut self, base: BaseId) -> Option<&mut OwnBase> {
        self.list.iter_mut().find(|own| own.base.id() == base)
    }

    /// Takes out those that are gone.
    pub fn take(&mut self, is_gone: impl Fn(&OwnBase) -> bool) -> Vec<OwnBase> {
        self.list.extract_if(.., |own| is_gone(own)).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The local preference of an address, the same as it ever had in this call.
    pub fn preference_of(&mut self, interface: &InterfaceInfo, ip: IpAddr) -> u16 {
        let Self { list, preferences, .. } = self;
        preferences.of(interface, ip, |preference| list.iter().any(|own| own.local_preference == preference))
    }
}

impl Gathering {
    /// Opens the bases of every address that may be used.
    pub(super) fn open_bases(&mut self) {
        let Some(interfaces) = self.surroundings.interfaces() else { return };
        for interface in &interfaces {
            self.tap.note(Note::InterfaceListed(interface.clone()));
        }
        let mut addresses = super::changes::addresses_of(interfaces);
        addresses.truncate(MAX_ADDRESSES);
        for (interface, ip) in &addresses {
            let preference = self.bases.preference_of(interface, *ip);
            self.open_udp(interface.clone(), *ip, preference);
        }
        for (interface, ip) in &addresses {
            let preference = self.bases.preference_of(interface, *ip);
            self.open_tcp(interface, *ip, preference);
        }
    }

    /// Opens the UDP base of an address, at the port that it had before if there was one.
    pub(super) fn open_udp(&mut self, interface: InterfaceInfo, ip: IpAddr, preference: u16) -> Option<BaseId> {
        let id = self.bases.new_id();
        let name = interface.name.clone();
        let (network, inbound) = (&self.surroundings.network, &self.surroundings.inbound);
        let open = |port| {
            let local = SocketAddr::new(ip, port);
            Base::open_at(&**network, &self.tap, id, interface.clone(), local, inbound.clone())
        };
        let earlier = self.surroundings.port_of(ip);
        match earlier.map_or_else(|| open(0), |port| open(port).or_else(|_| open(0))) {
            Ok(base) => {
                self.add_base(AnyBase::Udp(base), preference);
                Some(id)
            }
            Err(error) => {
                self.tap.note(Note::BaseFailed { interface: name, address: ip, error: error.to_string() });
                None
            }
        }
    }

    /// Opens the TCP bases of an address that has one for UDP.
    pub(super) fn open_tcp(&mut self, interface: &InterfaceInfo, ip: IpAddr, local_preference: u16) -> Vec<BaseId> {
        let Self { tcp, bases, .. } = self;
        let opened = tcp.open(interface, ip, || bases.new_id());
        let ids = opened.iter().map(AnyBase::id).collect();
        for base in opened {
            self.add_base(base, local_preference);
        }
        ids
    }

    fn add_base(&mut self, base: AnyBase, local_preference: u16) {
        let candidate = base.candidate(local_preference);
        self.publish(base.id(), candidate, None);
        self.bases.list.push(OwnBase { base, local_preference, mapped: Vec::new() });
    }

    /// Whether there is any socket to call from.
    pub fn has_bases(&self) -> bool {
        !self.bases.is_empty()
    }

    /// The bases that checks may leave from directly.
    pub fn path_bases(&self) -> impl Iterator<Item = PathBase> {
        let usable = self.bases.iter().filter(|_| self.privacy.sends_directly());
        usable.map(|own| own.base.path_base(own.local_preference))
    }
}
