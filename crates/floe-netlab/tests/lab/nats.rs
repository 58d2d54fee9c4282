//! Calls between two homes, each behind a router with NAT.

use std::collections::BTreeSet;

use floe_netlab::{CallOptions, CallOutcome, Capture, Datagram, Kind, Lab, StunServer, isolated};

use crate::{SOON, both_call, check_tone, exchange_codes, wait_for_audio};

/// The call was connected through both routers and the tone was heard.
fn check_good_call(outcome: &CallOutcome) {
    assert_eq!(outcome.exit_code, Some(0), "{:#}", outcome.report);
    assert_eq!(outcome.report["outcome"], "connected");
    let (_local, remote) = outcome.selected_types().unwrap();
    assert!(["srflx", "prflx"].contains(&remote.as_str()), "the peer was reached at its {remote} candidate");
    check_tone(outcome, 0.8);
}

/// Plain Opus would begin with the same byte in every packet (RFC 6716 section 3.1); ciphertext begins with any.
fn check_encrypted(seen: &[Datagram]) {
    let first_bytes: Vec<u8> = seen.iter().filter_map(Datagram::first_media_byte).collect();
    let distinct: BTreeSet<_> = first_bytes.iter().collect();
    assert!(first_bytes.len() > 100, "only {} packets of audio were seen", first_bytes.len());
    assert!(distinct.len() > 50, "{} packets of audio begin with {} bytes only", first_bytes.len(), distinct.len());
}

#[test]
fn a_call_through_two_routers_is_direct_and_shows_third_parties_nothing_but_stun_dtls_and_srtp() {
    isolated(|| {
        let lab = Lab::two_nats().unwrap();
        let server = StunServer::start(&lab).unwrap();
        let capture = Capture::in_the_middle(&lab).unwrap();
        let options = CallOptions { stun: vec![server.url()], seconds: Some(3), ..CallOptions::default() };
        let (mut alice, mut bob) = both_call(&lab, &options);

        exchange_codes(&mut alice, &mut bob);
        wait_for_audio(&capture, &lab);

        check_good_call(&alice.finish(SOON).unwrap());
        check_good_call(&bob.finish(SOON).unwrap());
        let seen = capture.stop().unwrap();
        let kinds: BTreeSet<Kind> = seen.iter().map(Datagram::kind).collect();
        assert_eq!(kinds, BTreeSet::from([Kind::Stun, Kind::Dtls, Kind::Rtp]));
        check_encrypted(&seen);
    });
}

#[test]
fn the_report_names_the_server_that_showed_the_outside_address() {
    isolated(|| {
        let lab = Lab::two_nats().unwrap();
        let server = StunServer::start(&lab).unwrap();
        let options = CallOptions { stun: vec![server.url()], seconds: Some(1), ..CallOptions::default() };
        let (mut alice, mut bob) = both_call(&lab, &options);

        exchange_codes(&mut alice, &mut bob);

        let report = alice.finish(SOON).unwrap().report;
        let candidates = report["localCandidates"].as_array().unwrap();
        let outside = candidates.iter().find(|candidate| candidate["candidateType"] == "srflx").unwrap();
        assert_eq!(outside["address"], lab.alice.public_address().to_string());
        assert_eq!(outside["relatedAddress"], lab.alice.address().to_string());
        assert_eq!(outside["url"], server.url());
        assert_eq!(report["servers"][0]["ok"], true);
    });
}
