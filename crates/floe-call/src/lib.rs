//! The session: commands in, records and snapshots out.

pub mod command;
pub mod config;
pub mod snapshot;

pub use command::{AudioSource, Command, Playback};
pub use config::CallConfig;
pub use snapshot::{PasteOutcome, Snapshot};
