//! Each lint rule on a record that breaks it, and none on a healthy call.

use floe_inspect::{LintFinding, Side};
use floe_wire::{
    CandidateType, Direction, GatheringState, Generation, IceConnectionState, Note,
    demux::STUN_MAGIC_COOKIE,
    note::FramingFault,
    stun::{Check, TransactionId, binding_success},
};

use crate::script::{
    ETH, GENERATION, PASSWORD, Script, TURN_CLIENT, TURN_SERVER, candidate, turn_message, two_nat_call, xor,
};

const REMOTE: &str = "203.0.113.9:4000";

fn rules(script: &Script) -> Vec<(&'static str, Side)> {
    script.picture().lint.iter().map(|finding| (finding.rule, finding.about)).collect()
}

fn only(script: &Script) -> &LintFinding {
    let [finding] = &script.picture().lint[..] else { panic!("{:?}", script.picture().lint) };
    finding
}

fn check(transaction: u8) -> Check<'static> {
    Check {
        transaction: TransactionId([transaction; 12]),
        remote_ufrag: "peer",
        local_ufrag: "mine",
        remote_password: PASSWORD,
        priority: 1,
        controlling: true,
        tie_breaker: 7,
        nomination: None,
    }
}

/// A request of the attributes alone, as a careless agent sends it.
fn bare(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend_from_slice(&kind.to_be_bytes());
        body.extend_from_slice(&(value.len() as u16).to_be_bytes());
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    [&[0, 1][..], &(body.len() as u16).to_be_bytes(), &STUN_MAGIC_COOKIE, &[9; 12], &body].concat()
}

#[test]
fn a_healthy_call_has_no_finding() {
    let mut script = two_nat_call();
    for _ in 0..40 {
        let request = script.wait(5_000).check(REMOTE);
        script.wait(30).answered(REMOTE, &request, "203.0.113.21:5000");
        let theirs = script.peer_checks(REMOTE, false);
        script.answer(REMOTE, &theirs);
    }
    assert_eq!(script.picture().lint, []);
}

#[test]
fn a_burst_of_checks_is_too_fast_and_the_peer_gets_the_benefit_of_the_doubt() {
    let mut script = Script::checking();
    for _ in 0..14 {
        script.wait(1).check(REMOTE);
        script.peer_checks(REMOTE, false);
    }
    let finding = only(&script);
    assert_eq!((finding.rule, finding.about, finding.section), ("pace", Side::Us, "RFC 8445 section 14.2"));
    let mut calm = Script::checking();
    for _ in 0..100 {
        calm.wait(5).check(REMOTE);
    }
    assert_eq!(calm.picture().lint, []);
}

#[test]
fn retransmissions_wait_for_the_rto_and_end_after_seven() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    for _ in 0..6 {
        script.wait(500).sent(REMOTE, &request);
    }
    assert_eq!(script.picture().lint, []);
    script.wait(500).sent(REMOTE, &request);
    assert_eq!(rules(&script), [("transmissions", Side::Us)]);
    script.wait(100).sent(REMOTE, &request);
    assert_eq!(rules(&script), [("transmissions", Side::Us), ("rto", Side::Us)]);
    assert_eq!(script.picture().lint[0].times, 2);
}

#[test]
fn a_finding_points_at_its_record() {
    let mut script = Script::checking();
    let before = script.records.len() as u64;
    script.wait(70).received(REMOTE, &bare(&[(0x0006, b"mine:peer"), (0x0024, &[0; 4]), (0x802A, &[0; 8])]));
    let found: Vec<_> = script.picture().lint.iter().map(|finding| (finding.rule, finding.record)).collect();
    assert_eq!(found, [("message-integrity", before), ("fingerprint-last", before)]);
    assert_eq!(script.picture().lint[0].at.0.as_millis(), 70);
}

#[test]
fn checks_need_priority_and_one_role() {
    let mut script = Script::checking();
    script.received(REMOTE, &bare(&[(0x0006, b"mine:peer")]));
    let names: Vec<_> = rules(&script).iter().map(|(rule, _)| *rule).collect();
    assert_eq!(names, ["message-integrity", "fingerprint-last", "priority-missing", "role-missing"]);
}

