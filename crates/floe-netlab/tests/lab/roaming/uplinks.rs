//! A machine with two ways to the internet, which come and go while it calls.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use floe_netlab::{CallOptions, CallProcess, Capture, Host, Kind, Lab, Router, StunServer, Uplink, isolated};

use super::survival::{AT_ONCE, End, FALL_OVER, GAP, check_interruptions, check_same_call};
use crate::{POLL, SOON, both_call, exchange_codes};

/// Packets of audio on their way in both directions, from here on.
const FLOWING: usize = 15;
/// Without a wish in the environment.
const CHANGES: usize = 20;
const SEED: u64 = 7;
/// Connections of ICE-TCP that one time may have and another not.
const CONNECTIONS: usize = 4;

/// A call of a machine with two uplinks.
pub(super) struct Roaming {
    pub lab: Lab,
    pub uplinks: [Uplink; 2],
    pub alice: CallProcess,
    bob: CallProcess,
    capture: Capture,
    _server: StunServer,
}

impl Roaming {
    /// Starts the call and waits until it has audio both ways.
    pub fn start(router_of_bob: Option<Router>) -> Self {
        Self::start_with(router_of_bob, CallOptions::default())
    }

    /// Starts the call with these options, and waits until it has audio both ways.
    pub fn start_with(router_of_bob: Option<Router>, options: CallOptions) -> Self {
        let (lab, uplinks) = Lab::two_uplinks(router_of_bob).unwrap();
        let server = StunServer::start(&lab).unwrap();
        let capture = Capture::in_the_middle(&lab).unwrap();
        let options = CallOptions { stun: vec![server.url()], ..options };
        let (mut alice, mut bob) = both_call(&lab, &options);
        exchange_codes(&mut alice, &mut bob);
        let mut call = Self { lab, uplinks, alice, bob, capture, _server: server };
        call.wait_for_audio();
        // The control channel is there, and both know what is in reserve.
        call.wait(Duration::from_secs(2));
        call
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        self.alice.keep_waiting(time).unwrap();
    }

    /// Waits until audio flows in both directions over any uplink, from here on; tells over which.
    pub fn wait_for_audio(&mut self) -> usize {
        let before = self.capture.so_far().unwrap().len();
        let deadline = Instant::now() + SOON;
        loop {
            let seen = self.capture.so_far().unwrap();
            let audio = || seen.get(before..).unwrap_or_default().iter().filter(|seen| seen.kind() == Kind::Rtp);
            let flows = |router: &Host| {
                let from = audio().filter(|seen| *seen.from.ip() == router.address()).count();
                let to = audio().filter(|seen| *seen.to.ip() == router.address()).count();
                from >= FLOWING && to >= FLOWING
            };
            if let Some(index) = self.uplinks.iter().position(|uplink| flows(&uplink.router)) {
                return index;
            }
            assert!(Instant::now() < deadline, "no audio both ways within {SOON:?}");
            thread::sleep(POLL);
        }
    }

    /// Waits until audio flows over this uplink.
    pub fn wait_for_audio_over(&mut self, uplink: usize) {
        let deadline = Instant::now() + SOON;
        while self.wait_for_audio() != uplink {
            assert!(Instant::now() < deadline, "audio does not go over uplink {uplink} within {SOON:?}");
        }
    }

    /// What Alice has open: UDP sockets, and files of any kind.
    fn open(&self) -> (usize, usize) {
        (self.lab.alice.udp_sockets().unwrap().len(), self.alice.open_files().unwrap())
    }

    /// As many sockets as before, give or take connections that come and go by themselves.
    fn check_open(&self, (udp, files): (usize, usize)) {
        let (udp_now, files_now) = self.open();
        assert_eq!(udp_now, udp, "UDP sockets");
        assert!(files_now <= files + CONNECTIONS, "{files} files were open, {files_now} are");
    }

    /// Both hang up; the call was one call to the end, and what is printed of its audio is what was recorded.
    pub fn finish(self) -> [End; 2] {
        let ends = self.hang_up();
        ends.iter().for_each(check_interruptions);
        ends
    }

    /// Both hang up; the call was one call to the end.
    pub fn hang_up(self) -> [End; 2] {
        self.alice.hang_up().unwrap();
        let ends = [self.alice, self.bob].map(|call| End::of(call.finish(SOON).unwrap()));
        check_same_call(&ends);
        ends
    }
}

