//! ICE lint: where either side strays from the RFCs, with the section and the packet.
//!
//! A finding is about what the wire shows, so it holds for foreign captures as well. Arrival times bunch up on the way:
//! limits on the peer's pace are looser than those on ours.
//!
//! Deviations of our own that are on purpose, and that no rule reports:
//! - Nominations carry a number (NOMINATION), so a later one may move the call without a restart (RFC 8445 section 8.1.1;
//!   renomination as libwebrtc does it).
//! - A pair that has gone silent is asked more often than every 4 s (RFC 7675 section 5.1), because a cut link is to show
//!   within two seconds. The rule on consent looks at pairs that answer.
//! - Loopback addresses are candidates when a call stays within one computer (RFC 8445 section 5.1.1.1).
//!
//! While ICE restarts, one side's new user fragment may meet the other side's old one, whose candidates are there already:
//! browsers check such pairs. Nominations of these pairs are no second ones, and a fragment counts as kept only when it is
//! in use 10 s later.
//!
//! What a record cannot show is unknown and no absence of findings; [`unknown()`] names it. Passwords are never
//! recorded: their lengths and whether one came again are notes of a call, which a foreign capture lacks. Redundant
//! pairs leave from one base, so that two pairs show only in the PRIORITY of their checks. Frames are judged where they
//! are read, because records hold what is in them.

mod candidates;
mod checks;
mod credentials;
mod framing;
mod pairs;
mod path;
mod relays;
mod unknown;

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
};

use floe_wire::{BaseId, Stamp};
use serde::Serialize;

pub use self::unknown::{UnknownRule, unknown};
pub(crate) use self::{
    checks::{SeenAnswer, SeenRequest},
    path::SeenAudio,
    relays::SeenRelayed,
};

/// Whom a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// This side.
    Us,
    /// The other side, or a server on its behalf.
    Peer,
}

impl Side {
    /// The side that sends what goes out (or comes in).
    const fn sender(outbound: bool) -> Self {
        if outbound { Self::Us } else { Self::Peer }
    }

    const fn other(self) -> Self {
        match self {
            Self::Us => Self::Peer,
            Self::Peer => Self::Us,
        }
    }
}

/// One way in which one side strays from an RFC. Later occurrences only count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintFinding {
    /// Stable name of the rule: `pace`, `fingerprint-last`, ….
    pub rule: &'static str,
    /// Whom it is about.
    pub about: Side,
    /// The section that says otherwise.
    pub section: &'static str,
    /// What was seen first, in one sentence.
    pub text: String,
    /// When it was seen first.
    pub at: Stamp,
    /// Number of the record that shows it first, counted from zero.
    pub record: u64,
    /// How often it was seen.
    pub times: u64,
}

/// A rule: its name and the section it comes from.
#[derive(Debug, Clone, Copy)]
struct LintRule {
    name: &'static str,
    section: &'static str,
}

/// Every rule with the section it comes from.
pub fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = [
        candidates::RULES,
        checks::RULES,
        credentials::RULES,
        framing::RULES,
        pairs::RULES,
        path::RULES,
        relays::RULES,
    ];
    all.into_iter().flatten().map(|rule| (rule.name, rule.section))
}

/// Where in the record the inspector is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub at: Stamp,
    pub record: u64,
}

/// What the rules remember between packets; bounded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Linter {
    new_checks: BySide<VecDeque<Stamp>>,
    roles: BySide<Option<checks::Claim>>,
    fragments: BySide<credentials::Fragments>,
    consent: BySide<path::ConsentPace>,
    pairs: BySide<pairs::Pairs>,
    last_packet: BySide<Option<Stamp>>,
    in_use: path::InUse,
    permissions: BTreeMap<(BaseId, IpAddr), Stamp>,
    channels: BTreeMap<(BaseId, SocketAddr), Stamp>,
}

/// One thing per side.
#[derive(Debug, Clone, Default)]
struct BySide<T> {
    us: T,
    peer: T,
}

impl<T> BySide<T> {
    fn of(&mut self, side: Side) -> &mut T {
        match side {
            Side::Us => &mut self.us,
            Side::Peer => &mut self.peer,
        }
    }
}

/// Adds a finding, or counts it again.
fn report(findings: &mut Vec<LintFinding>, rule: LintRule, about: Side, place: Place, text: impl FnOnce() -> String) {
    match findings.iter_mut().find(|known| known.rule == rule.name && known.about == about) {
        Some(known) => known.times += 1,
        None => findings.push(LintFinding {
            rule: rule.name,
            about,
            section: rule.section,
            text: text(),
            at: place.at,
            record: place.record,
            times: 1,
        }),
    }
}
