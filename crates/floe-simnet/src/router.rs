//! Routers: longest prefix first, and at the border to the outside a NAT or a stateful firewall.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{Prefix, counters::Loss, fabric::LinkId, nat::Nat};

/// Flows a firewall remembers.
const MAX_FLOWS: usize = 4096;
/// How long it remembers a flow that sends nothing, as long as the NATs beside it.
const FLOW_EXPIRY: Duration = Duration::from_secs(120);

/// A datagram under way.
#[derive(Debug, Clone)]
pub(crate) struct Datagram {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub bytes: Bytes,
}

/// A node that passes datagrams on: a LAN switch, a home router, the core of the internet.
#[derive(Debug, Default)]
pub(crate) struct Router {
    routes: Vec<(Prefix, LinkId)>,
    border: Option<Border>,
}

/// Where a router meets the outside.
#[derive(Debug)]
pub(crate) struct Border {
    pub outside: LinkId,
    /// Translates IPv4.
    pub nat: Nat,
    /// Guards IPv6, which is not translated.
    pub firewall: Firewall,
    pub udp_blocked: bool,
}

impl Router {
    pub fn add_route(&mut self, prefix: Prefix, link: LinkId) {
        self.routes.push((prefix, link));
    }

    pub fn set_border(&mut self, border: Border) {
        self.border = Some(border);
    }

    pub fn border_mut(&mut self) -> Option<&mut Border> {
        self.border.as_mut()
    }

    fn route(&self, destination: IpAddr) -> Result<LinkId, Loss> {
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
        if datagram.destination.ip() == border.nat.external() {
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
    fn admit(&mut self, datagram: &mut Datagram, now: Instant) -> Result<(), Loss> {
        if self.udp_blocked {
            return Err(Loss::Blocked);
        }
        let Datagram { source, destination, .. } = datagram;
        if destination.ip() == self.nat.external() {
            *destination = self.nat.inbound(*source, destination.port(), now).ok_or(Loss::Filtered)?;
            return Ok(());
        }
        // Private IPv4 addresses mean nothing outside; whoever sends to them from there guesses.
        let expected = destination.is_ipv6() && self.firewall.admits(*destination, *source, now);
        if expected { Ok(()) } else { Err(Loss::Filtered) }
    }

    fn emit(&mut self, datagram: &mut Datagram, now: Instant) -> Result<(), Loss> {
        if self.udp_blocked {
            return Err(Loss::Blocked);
        }
        if datagram.source.is_ipv6() {
            self.firewall.remember(datagram.source, datagram.destination, now);
            return Ok(());
        }
        datagram.source = self.nat.outbound(datagram.source, datagram.destination, now).ok_or(Loss::Congested)?;
        Ok(())
    }

    /// Out and in again (RFC 4787 section 6), with the external address as source (REQ-9).
    fn hairpin(&mut self, datagram: &mut Datagram, now: Instant) -> Result<(), Loss> {
        if !self.nat.hairpins() {
            return Err(Loss::Filtered);
        }
        datagram.source = self.nat.outbound(datagram.source, datagram.destination, now).ok_or(Loss::Congested)?;
        let inside = self.nat.inbound(datagram.source, datagram.destination.port(), now);
        datagram.destination = inside.ok_or(Loss::Filtered)?;
        Ok(())
    }
}

/// A stateful firewall: lets in what answers something that went out (RFC 6092 section 3).
#[derive(Debug, Default)]
pub(crate) struct Firewall {
    flows: HashMap<(SocketAddr, SocketAddr), Instant>,
}

impl Firewall {
    fn remember(&mut self, inside: SocketAddr, outside: SocketAddr, now: Instant) {
        if self.flows.len() >= MAX_FLOWS {
            self.flows.retain(|_, last| now.saturating_duration_since(*last) < FLOW_EXPIRY);
        }
        if self.flows.len() < MAX_FLOWS || self.flows.contains_key(&(inside, outside)) {
            self.flows.insert((inside, outside), now);
        }
    }

    fn admits(&self, inside: SocketAddr, outside: SocketAddr, now: Instant) -> bool {
        let last = self.flows.get(&(inside, outside));
        last.is_some_and(|last| now.saturating_duration_since(*last) < FLOW_EXPIRY)
    }

    pub fn flush(&mut self) {
        self.flows.clear();
    }
}

#[cfg(test)]
mod tests;
