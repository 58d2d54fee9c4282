//! Captures of every kind become records that show what the wire shows.

use std::ops::ControlFlow;

use floe_capture::{
    Import, ImportError, ImportOptions, Problem, import,
    import::{Counts, Why},
};
use floe_inspect::{Inspector, Picture, picture::PairView};
use floe_wire::{Direction, IceConnectionState, IceRole, Note, Record, RecordBody, Stamp};

use crate::{
    call::{HOST, HOST_TCP, HOST_V6, MAPPED, PEER, PEER_TCP, PEER_V6, RELAYED, addr, whole_call},
    export::export,
    files::{Link, Raw, pcap, raw_packets},
};

pub fn open(file: &[u8]) -> Import {
    import(file, &ImportOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap()
}

pub fn fold(records: &[Record]) -> Picture {
    let mut inspector = Inspector::new();
    for record in records {
        inspector.ingest(record);
    }
    inspector.picture().clone()
}

fn raw() -> Vec<Raw> {
    raw_packets(&export(&whole_call()))
}

fn ethernet(packets: &[Raw]) -> Vec<u8> {
    let wrapped: Vec<_> = packets.iter().map(|packet| Link::Ethernet.wrap(packet)).collect();
    pcap(1, &wrapped, false, true)
}

fn pair<'a>(picture: &'a Picture, local: &str, remote: &str) -> &'a PairView {
    let base = picture.bases.iter().find(|base| base.address == addr(local)).expect("the base is there").base;
    let pairs = picture.pairs.iter();
    pairs.into_iter().find(|pair| (pair.id.base, pair.id.remote) == (base, addr(remote))).expect("the pair is there")
}

/// What does not depend on ids: the packets of each end, with times.
fn packets(records: &[Record]) -> Vec<(Stamp, Direction, String, Vec<u8>)> {
    let packets = records.iter().filter_map(|record| match &record.body {
        RecordBody::Packet(packet) => {
            Some((record.at, packet.direction, packet.remote.to_string(), packet.bytes.to_vec()))
        }
        RecordBody::Note(_) => None,
    });
    packets.collect()
}

#[test]
fn an_exported_call_comes_back_with_the_same_packets() {
    let import = open(&export(&whole_call()));
    assert_eq!(import.us.unwrap().why, Why::Direction);
    let handshakes_and_stun = |packet: &(Stamp, Direction, String, Vec<u8>)| packet.3[0] < 0x80;
    let before: Vec<_> = packets(&whole_call()).into_iter().filter(handshakes_and_stun).collect();
    assert_eq!(packets(&import.records), before);
    assert_eq!(import.counts.taken, import.counts.frames);
}

#[test]
fn the_picture_of_an_import_shows_what_the_call_showed() {
    let (live, imported) = (fold(&whole_call()), fold(&open(&export(&whole_call())).records));
    for (local, remote) in [(HOST, PEER), (HOST_V6, PEER_V6), (HOST_TCP, PEER_TCP), (RELAYED, PEER)] {
        let (live, imported) = (pair(&live, local, remote), pair(&imported, local, remote));
        let facts = |pair: &PairView| {
            let requests = (pair.requests_sent, pair.requests_received, pair.retransmissions_sent);
            let responses = (pair.responses_sent, pair.responses_received);
            let traffic = (pair.media_sent, pair.media_received);
            (requests, responses, pair.state, pair.rtt, pair.total_rtt, pair.nominated, pair.selected, traffic)
        };
        assert_eq!(facts(imported), facts(live), "{local} {remote}");
    }
    assert_eq!(imported.role, Some(IceRole::Controlling));
    assert_eq!(imported.wall_ms, live.wall_ms);
    assert_eq!(imported.timings.first_check, live.timings.first_check);
    assert_eq!(imported.timings.first_valid, live.timings.first_valid);
    assert_eq!(imported.ice_connection_state(), IceConnectionState::Connected);
    assert_eq!(imported.mappings.len(), live.mappings.len());
    assert!(imported.timings.secured.is_some() && imported.timings.first_audio.is_some());
    let mapped = imported.local_candidates.iter().find(|view| view.candidate.address == addr(MAPPED));
    assert_eq!(mapped.unwrap().candidate.candidate_type, floe_wire::CandidateType::ServerReflexive);
}

