//! Packets as they should be, and as nobody should accept them.

use proptest::prelude::*;

use super::*;

const PROFILES: [SrtpProfile; 3] =
    [SrtpProfile::AEAD_AES_256_GCM, SrtpProfile::AEAD_AES_128_GCM, SrtpProfile::AES128_CM_SHA1_80];

/// Client and server with the same material.
fn ends(profile: SrtpProfile, material: u8) -> (Srtp, Srtp) {
    let material: Vec<u8> = (0..profile.keying_material_len()).map(|i| material.wrapping_add(i as u8)).collect();
    (Srtp::new(profile, &material, true).unwrap(), Srtp::new(profile, &material, false).unwrap())
}

fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 111];
    packet.extend(sequence.to_be_bytes());
    packet.extend(7_u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(b"twenty milliseconds");
    packet
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet
}

#[test]
fn every_profile_protects_both_kinds_both_ways() {
    for profile in PROFILES {
        let (mut client, mut server) = ends(profile, 3);
        for (sender, receiver) in [(true, false), (false, true)] {
            let (packet, report) = (rtp(9, 1), rtcp(9));
            let (from, to) = if sender { (&mut client, &mut server) } else { (&mut server, &mut client) };
            assert_ne!(sender, receiver);
            assert_eq!(to.unprotect_rtp(&from.protect_rtp(&packet).unwrap()), Ok(packet), "{profile:?}");
            assert_eq!(to.unprotect_rtcp(&from.protect_rtcp(&report).unwrap()), Ok(report), "{profile:?}");
        }
    }
}

#[test]
fn a_packet_is_accepted_once() {
    for profile in PROFILES {
        let (mut client, mut server) = ends(profile, 3);
        let (packet, report) = (client.protect_rtp(&rtp(9, 1)).unwrap(), client.protect_rtcp(&rtcp(9)).unwrap());
        assert!(server.unprotect_rtp(&packet).is_ok() && server.unprotect_rtcp(&report).is_ok());
        assert_eq!(server.unprotect_rtp(&packet), Err(SecureError::Replayed), "{profile:?}");
        assert_eq!(server.unprotect_rtcp(&report), Err(SecureError::Replayed), "{profile:?}");
    }
}

#[test]
fn packets_out_of_order_are_accepted() {
    let (mut client, mut server) = ends(PROFILES[0], 3);
    let packets: Vec<_> = (1..=50).map(|sequence| client.protect_rtp(&rtp(9, sequence)).unwrap()).collect();
    assert!(server.unprotect_rtp(&packets[0]).is_ok());
    for packet in packets[1..].iter().rev() {
        assert!(server.unprotect_rtp(packet).is_ok());
    }
}

#[test]
fn sequence_numbers_may_wrap() {
    let (mut client, mut server) = ends(PROFILES[1], 3);
    for step in 0..70_000_u32 {
        let protected = client.protect_rtp(&rtp(9, (60_000 + step) as u16)).unwrap();
        if step % 50 == 0 {
            assert!(server.unprotect_rtp(&protected).is_ok(), "packet {step}");
        }
    }
}

/// What a sender must keep from happening, for nothing can be done about it later.
#[test]
fn a_wrap_that_the_receiver_never_saw_leaves_it_deaf() {
    let (mut client, mut server) = ends(PROFILES[1], 3);
    let packets = [u16::MAX, 0].map(|sequence| client.protect_rtp(&rtp(9, sequence)).unwrap());
    assert!(server.unprotect_rtp(&packets[1]).is_err());
}

#[test]
fn another_key_or_a_changed_byte_is_not_authentic() {
    for profile in PROFILES {
        let ((mut client, mut server), (_, mut stranger)) = (ends(profile, 3), ends(profile, 4));
        let (packet, report) = (client.protect_rtp(&rtp(9, 1)).unwrap(), client.protect_rtcp(&rtcp(9)).unwrap());
        assert_eq!(stranger.unprotect_rtp(&packet), Err(SecureError::NotAuthentic));
        assert_eq!(stranger.unprotect_rtcp(&report), Err(SecureError::NotAuthentic));
        for at in 1..packet.len() {
            let mut changed = packet.clone();
            changed[at] ^= 1;
            assert_eq!(server.unprotect_rtp(&changed), Err(SecureError::NotAuthentic), "{profile:?}, byte {at}");
        }
        for at in 1..report.len() {
            let mut changed = report.clone();
            changed[at] ^= 1;
            assert_eq!(server.unprotect_rtcp(&changed), Err(SecureError::NotAuthentic), "{profile:?}, byte {at}");
        }
        assert!(server.unprotect_rtp(&packet).is_ok() && server.unprotect_rtcp(&report).is_ok(), "{profile:?}");
    }
}

#[test]
fn reports_that_claim_to_be_unencrypted_are_refused() {
    for profile in PROFILES {
        let (mut client, mut server) = ends(profile, 3);
        let protected = client.protect_rtcp(&rtcp(9)).unwrap();
        for at in 8..protected.len() {
            let mut changed = protected.clone();
            changed[at] &= 0x7F;
            if changed != protected {
                assert_eq!(server.unprotect_rtcp(&changed), Err(SecureError::NotAuthentic), "{profile:?}, byte {at}");
            }
        }
        let forged = [rtcp(9), vec![0; 30]].concat();
        assert_eq!(server.unprotect_rtcp(&forged), Err(SecureError::NotAuthentic), "{profile:?}");
    }
}

#[test]
fn forged_packets_do_not_move_the_replay_window() {
    let (mut client, mut server) = ends(PROFILES[0], 3);
    for forged in [rtp(9, 30_000), rtp(9, 50_000), [rtp(9, 9), vec![0; 40]].concat()] {
        assert_eq!(server.unprotect_rtp(&forged), Err(SecureError::NotAuthentic));
    }
    let mut forged = [rtcp(9), vec![1; 16]].concat();
    forged.extend(0xB000_0000_u32.to_be_bytes());
    assert_eq!(server.unprotect_rtcp(&forged), Err(SecureError::NotAuthentic));
    assert!(server.unprotect_rtp(&client.protect_rtp(&rtp(9, 1)).unwrap()).is_ok());
    assert!(server.unprotect_rtcp(&client.protect_rtcp(&rtcp(9)).unwrap()).is_ok());
}

#[test]
fn a_stream_that_begins_again_with_another_source_is_heard_and_the_old_one_cannot_be_replayed() {
    let (mut client, mut server) = ends(PROFILES[0], 3);
    let packets = [1, 2, 3].map(|ssrc| client.protect_rtp(&rtp(ssrc, 1)).unwrap());
    for packet in &packets {
        assert!(server.unprotect_rtp(packet).is_ok());
    }
    for packet in &packets {
        assert_eq!(server.unprotect_rtp(packet), Err(SecureError::Replayed));
    }
}

#[test]
fn sources_are_bounded() {
    let (mut client, mut server) = ends(PROFILES[0], 3);
    let heard =
        (0..100).filter(|ssrc| server.unprotect_rtp(&client.protect_rtp(&rtp(*ssrc, 1)).unwrap()).is_ok()).count();
    assert_eq!(heard, MAX_SOURCES);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), first in 0x80..0xC0_u8) {
        for profile in PROFILES {
            let (mut client, mut server) = ends(profile, 3);
            let mut packet = bytes.clone();
            if let Some(byte) = packet.first_mut() {
                *byte = first;
            }
            prop_assert!(server.unprotect_rtp(&packet).is_err());
            prop_assert!(server.unprotect_rtcp(&packet).is_err());
            let _ = (client.protect_rtp(&packet), client.protect_rtcp(&packet));
        }
    }
}
