//! Why a call does not connect: rules over the picture, each with its evidence and one advised action.
//!
//! A rule speaks only about what was seen. What a record cannot show (whether TCP works, what the peer's NAT does)
//! lowers the confidence and is never reported as its opposite.

mod rules;

use floe_wire::{IceConnectionState, note::EndReason};
use serde::Serialize;

use crate::{Picture, path_facts::last_working_state, picture::SecurityView};

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The evidence allows other causes.
    Possible,
    /// Other causes are rare.
    Likely,
    /// The evidence is the cause.
    Certain,
}

impl Confidence {
    /// The word people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// One rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule: `C02`, `C12`, ….
    pub id: &'static str,
    /// How sure it is.
    pub confidence: Confidence,
    /// What was seen, in one sentence.
    pub evidence: String,
    /// What to do, in one sentence.
    pub advice: String,
}

/// What a matching rule says; the table adds the id.
struct Verdict {
    confidence: Confidence,
    evidence: String,
    advice: String,
}

/// A row of the table: the rule's id, its bit in the failure code, and the rule.
struct Rule {
    id: &'static str,
    bit: u32,
    judge: fn(&Picture) -> Option<Verdict>,
}

/// The rules, the most telling one first. Bits never change their meaning: people compare codes of different versions.
const RULES: &[Rule] = &[
    Rule { id: "C04", bit: 1, judge: rules::no_interface },
    Rule { id: "C02", bit: 0, judge: rules::older_code },
    Rule { id: "C07", bit: 2, judge: rules::udp_blocked },
    Rule { id: "C18", bit: 9, judge: rules::no_common_family },
    Rule { id: "C11", bit: 5, judge: rules::needs_relay },
    Rule { id: "C12", bit: 6, judge: rules::one_way },
    Rule { id: "C13", bit: 7, judge: rules::nothing_received },
    Rule { id: "C10", bit: 4, judge: rules::symmetric_nat },
    Rule { id: "C15", bit: 8, judge: rules::double_nat },
    Rule { id: "C09", bit: 3, judge: rules::server_down },
    Rule { id: "C29", bit: 10, judge: rules::still_checking },
];

/// Lists the rules that match, the most telling one first.
#[must_use]
pub fn diagnose(picture: &Picture) -> Vec<Finding> {
    let findings = RULES.iter().filter_map(|rule| {
        let Verdict { confidence, evidence, advice } = (rule.judge)(picture)?;
        Some(Finding { id: rule.id, confidence, evidence, advice })
    });
    findings.collect()
}

/// The stable code of a failed call, `ICE-` and the evidence bits in hexadecimal; none while it runs or when it worked.
#[must_use]
pub fn failure_code(picture: &Picture) -> Option<String> {
    let is_over = picture.ended.is_some() || last_working_state(picture) == Some(IceConnectionState::Failed);
    (is_over && !is_connected(picture)).then(|| evidence_code(picture))
}

/// The evidence bits of whatever matches at the moment.
pub(crate) fn evidence_code(picture: &Picture) -> String {
    let matching = RULES.iter().filter(|rule| (rule.judge)(picture).is_some());
    let bits = matching.fold(0_u32, |bits, rule| bits | 1 << rule.bit);
    format!("ICE-{bits:04X}")
}

/// Whether the call connected: audio was secured on a selected pair, and ICE did not fail in the end.
pub(crate) fn is_connected(picture: &Picture) -> bool {
    !picture.selections.is_empty()
        && matches!(picture.security, SecurityView::Secured(_) | SecurityView::Seen { .. })
        && last_working_state(picture) != Some(IceConnectionState::Failed)
        && !matches!(picture.ended, Some(EndReason::Insecure { .. } | EndReason::NotConnected))
}
