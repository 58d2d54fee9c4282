//! `floe report --redact`: every output names nobody and tells the same story, of calls of our own and of captures.

use std::{fs, path::Path};

use floe_capture::Opened;
use floe_wire::Note;
use serde_json::Value;

use crate::program::{Folder, run};

/// Everything in the capture of a browser's call that belongs to somebody.
const OF_THE_CAPTURE: [&str; 10] = [
    "192.168.77.",
    "203.0.113.7",
    "203.0.113.20",
    "203.0.113.40",
    "eth0",
    "3zby",
    "Mxuq",
    "Bdsz",
    "2l9x",
    "lab.example",
];

/// What belongs to somebody in a demo: addresses, interfaces and servers of `scenario`, and the user fragments.
const OF_THE_DEMO: [&str; 7] =
    ["192.168.1.11", "10.64.7.11", "198.51.100.30", "203.0.113.10", "203.0.113.77", "stun1.example", "wlan0"];

/// Diagnosis, failure code, outcome, role, lint, and each pair's counts.
fn story(json: &str) -> Vec<Value> {
    let report: Value = serde_json::from_str(json).unwrap();
    let pair = |pair: &Value| {
        let fields = [
            "state",
            "nominated",
            "selected",
            "generation",
            "requestsSent",
            "responsesReceived",
            "requestsReceived",
            "totalRoundTripTime",
        ];
        Value::from(fields.map(|field| pair[field].clone()).to_vec())
    };
    let findings = report["diagnosis"].as_array().unwrap().iter().map(|finding| finding["id"].clone());
    let lint = report["lint"].as_array().unwrap().iter().map(|finding| finding["rule"].clone());
    let mut pairs: Vec<_> = report["candidatePairs"].as_array().unwrap().iter().map(pair).collect();
    pairs.sort_by_key(ToString::to_string);
    let fields = ["outcome", "failureCode", "role"].map(|field| report[field].clone());
    [findings.collect(), lint.collect(), pairs, fields.to_vec()]
        .into_iter()
        .map(|part: Vec<Value>| Value::from(part))
        .collect()
}

/// Redacts a file into every format, looks for names in each, and opens the record and the capture again.
fn check(folder: &Folder, file: &Path, names: &[&str], is_live: bool) {
    let [save, pcap, html] = ["redacted.floe", "redacted.pcapng", "redacted.html"].map(|name| folder.path(name));
    let [file, save, pcap, html] = [file, &save, &pcap, &html].map(|path| path.to_str().unwrap());
    let outputs = ["--save", save, "--pcap", pcap, "--html", html];
    let redacted = run(&[&["report", file, "--redact", "--json"][..], &outputs].concat());
    assert_eq!(redacted.status, Some(0), "{}", redacted.errors);
    let page = run(&["report", file, "--redact"]);
    let texts = [redacted.out.as_bytes(), redacted.errors.as_bytes(), page.out.as_bytes(), page.errors.as_bytes()];
    let files = [save, pcap, html].map(|path| fs::read(path).unwrap());
    for bytes in texts.into_iter().chain(files.iter().map(|bytes| &bytes[..])) {
        for name in names {
            let found = bytes.windows(name.len()).position(|window| window == name.as_bytes());
            let around = found.map(|at| {
                String::from_utf8_lossy(&bytes[at.saturating_sub(60)..(at + 60).min(bytes.len())]).into_owned()
            });
            assert_eq!(around, None, "{name}");
        }
    }

    let real = run(&["report", file, "--json"]);
    let [exported, saved] = ["real.pcapng", "real.floe"].map(|name| folder.path(name));
    let [exported, saved] = [&exported, &saved].map(|path| path.to_str().unwrap());
    run(&["report", file, "--pcap", exported, "--save", saved]);
    let page = run(&["report", file]).out;
    let raw = [file, saved].map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
    let pages = [&page, &real.out, &raw[0], &raw[1]];
    for name in names {
        assert!(pages.iter().any(|page| page.contains(name)), "{name} never was there");
    }
    assert_eq!(story(&redacted.out), story(&real.out));
    let again = run(&["report", save, "--json"]);
    assert_eq!(story(&again.out), story(&real.out), "the saved record");
    // A capture does not hold what only a session knows, so that of a live call is compared with its own.
    let (redacted, real) = (run(&["report", pcap, "--json"]), run(&["report", exported, "--json"]));
    assert_eq!(story(&redacted.out), story(&real.out), "the capture, {is_live}");
}

#[test]
fn a_redacted_capture_of_a_browser_names_nobody_and_tells_the_same() {
    let folder = Folder::new("redacted_capture");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/floe-capture/tests/browsers/relay.a.pcapng");
    check(&folder, Path::new(file), &OF_THE_CAPTURE, false);
}

#[test]
fn redacted_captures_of_calls_through_relays_and_over_tcp_name_nobody_and_tell_the_same() {
    let folder = Folder::new("redacted_relays");
    for capture in ["relay-udp.pcap", "relay-tcp.pcap", "ice-tcp.pcap"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/floe-capture/tests/calls").join(capture);
        let opened = run(&["report", file.to_str().unwrap(), "--save", folder.path("plain.floe").to_str().unwrap()]);
        assert_eq!(opened.status, Some(0), "{}", opened.errors);
        let records = Opened::read(&fs::read(folder.path("plain.floe")).unwrap()[..]).unwrap().records;
        let mut names = vec!["203.0.113.11", "203.0.113.12"];
        names.extend(records.iter().filter_map(|record| fragment(record.body.as_note())));
        names.extend((!capture.starts_with("ice")).then_some("203.0.113.5"));
        check(&folder, &file, &names, false);
    }
}

#[test]
fn a_redacted_record_of_a_relayed_call_names_neither_the_server_nor_its_realm() {
    let folder = Folder::new("redacted_relayed_call");
    let file = folder.path("call.floe");
    let call = run(&["demo", "--scenario", "symmetric-both", "--seconds", "2", "--save", file.to_str().unwrap()]);
    assert!(file.is_file(), "{}", call.errors);
    let opened = Opened::read(&fs::read(&file).unwrap()[..]).unwrap();
    let fragments = opened.records.iter().filter_map(|record| fragment(record.body.as_note()));
    let names: Vec<_> = ["203.0.113.10", "turn.example", "floe.example"].into_iter().chain(fragments).collect();
    check(&folder, &file, &names, true);
}

/// The user fragment that a note tells.
fn fragment(note: Option<&Note>) -> Option<&str> {
    match note {
        Some(Note::LocalCredentials { ufrag, .. } | Note::RemoteCredentials { ufrag, .. }) => Some(ufrag),
        _ => None,
    }
}

#[test]
fn a_redacted_record_of_a_call_names_nobody_and_tells_the_same() {
    let folder = Folder::new("redacted_call");
    let file = folder.path("call.floe");
    let call = run(&["demo", "--scenario", "roam", "--seconds", "3", "--save", file.to_str().unwrap()]);
    assert!(file.is_file(), "{}", call.errors);
    let opened = Opened::read(&fs::read(&file).unwrap()[..]).unwrap();
    let fragments = opened.records.iter().filter_map(|record| fragment(record.body.as_note()));
    let names: Vec<_> = OF_THE_DEMO.into_iter().chain(fragments).collect();
    assert!(names.len() >= OF_THE_DEMO.len() + 2);
    check(&folder, &file, &names, true);
}
