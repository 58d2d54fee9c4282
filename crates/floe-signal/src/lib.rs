//! Codes that people paste, the signaling state machine and roles. No IO, no clock, no randomness: bytes come in.
//!
//! Each side makes one [`Code`] and pastes the other's, in either order. A code says how to reach its maker and which
//! certificate to expect; [`Signaling`] keeps who said what, [`role()`] decides who nominates. Once connected, both ends
//! go on with [`control`] messages. Where they cannot, people hand over what their side saw as a [`side_text`].

mod alphabet;
mod candidate_field;
mod capabilities;
mod code;
pub mod control;
mod credentials;
mod describe;
mod error;
mod fields;
mod frame;
mod hidden_field;
mod layout;
mod pair_digest;
mod paste;
mod problem;
mod role;
pub mod side_text;
mod signaling;
mod tcp_field;

pub use candidate_field::MAX_CANDIDATES;
pub use capabilities::Capabilities;
pub use code::{Code, VERSION};
pub use credentials::{CREDENTIAL_BYTES, new_credentials};
pub use error::CodeError;
pub use hidden_field::{HiddenHost, MAX_HIDDEN};
pub use problem::{CandidateProblem, Unusable};
pub use role::role;
pub use signaling::{Illegal, IllegalMessage, Message, MessageKind, Side, Signaling};
