//! Routers: longest prefix first, and at the border to the outside a NAT or a stateful firewall.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{NatConfig, Prefix, counters::Loss, fabric::LinkId, nat::Nat, tcp::Segment};

/// Flows a firewall remembers.
const MAX_FLOWS: usize = 4096;
/// How long it remembers a flow of datagrams that sends nothing, as long as the NATs beside it.
const FLOW_EXPIRY: Duration = Duration::from_secs(120);
/// How long NATs and firewalls remember a connection that sends nothing (RFC 5382 REQ-5). They do not look into it for
/// its opening and its end, so that the shorter time of those is not kept.
const CONNECTION_EXPIRY: Duration = Duration::from_secs(2 * 3600 + 4 * 60);

/// A packet under way.
#[derive(Debug, Clone)]
pub(crate) struct Datagram {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub payload: Payload,
}

/// What a packet carries.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Udp(Bytes),
    Tcp(Segment),
}

impl Payload {
    /// Bytes that a link has to carry, beyond what it adds to every packet.
    pub fn wire_len(&self) -> usize {
        match self {
            Self::Udp(bytes) => bytes.len(),
            Self::Tcp(segment) => segment.wire_len(),
        }
    }
}

/// A node that passes datagrams on: a LAN switch, a home router, the core of the internet.
#[derive(Debug, Default)]
pub(crate) struct Router {
    routes: Vec<(Prefix, LinkId)>,
    border: Option<Box<Border>>,
}

/// Where a router meets the outside.
#[derive(Debug)]
pub(crate) struct Border {
    pub outside: LinkId,
    pub udp: Guard,
    pub tcp: Guard,
    pub udp_blocked: bool,
}

/// What a border knows of one protocol; the ports of each are its own.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Translates IPv4.
    pub nat: Nat,
    /// Guards IPv6, which is not translated.
    pub firewall: Firewall,
}

impl Router {
    pub fn add_route(&mut self, prefix: Prefix, link: LinkId) {
        // An address that moves and comes back has one route.
        self.routes.retain(|(known, _)| *known != prefix);
        self.routes.push((prefix, link));
    }

    pub fn set_border(&mut self, border: Border) {
        self.border = Some(Box::new(border));
    }

    pub fn border_mut(&mut self) -> Option<&mut Border> {
        self.border.as_deref_mut()
    }

    pub fn route(&self, destination: IpAddr) -> Result<LinkId, Loss> {
        let matching = self.routes.iter().filter(|(prefix, _)| prefix.contains(destination));
        matching.max_by_key(|(prefix, _)| prefix.length).map(|(_, link)| *link).ok_or(Loss::Unroutable)
    }

    /// Decides about a datagram that came in over `via`: the link it leaves by, its addresses translated.
    pub fn forward(&mut self, via: LinkId, datagram: &mut Datagram, now: Instant) -> Result<LinkId, Loss> {
        let Some(border) = &mut self.border else { return self.route(datagram.destination.ip()) };
        if border.outside == via {
            border.admit(datagram, now)?;
            return self.route(datagram.destination.ip());
        }
        if datagram.destination.ip() == border.external() {
            border.hairpin(datagram, now)?;
            return self.route(datagram.destination.ip());
        }
        let out = self.route(datagram.destination.ip())?;
        match &mut self.border {
            Some(border) if border.outside == out => border.emit(datagram, now)?,
            _ => {}
        }
        Ok(out)
    }
}

impl Border {
    /// A border towards `outside` with one external address, which lets UDP through. Each NAT has a seed of its own.
    pub fn new(outside: LinkId, config: NatConfig, external: IpAddr, seeds: [u64; 2]) -> Self {
        let guard = |expiry: [Duration; 2], seed| Guard {
            nat: Nat::new(NatConfig { expiry: expiry[0], ..config }, external, seed),
            firewall: Firewall::new(expiry[1]),
        };
        let udp = guard([config.expiry, FLOW_EXPIRY], seeds[0]);
        let tcp = guard([CONNECTION_EXPIRY; 2], seeds[1]);
        Self { outside, udp, tcp, udp_blocked: false }
    }

