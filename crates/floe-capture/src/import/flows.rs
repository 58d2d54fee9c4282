//! Who talks to whom: flows, and quick finding of the one a packet belongs to.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use floe_wire::{PacketKind, Protocol, note::TrafficCount};

/// Flows remembered; a port scan has more.
const FLOWS_KEPT: usize = 1 << 16;

/// Flows found without a search; a power of two.
const CACHED: usize = 256;

/// Counts of one flow kept apart by direction and channel.
const BUCKETS_KEPT: usize = 16;

/// Counted packets are written down after this time, in nanoseconds.
const BUCKET_NS: u64 = 1_000_000_000;

/// Position in the list of flows.
pub(super) type FlowId = u32;

/// Everything between two addresses. `a` is the lower one, so that both directions find the same flow.
#[derive(Debug)]
pub(super) struct Flow {
    pub protocol: Protocol,
    pub a: SocketAddr,
    pub b: SocketAddr,
    /// The interface its first packet was captured on.
    pub interface: u32,
    /// Whether STUN was seen.
    pub has_stun: bool,
    /// Whether the file tells that `a`, and `b`, is the machine that captured.
    pub is_here: [bool; 2],
    /// How many routers packets of `a`, and of `b`, could still pass when they were captured; zero is not known.
    pub hops: [u8; 2],
    /// Who opened the connection, for TCP: `true` is `a`.
    pub a_opened: Option<bool>,
    /// DTLS packets kept, from `a` and from `b`.
    pub dtls_kept: [u16; 2],
    buckets: Vec<Bucket>,
}

/// Packets of one flow and direction that are counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub from_a: bool,
    /// The TURN channel they came on; 0 is none.
    pub channel: u16,
    /// When the first and the last of them were captured.
    pub first: u64,
    pub last: u64,
    kinds: [(PacketKind, u32, u64); 4],
}

impl Bucket {
    fn new(from_a: bool, channel: u16, at: u64) -> Self {
        let kinds = [PacketKind::Rtp, PacketKind::Rtcp, PacketKind::Dtls, PacketKind::Unknown].map(|kind| (kind, 0, 0));
        Self { from_a, channel, first: at, last: at, kinds }
    }

    fn add(&mut self, kind: PacketKind, bytes: u32, at: u64) {
        self.last = self.last.max(at);
        let slot = match kind {
            PacketKind::Rtp => 0,
            PacketKind::Rtcp => 1,
            PacketKind::Dtls => 2,
            PacketKind::Stun | PacketKind::ChannelData | PacketKind::Unknown => 3,
        };
        let (_, packets, total) = &mut self.kinds[slot];
        *packets = packets.saturating_add(1);
        *total = total.saturating_add(u64::from(bytes));
    }

    /// How many of which kind.
    pub fn counts(&self) -> Vec<TrafficCount> {
        let seen = self.kinds.iter().filter(|(_, packets, _)| *packets > 0);
        seen.map(|(kind, packets, bytes)| TrafficCount { kind: *kind, packets: u64::from(*packets), bytes: *bytes })
            .collect()
    }

    /// Whether there is RTP or RTCP among them.
    pub fn has_media(&self) -> bool {
        self.kinds[0].1 > 0 || self.kinds[1].1 > 0
    }
}

impl Flow {
    /// Counts a packet; gives the counts that are due.
    #[inline]
    pub fn count(&mut self, from_a: bool, channel: u16, kind: PacketKind, bytes: u32, at: u64) -> Option<Bucket> {
        let position = self.buckets.iter().position(|bucket| (bucket.from_a, bucket.channel) == (from_a, channel));
        let Some(position) = position else {
            let mut bucket = Bucket::new(from_a, channel, at);
            bucket.add(kind, bytes, at);
            let full = self.buckets.len() >= BUCKETS_KEPT;
            let oldest = full.then(|| self.buckets.swap_remove(0));
            self.buckets.push(bucket);
            return oldest;
        };
        let bucket = &mut self.buckets[position];
        // A clock that went backwards begins a new count as well.
        let due = at.wrapping_sub(bucket.first) >= BUCKET_NS;
        let full = due.then(|| std::mem::replace(bucket, Bucket::new(from_a, channel, at)));
        bucket.add(kind, bytes, at);
        full
    }