#[test]
fn only_the_controlling_side_nominates() {
    let mut script = Script::checking();
    script.sent(REMOTE, &Check { controlling: false, nomination: Some(1), ..check(1) }.encode());
    assert_eq!(rules(&script), [("controlled-nominates", Side::Us)]);
}

#[test]
fn a_role_conflict_is_answered_with_487_by_the_larger_tie_breaker() {
    let conflict = |their_tie_breaker| {
        let mut script = Script::checking();
        script.sent(REMOTE, &check(1).encode());
        let (remote_ufrag, local_ufrag) = ("mine", "peer");
        let theirs = Check { remote_ufrag, local_ufrag, tie_breaker: their_tie_breaker, ..check(2) }.encode();
        script.received(REMOTE, &theirs);
        script.answer(REMOTE, &theirs);
        rules(&script)
    };
    assert_eq!(conflict(3), [("role-conflict-ignored", Side::Us)]);
    assert_eq!(conflict(9), [], "we had to switch, and an answer is right");
}

#[test]
fn fragments_have_four_characters_and_are_new_in_each_generation() {
    let mut script = Script::checking();
    script
        .received(REMOTE, &Check { remote_ufrag: "mine", local_ufrag: "abc", controlling: false, ..check(1) }.encode());
    assert_eq!(rules(&script), [("ufrag-short", Side::Peer)]);
    let mut again = Script::checking();
    again.peer_checks(REMOTE, false);
    again.note(Note::LocalCredentials { generation: Generation(1), ufrag: "mine2".to_owned() });
    again.peer_checks_as("mine2", REMOTE, false);
    assert_eq!(rules(&again), [], "its new candidates may be on their way");
    again.wait(10_000).peer_checks_as("mine2", REMOTE, false);
    assert_eq!(rules(&again), [("ufrag-reused", Side::Peer)]);
}

#[test]
fn a_generation_has_a_fragment_of_its_own() {
    let restart = |ufrag: &str| {
        let mut script = Script::checking();
        script.note(Note::LocalCredentials { generation: Generation(1), ufrag: ufrag.to_owned() });
        script.note(Note::RemoteCredentials { generation: Generation(1), ufrag: "peer1".to_owned() });
        rules(&script)
    };
    assert_eq!(restart("mine1"), []);
    assert_eq!(restart("mine"), [("ufrag-reused", Side::Us)]);
    assert_eq!(restart("abc"), [("ufrag-short", Side::Us)]);
}

#[test]
fn passwords_have_22_characters_and_are_new_in_each_generation() {
    let measured = |is_ours, characters, is_reused| {
        let mut script = Script::checking();
        script.note(Note::PasswordMeasured { generation: GENERATION, is_ours, characters, is_reused });
        rules(&script)
    };
    assert_eq!(measured(true, 22, false), []);
    assert_eq!(measured(true, 21, false), [("password-short", Side::Us)]);
    assert_eq!(measured(false, 24, true), [("password-reused", Side::Peer)]);
}

#[test]
fn what_a_record_does_not_hold_is_unknown_and_not_fine() {
    let mut script = Script::checking();
    script.check(REMOTE);
    let names = |script: &Script| -> Vec<_> {
        let unknown = floe_inspect::lint::unknown(script.picture()).into_iter();
        unknown.map(|unknown| (unknown.rule, unknown.about)).collect()
    };
    let passwords = |side| [("password-short", side), ("password-reused", side)];
    assert_eq!(names(&script), [passwords(Side::Us), passwords(Side::Peer)].concat());
    for is_ours in [true, false] {
        script.note(Note::PasswordMeasured { generation: GENERATION, is_ours, characters: 24, is_reused: false });
    }
    assert_eq!(names(&script), []);
    // As a foreign capture shows it: the peer's candidates are where its checks come from.
    let mut foreign = Script::with_base();
    foreign.remote(candidate(CandidateType::PeerReflexive, REMOTE));
    foreign.check(REMOTE);
    assert_eq!(names(&foreign)[4..], [("host-address", Side::Peer), ("priority-unique", Side::Peer)]);
}

