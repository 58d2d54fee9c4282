//! Network address translation by the terms of RFC 4787: mapping × filtering × port assignment × expiry.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

pub use floe_wire::Dependence;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// Ports a NAT gives out by chance.
const PORTS: std::ops::RangeInclusive<u16> = 1024..=65_535;
/// Mappings at once; far above what two calls need, and what home routers have.
const MAX_MAPPINGS: usize = 4096;
/// Remote endpoints one mapping lets in.
const MAX_PERMISSIONS: usize = 1024;

/// How external ports are chosen (RFC 4787 section 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortAssignment {
    /// The internal port, where it is free.
    Preserving,
    /// Any free port.
    Random,
}

/// The behaviour of a NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatConfig {
    /// When a socket keeps its external port from one remote endpoint to the next.
    pub mapping: Dependence,
    /// Who may send to an external port.
    pub filtering: Dependence,
    /// How external ports are chosen.
    pub ports: PortAssignment,
    /// A mapping that sent nothing for so long is forgotten.
    pub expiry: Duration,
    /// Whether inside hosts reach each other through their external addresses.
    pub hairpinning: bool,
}

impl NatConfig {
    /// A common home router: endpoint-independent mapping, address-and-port-dependent filtering, ports kept.
    pub const HOME: Self = Self {
        mapping: Dependence::EndpointIndependent,
        filtering: Dependence::AddressAndPortDependent,
        ports: PortAssignment::Preserving,
        // RFC 4787 REQ-5 allows no less than two minutes.
        expiry: Duration::from_secs(120),
        hairpinning: false,
    };
    /// "Full cone": lets anyone in at a port once it is mapped.
    pub const OPEN: Self = Self { filtering: Dependence::EndpointIndependent, ..Self::HOME };
    /// "Symmetric": a new random port for every remote endpoint.
    pub const SYMMETRIC: Self =
        Self { mapping: Dependence::AddressAndPortDependent, ports: PortAssignment::Random, ..Self::HOME };
}

/// The part of a remote endpoint that a decision looks at.
type RemoteKey = (Option<IpAddr>, Option<u16>);

fn key(dependence: Dependence, remote: SocketAddr) -> RemoteKey {
    match dependence {
        Dependence::EndpointIndependent => (None, None),
        Dependence::AddressDependent => (Some(remote.ip()), None),
        Dependence::AddressAndPortDependent => (Some(remote.ip()), Some(remote.port())),
    }
}

/// A NAT with one external address. Time is passed in.
#[derive(Debug)]
pub struct Nat {
    config: NatConfig,
    external: IpAddr,
    random: StdRng,
    ports: HashMap<(SocketAddr, RemoteKey), u16>,
    mappings: HashMap<u16, Mapping>,
}

#[derive(Debug)]
struct Mapping {
    internal: SocketAddr,
    remote: RemoteKey,
    last_sent: Instant,
    /// Remote endpoints that were sent to, and when last.
    permissions: HashMap<RemoteKey, Instant>,
}

impl Nat {
    /// A NAT whose random ports come from `seed`.
    #[must_use]
    pub fn new(config: NatConfig, external: IpAddr, seed: u64) -> Self {
        Self { config, external, random: StdRng::seed_from_u64(seed), ports: HashMap::new(), mappings: HashMap::new() }
    }

    /// Its external address.
    #[must_use]
    pub const fn external(&self) -> IpAddr {
        self.external
    }

    /// Whether inside hosts reach each other through their external addresses.
    #[must_use]
    pub const fn hairpins(&self) -> bool {
        self.config.hairpinning
    }

    /// A datagram leaves: the external endpoint it seems to come from, or `None` when no port is free.
    pub fn outbound(&mut self, internal: SocketAddr, remote: SocketAddr, now: Instant) -> Option<SocketAddr> {
        let slot = (internal, key(self.config.mapping, remote));
        let known = self.ports.get(&slot).copied().filter(|port| self.is_alive(*port, now));
        let port = match known {
            Some(port) => port,
            None => self.map(slot, now)?,
        };
        let expiry = self.config.expiry;
        let mapping = self.mappings.get_mut(&port)?;
        mapping.last_sent = now;
        if mapping.permissions.len() >= MAX_PERMISSIONS {
            mapping.permissions.retain(|_, last| now.saturating_duration_since(*last) < expiry);
        }
        let permission = key(self.config.filtering, remote);
        if mapping.permissions.len() < MAX_PERMISSIONS || mapping.permissions.contains_key(&permission) {
            mapping.permissions.insert(permission, now);
        }
        Some(SocketAddr::new(self.external, port))
    }

    /// A datagram arrives at an external port: the internal endpoint it is for, or `None` when it is filtered.
    ///
    /// What arrives does not keep a mapping alive (RFC 4787 REQ-6 leaves that open; many routers do not).
    #[must_use]
    pub fn inbound(&self, remote: SocketAddr, port: u16, now: Instant) -> Option<SocketAddr> {
        let mapping = self.mappings.get(&port).filter(|_| self.is_alive(port, now))?;
        let permitted = mapping.permissions.get(&key(self.config.filtering, remote))?;
        (now.saturating_duration_since(*permitted) < self.config.expiry).then_some(mapping.internal)
    }

    /// Behaves differently from here on, as a router that was exchanged; nothing is remembered.
    pub fn reconfigure(&mut self, config: NatConfig) {
        self.config = config;
        self.flush();
    }

    /// Forgets every mapping, as a router does that restarts.
    pub fn flush(&mut self) {
        self.ports.clear();
        self.mappings.clear();
    }

    fn is_alive(&self, port: u16, now: Instant) -> bool {
        let age = |mapping: &Mapping| now.saturating_duration_since(mapping.last_sent);
        self.mappings.get(&port).is_some_and(|mapping| age(mapping) < self.config.expiry)
    }

    fn map(&mut self, slot: (SocketAddr, RemoteKey), now: Instant) -> Option<u16> {
        self.forget_expired(now);
        if self.mappings.len() >= MAX_MAPPINGS {
            return None;
        }
        let port = self.free_port(slot.0.port());
        self.ports.insert(slot, port);
        let (internal, remote) = slot;
        self.mappings.insert(port, Mapping { internal, remote, last_sent: now, permissions: HashMap::new() });
        Some(port)
    }

    fn forget_expired(&mut self, now: Instant) {
        let expiry = self.config.expiry;
        let ports = &mut self.ports;
        self.mappings.retain(|_, mapping| {
            let alive = now.saturating_duration_since(mapping.last_sent) < expiry;
            if !alive {
                ports.remove(&(mapping.internal, mapping.remote));
            }
            alive
        });
    }

    /// [`MAX_MAPPINGS`] is far below the number of ports, so the search ends.
    fn free_port(&mut self, preferred: u16) -> u16 {
        let mut port = match self.config.ports {
            PortAssignment::Preserving => preferred,
            PortAssignment::Random => self.random.random_range(PORTS),
        };
        while self.mappings.contains_key(&port) {
            port = match self.config.ports {
                PortAssignment::Preserving => port.checked_add(1).unwrap_or(*PORTS.start()),
                PortAssignment::Random => self.random.random_range(PORTS),
            };
        }
        port
    }
}

#[cfg(test)]
mod tests;
