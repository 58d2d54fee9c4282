//! ICE-TCP bases (RFC 6544): one interface address that dials, listens, or does both from one port.
//!
//! A base has a connection per peer address. Frames (RFC 4571) go in and come out as datagrams do at a UDP base, so
//! that nothing above knows the difference. Deviations from RFC 6544:
//! - section 7.1 (an agent opens connections for checks): any datagram to an address without a connection dials it.
//! - section 5.3 (connections of pairs that are not selected are closed): they are kept while the peer uses them,
//!   because a call may move to them; `connection::IDLE` ends the others.
//!
//! Everybody can reach a listening port, so what strangers can cause is bounded: a connection counts for nothing
//! until the session has answered on it, which it does for authentic checks alone.

mod connection;
mod table;

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_wire::{
    BaseId, BaseKind, Direction, InterfaceInfo, Note, PacketKind, TcpType,
    candidate::ACTIVE_PORT,
    classify,
    note::{DropKind, FramingFault},
};
use tokio::sync::mpsc;

use crate::{
    Inbound, Network, Tap, TcpListener, TcpStream, clock,
    intake::{DropCount, Intake},
};
use table::{Room, Table};

/// After this many errors of accepting in a row the listener is given up.
const MAX_ACCEPT_ERRORS: u32 = 10;
/// First pause after an error of accepting; doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(5);

/// A connection that was in use and has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenConnection {
    /// The base.
    pub base: BaseId,
    /// The other end.
    pub remote: SocketAddr,
}

/// One interface address for TCP. Dropping it closes its connections and ends its tasks.
pub struct TcpBase {
    interface: InterfaceInfo,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What the base and its tasks need.
struct Shared {
    id: BaseId,
    network: Arc<dyn Network>,
    tap: Tap,
    /// Whether and from where it dials.
    dials_from: Option<SocketAddr>,
    intake: Intake,
    /// Frames that a full queue did not take.
    unsent: DropCount,
    /// Wants to know of connections that end.
    watcher: OnceLock<mpsc::Sender<BrokenConnection>>,
    /// Connections that were closed because nobody had answered on them.
    strangers: DropCount,
    /// A lock, because sending is synchronous and connections come and go in tasks; held for a map access.
    table: Mutex<Table>,
}

impl TcpBase {
    /// Opens a base on `local`; inside a tokio runtime. Port 0 picks a free one.
    ///
    /// Active ones do not use the port of `local`: each connection has one of its own, and the address is told with
    /// the placeholder 9 (RFC 6544 section 4.5). Frames that `inbound` has no room for are dropped and counted.
    ///
    /// # Errors
    /// When the system does not let it listen there; nothing is noted then.
    pub fn open(
        network: &Arc<dyn Network>,
        tap: &Tap,
        id: BaseId,
        interface: InterfaceInfo,
        local: SocketAddr,
        tcp_type: TcpType,
        inbound: mpsc::Sender<Inbound>,
    ) -> io::Result<Self> {
        let listener = match tcp_type {
            TcpType::Active => None,
            TcpType::Passive => Some(network.listen_tcp(local)?),
            TcpType::SimultaneousOpen => Some(network.listen_tcp_and_dial(local)?),
        };
        let address = match &listener {
            Some(listener) => listener.local_addr()?,
            None => SocketAddr::new(local.ip(), ACTIVE_PORT),
        };
        let dials_from = match tcp_type {
            TcpType::Active => Some(SocketAddr::new(local.ip(), 0)),
            TcpType::Passive => None,
            TcpType::SimultaneousOpen => Some(address),
        };
        let kind = BaseKind::Tcp { tcp_type };
        tap.note(Note::BaseOpened { base: id, interface: interface.name.clone(), address, kind });
        let shared = Arc::new(Shared {
            id,
            network: Arc::clone(network),
            tap: tap.clone(),
            dials_from,
            intake: Intake::new(id, tap, inbound),
            unsent: DropCount::new(DropKind::Frames),
            watcher: OnceLock::new(),
            strangers: DropCount::new(DropKind::Connections),
            table: Mutex::default(),
        });
        if let Some(listener) = listener {
            shared.table().tasks.spawn(accept(Arc::clone(&shared), listener));
        }
        Ok(Self { interface, address, shared })
    }

