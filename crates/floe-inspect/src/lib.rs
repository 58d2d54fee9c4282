//! Folds records into what people see: candidates, pairs, states, phases, statistics.
//!
//! [`Inspector`] folds records into a [`Picture`]; everything else is a view of a picture: [`headline()`] is the one
//! sentence, [`path_facts()`] the drawn path, [`diagnose`] the causes, [`Report`] the JSON a person can send.
//!
//! - [`Ladder`] (`picture.ladder`) has every STUN and TURN message. `ladder.lanes()` lists what one can filter by,
//!   `ladder.rows(lane)` gives rows by number without a walk (`len`, `get(row)`, `first_at(stamp)`), a row names its
//!   exchange (`ladder.exchange(number)`, `fate(now)`), and `ladder.describe(number, password)` decodes it when a person
//!   opens it. Copies share their rows: a snapshot costs a reference count.
//! - [`Marker`]s (`picture.markers`) are the moments to jump to, with `next_marker` and `previous_marker`.
//! - [`History`] keeps a record so that `picture_at(stamp)` is cheap at any place, from a file
//!   (`records.collect::<History>()`) as while a call still appends (`push`). `latest()` is the end, `span()` the slider.
//! - [`RelayView`](picture::RelayView)s (`picture.relays`) tell what each TURN server says; peers' packets inside the
//!   client's are folded into the pairs of the relayed base.

mod bounded;
mod candidates;
pub mod clocks;
mod credentials;
pub mod diagnosis;
pub mod directions;
mod events;
pub mod expectation;
pub mod forecast;
pub mod gaps;
pub mod headline;
mod hindsight;
mod history;
mod inspector;
pub mod ladder;
pub mod lint;
mod log;
mod markers;
pub mod nat;
mod pair_state;
mod pairs;
pub mod path_facts;
pub mod peer;
mod phases;
pub mod picture;
pub mod report;
pub mod rulings;
mod series;
pub mod side;
mod states;
mod transactions;
mod why;
mod words;

pub use diagnosis::{CodeBit, Confidence, Finding, diagnose, explain_code, failure_code};
pub use headline::{Headline, Tone, headline};
pub use history::History;
pub use inspector::Inspector;
pub use ladder::Ladder;
pub use lint::{LintFinding, Side};
pub use log::Log;
pub use markers::{Marker, MarkerKind};
pub use path_facts::{PacketStop, PathFacts, Relay, RelaySide, Standby, path_facts};
pub use picture::Picture;
pub use report::Report;
