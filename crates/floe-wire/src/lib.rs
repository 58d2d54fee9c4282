//! Floe's vocabulary and byte codecs, shared by every other crate and free of IO, clocks and policy.
//!
//! A *record* is one thing that happened, stamped with the time since the record began: a datagram that the tap
//! saw, or a note that the session added. The window, the report and the tests are folds over records.

pub mod base;
pub mod candidate;
pub mod demux;
pub mod describe;
pub mod framing;
pub mod mdns;
pub mod nat;
pub mod note;
pub mod peer;
pub mod record;
pub mod side;
pub mod sighting;
pub mod stamp;
pub mod state;
pub mod stun;
pub mod turn;
pub mod verdict;

pub use base::{BaseId, BaseKind, Generation, InterfaceInfo, InterfaceKind, RelayProtocol};
pub use candidate::{Candidate, CandidateType, Protocol, TcpType};
pub use demux::{PacketKind, classify};
pub use nat::{Dependence, NatFiltering, NatMapping, NatSummary, NatUnknown};
pub use note::Note;
pub use record::{Direction, Packet, Record, RecordBody};
pub use sighting::{SightedKind, Sighting, Sightings};
pub use stamp::Stamp;
pub use state::{GatheringState, IceConnectionState, IceRole, SignalingState};
