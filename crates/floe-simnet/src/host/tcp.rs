//! A simulated host's TCP sockets.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use floe_transport::{TcpListener, TcpStream, clock};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::SimHost;
use crate::tcp::Flow;

/// Connects `local` to `remote`.
pub(super) async fn connect(host: SimHost, local: SocketAddr, remote: SocketAddr) -> io::Result<Box<dyn TcpStream>> {
    host.shared.ipv6(host.node).check_bind(local)?;
    host.shared.ipv6(host.node).check_route(remote)?;
    let flow = host.shared.act(|fabric| fabric.dial(host.node, local, remote, clock::now()))?;
    let stream = SimStream { host, flow };
    poll_fn(|cx| stream.host.shared.act(|fabric| fabric.poll_connected(stream.host.node, flow, cx))).await?;
    Ok(Box::new(stream))
}

/// Listens on `local`.
pub(super) fn listen(host: SimHost, local: SocketAddr) -> io::Result<Box<dyn TcpListener>> {
    host.shared.ipv6(host.node).check_bind(local)?;
    let local = host.shared.lock().listen(host.node, local)?;
    Ok(Box::new(SimListener { host, local }))
}

/// One end of a connection of a simulated host.
struct SimStream {
    host: SimHost,
    flow: Flow,
}

impl TcpStream for SimStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.flow.local)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.flow.remote)
    }
}

impl AsyncRead for SimStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (node, flow, limit) = (self.host.node, self.flow, buffer.remaining());
        let read = self.host.shared.act(|fabric| fabric.poll_read(node, flow, limit, cx, clock::now()));
        buffer.put_slice(&ready!(read)?);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let (node, flow) = (self.host.node, self.flow);
        self.host.shared.act(|fabric| fabric.poll_write(node, flow, bytes, cx, clock::now()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.host.shared.act(|fabric| fabric.finish(self.host.node, self.flow, clock::now()));
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.host.shared.act(|fabric| fabric.abandon(self.host.node, self.flow, clock::now()));
    }
}

/// A listening socket of a simulated host.
struct SimListener {
    host: SimHost,
    local: SocketAddr,
}

impl TcpListener for SimListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn TcpStream>>> {
        let accepted = self.host.shared.lock().poll_accept(self.host.node, self.local, cx);
        accepted.map_ok(|flow| Box::new(SimStream { host: self.host.clone(), flow }) as Box<dyn TcpStream>)
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.host.shared.act(|fabric| fabric.end_listener(self.host.node, self.local, clock::now()));
    }
}

#[cfg(test)]
mod tests;
