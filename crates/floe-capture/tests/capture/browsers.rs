//! Calls between two Chromiums, as captured: what an import shows is what the browsers say and what tshark reads.
//!
//! Where the files come from is in `../browsers/README.md`. `FLOE_BLESS=1` writes the golden pages anew.

use std::{collections::BTreeSet, fs, net::SocketAddr, path::PathBuf, time::Duration};

use floe_capture::Import;
use floe_inspect::{
    Inspector, Picture,
    picture::{PairView, SecurityView},
    report::text_page,
};
use floe_wire::{BaseKind, CandidateType, IceRole, Note, Record, peer::RestartCause};
use serde_json::Value;

use crate::{
    crosscheck::agree,
    import::{fold, open},
};

/// Name of each capture, and the side of it that is us.
const CAPTURES: [&str; 4] = ["direct.a", "direct.b", "relay.a", "turn-tcp.a"];

/// What the browser adds to a round trip: its clock has milliseconds, its threads wait for each other.
const BROWSER_DELAY: Duration = Duration::from_millis(4);

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/browsers").join(file)
}

fn capture(name: &str) -> Vec<u8> {
    fs::read(path(&format!("{name}.pcapng"))).unwrap()
}

/// What `getStats` said: before the restart, and at the end.
fn moments(name: &str) -> Vec<Value> {
    serde_json::from_slice(&fs::read(path(&format!("{name}.json"))).unwrap()).unwrap()
}

/// The picture at a moment of the wall clock.
fn at(import: &Import, moment: &Value) -> Picture {
    let start = fold(&import.records).wall_ms.unwrap();
    let until = Duration::from_secs_f64((moment["timestamp"].as_f64().unwrap() - start as f64) / 1_000.0);
    let mut inspector = Inspector::new();
    import.records.iter().filter(|record| record.at.0 <= until).for_each(|record| inspector.ingest(record));
    inspector.picture().clone()
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap()
}

fn address(value: &Value) -> SocketAddr {
    value.as_str().unwrap().parse().unwrap()
}

/// The pair that the browser means: its local candidate may be reflexive, a base is not.
fn pair_of<'a>(picture: &'a Picture, told: &Value) -> Option<&'a PairView> {
    let local = address(&told["local"]);
    let reflexive = picture.local_candidates.iter().find(|view| view.candidate.address == local);
    let base = picture.bases.iter().find(|base| base.address == local).map(|base| base.base);
    let base = base.or_else(|| reflexive?.base)?;
    picture.pairs.iter().find(|pair| (pair.id.base, pair.id.remote) == (base, address(&told["remote"])))
}

#[test]
fn every_pair_has_the_checks_answers_and_round_trips_that_the_browser_counted() {
    for name in CAPTURES {
        let import = open(&capture(name));
        let mut compared = 0;
        for moment in moments(name) {
            let picture = at(&import, &moment);
            for told in moment["pairs"].as_array().unwrap() {
                // What the system had no route for, or the network dropped, may not be in the capture.
                let Some(pair) = pair_of(&picture, told) else {
                    assert_eq!(number(told, "responsesReceived"), 0, "{name}: {told}");
                    continue;
                };
                let ours = [pair.requests_sent, pair.responses_received, pair.requests_received, pair.responses_sent];
                let theirs = ["requestsSent", "responsesReceived", "requestsReceived", "responsesSent"];
                assert_eq!(ours, theirs.map(|field| number(told, field)), "{name}: {told}");
                assert_eq!(pair.nominated, told["nominated"].as_bool().unwrap(), "{name}: {told}");
                assert_eq!(pair.state.name(), told["state"].as_str().unwrap(), "{name}: {told}");
                let browser = Duration::from_secs_f64(told["totalRoundTripTime"].as_f64().unwrap());
                let most = pair.total_rtt + BROWSER_DELAY * u32::try_from(pair.responses_received).unwrap();
                assert!(browser + Duration::from_millis(5) >= pair.total_rtt && browser <= most, "{name}: {told}");
                compared += 1;
            }
        }
        assert!(compared >= 4, "{name}: {compared}");
    }
}

