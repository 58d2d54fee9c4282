//! Why audio moved: at once where this side knows, and as the peer says where it chose.

use std::time::Duration;

use floe_inspect::{MarkerKind, Report, picture::Selection};
use floe_wire::{
    Note,
    note::AudioMeasure,
    peer::{MoveReason, RestartCause},
};

use crate::script::{ETH, GENERATION, Script, addr, two_nat_call};

const OTHER: &str = "198.51.100.7:5000";

fn moved(script: &mut Script, reason: MoveReason, is_guess: bool) {
    script.note(Note::Moved { generation: GENERATION, reason, is_guess });
    script.note(Note::PairSelected { generation: GENERATION, base: ETH, remote: addr(OTHER) });
}

fn says(script: &mut Script, reason: MoveReason) {
    script.note(Note::PeerMoved { generation: GENERATION, reason });
}

fn newest(script: &Script) -> Selection {
    *script.picture().selections.last().expect("a pair is selected")
}

fn causes(script: &Script) -> Vec<RestartCause> {
    script.picture().restarts.iter().map(|restart| restart.cause).collect()
}

fn mark(script: &Script) -> &str {
    let marks = script.picture().markers.iter();
    &marks.rev().find(|marker| marker.kind == MarkerKind::Selection).expect("a marker").text
}

#[test]
fn what_this_side_knows_is_said_at_once_and_nobody_s_word_changes_it() {
    for (reason, cause) in [
        (MoveReason::TookOver, Some(RestartCause::TookOver)),
        (MoveReason::Quality, Some(RestartCause::Quality)),
        (MoveReason::Wish, Some(RestartCause::Wish)),
        (MoveReason::Better, None),
    ] {
        let mut script = two_nat_call();
        moved(&mut script, reason, false);
        assert_eq!(mark(&script).ends_with(reason.name()), cause.is_some(), "{}", mark(&script));
        script.wait(100);
        says(&mut script, MoveReason::Quality);
        assert_eq!((newest(&script).reason, causes(&script)), (Some(reason), Vec::from_iter(cause)));
    }
}

#[test]
fn a_guess_is_corrected_when_the_peer_says_why() {
    let all = [MoveReason::Better, MoveReason::TookOver, MoveReason::Quality, MoveReason::Wish];
    for (guess, reason) in all.into_iter().flat_map(|guess| all.map(|reason| (guess, reason))) {
        let mut script = two_nat_call();
        moved(&mut script, guess, true);
        assert!(newest(&script).is_guess);
        script.wait(1900);
        says(&mut script, reason);
        let selection = newest(&script);
        assert_eq!((selection.reason, selection.is_guess), (Some(reason), false));
        assert_eq!(causes(&script), Vec::from_iter(reason.cause()), "{guess:?}, but {reason:?}");
        assert_eq!(mark(&script).ends_with(reason.name()), reason.cause().is_some(), "{}", mark(&script));
        let told = script.picture().events.iter().filter(|event| event.text.contains("says why audio moved"));
        assert_eq!(told.count(), usize::from(guess != reason));
        let report = Report::of(script.picture());
        assert_eq!(report.selected_pairs.last().and_then(|selection| selection.reason), Some(reason));
    }
}

#[test]
fn a_word_that_comes_before_the_move_counts_for_the_next_one_only() {
    let mut script = two_nat_call();
    says(&mut script, MoveReason::Quality);
    script.wait(300);
    moved(&mut script, MoveReason::TookOver, true);
    assert_eq!((newest(&script).reason, causes(&script)), (Some(MoveReason::Quality), vec![RestartCause::Quality]));

    says(&mut script, MoveReason::Wish);
    script.wait(10_000);
    script.note(Note::Moved { generation: GENERATION, reason: MoveReason::TookOver, is_guess: true });
    script.note(Note::PairSelected { generation: GENERATION, base: ETH, remote: addr("203.0.113.9:4000") });
    assert_eq!(newest(&script).reason, Some(MoveReason::TookOver), "it was about another one");
}

#[test]
fn a_peer_that_does_not_say_why_leaves_the_guess() {
    let mut script = two_nat_call();
    moved(&mut script, MoveReason::TookOver, true);
    script.wait(5100);
    says(&mut script, MoveReason::Quality);
    assert_eq!((newest(&script).reason, causes(&script)), (Some(MoveReason::TookOver), vec![RestartCause::TookOver]));
}

#[test]
fn a_move_that_is_corrected_is_measured_all_the_same() {
    let mut script = two_nat_call();
    let silence = |frames: u64| AudioMeasure { concealed_samples: frames * 960, ..AudioMeasure::default() };
    script.note(Note::AudioMeasured(silence(0)));
    moved(&mut script, MoveReason::TookOver, true);
    says(&mut script, MoveReason::Quality);
    let (lasted, made_up) = (Duration::from_millis(40), Duration::from_millis(40));
    script.wait(200).note(Note::AudioInterrupted { began: Duration::from_secs(1), lasted, made_up });
    for _ in 0..10 {
        script.wait(200).note(Note::AudioMeasured(silence(2)));
    }
    let [restart] = script.picture().restarts[..] else { panic!("{:?}", script.picture().restarts) };
    assert_eq!((restart.cause, restart.gap), (RestartCause::Quality, Some(made_up)));
}

#[test]
fn earlier_versions_records_show_their_take_overs() {
    let mut script = two_nat_call();
    script.note(Note::TookOver { generation: GENERATION });
    script.note(Note::PairSelected { generation: GENERATION, base: ETH, remote: addr(OTHER) });
    assert_eq!((newest(&script).reason, causes(&script)), (Some(MoveReason::TookOver), vec![RestartCause::TookOver]));
}
