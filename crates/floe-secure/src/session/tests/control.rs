//! The control channel between two sessions over the pipe of virtual time.

use std::{cell::RefCell, rc::Rc};

use super::*;
use crate::{ControlRefusal, Side, control::MAX_CONTROL_MESSAGE};

impl Pair {
    /// Both want a channel, and the handshake is over.
    fn with_control(fate: impl FnMut(usize, &[u8]) -> Vec<(Duration, Vec<u8>)> + 'static) -> Self {
        let mut pair = Self::new(fate);
        for session in &mut pair.sessions {
            session.want_control();
        }
        pair.run();
        assert!(pair.is_secured(), "{:?}", pair.failures);
        pair
    }

    /// The same with a server that knows no other version.
    fn with_control_in_dtls_1_2(fate: impl FnMut(usize, &[u8]) -> Vec<(Duration, Vec<u8>)> + 'static) -> Self {
        let certificates = [Certificate::generate().unwrap(), Certificate::generate().unwrap()];
        let expected = [certificates[1].fingerprint(), certificates[0].fingerprint()];
        let mut pair = Self::expecting([&certificates[0], &certificates[1]], expected, fate);
        let Certificate { der, private_key } = certificates[1].clone();
        pair.sessions[1].dtls =
            Dtls::new_12(Arc::clone(&CONFIG), DtlsCertificate { certificate: der, private_key }, pair.now);
        pair.sessions[1].dtls.set_active(false);
        pair.sessions.iter_mut().for_each(SecureSession::want_control);
        pair.run();
        pair
    }

    /// Steps until `wanted` holds; fails after a minute of virtual time.
    fn step_until(&mut self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let deadline = self.now + LONGEST;
        while !wanted(self) {
            assert!(self.now < deadline, "waited in vain until {what}: {:?}", self.control);
            self.step();
        }
    }

    fn step_until_open(&mut self) {
        self.step_until("both ends are open", |pair| pair.control.iter().all(|told| !told.is_empty()));
        assert_eq!(self.control, [vec![Output::ControlOpened], vec![Output::ControlOpened]]);
    }

    fn messages(&self, side: usize) -> Vec<&[u8]> {
        let message = |told: &Output| matches!(told, Output::ControlMessage(_));
        let told = self.control[side].iter().filter(|told| message(told));
        told.filter_map(|told| if let Output::ControlMessage(bytes) = told { Some(&bytes[..]) } else { None }).collect()
    }
}

#[test]
fn messages_go_both_ways_in_order() {
    let mut pair = Pair::with_control(|_, bytes| on_time(bytes));
    pair.step_until_open();
    let sent: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number; 1 + usize::from(number) * 60]).collect();
    for message in &sent {
        assert_eq!(pair.sessions[0].send_control(message), Ok(()));
        assert_eq!(pair.sessions[1].send_control(message), Ok(()));
    }
    pair.step_until("all have arrived", |pair| (0..2).all(|side| pair.messages(side).len() == sent.len()));
    for side in 0..2 {
        assert_eq!(pair.messages(side), sent);
    }
}

#[test]
fn the_channel_is_open_two_and_a_half_round_trips_after_the_keys() {
    let mut pair = Pair::with_control(|_, bytes| on_time(bytes));
    let secured = pair.now;
    pair.step_until_open();
    let round_trips = (pair.now - secured).as_secs_f64() / (2.0 * DELAY.as_secs_f64());
    assert!(round_trips <= 2.5, "{round_trips} round trips");
}

#[test]
fn wanting_a_channel_costs_the_handshake_nothing() {
    let [with, without] = [Pair::with_control(|_, bytes| on_time(bytes)), Pair::secured()];
    assert_eq!(with.now - with.start, without.now - without.start);
}

#[test]
fn the_channel_works_in_dtls_1_2() {
    let mut pair = Pair::with_control_in_dtls_1_2(|_, bytes| on_time(bytes));
    pair.step_until_open();
    pair.sessions[1].send_control(b"old and new").unwrap();
    pair.step_until("it has arrived", |pair| !pair.messages(0).is_empty());
    assert_eq!(pair.secured[0].as_ref().unwrap().dtls_version, "DTLS 1.2");
}

/// All that was sent through a pipe so far.
type Overheard = Rc<RefCell<Vec<Vec<u8>>>>;

