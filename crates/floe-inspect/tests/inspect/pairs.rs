//! What packets say about pairs.

use std::time::Duration;

use floe_inspect::{
    Tone, headline,
    picture::{PairState, PhaseKind},
};
use floe_wire::{
    Candidate, CandidateType, GatheringState, Generation, IceConnectionState, IceRole, Note, Protocol, TcpType,
    stun::{TransactionId, binding_request, binding_success},
};

use crate::script::{ETH, GENERATION, Script, WLAN, addr, candidate, two_nat_call};

const REMOTE: &str = "203.0.113.9:4000";

#[test]
fn a_pair_waits_before_its_first_check() {
    let script = Script::checking();
    let pair = script.pair(REMOTE);
    assert_eq!((pair.state, pair.why.as_str()), (PairState::Waiting, "waiting: its turn has not come"));
    assert_eq!(pair.priority, 0, "the role is not known");
}

#[test]
fn the_same_transaction_is_a_retransmission_and_another_is_a_new_check() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.wait(500).sent(REMOTE, &request);
    script.wait(500).check(REMOTE);
    let pair = script.pair(REMOTE);
    assert_eq!((pair.requests_sent, pair.retransmissions_sent), (2, 1));
    assert_eq!(pair.state, PairState::InProgress);
}

#[test]
fn an_answer_to_a_retransmitted_request_counts_but_gives_no_round_trip() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.wait(500).sent(REMOTE, &request);
    script.wait(20).answered(REMOTE, &request, "192.168.1.2:5000");
    let pair = script.pair(REMOTE);
    assert_eq!((pair.state, pair.responses_received, pair.rtt), (PairState::Succeeded, 1, None));
    assert_eq!(pair.why, "answered; not chosen yet");
}

#[test]
fn a_repeated_answer_counts_once() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.answered(REMOTE, &request, "192.168.1.2:5000");
    script.answered(REMOTE, &request, "192.168.1.2:5000");
    assert_eq!(script.pair(REMOTE).responses_received, 1);
}

#[test]
fn one_way_checks_are_told_from_both_directions() {
    let mut script = Script::checking();
    for _ in 0..8 {
        script.wait(250).check(REMOTE);
    }
    assert_eq!(script.pair(REMOTE).why, "8 checks sent, 0 back; none of the peer's checks arrived either");
    for _ in 0..3 {
        script.peer_checks(REMOTE, false);
    }
    assert_eq!(
        script.pair(REMOTE).why,
        "8 checks sent, 0 back; 3 of the peer's checks arrived, so they reach you but you do not reach them"
    );
}

#[test]
fn the_first_second_of_silence_is_not_held_against_a_pair() {
    let mut script = Script::checking();
    script.check(REMOTE);
    script.wait(200);
    assert_eq!(script.pair(REMOTE).why, "1 check sent, no answer yet");
}

#[test]
fn an_answer_from_another_address_does_not_make_a_pair_valid() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.answered("203.0.113.9:4001", &request, "203.0.113.21:5000");
    let pair = script.pair(REMOTE);
    assert_eq!((pair.state, pair.responses_received), (PairState::InProgress, 0));
    assert!(pair.why.ends_with("1 answer came from another address than asked and cannot count"), "{}", pair.why);
    assert_eq!(script.picture().evidence.answers_from_elsewhere, 1);
}

#[test]
fn an_answer_without_integrity_does_not_make_a_pair_valid_and_a_later_proper_one_does() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    let forged = binding_success(&request, addr("192.168.1.2:5000"), None).unwrap();
    script.received(REMOTE, &forged);
    assert_eq!(script.pair(REMOTE).state, PairState::InProgress);
    script.answered(REMOTE, &request, "192.168.1.2:5000");
    assert_eq!(script.pair(REMOTE).state, PairState::Succeeded);
}

