//! Calls that take their time: people who paste late, and peers that are gone.

use std::time::{Duration, Instant};

use floe_netlab::{CallOptions, CallOutcome, CallProcess, Lab, StunServer, isolated};
use serde_json::Value;

use crate::{SOON, both_call, check_tone, talking};

/// Silence after which a call is lost (RFC 7675 section 5.1).
const CONSENT: Duration = Duration::from_secs(30);

/// When the call came into this state, in milliseconds from its start.
fn entered_ms(outcome: &CallOutcome, state: &str) -> f64 {
    let visits = outcome.report["states"]["iceConnection"].as_array().unwrap();
    let visit = visits.iter().find(|visit| visit["state"] == state);
    visit
        .and_then(|visit| visit["atMs"].as_f64())
        .unwrap_or_else(|| panic!("never {state}: {:?}", outcome.ice_states()))
}

fn count(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

#[test]
fn a_peer_that_dies_is_missed_within_seconds_and_given_up_after_thirty_with_all_evidence_kept() {
    isolated(|| {
        let (_lab, _capture, alice, mut bob) = talking(&CallOptions::default());

        bob.kill().unwrap();
        let killed = Instant::now();
        let alice = alice.finish(CONSENT + SOON).unwrap();

        assert!(killed.elapsed() >= CONSENT - Duration::from_secs(6), "given up after {:?}", killed.elapsed());
        assert_eq!(alice.exit_code, Some(3), "{:#}", alice.report);
        let missing_ms = entered_ms(&alice, "failed") - entered_ms(&alice, "disconnected");
        assert!((22_000.0..=30_500.0).contains(&missing_ms), "failed {missing_ms} ms after disconnected");
        assert!(entered_ms(&alice, "connected") < entered_ms(&alice, "disconnected"));
        check_evidence(&alice.report);
    });
}

/// Everything that was known of the path is still in the report.
fn check_evidence(report: &Value) {
    assert_ne!(report["failureCode"], Value::Null);
    assert!(count(&report["localCandidates"]) > 0 && count(&report["remoteCandidates"]) > 0, "{report:#}");
    assert_eq!(count(&report["selectedPairs"]), 1, "{report:#}");
    let pairs = report["candidatePairs"].as_array().unwrap();
    let selected = pairs.iter().find(|pair| pair["selected"] == true || pair["nominated"] == true).unwrap();
    assert!(selected["requestsSent"].as_u64().unwrap() > 0 && selected["responsesReceived"].as_u64().unwrap() > 0);
}

#[test]
fn a_code_pasted_a_minute_late_still_connects() {
    isolated(|| check_late_paste(Duration::from_secs(60)));
}

#[test]
fn a_code_pasted_three_minutes_late_still_connects() {
    isolated(|| check_late_paste(Duration::from_secs(180)));
}

#[test]
fn nothing_is_heard_or_said_before_there_is_a_path_and_the_sound_of_a_call_sleeps_until_then() {
    isolated(|| {
        let mut waiting = Waiting::begin();
        let Waiting { alice, bob, .. } = &mut waiting;
        let before = [alice.wakes("floe-audio").unwrap(), bob.wakes("floe-audio").unwrap()];
        alice.keep_waiting(Duration::from_secs(10)).unwrap();
        let after = [alice.wakes("floe-audio").unwrap(), bob.wakes("floe-audio").unwrap()];
        for (before, after) in before.into_iter().zip(after) {
            assert!(before > 0 && after - before <= 2, "woken {} times in ten seconds", after - before);
        }

        waiting.end();
    });
}

/// Behind two routers: Alice has pasted, Bob has not.
struct Waiting {
    alice: CallProcess,
    bob: CallProcess,
    code_of_alice: String,
    _server: StunServer,
    _lab: Lab,
}

impl Waiting {
    fn begin() -> Self {
        let lab = Lab::two_nats().unwrap();
        let server = StunServer::start(&lab).unwrap();
        let options = CallOptions { stun: vec![server.url()], seconds: Some(2), ..CallOptions::default() };
        let (mut alice, mut bob) = both_call(&lab, &options);
        let (code_of_alice, code_of_bob) = (alice.code().unwrap(), bob.code().unwrap());
        alice.paste(&code_of_bob).unwrap();
        Self { alice, bob, code_of_alice, _server: server, _lab: lab }
    }

    /// Bob pastes as well, and both hear each other.
    fn end(self) {
        let Self { alice, mut bob, code_of_alice, .. } = self;
        bob.paste(&code_of_alice).unwrap();
        for outcome in [alice.finish(SOON).unwrap(), bob.finish(SOON).unwrap()] {
            assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
            assert_eq!(outcome.report["outcome"], "connected");
            check_tone(&outcome, 0.8);
        }
    }
}

/// Bob's router would have forgotten him long before he pastes.
fn check_late_paste(late: Duration) {
    let mut waiting = Waiting::begin();
    waiting.alice.keep_waiting(late).unwrap();
    waiting.end();
}
