//! A whole call between two home networks.

use std::time::Duration;

use floe_inspect::{
    PacketStop, Tone, diagnose, failure_code, headline,
    nat::{NatMapping, mapping},
    path_facts,
    picture::{PairState, PhaseProgress, Severity},
};
use floe_wire::{CandidateType, PacketKind, Stamp};

use crate::script::{ETH, addr, pair_id, two_nat_call};

#[test]
fn the_selected_pair_shows_every_packet_of_both_directions() {
    let script = two_nat_call();
    let pair = script.pair("203.0.113.9:4000");
    assert_eq!((pair.requests_sent, pair.responses_received, pair.retransmissions_sent), (3, 2, 0));
    assert_eq!((pair.requests_received, pair.responses_sent), (1, 1));
    assert_eq!((pair.consent_requests_sent, pair.nominated, pair.selected), (1, true, true));
    assert_eq!(pair.state, PairState::Succeeded);
    assert_eq!((pair.rtt, pair.total_rtt), (Some(Duration::from_millis(30)), Duration::from_millis(61)));
    assert_eq!((pair.media_sent.packets, pair.media_received.packets), (1, 1));
    assert_eq!(pair.why, "answered in 30 ms; in use");
    assert_eq!(script.picture().selected_pair().map(|pair| pair.id), Some(pair_id("203.0.113.9:4000")));
}

#[test]
fn pairs_are_formed_from_bases_and_sorted_by_priority() {
    let script = two_nat_call();
    let remotes: Vec<_> = script.picture().pairs.iter().map(|pair| pair.id.remote).collect();
    assert_eq!(remotes, [addr("192.168.7.7:6000"), addr("203.0.113.9:4000")]);
    assert!(script.picture().pairs[0].priority > script.picture().pairs[1].priority);
    assert!(script.picture().pairs.iter().all(|pair| pair.local_candidate.as_deref() == Some("L1")));
}

#[test]
fn the_unreachable_pair_is_failed_once_checking_is_over() {
    let script = two_nat_call();
    let pair = script.pair("192.168.7.7:6000");
    assert_eq!(pair.state, PairState::Failed);
    assert_eq!(pair.why, "1 check sent, 0 back; none of the peer's checks arrived either");
}

#[test]
fn milestones_stand_in_the_order_they_happened() {
    let timings = two_nat_call().picture().timings;
    let order = [
        timings.gathered,
        timings.code_ready,
        timings.both_codes,
        timings.first_check,
        timings.first_valid,
        timings.selected,
        timings.secured,
        timings.first_audio,
    ];
    let stamps: Vec<Stamp> = order.into_iter().map(|stamp| stamp.expect("every milestone was reached")).collect();
    assert!(stamps.is_sorted(), "{stamps:?}");
    assert_eq!(timings.both_codes, Some(Stamp::from_millis(1_021)));
}

#[test]
fn every_phase_is_done() {
    let script = two_nat_call();
    for phase in &script.picture().phases {
        assert!(matches!(phase.progress, PhaseProgress::Done { .. }), "{phase:?}");
    }
    let details: Vec<_> = script.picture().phases.iter().map(|phase| phase.detail.as_str()).collect();
    assert_eq!(
        details,
        [
            "2 candidates",
            "best: host 192.168.1.2:5000",
            "both codes are known",
            "2 pairs",
            "1 of 2 checked pairs answered",
            "eth0 to 203.0.113.9:4000",
            "DTLS 1.2, 146 ms after both codes",
        ]
    );
}

#[test]
fn the_headline_and_the_path_tell_of_two_routers() {
    let script = two_nat_call();
    let headline = headline(script.picture());
    assert_eq!(headline.text, "Direct, through two home routers. Nobody else carries the audio.");
    assert_eq!(headline.tone, Tone::Good);
    let facts = path_facts(script.picture());
    assert_eq!(facts.local_interface.as_deref(), Some("eth0"));
    assert_eq!(facts.local_nat, Some(addr("203.0.113.21:5000")));
    assert_eq!(facts.remote_type, Some(CandidateType::ServerReflexive));
    assert_eq!((facts.remote_behind_nat, facts.relay, facts.stops), (Some(true), None, None::<PacketStop>));
    assert_eq!((facts.rtt, facts.loss_percent), (Some(Duration::from_millis(30)), None));
}

#[test]
fn nothing_is_diagnosed_on_a_healthy_call() {
    let script = two_nat_call();
    assert_eq!(diagnose(script.picture()), []);
    assert_eq!(failure_code(script.picture()), None);
}

#[test]
fn two_servers_that_see_one_address_make_the_mapping_endpoint_independent() {
    assert_eq!(mapping(two_nat_call().picture()), Some(NatMapping::EndpointIndependent));
}

#[test]
fn bases_and_kinds_are_counted() {
    let script = two_nat_call();
    let picture = script.picture();
    assert_eq!(picture.base(ETH).map(|base| (base.sent.packets, base.received.packets)), Some((8, 6)));
    assert_eq!(picture.counters.sent_by_kind, [(PacketKind::Stun, 7), (PacketKind::Rtp, 1)]);
    assert_eq!(picture.counters.received_by_kind, [(PacketKind::Stun, 5), (PacketKind::Rtp, 1)]);
}

#[test]
fn folding_the_same_records_again_gives_the_same_picture() {
    let script = two_nat_call();
    let mut again = floe_inspect::Inspector::new();
    script.records.iter().for_each(|record| again.ingest(record));
    assert_eq!(again.picture(), script.picture());
}

#[test]
fn the_log_says_what_happened_in_plain_sentences() {
    let script = two_nat_call();
    let important = script.picture().events.iter().filter(|event| event.severity > Severity::Detail);
    let texts: Vec<_> = important.map(|event| event.text.as_str()).collect();
    for expected in [
        "stun:198.51.100.1:3478 sees eth0 as 203.0.113.21:5000 (10 ms)",
        "Our role is controlling: we choose the pair",
        "eth0 → 203.0.113.9:4000: answered in 31 ms",
        "Audio goes over eth0 → 203.0.113.9:4000, 30 ms",
        "The peer's audio arrives",
    ] {
        assert!(texts.contains(&expected), "{expected} is not among {texts:#?}");
    }
    assert!(script.picture().events.iter().all(|event| event.severity < Severity::Warning));
}
