//! The connections and listeners of one host.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
    task::Waker,
    time::Instant,
};

use rand::{Rng as _, rngs::StdRng};

use super::{Control, Flow, Segment, connection::Connection};

/// Connections that wait to be accepted, with those whose handshake goes on.
const BACKLOG: usize = 64;
/// Connections of one host.
const MAX_CONNECTIONS: usize = 4096;

/// What one step sends, by connection.
pub(crate) type Sent = Vec<(Flow, Segment)>;

/// The connections and listeners of one host.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    // Ordered, so that the same seed sends the same segments in the same order.
    connections: BTreeMap<Flow, Connection>,
    listeners: BTreeMap<SocketAddr, Listener>,
}

#[derive(Debug, Default)]
struct Listener {
    /// Connections whose handshake goes on.
    begun: Vec<Flow>,
    /// Connections that wait to be accepted.
    ready: VecDeque<Flow>,
    acceptor: Option<Waker>,
}

impl Stack {
    /// Whether a socket has this address. Ports of TCP and of UDP are different ones.
    pub fn is_bound(&self, local: SocketAddr) -> bool {
        self.listeners.contains_key(&local) || self.connections.keys().any(|flow| flow.local == local)
    }

    /// Addresses bound, for the bound of what is given out.
    pub fn len(&self) -> usize {
        self.connections.len() + self.listeners.len()
    }

    /// What programs have open: connections that were let go of linger for a while, as in any system.
    pub fn owned(&self) -> usize {
        self.listeners.len() + self.connections.values().filter(|connection| connection.is_owned()).count()
    }

    pub fn listen(&mut self, local: SocketAddr) -> io::Result<()> {
        if self.listeners.contains_key(&local) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.listeners.insert(local, Listener::default());
        Ok(())
    }

    /// The next connection that someone made to a listener.
    pub fn accept(&mut self, local: SocketAddr, waker: &Waker) -> Option<Flow> {
        let listener = self.listeners.get_mut(&local)?;
        let flow = listener.ready.pop_front();
        if flow.is_none() {
            listener.acceptor = Some(waker.clone());
        }
        flow
    }

    /// Ends a listener with everything that was not accepted.
    pub fn end_listener(&mut self, local: SocketAddr, sent: &mut Sent) {
        let Some(listener) = self.listeners.remove(&local) else { return };
        for flow in listener.begun.into_iter().chain(listener.ready) {
            self.step(flow, sent, |connection, out| connection.abort(out));
            self.connections.remove(&flow);
        }
    }

    pub fn dial(&mut self, flow: Flow, random: &mut StdRng, now: Instant, sent: &mut Sent) -> io::Result<()> {
        if self.connections.contains_key(&flow) || self.connections.len() >= MAX_CONNECTIONS {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let mut out = Vec::new();
        self.connections.insert(flow, Connection::dial(initial(random), now, &mut out));
        sent.extend(out.into_iter().map(|segment| (flow, segment)));
        Ok(())
    }

    pub fn connection(&mut self, flow: Flow) -> Option<&mut Connection> {
        self.connections.get_mut(&flow)
    }

    /// Does something to a connection, sends what it says, and forgets it when nobody needs it any more.
    pub fn step<T>(
        &mut self,
        flow: Flow,
        sent: &mut Sent,
        action: impl FnOnce(&mut Connection, &mut Vec<Segment>) -> T,
    ) -> Option<T> {
        let connection = self.connections.get_mut(&flow)?;
        let mut out = Vec::new();
        let result = action(connection, &mut out);
        if connection.is_finished() {
            self.connections.remove(&flow);
        }
        sent.extend(out.into_iter().map(|segment| (flow, segment)));
        Some(result)
    }

    /// Takes a segment from outside.
    pub fn on_segment(&mut self, flow: Flow, segment: Segment, random: &mut StdRng, now: Instant, sent: &mut Sent) {
        if self.connections.contains_key(&flow) {
            self.step(flow, sent, |connection, out| connection.on_segment(segment, now, out));
            self.sort(flow);
        } else if segment.control == Control::Open && segment.acknowledged.is_none() {
            self.on_opening(flow, &segment, random, now, sent);
        } else if segment.control != Control::Reset {
            sent.push((flow, refusal(&segment)));
        }
    }

    fn on_opening(&mut self, flow: Flow, segment: &Segment, random: &mut StdRng, now: Instant, sent: &mut Sent) {
        let is_full = self.connections.len() >= MAX_CONNECTIONS;
        let Some(listener) = self.listeners.get_mut(&flow.local) else {
            return sent.push((flow, refusal(segment)));
        };
        // As systems do: no answer, the other end tries again.
        if is_full || listener.begun.len() + listener.ready.len() >= BACKLOG {
            return;
        }
        listener.begun.push(flow);
        let mut out = Vec::new();
        self.connections.insert(flow, Connection::answer(initial(random), segment, now, &mut out));
        sent.extend(out.into_iter().map(|segment| (flow, segment)));
    }

    /// Puts a connection that someone made where it belongs after a step.
    pub fn sort(&mut self, flow: Flow) {
        let Some(listener) = self.listeners.get_mut(&flow.local) else { return };
        let Some(place) = listener.begun.iter().position(|begun| *begun == flow) else { return };
        match self.connections.get(&flow).map(Connection::is_open) {
            Some(Ok(false)) => {}
            Some(Ok(true)) => {
                listener.begun.swap_remove(place);
                listener.ready.push_back(flow);
                listener.acceptor.take().into_iter().for_each(Waker::wake);
            }
            Some(Err(_)) | None => {
                listener.begun.swap_remove(place);
                self.connections.remove(&flow);
            }
        }
    }

    /// An address of `ip` that nothing has, drawn by `draw`.
    pub fn free_address(&self, ip: IpAddr, mut draw: impl FnMut() -> u16, ports: usize) -> io::Result<SocketAddr> {
        if self.len() >= ports / 2 {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        loop {
            let local = SocketAddr::new(ip, draw());
            if !self.is_bound(local) {
                return Ok(local);
            }
        }
    }

    /// Ends every connection, because the network has ended.
    pub fn close(&mut self) {
        for connection in self.connections.values_mut() {
            connection.die(io::ErrorKind::NetworkDown);
        }
    }
}

/// The answer to what no connection expects (RFC 9293 section 3.10.7.1).
fn refusal(segment: &Segment) -> Segment {
    match segment.acknowledged {
        Some(acknowledged) => Segment::reset(acknowledged, None),
        None => Segment::reset(0, Some(segment.end())),
    }
}

/// Where a stream begins: far enough from the last one's place that a late segment is not taken for one of this.
fn initial(random: &mut StdRng) -> u64 {
    u64::from(random.random::<u32>())
}
