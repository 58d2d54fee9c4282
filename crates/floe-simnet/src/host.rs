//! A simulated host: its interfaces, sockets and resolver behind the `Network` seam.

mod ipv6;
mod tcp;

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

pub use ipv6::Ipv6;

use bytes::Bytes;
use floe_transport::{BoxFuture, Network, NetworkChanges, TcpListener, TcpStream, UdpSocket, clock};
use floe_wire::InterfaceInfo;
use tokio::sync::{mpsc, watch};

use crate::{
    fabric::{Letter, NodeId},
    router::{Datagram, Payload},
    simnet::Shared,
};

/// The network as one simulated host sees it.
#[derive(Clone)]
pub struct SimHost {
    shared: Arc<Shared>,
    node: NodeId,
}

impl SimHost {
    pub(crate) fn new(shared: Arc<Shared>, node: NodeId) -> Self {
        Self { shared, node }
    }
}

impl fmt::Debug for SimHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimHost").field(&self.node).finish()
    }
}

impl Network for SimHost {
    fn interfaces(&self) -> io::Result<Vec<InterfaceInfo>> {
        let ipv6 = self.shared.ipv6(self.node);
        let interfaces = self.shared.lock().interfaces(self.node);
        Ok(interfaces.into_iter().filter_map(|interface| ipv6.filter(interface)).collect())
    }

    fn bind_udp(&self, local: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        self.shared.ipv6(self.node).check_bind(local)?;
        let (local, letters) = self.shared.lock().bind(self.node, local)?;
        Ok(Box::new(SimSocket { host: self.clone(), local, letters: Mutex::new(letters) }))
    }

    fn check_route(&self, _local: SocketAddr, remote: SocketAddr) -> io::Result<()> {
        self.shared.ipv6(self.node).check_route(remote)
    }

    /// One program on a host listens to a group's port; which group is not looked at.
    fn bind_multicast(&self, local: IpAddr, group: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        self.bind_udp(SocketAddr::new(local, group.port()))
    }

    fn connect_tcp<'a>(
        &'a self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> BoxFuture<'a, io::Result<Box<dyn TcpStream>>> {
        Box::pin(tcp::connect(self.clone(), local, remote))
    }

    fn listen_tcp(&self, local: SocketAddr) -> io::Result<Box<dyn TcpListener>> {
        tcp::listen(self.clone(), local)
    }

    fn changes(&self) -> Box<dyn NetworkChanges> {
        Box::new(HostChanges(self.shared.changes.subscribe()))
    }

    fn default_source(&self) -> io::Result<Option<IpAddr>> {
        Ok(self.shared.lock().default_source(self.node))
    }

    fn time_asleep(&self) -> Duration {
        self.shared.lock().time_asleep(self.node)
    }

    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let addresses = match host.parse::<IpAddr>() {
            Ok(ip) => Some(vec![ip]),
            Err(_) => self.shared.lock().resolve(host).map(<[IpAddr]>::to_vec),
        };
        Box::pin(std::future::ready(match addresses {
            Some(addresses) => Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "no such name in the simulated network")),
        }))
    }
}

/// What happens to interfaces, anywhere in the network: whoever asks looks at its own.
struct HostChanges(watch::Receiver<u64>);

impl NetworkChanges for HostChanges {
    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if self.0.changed().await.is_err() {
                // The network has ended: nothing changes any more.
                std::future::pending().await
            }
        })
    }
}

/// A bound socket of a simulated host. The queue's lock is never contended: one task reads a socket.
struct SimSocket {
    host: SimHost,
    local: SocketAddr,
    letters: Mutex<mpsc::Receiver<Letter>>,
}

impl UdpSocket for SimSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn try_send_to(&self, datagram: &[u8], remote: SocketAddr) -> io::Result<()> {
        self.host.shared.ipv6(self.host.node).check_route(remote)?;
        let payload = Payload::Udp(Bytes::copy_from_slice(datagram));
        let datagram = Datagram { source: self.local, destination: remote, payload };
        self.host.shared.act(|fabric| fabric.send(self.host.node, datagram, clock::now()))
    }

    fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        match letters.poll_recv(cx) {
            Poll::Ready(Some((bytes, from))) => {
                let length = bytes.len().min(buffer.len());
                buffer[..length].copy_from_slice(&bytes[..length]);
                Poll::Ready(Ok((length, from)))
            }
            // The network has ended: silence, as on a cable that was pulled.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        self.host.shared.lock().unbind(self.host.node, self.local);
    }
}
