//! What a record file stops keeping in full when a call gets long.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use floe_wire::{BaseId, Direction, Note, Packet, PacketKind, Record, RecordBody, Stamp, note::TrafficCount};

/// How often counted traffic is written down.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// Flows counted apart in one interval; strangers with a new address in every datagram are counted together.
const FLOWS_KEPT: usize = 256;

/// Stands for all remote addresses beyond [`FLOWS_KEPT`].
const MANY_REMOTES: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

type Flow = (BaseId, SocketAddr, Direction);

/// Counts packets that are not kept, and gives the counts as notes.
#[derive(Debug, Default)]
pub(crate) struct TrafficCounter {
    since: Option<Stamp>,
    flows: BTreeMap<Flow, Vec<TrafficCount>>,
}

impl TrafficCounter {
    /// Counts a packet. Gives notes when it is time.
    pub fn count(&mut self, at: Stamp, kind: PacketKind, packet: &Packet) -> Vec<Record> {
        let due = self.since.is_some_and(|since| at.since(since) >= COUNT_INTERVAL);
        let notes = if due { self.drain(at) } else { Vec::new() };
        self.since.get_or_insert(at);
        let mut flow = (packet.base, packet.remote, packet.direction);
        if self.flows.len() >= FLOWS_KEPT && !self.flows.contains_key(&flow) {
            flow.1 = MANY_REMOTES;
        }
        let counts = self.flows.entry(flow).or_default();
        let position = counts.iter().position(|count| count.kind == kind).unwrap_or_else(|| {
            counts.push(TrafficCount { kind, packets: 0, bytes: 0 });
            counts.len() - 1
        });
        counts[position].packets += 1;
        counts[position].bytes += u64::from(packet.wire_len);
        notes
    }

    /// Everything counted since the last time, as of `at`.
    pub fn drain(&mut self, at: Stamp) -> Vec<Record> {
        self.since = None;
        let flows = std::mem::take(&mut self.flows);
        let notes = flows.into_iter().map(|((base, remote, direction), counts)| {
            let note = Note::TrafficCounted { base, remote, direction, counts };
            Record { at, body: RecordBody::note(note) }
        });
        notes.collect()
    }
}