#[test]
fn a_redundant_pair_is_pruned() {
    let mut script = Script::checking();
    let mut priority_of = |transaction, priority| {
        script.wait(50).sent(REMOTE, &Check { priority, ..check(transaction) }.encode());
        rules(&script)
    };
    assert_eq!(priority_of(1, 100), []);
    assert_eq!(priority_of(2, 90), [], "a change of mind");
    assert_eq!(priority_of(3, 90), []);
    assert_eq!(priority_of(4, 100), [("redundant-pair", Side::Us)]);
    assert_eq!(
        only(&script).text,
        "203.0.113.9:4000 is checked from one address with the priorities 100 and 90 by turns"
    );
}

#[test]
fn frames_on_a_connection_fit_their_lengths() {
    let broken = |direction, fault| {
        let mut script = Script::checking();
        let remote = REMOTE.parse().expect("an address");
        script.note(Note::FramingBroken { base: ETH, remote, direction, fault });
        let mut events = script.picture().events.iter().map(|event| event.text.clone());
        assert!(events.next_back().is_some_and(|text| text.contains("is badly framed")));
        rules(&script)
    };
    assert_eq!(broken(Direction::Inbound, FramingFault::OutOfStep), [("framing", Side::Peer)]);
    assert_eq!(broken(Direction::Outbound, FramingFault::CutShort), [("framing", Side::Us)]);
}

#[test]
fn answers_come_from_where_was_asked() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.answered("203.0.113.9:4999", &request, "192.168.1.2:5000");
    assert_eq!(rules(&script), [("answer-from-elsewhere", Side::Peer)]);
    assert_eq!(only(&script).text, "203.0.113.9:4000 was asked, 203.0.113.9:4999 answered");
}

#[test]
fn loopback_and_deprecated_addresses_are_no_candidates() {
    let mut script = Script::checking();
    for (n, address) in ["[fec0::1]:1", "[::ffff:192.0.2.1]:1", "127.0.0.1:1"].into_iter().enumerate() {
        let mut unfit = candidate(CandidateType::Host, address);
        unfit.priority -= 1 + n as u32;
        script.remote(unfit);
    }
    let finding = only(&script);
    assert_eq!((finding.rule, finding.times), ("host-address", 3));
    let mut within = Script::with_base();
    within.remote(candidate(CandidateType::Host, "127.0.0.1:1"));
    assert_eq!(within.picture().lint, [], "a call within one computer");
}

#[test]
fn candidates_of_one_side_have_different_priorities() {
    let mut script = Script::with_base();
    script.local(ETH, candidate(CandidateType::Host, "192.168.1.2:5000"));
    script.local(ETH, candidate(CandidateType::Host, "10.0.0.2:5000"));
    assert_eq!(rules(&script), [("priority-unique", Side::Us)]);
}

#[test]
fn a_new_port_of_an_address_may_have_the_priority_of_the_old_one() {
    let mut script = Script::with_base();
    script.local(ETH, candidate(CandidateType::Host, "192.168.1.2:5000"));
    script.wait(100);
    script.local(ETH, candidate(CandidateType::Host, "192.168.1.2:6000"));
    assert!(rules(&script).is_empty());
}

#[test]
fn consent_is_not_asked_for_every_second_on_a_pair_that_answers() {
    let mut script = two_nat_call();
    for _ in 0..6 {
        let request = script.wait(1_000).check(REMOTE);
        script.wait(30).answered(REMOTE, &request, "203.0.113.21:5000");
    }
    assert_eq!(rules(&script), [("consent-pace", Side::Us)]);
}

#[test]
fn media_stops_when_consent_has_expired() {
    let mut script = two_nat_call();
    for _ in 0..3 {
        script.wait(10_000).check(REMOTE);
    }
    script.sent(REMOTE, &[0x80, 111, 0, 1]);
    assert_eq!(script.picture().lint, []);
    script.wait(5_000).sent(REMOTE, &[0x80, 111, 0, 1]);
    assert_eq!(rules(&script), [("consent-expired", Side::Us)]);
}