#[test]
fn a_role_conflict_is_checked_again_and_another_error_fails_the_pair() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.refused(REMOTE, &request, 487, "Role Conflict");
    let pair = script.pair(REMOTE);
    assert_eq!((pair.state, pair.last_error.clone()), (PairState::InProgress, Some((487, "Role Conflict".to_owned()))));
    assert_eq!(script.picture().evidence.role_conflicts, 1);

    let request = script.wait(50).check(REMOTE);
    script.refused(REMOTE, &request, 400, "Bad Request");
    let pair = script.pair(REMOTE);
    assert_eq!((pair.state, pair.why.as_str()), (PairState::Failed, "the peer answered with error 400 (Bad Request)"));
    script.wait(50).check(REMOTE);
    assert_eq!(script.pair(REMOTE).state, PairState::InProgress);
}

#[test]
fn requests_after_success_are_consent_requests() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.wait(20).answered(REMOTE, &request, "192.168.1.2:5000");
    script.wait(5_000).check(REMOTE);
    let pair = script.pair(REMOTE);
    assert_eq!((pair.requests_sent, pair.consent_requests_sent), (2, 1));
}

#[test]
fn a_nomination_counts_in_either_direction_and_only_once_it_is_answered() {
    let mut script = Script::checking();
    let request = script.peer_checks(REMOTE, true);
    assert!(!script.pair(REMOTE).nominated);
    script.answer(REMOTE, &request);
    assert!(script.pair(REMOTE).nominated);

    let mut script = Script::checking();
    let request = script.nominate(REMOTE);
    assert!(!script.pair(REMOTE).nominated);
    script.answered(REMOTE, &request, "192.168.1.2:5000");
    assert!(script.pair(REMOTE).nominated);
}

#[test]
fn a_check_from_an_untold_address_is_a_peer_reflexive_candidate_with_the_priority_of_the_request() {
    let mut script = Script::checking();
    script.peer_checks("203.0.113.9:4777", false);
    let pair = script.pair("203.0.113.9:4777");
    let found = script.picture().candidate(pair.remote_candidate.as_deref().unwrap()).unwrap();
    assert_eq!((found.id.as_str(), found.candidate.candidate_type), ("R2", CandidateType::PeerReflexive));
    assert_eq!(found.candidate.priority, 1_845_501_695);
    assert_eq!(pair.local_candidate.as_deref(), Some("L1"));
    assert_eq!(pair.why, "1 of the peer's checks arrived; ours has not left yet");
}

#[test]
fn a_peer_reflexive_candidate_becomes_the_signaled_one_with_its_address() {
    let mut script = Script::checking();
    script.note(Note::RoleDecided { role: IceRole::Controlled });
    let early = script.peer_checks("203.0.113.9:4777", false);
    script.answer("203.0.113.9:4777", &early);
    script.remote(candidate(CandidateType::Host, "203.0.113.9:4777"));
    assert_eq!(script.picture().remote_candidates.len(), 2);
    let merged = script.picture().candidate("R2").unwrap();
    assert_eq!(merged.candidate.candidate_type, CandidateType::Host);
    let pair = script.pair("203.0.113.9:4777");
    assert_eq!((pair.requests_received, pair.responses_sent), (1, 1));
    let best = &script.picture().pairs[0];
    assert_eq!(best.id, pair.id, "the host candidate's priority counts");
}

#[test]
fn checks_that_arrive_before_the_peers_code_are_kept_for_its_pairs() {
    let mut script = Script::with_base();
    script.peer_checks(REMOTE, false);
    script.local(ETH, candidate(CandidateType::Host, "192.168.1.2:5000"));
    script.remote(candidate(CandidateType::ServerReflexive, REMOTE));
    assert_eq!(script.picture().pairs.len(), 1);
    let pair = script.pair(REMOTE);
    assert_eq!((pair.requests_received, pair.local_candidate.as_deref()), (1, Some("L1")));
}

#[test]
fn an_answer_that_sees_us_elsewhere_reveals_a_reflexive_candidate_of_ours() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.answered(REMOTE, &request, "203.0.113.21:7000");
    let found = &script.picture().local_candidates[1];
    assert_eq!((found.candidate.candidate_type, found.base), (CandidateType::PeerReflexive, Some(ETH)));
    assert_eq!(found.candidate.address, addr("203.0.113.21:7000"));
}