#[test]
fn every_link_layer_byte_order_and_resolution_reads_the_same() {
    let expected = open(&ethernet(&raw()));
    assert_eq!(expected.problems, [Problem::CutMedia { packets: 150 }]);
    for link in Link::ALL {
        let wrapped: Vec<_> = raw().iter().map(|packet| link.wrap(packet)).collect();
        for (is_big, nanoseconds) in [(false, true), (true, true), (true, false), (false, false)] {
            let import = open(&pcap(link.number(), &wrapped, is_big, nanoseconds));
            let what = format!("{link:?}, big-endian {is_big}, nanoseconds {nanoseconds}");
            assert_eq!(import.records.len(), expected.records.len(), "{what}");
            // Stamps of the call are whole microseconds.
            assert_eq!(import.records, expected.records, "{what}");
            assert_eq!(import.counts, expected.counts, "{what}");
        }
    }
}

#[test]
fn a_link_layer_that_nobody_knows_is_said() {
    let import = open(&pcap(147, &raw(), false, true));
    assert!(import.sessions.is_empty());
    assert_eq!(import.problems[0], Problem::UnknownLink { frames: raw().len() as u64 });
}

#[test]
fn padding_of_short_frames_is_no_payload() {
    let whole = raw().into_iter().filter(|packet| packet.bytes.len() as u32 == packet.whole);
    let padded = whole.map(|mut packet| {
        packet.bytes.extend([0; 6]);
        packet.whole += 6;
        packet
    });
    let import = open(&ethernet(&padded.collect::<Vec<_>>()));
    assert_eq!(import.counts.malformed_stun, 0);
    assert_eq!(fold(&import.records).evidence.malformed_stun, 0);
}

#[test]
fn a_capture_cut_at_every_byte_is_read_up_to_the_cut() {
    let packets: Vec<_> = raw().into_iter().take(20).collect();
    for file in [ethernet(&packets), export(&whole_call()[..60])] {
        let whole = open(&file);
        let mut last = 0;
        for cut in 0..file.len() {
            let options = ImportOptions::default();
            match import(&file[..cut], &options, &mut |_| ControlFlow::Continue(())) {
                Ok(import) => {
                    assert!(import.counts.frames >= last && import.counts.frames <= whole.counts.frames);
                    last = import.counts.frames;
                    let is_cut = import.problems.iter().any(|problem| matches!(problem, Problem::CutOff { .. }));
                    let offset = import.problems.iter().find_map(|problem| match problem {
                        Problem::CutOff { offset } => Some(*offset),
                        _ => None,
                    });
                    assert!(!is_cut || offset.unwrap() < cut as u64, "cut at {cut}");
                }
                Err(error) => assert!(matches!(error, ImportError::NotACapture) && cut < 24, "cut at {cut}: {error}"),
            }
        }
        assert!(last + 1 >= whole.counts.frames);
    }
}

#[test]
fn damage_in_the_middle_costs_what_it_hit() {
    for file in [ethernet(&raw()), export(&whole_call())] {
        let whole = open(&file).counts.frames;
        let mut damaged = file.clone();
        let middle = file.len() / 2;
        damaged[middle..middle + 300].fill(0xFF);
        let import = open(&damaged);
        assert!(import.counts.frames + 20 > whole && import.counts.frames < whole, "{:?}", import.counts);
        assert!(import.problems.iter().any(|problem| matches!(problem, Problem::Damaged { .. })));
    }
}

