//! Rules about single messages: their attributes, their pace, their roles, and where answers come from.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use floe_wire::{BaseId, Generation, Stamp, stun::StunMessage};

use super::{LintFinding, LintRule, Linter, Place, Side, report};

const PACE: LintRule = LintRule { name: "pace", section: "RFC 8445 section 14.2" };
const RTO: LintRule = LintRule { name: "rto", section: "RFC 8445 section 14.3" };
const TRANSMISSIONS: LintRule = LintRule { name: "transmissions", section: "RFC 8489 section 6.2.1" };
const INTEGRITY: LintRule = LintRule { name: "message-integrity", section: "RFC 8445 section 7.1" };
const FINGERPRINT_LAST: LintRule = LintRule { name: "fingerprint-last", section: "RFC 8489 section 14.7" };
const PRIORITY: LintRule = LintRule { name: "priority-missing", section: "RFC 8445 section 7.1.1" };
const ROLE_MISSING: LintRule = LintRule { name: "role-missing", section: "RFC 8445 section 7.1.3" };
const CONTROLLED_NOMINATES: LintRule = LintRule { name: "controlled-nominates", section: "RFC 8445 section 7.1.2" };
const ROLE_CONFLICT: LintRule = LintRule { name: "role-conflict-ignored", section: "RFC 8445 section 7.3.1.1" };
const SOURCE: LintRule = LintRule { name: "answer-from-elsewhere", section: "RFC 8445 section 7.2.5.2.1" };

/// All of them.
pub(super) const RULES: &[LintRule] = &[
    PACE,
    RTO,
    TRANSMISSIONS,
    INTEGRITY,
    FINGERPRINT_LAST,
    PRIORITY,
    ROLE_MISSING,
    CONTROLLED_NOMINATES,
    ROLE_CONFLICT,
    SOURCE,
];

/// Checks in [`PACE_WINDOW`] that Ta of 5 ms allows, with room for two that answer a trigger or nominate.
const OUR_PACE: usize = 13;
/// Packets arrive in bunches: twice that.
const THEIR_PACE: usize = 26;
const PACE_WINDOW: Duration = Duration::from_millis(50);

/// RTO is never below 500 ms; clocks of two machines and schedulers blur that a little.
const RTO_MIN: Duration = Duration::from_millis(400);
/// Rc of RFC 8489.
const TRANSMISSIONS_MAX: u32 = 7;

/// The role a side last claimed, with its tie-breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    controlling: bool,
    tie_breaker: u64,
}

impl Claim {
    fn of(message: &StunMessage) -> Option<Self> {
        match (message.controlling, message.controlled) {
            (Some(tie_breaker), None) => Some(Self { controlling: true, tie_breaker }),
            (None, Some(tie_breaker)) => Some(Self { controlling: false, tie_breaker }),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

/// A request that belongs to a pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenRequest<'a> {
    pub outbound: bool,
    pub message: &'a StunMessage,
    pub base: BaseId,
    pub remote: SocketAddr,
    pub generation: Generation,
    /// When it was sent before and how often, this time included.
    pub sent_before: Option<(Stamp, u32)>,
    /// Whether the pair had been answered before: then it is no check any more.
    pub is_valid: bool,
}

/// An answer to a request that belongs to a pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenAnswer<'a> {
    pub outbound: bool,
    pub message: &'a StunMessage,
    pub remote: SocketAddr,
    /// The address that was asked.
    pub asked: SocketAddr,
    pub from_elsewhere: bool,
}

impl Linter {
    /// Judges a request.
    pub(crate) fn on_request(&mut self, findings: &mut Vec<LintFinding>, place: Place, seen: &SeenRequest<'_>) {
        let side = Side::sender(seen.outbound);
        check_attributes(findings, place, side, seen.message, true);
        match seen.sent_before {
            Some(before) => check_retransmission(findings, place, side, before),
            None => self.check_pace(findings, place, side, seen),
        }
        self.check_fragment(findings, place, side, seen.message);
        self.check_pair(findings, place, side, seen);
        *self.roles.of(side) = Claim::of(seen.message).or(*self.roles.of(side));
    }

