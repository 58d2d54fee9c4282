//! Rules that a record cannot be held to, because it does not hold what they are about.

use floe_wire::CandidateType;

use super::{
    LintRule, Side,
    candidates::{ADDRESS, UNIQUE},
    credentials::{PASSWORD_REUSED, PASSWORD_SHORT},
};
use crate::Picture;

/// A rule whose verdict is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownRule {
    /// Stable name of the rule.
    pub rule: &'static str,
    /// Whom it is not known of.
    pub about: Side,
    /// Why.
    pub reason: &'static str,
}

/// The rules that nothing can be said about once checks are under way, and why.
#[must_use]
pub fn unknown(picture: &Picture) -> Vec<UnknownRule> {
    let mut unknown = Vec::new();
    if picture.pairs.is_empty() {
        return unknown;
    }
    let mut add = |rules: [LintRule; 2], about, reason| {
        unknown.extend(rules.map(|rule| UnknownRule { rule: rule.name, about, reason }));
    };
    for (about, is_measured) in
        [(Side::Us, picture.are_passwords_measured[0]), (Side::Peer, picture.are_passwords_measured[1])]
    {
        if !is_measured {
            add([PASSWORD_SHORT, PASSWORD_REUSED], about, "passwords are not on the wire");
        }
    }
    let is_told = |view: &crate::picture::CandidateView| view.candidate.candidate_type != CandidateType::PeerReflexive;
    if !picture.remote_candidates.iter().any(is_told) {
        add([ADDRESS, UNIQUE], Side::Peer, "what the other side told of its candidates is not in the record");
    }
    unknown
}