#[test]
fn requests_to_stun_servers_and_from_strangers_are_no_pairs() {
    let mut script = Script::checking();
    script.server_sees("198.51.100.1:3478", "203.0.113.21:5000");
    script.received("198.51.100.66:99", &binding_request(TransactionId([9; 12])));
    script.peer_checks_as("older", "198.51.100.67:99", false);
    assert_eq!(script.picture().pairs.len(), 1);
    assert_eq!(script.picture().remote_candidates.len(), 1);
    assert_eq!(script.picture().evidence.checks_for_unknown_ufrag, 1);
}

#[test]
fn only_candidates_of_one_family_and_protocol_form_pairs() {
    let mut script = Script::checking();
    script.open_base(WLAN, "wlan0", "[2001:db8::2]:5000");
    script.local(WLAN, candidate(CandidateType::Host, "[2001:db8::2]:5000"));
    script.remote(candidate(CandidateType::Host, "[2001:db8::9]:5000"));
    let tcp = Candidate {
        protocol: Protocol::Tcp,
        tcp_type: Some(TcpType::Passive),
        ..candidate(CandidateType::Host, "203.0.113.9:80")
    };
    script.remote(tcp);
    let pairs: Vec<_> = script.picture().pairs.iter().map(|pair| (pair.id.base, pair.id.remote)).collect();
    assert_eq!(pairs, [(WLAN, addr("[2001:db8::9]:5000")), (ETH, addr(REMOTE))]);
}

#[test]
fn generations_are_told_apart_by_their_user_fragments() {
    let mut script = two_nat_call();
    let second = Generation(1);
    script.note(Note::LocalCredentials { generation: second, ufrag: "mine2".to_owned() });
    script.peer_checks_as("mine2", REMOTE, false);
    let generations: Vec<_> =
        script.picture().pairs.iter().map(|pair| (pair.id.generation, pair.requests_received)).collect();
    assert_eq!(generations, [(GENERATION, 0), (GENERATION, 1), (second, 1)]);
}

#[test]
fn a_better_pair_takes_over_and_the_other_becomes_standby() {
    let mut script = two_nat_call();
    let request = script.check("192.168.7.7:6000");
    script.wait(4).answered("192.168.7.7:6000", &request, "192.168.1.2:5000");
    assert_eq!(script.pair("192.168.7.7:6000").why, "answered in 4.0 ms; another pair selected");
    script.select("192.168.7.7:6000");
    assert_eq!(script.pair(REMOTE).why, "answered in 30 ms; better pair selected");
    assert!(!script.pair(REMOTE).selected && script.pair("192.168.7.7:6000").selected);
    assert_eq!(script.picture().selections.len(), 2);
    let facts = floe_inspect::path_facts(script.picture());
    assert_eq!(facts.standby.iter().map(|standby| standby.pair.remote).collect::<Vec<_>>(), [addr(REMOTE)]);
    assert_eq!((facts.local_nat, facts.remote_behind_nat), (None, Some(false)));
}

#[test]
fn round_trips_of_the_pair_in_use_are_plotted() {
    let mut script = two_nat_call();
    for ms in [20, 25] {
        let request = script.wait(5_000).check(REMOTE);
        script.wait(ms).answered(REMOTE, &request, "203.0.113.21:5000");
    }
    let plotted: Vec<_> = script.picture().series.rtt_ms.iter().map(|sample| sample.value).collect();
    assert_eq!(plotted, [20.0, 25.0]);
    assert_eq!(script.pair(REMOTE).rtt, Some(Duration::from_millis(25)));
}

#[test]
fn checking_counts_seconds_and_pairs_while_only_time_passes() {
    let mut script = Script::checking();
    script.check(REMOTE);
    script.wait(12_300).tick();
    let checks = script.picture().phases.iter().find(|phase| phase.kind == PhaseKind::Checks).unwrap();
    assert_eq!(checks.detail, "12 of 39 s; 1 pair left");
    let headline = headline(script.picture());
    assert_eq!((headline.text.as_str(), headline.tone), ("Still checking: 12 of 39 s, 1 pair left", Tone::Working));
}

