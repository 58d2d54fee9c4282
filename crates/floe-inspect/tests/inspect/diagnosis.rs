//! Each rule on a record that shows its evidence, and on one that does not.

use floe_inspect::{Confidence, PacketStop, Tone, diagnose, failure_code, headline, path_facts};
use floe_wire::{CandidateType, GatheringState, IceConnectionState, Note, note::EndReason};

use crate::script::{ETH, GENERATION, Script, candidate, finding, ids, two_nat_call};

const REMOTE: &str = "203.0.113.9:4000";

fn checks(script: &mut Script, count: usize) {
    for _ in 0..count {
        script.wait(1_000).check(REMOTE);
    }
}

#[test]
fn an_empty_record_has_no_findings() {
    assert_eq!(ids(&Script::new()), [] as [&str; 0]);
}

#[test]
fn c02_checks_for_another_code_mean_that_the_peer_has_an_older_one() {
    let mut script = Script::with_base();
    script.peer_checks_as("older", REMOTE, false);
    assert_eq!(ids(&script), ["C02"]);
    assert_eq!(finding(&script, "C02").evidence, "1 check arrived for a code that is not this one");
    let mut connected = two_nat_call();
    connected.peer_checks_as("older", REMOTE, false);
    assert_eq!(ids(&connected), [] as [&str; 0]);
}

#[test]
fn c04_no_interface_is_named_with_the_systems_words() {
    let mut script = Script::new();
    script.note(Note::BaseFailed {
        interface: "eth0".to_owned(),
        address: "192.168.1.2".parse().unwrap(),
        error: "permission denied".to_owned(),
    });
    script.note(Note::Ended { reason: EndReason::NoNetwork });
    assert_eq!(ids(&script), ["C04"]);
    assert!(finding(&script, "C04").evidence.contains("eth0 192.168.1.2: permission denied"));
    assert_eq!(failure_code(script.picture()).as_deref(), Some("ICE-0002"));
}

#[test]
fn c07_is_likely_only_when_several_servers_are_silent_and_nothing_else_arrived() {
    let mut script = Script::with_base();
    script.server_fails("stun:one", "no answer for 5 s");
    assert_eq!(finding(&script, "C07").confidence, Confidence::Possible);
    script.server_fails("stun:two", "no answer for 5 s");
    assert_eq!(finding(&script, "C07").confidence, Confidence::Likely);
    assert_eq!(finding(&script, "C07").evidence, "no UDP packet came back from stun:one, stun:two");
    script.received(REMOTE, &[0x80, 111]);
    assert_eq!(ids(&script), [] as [&str; 0]);
}

#[test]
fn c07_says_nothing_when_no_server_was_asked_or_a_name_did_not_resolve() {
    let mut script = Script::with_base();
    script.note(Note::ServerFailed { server: "stun:nowhere".to_owned(), base: None, error: "no such name".to_owned() });
    assert_eq!(ids(&script), [] as [&str; 0]);
}

#[test]
fn c09_one_silent_server_among_others_is_named() {
    let mut script = Script::with_base();
    script.server_sees("198.51.100.1:3478", "203.0.113.21:5000");
    script.server_fails("stun:dead", "no answer for 5 s");
    assert_eq!(ids(&script), ["C09"]);
    assert_eq!(finding(&script, "C09").evidence, "stun:dead failed while other servers answered: no answer for 5 s");
}

#[test]
fn c10_two_servers_that_see_two_ports_reveal_a_symmetric_router() {
    let mut script = Script::with_base();
    script.server_sees("198.51.100.1:3478", "203.0.113.21:5000");
    assert_eq!(ids(&script), [] as [&str; 0], "one server does not tell");
    script.server_sees("198.51.100.2:3478", "203.0.113.21:5001");
    assert_eq!(ids(&script), ["C10"]);
    assert_eq!(finding(&script, "C10").confidence, Confidence::Certain);
}

