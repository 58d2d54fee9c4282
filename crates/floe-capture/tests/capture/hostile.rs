//! Captures that nobody's capture program wrote.

use std::ops::ControlFlow;

use floe_capture::{Import, ImportError, ImportOptions, Problem, import, redact};
use proptest::prelude::*;

use crate::{
    call::whole_call,
    export::export,
    files::{Link, Raw, pcap, raw_packets},
};

fn open(file: &[u8]) -> Result<Import, ImportError> {
    import(file, &ImportOptions::default(), &mut |_| ControlFlow::Continue(()))
}

fn ethernet() -> Vec<u8> {
    let packets: Vec<_> = raw_packets(&export(&whole_call())).iter().map(|raw| Link::Ethernet.wrap(raw)).collect();
    pcap(1, &packets, false, true)
}

#[test]
fn a_length_of_4_gb_is_damage_and_no_memory() {
    let mut classic = ethernet();
    // The length of the second frame.
    let second = 24 + 16 + u32::from_le_bytes(classic[32..36].try_into().unwrap()) as usize;
    classic[second + 8..second + 12].fill(0xFF);
    let import = open(&classic).unwrap();
    assert!(matches!(import.problems[0], Problem::Damaged { offset, .. } if offset == second as u64));
    assert!(import.counts.frames > 100);

    let mut pcapng = export(&whole_call());
    let first = u32::from_le_bytes(pcapng[4..8].try_into().unwrap()) as usize;
    pcapng[first + 4..first + 8].copy_from_slice(&[0xFC, 0xFF, 0xFF, 0xFF]);
    let import = open(&pcapng).unwrap();
    assert!(matches!(import.problems[0], Problem::CutOff { .. } | Problem::Damaged { .. }), "{:?}", import.problems);
}

#[test]
fn frames_whose_interface_was_damaged_are_said() {
    let mut file = include_bytes!("../browsers/direct.a.pcapng").to_vec();
    let interface = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    // A packet of 4 GB in its place.
    file[interface..interface + 8].copy_from_slice(&[6, 0, 0, 0, 0xFC, 0xFF, 0xFF, 0xFF]);
    let import = open(&file).unwrap();
    assert!(matches!(import.problems[0], Problem::Damaged { .. }), "{:?}", import.problems);
    let skipped = Problem::UnknownLink { frames: import.counts.frames };
    assert!(import.counts.frames > 100 && import.problems.contains(&skipped), "{:?}", import.problems);
}

#[test]
fn a_port_scan_of_millions_is_counted_and_not_remembered() {
    // Every packet looks like RTP from another address, and none belongs to ICE.
    let template = raw_packets(&export(&whole_call())).into_iter().find(|raw| raw.bytes[28] == 0x80).unwrap();
    let packets: Vec<Raw> = (0..100_000_u32)
        .map(|n| {
            let mut packet = template.clone();
            packet.bytes[12..16].copy_from_slice(&n.to_be_bytes());
            packet
        })
        .collect();
    let import = open(&pcap(101, &packets, false, true)).unwrap();
    assert_eq!((import.counts.frames, import.sessions.len()), (100_000, 0));
    assert!(import.records.len() < 10);
    assert!(import.counts.other > 30_000, "flows beyond the cap are counted: {:?}", import.counts);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_behind_any_header_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
        for link in Link::ALL {
            let _ = open(&[pcap(link.number(), &[], false, true), bytes.clone()].concat());
            let _ = open(&[pcap(link.number(), &[], true, false), bytes.clone()].concat());
        }
        let section = export(&[]);
        let _ = open(&[section, bytes.clone()].concat());
        let _ = open(&bytes);
    }

    #[test]
    fn random_frames_of_any_link_are_survived(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..40),
        protocol in prop_oneof![Just(6_u8), Just(17), any::<u8>()],
    ) {
        for link in Link::ALL {
            let packets: Vec<_> = frames.iter().enumerate().map(|(at, bytes)| {
                // Enough of a header to get through to the ports.
                let mut bytes = [&[0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0][..], bytes].concat();
                bytes[3] = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
                let whole = u32::try_from(bytes.len()).unwrap();
                link.wrap(&Raw { nanoseconds: at as u64 * 1_000, bytes, whole })
            }).collect();
            let import = open(&pcap(link.number(), &packets, false, true)).unwrap();
            prop_assert_eq!(import.counts.frames, frames.len() as u64);
            let _ = redact(&import.records);
        }
    }

    #[test]
    fn bytes_changed_anywhere_in_a_call_are_survived(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
        cut in any::<prop::sample::Index>(),
    ) {
        for mut file in [ethernet(), export(&whole_call())] {
            for (at, byte) in &changes {
                let at = at.index(file.len());
                file[at] = *byte;
            }
            file.truncate(cut.index(file.len()) + 1);
            if let Ok(import) = open(&file) {
                prop_assert!(import.records.windows(2).all(|pair| pair[0].at <= pair[1].at));
            }
        }
    }
}