    /// The counts that are not yet written down.
    pub fn take_counts(&mut self) -> Vec<Bucket> {
        std::mem::take(&mut self.buckets)
    }

    /// Whether `a` is the machine that captured; none where the file does not tell, or where both are.
    pub fn a_is_here(&self) -> Option<bool> {
        (self.is_here[0] != self.is_here[1]).then_some(self.is_here[0])
    }

    /// Whether only `a` is as near as can be to where the packets were captured; none where the ends do not differ.
    pub fn a_is_near(&self) -> Option<bool> {
        // What systems begin with: Linux and Apple 64, Windows 128, some routers 255.
        let [a, b] = self.hops.map(|hops| matches!(hops, 64 | 128 | 255));
        let both_known = self.hops.iter().all(|hops| *hops > 0);
        (both_known && a != b).then_some(a)
    }

    /// The two ends, the sender of a packet first.
    pub fn ends(&self, from_a: bool) -> (SocketAddr, SocketAddr) {
        if from_a { (self.a, self.b) } else { (self.b, self.a) }
    }
}

/// What makes two flows the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    a: SocketAddr,
    b: SocketAddr,
    is_tcp: bool,
}

/// All flows of a file.
#[derive(Debug)]
pub(super) struct Flows {
    list: Vec<Flow>,
    index: BTreeMap<Key, FlowId>,
    cache: Vec<FlowId>,
}

impl Default for Flows {
    fn default() -> Self {
        Self { list: Vec::new(), index: BTreeMap::new(), cache: vec![FlowId::MAX; CACHED] }
    }
}

impl Flows {
    /// The flow between two addresses, and whether its `a` sent the packet.
    #[inline]
    pub fn find(&mut self, protocol: Protocol, from: SocketAddr, to: SocketAddr) -> Option<(FlowId, bool)> {
        let from_a = from <= to;
        let (a, b) = if from_a { (from, to) } else { (to, from) };
        let slot = slot(a, b);
        if let Some(flow) = self.list.get(self.cache[slot] as usize)
            && flow.a == a
            && flow.b == b
            && flow.protocol == protocol
        {
            return Some((self.cache[slot], from_a));
        }
        let id = *self.index.get(&Key { a, b, is_tcp: protocol == Protocol::Tcp })?;
        self.cache[slot] = id;
        Some((id, from_a))
    }

    /// The flow between two addresses, new if need be; none when there are too many.
    pub fn find_or_add(
        &mut self,
        protocol: Protocol,
        from: SocketAddr,
        to: SocketAddr,
        interface: u32,
    ) -> Option<(FlowId, bool)> {
        if let Some(found) = self.find(protocol, from, to) {
            return Some(found);
        }
        let id = FlowId::try_from(self.list.len()).ok().filter(|id| (*id as usize) < FLOWS_KEPT)?;
        let from_a = from <= to;
        let (a, b) = if from_a { (from, to) } else { (to, from) };
        self.index.insert(Key { a, b, is_tcp: protocol == Protocol::Tcp }, id);
        self.list.push(Flow {
            protocol,
            a,
            b,
            interface,
            has_stun: false,
            is_here: [false; 2],
            hops: [0; 2],
            a_opened: None,
            dtls_kept: [0; 2],
            buckets: Vec::new(),
        });
        Some((id, from_a))
    }

    /// A flow.
    #[inline]
    pub fn get(&self, id: FlowId) -> &Flow {
        &self.list[id as usize]
    }

    /// A flow, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: FlowId) -> &mut Flow {
        &mut self.list[id as usize]
    }

    /// Every flow, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (FlowId, &mut Flow)> {
        (0..).zip(&mut self.list)
    }
}

/// Where in the cache a flow has its place.
#[inline]
fn slot(a: SocketAddr, b: SocketAddr) -> usize {
    let low = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => ip.to_bits(),
        IpAddr::V6(ip) => u32::from(ip.segments()[7]),
    };
    let mixed = (low(a) ^ low(b).rotate_left(9)).wrapping_add(u32::from(a.port()) << 7 ^ u32::from(b.port()));
    (mixed.wrapping_mul(0x9E37_79B1) >> 24) as usize % CACHED
}
