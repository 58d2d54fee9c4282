//! Restarts by the clock: when a generation begins, which one is shown, and when one is over.

use bytes::Bytes;
use floe_secure::{Certificate, Output, SecureSession};
use floe_wire::{
    BaseId, CandidateType, PacketKind,
    stun::{Check, TransactionId},
};

use super::*;

const FIRST: Generation = Generation(0);
const SECOND: Generation = Generation(1);
const MS: Duration = Duration::from_millis(1);

fn candidate(port: u16) -> Candidate {
    Candidate {
        candidate_type: CandidateType::Host,
        protocol: Protocol::Udp,
        tcp_type: None,
        address: ([192, 0, 2, 7], port).into(),
        priority: 1,
        foundation: "1".to_owned(),
        related_address: None,
    }
}

/// A call whose first generation carries media.
fn carrying() -> (Restarts, Instant) {
    let (mut restarts, now) = (Restarts::default(), Instant::now());
    restarts.on_first(IceRole::Controlling, &[candidate(1)]);
    restarts.on_selected(FIRST, now);
    (restarts, now)
}

#[test]
fn nothing_restarts_before_there_was_a_path() {
    let mut restarts = Restarts::default();
    restarts.on_first(IceRole::Controlling, &[]);
    restarts.want(RestartCause::Asked);
    assert_eq!(restarts.take_due(false, Instant::now()), None);
}

#[test]
fn the_older_generation_ends_a_while_after_the_newer_one_took_over() {
    let (mut restarts, now) = carrying();
    restarts.want(RestartCause::Asked);
    assert_eq!(restarts.take_due(false, now), Some((SECOND, RestartCause::Asked)));
    assert_eq!(restarts.begin(SECOND, RestartCause::Asked, now), []);
    assert!(restarts.is_under_way());
    restarts.on_selected(SECOND, now + 100 * MS);
    assert!(!restarts.is_under_way());
    assert_eq!(restarts.take_retired(now + 2099 * MS), []);
    assert_eq!(restarts.poll_timeout(false), Some(now + 2100 * MS));
    assert_eq!(restarts.take_retired(now + 2100 * MS), [FIRST]);
    assert_eq!(restarts.poll_timeout(false), None);
}

#[test]
fn a_restart_that_cannot_begin_is_tried_now_and_then() {
    let (mut restarts, mut now) = carrying();
    restarts.on_liveness(FIRST, false, now);
    for _ in 0..10 {
        let at = restarts.poll_timeout(false).expect("the path is silent");
        assert_eq!(at, now + PATIENCE);
        now = at;
        assert_eq!(restarts.take_due(false, now), Some((SECOND, RestartCause::PathSilent)));
    }
}

#[test]
fn a_generation_that_never_carried_anything_ends_with_the_next_one() {
    let (mut restarts, now) = carrying();
    restarts.begin(SECOND, RestartCause::Asked, now);
    assert_eq!(restarts.begin(Generation(2), RestartCause::Asked, now), [SECOND]);
    restarts.on_selected(Generation(2), now);
    assert_eq!(restarts.take_retired(now + AFTERLIFE), [FIRST]);
}

#[test]
fn silence_is_acted_upon_once_and_only_without_a_pair_in_reserve() {
    let (mut restarts, now) = carrying();
    restarts.on_liveness(FIRST, false, now);
    assert_eq!(restarts.poll_timeout(false), Some(now + PATIENCE));
    assert_eq!(restarts.take_due(false, now + PATIENCE - MS), None);
    assert_eq!(restarts.take_due(true, now + PATIENCE), None, "a pair in reserve takes over by itself");
    assert_eq!(restarts.poll_timeout(true), None, "and nobody wakes up for it");
    assert_eq!(restarts.take_due(false, now + PATIENCE), Some((SECOND, RestartCause::PathSilent)));
    restarts.begin(SECOND, RestartCause::PathSilent, now + PATIENCE);
    assert_eq!(restarts.take_due(false, now + 60_000 * MS), None, "one is under way");
}

#[test]
fn silence_that_ends_in_time_restarts_nothing() {
    let (mut restarts, now) = carrying();
    restarts.on_liveness(FIRST, false, now);
    restarts.on_liveness(FIRST, true, now + 200 * MS);
    assert_eq!((restarts.poll_timeout(false), restarts.take_due(false, now + 900 * MS)), (None, None));
}

#[test]
fn a_path_that_keeps_falling_silent_is_not_restarted_without_end() {
    let (mut restarts, mut now) = carrying();
    let mut began = 0;
    let end = now + Duration::from_secs(60);
    while now < end {
        restarts.on_liveness(restarts.current(), false, now);
        if let Some((generation, cause)) = restarts.take_due(false, now) {
            restarts.begin(generation, cause, now);
            restarts.on_selected(generation, now);
            began += 1;
        }
        now += 50 * MS;
    }
    assert!((10..=20).contains(&began), "{began} restarts in a minute");
}

#[test]
fn a_peer_s_restart_is_followed_if_it_is_one_of_the_next() {
    let (mut restarts, now) = carrying();
    for wrong in [0, 6, u32::MAX] {
        restarts.on_peer_restart(Generation(wrong));
        assert_eq!(restarts.take_due(false, now), None, "{wrong}");
    }
    restarts.on_peer_restart(Generation(2));
    restarts.on_peer_restart(SECOND);
    assert_eq!(restarts.take_due(false, now), Some((Generation(2), RestartCause::Peer)));
    restarts.begin(Generation(2), RestartCause::Peer, now);
    restarts.on_peer_restart(Generation(2));
    assert_eq!(restarts.take_due(false, now + 1000 * MS), None, "both began the same one");
}

