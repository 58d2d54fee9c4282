//! Networks that forget or lose everything, with nothing changed at the machine.

use std::time::Duration;

use floe_netlab::{CallOptions, Mapping, Router, isolated};

use super::{survival::GAP, uplinks::Roaming};

#[test]
fn a_router_that_forgets_its_connections_is_passed_again_within_a_second() {
    isolated(|| {
        let mut call = Roaming::start(Some(Router::Home));
        let used = call.wait_for_audio();

        call.uplinks[used].router.forget_connections(Mapping::Same).unwrap();
        call.wait(Duration::from_secs(3));
        call.wait_for_audio();

        for end in &call.finish() {
            let longest = end.longest_interruption();
            assert!(longest <= GAP, "{longest} ms without the tone");
        }
    });
}

#[test]
fn a_router_that_maps_the_call_elsewhere_interrupts_it_for_less_than_a_second() {
    isolated(|| {
        let mut call = Roaming::start(None);
        let used = call.wait_for_audio();
        call.uplinks[1 - used].take_down().unwrap();
        call.wait(Duration::from_secs(2));

        call.uplinks[used].router.forget_connections(Mapping::Elsewhere).unwrap();
        call.wait(Duration::from_secs(3));
        call.wait_for_audio_over(used);

        for end in &call.finish() {
            let longest = end.longest_interruption();
            assert!(longest <= GAP, "{longest} ms without the tone");
        }
    });
}

#[test]
fn a_call_comes_back_when_everything_was_lost_for_ten_seconds() {
    isolated(|| {
        let mut call = Roaming::start(Some(Router::Home));

        call.lab.set_outage(true).unwrap();
        call.wait(Duration::from_secs(10));
        call.lab.set_outage(false).unwrap();
        call.wait_for_audio();
        call.wait(Duration::from_secs(3));

        for end in &call.finish() {
            assert!(end.outcome.ice_states().contains(&"disconnected"), "{:?}", end.outcome.ice_states());
            let newest = end.outcome.report["selectedPairs"].as_array().unwrap().last().unwrap()["generation"].as_u64();
            assert!(newest.unwrap() <= 1, "the same generation or the next: {newest:?}");
            let longest = end.longest_interruption();
            assert!((9_500.0..12_500.0).contains(&longest), "{longest} ms without the tone");
            let printed = end.gaps().into_iter().fold(0.0, f64::max);
            assert!((9_500.0..12_500.0).contains(&printed), "{printed} ms are printed: {:?}", end.restarts());
        }
    });
}

#[test]
fn a_call_that_failed_in_a_minute_without_a_network_revives_by_itself() {
    isolated(|| {
        let options = CallOptions { stay: true, ..CallOptions::default() };
        let mut call = Roaming::start_with(Some(Router::Home), options);

        call.lab.set_outage(true).unwrap();
        call.wait(Duration::from_mins(1));
        call.lab.set_outage(false).unwrap();
        call.wait_for_audio();
        call.wait(Duration::from_secs(3));

        for end in &call.finish() {
            let states = end.outcome.ice_states();
            let failed = states.iter().position(|state| *state == "failed").expect("it is said that the call failed");
            assert!(states[failed..].contains(&"connected"), "{states:?}");
            let longest = end.longest_interruption();
            assert!((59_500.0..70_000.0).contains(&longest), "{longest} ms without the tone");
        }
    });
}
