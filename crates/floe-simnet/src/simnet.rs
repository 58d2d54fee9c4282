//! A simulated network in a tokio runtime: built up node by node, carried by one task, ended when dropped.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use floe_transport::clock;
use floe_wire::InterfaceInfo;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

pub use crate::fabric::{LinkId, NodeId, Overheard};
use crate::{Counters, Ipv6, LinkProfile, NatConfig, Prefix, SimHost, fabric::Fabric, link::Way, pace, router::Border};

/// A simulated network. Dropping it ends it: its task stops, sockets send and receive nothing more.
#[derive(Debug)]
pub struct Simnet {
    shared: Arc<Shared>,
    scheduler: JoinHandle<()>,
}

/// What the handle, the hosts and the scheduler share.
///
/// A lock and not messages, because a socket's send is synchronous and must know at once whether it worked. It is
/// held for the time it takes to move a datagram from queue to queue, never across an `.await`.
#[derive(Debug)]
pub(crate) struct Shared {
    fabric: Mutex<Fabric>,
    sooner: Notify,
    /// Counts what happened to interfaces.
    pub(crate) changes: watch::Sender<u64>,
    ipv6: Mutex<BTreeMap<NodeId, Ipv6>>,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Fabric> {
        self.fabric.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a host speaks IPv6.
    pub fn ipv6(&self, host: NodeId) -> Ipv6 {
        self.ipv6.lock().unwrap_or_else(PoisonError::into_inner).get(&host).copied().unwrap_or_default()
    }

    /// Does something that may put packets under way or set timers, and wakes the scheduler when it must wake sooner
    /// for it.
    pub fn act<T>(&self, action: impl FnOnce(&mut Fabric) -> T) -> T {
        let mut fabric = self.lock();
        let before = fabric.next_event();
        let result = action(&mut fabric);
        let after = fabric.next_event();
        drop(fabric);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.sooner.notify_one();
        }
        result
    }
}

