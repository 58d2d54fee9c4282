//! Two records of one call: what the peer saw of our checks, and what restarts cost.

use std::time::Duration;

use floe_inspect::{
    Report,
    peer::ChannelView,
    report::{html_page, text_page},
};
use floe_wire::{
    BaseId, CandidateType, Generation, Note,
    note::AudioMeasure,
    peer::{ClockComparison, Digest, MediaDigest, PairDigest, RestartCause},
};

use super::script::{ETH, GENERATION, Script, addr, candidate};

const REMOTE: &str = "203.0.113.9:4000";

/// What the peer counts; `newest` is a check of ours that arrived.
fn seen(received: u32, sent: u32, newest: Option<&[u8]>) -> PairDigest {
    PairDigest {
        generation: GENERATION,
        base: BaseId(9),
        remote: addr("198.51.100.77:61000"),
        requests_sent: 2,
        responses_received: 0,
        requests_received: received,
        responses_sent: sent,
        newest_request: newest.map(|request| u32::from_be_bytes(request[8..12].try_into().expect("four bytes"))),
    }
}

fn digest(pairs: Vec<PairDigest>) -> Note {
    Note::PeerDigest(Digest { pairs, ..Digest::default() })
}

#[test]
fn a_pair_says_what_the_peer_saw_of_its_checks_whatever_nats_made_of_the_addresses() {
    let mut script = Script::checking();
    script.check(REMOTE);
    script.wait(500);
    let newest = script.check(REMOTE);
    script.wait(2000).note(Note::ControlOpened).note(digest(vec![seen(1, 1, Some(&newest))])).tick();
    let why = script.pair(REMOTE).why.clone();
    assert!(
        why.contains("2 checks sent, 0 back") && why.ends_with("the peer saw 1 of them and sent 1 answer"),
        "{why}"
    );
    script.wait(1000).note(digest(vec![seen(2, 2, None)])).tick();
    let why = script.pair(REMOTE).why.clone();
    assert!(why.ends_with("the peer saw 2 of them and sent 2 answers"), "{why}");
}

#[test]
fn a_pair_whose_checks_never_arrived_says_so() {
    let mut script = Script::checking();
    script.check(REMOTE);
    script.wait(2000).note(digest(vec![seen(0, 0, None)])).tick();
    let why = script.pair(REMOTE).why.clone();
    assert!(why.ends_with("the peer saw none of them"), "{why}");
}

#[test]
fn a_check_younger_than_the_peers_word_is_not_judged_by_it() {
    let mut script = Script::checking();
    script.note(digest(vec![]));
    script.wait(500).check(REMOTE);
    script.wait(2000).tick();
    assert!(!script.pair(REMOTE).why.contains("the peer saw"), "{}", script.pair(REMOTE).why);
}

#[test]
fn a_digest_names_only_what_changed() {
    let mut script = Script::checking();
    let request = script.peer_checks(REMOTE, false);
    let first = script.inspector.digest(64);
    let [pair] = first.pairs[..] else { panic!("{first:?}") };
    assert_eq!((pair.base, pair.remote, pair.requests_received), (ETH, addr(REMOTE), 1));
    assert_eq!(pair.newest_request, Some(u32::from_be_bytes(request[8..12].try_into().unwrap())));
    assert_eq!(script.inspector.digest(64).pairs, []);
    script.check(REMOTE);
    assert_eq!(script.inspector.digest(0).pairs, [], "no room");
    assert_eq!(script.inspector.digest(64).pairs[0].requests_sent, 1);
}

#[test]
fn one_side_s_digest_is_the_other_side_s_evidence() {
    let (mut ours, mut theirs) = (Script::checking(), Script::checking());
    ours.check(REMOTE);
    // The same transaction in the peer's record: our check came in, from where a NAT made it come.
    theirs.peer_checks("198.51.100.77:61000", false);
    let told = theirs.inspector.digest(64);
    ours.wait(2000).note(Note::PeerDigest(told)).tick();
    assert!(ours.pair(REMOTE).why.ends_with("the peer saw 1 of them and sent 0 answers"), "{}", ours.pair(REMOTE).why);
    for page in [text_page(ours.picture()), html_page(ours.picture())] {
        assert!(page.contains("Both ends of each pair") && page.contains("1, 1"), "{page}");
    }
}

