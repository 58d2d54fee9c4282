//! The connections of one ICE-TCP base by peer address, and what was tried in vain.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

/// Connections of one base; a call needs one, and a few more while paths are tried.
const MAX_CONNECTIONS: usize = 48;
/// Of these, connections that nobody has answered on. The one that waits longest makes room for the next.
const MAX_STRANGERS: usize = 16;
/// Attempts to connect at once.
const MAX_DIALING: usize = 8;
/// Addresses that were dialed; as many as a code can name.
const MAX_DIALED: usize = 64;
/// Failures in a row after which an address is not dialed any more: about half an hour of patience.
const MAX_FAILURES: u32 = 32;
/// Between two attempts for one address at least; doubles with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause; checks of pairs that never answered come more slowly still.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A first opening that takes longer is given up: three lost segments later, or behind a firewall that says nothing.
const PATIENCE: Duration = Duration::from_secs(8);
/// A further one, of an address that did not answer: the system sends its opening segment twice meanwhile.
const LESS_PATIENCE: Duration = Duration::from_millis(2_500);
/// Frames that wait for a connection: newer checks replace older ones.
const WAITING: usize = 4;
/// Frames that may wait in a connection.
const QUEUE: usize = 64;
/// Of these, media: 320 ms of audio in packets of 20 ms. What waits longer is too late to be heard.
const MEDIA_QUEUE: usize = 16;

/// All connections of a base and the tasks behind them.
#[derive(Default)]
pub(super) struct Table {
    pub peers: BTreeMap<SocketAddr, Peer>,
    pub tasks: JoinSet<()>,
    dialed: BTreeMap<SocketAddr, Dialed>,
    serial: u64,
}

/// What there is with one address of the peer.
pub(super) enum Peer {
    /// A connection is being opened.
    Dialing { waiting: VecDeque<Bytes>, task: AbortHandle },
    /// There is one.
    Open(Connection),
}

/// An open connection.
pub(super) struct Connection {
    /// Tells it from others to the same address.
    pub serial: u64,
    pub local: SocketAddr,
    pub since: Instant,
    /// Whether anything was sent on it.
    pub answered: bool,
    queue: mpsc::Sender<Bytes>,
    task: Option<AbortHandle>,
}

/// What became of attempts to connect to one address.
struct Dialed {
    failures: u32,
    not_before: Instant,
}

/// Whether another connection may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// A stranger was turned away for it.
    Made,
    None,
}