/// A pipe that delivers on time, with somebody who listens.
fn overheard(by: &Overheard) -> impl FnMut(usize, &[u8]) -> Vec<(Duration, Vec<u8>)> + use<> {
    let by = Rc::clone(by);
    move |_, bytes| {
        by.borrow_mut().push(bytes.to_vec());
        on_time(bytes)
    }
}

/// The handshake is among it, and either end gets its own datagrams back as well.
#[test]
fn what_is_sent_again_tells_nothing_twice_and_ends_nothing() {
    let seen = [Overheard::default(), Overheard::default()];
    let pairs = [Pair::with_control(overheard(&seen[0])), Pair::with_control_in_dtls_1_2(overheard(&seen[1]))];
    for (mut pair, seen) in pairs.into_iter().zip(&seen) {
        pair.step_until_open();
        for number in 0..3 {
            pair.sessions.iter_mut().for_each(|session| session.send_control(&[number]).unwrap());
        }
        pair.step_until("all have arrived", |pair| (0..2).all(|side| pair.messages(side).len() == 3));
        pair.settle();
        let told = pair.control.clone();
        let recorded = seen.borrow().clone();
        for datagram in &recorded {
            for side in 0..2 {
                let _ = pair.sessions[side].handle_datagram(datagram, pair.now);
            }
        }
        pair.settle();
        assert_eq!((&pair.control, pair.closed), (&told, [false; 2]));
        pair.sessions.iter_mut().for_each(|session| session.send_control(b"and on").unwrap());
        pair.step_until("the channel goes on", |pair| (0..2).all(|side| pair.messages(side).len() == 4));
        assert_eq!(pair.failures, [None, None]);
    }
}

#[test]
fn loss_and_disorder_delay_messages_and_lose_none() {
    for seed in 1..=10 {
        let mut number = numbers(seed);
        let mut pair = Pair::with_control(move |_, bytes| {
            let delay = Duration::from_millis(5 + number() % 60);
            if number() % 100 < 25 { Vec::new() } else { vec![(delay, bytes.to_vec())] }
        });
        pair.step_until("both are open", |pair| pair.control.iter().all(|told| !told.is_empty()));
        let sent: Vec<Vec<u8>> = (0..30_u8).map(|number| vec![number; 400]).collect();
        for message in &sent {
            pair.sessions[0].send_control(message).unwrap();
            pair.sessions[1].send_control(message).unwrap();
        }
        pair.step_until("all have arrived", |pair| (0..2).all(|side| pair.messages(side).len() == sent.len()));
        assert_eq!(
            (pair.messages(0), pair.messages(1)),
            (sent.iter().map(|m| &m[..]).collect(), sent.iter().map(|m| &m[..]).collect()),
            "seed {seed}"
        );
    }
}

#[test]
fn a_message_survives_ten_seconds_without_a_path() {
    use std::{cell::Cell, rc::Rc};
    let cut = Rc::new(Cell::new(false));
    let is_cut = Rc::clone(&cut);
    let mut pair = Pair::with_control(move |_, bytes| if is_cut.get() { Vec::new() } else { on_time(bytes) });
    pair.step_until_open();
    cut.set(true);
    pair.sessions[0].send_control(b"are you there").unwrap();
    let restored = pair.now + Duration::from_secs(10);
    pair.step_until("the path is back", |pair| pair.now >= restored);
    cut.set(false);
    pair.step_until("it has arrived", |pair| !pair.messages(1).is_empty());
    assert!(pair.now - restored < Duration::from_millis(1200), "{:?}", pair.now - restored);
}

#[test]
fn a_peer_without_a_channel_leaves_media_alone() {
    for without in 0..2 {
        let mut pair = Pair::new(|_, bytes| on_time(bytes));
        pair.sessions[1 - without].want_control();
        pair.run();
        let deadline = pair.now + Duration::from_secs(20);
        while pair.now < deadline {
            pair.step();
        }
        assert!(pair.control.iter().all(Vec::is_empty), "{:?}", pair.control);
        assert_eq!(pair.sessions[1 - without].send_control(b"hello"), Err(ControlRefusal::NotOpen));
        let protected = pair.sessions[0].protect_rtp(&rtp(1)).unwrap();
        assert_eq!(pair.sessions[1].unprotect_rtp(&protected), Ok(rtp(1)));
    }
}