#[test]
fn c11_is_likelier_when_the_peers_checks_come_from_ports_it_has_not_told() {
    let mut script = Script::checking();
    script.server_sees("198.51.100.1:3478", "203.0.113.21:5000");
    script.server_sees("198.51.100.2:3478", "203.0.113.21:5001");
    checks(&mut script, 6);
    assert_eq!(diagnose(script.picture())[0].id, "C11");
    assert_eq!(diagnose(script.picture())[0].confidence, Confidence::Possible);
    script.peer_checks("203.0.113.9:4999", false);
    let first = diagnose(script.picture()).remove(0);
    assert_eq!((first.id, first.confidence), ("C11", Confidence::Likely));
    assert!(first.evidence.ends_with("its checks come from 203.0.113.9:4999"), "{}", first.evidence);
}

#[test]
fn c12_checks_that_only_arrive_mean_that_they_reach_us() {
    let mut script = Script::checking();
    checks(&mut script, 6);
    for _ in 0..3 {
        script.peer_checks(REMOTE, false);
    }
    assert_eq!(ids(&script), ["C12", "C29"]);
    assert_eq!(finding(&script, "C12").evidence, "3 of the peer's checks arrived, none of our 6 checks was answered");
}

#[test]
fn c13_is_likely_only_when_our_own_mapping_is_known_to_be_harmless() {
    let mut script = Script::checking();
    checks(&mut script, 4);
    assert_eq!(ids(&script), ["C29"], "four seconds are too early");
    checks(&mut script, 2);
    assert_eq!(ids(&script), ["C13", "C29"]);
    assert_eq!(finding(&script, "C13").confidence, Confidence::Possible);
    script.server_sees("198.51.100.1:3478", "203.0.113.21:5000");
    script.server_sees("198.51.100.2:3478", "203.0.113.21:5000");
    assert_eq!(finding(&script, "C13").confidence, Confidence::Likely);
}

#[test]
fn c15_a_public_server_that_sees_a_private_address_reveals_two_nats() {
    let mut script = Script::with_base();
    script.server_sees("198.51.100.1:3478", "100.72.3.4:5000");
    assert_eq!(ids(&script), ["C15"]);
    let mut private = Script::with_base();
    private.server_sees("10.0.0.1:3478", "10.9.9.9:5000");
    assert_eq!(ids(&private), [] as [&str; 0], "a server inside says nothing about the outside");
    script.server_sees("198.51.100.2:3478", "203.0.113.21:6001");
    assert_eq!(ids(&script), ["C15"], "what is seen before and behind the carrier's NAT cannot be compared");
}

#[test]
fn c18_families_without_overlap_cannot_pair() {
    let mut script = Script::with_base();
    script.local(ETH, candidate(CandidateType::Host, "192.168.1.2:5000"));
    script.note(Note::GatheringChanged { generation: GENERATION, state: GatheringState::Complete });
    script.remote(candidate(CandidateType::Host, "[2001:db8::9]:5000"));
    assert_eq!(ids(&script), ["C18"]);
    assert_eq!(finding(&script, "C18").evidence, "you have IPv4 only, the peer has IPv6 only");
}

#[test]
fn c29_counts_the_time_and_the_pairs_left() {
    let mut script = Script::checking();
    script.wait(2_500).tick();
    assert_eq!(ids(&script), ["C29"]);
    assert_eq!(finding(&script, "C29").evidence, "still checking: 2 of 39 s; 1 pair left");
}

#[test]
fn a_failed_call_has_one_cause_in_its_headline_and_all_evidence_in_its_code() {
    let mut script = Script::checking();
    checks(&mut script, 39);
    assert_eq!(failure_code(script.picture()), None, "it still runs");
    script.wait(500).ice(IceConnectionState::Failed);
    script.note(Note::Ended { reason: EndReason::NotConnected });
    let headline = headline(script.picture());
    assert_eq!(headline.text, "Not connected: 39 checks sent, nothing of the peer arrived");
    assert_eq!(headline.tone, Tone::Bad);
    assert_eq!(failure_code(script.picture()).as_deref(), Some("ICE-0080"));
    assert_eq!(path_facts(script.picture()).stops, Some(PacketStop::NothingArrives));
}
