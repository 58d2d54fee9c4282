//! A network that lets a test decide what becomes of each datagram that a peer sends.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
};

use floe_transport::{
    Network,
    network::{BoxFuture, NetworkChanges, TcpListener, TcpStream, UdpSocket},
};
use floe_wire::InterfaceInfo;

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It leaves.
    Pass,
    /// It is lost on the way.
    Lose,
    /// The system refuses to send it.
    Deny,
}

type Judge = Arc<dyn Fn(&[u8], SocketAddr) -> Fate + Send + Sync>;

/// A network in front of another one.
struct Meddler {
    inner: Arc<dyn Network>,
    judge: Judge,
    is_usable: fn(IpAddr) -> bool,
}

/// Puts a judge in front of a network.
pub fn meddle(
    inner: Arc<dyn Network>,
    judge: impl Fn(&[u8], SocketAddr) -> Fate + Send + Sync + 'static,
) -> Arc<dyn Network> {
    Arc::new(Meddler { inner, judge: Arc::new(judge), is_usable: |_| true })
}

/// Hides addresses of a network's interfaces.
pub fn hide(inner: Arc<dyn Network>, is_usable: fn(IpAddr) -> bool) -> Arc<dyn Network> {
    Arc::new(Meddler { inner, judge: Arc::new(|_, _| Fate::Pass), is_usable })
}

impl Network for Meddler {
    fn interfaces(&self) -> io::Result<Vec<InterfaceInfo>> {
        let mut interfaces = self.inner.interfaces()?;
        for interface in &mut interfaces {
            interface.addresses.retain(|address| (self.is_usable)(*address));
        }
        interfaces.retain(|interface| !interface.addresses.is_empty());
        Ok(interfaces)
    }

    fn bind_udp(&self, local: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        Ok(Box::new(Socket { inner: self.inner.bind_udp(local)?, judge: Arc::clone(&self.judge) }))
    }

    fn connect_tcp<'a>(
        &'a self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> BoxFuture<'a, io::Result<Box<dyn TcpStream>>> {
        self.inner.connect_tcp(local, remote)
    }

    fn listen_tcp(&self, local: SocketAddr) -> io::Result<Box<dyn TcpListener>> {
        self.inner.listen_tcp(local)
    }

    fn changes(&self) -> Box<dyn NetworkChanges> {
        self.inner.changes()
    }

    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.inner.resolve(host, port)
    }
}

struct Socket {
    inner: Box<dyn UdpSocket>,
    judge: Judge,
}

impl UdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn try_send_to(&self, datagram: &[u8], remote: SocketAddr) -> io::Result<()> {
        match (self.judge)(datagram, remote) {
            Fate::Pass => self.inner.try_send_to(datagram, remote),
            Fate::Lose => Ok(()),
            Fate::Deny => Err(io::Error::from_raw_os_error(1)),
        }
    }

    fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.inner.poll_recv_from(cx, buffer)
    }
}
