//! Rules about a path that worked: each on a record that shows its evidence, and on one that does not.

use std::time::Duration;

use floe_inspect::{Confidence, diagnose, picture::PairState};
use floe_wire::{
    CandidateType, IceConnectionState, Note,
    note::{AudioMeasure, EndReason, InterfaceAddress},
};

use crate::script::{ETH, GENERATION, Script, WLAN, addr, candidate, finding, ids, two_nat_call};

const REMOTE: &str = "203.0.113.9:4000";

/// Consent requests every 5 s and nothing back.
fn silence(script: &mut Script, requests: u64) {
    for _ in 0..requests {
        script.wait(5_000);
        script.check(REMOTE);
    }
}

fn media(script: &mut Script, count: u64) {
    for _ in 0..count {
        script.wait(20).sent(REMOTE, &[0x80, 111, 0, 1]);
        script.received(REMOTE, &[0x80, 111, 0, 1]);
    }
}

fn selected_without_keys() -> Script {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.wait(20).answered(REMOTE, &request, "192.168.1.2:5000");
    script.ice(IceConnectionState::Connected);
    script.select(REMOTE);
    script.note(Note::HandshakeStarted { client: true });
    script
}

#[test]
fn c22_a_nomination_that_is_never_answered_is_named() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.answered(REMOTE, &request, "192.168.1.2:5000");
    for _ in 0..5 {
        script.wait(100).nominate(REMOTE);
    }
    assert_eq!(diagnose(script.picture())[0].id, "C22");
    let mut healthy = two_nat_call();
    media(&mut healthy, 400);
    assert_eq!(ids(&healthy), [] as [&str; 0]);
}

#[test]
fn c22_media_from_another_pair_than_ours_means_that_the_ends_disagree() {
    let mut script = two_nat_call();
    let other = "192.168.7.7:6000";
    for _ in 0..400 {
        script.wait(20).received(other, &[0x80, 111, 0, 1]);
    }
    assert_eq!(
        finding(&script, "C22").evidence,
        "we send to 203.0.113.9:4000, their audio comes from 192.168.7.7:6000"
    );
}

#[test]
fn c23_large_handshake_packets_that_repeat_mean_a_path_mtu() {
    let mut script = selected_without_keys();
    for _ in 0..4 {
        script.wait(1_500).sent(REMOTE, &[22; 1_200]);
        script.received(REMOTE, &[22; 80]);
    }
    assert_eq!(ids(&script), ["C23"]);
    let mut small = selected_without_keys();
    for _ in 0..4 {
        small.wait(1_500).sent(REMOTE, &[22; 300]);
        small.received(REMOTE, &[22; 80]);
    }
    assert_eq!(ids(&small), [] as [&str; 0]);
}

#[test]
fn c28_a_handshake_without_any_answer_beside_checks_that_pass() {
    let mut script = selected_without_keys();
    for _ in 0..4 {
        script.wait(1_500).sent(REMOTE, &[22; 300]);
        let request = script.check(REMOTE);
        script.answered(REMOTE, &request, "192.168.1.2:5000");
    }
    assert_eq!(ids(&script), ["C28"]);
}

#[test]
fn c28_keys_without_any_media_beside_checks_that_pass() {
    let mut script = selected_without_keys();
    script.secure();
    script.wait(6_000).note(Note::AudioMeasured(AudioMeasure { packets_sent: 300, ..AudioMeasure::default() }));
    let request = script.check(REMOTE);
    script.answered(REMOTE, &request, "192.168.1.2:5000");
    assert_eq!(ids(&script), ["C28"]);
    script.received(REMOTE, &[0x80, 111, 0, 1]);
    assert_eq!(ids(&script), [] as [&str; 0]);
}

#[test]
fn c24_says_whose_audio_is_missing() {
    let measure = |packets_received, lost| AudioMeasure {
        packets_sent: 300,
        packets_received,
        remote_fraction_lost: Some(lost),
        ..AudioMeasure::default()
    };
    let mut script = two_nat_call();
    script.wait(6_000).note(Note::AudioMeasured(measure(300, 1.0)));
    assert_eq!(finding(&script, "C24").evidence, "their audio arrives, ours does not");
    script.note(Note::AudioMeasured(measure(0, 0.0)));
    assert_eq!(finding(&script, "C24").evidence, "our audio arrives, theirs does not");
    script.note(Note::AudioMeasured(measure(300, 0.1)));
    assert_eq!(ids(&script), [] as [&str; 0]);
}