#[test]
fn role_selection_and_generations_are_those_of_the_browser() {
    for name in CAPTURES {
        let import = open(&capture(name));
        assert_eq!(import.sessions.len(), 1, "{name}: a restart begins no session");
        let moments = moments(name);
        for (generation, moment) in (0..).zip(&moments) {
            let picture = at(&import, moment);
            let role = if moment["iceRole"] == "controlling" { IceRole::Controlling } else { IceRole::Controlled };
            assert_eq!(picture.role, Some(role), "{name}");
            let told = serde_json::json!({ "local": moment["selected"][0], "remote": moment["selected"][1] });
            let selected = picture.pairs.iter().find(|pair| pair.selected).unwrap();
            assert_eq!(pair_of(&picture, &told).map(|pair| pair.id), Some(selected.id), "{name}");
            assert_eq!(selected.id.generation.0, generation, "{name}");
            let SecurityView::Seen(seen) = &picture.security else { panic!("{:?}", picture.security) };
            assert_eq!(
                (seen.dtls_version.as_deref(), &moment["tlsVersion"]),
                (Some("DTLS 1.3"), &"FEFC".into()),
                "{name}"
            );
            // The rest of a handshake of DTLS 1.3 is encrypted: unknown, and not absent.
            let hidden = [&seen.srtp_cipher, &seen.local_fingerprint, &seen.remote_fingerprint];
            assert!(seen.cipher_suite.is_some() && hidden.iter().all(|value| value.is_none()), "{name}: {seen:?}");
        }
        let is_restart = |record: &&Record| match record.body.as_note() {
            Some(Note::RestartStarted { generation, cause }) => generation.0 == 1 && *cause == RestartCause::Untold,
            _ => false,
        };
        assert_eq!(import.records.iter().filter(is_restart).count(), 1, "{name}");
        let shakes_hands = |record: &Record| match record.body.as_note() {
            Some(Note::HandshakeStarted { client }) => Some(*client),
            _ => None,
        };
        let is_client = moments[0]["dtlsRole"] == "client";
        assert_eq!(import.records.iter().find_map(shakes_hands), Some(is_client), "{name}");
    }
}

/// Type, generation, address and, but for relays, priority: relays' type preferences are an agent's own affair.
type Told = (String, String, String, Option<String>);

#[test]
fn no_candidate_is_claimed_that_the_browser_does_not_have() {
    for name in CAPTURES {
        let mut told: BTreeSet<Told> = BTreeSet::new();
        for moment in moments(name) {
            for candidate in moment["candidates"].as_array().unwrap() {
                let words: Vec<_> = candidate.as_str().unwrap().split(' ').map(str::to_owned).collect();
                let generation = words.iter().position(|word| word == "generation").unwrap() + 1;
                let priority = (words[7] != "relay").then(|| words[3].clone());
                let address = format!("{}:{}", words[4], words[5]);
                told.insert((words[7].clone(), words[generation].clone(), address, priority));
            }
        }
        let picture = fold(&open(&capture(name)).records);
        let shown: Vec<Told> = picture
            .local_candidates
            .iter()
            .map(|view| {
                let candidate = &view.candidate;
                let kind = candidate.candidate_type;
                let priority = (kind != CandidateType::Relayed).then(|| candidate.priority.to_string());
                (kind.name().to_owned(), view.generation.0.to_string(), candidate.address.to_string(), priority)
            })
            .collect();
        assert!(shown.len() >= 2 && shown.iter().all(|candidate| told.contains(candidate)), "{name}: {shown:?}");
    }
}

#[test]
fn media_of_every_pair_is_what_the_browser_sent_and_got() {
    for name in CAPTURES {
        let picture = fold(&open(&capture(name)).records);
        for told in moments(name).pop().unwrap()["pairs"].as_array().unwrap() {
            let Some(pair) = pair_of(&picture, told) else { continue };
            let over_relay =
                picture.base(pair.id.base).is_some_and(|base| matches!(base.base_kind, BaseKind::Relay { .. }));
            for (ours, field) in [(pair.media_sent, "packetsSent"), (pair.media_received, "packetsReceived")] {
                let theirs = number(told, field);
                // A pair in use goes on between the question and the hang-up; a relayed packet may be lost on the way.
                let late = if pair.selected { 60 } else { 0 };
                let range = theirs.saturating_sub(u64::from(over_relay))..=theirs + late;
                assert!(range.contains(&ours.packets), "{name}: {} of {told}", ours.packets);
            }
        }
    }
}

#[test]
fn nothing_that_a_browser_does_while_ice_restarts_is_held_against_it() {
    for name in CAPTURES {
        let picture = fold(&open(&capture(name)).records);
        assert_eq!(picture.lint, [], "{name}");
        assert_eq!(floe_inspect::diagnose(&picture), [], "{name}");
    }
}

#[test]
fn tshark_and_floe_agree_on_what_browsers_sent() {
    for name in ["direct.a", "direct.b"] {
        agree(&format!("browser_{name}"), &capture(name));
    }
}

#[test]
fn the_pages_of_these_captures_are_the_golden_ones() {
    for name in CAPTURES {
        let page = text_page(&fold(&open(&capture(name)).records));
        // The version of the program is not the capture's.
        let page: String =
            page.lines().filter(|line| !line.starts_with("Program ")).map(|line| format!("{line}\n")).collect();
        let golden = path(&format!("{name}.txt"));
        if std::env::var_os("FLOE_BLESS").is_some() {
            fs::write(&golden, &page).unwrap();
        }
        assert_eq!(page, fs::read_to_string(&golden).unwrap(), "{name}");
    }
}
