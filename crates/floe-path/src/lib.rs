//! ICE generations over bases: agents, the gate, nomination, consent.
//!
//! Each base has one `webrtc_ice` agent per generation, which asks for checks, answers the peer's and discovers
//! peer-reflexive candidates; bases of ICE-TCP have none, and the gate does its work. Everything it wants passes the
//! gate: a pure policy that paces, chooses, nominates, keeps consent and can change to a better pair later. Every
//! packet goes through the caller.
//!
//! Deviations from RFC 8445:
//! - section 8.1.1 (one nomination): nominations are numbered, and the largest number wins; see `nomination`. Checks
//!   carry one until a pair is chosen.
//! - section 8.1.1: nothing is nominated before the peer has sent a check, so that one who has not pasted our code
//!   yet does not seem to be connected.
//! - section 6.1.4.2 (frozen pairs): an unanswered check holds the others of its foundation back for 50 ms, not until
//!   it fails.
//! - section 7.3.1.4 (triggered checks): only the best pair that the peer has checked is checked again while an answer may
//!   be under way; the others wait for it.
//! - section 14.2 (Ta of 5 ms or more): that is the average; a slot that a timer opened up to 1 ms late does not delay the
//!   next one.
//! - section 14.3 (RTO of 500 ms or more, seven transmissions): a new transaction after 250 ms, and backing off without
//!   an end, because the first check usually dies at the other NAT and a person carries the codes.

mod agent;
mod connection;
mod consent;
mod drops;
mod early;
mod gate;
mod generation;
mod nomination;
mod pair;
pub mod path;

pub use path::{
    AgentOutbox, AgentSend, Credentials, Liveness, MoveCause, Moved, PairMeasure, Path, PathBase, PathConfig,
    PathEvent, PathOutput,
};
