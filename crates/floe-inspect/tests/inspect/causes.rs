//! Rules about this computer, its network and the relay: each on a record that shows its evidence, and on one that does
//! not.

use floe_inspect::{CodeBit, Confidence, diagnose, explain_code, failure_code};
use floe_wire::{
    CandidateType, GatheringState, IceRole, InterfaceInfo, InterfaceKind, Note,
    note::EndReason,
    stun::{TransactionId, binding_request},
};

use crate::script::{ETH, GENERATION, Script, addr, candidate, finding, ids, two_nat_call};

const REMOTE: &str = "203.0.113.9:4000";

fn refuse_send(script: &mut Script, remote: &str, error: &str) {
    script.check(remote);
    script.note(Note::SendFailed { base: ETH, remote: addr(remote), error: error.to_owned() });
}

#[test]
fn c01_a_refused_paste_is_named_until_a_code_is_accepted() {
    let mut script = Script::with_base();
    script.note(Note::PeerCodeRefused { reason: "this is your own code".to_owned() });
    assert_eq!(ids(&script), ["C01"]);
    assert_eq!(finding(&script, "C01").evidence, "the pasted text was refused: this is your own code");
    script.note(Note::PeerCodeAccepted { created_s: 1, candidates: 1 });
    assert_eq!(ids(&script), [] as [&str; 0]);
}

#[test]
fn c03_a_role_conflict_is_told_and_needs_nothing() {
    let mut script = two_nat_call();
    script.note(Note::RoleConflict { base: ETH, remote: addr(REMOTE) });
    assert_eq!(ids(&script), ["C03"]);
}

#[test]
fn c03_a_check_that_claims_our_role_is_a_conflict_even_before_the_role_is_known() {
    for (role, is_conflict) in [(IceRole::Controlling, false), (IceRole::Controlled, true)] {
        let mut script = Script::with_base();
        // It claims to be controlled.
        script.peer_checks(REMOTE, false);
        script.note(Note::RoleDecided { role });
        assert_eq!(ids(&script).contains(&"C03"), is_conflict, "we are {role}");
    }
}

#[test]
fn c05_only_local_addresses_are_refused() {
    let mut script = Script::checking();
    for _ in 0..3 {
        refuse_send(&mut script, "192.168.7.7:6000", "No route to host (os error 65)");
    }
    assert!(!ids(&script).contains(&"C05"), "nothing went anywhere else");
    script.check(REMOTE);
    assert_eq!(finding(&script, "C05").confidence, Confidence::Possible);
    refuse_send(&mut script, REMOTE, "No route to host (os error 65)");
    assert!(!ids(&script).contains(&"C05"), "others are refused as well");
}

#[test]
fn c06_a_firewall_that_refuses_everything_is_certain() {
    let mut script = Script::checking();
    for remote in [REMOTE, "192.168.7.7:6000", REMOTE] {
        refuse_send(&mut script, remote, "Operation not permitted (os error 1)");
    }
    assert_eq!(diagnose(script.picture())[0].id, "C06");
    script.check(REMOTE);
    assert!(!ids(&script).contains(&"C06"), "one packet left");
}

#[test]
fn c07_names_the_relay_that_works_over_tcp() {
    let mut script = Script::with_base();
    script.server_fails("stun:one", "no answer for 5 s");
    script.allocate("turn:relay?transport=tcp", floe_wire::RelayProtocol::Tcp);
    let c07 = finding(&script, "C07");
    assert_eq!(c07.confidence, Confidence::Certain);
    assert!(c07.evidence.ends_with("while turn:relay?transport=tcp answers over TCP"), "{}", c07.evidence);
}

#[test]
fn c08_a_captive_portal_is_named() {
    let mut script = Script::with_base();
    script.note(Note::WebRedirected { to: "login.hotel.example".to_owned() });
    assert_eq!(ids(&script), ["C08"]);
}

#[test]
fn c14_one_router_that_keeps_its_devices_apart() {
    let mut script = Script::checking();
    script.local(ETH, candidate(CandidateType::ServerReflexive, "203.0.113.9:5000"));
    script.remote(candidate(CandidateType::Host, "192.168.1.7:6000"));
    for _ in 0..6 {
        script.wait(1_000).check("192.168.1.7:6000");
    }
    assert_eq!(diagnose(script.picture())[0].id, "C14");
    let mut other = Script::checking();
    other.local(ETH, candidate(CandidateType::ServerReflexive, "203.0.113.21:5000"));
    other.remote(candidate(CandidateType::Host, "192.168.1.7:6000"));
    for _ in 0..6 {
        other.wait(1_000).check("192.168.1.7:6000");
    }
    assert!(!ids(&other).contains(&"C14"), "two routers");
}

#[test]
fn c16_a_tunnel_as_the_default_route_is_likely_the_cause() {
    let mut script = Script::checking();
    let tunnel = InterfaceInfo { name: "tun0".to_owned(), kind: InterfaceKind::Tunnel, addresses: Vec::new() };
    script.note(Note::InterfaceListed(tunnel));
    for _ in 0..6 {
        script.wait(1_000).check(REMOTE);
    }
    assert!(!ids(&script).contains(&"C16"), "nobody knows the default route");
    script.note(Note::DefaultRoute { interface: Some("tun0".to_owned()) });
    assert_eq!(finding(&script, "C16").confidence, Confidence::Likely);
}

#[test]
fn c17_names_that_nobody_answers_for_are_all_there_is() {
    let mut script = Script::with_base();
    script.note(Note::NameSilent { name: "1f2e.local".to_owned() });
    assert_eq!(ids(&script), ["C17"]);
    script.remote(candidate(CandidateType::Host, REMOTE));
    assert_eq!(ids(&script), [] as [&str; 0], "there is an address as well");
}