    fn check_pace(&mut self, findings: &mut Vec<LintFinding>, place: Place, side: Side, seen: &SeenRequest<'_>) {
        if seen.is_valid {
            return;
        }
        let limit = match side {
            Side::Us => OUR_PACE,
            Side::Peer => THEIR_PACE,
        };
        let window = self.new_checks.of(side);
        push_recent(window, place.at, limit + 1);
        let count = window.len();
        if count > limit {
            report(findings, PACE, side, place, || format!("{count} new checks within 50 ms; Ta is at least 5 ms"));
        }
    }

    /// Judges an answer.
    pub(crate) fn on_answer(&mut self, findings: &mut Vec<LintFinding>, place: Place, seen: &SeenAnswer<'_>) {
        let side = Side::sender(seen.outbound);
        if seen.from_elsewhere {
            let text = || format!("{} was asked, {} answered", seen.asked, seen.remote);
            return report(findings, SOURCE, side, place, text);
        }
        if seen.message.error.is_some() {
            return;
        }
        check_attributes(findings, place, side, seen.message, false);
        self.check_conflict(findings, place, side);
    }

    /// Whoever is asked in its own role and holds the larger tie-breaker (the smaller one, when both are controlled)
    /// answers 487 and not well.
    fn check_conflict(&mut self, findings: &mut Vec<LintFinding>, place: Place, side: Side) {
        let (Some(us), Some(peer)) = (self.roles.us, self.roles.peer) else { return };
        let (answering, asking) = match side {
            Side::Us => (us, peer),
            Side::Peer => (peer, us),
        };
        let is_larger = answering.tie_breaker >= asking.tie_breaker;
        if us.controlling == peer.controlling && is_larger == answering.controlling {
            let text = || "both claim one role, and the check was answered without 487".to_owned();
            report(findings, ROLE_CONFLICT, side, place, text);
        }
    }

    /// Forgets the roles: they were decided anew.
    pub(crate) fn on_role_decided(&mut self) {
        self.roles = super::BySide::default();
    }
}

fn push_recent(window: &mut VecDeque<Stamp>, at: Stamp, cap: usize) {
    while window.front().is_some_and(|first| at.since(*first) >= PACE_WINDOW) || window.len() >= cap {
        window.pop_front();
    }
    window.push_back(at);
}

fn check_retransmission(findings: &mut Vec<LintFinding>, place: Place, side: Side, before: (Stamp, u32)) {
    let (last, transmissions) = before;
    let gap = place.at.since(last);
    if gap < RTO_MIN {
        report(findings, RTO, side, place, || {
            format!("sent again after {} ms; RTO is at least 500 ms", gap.as_millis())
        });
    }
    if transmissions > TRANSMISSIONS_MAX {
        report(findings, TRANSMISSIONS, side, place, || format!("sent {transmissions} times; 7 are the most"));
    }
}

fn check_attributes(
    findings: &mut Vec<LintFinding>,
    place: Place,
    side: Side,
    message: &StunMessage,
    is_request: bool,
) {
    let what = if is_request { "a check" } else { "an answer" };
    if !message.has_integrity {
        report(findings, INTEGRITY, side, place, || format!("{what} without MESSAGE-INTEGRITY"));
    }
    let is_last = message.attributes.last() == Some(&0x8028);
    let mut rest = message.attributes.iter().rev().skip(1);
    // MESSAGE-INTEGRITY-SHA256 may stand between the two (RFC 8489 section 14.6).
    let is_before = matches!(rest.next(), Some(0x0008 | 0x001C)) || !message.has_integrity;
    if !(is_last && is_before) {
        let text = || format!("{what} does not end with MESSAGE-INTEGRITY and FINGERPRINT");
        report(findings, FINGERPRINT_LAST, side, place, text);
    }
    if !is_request {
        return;
    }
    if message.priority.is_none() {
        report(findings, PRIORITY, side, place, || "a check without PRIORITY".to_owned());
    }
    if message.controlling.is_some() == message.controlled.is_some() {
        report(findings, ROLE_MISSING, side, place, || "a check that claims no role, or both".to_owned());
    }
    if message.use_candidate && message.controlled.is_some() {
        report(findings, CONTROLLED_NOMINATES, side, place, || "the controlled side nominates".to_owned());
    }
}