#[test]
fn a_clock_that_goes_backwards_is_put_in_order_and_said() {
    let mut packets = raw();
    packets.swap(3, 4);
    packets[20].nanoseconds -= 1_000_000_000;
    let import = open(&ethernet(&packets));
    assert!(import.records.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert!(
        import.problems.contains(&Problem::Backwards { frames: 1 })
            || import.problems.contains(&Problem::Backwards { frames: 2 })
    );
}

#[test]
fn a_snap_length_costs_payloads_and_no_counts() {
    let snapped = raw().into_iter().map(|mut packet| {
        packet.bytes.truncate(60);
        packet
    });
    let import = open(&ethernet(&snapped.collect::<Vec<_>>()));
    assert!(import.counts.cut >= 150);
    assert_eq!(import.counts.media, 150);
}

#[test]
fn fragments_are_counted_and_their_first_part_is_read() {
    let mut packets = raw();
    let mut first = packets[0].clone();
    first.bytes[6] = 0x20;
    let mut second = packets[0].clone();
    second.bytes[6..8].copy_from_slice(&[0, 9]);
    packets.splice(0..1, [first, second]);
    let import = open(&ethernet(&packets));
    assert_eq!(import.counts.fragments, 2);
    assert!(import.problems.contains(&Problem::Fragments { parts: 2 }));
}

#[test]
fn the_side_can_be_swapped() {
    let options = ImportOptions { swap_sides: true, ..ImportOptions::default() };
    let file = ethernet(&raw());
    let (ours, theirs) = (open(&file), import(&file[..], &options, &mut |_| ControlFlow::Continue(())).unwrap());
    assert_eq!(ours.us.unwrap().why, Why::AskedServers);
    assert!(ours.us_sentence().unwrap().contains("it asked STUN or TURN servers"), "{:?}", ours.us_sentence());
    let picture = fold(&theirs.records);
    assert_eq!(picture.role, Some(IceRole::Controlled));
    let peers = pair(&picture, PEER, HOST);
    let our_picture = fold(&ours.records);
    let mine = pair(&our_picture, HOST, PEER);
    assert_eq!(
        (peers.requests_sent, peers.requests_received),
        (mine.requests_received, mine.requests_sent + mine.retransmissions_sent)
    );
}

#[test]
fn an_import_can_be_watched_and_cancelled() {
    let packets = raw();
    let many: Vec<_> = (0..500).flat_map(|_| packets.clone()).collect();
    let file = ethernet(&many);
    let mut told = Vec::new();
    let options = ImportOptions::default();
    import(&file[..], &options, &mut |progress| {
        told.push(progress.bytes);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(told.len() >= 2 && told.windows(2).all(|pair| pair[0] < pair[1]), "{told:?}");
    let cancelled = import(&file[..], &options, &mut |_| ControlFlow::Break(()));
    assert!(matches!(cancelled, Err(ImportError::Cancelled)));
}

#[test]
fn a_session_is_chosen_by_its_user_fragment() {
    let file = ethernet(&raw());
    let choose = |ufrag: &str| {
        let options = ImportOptions { session: Some(ufrag.to_owned()), swap_sides: false };
        import(&file[..], &options, &mut |_| ControlFlow::Continue(()))
    };
    assert_eq!(choose("Zx9p").unwrap().chosen, Some(0));
    assert!(matches!(choose("nobody"), Err(ImportError::NoSuchSession { .. })));
}

#[test]
fn what_was_not_captured_is_not_claimed() {
    let import = open(&ethernet(&raw()));
    let claims = import.records.iter().filter(|record| {
        matches!(
            record.body.as_note(),
            Some(Note::GatheringChanged { .. } | Note::SignalingChanged { .. } | Note::Secured(_) | Note::Ended { .. })
        )
    });
    assert_eq!(claims.count(), 0);
}

#[test]
fn a_capture_without_ice_holds_no_session() {
    let import = open(&pcap(1, &[], false, false));
    assert_eq!((import.sessions.len(), import.chosen, import.counts), (0, None, Counts::default()));
}