#[test]
fn an_uplink_that_goes_down_is_left_at_once_and_taken_again_when_it_is_back() {
    isolated(|| {
        let mut call = Roaming::start(Some(Router::Home));
        let used = call.wait_for_audio();
        let before = call.open();

        call.uplinks[used].take_down().unwrap();
        call.wait_for_audio_over(1 - used);
        call.wait(Duration::from_secs(3));
        call.uplinks[used].bring_up().unwrap();
        call.wait(Duration::from_secs(5));

        call.check_open(before);
        let ends = call.finish();
        // What is in reserve takes over, and no generation is needed before the better uplink is back.
        assert_eq!(ends[0].causes(), ["took-over", "network-up"]);
        for end in &ends {
            assert!(end.restarts().iter().all(|restart| restart["selectedMs"].is_number()), "{:?}", end.restarts());
            let longest = end.longest_interruption();
            assert!(longest <= GAP, "{longest} ms without the tone");
            let last = end.gaps().pop().unwrap();
            assert!(last <= AT_ONCE, "{last} ms made up as a better uplink came: {:?}", end.restarts());
            assert!(longest <= FALL_OVER, "{longest} ms until the uplink in reserve carried the call");
        }
    });
}

#[test]
fn an_uplink_that_dies_unnoticed_by_the_system_is_left_for_the_one_in_reserve() {
    isolated(|| {
        let mut call = Roaming::start(Some(Router::Home));
        let used = call.wait_for_audio();

        call.uplinks[used].set_internet(false).unwrap();
        call.wait_for_audio_over(1 - used);
        call.wait(Duration::from_secs(2));

        for end in &call.finish() {
            let longest = end.longest_interruption();
            assert!(longest <= GAP, "{longest} ms without the tone");
        }
    });
}

/// A change after which another uplink is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// The old one works.
    Beside,
    /// The old one went.
    Instead,
}

/// What happens to uplinks: one is lost, one comes back, or one comes as the other one goes.
fn change(call: &Roaming, is_up: &mut [bool; 2], random: u64) -> Option<Came> {
    let used = usize::from(random & 1 == 1);
    match *is_up {
        [true, true] => {
            call.uplinks[used].take_down().unwrap();
            is_up[used] = false;
            None
        }
        [first, _] => {
            let (up, down) = if first { (0, 1) } else { (1, 0) };
            let is_swap = random & 2 == 2;
            if is_swap {
                call.uplinks[up].take_down().unwrap();
                is_up[up] = false;
            }
            call.uplinks[down].bring_up().unwrap();
            is_up[down] = true;
            Some(if is_swap { Came::Instead } else { Came::Beside })
        }
    }
}

/// What is bearable depends on what was there when something was lost.
fn check_bounds(ends: &[End; 2], came: &[Came]) {
    for end in ends {
        let longest = end.longest_interruption();
        assert!(longest <= GAP, "{longest} ms without the tone");
        for taken_over in end.gaps_of("took-over") {
            assert!(taken_over <= FALL_OVER, "{taken_over} ms until what was in reserve carried the call");
        }
    }
    let ups = ends[0].gaps_of("network-up");
    // On a busy machine one uplink may be seen to go before the other one is seen to come; then nothing can be told apart.
    if ups.len() == came.len() {
        let beside = ups.iter().zip(came).filter(|(_, came)| **came == Came::Beside);
        for (gap, _) in beside {
            assert!(*gap <= AT_ONCE, "{gap} ms made up as an uplink came: {ups:?} {came:?}");
        }
    }
}

fn number_from_environment(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// More changes and other ones with `FLOE_NETLAB_CHANGES` and `FLOE_NETLAB_SEED`.
#[test]
fn uplinks_that_come_and_go_in_any_order_end_no_call() {
    isolated(|| {
        let changes = number_from_environment("FLOE_NETLAB_CHANGES").map_or(CHANGES, |number| number as usize);
        let mut random = number_from_environment("FLOE_NETLAB_SEED").unwrap_or(SEED);
        let mut call = Roaming::start(None);
        let before = call.open();
        let (mut is_up, mut came) = ([true, true], Vec::new());
        for _ in 0..changes {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            came.extend(change(&call, &mut is_up, random >> 33));
            call.wait_for_audio();
            call.wait(Duration::from_millis(2500));
        }
        for index in [0, 1] {
            if !is_up[index] {
                call.uplinks[index].bring_up().unwrap();
                came.push(Came::Beside);
            }
        }
        // The last generation but one ends.
        call.wait(Duration::from_secs(4));

        call.check_open(before);
        let ends = call.finish();
        check_bounds(&ends, &came);
        assert!(ends.iter().all(|end| !end.gaps().is_empty()), "restarts tell what they cost");
    });
}
