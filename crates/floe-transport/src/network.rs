//! The one seam to the network: the system's sockets and a simulated network look the same from here up.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use floe_wire::InterfaceInfo;

/// A boxed future, for methods of trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Lists interfaces, binds sockets, resolves names. Implemented by the system's network and by `floe-simnet`.
pub trait Network: Send + Sync + 'static {
    /// The interfaces that are up, with their usable addresses (no link-local, multicast or unspecified ones).
    ///
    /// # Errors
    /// When the system does not tell.
    fn interfaces(&self) -> io::Result<Vec<InterfaceInfo>>;

    /// Binds a UDP socket to a local address; port 0 picks a free one.
    ///
    /// # Errors
    /// The system's refusal.
    fn bind_udp(&self, local: SocketAddr) -> io::Result<Box<dyn UdpSocket>>;

    /// Resolves a host name or address literal.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// A bound UDP socket.
pub trait UdpSocket: Send + Sync + 'static {
    /// The address it is bound to.
    ///
    /// # Errors
    /// The system's refusal.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Sends one datagram without waiting.
    ///
    /// # Errors
    /// `WouldBlock` when the socket's buffer is full (the datagram is lost, as UDP may), else the system's refusal.
    fn try_send_to(&self, datagram: &[u8], remote: SocketAddr) -> io::Result<()>;

    /// Receives one datagram: its length in `buffer` and where it came from.
    ///
    /// # Errors
    /// The system's refusal.
    fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>>;
}
