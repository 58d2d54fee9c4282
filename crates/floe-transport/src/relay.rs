//! Relayed addresses on TURN servers (RFC 8656), as bases beside those of our own sockets.
//!
//! A [`Relay`] owns the way to one server and one address there. It has two ids in the record: the *client* base, whose
//! packets are what crosses the wire to and from the server, and the *relay* base, from which packets for peers seem to
//! leave and which has no packets of its own; the inspector finds them inside the client's.
//!
//! The protocol is [`TurnClient`], which touches neither socket nor clock. It is ours although there is a library:
//! `turn-client-proto` 0.7 keeps 50 ms between requests, which is longer than a call may take to connect; asks for one
//! permission at a time; names no error codes; ignores 437 and 401 once there is an address, and cannot ask whether
//! the server still knows it, so that a restarted server would be noticed after minutes.

mod candidate;
mod client;
mod error;
mod link;
mod request;
mod tls;
mod url;
mod worker;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use floe_wire::{BaseId, InterfaceInfo};
use tokio::sync::mpsc;

pub use candidate::{relay_preference, relayed_candidate};
pub use client::{ClientEvent, ClientOutput, PATIENCE, Received, TurnClient};
pub use error::{Refusal, RelayError};
pub use link::Duplex;
pub use tls::{TlsTrust, TlsTrustError};
pub use url::{Credentials, TurnAccess, TurnUrl, TurnUrlError};

use crate::{Inbound, Network, Tap};
use worker::Worker;

/// Packets and wishes that may wait for the worker: half a second of audio and a burst of checks.
const COMMAND_CAPACITY: usize = 256;

/// A TURN server whose name is resolved.
#[derive(Debug, Clone)]
pub struct RelayServer {
    /// How people named it.
    pub url: TurnUrl,
    /// Where it is.
    pub address: SocketAddr,
    /// Who we are there.
    pub credentials: Credentials,
    /// Whom to believe that it is the server, with `turns:`.
    pub trust: TlsTrust,
}

/// The two ids of a relay in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayIds {
    /// Our side of the connection to the server.
    pub client: BaseId,
    /// The relayed address.
    pub relay: BaseId,
}

/// Something became of a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayEvent {
    /// Which.
    pub ids: RelayIds,
    /// What.
    pub news: RelayNews,
}

/// What became of a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayNews {
    /// Packets may be sent and received at this address.
    Allocated {
        /// The relayed address.
        relayed: SocketAddr,
        /// Where the server sees our packets come from.
        mapped: Option<SocketAddr>,
        /// From the request that was answered to the answer.
        rtt: Duration,
    },
    /// There is no address, and will not be.
    Failed(RelayError),
    /// There was one, and it is gone.
    Lost(RelayError),
}

/// A relayed address, or the wish for one. Dropping it gives the address up, which takes up to 600 ms in the background.
#[derive(Debug)]
pub struct Relay {
    ids: RelayIds,
    interface: InterfaceInfo,
    commands: mpsc::Sender<RelayCommand>,
}

/// What the owner asks of the worker.
#[derive(Debug)]
enum RelayCommand {
    Send { datagram: Bytes, remote: SocketAddr },
    Permit(Vec<IpAddr>),
    Bind(SocketAddr),
    Probe,
}

/// Where a relay is made: what it shares with the other bases of the call.
pub struct RelayContext<'a> {
    /// The way out.
    pub network: &'a Arc<dyn Network>,
    /// Sees everything first.
    pub tap: &'a Tap,
    /// Takes peers' packets.
    pub inbound: &'a mpsc::Sender<Inbound>,
    /// Takes what becomes of it.
    pub events: &'a mpsc::Sender<RelayEvent>,
}

impl Relay {
    /// Begins to ask `server` for an address of the family of `ip`, from a free port of `ip`; inside a tokio runtime.
    ///
    /// [`RelayNews::Allocated`] or [`RelayNews::Failed`] follows within seconds.
    #[must_use]
    pub fn open(
        context: &RelayContext<'_>,
        ids: RelayIds,
        interface: InterfaceInfo,
        ip: IpAddr,
        server: RelayServer,
        seed: u64,
    ) -> Self {
        let (commands, queue) = mpsc::channel(COMMAND_CAPACITY);
        let worker = Worker {
            network: Arc::clone(context.network),
            tap: context.tap.clone(),
            inbound: context.inbound.clone(),
            events: context.events.clone(),
            commands: queue,
            ids,
            interface: interface.name.clone(),
            ip,
            server,
            seed,
        };
        // It ends by itself soon after the handle is dropped, because it has to say goodbye to the server first.
        tokio::spawn(worker.run());
        Self { ids, interface, commands }
    }

    /// Its ids in the record.
    #[must_use]
    pub const fn ids(&self) -> RelayIds {
        self.ids
    }

    /// The interface that packets for the server leave from.
    #[must_use]
    pub const fn interface(&self) -> &InterfaceInfo {
        &self.interface
    }

    /// Sends one datagram to a peer; `false` when too many wait already. Without an address it is lost.
    pub fn send(&self, datagram: &[u8], remote: SocketAddr) -> bool {
        self.tell(RelayCommand::Send { datagram: Bytes::copy_from_slice(datagram), remote })
    }

    /// Lets packets of these hosts in, as soon as there is an address.
    pub fn permit(&self, hosts: Vec<IpAddr>) {
        self.tell(RelayCommand::Permit(hosts));
    }

    /// Makes packets to and from a peer in use shorter.
    pub fn bind(&self, peer: SocketAddr) {
        self.tell(RelayCommand::Bind(peer));
    }

    /// Asks the server at once whether it still knows the address; [`RelayNews::Lost`] follows when it does not.
    pub fn probe(&self) {
        self.tell(RelayCommand::Probe);
    }

    fn tell(&self, command: RelayCommand) -> bool {
        self.commands.try_send(command).is_ok()
    }
}
