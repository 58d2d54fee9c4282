//! Rules about user fragments and passwords: long enough, and new in each generation.
//!
//! Of passwords a record holds lengths, and whether one came twice. A foreign capture holds neither.

use std::time::Duration;

use floe_wire::{Generation, Stamp, stun::StunMessage};

use super::{LintFinding, LintRule, Linter, Place, Side, report};

const UFRAG_SHORT: LintRule = LintRule { name: "ufrag-short", section: "RFC 8445 section 5.3" };
const UFRAG_REUSED: LintRule = LintRule { name: "ufrag-reused", section: "RFC 8445 section 9" };
pub(super) const PASSWORD_SHORT: LintRule = LintRule { name: "password-short", section: "RFC 8445 section 5.3" };
pub(super) const PASSWORD_REUSED: LintRule = LintRule { name: "password-reused", section: "RFC 8445 section 9" };

/// All of them.
pub(super) const RULES: &[LintRule] = &[UFRAG_SHORT, UFRAG_REUSED, PASSWORD_SHORT, PASSWORD_REUSED];

/// 24 bits of randomness, six of which a character has.
const UFRAG_MIN: usize = 4;
/// 128 bits of randomness.
const PASSWORD_MIN: usize = 22;
const FRAGMENTS_KEPT: usize = 64;
/// A side that restarts meets the other one's old fragment until its new candidates are there, which trickle.
const RESTART_TAKES: Duration = Duration::from_secs(10);

/// The user fragments that one side went through.
#[derive(Debug, Clone, Default)]
pub(super) struct Fragments {
    /// In the order they were seen in checks.
    seen: Vec<String>,
    /// Since when the newest one meets a fragment of the other side that began later.
    behind_since: Option<Stamp>,
    /// As they were told, each with the generation that it was told for first.
    told: Vec<(String, Generation)>,
}

impl Fragments {
    /// Where a fragment stands in the order; none when there are too many.
    fn number(&mut self, fragment: &str) -> Option<usize> {
        let known = self.seen.iter().position(|seen| seen == fragment);
        if known.is_none() && self.seen.len() < FRAGMENTS_KEPT {
            self.seen.push(fragment.to_owned());
            return Some(self.seen.len() - 1);
        }
        known
    }

    /// The generation that a fragment was told for first.
    fn first_of(&mut self, fragment: &str, generation: Generation) -> Generation {
        if let Some((_, first)) = self.told.iter().find(|(told, _)| told == fragment) {
            return *first;
        }
        if self.told.len() < FRAGMENTS_KEPT {
            self.told.push((fragment.to_owned(), generation));
        }
        generation
    }
}

impl Linter {
    /// Judges the fragment that a side told for a generation.
    pub(crate) fn on_fragment(
        &mut self,
        findings: &mut Vec<LintFinding>,
        place: Place,
        side: Side,
        (generation, fragment): (Generation, &str),
    ) {
        check_length(findings, place, side, fragment);
        let first = self.fragments.of(side).first_of(fragment, generation);
        if first < generation {
            let text = || format!("generation {} has the user fragment of generation {} again", generation.0, first.0);
            report(findings, UFRAG_REUSED, side, place, text);
        }
    }

    /// Judges a password by its length, and by whether it came before.
    pub(crate) fn on_password(
        &mut self,
        findings: &mut Vec<LintFinding>,
        place: Place,
        side: Side,
        (characters, is_reused): (usize, bool),
    ) {
        if characters < PASSWORD_MIN {
            let text = || format!("the password has {characters} characters, not {PASSWORD_MIN}");
            report(findings, PASSWORD_SHORT, side, place, text);
        }
        if is_reused {
            let text = || "a generation has the password of an earlier one".to_owned();
            report(findings, PASSWORD_REUSED, side, place, text);
        }
    }

    /// Judges the fragments of a check.
    pub(super) fn check_fragment(
        &mut self,
        findings: &mut Vec<LintFinding>,
        place: Place,
        side: Side,
        message: &StunMessage,
    ) {
        let Some(fragment) = message.sender_ufrag() else { return };
        check_length(findings, place, side, fragment);
        let Some(receiver) = message.receiver_ufrag() else { return };
        let Some(number) = self.fragments.of(side).number(fragment) else { return };
        let Some(met) = self.fragments.of(side.other()).number(receiver) else { return };
        let fragments = self.fragments.of(side);
        if number + 1 < fragments.seen.len() {
            return;
        }
        if number >= met {
            fragments.behind_since = None;
            return;
        }
        let behind = place.at.since(*fragments.behind_since.get_or_insert(place.at));
        if behind >= RESTART_TAKES {
            let text = || format!("the user fragment is the old one {} s after ICE was restarted", behind.as_secs());
            report(findings, UFRAG_REUSED, side, place, text);
        }
    }
}

fn check_length(findings: &mut Vec<LintFinding>, place: Place, side: Side, fragment: &str) {
    let letters = fragment.chars().count();
    if letters < UFRAG_MIN {
        let text = || format!("the user fragment has {letters} characters, not {UFRAG_MIN}");
        report(findings, UFRAG_SHORT, side, place, text);
    }
}
