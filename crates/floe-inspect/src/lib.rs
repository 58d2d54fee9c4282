//! Folds records into what people see: candidates, pairs, states, phases, statistics.
//!
//! [`Inspector`] folds records into a [`Picture`]; everything else is a view of a picture: [`headline()`] is the one
//! sentence, [`path_facts()`] the drawn path, [`diagnose`] the causes, [`Report`] the JSON a person can send.

mod bounded;
mod candidates;
mod credentials;
pub mod diagnosis;
mod events;
pub mod headline;
mod inspector;
pub mod nat;
mod pair_state;
mod pairs;
pub mod path_facts;
mod phases;
pub mod picture;
pub mod report;
mod series;
mod states;
mod transactions;
mod why;
mod words;

pub use diagnosis::{Confidence, Finding, diagnose, failure_code};
pub use headline::{Headline, Tone, headline};
pub use inspector::Inspector;
pub use path_facts::{PacketStop, PathFacts, Relay, RelaySide, Standby, path_facts};
pub use picture::Picture;
pub use report::Report;