impl Table {
    /// Whether an address may be dialed.
    pub fn may_dial(&mut self, remote: SocketAddr, now: Instant) -> Result<(), &'static str> {
        match self.dialed.get(&remote) {
            Some(dialed) if dialed.failures >= MAX_FAILURES => return Err("connecting has failed too often"),
            Some(dialed) if now < dialed.not_before => return Err("no connection; the next attempt waits a moment"),
            None if self.dialed.len() >= MAX_DIALED => return Err("too many addresses were dialed"),
            Some(_) | None => {}
        }
        let dialing = self.peers.values().filter(|peer| matches!(peer, Peer::Dialing { .. })).count();
        if dialing >= MAX_DIALING {
            return Err("too many connections are being opened");
        }
        if self.make_room() == Room::None {
            return Err("there are too many connections");
        }
        Ok(())
    }

    /// How long an opening may take.
    pub fn patience(&self, remote: SocketAddr) -> Duration {
        let has_failed = self.dialed.get(&remote).is_some_and(|dialed| dialed.failures > 0);
        if has_failed { LESS_PATIENCE } else { PATIENCE }
    }

    /// Begins to connect for the sake of `frame`.
    pub fn begin_dial(
        &mut self,
        remote: SocketAddr,
        frame: Bytes,
        now: Instant,
        dial: impl Future<Output = ()> + Send + 'static,
    ) {
        let dialed = self.dialed.entry(remote).or_insert(Dialed { failures: 0, not_before: now });
        dialed.not_before = now + FIRST_PAUSE;
        let task = self.spawn(dial);
        self.peers.insert(remote, Peer::Dialing { waiting: VecDeque::from([frame]), task });
    }

    /// Ends an attempt that failed.
    pub fn dial_failed(&mut self, remote: SocketAddr, now: Instant) {
        self.end_dial(remote);
        if let Some(dialed) = self.dialed.get_mut(&remote) {
            let pause = FIRST_PAUSE * 2_u32.pow(dialed.failures.min(16));
            dialed.not_before = dialed.not_before.max(now + pause.min(LONGEST_PAUSE));
            dialed.failures += 1;
        }
    }

    /// Ends an attempt, if there is one; gives what waited for it and its task.
    pub fn end_dial(&mut self, remote: SocketAddr) -> Option<(VecDeque<Bytes>, AbortHandle)> {
        match self.peers.remove(&remote)? {
            Peer::Dialing { waiting, task } => Some((waiting, task)),
            open @ Peer::Open(_) => {
                self.peers.insert(remote, open);
                None
            }
        }
    }

    /// An attempt has succeeded: the queue of the new connection, with what waited for it.
    pub fn dialed(&mut self, remote: SocketAddr, local: SocketAddr, now: Instant) -> (mpsc::Receiver<Bytes>, u64) {
        if let Some(dialed) = self.dialed.get_mut(&remote) {
            dialed.failures = 0;
        }
        let (waiting, task) = self.end_dial(remote).map_or((VecDeque::new(), None), |(w, task)| (w, Some(task)));
        let (mut connection, frames) = self.connection(local, true, now, waiting);
        connection.task = task;
        (frames, self.keep(remote, connection))
    }

    /// Someone has connected. What waited for a connection to there goes into this one.
    pub fn accepted(
        &mut self,
        remote: SocketAddr,
        local: SocketAddr,
        now: Instant,
        run: impl FnOnce(mpsc::Receiver<Bytes>, u64) -> RunFuture,
    ) {
        let waiting = self.end_dial(remote).map_or_else(VecDeque::new, |(waiting, task)| {
            task.abort();
            waiting
        });
        let (mut connection, frames) = self.connection(local, !waiting.is_empty(), now, waiting);
        connection.task = Some(self.spawn(run(frames, connection.serial)));
        self.keep(remote, connection);
    }

    fn connection(
        &mut self,
        local: SocketAddr,
        answered: bool,
        now: Instant,
        waiting: VecDeque<Bytes>,
    ) -> (Connection, mpsc::Receiver<Bytes>) {
        let (queue, frames) = mpsc::channel(QUEUE);
        self.serial += 1;
        let connection = Connection { serial: self.serial, local, since: now, answered, queue, task: None };
        for frame in waiting {
            connection.offer(frame, false);
        }
        (connection, frames)
    }

    fn keep(&mut self, remote: SocketAddr, connection: Connection) -> u64 {
        let serial = connection.serial;
        if let Some(old) = self.peers.insert(remote, Peer::Open(connection)) {
            old.end();
        }
        serial
    }

    /// Forgets a connection that has ended, unless another has its place.
    pub fn closed(&mut self, remote: SocketAddr, serial: u64) -> Option<Connection> {
        match self.peers.remove(&remote)? {
            Peer::Open(connection) if connection.serial == serial => Some(connection),
            other => {
                self.peers.insert(remote, other);
                None
            }
        }
    }

    /// Whether a connection is one that nobody has answered on.
    pub fn is_stranger(&self, remote: SocketAddr, serial: u64) -> bool {
        matches!(self.peers.get(&remote), Some(Peer::Open(one)) if one.serial == serial && !one.answered)
    }

    /// Makes sure that another connection may come.
    pub fn make_room(&mut self) -> Room {
        let strangers = self.peers.iter().filter_map(|(remote, peer)| match peer {
            Peer::Open(connection) if !connection.answered => Some((connection.since, *remote)),
            Peer::Open(_) | Peer::Dialing { .. } => None,
        });
        let (count, oldest) = strangers.fold((0, None), |(count, oldest), stranger| {
            (count + 1, Some(oldest.map_or(stranger, |oldest: (Instant, SocketAddr)| oldest.min(stranger))))
        });
        if count < MAX_STRANGERS && self.peers.len() < MAX_CONNECTIONS {
            return Room::Free;
        }
        let Some(evicted) = oldest.and_then(|(_, remote)| self.peers.remove(&remote)) else { return Room::None };
        evicted.end();
        Room::Made
    }

    /// Ends everything.
    pub fn close(&mut self) {
        self.tasks.abort_all();
        self.peers.clear();
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task)
    }
}

/// What carries the frames of an accepted connection.
pub(super) type RunFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

impl Peer {
    /// Takes a frame; `false` when there is no room.
    pub fn offer(&mut self, frame: Bytes, is_media: bool) -> bool {
        match self {
            Self::Open(connection) => connection.offer(frame, is_media),
            Self::Dialing { .. } if is_media => false,
            Self::Dialing { waiting, .. } => {
                if waiting.len() == WAITING {
                    waiting.pop_front();
                }
                waiting.push_back(frame);
                true
            }
        }
    }

    /// The session answers on it: the address it came in at and how long ago, the first time.
    pub fn answer(&mut self, now: Instant) -> Option<(SocketAddr, Duration)> {
        match self {
            Self::Open(connection) if !connection.answered => {
                connection.answered = true;
                Some((connection.local, now.saturating_duration_since(connection.since)))
            }
            Self::Open(_) | Self::Dialing { .. } => None,
        }
    }

    fn end(self) {
        match self {
            Self::Dialing { task, .. } | Self::Open(Connection { task: Some(task), .. }) => task.abort(),
            Self::Open(Connection { task: None, .. }) => {}
        }
    }
}

impl Connection {
    fn offer(&self, frame: Bytes, is_media: bool) -> bool {
        let is_late = is_media && QUEUE - self.queue.capacity() >= MEDIA_QUEUE;
        !is_late && self.queue.try_send(frame).is_ok()
    }
}
