//! ICE generations over bases: agents, the gate, nomination, consent.
//!
//! Each base has one `webrtc_ice` agent per generation, which asks for checks, answers the peer's and discovers
//! peer-reflexive candidates. Everything it wants passes the gate: a pure policy that paces, chooses,
//! nominates, keeps consent and can change to a better pair later. Every packet goes through the caller.
//!
//! Deviations from RFC 8445:
//! - section 8.1.1 (one nomination): nominations are numbered, and the largest number wins; see `nomination`.
//! - section 7.3.1.1 (role conflict): 487 is sent, roles never switch; the codes' tie-breakers decided them.
//! - section 6.1.4.2 (frozen pairs, RTO): pairs are taken by priority with their own back-off, and without an end.
//! - section 8.1.1: nothing is nominated before the peer has sent a check, so that one who has not pasted our code
//!   yet does not seem to be connected.

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

pub use path::{AgentOutbox, AgentSend, Credentials, Liveness, Path, PathBase, PathConfig, PathEvent, PathOutput};