impl Simnet {
    /// An empty network whose randomness comes from `seed`; inside a tokio runtime.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let shared = Arc::new(Shared {
            fabric: Mutex::new(Fabric::new(seed)),
            sooner: Notify::new(),
            changes: watch::Sender::new(0),
            ipv6: Mutex::default(),
        });
        let scheduler = tokio::spawn(schedule(Arc::clone(&shared)));
        Self { shared, scheduler }
    }

    /// Adds a computer.
    pub fn add_host(&self) -> NodeId {
        self.shared.lock().add_host()
    }

    /// Adds a switch, a router or the core of the internet; what it is depends on how it is joined.
    pub fn add_router(&self) -> NodeId {
        self.shared.lock().add_router()
    }

    /// Joins a host to a switch or router by an interface.
    pub fn attach(&self, host: NodeId, router: NodeId, interface: InterfaceInfo, profile: LinkProfile) -> LinkId {
        let mut fabric = self.shared.lock();
        let link = fabric.add_link([host, router], profile);
        for address in &interface.addresses {
            fabric.add_route(router, Prefix::host(*address), link);
        }
        fabric.add_interface(host, interface, link);
        drop(fabric);
        self.shared.changes.send_modify(|count| *count += 1);
        link
    }

    /// Joins a router to another one that knows the way to the rest of the world; `inside` are the prefixes that lie
    /// behind the first.
    pub fn uplink(&self, router: NodeId, upstream: NodeId, inside: &[Prefix], profile: LinkProfile) -> LinkId {
        let mut fabric = self.shared.lock();
        let link = fabric.add_link([router, upstream], profile);
        for everywhere in [IpAddr::from([0; 4]), IpAddr::from([0; 16])] {
            fabric.add_route(router, Prefix::new(everywhere, 0), link);
        }
        for prefix in inside {
            fabric.add_route(upstream, *prefix, link);
        }
        link
    }

    /// Makes a router translate IPv4 to `external` on its uplink, and guard IPv6 there.
    pub fn translate(&self, router: NodeId, uplink: LinkId, config: NatConfig, external: IpAddr) {
        let mut fabric = self.shared.lock();
        let seed = fabric.next_seed();
        fabric.set_border(router, Border::new(uplink, config, external, [seed, !seed]));
    }

    /// Gives a name to addresses, for every host's resolver.
    pub fn add_name(&self, name: &str, addresses: Vec<IpAddr>) {
        self.shared.lock().add_name(name, addresses);
    }

    /// The network as one host sees it.
    #[must_use]
    pub fn network(&self, host: NodeId) -> SimHost {
        SimHost::new(Arc::clone(&self.shared), host)
    }

    /// How a link treats datagrams.
    #[must_use]
    pub fn link_profile(&self, link: LinkId) -> LinkProfile {
        self.shared.lock().link_mut(link).profile(Way::There)
    }

    /// Changes how a link treats datagrams from here on.
    pub fn set_link_profile(&self, link: LinkId, profile: LinkProfile) {
        self.shared.lock().link_mut(link).set_profile(profile);
    }

    /// How a link treats datagrams of one direction.
    #[must_use]
    pub fn way_profile(&self, link: LinkId, way: Way) -> LinkProfile {
        self.shared.lock().link_mut(link).profile(way)
    }

    /// Changes how a link treats datagrams of one direction from here on.
    pub fn set_way_profile(&self, link: LinkId, way: Way, profile: LinkProfile) {
        self.shared.lock().link_mut(link).set_way(way, profile);
    }

    /// Takes a link down, with everything on it, or brings it up again. A host's interface goes with its link.
    pub fn set_link_up(&self, link: LinkId, up: bool) {
        self.shared.lock().link_mut(link).up = up;
        self.shared.changes.send_modify(|count| *count += 1);
    }

    /// Gives a host's interface other addresses, as a router does that hands them out; `false` when there is no such
    /// interface. Sockets at the old ones reach nobody any more.
    pub fn set_addresses(&self, host: NodeId, interface: &str, addresses: &[IpAddr]) -> bool {
        let mut fabric = self.shared.lock();
        let Some(link) = fabric.set_addresses(host, interface, addresses) else { return false };
        if let Some(router) = fabric.far_end(link, host) {
            for address in addresses {
                fabric.add_route(router, Prefix::host(*address), link);
            }
        }
        drop(fabric);
        self.shared.changes.send_modify(|count| *count += 1);
        true
    }

    /// UDP sockets, TCP listeners and TCP connections that a host has open.
    #[must_use]
    pub fn open_sockets(&self, host: NodeId) -> usize {
        self.shared.lock().open_sockets(host)
    }

    /// The link of a host's interface.
    #[must_use]
    pub fn interface_link(&self, host: NodeId, interface: &str) -> Option<LinkId> {
        let fabric = self.shared.lock();
        fabric.all_interfaces(host).iter().find(|(info, _)| info.name == interface).map(|(_, link)| *link)
    }

    /// Makes a host speak IPv6 this way from here on.
    pub fn set_ipv6(&self, host: NodeId, ipv6: Ipv6) {
        self.shared.ipv6.lock().unwrap_or_else(PoisonError::into_inner).insert(host, ipv6);
        self.shared.changes.send_modify(|changes| *changes += 1);
    }

    /// The links of all of a host's interfaces.
    #[must_use]
    pub fn interface_links(&self, host: NodeId) -> Vec<LinkId> {
        self.shared.lock().all_interfaces(host).iter().map(|(_, link)| *link).collect()
    }

    /// Moves a host's default route to an interface; until then, it leads to the first one that is up.
    pub fn set_default_interface(&self, host: NodeId, interface: &str) {
        self.shared.lock().set_default_interface(host, interface);
        self.shared.changes.send_modify(|count| *count += 1);
    }

    /// Lets a host have slept for so long, as it finds when it wakes; nothing is lost meanwhile.
    pub fn add_sleep(&self, host: NodeId, asleep: Duration) {
        self.shared.lock().add_sleep(host, asleep);
    }

    /// Makes a router forget its mappings and flows, as after a restart; `false` when it has none to forget.
    pub fn flush_nat(&self, router: NodeId) -> bool {
        let mut fabric = self.shared.lock();
        let Some(border) = fabric.border_mut(router) else { return false };
        border.flush();
        true
    }

    /// Makes a translating router behave differently; `false` for other routers.
    pub fn set_nat(&self, router: NodeId, config: NatConfig) -> bool {
        let mut fabric = self.shared.lock();
        let Some(border) = fabric.border_mut(router) else { return false };
        border.udp.nat.reconfigure(config);
        border.tcp.nat.reconfigure(config);
        true
    }

    /// Makes a translating router drop all UDP on its uplink, or carry it again; `false` for other routers.
    pub fn block_udp(&self, router: NodeId, blocked: bool) -> bool {
        let mut fabric = self.shared.lock();
        let Some(border) = fabric.border_mut(router) else { return false };
        border.udp_blocked = blocked;
        true
    }

    /// Begins to remember the datagrams that a host receives, for [`Simnet::take_overheard`].
    pub fn begin_overhearing(&self, host: NodeId) {
        self.shared.lock().begin_overhearing(host);
    }

    /// What a host has received since it was last asked; at most 65,536 datagrams.
    #[must_use]
    pub fn take_overheard(&self, host: NodeId) -> Vec<Overheard> {
        self.shared.lock().take_overheard(host)
    }

    /// Sends a datagram from a router that does not ask where it comes from, as an attacker's provider.
    pub fn forge(&self, router: NodeId, forged: Overheard) {
        self.shared.act(|fabric| fabric.forge(router, forged, clock::now()));
    }

    /// What became of the datagrams so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.lock().counters()
    }
}

impl Drop for Simnet {
    fn drop(&mut self) {
        self.scheduler.abort();
        self.shared.lock().close();
    }
}

/// Carries what is under way on to its next hop when its time has come.
async fn schedule(shared: Arc<Shared>) {
    loop {
        let next = shared.lock().next_event();
        match next {
            None => shared.sooner.notified().await,
            Some(at) => tokio::select! {
                () = pace::sleep_until(at) => shared.lock().advance(clock::now()),
                () = shared.sooner.notified() => {}
            },
        }
    }
}
