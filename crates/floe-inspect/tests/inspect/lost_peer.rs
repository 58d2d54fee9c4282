//! A peer that is killed in the middle of a call.

use floe_inspect::{PacketStop, Tone, failure_code, headline, path_facts, picture::PairState};
use floe_wire::{IceConnectionState, Note, note::EndReason};

use crate::script::{Script, two_nat_call};

const REMOTE: &str = "203.0.113.9:4000";

/// A consent request every 5 s and nothing back.
fn silence(script: &mut Script, requests: u64) {
    for _ in 0..requests {
        script.wait(5_000);
        script.check(REMOTE);
    }
}

#[test]
fn a_silent_pair_in_use_says_so_before_it_is_given_up() {
    let mut script = two_nat_call();
    silence(&mut script, 2);
    script.wait(2_000).tick();
    let pair = script.pair(REMOTE);
    assert_eq!(pair.state, PairState::Succeeded);
    assert_eq!(pair.why, "in use, but silent: 2 requests unanswered for 7 s");
}

#[test]
fn disconnected_is_a_warning_with_the_time_since_the_last_answer() {
    let mut script = two_nat_call();
    silence(&mut script, 2);
    script.ice(IceConnectionState::Disconnected);
    let headline = headline(script.picture());
    assert_eq!(headline.text, "No answer for 10 s; trying for 30 s");
    assert_eq!(headline.tone, Tone::Warning);
}

#[test]
fn consent_expires_after_thirty_seconds_without_any_record() {
    let mut script = two_nat_call();
    silence(&mut script, 1);
    script.wait(29_999).tick();
    assert_eq!(script.pair(REMOTE).state, PairState::Succeeded);
    script.wait(1).tick();
    let pair = script.pair(REMOTE);
    assert_eq!(pair.state, PairState::Failed);
    assert_eq!(pair.why, "stopped answering: 1 request unanswered for 30 s");
}

#[test]
fn an_answer_after_a_long_silence_revives_the_pair() {
    let mut script = two_nat_call();
    silence(&mut script, 7);
    let request = script.check(REMOTE);
    script.wait(31);
    assert_eq!(script.pair(REMOTE).state, PairState::Failed);
    script.answered(REMOTE, &request, "203.0.113.21:5000");
    assert_eq!(script.pair(REMOTE).state, PairState::Succeeded);
}

#[test]
fn the_end_names_the_path_that_died_and_time_stands_still_after_it() {
    let mut script = two_nat_call();
    silence(&mut script, 6);
    script.ice(IceConnectionState::Disconnected).ice(IceConnectionState::Failed);
    script.note(Note::Ended { reason: EndReason::NotConnected }).ice(IceConnectionState::Closed);
    let why = script.pair(REMOTE).why.clone();
    assert_eq!(why, "stopped answering: 6 requests unanswered for 25 s");
    script.wait(60_000).tick();
    assert_eq!(script.pair(REMOTE).why, why);
    assert_eq!(path_facts(script.picture()).stops, Some(PacketStop::PathDied));
    let headline = headline(script.picture());
    assert_eq!(headline.text, "Connection lost: the other side has not answered for 30 s");
    assert_eq!(headline.tone, Tone::Bad);
    assert_eq!(failure_code(script.picture()).as_deref(), Some("ICE-40000000"));
}
