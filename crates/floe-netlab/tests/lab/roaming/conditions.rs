//! What is not lost and yet changes: the default route, the quality of a path, a computer that sleeps.

use std::time::Duration;

use floe_netlab::{CallOptions, Router, isolated};

use super::{
    survival::{AT_ONCE, GAP},
    uplinks::Roaming,
};

/// A sleep is longer than 10 s; the path is shown as failed after 30.
const NAP: Duration = Duration::from_secs(14);

#[test]
fn a_default_route_that_moves_is_followed_without_a_gap() {
    isolated(|| {
        let mut call = Roaming::start(Some(Router::Home));
        call.uplinks[1].prefer().unwrap();
        call.wait(Duration::from_secs(4));
        call.wait_for_audio();

        let ends = call.finish();
        assert_eq!(ends[0].causes(), ["default-route"]);
        for end in &ends {
            let longest = end.longest_interruption();
            assert!(longest <= AT_ONCE, "{longest} ms without the tone");
        }
    });
}

#[test]
fn a_path_that_loses_a_third_of_its_packets_yields_to_a_good_one_for_good() {
    isolated(|| {
        let mut call = Roaming::start(Some(Router::Home));
        let used = call.wait_for_audio();

        call.uplinks[used].lose(33).unwrap();
        call.wait_for_audio_over(1 - used);
        for _ in 0..5 {
            call.wait(Duration::from_secs(1));
            assert_eq!(call.wait_for_audio(), 1 - used, "it stays with the good path");
        }

        // A third of the audio was lost for seconds, piece by piece.
        call.hang_up();
    });
}

#[test]
fn a_computer_that_slept_takes_up_its_call_again() {
    isolated(|| {
        let options = CallOptions { stay: true, ..CallOptions::default() };
        let mut call = Roaming::start_with(Some(Router::Home), options);

        call.alice.sleep(NAP).unwrap();
        call.wait_for_audio();
        call.wait(Duration::from_secs(3));

        let ends = call.finish();
        // The peer, who heard nothing, may have begun a generation meanwhile, which serves.
        let causes = ends[0].causes();
        assert!(causes.contains(&"resumed") || causes.contains(&"peer"), "{causes:?}");
        let awake = ends[1].longest_interruption() - NAP.as_secs_f64() * 1000.0;
        assert!(awake <= GAP, "{awake} ms without the tone after the sleep");
        assert!(ends[1].outcome.ice_states().contains(&"disconnected"), "{:?}", ends[1].outcome.ice_states());
    });
}
