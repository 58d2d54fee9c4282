//! Calls where no UDP passes between the machines and TCP does.

use floe_netlab::{CallOptions, Host, Lab, isolated};

use crate::{SOON, TONE_HZ, both_call, exchange_codes};

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
        let options = CallOptions { seconds: Some(3), ..CallOptions::default() };
        let (mut alice, mut bob) = both_call(&lab, &options);
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
            let share = outcome.recording().unwrap().share_of_tone(TONE_HZ);
            assert!(share > 0.8, "the tone fills {share} of the recording: {:#}", outcome.report);
        }
    });
}
