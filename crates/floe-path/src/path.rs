//! The public face: generations of checks over bases, and the one selected pair.

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_wire::{
    BaseId, Candidate, Generation, IceConnectionState, IceRole,
    note::{DropKind, RefusalReason},
};
use tokio::sync::mpsc;

/// What agents want to send, awaited by the caller and handed to [`Path::handle_agent`].
pub type AgentOutbox = mpsc::Receiver<AgentSend>;

/// One wish of an agent.
#[derive(Debug)]
pub struct AgentSend {}

/// A user fragment and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user fragment.
    pub ufrag: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// How checks are paced and told apart.
#[derive(Debug, Clone, Copy)]
pub struct PathConfig {
    /// Ta of RFC 8445 section 14: the least time between two checks over all bases.
    pub pacing: Duration,
    /// How long a better pair is waited for once a pair works.
    pub grace: Duration,
    /// Ours, as the code tells it.
    pub tie_breaker: u64,
    /// Seeds transaction ids and consent jitter.
    pub seed: u64,
}

/// A base that checks leave from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathBase {
    /// Its id.
    pub id: BaseId,
    /// Its local address.
    pub address: SocketAddr,
    /// Priority of its host candidate.
    pub priority: u32,
    /// Priority of the peer-reflexive candidate that a check from it may create.
    pub prflx_priority: u32,
}

/// Whether the selected pair answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It answers.
    Alive,
    /// Something is missing for a moment; extra requests find out.
    Suspect,
    /// It does not answer.
    Silent,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathEvent {
    /// The ICE connection changed state.
    ConnectionChanged {
        /// The generation.
        generation: Generation,
        /// The state it is in.
        state: IceConnectionState,
    },
    /// Media goes over this pair from here on.
    Selected {
        /// The generation.
        generation: Generation,
        /// Our base.
        base: BaseId,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// The selected pair began or ceased to answer.
    LivenessChanged {
        /// The generation.
        generation: Generation,
        /// What it is.
        liveness: Liveness,
    },
    /// The peer claims our role; it was told 487 and the tie-breakers stand.
    RoleConflict {
        /// The generation.
        generation: Generation,
        /// The base it was seen at.
        base: BaseId,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// Something was dropped to keep memory bounded.
    Dropped {
        /// What.
        what: DropKind,
        /// How many since the last such event.
        count: u64,
    },
}

/// What the caller does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathOutput {
    /// Send this datagram.
    Send {
        /// From this base.
        base: BaseId,
        /// To this address.
        to: SocketAddr,
        /// These bytes.
        bytes: Bytes,
    },
    /// Know this.
    Event(PathEvent),
}

/// Every generation of checks of one call.
pub struct Path {}

impl Path {
    /// Prepares a path.
    #[must_use]
    pub fn new(_config: PathConfig) -> (Self, AgentOutbox) {
        let (_sender, receiver) = mpsc::channel(1);
        (Self {}, receiver)
    }

    /// Begins a generation.
    pub async fn start(&mut self, _generation: Generation, _local: Credentials, _bases: &[PathBase]) {}

    /// Installs the peer's credentials.
    pub async fn set_remote(&mut self, _role: IceRole, _remote: Credentials, _candidates: &[Candidate], _now: Instant) {
    }

    /// Adds a base.
    pub async fn add_base(&mut self, _base: PathBase, _now: Instant) {}

    /// Adds a remote candidate.
    pub fn add_remote_candidate(&mut self, _candidate: &Candidate, _now: Instant) {}

    /// Takes a STUN datagram.
    ///
    /// # Errors
    /// Why it was ignored.
    pub fn handle_stun(
        &mut self,
        _base: BaseId,
        _from: SocketAddr,
        _bytes: Bytes,
        _now: Instant,
    ) -> Result<(), RefusalReason> {
        Ok(())
    }

    /// Takes an agent's wish.
    pub fn handle_agent(&mut self, _send: AgentSend, _now: Instant) {}

    /// Authentic media arrived.
    pub fn media_heard(&mut self, _base: BaseId, _remote: SocketAddr, _now: Instant) {}

    /// When, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        None
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<PathOutput> {
        None
    }

    /// Where media goes.
    #[must_use]
    pub fn selected(&self) -> Option<(BaseId, SocketAddr)> {
        None
    }

    /// Ends all agents.
    pub async fn close(self) {}
}
