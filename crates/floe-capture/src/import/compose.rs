//! From packets to records: one session seen from one side, with the notes that the wire allows.
//!
//! Nothing is claimed that was not captured. Bases, user fragments, roles, mapped addresses, allocations, nominations
//! and handshakes are on the wire. Two things are inferred: a host candidate's priority is that of its checks with the
//! recommended type preference (RFC 8445 section 7.1.1 only lets the type preference differ), and the peer's candidates
//! count as peer-reflexive, because signaling is not in a capture. Gathering and signaling states stay unknown.

mod bases;
mod handshake;
mod ice;
mod media;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_wire::{
    BaseId, Direction, InterfaceInfo, InterfaceKind, Note, Packet, Record, RecordBody, Stamp, stun::IntegrityVerdict,
};

use self::{bases::Bases, ice::Ice, media::Media};
use super::{
    checks::Grouped,
    collector::{Collector, Counted, Kept},
    flows::{Flow, FlowId},
};

/// What a capture calls its interface when it does not say.
const UNNAMED: &str = "capture";

/// What a flow is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Between us and the peer.
    Pair,
    /// Between us and a STUN server.
    Server,
    /// Between us and a TURN server.
    Client,
}

/// A flow of ours.
#[derive(Debug, Clone, Copy)]
struct Ours {
    role: Role,
    a_is_us: bool,
}

/// What the records are made of.
pub(super) struct Composition<'a> {
    pub collector: Collector,
    /// The session; none where a capture holds questions to servers only.
    pub session: Option<&'a Grouped>,
    /// Which side of it is us.
    pub us: usize,
    /// What the file calls its interfaces.
    pub interface_name: &'a dyn Fn(u32) -> Option<String>,
}

/// Makes the records.
pub(super) fn compose(composition: Composition<'_>) -> Vec<Record> {
    let Composition { mut collector, session, us, interface_name } = composition;
    let (mut kept, mut counted) = (std::mem::take(&mut collector.kept), std::mem::take(&mut collector.counted));
    let ours = flows_of(&collector, session, us);
    kept.retain(|packet| ours.contains_key(&packet.flow));
    counted.retain(|counted| ours.contains_key(&counted.flow));
    // Sorting takes half as much memory again, and most captures are in order.
    if !kept.is_sorted_by_key(|packet| packet.at) {
        kept.sort_by_key(|packet| packet.at);
    }
    let start = collector.first.unwrap_or_default() / 1_000_000;
    let mut composer = Composer {
        start: start * 1_000_000,
        records: Vec::with_capacity(kept.len() + kept.len() / 8 + counted.len() + 64),
        bases: Bases::default(),
        ice: Ice::of(session, us, &collector.flows, &collector.checks),
        media: Media::default(),
        ours,
        collector,
        at: Stamp::ZERO,
    };
    composer.note(Note::SessionStarted { wall_ms: start, version: env!("CARGO_PKG_VERSION").to_owned() });
    composer.note(Note::Captured);
    composer.list_interfaces(interface_name);
    composer.merge(kept, &counted);
    composer.conclude();
    composer.records
}

/// Every flow that has to do with us.
fn flows_of(collector: &Collector, session: Option<&Grouped>, us: usize) -> BTreeMap<FlowId, Ours> {
    let flows = &collector.flows;
    let mut ours: BTreeMap<FlowId, Ours> = BTreeMap::new();
    let mut addresses: BTreeSet<IpAddr> = BTreeSet::new();
    let mut sockets: BTreeSet<SocketAddr> = BTreeSet::new();
    for (flow, a_is_first) in session.iter().flat_map(|session| &session.flows) {
        let a_is_us = *a_is_first == (us == 0);
        ours.insert(*flow, Ours { role: Role::Pair, a_is_us });
        let local = flows.get(*flow).ends(a_is_us).0;
        addresses.insert(local.ip());
        sockets.insert(local);
    }
    // Who owns the relayed address of a session is us, with everything else it asked.
    for (flow, relay) in collector.relays.iter() {
        if relay.relayed.iter().any(|relayed| sockets.contains(relayed)) {
            addresses.insert(flows.get(flow).ends(relay.a_is_client).0.ip());
        }
    }
    for (flow, a_asks) in collector.checks.questions() {
        let is_us = session.is_none() || addresses.contains(&flows.get(flow).ends(a_asks).0.ip());
        if is_us {
            ours.entry(flow).or_insert(Ours { role: Role::Server, a_is_us: a_asks });
        }
    }
    for (flow, relay) in collector.relays.iter() {
        let client = flows.get(flow).ends(relay.a_is_client).0;
        if session.is_none() || addresses.contains(&client.ip()) {
            ours.insert(flow, Ours { role: Role::Client, a_is_us: relay.a_is_client });
        }
    }
    ours
}

/// Writes records in the order of time.
struct Composer {
    /// Nanoseconds of stamp zero since the Unix epoch: a whole millisecond.
    start: u64,
    records: Vec<Record>,
    bases: Bases,
    ice: Ice,
    media: Media,
    ours: BTreeMap<FlowId, Ours>,
    collector: Collector,
    /// The present.
    at: Stamp,
}

/// A packet of a flow of ours, seen from us.
#[derive(Debug, Clone, Copy)]
struct Seen {
    flow: FlowId,
    role: Role,
    direction: Direction,
    local: SocketAddr,
    remote: SocketAddr,
    base: BaseId,
}

