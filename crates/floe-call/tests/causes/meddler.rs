//! A network that lets a test decide what becomes of each datagram of a peer.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use floe_transport::{
    Network,
    network::{BoxFuture, NetworkChanges, TcpListener, TcpStream, UdpSocket},
};
use floe_wire::{InterfaceInfo, InterfaceKind};

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It leaves.
    Pass,
    /// It is lost on the way.
    Lose,
    /// The system refuses to send it, with this number of an error.
    Refuse(i32),
    /// It leaves by another socket of the same host than it was given to.
    Stray,
}

impl Fate {
    /// A firewall says no (EPERM).
    pub const DENY: Self = Self::Refuse(1);
    /// There is no way (EHOSTUNREACH on Linux).
    pub const UNREACHABLE: Self = Self::Refuse(113);
}

type Judge = Arc<dyn Fn(&[u8], SocketAddr) -> Fate + Send + Sync>;
type Source = Arc<dyn Fn(&[u8], SocketAddr) -> SocketAddr + Send + Sync>;

/// A network in front of another one.
pub struct Meddler {
    inner: Arc<dyn Network>,
    judge: Judge,
    source: Source,
    is_usable: fn(IpAddr) -> bool,
    has_multicast: bool,
    is_tunnel: bool,
    sockets: Sockets,
}

impl Meddler {
    /// A network that does what `inner` does.
    pub fn before(inner: &Arc<dyn Network>) -> Self {
        Self {
            inner: Arc::clone(inner),
            judge: Arc::new(|_, _| Fate::Pass),
            source: Arc::new(|_, from| from),
            is_usable: |_| true,
            has_multicast: true,
            is_tunnel: false,
            sockets: Sockets::default(),
        }
    }

    /// Decides about what is sent: the datagram, and where to.
    pub fn judging(mut self, judge: impl Fn(&[u8], SocketAddr) -> Fate + Send + Sync + 'static) -> Self {
        self.judge = Arc::new(judge);
        self
    }

    /// Decides where what arrives seems to come from.
    pub fn translating(mut self, source: impl Fn(&[u8], SocketAddr) -> SocketAddr + Send + Sync + 'static) -> Self {
        self.source = Arc::new(source);
        self
    }

    /// Hides addresses of the interfaces.
    pub fn hiding(mut self, is_usable: fn(IpAddr) -> bool) -> Self {
        self.is_usable = is_usable;
        self
    }

    /// Takes what is sent to groups, and carries it nowhere.
    pub fn without_multicast(mut self) -> Self {
        self.has_multicast = false;
        self
    }

    /// Shows every interface as that of a VPN.
    pub fn through_a_tunnel(mut self) -> Self {
        self.is_tunnel = true;
        self
    }

    pub fn build(self) -> Arc<dyn Network> {
        Arc::new(self)
    }

    fn wrap(&self, inner: Box<dyn UdpSocket>, judge: Judge) -> io::Result<Box<dyn UdpSocket>> {
        let (local, inner): (_, Arc<dyn UdpSocket>) = (inner.local_addr()?, Arc::from(inner));
        self.sockets.add(local, &inner);
        let (source, sockets) = (Arc::clone(&self.source), self.sockets.clone());
        Ok(Box::new(Socket { inner, local, judge, source, sockets }))
    }
}

/// Puts a judge in front of a network.
pub fn meddle(
    inner: &Arc<dyn Network>,
    judge: impl Fn(&[u8], SocketAddr) -> Fate + Send + Sync + 'static,
) -> Arc<dyn Network> {
    Meddler::before(inner).judging(judge).build()
}

impl Network for Meddler {
    fn interfaces(&self) -> io::Result<Vec<InterfaceInfo>> {
        let mut interfaces = self.inner.interfaces()?;
        for interface in &mut interfaces {
            interface.addresses.retain(|address| (self.is_usable)(*address));
            if self.is_tunnel {
                interface.kind = InterfaceKind::Tunnel;
            }
        }
        interfaces.retain(|interface| !interface.addresses.is_empty());
        Ok(interfaces)
    }

    fn bind_udp(&self, local: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        self.wrap(self.inner.bind_udp(local)?, Arc::clone(&self.judge))
    }

    fn bind_multicast(&self, local: IpAddr, group: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        let has_multicast = self.has_multicast;
        let judge: Judge = Arc::new(move |_, _| if has_multicast { Fate::Pass } else { Fate::Lose });
        let inner = self.inner.bind_multicast(local, group)?;
        Ok(Box::new(Socket {
            local: inner.local_addr()?,
            inner: Arc::from(inner),
            judge,
            source: Arc::new(|_, from| from),
            sockets: Sockets::default(),
        }))
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

    fn default_source(&self) -> io::Result<Option<IpAddr>> {
        self.inner.default_source()
    }

    fn check_route(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<()> {
        self.inner.check_route(local, remote)
    }

    fn time_asleep(&self) -> Duration {
        self.inner.time_asleep()
    }

    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.inner.resolve(host, port)
    }
}

/// The sockets of one host, for datagrams that stray.
#[derive(Clone, Default)]
struct Sockets(Arc<Mutex<Vec<Bound>>>);

type Bound = (SocketAddr, Weak<dyn UdpSocket>);

impl Sockets {
    fn add(&self, local: SocketAddr, socket: &Arc<dyn UdpSocket>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((local, Arc::downgrade(socket)));
    }

    /// The first socket that has another address of the same family.
    fn other(&self, local: SocketAddr) -> Option<Arc<dyn UdpSocket>> {
        let sockets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let others = sockets.iter().filter(|(other, _)| other.ip() != local.ip() && other.is_ipv4() == local.is_ipv4());
        others.filter_map(|(_, socket)| socket.upgrade()).next()
    }
}

struct Socket {
    inner: Arc<dyn UdpSocket>,
    local: SocketAddr,
    judge: Judge,
    source: Source,
    sockets: Sockets,
}

impl UdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn try_send_to(&self, datagram: &[u8], remote: SocketAddr) -> io::Result<()> {
        match (self.judge)(datagram, remote) {
            Fate::Pass => self.inner.try_send_to(datagram, remote),
            Fate::Lose => Ok(()),
            Fate::Refuse(error) => Err(io::Error::from_raw_os_error(error)),
            Fate::Stray => {
                let other = self.sockets.other(self.local);
                other.as_ref().unwrap_or(&self.inner).try_send_to(datagram, remote)
            }
        }
    }

    fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        let arrived = self.inner.poll_recv_from(cx, buffer);
        arrived.map_ok(|(length, from)| (length, (self.source)(&buffer[..length], from)))
    }
}