#[test]
fn a_capture_without_notes_learns_generations_from_the_checks() {
    let mut script = Script::new();
    let request = script.check(REMOTE);
    script.wait(20).answered(REMOTE, &request, "203.0.113.21:5000");
    script.peer_checks(REMOTE, false);
    assert_eq!(script.picture().pairs.len(), 1);
    let pair = script.pair(REMOTE);
    assert_eq!((pair.state, pair.requests_received), (PairState::Succeeded, 1));
}

#[test]
fn the_headline_leads_from_the_start_to_the_first_check() {
    let says = |script: &Script| headline(script.picture()).text;
    let mut script = Script::new();
    assert_eq!(says(&script), "Not in a call");
    script.note(Note::GatheringChanged { generation: GENERATION, state: GatheringState::Gathering });
    assert_eq!(says(&script), "Gathering candidates");
    script.note(Note::CodeReady { characters: 99 });
    assert_eq!(says(&script), "Your code is ready: send it, and paste your friend's");
    script.note(Note::PeerCodeAccepted { created_s: 0, candidates: 1 });
    assert_eq!(says(&script), "Both codes are here; checking begins");
    script.ice(IceConnectionState::Checking).tick();
    assert_eq!(says(&script), "Still checking: 0 of 39 s, 0 pairs left");
}

#[test]
fn a_relayed_remote_candidate_is_shown_as_the_peers_relay() {
    let mut script = two_nat_call();
    script.remote(candidate(CandidateType::Relayed, "198.51.100.50:49152")).select("198.51.100.50:49152");
    let relay = floe_inspect::path_facts(script.picture()).relay.expect("a relay carries the audio");
    assert_eq!((relay.side, relay.server), (floe_inspect::RelaySide::Peers, None));
    assert_eq!(
        headline(script.picture()).text,
        "Through your friend's relay. It carries the audio and cannot hear it."
    );
}

#[test]
fn a_failed_ice_connection_fails_every_pair_that_never_answered() {
    let mut script = Script::checking();
    script.remote(candidate(CandidateType::Host, "192.168.7.7:6000"));
    script.check(REMOTE);
    script.wait(39_500).ice(IceConnectionState::Failed);
    assert!(script.picture().pairs.iter().all(|pair| pair.state == PairState::Failed));
    assert_eq!(script.pair("192.168.7.7:6000").why, "not checked before ICE failed");
}

#[test]
fn a_wait_for_a_better_pair_is_an_event_and_the_line_of_its_phase() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.wait(30).answered(REMOTE, &request, "203.0.113.1:5000");
    script.note(Note::NominationDelayed {
        generation: GENERATION,
        base: ETH,
        remote: addr(REMOTE),
        better_base: ETH,
        better_remote: addr("192.168.7.7:6000"),
        wait: Duration::from_millis(80),
    });
    script.tick();
    let phase = script.picture().phases.iter().find(|phase| phase.kind == PhaseKind::Nomination).unwrap();
    assert_eq!(phase.detail, format!("waiting 80 ms for a better path than {REMOTE}"));
    let last = script.picture().events.last().unwrap();
    assert!(last.text.contains("works; waiting 80 ms for a better path, eth0 → 192.168.7.7:6000"), "{}", last.text);
}

#[test]
fn a_pair_in_reserve_says_that_it_can_take_over() {
    let mut script = two_nat_call();
    let request = script.check("192.168.7.7:6000");
    script.wait(4).answered("192.168.7.7:6000", &request, "192.168.1.2:5000");
    let pairs = vec![(ETH, addr("192.168.7.7:6000"))];
    script.note(Note::StandbyChanged { generation: GENERATION, pairs });
    script.tick();
    let why = &script.pair("192.168.7.7:6000").why;
    assert!(why.ends_with("in reserve, can take over without a check"), "{why}");
    script.note(Note::StandbyChanged { generation: GENERATION, pairs: Vec::new() }).tick();
    assert!(!script.pair("192.168.7.7:6000").why.contains("reserve"));
}