#[test]
fn a_flood_of_restarts_is_paced() {
    let (mut restarts, start) = carrying();
    let (mut now, mut began) = (start, 0);
    while now < start + Duration::from_secs(2) {
        restarts.on_peer_restart(Generation(restarts.current().0 + 1));
        if let Some((generation, cause)) = restarts.take_due(false, now) {
            restarts.begin(generation, cause, now);
            began += 1;
        }
        now += MS;
    }
    assert!(began <= 11, "{began} generations in two seconds");
}

#[test]
fn a_restart_that_somebody_wanted_is_shown_and_one_after_silence_when_it_works() {
    use IceConnectionState::{Checking, Connected, Disconnected, Failed};
    let (mut restarts, now) = carrying();
    restarts.begin(SECOND, RestartCause::NetworkUp, now);
    assert!(restarts.shows(SECOND, Checking) && !restarts.shows(FIRST, Disconnected));
    let (mut restarts, now) = carrying();
    restarts.begin(SECOND, RestartCause::PathSilent, now);
    assert!(!restarts.shows(SECOND, Checking) && restarts.shows(FIRST, Disconnected) && restarts.shows(FIRST, Failed));
    assert!(
        restarts.shows(SECOND, Connected) && restarts.shows(SECOND, Disconnected) && !restarts.shows(FIRST, Connected)
    );
}

#[test]
fn candidates_of_the_peer_are_kept_within_bounds_and_without_twins() {
    let (mut restarts, _) = carrying();
    for port in 1..500 {
        restarts.add_candidate(&candidate(port));
        restarts.add_reached(&Candidate { candidate_type: CandidateType::PeerReflexive, ..candidate(port) });
    }
    assert_eq!(restarts.candidates().len(), MOST_CANDIDATES);
    assert_eq!(restarts.candidates()[0], candidate(1), "what the code says stays");
}

/// The keys of both ends of a secured call.
fn keys() -> [RestartKeys; 2] {
    let now = Instant::now();
    let certificates = [(); 2].map(|()| Certificate::generate().expect("a certificate"));
    let [one, other] = [0, 1].map(|side| certificates[side].fingerprint());
    let mut sessions =
        [SecureSession::new(true, &certificates[0], other, now), SecureSession::new(false, &certificates[1], one, now)];
    for _ in 0..20 {
        for side in 0..2 {
            while let Ok(Output::Transmit(datagram)) = sessions[side].poll(now) {
                sessions[1 - side].handle_datagram(&datagram, now).expect("it is authentic");
            }
            while let Ok(Output::Secured(_)) = sessions[side].poll(now) {}
        }
    }
    [0, 1].map(|side| sessions[side].restart_keys().expect("both are secured").clone())
}

/// A check of the peer, for a generation; `forged` has somebody else's password.
fn check(peer: &RestartKeys, generation: Generation, forged: bool) -> Inbound {
    let (ours, theirs) = (credentials(peer, Side::Local, generation), credentials(peer, Side::Remote, generation));
    let password = if forged { "somebody-else-s-password" } else { &theirs.password };
    let check = Check {
        transaction: TransactionId([7; 12]),
        remote_ufrag: &theirs.ufrag,
        local_ufrag: &ours.ufrag,
        remote_password: password,
        priority: 1,
        controlling: false,
        tie_breaker: 7,
        nomination: None,
    };
    let at = Instant::now();
    let bytes = Bytes::from(check.encode());
    Inbound { base: BaseId(0), remote: ([192, 0, 2, 99], 9).into(), bytes, at, kind: PacketKind::Stun }
}

#[test]
fn only_an_authentic_check_for_one_of_the_next_generations_begins_it() {
    let [ours, peers] = keys();
    let (mut restarts, now) = carrying();
    let strangers = &keys()[1];
    for (what, inbound) in [
        ("another call's", check(strangers, SECOND, false)),
        ("forged", check(&peers, SECOND, true)),
        ("of this generation", check(&peers, FIRST, false)),
        ("far ahead", check(&peers, Generation(AHEAD + 1), false)),
    ] {
        assert!(!restarts.on_unknown_check(&inbound, &ours), "{what}");
    }
    assert_eq!(restarts.take_due(false, now), None);
    assert!(restarts.on_unknown_check(&check(&peers, SECOND, false), &ours));
    assert_eq!(restarts.take_due(false, now), Some((SECOND, RestartCause::Peer)));
    assert_eq!(restarts.take_held().len(), 1, "the check is not lost");
}

#[test]
fn what_an_attacker_recorded_of_older_generations_moves_nothing() {
    let [ours, peers] = keys();
    let (mut restarts, now) = carrying();
    let recorded = check(&peers, SECOND, false);
    for generation in [SECOND, Generation(2)] {
        restarts.begin(generation, RestartCause::Peer, now);
        restarts.on_selected(generation, now);
    }
    assert!(!restarts.on_unknown_check(&recorded, &ours));
    restarts.on_peer_restart(SECOND);
    assert_eq!(restarts.take_due(false, now + CALM), None);
}