impl Composer {
    fn note(&mut self, note: Note) {
        self.records.push(Record { at: self.at, body: RecordBody::note(note) });
    }

    fn flow(&self, flow: FlowId) -> &Flow {
        self.collector.flows.get(flow)
    }

    /// One note per interface, with the addresses of ours that packets on it had.
    fn list_interfaces(&mut self, name: &dyn Fn(u32) -> Option<String>) {
        let mut interfaces: BTreeMap<u32, BTreeSet<IpAddr>> = BTreeMap::new();
        for (flow, ours) in &self.ours {
            let flow = self.flow(*flow);
            let local = flow.ends(ours.a_is_us).0.ip();
            interfaces.entry(flow.interface).or_default().insert(local);
        }
        let relayed: BTreeSet<IpAddr> =
            self.collector.relays.iter().flat_map(|(_, relay)| relay.relayed.iter().map(SocketAddr::ip)).collect();
        for (interface, addresses) in interfaces {
            let addresses: Vec<IpAddr> = addresses.difference(&relayed).copied().collect();
            if addresses.is_empty() {
                continue;
            }
            let is_loopback = addresses.iter().all(IpAddr::is_loopback);
            let kind = if is_loopback { InterfaceKind::Loopback } else { InterfaceKind::Unknown };
            let name = name(interface).unwrap_or_else(|| UNNAMED.to_owned());
            self.bases.name_interface(interface, name.clone());
            self.note(Note::InterfaceListed(InterfaceInfo { name, kind, addresses }));
        }
    }

    /// Goes through packets and counts in the order of time.
    fn merge(&mut self, mut kept: Vec<Kept>, counted: &[Counted]) {
        let mut begins: Vec<_> = (0..counted.len()).collect();
        begins.sort_by_key(|at| counted[*at].bucket.first);
        let mut ends: Vec<_> = (0..counted.len()).collect();
        ends.sort_by_key(|at| counted[*at].bucket.last);
        let mut begins = begins.into_iter().peekable();
        let mut ends = ends.into_iter().peekable();
        // From the end, so that memory is given back while records take it.
        kept.reverse();
        loop {
            let packet = kept.last().map_or(u64::MAX, |packet| packet.at);
            let begin = begins.peek().map_or(u64::MAX, |at| counted[*at].bucket.first);
            let end = ends.peek().map_or(u64::MAX, |at| counted[*at].bucket.last);
            if packet <= begin && packet <= end {
                let Some(packet) = kept.pop() else { break };
                if kept.len() < kept.capacity() / 8 * 7 {
                    kept.shrink_to_fit();
                }
                self.at = self.stamp(packet.at);
                self.packet(packet);
            } else if begin <= end {
                let Some(at) = begins.next() else { break };
                self.at = self.stamp(begin);
                self.media_begins(&counted[at]);
            } else {
                let Some(at) = ends.next() else { break };
                self.at = self.stamp(end);
                self.counted(&counted[at]);
            }
        }
        // A packet at the last instant that a clock can tell ends the loop above with something left.
        while let Some(packet) = kept.pop() {
            self.packet(packet);
        }
    }

    fn stamp(&self, at: u64) -> Stamp {
        Stamp(Duration::from_nanos(at.saturating_sub(self.start)))
    }

    fn seen(&mut self, flow: FlowId, from_a: bool) -> Option<Seen> {
        let Ours { role, a_is_us } = *self.ours.get(&flow)?;
        let (local, remote) = self.flow(flow).ends(a_is_us);
        let direction = if from_a == a_is_us { Direction::Outbound } else { Direction::Inbound };
        let base = self.open_base(flow, role, a_is_us);
        Some(Seen { flow, role, direction, local, remote, base })
    }

    fn packet(&mut self, packet: Kept) {
        let Some(seen) = self.seen(packet.flow, packet.from_a) else { return };
        let Kept { wire_len, bytes, fragments, .. } = packet;
        self.before_packet(&seen, &bytes, fragments);
        let record = Packet {
            base: seen.base,
            direction: seen.direction,
            remote: seen.remote,
            bytes: bytes.clone(),
            wire_len,
            // A capture comes without passwords.
            integrity: IntegrityVerdict::Unchecked,
        };
        self.records.push(Record { at: self.at, body: RecordBody::Packet(record) });
        self.after_packet(&seen, &bytes);
    }

    /// What can only be said once everything was seen.
    fn conclude(&mut self) {
        self.conclude_servers();
        self.conclude_checks();
        self.conclude_handshake();
        self.conclude_framing();
    }

    /// Connections to peers that are badly framed; those to servers have frames of another kind.
    fn conclude_framing(&mut self) {
        for (at, flow, from_a, fault) in std::mem::take(&mut self.collector.faults) {
            if let Some(Seen { role: Role::Pair, direction, base, remote, .. }) = self.seen(flow, from_a) {
                self.insert(self.stamp(at), Note::FramingBroken { base, remote, direction, fault });
            }
        }
    }

    /// Adds a note where it belongs in the order of time.
    fn insert(&mut self, at: Stamp, note: Note) {
        let position = self.records.partition_point(|record| record.at <= at);
        self.records.insert(position, Record { at, body: RecordBody::note(note) });
    }
}