#[test]
fn a_pair_in_use_is_kept_alive() {
    let mut script = two_nat_call();
    for _ in 0..30 {
        script.wait(1_000).note(Note::Muted { muted: true });
    }
    assert_eq!(rules(&script), [("keepalive", Side::Us)]);
}

#[test]
fn checking_is_not_given_up_early() {
    let mut script = Script::checking();
    script.check(REMOTE);
    script.wait(20_000).ice(IceConnectionState::Failed);
    assert_eq!(rules(&script), [("early-failure", Side::Us)]);
    let mut patient = Script::checking();
    patient.check(REMOTE);
    patient.wait(39_500).ice(IceConnectionState::Failed);
    assert_eq!(patient.picture().lint, []);
}

#[test]
fn a_second_nomination_needs_a_number_or_a_restart() {
    let nominate = |nomination: Option<u32>| {
        let mut script = two_nat_call();
        let other = "192.168.7.7:6000";
        let mut request = Check { nomination: Some(2), ..check(200) }.encode();
        if nomination.is_none() {
            request = bare(&[(0x0006, b"peer:mine"), (0x0024, &[0; 4]), (0x802A, &[0; 8]), (0x0025, &[])]);
        }
        script.sent(other, &request);
        let answer = binding_success(&request, "192.168.1.2:5000".parse().unwrap(), Some(PASSWORD)).unwrap();
        script.received(other, &answer);
        rules(&script).contains(&("nominated-twice", Side::Us))
    };
    assert!(!nominate(Some(2)) && nominate(None));
}

/// A call with a relay that may send to the peer, and the message that does; `bind` gives the peer a channel.
fn relayed(bind: bool) -> Script {
    let mut script = Script::checking();
    script.allocate("turn:relay", floe_wire::RelayProtocol::Udp);
    let kind = floe_wire::BaseKind::Relay { client: TURN_CLIENT };
    let (interface, address) = ("eth0".to_owned(), "198.51.100.1:50000".parse().expect("an address"));
    script.note(Note::BaseOpened { base: floe_wire::BaseId(9), interface, address, kind });
    let mut asked = vec![(0x0012, xor(REMOTE))];
    let kind = if bind { 0x0009 } else { 0x0008 };
    if bind {
        asked.push((0x000C, vec![0x40, 0, 0, 0]));
    }
    script.on(TURN_CLIENT, Direction::Outbound, TURN_SERVER, &turn_message(kind, 2, &asked));
    script.on(TURN_CLIENT, Direction::Inbound, TURN_SERVER, &turn_message(0x0100 | kind, 2, &[]));
    script
}

fn send_relayed(script: &mut Script) {
    let send = turn_message(0x0016, 3, &[(0x0012, xor(REMOTE)), (0x0013, vec![0x80; 40])]);
    script.on(TURN_CLIENT, Direction::Outbound, TURN_SERVER, &send);
}

fn permit_again(script: &mut Script, transaction: u8) {
    let asked = [(0x0012, xor(REMOTE))];
    script.on(TURN_CLIENT, Direction::Outbound, TURN_SERVER, &turn_message(0x0008, transaction, &asked));
    script.on(TURN_CLIENT, Direction::Inbound, TURN_SERVER, &turn_message(0x0108, transaction, &[]));
}

#[test]
fn permissions_last_five_minutes() {
    let mut script = relayed(false);
    send_relayed(script.wait(299_000));
    assert_eq!(script.picture().lint, []);
    send_relayed(script.wait(10_000));
    assert_eq!(rules(&script), [("permission-expired", Side::Us)]);
}

#[test]
fn channels_last_ten_minutes() {
    let mut script = relayed(true);
    let data = [&[0x40, 0, 0, 40][..], &[0x80; 40]].concat();
    for n in 0..2 {
        permit_again(script.wait(295_000), 10 + n);
    }
    script.on(TURN_CLIENT, Direction::Outbound, TURN_SERVER, &data);
    assert_eq!(script.picture().lint, []);
    permit_again(script.wait(20_000), 12);
    script.on(TURN_CLIENT, Direction::Outbound, TURN_SERVER, &data);
    assert_eq!(rules(&script), [("channel-expired", Side::Us)]);
}

