//! Lint findings of a report.

use serde::Serialize;

use super::at_ms;
use crate::{
    LintFinding, Picture, Side,
    lint::{UnknownRule, unknown},
};

/// One way in which one side strays from an RFC.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LintReport {
    /// Stable name of the rule.
    pub rule: &'static str,
    /// `us` or `peer`.
    pub about: Side,
    /// The section that says otherwise.
    pub section: &'static str,
    /// What was seen first.
    pub finding: String,
    /// When it was seen first.
    pub at_ms: f64,
    /// Number of the record that shows it first, counted from zero.
    pub record: u64,
    /// How often it was seen.
    pub times: u64,
}

impl LintReport {
    pub(super) fn of(finding: &LintFinding) -> Self {
        Self {
            rule: finding.rule,
            about: finding.about,
            section: finding.section,
            finding: finding.text.clone(),
            at_ms: at_ms(finding.at),
            record: finding.record,
            times: finding.times,
        }
    }
}

/// A rule that the record cannot be held to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LintUnknownReport {
    /// Stable name of the rule.
    pub rule: &'static str,
    /// `us` or `peer`.
    pub about: Side,
    /// Why nothing can be said.
    pub reason: &'static str,
}

impl LintUnknownReport {
    pub(super) fn all(picture: &Picture) -> Vec<Self> {
        let of = |UnknownRule { rule, about, reason }| Self { rule, about, reason };
        unknown(picture).into_iter().map(of).collect()
    }
}
