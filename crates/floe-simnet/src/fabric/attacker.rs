//! Somebody who sees what a host receives, and can send anything from anywhere.

use std::{net::SocketAddr, time::Instant};

use bytes::Bytes;

use super::{Fabric, Letter, Node, NodeId};
use crate::router::{Datagram, Payload};

/// Datagrams that are remembered; later ones are not.
const MOST_OVERHEARD: usize = 65_536;

/// A datagram as a host received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overheard {
    /// Where it came from, as the host sees it.
    pub source: SocketAddr,
    /// The host's address.
    pub destination: SocketAddr,
    /// What it says.
    pub bytes: Bytes,
}

impl Fabric {
    /// Begins to remember the datagrams that a host receives.
    pub fn begin_overhearing(&mut self, host: NodeId) {
        self.overheard.entry(host).or_default();
    }

    /// What a host has received since, and forgets it.
    pub fn take_overheard(&mut self, host: NodeId) -> Vec<Overheard> {
        self.overheard.get_mut(&host).map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn overhear(&mut self, host: NodeId, destination: SocketAddr, (bytes, source): &Letter) {
        if let Some(list) = self.overheard.get_mut(&host).filter(|list| list.len() < MOST_OVERHEARD) {
            list.push(Overheard { source: *source, destination, bytes: bytes.clone() });
        }
    }

    /// Sends a datagram from a router that does not ask where it comes from.
    pub fn forge(&mut self, router: NodeId, forged: Overheard, now: Instant) {
        let Overheard { source, destination, bytes } = forged;
        let Node::Router(way) = &self.nodes[router.0] else { return };
        self.counters.sent += 1;
        let datagram = Datagram { source, destination, payload: Payload::Udp(bytes) };
        let result = way.route(destination.ip()).and_then(|link| self.carry(router, link, datagram, 0, now));
        self.count(result);
    }
}
