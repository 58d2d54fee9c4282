//! The session: commands in, records and snapshots out.
//!
//! A [`Call`] is one actor around one `select!`. It opens bases, asks STUN servers, makes our code, takes the peer's,
//! drives `floe-path` until a pair is selected, secures that pair and moves audio over it. Everything that happens is
//! a record; the snapshot it publishes is the fold over those records.

mod audio;
mod call;
mod command;
mod config;
mod control;
mod exchange;
mod gathering;
mod identity;
mod machine;
mod mappings;
mod media;
mod privacy;
pub mod probe;
mod publisher;
mod quality;
mod restart;
mod restarting;
mod seals;
mod session;
mod snapshot;
mod steering;
mod suspicion;
mod talk;
pub mod web;

pub use call::Call;
pub use command::{AudioClock, AudioSource, Command, Playback};
pub use config::CallConfig;
pub use privacy::Privacy;
pub use snapshot::{PasteOutcome, Snapshot};
