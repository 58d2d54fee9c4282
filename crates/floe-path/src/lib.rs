//! ICE generations over bases: agents, the gate, nomination, consent.

pub mod path;

pub use path::{AgentOutbox, AgentSend, Credentials, Liveness, Path, PathBase, PathConfig, PathEvent, PathOutput};
