//! The fabric's part in TCP: calls of hosts, segments that arrive, timers.

use std::{
    cmp::Reverse,
    io,
    net::SocketAddr,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use rand::Rng as _;

use super::{EPHEMERAL_PORTS, Fabric, Host, Node, NodeId};
use crate::{
    router::{Datagram, Payload},
    tcp::{Flow, Segment, connection::Connection, stack::Sent},
};

impl Fabric {
    /// Listens on an address of a host.
    pub fn listen(&mut self, node: NodeId, local: SocketAddr) -> io::Result<SocketAddr> {
        self.check_own(node, local.ip())?;
        let host = self.host_mut(node)?;
        let local = host.tcp_address(local)?;
        host.tcp.listen(local)?;
        Ok(local)
    }

    /// Begins to connect an address of a host to a remote one.
    pub fn dial(&mut self, node: NodeId, local: SocketAddr, remote: SocketAddr, now: Instant) -> io::Result<Flow> {
        if self.closed {
            return Err(io::Error::new(io::ErrorKind::NetworkDown, "the simulated network has ended"));
        }
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the address is of another family"));
        }
        self.check_own(node, local.ip())?;
        let mut sent = Sent::new();
        let host = self.host_mut(node)?;
        let flow = Flow { local: host.tcp_address(local)?, remote };
        let Host { tcp, random, .. } = host;
        tcp.dial(flow, random, now, &mut sent)?;
        self.after_step(node, flow, sent, now);
        Ok(flow)
    }

    /// Waits until data may flow.
    pub fn poll_connected(&mut self, node: NodeId, flow: Flow, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let Some(connection) = self.connection(node, flow) else { return gone() };
        match connection.is_open() {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => {
                connection.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Waits for the next connection that someone makes to a listener.
    pub fn poll_accept(&mut self, node: NodeId, local: SocketAddr, cx: &Context<'_>) -> Poll<io::Result<Flow>> {
        let accepted = self.host_mut(node)?.tcp.accept(local, cx.waker());
        accepted.map_or(Poll::Pending, |flow| Poll::Ready(Ok(flow)))
    }

    /// Waits for bytes; gives at most `limit` of them, none at the end of the stream.
    pub fn poll_read(
        &mut self,
        node: NodeId,
        flow: Flow,
        limit: usize,
        cx: &Context<'_>,
        now: Instant,
    ) -> Poll<io::Result<Bytes>> {
        let read = self.step(node, flow, now, |connection, out| match connection.read(limit, out).transpose() {
            Some(bytes) => Poll::Ready(bytes),
            None => {
                connection.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        });
        read.unwrap_or_else(gone)
    }

    /// Waits for room and takes bytes.
    pub fn poll_write(
        &mut self,
        node: NodeId,
        flow: Flow,
        bytes: &[u8],
        cx: &Context<'_>,
        now: Instant,
    ) -> Poll<io::Result<usize>> {
        let written =
            self.step(node, flow, now, |connection, out| match connection.write(bytes, now, out).transpose() {
                Some(taken) => Poll::Ready(taken),
                None => {
                    connection.writer = Some(cx.waker().clone());
                    Poll::Pending
                }
            });
        written.unwrap_or_else(gone)
    }

    /// Sends the end of a stream, after what was written.
    pub fn finish(&mut self, node: NodeId, flow: Flow, now: Instant) {
        self.step(node, flow, now, |connection, out| connection.finish(now, out));
    }

    /// The owner of a stream has dropped it.
    pub fn abandon(&mut self, node: NodeId, flow: Flow, now: Instant) {
        self.step(node, flow, now, |connection, out| connection.abandon(now, out));
    }

    /// The owner of a listener has dropped it.
    pub fn end_listener(&mut self, node: NodeId, local: SocketAddr, now: Instant) {
        let mut sent = Sent::new();
        if let Ok(host) = self.host_mut(node) {
            host.tcp.end_listener(local, &mut sent);
        }
        self.post(node, sent, now);
        self.flush();
    }

    /// Takes a segment that arrived at a host.
    pub(super) fn on_segment(&mut self, node: NodeId, flow: Flow, segment: Segment, now: Instant) {
        let mut sent = Sent::new();
        if let Ok(Host { tcp, random, .. }) = self.host_mut(node) {
            tcp.on_segment(flow, segment, random, now, &mut sent);
        }
        self.post(node, sent, now);
        self.arm(node, flow);
    }

    /// Does what is due of the first connection whose timer has run out.
    pub(super) fn on_timer(&mut self) {
        let Some(Reverse((at, node, flow))) = self.timers.pop() else { return };
        if let Some(connection) = self.connection(node, flow) {
            connection.armed = None;
        }
        let mut sent = Sent::new();
        if let Ok(Host { tcp, .. }) = self.host_mut(node) {
            tcp.step(flow, &mut sent, |connection, out| connection.on_timeout(at, out));
            tcp.sort(flow);
        }
        self.post(node, sent, at);
        self.arm(node, flow);
    }

    fn step<T>(
        &mut self,
        node: NodeId,
        flow: Flow,
        now: Instant,
        action: impl FnOnce(&mut Connection, &mut Vec<Segment>) -> T,
    ) -> Option<T> {
        let mut sent = Sent::new();
        let result = self.host_mut(node).ok()?.tcp.step(flow, &mut sent, action);
        self.after_step(node, flow, sent, now);
        result
    }

    fn after_step(&mut self, node: NodeId, flow: Flow, sent: Sent, now: Instant) {
        self.post(node, sent, now);
        self.arm(node, flow);
        self.flush();
    }

    fn post(&mut self, node: NodeId, sent: Sent, now: Instant) {
        self.outbox.extend(sent.into_iter().map(|(Flow { local, remote }, segment)| {
            (node, Datagram { source: local, destination: remote, payload: Payload::Tcp(segment) }, now)
        }));
    }

    /// Sends what connections have said, and what others answer to it at once.
    pub(super) fn flush(&mut self) {
        while let Some((node, datagram, at)) = self.outbox.pop_front() {
            // What cannot be sent is lost, as on a cable that was pulled; TCP tries again.
            if let Err(error) = self.post_datagram(node, datagram, at) {
                tracing::trace!(%error, "a segment was not sent");
            }
        }
    }

    /// Sets a timer for a connection, unless an earlier one will look after it.
    fn arm(&mut self, node: NodeId, flow: Flow) {
        let Some(connection) = self.connection(node, flow) else { return };
        let Some(deadline) = connection.deadline() else { return };
        if connection.armed.is_none_or(|armed| deadline < armed) {
            connection.armed = Some(deadline);
            self.timers.push(Reverse((deadline, node, flow)));
        }
    }

    fn connection(&mut self, node: NodeId, flow: Flow) -> Option<&mut Connection> {
        self.host_mut(node).ok()?.tcp.connection(flow)
    }

    fn host_mut(&mut self, node: NodeId) -> io::Result<&mut Host> {
        match &mut self.nodes[node.0] {
            Node::Host(host) => Ok(host),
            Node::Router(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl Host {
    fn tcp_address(&mut self, local: SocketAddr) -> io::Result<SocketAddr> {
        if local.port() != 0 {
            return Ok(local);
        }
        let Self { tcp, random, .. } = self;
        tcp.free_address(local.ip(), || random.random_range(EPHEMERAL_PORTS), EPHEMERAL_PORTS.len())
    }
}

/// What a call on a connection gets that nobody knows.
fn gone<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
}
