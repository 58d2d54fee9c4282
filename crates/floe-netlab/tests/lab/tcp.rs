//! Calls where no UDP passes between the machines and TCP does.

use floe_netlab::{Host, Lab, isolated};

use crate::{SOON, both_call, check_tone, exchange_codes, short_call};

/// No UDP, and over TCP nothing that was not asked for, as a strict firewall of the machine itself does it.
fn let_answers_in_only(host: &Host) {
    const RULES: &str = "add table inet strict; \
        add chain inet strict out { type filter hook output priority 0; }; \
        add rule inet strict out meta l4proto udp drop; \
        add chain inet strict in { type filter hook input priority 0; policy drop; }; \
        add rule inet strict in ct state established,related accept";
    assert!(host.command("nft").arg(RULES).status().unwrap().success());
}

/// What arrives over UDP from elsewhere is dropped without a word.
fn drop_udp(host: &Host) {
    const RULES: &str = "add table ip quiet; \
        add chain ip quiet in { type filter hook input priority 0; }; \
        add rule ip quiet in meta l4proto udp drop";
    assert!(host.command("nft").arg(RULES).status().unwrap().success());
}

#[test]
fn machines_between_which_no_udp_passes_talk_over_a_tcp_connection() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        drop_udp(&lab.alice);
        drop_udp(&lab.bob);
        let (mut alice, mut bob) = both_call(&lab, &short_call());
        exchange_codes(&mut alice, &mut bob);
        for outcome in [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()] {
            assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
            let candidates = |side: &str| outcome.report[side].as_array().unwrap().clone();
            let selected = outcome.report["selectedPairs"].as_array().unwrap().last().unwrap().clone();
            let protocol = |side: &str, id: &str| {
                let in_use = candidates(side).into_iter().find(|candidate| candidate["id"] == selected[id]);
                in_use.unwrap_or_else(|| panic!("{selected:#}"))["protocol"].clone()
            };
            assert_eq!(protocol("localCandidates", "localCandidateId"), "tcp");
            assert_eq!(protocol("remoteCandidates", "remoteCandidateId"), "tcp");
            check_tone(&outcome, 0.8);
        }
    });
}

#[test]
fn two_firewalls_that_let_in_answers_only_are_crossed_by_opening_at_once() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        let_answers_in_only(&lab.alice);
        let_answers_in_only(&lab.bob);
        let (mut alice, mut bob) = both_call(&lab, &short_call());
        exchange_codes(&mut alice, &mut bob);
        for outcome in [alice.finish(2 * SOON).unwrap(), bob.finish(2 * SOON).unwrap()] {
            assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
            let selected = outcome.report["selectedPairs"].as_array().unwrap().last().unwrap();
            let candidates = outcome.report["localCandidates"].as_array().unwrap();
            let local = candidates.iter().find(|candidate| candidate["id"] == selected["localCandidateId"]).unwrap();
            assert_eq!(local["tcpType"], "so", "{local:#}");
        }
    });
}