#[test]
fn an_unanswered_channel_is_given_up() {
    let mut pair = Pair::new(|_, bytes| on_time(bytes));
    pair.sessions[0].want_control();
    pair.run();
    let deadline = pair.now + Duration::from_secs(90);
    while pair.now < deadline && pair.control[0].is_empty() {
        pair.step();
    }
    assert_eq!(pair.control[0], [Output::ControlClosed(ControlEnd::Unanswered)]);
    assert!(pair.sent < 100, "{} datagrams", pair.sent);
}

#[test]
fn messages_that_do_not_fit_are_refused_and_memory_is_bounded() {
    let mut pair = Pair::with_control(|_, bytes| on_time(bytes));
    pair.step_until_open();
    assert_eq!(pair.sessions[0].send_control(&[]), Err(ControlRefusal::BadLength));
    assert_eq!(pair.sessions[0].send_control(&vec![0; MAX_CONTROL_MESSAGE + 1]), Err(ControlRefusal::BadLength));
    let most = vec![7; MAX_CONTROL_MESSAGE];
    let accepted = (0..1000).take_while(|_| pair.sessions[0].send_control(&most) == Ok(())).count();
    assert!((4..20).contains(&accepted), "{accepted}");
    assert!(pair.sessions[0].control_buffered() <= 128 * 1024);
    pair.step_until("all have arrived", |pair| pair.messages(1).len() == accepted);
    assert_eq!(pair.sessions[0].send_control(b"room again"), Ok(()));
}

#[test]
fn a_reader_that_pauses_stops_the_sender() {
    let mut pair = Pair::with_control(|_, bytes| on_time(bytes));
    pair.step_until_open();
    // What arrives is handed to the session, but nobody takes messages out of it.
    let mut taken = 0;
    for _ in 0..2000 {
        while pair.sessions[0].send_control(&[1; 1000]) == Ok(()) {
            taken += 1;
        }
        pair.poll(0);
        pair.now += Duration::from_millis(40);
        for datagram in std::mem::take(&mut pair.flying) {
            let _ = pair.sessions[datagram.to].handle_datagram(&datagram.bytes, pair.now);
        }
        while let Some(Output::Transmit(bytes)) = pair.sessions[1].queue.pop_front() {
            let _ = pair.sessions[0].handle_datagram(&bytes, pair.now);
        }
        pair.sent = 0;
    }
    assert!(taken < 400, "{taken} kB were taken off the sender's hands");
    assert!(pair.secured[0].is_some() && pair.failures.iter().all(Option::is_none));
}

#[test]
fn garbage_inside_the_association_ends_nothing_but_the_channel() {
    for seed in 1..=30 {
        let mut number = numbers(seed);
        let mut pair = Pair::with_control(|_, bytes| on_time(bytes));
        pair.step_until_open();
        for _ in 0..30 {
            let length = 1 + number() % 1000;
            let garbage: Vec<u8> = (0..length).map(|_| number() as u8).collect();
            pair.sessions[0].dtls.send_application_data(&garbage).unwrap();
            pair.sessions[0].collect().unwrap();
        }
        pair.settle();
        assert!(pair.failures.iter().all(Option::is_none), "{:?}", pair.failures);
        let protected = pair.sessions[0].protect_rtp(&rtp(1)).unwrap();
        assert_eq!(pair.sessions[1].unprotect_rtp(&protected), Ok(rtp(1)));
        assert_eq!(pair.sessions[0].send_control(b"still here"), Ok(()), "seed {seed}");
    }
}

#[test]
fn both_ends_derive_each_others_next_credentials() {
    let pair = Pair::secured();
    let [client, server] = [0, 1].map(|side| pair.sessions[side].restart_keys().expect("secured"));
    assert_eq!(client.credentials(Side::Local, 1), server.credentials(Side::Remote, 1));
    assert_eq!(client.credentials(Side::Remote, 7), server.credentials(Side::Local, 7));
    let other = Pair::secured();
    let others = other.sessions[0].restart_keys().expect("secured");
    assert_ne!(client.credentials(Side::Local, 1), others.credentials(Side::Local, 1));
}
