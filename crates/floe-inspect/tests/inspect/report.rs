//! The JSON of a report: names, units and nulls.

use floe_inspect::Report;
use floe_wire::{
    Note,
    note::{AudioMeasure, EndReason},
};
use serde_json::{Value, json};

use crate::script::{Script, two_nat_call};

fn report(script: &Script) -> Value {
    serde_json::to_value(Report::of(script.picture())).expect("a report is JSON")
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn sorted<const N: usize>(mut names: [&str; N]) -> Vec<&str> {
    names.sort_unstable();
    names.to_vec()
}

#[test]
fn a_connected_call_is_reported_with_times_after_both_codes() {
    let report = report(&two_nat_call());
    assert_eq!((&report["outcome"], &report["failureCode"]), (&json!("connected"), &Value::Null));
    assert_eq!((&report["floe"], &report["role"]), (&json!("0.1.0"), &json!("controlling")));
    assert_eq!(
        report["timings"],
        json!({
            "codeReadyMs": 21.0, "gatheredMs": 21.0, "bothCodesMs": 1021.0, "firstCheckMs": 0.0, "firstValidMs": 56.0,
            "selectedMs": 86.0, "securedMs": 146.0, "firstAudioMs": 186.0,
        })
    );
    assert_eq!(report["nat"]["mapping"], "endpoint-independent");
    assert_eq!(report["nat"]["filtering"], Value::Null);
    assert_eq!(
        (&report["nat"]["forecast"]["came"], &report["nat"]["forecast"]["score"]),
        (&json!("direct"), &json!(null))
    );
    assert_eq!(report["diagnosis"], json!([]));
    assert_eq!(report["restarts"], json!([]));
    assert_eq!(report["lint"], json!([]));
}

#[test]
fn pairs_refer_to_candidates_and_count_in_seconds() {
    let report = report(&two_nat_call());
    let pair = &report["candidatePairs"][1];
    assert_eq!((&pair["localCandidateId"], &pair["remoteCandidateId"]), (&json!("L1"), &json!("R2")));
    assert_eq!((&pair["currentRoundTripTime"], &pair["totalRoundTripTime"]), (&json!(0.03), &json!(0.061)));
    assert_eq!(
        (&pair["state"], &pair["nominated"], &pair["selected"]),
        (&json!("succeeded"), &json!(true), &json!(true))
    );
    assert_eq!(report["candidatePairs"][0]["currentRoundTripTime"], Value::Null, "unknown is not zero");
    let reflexive = &report["localCandidates"][1];
    assert_eq!((&reflexive["candidateType"], &reflexive["address"]), (&json!("srflx"), &json!("203.0.113.21")));
    assert_eq!((&reflexive["relatedAddress"], &reflexive["relatedPort"]), (&json!("192.168.1.2"), &json!(5000)));
    assert_eq!((&reflexive["url"], &reflexive["networkInterface"]), (&json!("stun:198.51.100.1:3478"), &json!("eth0")));
    assert_eq!(
        report["selectedPairs"],
        json!([{ "atMs": 1107.0, "localCandidateId": "L1", "remoteCandidateId": "R2", "generation": 0 }])
    );
    assert_eq!(
        report["states"]["iceConnection"].as_array().unwrap().iter().map(|visit| &visit["state"]).collect::<Vec<_>>(),
        ["new", "checking", "connected", "completed"]
    );
}

#[test]
fn every_object_has_exactly_its_documented_fields() {
    let mut script = two_nat_call();
    script.note(Note::AudioMeasured(AudioMeasure { packets_sent: 9, ..AudioMeasure::default() }));
    let report = report(&script);
    assert_eq!(
        keys(&report),
        sorted([
            "floe",
            "outcome",
            "failureCode",
            "role",
            "timings",
            "states",
            "localCandidates",
            "remoteCandidates",
            "candidatePairs",
            "selectedPairs",
            "restarts",
            "directions",
            "peer",
            "audio",
            "security",
            "servers",
            "nat",
            "diagnosis",
            "lint",
            "lintUnknown",
            "counters",
        ])
    );
    assert_eq!(
        keys(&report["localCandidates"][0]),
        sorted([
            "id",
            "candidateType",
            "protocol",
            "tcpType",
            "relayProtocol",
            "address",
            "port",
            "priority",
            "foundation",
            "relatedAddress",
            "relatedPort",
            "url",
            "networkInterface",
            "generation",
            "atMs",
        ])
    );
    assert_eq!(
        keys(&report["candidatePairs"][0]),
        sorted([
            "localCandidateId",
            "remoteCandidateId",
            "state",
            "nominated",
            "selected",
            "generation",
            "priority",
            "requestsSent",
            "requestsReceived",
            "responsesSent",
            "responsesReceived",
            "retransmissionsSent",
            "consentRequestsSent",
            "currentRoundTripTime",
            "totalRoundTripTime",
            "why",
        ])
    );
    assert_eq!(
        keys(&report["audio"]),
        sorted([
            "codec",
            "packetsSent",
            "packetsReceived",
            "packetsLost",
            "jitter",
            "concealedSamples",
            "fecPacketsUsed",
            "interruptions",
            "jitterBufferDelayMs",
            "levelDbfs",
            "toneHz",
            "mouthToEarMs",
        ])
    );
    assert_eq!(
        keys(&report["security"]),
        sorted(["dtlsVersion", "dtlsCipher", "srtpCipher", "localFingerprint", "remoteFingerprint", "sas"])
    );
    assert_eq!(keys(&report["servers"][0]), sorted(["url", "ok", "rttMs", "error"]));
    assert_eq!(report["audio"]["mouthToEarMs"], Value::Null);
}

#[test]
fn a_failed_call_is_null_where_nothing_is_known() {
    let mut script = Script::new();
    script.note(Note::Ended { reason: EndReason::NoNetwork });
    let report = report(&script);
    assert_eq!((&report["outcome"], &report["failureCode"]), (&json!("failed"), &json!("ICE-0002")));
    for unknown in ["role", "audio", "security", "floe"] {
        assert_eq!(report[unknown], Value::Null, "{unknown}");
    }
    assert!(report["timings"].as_object().unwrap().values().all(Value::is_null));
    assert!(report["nat"].as_object().unwrap().values().all(Value::is_null));
}

#[test]
fn a_server_is_ok_when_any_base_got_an_answer() {
    let mut script = Script::with_base();
    script.server_fails("stun:198.51.100.1:3478", "no answer");
    script.server_fails("stun:dead", "no answer for 5 s");
    script.note(Note::ServerFailed {
        server: "stun:198.51.100.1:3478".to_owned(),
        base: None,
        error: "no IPv6 address".to_owned(),
    });
    script.server_sees("198.51.100.1:3478", "203.0.113.21:5000");
    assert_eq!(
        report(&script)["servers"],
        json!([
            { "url": "stun:198.51.100.1:3478", "ok": true, "rttMs": 10.0, "error": null },
            { "url": "stun:dead", "ok": false, "rttMs": null, "error": "no answer for 5 s" },
        ])
    );
}
