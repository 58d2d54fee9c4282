//! Bases: one bound socket each, with a reader that taps, classifies and hands over what arrives.

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_wire::{BaseId, BaseKind, Direction, InterfaceInfo, Note, PacketKind};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{Network, Tap, UdpSocket, intake::Intake};

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;
/// First pause after a receive error; doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(5);
/// After this many receive errors in a row (about 5 s) the socket is given up.
const MAX_ERRORS: u32 = 10;

/// A datagram that arrived at a base.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// Where it arrived.
    pub base: BaseId,
    /// Where it came from.
    pub remote: SocketAddr,
    /// All of it.
    pub bytes: Bytes,
    /// When it was read from the socket.
    pub at: Instant,
    /// What its first bytes say it is.
    pub kind: PacketKind,
}

/// One UDP socket on one interface address. Dropping it closes the socket and ends its reader.
pub struct Base {
    interface: InterfaceInfo,
    address: SocketAddr,
    shared: Arc<Shared>,
    reader: JoinHandle<()>,
}

/// What the base and its reader both need.
struct Shared {
    id: BaseId,
    socket: Box<dyn UdpSocket>,
    tap: Tap,
    intake: Intake,
    closed: AtomicBool,
}

impl Base {
    /// Binds a free port of `ip` and starts reading; inside a tokio runtime.
    ///
    /// Datagrams that `inbound` has no room for are dropped and counted ([`floe_wire::note::DropKind::Datagrams`]).
    ///
    /// # Errors
    /// When the address cannot be bound; nothing is noted then.
    pub fn open(
        network: &dyn Network,
        tap: &Tap,
        id: BaseId,
        interface: InterfaceInfo,
        ip: IpAddr,
        inbound: mpsc::Sender<Inbound>,
    ) -> io::Result<Self> {
        Self::open_at(network, tap, id, interface, SocketAddr::new(ip, 0), inbound)
    }

    /// As [`Base::open`], at a port.
    ///
    /// # Errors
    /// When it cannot be bound; nothing is noted then.
    pub fn open_at(
        network: &dyn Network,
        tap: &Tap,
        id: BaseId,
        interface: InterfaceInfo,
        local: SocketAddr,
        inbound: mpsc::Sender<Inbound>,
    ) -> io::Result<Self> {
        let socket = network.bind_udp_at(&interface.name, local)?;
        let address = socket.local_addr()?;
        tap.note(Note::BaseOpened { base: id, interface: interface.name.clone(), address, kind: BaseKind::Udp });
        let shared = Arc::new(Shared {
            id,
            socket,
            tap: tap.clone(),
            intake: Intake::new(id, tap, inbound),
            closed: AtomicBool::new(false),
        });
        let reader = tokio::spawn(read(Arc::clone(&shared)));
        Ok(Self { interface, address, shared, reader })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> BaseId {
        self.shared.id
    }

    /// The interface it sits on.
    #[must_use]
    pub fn interface(&self) -> &InterfaceInfo {
        &self.interface
    }

    /// The address it is bound to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one datagram; `false` when the system refused it, which is noted as [`Note::SendFailed`].
    ///
    /// The tap sees the datagram first, so that an answer is never recorded before its question.
    pub fn send(&self, datagram: &[u8], remote: SocketAddr) -> bool {
        let Shared { id, socket, tap, .. } = &*self.shared;
        tap.packet(*id, Direction::Outbound, remote, datagram);
        match self.check_family(remote).and_then(|()| socket.try_send_to(datagram, remote)) {
            Ok(()) => true,
            Err(error) => {
                tap.note(Note::SendFailed { base: *id, remote, error: send_error(&error) });
                false
            }
        }
    }

    fn check_family(&self, remote: SocketAddr) -> io::Result<()> {
        if self.address.is_ipv4() == remote.is_ipv4() {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "the address is of another family than the socket"))
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        self.reader.abort();
        self.shared.close();
    }
}

fn send_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock => "the socket's send buffer is full".to_owned(),
        _ => error.to_string(),
    }
}

impl Shared {
    fn close(&self) {
        self.intake.tell_drops();
        if !self.closed.swap(true, Ordering::Relaxed) {
            self.tap.note(Note::BaseClosed { base: self.id });
        }
    }
}

async fn read(shared: Arc<Shared>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut errors = 0;
    loop {
        match poll_fn(|cx| shared.socket.poll_recv_from(cx, &mut buffer)).await {
            Ok((length, remote)) => {
                errors = 0;
                if !shared.intake.take(Bytes::copy_from_slice(&buffer[..length]), remote) {
                    break;
                }
            }
            // The system tells here that an earlier datagram of ours found a closed port (ICMP). That is the other
            // end's state, not this socket's; the pause keeps a burst of them from spinning.
            Err(error) if is_about_a_peer(&error) => tokio::time::sleep(FIRST_BACKOFF).await,
            Err(error) => {
                errors += 1;
                if errors > MAX_ERRORS {
                    tracing::warn!(%error, base = %shared.id, "a socket cannot be read any more");
                    break;
                }
                tokio::time::sleep(FIRST_BACKOFF * 2_u32.pow(errors - 1)).await;
            }
        }
    }
    shared.close();
}

fn is_about_a_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable)
}

#[cfg(test)]
mod tests;
