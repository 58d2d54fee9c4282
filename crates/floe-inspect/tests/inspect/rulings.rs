//! Pairs that are forced, blocked or left for a better one.

use std::time::Duration;

use floe_inspect::{Report, headline, picture::Severity};
use floe_wire::{
    Note,
    verdict::{Complaint, Judge, Measured, PairRuling, PairVerdict},
};

use crate::script::{ETH, GENERATION, Script, addr, finding, ids, two_nat_call};

const REMOTE: &str = "203.0.113.9:4000";
const OTHER: &str = "198.51.100.7:5000";

fn ruling(remote: &str, verdict: PairVerdict, by: Judge) -> PairRuling {
    PairRuling { base: ETH, remote: addr(remote), verdict, by, measured: None, is_shared: true }
}

fn measured() -> Measured {
    Measured {
        complaint: Complaint::Loss,
        loss_percent: 31,
        rtt: Duration::from_millis(24),
        better_rtt: Duration::from_millis(45),
        distrust: Duration::from_secs(15),
    }
}

fn select(script: &mut Script, remote: &str) {
    script.note(Note::PairSelected { generation: GENERATION, base: ETH, remote: addr(remote) });
}

fn says(script: &Script, text: &str) -> bool {
    script.picture().events.iter().any(|event| event.text.contains(text))
}

/// A call whose audio left its pair because of loss.
fn left() -> Script {
    let mut script = two_nat_call();
    let ruling =
        PairRuling { measured: Some(measured()), ..ruling(REMOTE, PairVerdict::Distrusted, Judge::Measurement) };
    script.note(Note::PairJudged(ruling));
    let request = script.check(OTHER);
    script.wait(45);
    script.answered(OTHER, &request, "203.0.113.21:5000");
    select(&mut script, OTHER);
    script
}

#[test]
fn a_pair_that_was_left_says_why_and_so_does_the_selection() {
    let mut script = left();
    script.wait(1).tick();
    let why = &script.pair(REMOTE).why;
    assert!(why.starts_with("left at ") && why.contains("lost 31 % of the audio"), "{why}");
    let report = Report::of(script.picture());
    let selection = report.selected_pairs.last().expect("two selections");
    assert!(selection.why.as_deref().is_some_and(|why| why.contains("31 %")), "{selection:?}");
    assert!(report.candidate_pairs.iter().any(|pair| pair.verdict == Some("distrusted")));
    assert!(says(&script, "not used again for 15 s"));
    let text = headline(script.picture()).text;
    assert!(text.contains("Chosen because 203.0.113.9:4000 lost 31 % of the audio"), "{text}");
}

#[test]
fn c27_a_path_that_was_left_for_a_better_one_is_named_until_it_is_good_again() {
    let mut script = left();
    assert!(finding(&script, "C27").evidence.contains("31 %"));
    script.note(Note::PairJudged(ruling(REMOTE, PairVerdict::Released, Judge::Measurement)));
    assert!(!ids(&script).contains(&"C27"));
    assert!(says(&script, "is good again"));
}

#[test]
fn a_forced_pair_that_does_not_answer_is_named_and_so_is_its_return() {
    let mut script = two_nat_call();
    script.note(Note::PairJudged(ruling(REMOTE, PairVerdict::Forced, Judge::Here)));
    script.wait(1).tick();
    assert!(script.pair(REMOTE).why.starts_with("forced by you; "), "{}", script.pair(REMOTE).why);
    select(&mut script, OTHER);
    let warning = script.picture().events.iter().rev().find(|event| event.severity == Severity::Warning);
    assert!(warning.is_some_and(|event| event.text.contains("does not answer: another one is used")), "{warning:?}");
    select(&mut script, REMOTE);
    assert!(says(&script, "is in use"));
}

