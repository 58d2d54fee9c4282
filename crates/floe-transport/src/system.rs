//! The system's network: its interfaces, its UDP sockets, its resolver.

mod changes;
#[cfg(target_os = "linux")]
mod device;
mod interfaces;
mod multicast;
mod route;
mod sleep;
mod tcp;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    task::{Context, Poll},
    time::Duration,
};

use floe_wire::{InterfaceInfo, InterfaceKind};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::ReadBuf;

use crate::{BoxFuture, Network, NetworkChanges, NoChanges, TcpListener, TcpStream, UdpSocket};

/// Room for half a second of a burst of full-sized datagrams at 4 Mbit/s, so that a busy machine loses none; systems
/// grant less where they have a lower limit.
const SOCKET_BUFFER: usize = 256 * 1024;
/// The system's resolver may try for half a minute; nobody waits that long for a call.
const RESOLVE_TIMEOUT: Duration = Duration::from_millis(4500);

/// The machine's own network.
#[derive(Debug, Clone, Copy)]
pub struct SystemNetwork {
    scope: Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Everything,
    LoopbackOnly,
}

impl SystemNetwork {
    /// All interfaces of the machine. Loopback is listed with its kind, for the caller to leave out.
    #[must_use]
    pub const fn new() -> Self {
        Self { scope: Scope::Everything }
    }

    /// Nothing but 127.0.0.1, 127.0.0.2 and `::1`, as far as they can be bound: real sockets, no network.
    #[must_use]
    pub const fn loopback() -> Self {
        Self { scope: Scope::LoopbackOnly }
    }

    fn check_scope(self, local: SocketAddr) -> io::Result<()> {
        if self.scope == Scope::LoopbackOnly && !local.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "only loopback addresses are used here"));
        }
        Ok(())
    }
}

impl Default for SystemNetwork {
    fn default() -> Self {
        Self::new()
    }
}

impl Network for SystemNetwork {
    fn interfaces(&self) -> io::Result<Vec<InterfaceInfo>> {
        match self.scope {
            Scope::Everything => Ok(interfaces::list()),
            Scope::LoopbackOnly => Ok(vec![loopback_interface()]),
        }
    }

    fn bind_udp(&self, local: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        self.check_scope(local)?;
        Ok(Box::new(SystemSocket(bind(local)?)))
    }

    fn bind_multicast(&self, local: IpAddr, group: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        self.check_scope(SocketAddr::new(local, group.port()))?;
        Ok(Box::new(SystemSocket(multicast::bind(local, group)?)))
    }

    fn bind_udp_at(&self, interface: &str, local: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        self.check_scope(local)?;
        let socket = bind(local)?;
        tie(&socket, interface, local);
        Ok(Box::new(SystemSocket(socket)))
    }

    fn connect_tcp<'a>(
        &'a self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> BoxFuture<'a, io::Result<Box<dyn TcpStream>>> {
        Box::pin(async move {
            self.check_scope(local)?;
            tcp::connect(local, remote).await
        })
    }

    fn listen_tcp(&self, local: SocketAddr) -> io::Result<Box<dyn TcpListener>> {
        self.check_scope(local)?;
        tcp::listen(local, local.port() == 0)
    }

    fn listen_tcp_and_dial(&self, local: SocketAddr) -> io::Result<Box<dyn TcpListener>> {
        self.check_scope(local)?;
        tcp::listen(local, true)
    }

    fn changes(&self) -> Box<dyn NetworkChanges> {
        match self.scope {
            Scope::Everything => changes::watch(),
            Scope::LoopbackOnly => Box::new(NoChanges),
        }
    }

    fn default_source(&self) -> io::Result<Option<IpAddr>> {
        match self.scope {
            Scope::Everything => route::default_source(),
            Scope::LoopbackOnly => Err(io::Error::new(io::ErrorKind::Unsupported, "loopback has no routes")),
        }
    }

    fn check_route(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<()> {
        self.check_scope(local)?;
        // Connecting a UDP socket looks up the route and sends nothing.
        std::net::UdpSocket::bind(local)?.connect(remote)
    }

    fn time_asleep(&self) -> Duration {
        match self.scope {
            Scope::Everything => sleep::time_asleep(),
            Scope::LoopbackOnly => Duration::ZERO,
        }
    }

    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            if let Ok(ip) = host.parse::<IpAddr>() {
                return Ok(vec![SocketAddr::new(ip, port)]);
            }
            let lookup = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((host, port)));
            let addresses = lookup.await.map_err(|_| {
                io::Error::new(io::ErrorKind::TimedOut, "no answer from the system's resolver within 4.5 s")
            })??;
            Ok(addresses.collect())
        })
    }
}

fn bind(local: SocketAddr) -> io::Result<tokio::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A refusal leaves the system's default, which works as well, with less reserve.
    for (direction, result) in
        [("receive", socket.set_recv_buffer_size(SOCKET_BUFFER)), ("send", socket.set_send_buffer_size(SOCKET_BUFFER))]
    {
        if let Err(error) = result {
            tracing::debug!(%error, direction, "the socket keeps its default buffer");
        }
    }
    socket.set_nonblocking(true)?;
    socket.bind(&local.into())?;
    tokio::net::UdpSocket::from_std(socket.into())
}

/// Ties a socket to its interface where that helps; a refusal leaves the way out to the routes.
#[cfg(target_os = "linux")]
fn tie(socket: &tokio::net::UdpSocket, interface: &str, local: SocketAddr) {
    if local.ip().is_loopback() || !device::ties(interface) {
        return;
    }
    if let Err(error) = SockRef::from(socket).bind_device(Some(interface.as_bytes())) {
        tracing::debug!(%error, interface, "the routes decide where packets leave");
    }
}

#[cfg(not(target_os = "linux"))]
fn tie(_socket: &tokio::net::UdpSocket, _interface: &str, _local: SocketAddr) {}

/// Only what can be bound: macOS has no 127.0.0.2 until it is configured, containers often have no IPv6.
fn loopback_interface() -> InterfaceInfo {
    let wanted: [IpAddr; 3] =
        [Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(127, 0, 0, 2).into(), Ipv6Addr::LOCALHOST.into()];
    let bindable = |ip: &IpAddr| std::net::UdpSocket::bind((*ip, 0)).is_ok();
    InterfaceInfo {
        name: "lo".to_owned(),
        kind: InterfaceKind::Loopback,
        addresses: wanted.into_iter().filter(bindable).collect(),
    }
}

struct SystemSocket(tokio::net::UdpSocket);

impl UdpSocket for SystemSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn try_send_to(&self, datagram: &[u8], remote: SocketAddr) -> io::Result<()> {
        // Past tokio: its `try_send_to` refuses until its reactor has once reported the socket writable, and would lose
        // what is sent right after binding.
        SockRef::from(&self.0).send_to(datagram, &remote.into()).map(|_| ())
    }

    fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut buffer = ReadBuf::new(buffer);
        self.0.poll_recv_from(cx, &mut buffer).map_ok(|from| (buffer.filled().len(), from))
    }
}

#[cfg(test)]
mod tests;