    /// Tells from here on which connections end, without waiting: what does not fit shows as silence. The first watcher
    /// stays.
    pub fn watch(&self, watcher: mpsc::Sender<BrokenConnection>) {
        self.shared.watcher.get_or_init(|| watcher);
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

    /// The address it listens on; of one that only dials, its address with port 9.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one datagram as a frame, or dials first; never waits. `false` when it was refused or there was no room.
    ///
    /// The tap sees the frame when it leaves. A full queue drops the datagram (newest first, media before the rest):
    /// late audio is worse than lost audio.
    pub fn send(&self, datagram: &[u8], remote: SocketAddr) -> bool {
        match self.offer(datagram, remote) {
            Ok(Offer::Taken) => true,
            Ok(Offer::NoRoom) => {
                self.shared.unsent.add();
                self.shared.unsent.tell_if_due(&self.shared.tap, clock::now());
                false
            }
            Err(error) => {
                self.shared.tap.note(Note::SendFailed { base: self.id(), remote, error: error.to_owned() });
                false
            }
        }
    }

    fn offer(&self, datagram: &[u8], remote: SocketAddr) -> Result<Offer, &'static str> {
        if self.address.is_ipv4() != remote.is_ipv4() {
            return Err("the address is of another family than the socket");
        }
        if datagram.len() > floe_wire::framing::MAX_FRAME {
            return Err("the datagram is too long for a frame");
        }
        let is_media = matches!(classify(datagram), PacketKind::Rtp | PacketKind::Rtcp);
        let (frame, now) = (Bytes::copy_from_slice(datagram), clock::now());
        let mut table = self.shared.table();
        if let Some(peer) = table.peers.get_mut(&remote) {
            let first_answer = peer.answer(now);
            let taken = peer.offer(frame, is_media);
            drop(table);
            if let Some((local, waited)) = first_answer {
                let note = Note::ConnectionOpened { base: self.id(), local, remote, dialed: false, took: waited };
                self.shared.tap.note(note);
            }
            return Ok(if taken { Offer::Taken } else { Offer::NoRoom });
        }
        let local = self.shared.dials_from.ok_or("the peer has no connection to this listening address")?;
        table.may_dial(remote, now)?;
        let dial = dial(Arc::clone(&self.shared), local, remote, table.patience(remote));
        table.begin_dial(remote, frame, now, dial);
        Ok(Offer::Taken)
    }
}

/// What became of a frame that could be sent.
enum Offer {
    Taken,
    NoRoom,
}

impl Drop for TcpBase {
    fn drop(&mut self) {
        let Shared { id, tap, intake, unsent, strangers, .. } = &*self.shared;
        // Ended tasks let go of what they share; that ends the circle.
        self.shared.table().close();
        intake.tell_drops();
        unsent.tell(tap);
        strangers.tell(tap);
        tap.note(Note::BaseClosed { base: *id });
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_fault(&self, remote: SocketAddr, fault: FramingFault) {
        self.tap.note(Note::FramingBroken { base: self.id, remote, direction: Direction::Inbound, fault });
    }

    fn tell_broken(&self, remote: SocketAddr) {
        if let Some(watcher) = self.watcher.get() {
            let _full_or_gone = watcher.try_send(BrokenConnection { base: self.id, remote });
        }
    }

    fn count_stranger(&self) {
        self.strangers.add();
        self.strangers.tell_if_due(&self.tap, clock::now());
    }
}

/// Takes connections until the listener fails for good.
async fn accept(shared: Arc<Shared>, listener: Box<dyn TcpListener>) {
    let mut errors = 0;
    loop {
        match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok(stream) => {
                errors = 0;
                take(&shared, stream);
            }
            // The peer may have gone before it was accepted, or this program has too many files open; both pass.
            Err(error) => {
                errors += 1;
                if errors > MAX_ACCEPT_ERRORS {
                    tracing::warn!(%error, base = %shared.id, "a listening socket accepts nothing any more");
                    return;
                }
                tokio::time::sleep(FIRST_BACKOFF * 2_u32.pow(errors - 1)).await;
            }
        }
    }
}

/// Makes an accepted stream a connection, in the place of the stranger who has waited longest if there are too many.
fn take(shared: &Arc<Shared>, stream: Box<dyn TcpStream>) {
    let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
    let mut table = shared.table();
    let room = table.make_room();
    if room != Room::None {
        let carrier = Arc::clone(shared);
        table.accepted(remote, local, clock::now(), |frames, serial| {
            Box::pin(connection::run(carrier, stream, remote, serial, frames))
        });
    }
    drop(table);
    if room != Room::Free {
        shared.count_stranger();
    }
}

/// Connects, and then carries frames until the connection ends.
async fn dial(shared: Arc<Shared>, local: SocketAddr, remote: SocketAddr, patience: Duration) {
    let began = clock::now();
    let outcome = tokio::time::timeout(patience, shared.network.connect_tcp(local, remote)).await;
    let outcome = outcome.unwrap_or_else(|_| {
        let error = format!("no answer within {} s", patience.as_secs_f64());
        Err(io::Error::new(io::ErrorKind::TimedOut, error))
    });
    match outcome.and_then(|stream| Ok((stream.local_addr()?, stream))) {
        Ok((local, stream)) => on_dialed(shared, stream, local, remote, began).await,
        Err(error) => {
            shared.table().dial_failed(remote, clock::now());
            let note = Note::ConnectionFailed { base: shared.id, remote, error: error.to_string() };
            shared.tap.note(note);
        }
    }
}

async fn on_dialed(
    shared: Arc<Shared>,
    stream: Box<dyn TcpStream>,
    local: SocketAddr,
    remote: SocketAddr,
    began: Instant,
) {
    let now = clock::now();
    let took = now.saturating_duration_since(began);
    shared.tap.note(Note::ConnectionOpened { base: shared.id, local, remote, dialed: true, took });
    let (frames, serial) = shared.table().dialed(remote, local, now);
    connection::run(shared, stream, remote, serial, frames).await;
}