#[test]
fn one_pair_is_forced_at_a_time_and_a_release_is_the_end_of_a_decision() {
    let mut script = two_nat_call();
    script.note(Note::PairJudged(ruling(REMOTE, PairVerdict::Forced, Judge::Here)));
    script.note(Note::PairJudged(ruling(OTHER, PairVerdict::Forced, Judge::Peer)));
    let of = |script: &Script| script.picture().rulings.iter().map(|known| known.ruling.remote).collect::<Vec<_>>();
    assert_eq!(of(&script), [addr(OTHER)]);
    script.note(Note::PairJudged(ruling(REMOTE, PairVerdict::Blocked, Judge::Here)));
    assert_eq!(of(&script), [addr(OTHER), addr(REMOTE)]);
    script.note(Note::PairJudged(ruling(OTHER, PairVerdict::Released, Judge::Here)));
    script.note(Note::PairJudged(ruling(REMOTE, PairVerdict::Released, Judge::Here)));
    assert_eq!(of(&script), []);
}

#[test]
fn a_wish_that_the_other_side_does_not_know_says_so() {
    let mut script = two_nat_call();
    let unshared = PairRuling { is_shared: false, ..ruling(REMOTE, PairVerdict::Forced, Judge::Here) };
    script.note(Note::PairJudged(unshared));
    assert!(says(&script, "the other side could not be told"));
}

#[test]
fn c32_when_every_path_is_blocked_it_says_by_whom_and_what_to_do() {
    let mut script = left();
    let text = |script: &Script| headline(script.picture()).text;
    script.note(Note::PairJudged(ruling(REMOTE, PairVerdict::Blocked, Judge::Here)));
    assert!(!ids(&script).contains(&"C32"), "another path is left");
    for (by, who, advice) in
        [(Judge::Here, "you", "Release a pair"), (Judge::Peer, "you and the other side", "Release a pair")]
    {
        script.note(Note::PairJudged(ruling(OTHER, PairVerdict::Blocked, by)));
        assert_eq!(text(&script), format!("Every path is blocked by {who}"));
        assert_eq!(ids(&script).first(), Some(&"C32"));
        let finding = finding(&script, "C32");
        assert!(finding.evidence.contains(&format!("blocked by {who}")), "{}", finding.evidence);
        assert!(finding.advice.starts_with(advice), "{}", finding.advice);
    }
    script.note(Note::PairJudged(ruling(REMOTE, PairVerdict::Blocked, Judge::Peer)));
    assert_eq!(text(&script), "Every path is blocked by the other side");
    assert!(finding(&script, "C32").advice.starts_with("Ask the other side"), "what it blocked it has to release");
    // Silence is what follows, and not what is to be said.
    script.wait(20_000).ice(floe_wire::IceConnectionState::Disconnected);
    assert_eq!(text(&script), "Every path is blocked by the other side");
    script.ice(floe_wire::IceConnectionState::Failed);
    assert_eq!(text(&script), "Every path is blocked by the other side");
    script.note(Note::PairJudged(ruling(OTHER, PairVerdict::Released, Judge::Peer)));
    assert!(!ids(&script).contains(&"C32") && !text(&script).contains("blocked"), "{}", text(&script));
    script.note(Note::PairJudged(ruling(OTHER, PairVerdict::Blocked, Judge::Here)));
    script.note(Note::Ended { reason: floe_wire::note::EndReason::NotConnected });
    assert_eq!(text(&script), "Not connected: every path is blocked by you and the other side");
}

#[test]
fn a_blocked_pair_is_not_in_reserve() {
    let mut script = left();
    let pairs = vec![(ETH, addr(REMOTE))];
    script.note(Note::StandbyChanged { generation: GENERATION, pairs }).wait(1).tick();
    let standby = |script: &Script| floe_inspect::path_facts(script.picture()).standby.len();
    assert!(script.pair(REMOTE).why.contains("in reserve") && standby(&script) == 1, "{}", script.pair(REMOTE).why);
    script.note(Note::PairJudged(ruling(REMOTE, PairVerdict::Blocked, Judge::Here))).wait(1).tick();
    assert!(!script.pair(REMOTE).why.contains("in reserve"), "{}", script.pair(REMOTE).why);
    assert_eq!(standby(&script), 0);
}