#[test]
fn c25_a_loss_beside_an_interface_event_is_a_network_change() {
    let mut script = two_nat_call();
    media(&mut script, 100);
    let vanished = vec![InterfaceAddress { interface: "eth0".to_owned(), ip: addr("192.168.1.2:5000").ip() }];
    script.wait(500).note(Note::NetworkChanged { appeared: Vec::new(), vanished });
    script.wait(1_000).check(REMOTE);
    script.wait(1_000).ice(IceConnectionState::Disconnected);
    assert_eq!(ids(&script), ["C25"]);
    assert_eq!(finding(&script, "C25").confidence, Confidence::Likely);
    script.open_base(WLAN, "wlan0", "10.0.0.2:5000");
    script.wait(400).note(Note::PairSelected { generation: GENERATION, base: WLAN, remote: addr(REMOTE) });
    assert_eq!(finding(&script, "C25").confidence, Confidence::Likely, "a move to what does not answer is none");
    script.ice(IceConnectionState::Connected);
    let found = finding(&script, "C25");
    assert_eq!(found.confidence, Confidence::Certain);
    assert!(found.evidence.contains("moved to 203.0.113.9:4000 in"), "{}", found.evidence);
    assert_eq!(found.advice, "Nothing has to be done: the call goes on over the new path.");
    script.note(Note::Ended { reason: EndReason::HungUp });
    assert_eq!(finding(&script, "C25").advice, "Nothing had to be done: the call went on over the new path.");
}

#[test]
fn c25_names_the_change_that_took_the_path_and_not_the_one_after_it() {
    let mut script = two_nat_call();
    script.open_base(WLAN, "wlan0", "10.0.0.2:5000");
    media(&mut script, 100);
    let eth = || vec![InterfaceAddress { interface: "eth0".to_owned(), ip: addr("192.168.1.2:5000").ip() }];
    script.wait(500).note(Note::NetworkChanged { appeared: Vec::new(), vanished: eth() });
    script.note(Note::BaseClosed { base: ETH });
    script.wait(20).note(Note::PairSelected { generation: GENERATION, base: WLAN, remote: addr(REMOTE) });
    script.wait(1_500).note(Note::NetworkChanged { appeared: eth(), vanished: Vec::new() });
    let found = finding(&script, "C25");
    assert!(found.evidence.contains("went away") && found.evidence.contains("in 20 ms"), "{}", found.evidence);
}

#[test]
fn a_pair_is_failed_once_its_base_is_closed_mid_call_and_not_by_hanging_up() {
    let mut script = two_nat_call();
    script.note(Note::BaseClosed { base: ETH });
    let pair = script.pair(REMOTE);
    assert_eq!(pair.state, PairState::Failed);
    assert!(pair.why.ends_with("until its base was closed"), "{}", pair.why);

    let mut script = two_nat_call();
    script.ice(IceConnectionState::Closed);
    script.note(Note::BaseClosed { base: ETH }).note(Note::Ended { reason: EndReason::HungUp });
    assert_eq!(script.pair(REMOTE).state, PairState::Succeeded);
}

#[test]
fn c26_a_silence_after_an_idle_time_is_a_forgotten_mapping() {
    let mut script = two_nat_call();
    media(&mut script, 10);
    script.wait(60_000).check(REMOTE);
    silence(&mut script, 2);
    script.ice(IceConnectionState::Disconnected);
    assert_eq!(ids(&script), ["C26"]);
    assert!(finding(&script, "C26").evidence.contains("for 60 s"));
}

#[test]
fn c26_is_told_after_a_sleep_although_audio_left_before_the_first_request() {
    let mut script = two_nat_call();
    media(&mut script, 10);
    script.wait(60_000).note(Note::Resumed { asleep: Duration::from_secs(60) });
    script.sent(REMOTE, &[0x80, 111, 0, 1]);
    script.wait(20).check(REMOTE);
    silence(&mut script, 2);
    script.ice(IceConnectionState::Disconnected);
    assert_eq!(ids(&script), ["C26"]);
}

#[test]
fn c31_a_peer_that_stops_all_at_once_is_gone() {
    let mut script = two_nat_call();
    media(&mut script, 100);
    silence(&mut script, 2);
    script.ice(IceConnectionState::Disconnected);
    assert_eq!(ids(&script), ["C31"]);
    assert_eq!(finding(&script, "C31").confidence, Confidence::Likely);
    script.ice(IceConnectionState::Failed).note(Note::Ended { reason: EndReason::NotConnected });
    assert_eq!(ids(&script), ["C31"]);
    let mut hung_up = two_nat_call();
    silence(&mut hung_up, 1);
    hung_up.note(Note::Ended { reason: EndReason::HungUp });
    assert_eq!(ids(&hung_up), [] as [&str; 0]);
}

#[test]
fn c27_a_relay_that_is_three_times_as_fast_should_be_used() {
    let relay = "198.51.100.1:50000";
    let mut script = two_nat_call();
    script.remote(candidate(CandidateType::Relayed, relay));
    for (remote, ms) in [(REMOTE, 400), (relay, 50)] {
        let request = script.wait(1_000).check(remote);
        script.wait(ms).answered(remote, &request, "203.0.113.21:5000");
    }
    assert_eq!(ids(&script), ["C27"]);
    let request = script.check(REMOTE);
    script.wait(60).answered(REMOTE, &request, "203.0.113.21:5000");
    assert_eq!(ids(&script), [] as [&str; 0]);
    assert_eq!(script.pair(REMOTE).rtt, Some(Duration::from_millis(60)));
}