#[test]
fn allocations_last_as_long_as_the_server_said() {
    let mut script = relayed(false);
    let refreshed = turn_message(0x0104, 5, &[(0x000D, 60_u32.to_be_bytes().to_vec())]);
    script.on(TURN_CLIENT, Direction::Outbound, TURN_SERVER, &turn_message(0x0004, 5, &[]));
    script.on(TURN_CLIENT, Direction::Inbound, TURN_SERVER, &refreshed);
    send_relayed(script.wait(59_000));
    assert_eq!(script.picture().lint, []);
    send_relayed(script.wait(2_000));
    assert_eq!(rules(&script), [("allocation-expired", Side::Us)]);
}

#[test]
fn audio_keeps_to_the_pair_in_use() {
    let (mut script, audio, other) = (two_nat_call(), [0x80, 111, 0, 1], "192.168.7.7:6000");
    for _ in 0..200 {
        script.wait(20).received(other, &audio);
    }
    assert_eq!(script.picture().lint, [], "for a moment the ends may differ");
    for _ in 0..100 {
        script.wait(20).received(other, &audio);
        script.sent(REMOTE, &audio);
    }
    assert_eq!(rules(&script), [("media-elsewhere", Side::Peer)]);
    assert_eq!(only(&script).text, "audio goes over the pair with 192.168.7.7:6000, which is not in use");
    assert_eq!(only(&script).section, "RFC 8445 section 12.1");
}

#[test]
fn whoever_sends_audio_goes_on_asking_for_consent() {
    let mut script = two_nat_call();
    for _ in 0..40 {
        let theirs = script.wait(400).peer_checks(REMOTE, false);
        script.answer(REMOTE, &theirs);
        script.sent(REMOTE, &[0x80, 111, 0, 1]);
    }
    assert!(rules(&script).contains(&("consent-late", Side::Us)), "{:?}", script.picture().lint);
    let mut lite = two_nat_call();
    for _ in 0..8 {
        let request = lite.wait(5_000).check(REMOTE);
        lite.answered(REMOTE, &request, "203.0.113.21:5000");
        lite.sent(REMOTE, &[0x80, 111, 0, 1]);
    }
    assert_eq!(lite.picture().lint, []);
}

#[test]
fn no_more_than_a_hundred_pairs_are_checked() {
    let mut script = Script::checking();
    for n in 0..100 {
        script.wait(50).check(&format!("198.51.100.{n}:4000"));
    }
    assert_eq!(script.picture().lint, []);
    script.wait(50).check("198.51.101.1:4000");
    assert_eq!(rules(&script), [("pairs", Side::Us)]);
}

#[test]
fn every_rule_has_its_section_and_a_test_here() {
    let tests = include_str!("lint.rs");
    let all: Vec<_> = floe_inspect::lint::rules().collect();
    for (name, section) in &all {
        assert!(tests.contains(&format!("\"{name}\"")), "no test breaks the rule {name}");
        assert!(section.starts_with("RFC ") && section.contains(" section "), "{name}: {section}");
        assert_eq!(all.iter().filter(|(other, _)| other == name).count(), 1, "{name} has one meaning");
    }
    assert_eq!(all.len(), 29);
}

#[test]
fn ever_new_sins_stay_a_short_list() {
    let mut script = Script::checking();
    for n in 0..20_000_u32 {
        let remote = format!("198.51.{}.{}:{}", 100 + n / 10_000, n % 250, 1_000 + n % 60_000);
        script.received(&remote, &bare(&[(0x0006, b"mine:peer")]));
        script.records.clear();
    }
    assert!(script.picture().lint.len() < 12, "{:?}", script.picture().lint);
    script.note(Note::GatheringChanged { generation: GENERATION, state: GatheringState::Complete });
}
