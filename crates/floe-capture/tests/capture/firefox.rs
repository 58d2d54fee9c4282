//! A call between two Firefoxes, as captured: what an import shows is what the browsers say and what tshark reads.
//!
//! Where the files come from is in `../browsers/README.md`.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use floe_capture::Import;
use floe_inspect::{
    Picture,
    picture::{PairView, PhaseKind, PhaseProgress, SecurityView},
};
use floe_wire::{CandidateType, IceRole, Note, peer::RestartCause};
use serde_json::Value;

use crate::{
    crosscheck::agree,
    import::{fold, open},
};

const SIDES: [&str; 2] = ["firefox.a", "firefox.b"];

fn file(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/browsers").join(name)).unwrap()
}

/// A side's capture, and what its `getStats` said: before the restart, and at the end.
fn side(name: &str) -> (Import, Vec<Value>) {
    let moments = serde_json::from_slice(&file(&format!("{name}.json"))).unwrap();
    (open(&file(&format!("{name}.pcapng"))), moments)
}

/// The addresses of a pair as the browser means them: a NAT's in place of the base's.
fn addresses(picture: &Picture, pair: &PairView) -> [BTreeSet<String>; 2] {
    let base = picture.base(pair.id.base).map(|base| base.address);
    let mapped = picture.local_candidates.iter().filter(|view| view.base == Some(pair.id.base));
    let ours = mapped.map(|view| view.candidate.address).chain(base).map(|address| address.to_string());
    [ours.collect(), BTreeSet::from([pair.id.remote.to_string()])]
}

#[test]
fn pairs_roles_generations_and_keys_are_those_of_firefox() {
    for name in SIDES {
        let (import, moments) = side(name);
        assert_eq!(import.sessions.len(), 1, "{name}: a restart begins no session");
        let picture = fold(&import.records);
        let role = if moments[0]["iceRole"] == "controlling" { IceRole::Controlling } else { IceRole::Controlled };
        assert_eq!(picture.role, Some(role), "{name}");
        let used: Vec<&PairView> =
            picture.selections.iter().filter_map(|selection| picture.pair(selection.pair)).collect();
        assert_eq!(used.len(), 2, "{name}: one for each generation");
        for ((generation, moment), pair) in (0..).zip(&moments).zip(used) {
            assert_eq!(pair.id.generation.0, generation, "{name}");
            assert!(pair.nominated && pair.rtt.is_some() && pair.requests_received > 0, "{name}: {pair:?}");
            for (ours, told) in addresses(&picture, pair).iter().zip(moment["selected"].as_array().unwrap()) {
                assert!(ours.contains(told.as_str().unwrap()), "{name}: {told} is not in {ours:?}");
            }
        }
        let SecurityView::Seen(seen) = &picture.security else { panic!("{:?}", picture.security) };
        assert_eq!((seen.dtls_version.as_deref(), &moments[0]["tlsVersion"]), (Some("DTLS 1.3"), &"FEFC".into()));
        assert_eq!(seen.cipher_suite.as_deref(), moments[0]["dtlsCipher"].as_str(), "{name}");
        let shakes = import.records.iter().find_map(|record| match record.body.as_note() {
            Some(Note::HandshakeStarted { client }) => Some(*client),
            _ => None,
        });
        assert_eq!(shakes, Some(moments[0]["dtlsRole"] == "client"), "{name}");
        let [restart] = &picture.restarts[..] else { panic!("{name}: {:?}", picture.restarts) };
        assert_eq!((restart.generation.0, restart.cause), (1, RestartCause::Untold), "{name}");
        assert!(restart.selected.unwrap().since(restart.started) < Duration::from_millis(100), "{name}");
    }
}

#[test]
fn candidates_and_user_fragments_are_none_that_firefox_does_not_have() {
    for name in SIDES {
        let (import, moments) = side(name);
        let picture = fold(&import.records);
        // Priorities of reflexive candidates are not on the wire, and Firefox has a rule of its own for them.
        let told: BTreeSet<[String; 3]> = moments
            .iter()
            .flat_map(|moment| moment["candidates"].as_array().unwrap())
            .map(|line| {
                let words: Vec<&str> = line.as_str().unwrap().split(' ').collect();
                let priority = if words[7] == "host" { words[3] } else { "" };
                [words[7].to_owned(), format!("{}:{}", words[4], words[5]), priority.to_owned()]
            })
            .collect();
        let mut compared = 0;
        for view in &picture.local_candidates {
            let kind = view.candidate.candidate_type;
            let priority =
                if kind == CandidateType::Host { view.candidate.priority.to_string() } else { String::new() };
            let shown = [kind.name().to_owned(), view.candidate.address.to_string(), priority];
            assert!(kind == CandidateType::PeerReflexive || told.contains(&shown), "{name}: {shown:?} of {told:?}");
            compared += usize::from(kind != CandidateType::PeerReflexive);
        }
        assert!(compared >= 2, "{name}: {compared}");
        let fragments: Vec<_> = import
            .records
            .iter()
            .filter_map(|record| match record.body.as_note() {
                Some(Note::LocalCredentials { ufrag, .. }) => Some(ufrag.clone()),
                _ => None,
            })
            .collect();
        let told: Vec<_> = moments.iter().filter_map(|moment| moment["ufrag"].as_str()).collect();
        assert_eq!(fragments, told, "{name}");
    }
}

#[test]
fn media_is_what_firefox_sent_and_got() {
    for name in SIDES {
        let (import, moments) = side(name);
        let picture = fold(&import.records);
        let told = |field: &str| moments[1][field].as_u64().unwrap();
        let sum = |count: fn(&PairView) -> u64| picture.pairs.iter().map(count).sum::<u64>();
        let (sent, received) = (sum(|pair| pair.media_sent.packets), sum(|pair| pair.media_received.packets));
        // Beside RTP there is RTCP, and what flows between the question and the hang-up.
        assert!((told("packetsSent")..=told("packetsSent") + 60).contains(&sent), "{name}: {sent}");
        assert!((told("packetsReceived")..=told("packetsReceived") + 60).contains(&received), "{name}: {received}");
    }
}

#[test]
fn a_capture_claims_neither_that_gathering_goes_on_nor_a_state_of_signaling() {
    for name in SIDES {
        let picture = fold(&side(name).0.records);
        assert!(picture.is_capture && picture.gathering.is_empty() && picture.signaling.is_empty(), "{name}");
        for phase in &picture.phases {
            let is_gathering = phase.kind == PhaseKind::Gathering;
            match phase.progress {
                PhaseProgress::Untold { .. } => assert!(is_gathering, "{name}: {phase:?}"),
                PhaseProgress::Done { .. } => assert!(!is_gathering, "{name}: {phase:?}"),
                _ => panic!("{name}: {phase:?}"),
            }
        }
    }
}

#[test]
fn nothing_but_its_quick_retransmissions_is_held_against_firefox() {
    for name in SIDES {
        let picture = fold(&side(name).0.records);
        // It asks again after some 100 ms, where RFC 8445 section 14.3 allows 500 ms at least.
        let rules: BTreeSet<&str> = picture.lint.iter().map(|finding| finding.rule).collect();
        assert!(rules.is_subset(&BTreeSet::from(["rto"])), "{name}: {:?}", picture.lint);
        assert_eq!(floe_inspect::diagnose(&picture), [], "{name}");
    }
}

#[test]
fn tshark_and_floe_agree_on_what_firefox_sent() {
    for name in SIDES {
        agree(name, &file(&format!("{name}.pcapng")));
    }
}
