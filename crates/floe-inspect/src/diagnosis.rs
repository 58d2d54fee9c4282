//! Why a call does not connect: rules over the picture, each with its evidence and one advised action.
//!
//! A rule speaks only about what was seen. What a record cannot show (whether TCP works, what the peer's NAT does)
//! lowers the confidence and is never reported as its opposite.

mod rules;

pub(crate) use self::rules::path::is_large;

use floe_wire::{IceConnectionState, note::EndReason};
use serde::Serialize;

use self::rules::{checks, nat, network, path};
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

/// A row of the table: the rule's id, its bit in the failure code, what the bit means, and the rule.
struct Rule {
    id: &'static str,
    bit: u32,
    meaning: &'static str,
    judge: fn(&Picture) -> Option<Verdict>,
}

const fn rule(id: &'static str, bit: u32, meaning: &'static str, judge: fn(&Picture) -> Option<Verdict>) -> Rule {
    Rule { id, bit, meaning, judge }
}

/// The rules, the most telling one first: what is certain and explains everything stands before what only hints.
///
/// Bits never change their meaning: people compare codes of different versions.
const RULES: &[Rule] = &[
    rule("C32", 31, "every path is blocked by a person", checks::all_blocked),
    rule("C04", 1, "no usable interface", network::no_interface),
    rule("C06", 14, "the system refuses every send", network::sends_denied),
    rule("C05", 13, "the local network is denied to the program", network::local_network_denied),
    rule("C08", 15, "a captive portal", network::captive_portal),
    rule("C01", 11, "a wrong text was pasted", checks::wrong_paste),
    rule("C02", 0, "the peer has an older code", checks::older_code),
    rule("C19", 19, "the mapping changed since the code was made", nat::mapping_moved),
    rule("C07", 2, "UDP is blocked", network::udp_blocked),
    rule("C18", 9, "no common address family", nat::no_common_family),
    rule("C17", 18, "multicast is blocked", network::multicast_blocked),
    rule("C20", 20, "a relay refuses", network::relay_refused),
    rule("C14", 16, "devices of one router are kept apart", nat::devices_isolated),
    rule("C11", 5, "endpoint-dependent mapping without a way around it", nat::needs_relay),
    rule("C21", 21, "answers from another address than asked", checks::asymmetric_answers),
    rule("C12", 6, "checks arrive, none of ours is answered", checks::one_way),
    rule("C13", 7, "nothing of the peer arrives", checks::nothing_received),
    rule("C16", 17, "a tunnel is in the way", network::tunnel_in_the_way),
    rule("C23", 23, "large packets do not pass", path::path_mtu),
    rule("C28", 28, "checks pass, media does not", path::only_stun_passes),
    rule("C22", 22, "the ends do not agree on a pair", path::nomination_lost),
    rule("C24", 24, "media goes one way", path::one_way_media),
    rule("C25", 25, "lost with a network change", path::network_changed),
    rule("C26", 26, "lost after an idle time", path::mapping_forgotten),
    rule("C31", 30, "the other side is gone", path::peer_gone),
    rule("C27", 27, "the relay is better than the direct path", path::relay_is_better),
    rule("C10", 4, "endpoint-dependent mapping", nat::symmetric_nat),
    rule("C15", 8, "carrier-grade or double NAT", nat::double_nat),
    rule("C03", 12, "both sides claimed one role", checks::role_conflict),
    rule("C09", 3, "one server is down", network::server_down),
    rule("C29", 10, "still checking", checks::still_checking),
    rule("C30", 29, "a fault of the program", checks::own_fault),
];

/// What one bit of a failure code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CodeBit {
    /// The rule that sets it.
    pub id: &'static str,
    /// What it means, in a few words.
    pub meaning: &'static str,
}

/// Decodes a failure code (`ICE-0080`): the rules that set its bits, the most telling one first. None when it is no
/// failure code, or has bits that this version does not know.
#[must_use]
pub fn explain_code(code: &str) -> Option<Vec<CodeBit>> {
    let digits =
        code.trim().strip_prefix("ICE-").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let bits = u32::from_str_radix(digits, 16).ok()?;
    let set = RULES.iter().filter(|rule| bits & (1 << rule.bit) != 0);
    let known = RULES.iter().fold(0_u32, |known, rule| known | 1 << rule.bit);
    let decoded = set.map(|rule| CodeBit { id: rule.id, meaning: rule.meaning }).collect();
    (bits & !known == 0).then_some(decoded)
}

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
        && matches!(picture.security, SecurityView::Secured(_) | SecurityView::Seen(_))
        && last_working_state(picture) != Some(IceConnectionState::Failed)
        && !matches!(picture.ended, Some(EndReason::Insecure { .. } | EndReason::NotConnected))
}