    /// Forgets mappings and flows, as a router does that restarts.
    pub fn flush(&mut self) {
        for guard in [&mut self.udp, &mut self.tcp] {
            guard.nat.flush();
            guard.firewall.flows.clear();
        }
    }

    const fn external(&self) -> IpAddr {
        self.udp.nat.external()
    }

    fn admit(&mut self, datagram: &mut Datagram, now: Instant) -> Result<(), Loss> {
        let Guard { nat, firewall } = self.guard(&datagram.payload)?;
        let Datagram { source, destination, .. } = datagram;
        if destination.ip() == nat.external() {
            *destination = nat.inbound(*source, destination.port(), now).ok_or(Loss::Filtered)?;
            return Ok(());
        }
        // Private IPv4 addresses mean nothing outside; whoever sends to them from there guesses.
        let expected = destination.is_ipv6() && firewall.admits(*destination, *source, now);
        if expected { Ok(()) } else { Err(Loss::Filtered) }
    }

    fn emit(&mut self, datagram: &mut Datagram, now: Instant) -> Result<(), Loss> {
        let Guard { nat, firewall } = self.guard(&datagram.payload)?;
        if datagram.source.is_ipv6() {
            firewall.remember(datagram.source, datagram.destination, now);
            return Ok(());
        }
        datagram.source = nat.outbound(datagram.source, datagram.destination, now).ok_or(Loss::Congested)?;
        Ok(())
    }

    /// Out and in again (RFC 4787 section 6), with the external address as source (REQ-9).
    fn hairpin(&mut self, datagram: &mut Datagram, now: Instant) -> Result<(), Loss> {
        let nat = match datagram.payload {
            Payload::Udp(_) => &mut self.udp.nat,
            Payload::Tcp(_) => &mut self.tcp.nat,
        };
        if !nat.hairpins() {
            return Err(Loss::Filtered);
        }
        datagram.source = nat.outbound(datagram.source, datagram.destination, now).ok_or(Loss::Congested)?;
        let inside = nat.inbound(datagram.source, datagram.destination.port(), now);
        datagram.destination = inside.ok_or(Loss::Filtered)?;
        Ok(())
    }

    /// Who decides about a packet that crosses the border.
    fn guard(&mut self, payload: &Payload) -> Result<&mut Guard, Loss> {
        match payload {
            Payload::Udp(_) if self.udp_blocked => Err(Loss::Blocked),
            Payload::Udp(_) => Ok(&mut self.udp),
            Payload::Tcp(_) => Ok(&mut self.tcp),
        }
    }
}

/// A stateful firewall: lets in what answers something that went out (RFC 6092 section 3).
#[derive(Debug)]
pub(crate) struct Firewall {
    flows: HashMap<(SocketAddr, SocketAddr), Instant>,
    expiry: Duration,
}

impl Firewall {
    fn new(expiry: Duration) -> Self {
        Self { flows: HashMap::new(), expiry }
    }

    fn remember(&mut self, inside: SocketAddr, outside: SocketAddr, now: Instant) {
        if self.flows.len() >= MAX_FLOWS {
            let expiry = self.expiry;
            self.flows.retain(|_, last| now.saturating_duration_since(*last) < expiry);
        }
        if self.flows.len() < MAX_FLOWS || self.flows.contains_key(&(inside, outside)) {
            self.flows.insert((inside, outside), now);
        }
    }

    fn admits(&self, inside: SocketAddr, outside: SocketAddr, now: Instant) -> bool {
        let last = self.flows.get(&(inside, outside));
        last.is_some_and(|last| now.saturating_duration_since(*last) < self.expiry)
    }
}

#[cfg(test)]
mod tests;
