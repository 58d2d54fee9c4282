//! The one seam to the network: the system's sockets and a simulated network look the same from here up.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use floe_wire::InterfaceInfo;
use tokio::io::{AsyncRead, AsyncWrite};

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

    /// Binds a UDP socket that receives what is sent to a multicast group on the interface with this address, and sends
    /// there from it. The group is of the address's family, and link-local. Other programs may listen to it.
    ///
    /// # Errors
    /// The system's refusal; a network without multicast refuses always.
    fn bind_multicast(&self, local: IpAddr, group: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        let _ = (local, group);
        Err(io::Error::new(io::ErrorKind::Unsupported, "this network has no multicast"))
    }

    /// As [`Network::bind_udp`], at an address of this interface; where several lead to the same destination, packets
    /// should leave by this one.
    ///
    /// # Errors
    /// The system's refusal.
    fn bind_udp_at(&self, _interface: &str, local: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        self.bind_udp(local)
    }

    /// Connects to `remote` from a local address (port 0 picks a free one). The kernel's time-out may be minutes; the
    /// caller bounds it.
    fn connect_tcp<'a>(
        &'a self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> BoxFuture<'a, io::Result<Box<dyn TcpStream>>>;

    /// Listens on a local address; port 0 picks a free one, which may be dialed from at the same time (RFC 6544
    /// section 4.1, simultaneous-open). Any other port is this listener's alone.
    ///
    /// # Errors
    /// The system's refusal.
    fn listen_tcp(&self, local: SocketAddr) -> io::Result<Box<dyn TcpListener>>;

    /// Listens on a local address that is dialed from at the same time, whoever chose its port. Systems that must be told
    /// in advance that sockets share a port are told.
    ///
    /// # Errors
    /// The system's refusal.
    fn listen_tcp_and_dial(&self, local: SocketAddr) -> io::Result<Box<dyn TcpListener>> {
        self.listen_tcp(local)
    }

    /// Tells from here on when interfaces, addresses or routes may have changed. A network that never changes, or cannot
    /// tell, says nothing.
    fn changes(&self) -> Box<dyn NetworkChanges> {
        Box::new(NoChanges)
    }

    /// The address that packets to the wide world bear if nobody chooses one: it lies on the interface of the default
    /// route. None without a default route.
    ///
    /// # Errors
    /// When the network does not tell.
    fn default_source(&self) -> io::Result<Option<IpAddr>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this network does not tell its default route"))
    }

    /// Whether the system knows a way for packets from `local` to `remote`; nothing is sent to find out.
    ///
    /// # Errors
    /// Why not. A network that has no routes to look at says yes.
    fn check_route(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<()> {
        let _ = (local, remote);
        Ok(())
    }

    /// How long the machine has slept since some moment before; only its growth says something.
    fn time_asleep(&self) -> Duration {
        Duration::ZERO
    }

    /// Resolves a host name or address literal.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// Tells when to look at [`Network::interfaces`] again.
pub trait NetworkChanges: Send + 'static {
    /// Waits for the next change; several that come together may be told as one. Nothing is lost when the future is
    /// dropped.
    fn changed(&mut self) -> BoxFuture<'_, ()>;
}

/// The changes of a network that does not tell.
#[derive(Debug, Clone, Copy)]
pub struct NoChanges;

impl NetworkChanges for NoChanges {
    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
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

/// A connected TCP stream, without Nagle's delay.
pub trait TcpStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Our end.
    ///
    /// # Errors
    /// The system's refusal.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The other end.
    ///
    /// # Errors
    /// The system's refusal.
    fn peer_addr(&self) -> io::Result<SocketAddr>;
}

/// A listening TCP socket.
pub trait TcpListener: Send + Sync + 'static {
    /// The address it listens on.
    ///
    /// # Errors
    /// The system's refusal.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Accepts the next connection.
    ///
    /// # Errors
    /// The system's refusal.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn TcpStream>>>;
}