#[test]
fn c19_a_mapping_that_moved_after_the_code_was_made_expires_it() {
    let mut script = Script::with_base();
    script.server_sees("198.51.100.1:3478", "203.0.113.21:5000");
    script.note(Note::CodeReady { characters: 180 });
    script.wait(60_000).server_sees("198.51.100.1:3478", "203.0.113.21:5000");
    assert_eq!(ids(&script), [] as [&str; 0]);
    script.wait(60_000).server_sees("198.51.100.1:3478", "203.0.113.21:6001");
    assert_eq!(ids(&script), ["C19"]);
    assert!(finding(&script, "C19").evidence.contains("203.0.113.21:6001 now"));
}

#[test]
fn c20_each_refusal_of_a_relay_has_its_name_and_its_advice() {
    let mut advice = Vec::new();
    for (code, reason) in [
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (437, "Allocation Mismatch"),
        (442, "Unsupported Transport"),
        (486, "Allocation Quota Reached"),
        (508, "Insufficient Capacity"),
    ] {
        let mut script = Script::with_base();
        script.refuse_allocation(code, reason);
        assert_eq!(ids(&script), ["C20"], "{code}");
        let found = finding(&script, "C20");
        assert!(found.evidence.contains(&format!("{code} {reason}")), "{}", found.evidence);
        advice.push(found.advice);
    }
    advice.sort_unstable();
    advice.dedup();
    assert_eq!(advice.len(), 6);
}

#[test]
fn c20_stale_nonces_are_routine_until_they_never_end() {
    let mut script = Script::with_base();
    script.refuse_allocation(438, "Stale Nonce");
    assert_eq!(ids(&script), [] as [&str; 0]);
    script.refuse_allocation(438, "Stale Nonce");
    script.refuse_allocation(438, "Stale Nonce");
    assert_eq!(ids(&script), ["C20"]);
}

#[test]
fn c21_answers_from_elsewhere_make_a_pair_unusable() {
    let mut script = Script::checking();
    for _ in 0..6 {
        let request = script.wait(1_000).check(REMOTE);
        script.answered("203.0.113.9:4999", &request, "192.168.1.2:5000");
    }
    assert_eq!(diagnose(script.picture())[0].id, "C21");
}

#[test]
fn c30_checks_that_we_never_answered_are_our_own_fault() {
    let mut script = Script::checking();
    script.note(Note::PeerCodeAccepted { created_s: 1, candidates: 1 });
    for _ in 0..6 {
        script.wait(1_000).peer_checks(REMOTE, false);
    }
    assert!(!ids(&script).contains(&"C30"), "it still runs");
    script.ice(floe_wire::IceConnectionState::Failed).note(Note::Ended { reason: EndReason::NotConnected });
    assert_eq!(finding(&script, "C30").evidence, "6 checks from 203.0.113.9:4000 were not answered by us");
}

#[test]
fn hanging_up_before_anything_worked_is_no_fault() {
    let mut script = Script::with_base();
    script.note(Note::GatheringChanged { generation: GENERATION, state: GatheringState::Complete });
    script.sent("198.51.100.1:3478", &binding_request(TransactionId([1; 12])));
    script.note(Note::Ended { reason: EndReason::HungUp });
    assert_eq!(ids(&script), [] as [&str; 0]);
}

#[test]
fn a_code_decodes_to_the_rules_that_matched() {
    let mut script = Script::checking();
    for _ in 0..6 {
        script.wait(1_000).check(REMOTE);
    }
    script.ice(floe_wire::IceConnectionState::Failed).note(Note::Ended { reason: EndReason::NotConnected });
    let code = failure_code(script.picture()).unwrap();
    let decoded: Vec<_> = explain_code(&code).unwrap().iter().map(|bit| bit.id).collect();
    assert_eq!(decoded, ids(&script));
    assert_eq!(explain_code("ICE-0000"), Some(Vec::new()));
    assert_eq!(
        [explain_code("ICE-"), explain_code("ICE-xyz"), explain_code("42"), explain_code("ICE-+1")],
        [const { None }; 4]
    );
    assert_eq!(explain_code("ICE-FFFFFFFF").unwrap().len(), 32, "every bit has one rule");
}

/// People compare codes of different versions: a bit that has a rule keeps it for good.
#[test]
fn the_bits_of_a_failure_code_never_change_their_meaning() {
    let rules = [
        "C02", "C04", "C07", "C09", "C10", "C11", "C12", "C13", "C15", "C18", "C29", "C01", "C03", "C05", "C06", "C08",
        "C14", "C16", "C17", "C19", "C20", "C21", "C22", "C23", "C24", "C25", "C26", "C27", "C28", "C30", "C31", "C32",
    ];
    for (bit, id) in rules.into_iter().enumerate() {
        let decoded = explain_code(&format!("ICE-{:04X}", 1_u32 << bit)).unwrap();
        let [one] = &decoded[..] else { panic!("bit {bit}: {decoded:?}") };
        assert_eq!(one.id, id, "bit {bit}");
        assert!(!one.meaning.is_empty() && !one.meaning.ends_with('.'), "{}", one.meaning);
    }
    assert_eq!(explain_code("ICE-FFFFFFFF").unwrap().len(), rules.len());
}

#[test]
fn every_rule_has_a_test_on_a_record() {
    let tests = [
        include_str!("causes.rs"),
        include_str!("diagnosis.rs"),
        include_str!("lost_paths.rs"),
        include_str!("rulings.rs"),
    ]
    .concat();
    for CodeBit { id, .. } in explain_code("ICE-FFFFFFFF").unwrap() {
        assert!(tests.contains(&format!("fn {}_", id.to_lowercase())), "{id} has no test on a record");
    }
}