#[test]
fn the_peer_s_word_fills_the_picture_and_the_report() {
    let mut script = Script::checking();
    assert_eq!(Report::of(script.picture()).peer, None);
    let media = MediaDigest { packets_received: 40, packets_lost: 2, ..MediaDigest::default() };
    let clocks = ClockComparison { offset_us: -1500, uncertainty: Duration::from_millis(4) };
    script.note(Note::ControlOpened).note(Note::PeerMuted { muted: true }).note(Note::ClocksCompared(clocks));
    script.note(Note::PeerDigest(Digest { media, ..Digest::default() }));
    script.note(Note::PeerPairSelected { generation: GENERATION, address: addr("198.51.100.77:61000") });
    let peer = &script.picture().peer;
    assert!(peer.muted && matches!(peer.channel, ChannelView::Open { .. }));
    assert_eq!((peer.clocks, peer.media), (Some(clocks), Some(media)));
    let report = Report::of(script.picture()).peer.expect("the peer spoke");
    assert_eq!((report.clock_offset_ms, report.packets_received, report.packets_lost), (Some(-1.5), Some(40), Some(2)));
    script.note(Note::ControlClosed { reason: "it left".to_owned() });
    assert!(matches!(script.picture().peer.channel, ChannelView::Closed { .. }));
}

#[test]
fn a_restart_is_reported_with_its_cause_and_its_gap() {
    let mut script = Script::checking();
    let generation = Generation(1);
    let concealed =
        |frames: u64| Note::AudioMeasured(AudioMeasure { concealed_samples: frames * 960, ..AudioMeasure::default() });
    script.wait(200).note(concealed(0)).wait(200).note(concealed(0));
    script.note(Note::RestartStarted { generation, cause: RestartCause::Asked });
    script.wait(300).note(Note::PairSelected { generation, base: ETH, remote: addr(REMOTE) });
    let (lasted, made_up) = (Duration::from_millis(80), Duration::from_millis(60));
    script.wait(200).note(Note::AudioInterrupted { began: Duration::from_secs(1), lasted, made_up });
    for _ in 0..10 {
        script.wait(200).note(concealed(3));
    }
    let report = Report::of(script.picture());
    let interruptions = report.audio.as_ref().map(|audio| &audio.interruptions[..]).unwrap_or_default();
    let [interruption] = interruptions else { panic!("{interruptions:?}") };
    assert_eq!((interruption.position_ms, interruption.lasted_ms, interruption.made_up_ms), (1000.0, 80.0, 60.0));
    let [restart] = &report.restarts[..] else { panic!("{:?}", report.restarts) };
    assert_eq!((restart.generation, restart.cause), (1, Some(RestartCause::Asked)));
    assert_eq!((restart.selected_ms, restart.audio_gap_ms), (Some(restart.started_ms + 300.0), Some(60.0)));
    let page = text_page(script.picture());
    let row = page.lines().find(|line| line.contains("asked for here  300 ms")).expect("a restart on the page");
    assert!(row.ends_with("60 ms"), "{row}");
    let told = script.picture().events.iter().filter(|event| event.text.contains("60 ms of audio were missing"));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_peer_that_tells_without_end_is_kept_within_bounds() {
    let mut script = Script::checking();
    for number in 0..2000_u32 {
        let pair = PairDigest { base: BaseId(number), ..seen(1, 1, None) };
        script.note(digest(vec![pair]));
        script.note(Note::RestartStarted { generation: Generation(number), cause: RestartCause::Peer });
    }
    assert!(script.picture().peer.pairs.len() <= 400 && script.picture().restarts.len() <= 1000);
}

#[test]
fn a_call_that_restarts_again_and_again_stays_readable() {
    let mut script = Script::checking();
    for number in 1..=400_u32 {
        let generation = Generation(number);
        script.note(Note::RestartStarted { generation, cause: RestartCause::NetworkUp });
        for port in 1..=4_u16 {
            let candidate = candidate(CandidateType::Host, &format!("192.168.1.2:{port}"));
            script.note(Note::LocalCandidate { generation, base: ETH, candidate, server: None });
        }
        script.note(Note::RemoteCandidate { generation, candidate: candidate(CandidateType::Host, REMOTE) });
    }
    let picture = script.picture();
    assert_eq!(picture.local_candidates.len(), 16 * 4);
    let newest = picture.local_candidates.last().expect("there are some");
    assert_eq!((newest.generation, newest.id.as_str()), (Generation(400), "L1601"));
    assert!(picture.pairs.iter().any(|pair| pair.id.generation == Generation(400)));
    assert!(picture.counters.dropped.iter().all(|(what, _)| *what != floe_wire::note::DropKind::Candidates));
}
