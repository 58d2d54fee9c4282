//! What is known of the path that the window draws; unknown is `None`, never guessed.

use std::{net::SocketAddr, time::Duration};

use floe_wire::{CandidateType, InterfaceKind};

use crate::{Picture, picture::PairId};

/// What is known of the path between the two people.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PathFacts {
    /// The pair in use, or the one that was in use last.
    pub selected: Option<PairId>,
    /// Name of our interface.
    pub local_interface: Option<String>,
    /// The kind of our interface.
    pub local_kind: Option<InterfaceKind>,
    /// Our base address.
    pub local_address: Option<SocketAddr>,
    /// How our NAT shows us to the other side; none when no NAT was seen.
    pub local_nat: Option<SocketAddr>,
    /// Newest round trip of the pair in use.
    pub rtt: Option<Duration>,
    /// Newest loss of the peer's audio, percent.
    pub loss_percent: Option<f64>,
    /// How the peer's address in use was found.
    pub remote_type: Option<CandidateType>,
    /// The peer's address in use.
    pub remote_address: Option<SocketAddr>,
    /// Whether a NAT stands in front of the peer on this path.
    pub remote_behind_nat: Option<bool>,
    /// The relay that carries the audio, if one does.
    pub relay: Option<Relay>,
    /// Pairs that answer and are not in use, best first.
    pub standby: Vec<Standby>,
    /// Where packets stop, when nothing gets through.
    pub stops: Option<PacketStop>,
}

/// A relay on the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Whose relay it is.
    pub side: RelaySide,
    /// The relayed address.
    pub address: SocketAddr,
    /// The server's URL, known for our own relay only.
    pub server: Option<String>,
}

/// Who brought the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelaySide {
    /// We did.
    Ours,
    /// The peer did.
    Peers,
}

/// A pair that would take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standby {
    /// The pair.
    pub pair: PairId,
    /// Our interface.
    pub interface: Option<String>,
    /// Its newest round trip.
    pub rtt: Option<Duration>,
}

/// Where packets stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketStop {
    /// No check of ours left this computer.
    NothingSent,
    /// Our checks leave and nothing of the peer arrives.
    NothingArrives,
    /// The peer's checks arrive and none of ours is answered.
    NothingAnswered,
    /// A path that worked stopped answering.
    PathDied,
}

/// Tells what is known of the path.
#[must_use]
pub fn path_facts(picture: &Picture) -> PathFacts {
    let _ = picture;
    PathFacts::default()
}
