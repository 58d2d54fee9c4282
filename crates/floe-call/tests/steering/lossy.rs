//! A network that loses or holds back what is sent, except towards a relay.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use floe_transport::{
    Network,
    network::{BoxFuture, NetworkChanges, TcpListener, TcpStream, UdpSocket},
};
use floe_wire::InterfaceInfo;

/// How much is lost, the dice, and how long the rest is held back.
#[derive(Clone, Default)]
pub struct Loss {
    percent: Arc<AtomicU32>,
    is_even: Arc<AtomicBool>,
    dice: Arc<AtomicU32>,
    delay_ms: Arc<AtomicU32>,
}

impl Loss {
    /// Loses so much from here on.
    pub fn set_percent(&self, percent: u32) {
        self.percent.store(percent, Ordering::Relaxed);
    }

    /// Loses so much from here on, and of what is no audio never several in a row: no path looks silent.
    pub fn set_even_percent(&self, percent: u32) {
        self.is_even.store(true, Ordering::Relaxed);
        self.set_percent(percent);
    }

    /// Holds everything back so long from here on.
    pub fn set_delay(&self, ms: u32) {
        self.delay_ms.store(ms, Ordering::Relaxed);
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.load(Ordering::Relaxed).into())
    }

    /// Whether a datagram is lost; `others` counts those of its socket that are no audio.
    fn strikes(&self, datagram: &[u8], others: &AtomicU32) -> bool {
        let percent = self.percent.load(Ordering::Relaxed);
        // RFC 7983 section 7: what begins so is RTP or RTCP.
        let is_audio = datagram.first().is_some_and(|first| (128..=191).contains(first));
        if self.is_even.load(Ordering::Relaxed) && !is_audio {
            return others.fetch_add(1, Ordering::Relaxed).wrapping_mul(percent) % 100 < percent;
        }
        let thrown = self.dice.fetch_add(1, Ordering::Relaxed).wrapping_mul(2_654_435_761);
        (thrown >> 16) % 100 < percent
    }
}

/// Puts loss in front of a network.
pub fn lossy(inner: Arc<dyn Network>, relay: IpAddr, loss: &Loss) -> Arc<dyn Network> {
    Arc::new(Lossy { inner, relay, loss: loss.clone() })
}

struct Lossy {
    inner: Arc<dyn Network>,
    relay: IpAddr,
    loss: Loss,
}

impl Network for Lossy {
    fn interfaces(&self) -> io::Result<Vec<InterfaceInfo>> {
        self.inner.interfaces()
    }

    fn bind_udp(&self, local: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        Ok(Box::new(Socket {
            inner: self.inner.bind_udp(local)?.into(),
            relay: self.relay,
            loss: self.loss.clone(),
            others: AtomicU32::default(),
        }))
    }

    /// No TCP, which would be a direct way without loss.
    fn connect_tcp<'a>(&'a self, _: SocketAddr, _: SocketAddr) -> BoxFuture<'a, io::Result<Box<dyn TcpStream>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }

    fn listen_tcp(&self, _: SocketAddr) -> io::Result<Box<dyn TcpListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn changes(&self) -> Box<dyn NetworkChanges> {
        self.inner.changes()
    }

    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.inner.resolve(host, port)
    }
}

struct Socket {
    inner: Arc<dyn UdpSocket>,
    relay: IpAddr,
    loss: Loss,
    others: AtomicU32,
}

impl UdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn try_send_to(&self, datagram: &[u8], remote: SocketAddr) -> io::Result<()> {
        if remote.ip() != self.relay && self.loss.strikes(datagram, &self.others) {
            return Ok(());
        }
        let delay = self.loss.delay();
        if remote.ip() == self.relay || delay.is_zero() {
            return self.inner.try_send_to(datagram, remote);
        }
        let (inner, datagram) = (Arc::clone(&self.inner), datagram.to_vec());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            // What the network refuses by then is lost.
            let _refused = inner.try_send_to(&datagram, remote);
        });
        Ok(())
    }

    fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.inner.poll_recv_from(cx, buffer)
    }
}
