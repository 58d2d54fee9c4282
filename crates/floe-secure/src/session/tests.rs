//! Two sessions against each other over a pipe of virtual time.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

mod control;

/// One way of the pipe.
const DELAY: Duration = Duration::from_millis(20);
/// Longer than any handshake may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Far more than any handshake needs.
const MOST_DATAGRAMS: usize = 500;

/// One datagram under way.
struct Flying {
    arrives: Instant,
    to: usize,
    bytes: Vec<u8>,
}

/// What the pipe makes of the datagram with this number (in the order of sending, both directions).
type Fate = Box<dyn FnMut(usize, &[u8]) -> Vec<(Duration, Vec<u8>)>>;

/// Client (0) and server (1) with a pipe between them.
struct Pair {
    sessions: [SecureSession; 2],
    secured: [Option<SecurityFacts>; 2],
    closed: [bool; 2],
    /// What was told of the control channel.
    control: [Vec<Output>; 2],
    failures: [Option<SecureError>; 2],
    flying: Vec<Flying>,
    sent: usize,
    refused: usize,
    start: Instant,
    now: Instant,
    fate: Fate,
}

impl Pair {
    fn new(fate: impl FnMut(usize, &[u8]) -> Vec<(Duration, Vec<u8>)> + 'static) -> Self {
        let [client, server] = [Certificate::generate().unwrap(), Certificate::generate().unwrap()];
        let expected = [server.fingerprint(), client.fingerprint()];
        Self::expecting([&client, &server], expected, fate)
    }

    fn expecting(
        certificates: [&Certificate; 2],
        expected: [Fingerprint; 2],
        fate: impl FnMut(usize, &[u8]) -> Vec<(Duration, Vec<u8>)> + 'static,
    ) -> Self {
        let start = Instant::now();
        Self {
            sessions: std::array::from_fn(|side| {
                SecureSession::new(side == 0, certificates[side], expected[side], start)
            }),
            secured: [None, None],
            closed: [false; 2],
            control: [const { Vec::new() }; 2],
            failures: [None, None],
            flying: Vec::new(),
            sent: 0,
            refused: 0,
            start,
            now: start,
            fate: Box::new(fate),
        }
    }

    fn secured() -> Self {
        let mut pair = Self::new(|_, bytes| on_time(bytes));
        pair.run();
        assert!(pair.is_secured(), "{:?}", pair.failures);
        pair
    }

    fn is_secured(&self) -> bool {
        self.secured.iter().all(Option::is_some)
    }

    /// Jumps from one event to the next until both sides are secured, one fails, or the time is over.
    fn run(&mut self) {
        while !self.is_secured() && self.failures.iter().all(Option::is_none) && self.now - self.start < LONGEST {
            self.step();
        }
    }

    /// Everything that flies arrives, and nothing that is due later happens.
    fn settle(&mut self) {
        self.poll(0);
        self.poll(1);
        while !self.flying.is_empty() {
            self.step();
            self.poll(0);
            self.poll(1);
        }
    }

    fn step(&mut self) {
        let failed = self.failures.iter().flatten().count();
        let waits = [self.poll(0), self.poll(1)];
        if self.failures.iter().flatten().count() > failed {
            return;
        }
        let arrival = self.flying.iter().map(|datagram| datagram.arrives).min();
        let Some(next) = waits.into_iter().flatten().chain(arrival).min() else {
            self.now += LONGEST;
            return;
        };
        self.now = self.now.max(next);
        let now = self.now;
        let due: Vec<_> = self.flying.extract_if(.., |datagram| datagram.arrives <= now).collect();
        for datagram in due {
            if let Err(error) = self.sessions[datagram.to].handle_datagram(&datagram.bytes, now) {
                if error == SecureError::BadDatagram {
                    self.refused += 1;
                } else {
                    self.failures[datagram.to].get_or_insert(error);
                }
            }
        }
    }

    fn poll(&mut self, side: usize) -> Option<Instant> {
        loop {
            match self.sessions[side].poll(self.now) {
                Ok(Output::Transmit(bytes)) => self.send(side, &bytes),
                Ok(Output::Wait(at)) => return Some(at),
                Ok(Output::Idle) => return None,
                Ok(Output::Secured(facts)) => assert!(self.secured[side].replace(facts).is_none(), "secured twice"),
                Ok(Output::PeerClosed) => self.closed[side] = true,
                Ok(told) => self.control[side].push(told),
                Err(error) => {
                    self.failures[side].get_or_insert(error);
                    return None;
                }
            }
        }
    }

    fn send(&mut self, from: usize, bytes: &[u8]) {
        let number = self.sent;
        self.sent += 1;
        assert!(self.sent < MOST_DATAGRAMS, "no end of datagrams {:?} after the start", self.now - self.start);
        for (delay, bytes) in (self.fate)(number, bytes) {
            self.flying.push(Flying { arrives: self.now + delay, to: 1 - from, bytes });
        }
    }
}

fn on_time(bytes: &[u8]) -> Vec<(Duration, Vec<u8>)> {
    vec![(DELAY, bytes.to_vec())]
}

/// A small generator of numbers that look random and are the same in every run (xorshift).
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    }
}

#[test]
fn both_sides_agree_on_version_cipher_fingerprints_and_words() {
    let pair = Pair::secured();
    let [Some(client), Some(server)] = &pair.secured else { panic!("not secured") };
    assert_eq!(client.dtls_version, "DTLS 1.3");
    assert!(client.srtp_cipher.starts_with("SRTP_AEAD_AES_"), "{}", client.srtp_cipher);
    assert_eq!((&client.dtls_version, &client.srtp_cipher), (&server.dtls_version, &server.srtp_cipher));
    assert_eq!(client.local_fingerprint, server.remote_fingerprint);
    assert_eq!(server.local_fingerprint, client.remote_fingerprint);
    assert_eq!(client.sas, server.sas);
}

#[test]
fn a_peer_that_knows_only_dtls_1_2_is_spoken_to_in_it() {
    for old in 0..2 {
        let certificates = [Certificate::generate().unwrap(), Certificate::generate().unwrap()];
        let expected = [certificates[1].fingerprint(), certificates[0].fingerprint()];
        let mut pair = Pair::expecting([&certificates[0], &certificates[1]], expected, |_, bytes| on_time(bytes));
        let Certificate { der, private_key } = certificates[old].clone();
        let own = DtlsCertificate { certificate: der, private_key };
        pair.sessions[old].dtls = Dtls::new_12(Arc::clone(&CONFIG), own, pair.now);
        pair.sessions[old].dtls.set_active(old == 0);
        pair.run();
        let [Some(client), Some(server)] = &pair.secured else { panic!("old {old}: {:?}", pair.failures) };
        assert_eq!((client.dtls_version.as_str(), server.dtls_version.as_str()), ("DTLS 1.2", "DTLS 1.2"));
        assert_eq!(client.sas, server.sas);
    }
}

#[test]
fn a_handshake_takes_two_round_trips_until_both_sides_know() {
    let pair = Pair::secured();
    let round_trips = (pair.now - pair.start).as_secs_f64() / (2.0 * DELAY.as_secs_f64());
    assert!(round_trips <= 2.0, "{round_trips} round trips, {} datagrams", pair.sent);
}

#[test]
fn two_calls_have_different_words() {
    let words = [Pair::secured(), Pair::secured()].map(|pair| pair.secured[0].clone().unwrap().sas);
    assert_ne!(words[0], words[1]);
}

#[test]
fn a_server_with_the_wrong_certificate_gets_no_keys() {
    let [client, server, announced] = std::array::from_fn(|_| Certificate::generate().unwrap());
    let expected = [announced.fingerprint(), client.fingerprint()];
    let mut pair = Pair::expecting([&client, &server], expected, |_, bytes| on_time(bytes));
    pair.run();
    let wrong = SecureError::WrongFingerprint { expected: announced.fingerprint(), got: server.fingerprint() };
    assert_eq!(pair.failures[0], Some(wrong));
    assert!(pair.secured.iter().all(Option::is_none));
    assert_eq!(pair.sessions[0].protect_rtp(&[0x80; 20]), Err(SecureError::NotSecured));
    let sentence = pair.failures[0].clone().unwrap().to_string();
    assert!(sentence.contains(&server.fingerprint().to_string()), "{sentence}");
}

#[test]
fn a_client_with_the_wrong_certificate_gets_no_keys() {
    let [client, server, announced] = std::array::from_fn(|_| Certificate::generate().unwrap());
    let expected = [server.fingerprint(), announced.fingerprint()];
    let mut pair = Pair::expecting([&client, &server], expected, |_, bytes| on_time(bytes));
    while pair.failures[1].is_none() && pair.now - pair.start < LONGEST {
        pair.step();
    }
    let wrong = SecureError::WrongFingerprint { expected: announced.fingerprint(), got: client.fingerprint() };
    assert_eq!(pair.failures[1], Some(wrong));
    assert!(pair.secured[1].is_none());
}

#[test]
fn lost_datagrams_are_repeated_until_both_sides_connect() {
    for seed in 1..=20 {
        let mut number = numbers(seed);
        let mut pair = Pair::new(move |_, bytes| if number() % 100 < 30 { Vec::new() } else { on_time(bytes) });
        pair.run();
        assert!(pair.is_secured(), "seed {seed}: {:?} after {:?}", pair.failures, pair.now - pair.start);
    }
}

#[test]
fn any_one_lost_datagram_delays_the_handshake_and_does_not_end_it() {
    for lost in 0..8 {
        let mut pair = Pair::new(move |number, bytes| if number == lost { Vec::new() } else { on_time(bytes) });
        pair.run();
        assert!(pair.is_secured(), "datagram {lost}: {:?}", pair.failures);
        assert!(pair.now - pair.start < Duration::from_secs(4), "datagram {lost}: {:?}", pair.now - pair.start);
    }
}

#[test]
fn a_gap_in_a_flight_of_many_datagrams_is_acknowledged_at_a_bounded_rate() {
    for lost in 1..12 {
        let certificates = [Certificate::generate().unwrap(), Certificate::generate().unwrap()];
        let expected = [certificates[1].fingerprint(), certificates[0].fingerprint()];
        let fate = move |number, bytes: &[u8]| if number == lost { Vec::new() } else { on_time(bytes) };
        let mut pair = Pair::expecting([&certificates[0], &certificates[1]], expected, fate);
        for (side, certificate) in certificates.into_iter().enumerate() {
            let Certificate { der, private_key } = certificate;
            let own = DtlsCertificate { certificate: der, private_key };
            let small = Config::builder().use_server_cookie(false).mtu(220).build().unwrap();
            pair.sessions[side].dtls = Dtls::new_auto(Arc::new(small), own, pair.now);
            pair.sessions[side].dtls.set_active(side == 0);
        }
        pair.run();
        assert!(pair.is_secured(), "datagram {lost}: {:?}", pair.failures);
        assert!(pair.sent < 120, "datagram {lost}: {} datagrams", pair.sent);
    }
}

#[test]
fn reordered_and_repeated_datagrams_do_no_harm() {
    for seed in 1..=20 {
        let mut number = numbers(seed);
        let mut pair = Pair::new(move |_, bytes| {
            let mut delay = || Duration::from_millis(5 + number() % 120);
            vec![(delay(), bytes.to_vec()), (delay(), bytes.to_vec())]
        });
        pair.run();
        assert!(pair.is_secured(), "seed {seed}: {:?}", pair.failures);
    }
}

#[test]
fn garbage_does_not_end_a_handshake() {
    for seed in 1..=20 {
        let mut number = numbers(seed);
        let mut pair = Pair::new(move |_, bytes| {
            let garbage = |length: u64, number: &mut dyn FnMut() -> u64| {
                let mut garbage: Vec<u8> = (0..length).map(|_| number() as u8).collect();
                garbage[0] = 20 + (number() % 44) as u8;
                garbage
            };
            let length = 1 + number() % 200;
            let random = garbage(length, &mut number);
            let cut = bytes[..bytes.len().min(1 + (number() % 60) as usize)].to_vec();
            vec![(DELAY / 2, random), (DELAY / 2, cut), (DELAY, bytes.to_vec())]
        });
        while !pair.is_secured() && pair.now - pair.start < LONGEST {
            pair.step();
        }
        assert!(pair.is_secured(), "seed {seed}: {:?}", pair.failures);
        assert!(pair.refused > 0, "nothing was refused");
    }
}

#[test]
fn garbage_after_the_handshake_does_not_end_the_media() {
    let mut pair = Pair::secured();
    let hello = {
        let mut other = Pair::secured();
        other.sessions[0] =
            SecureSession::new(true, &Certificate::generate().unwrap(), Fingerprint([0; 32]), other.now);
        match other.sessions[0].poll(other.now) {
            Ok(Output::Transmit(hello)) => hello,
            output => panic!("{output:?}"),
        }
    };
    let alert = vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40];
    let close = vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 98, 0, 2, 1, 0];
    for side in 0..2 {
        for datagram in [&hello, &alert, &close, &vec![22; 300], &vec![0x3F; 40]] {
            let _ = pair.sessions[side].handle_datagram(datagram, pair.now);
            pair.poll(side);
        }
        assert!(!pair.closed[side], "an unprotected goodbye counts for nothing");
    }
    let packet = rtp(1);
    let protected = pair.sessions[0].protect_rtp(&packet).unwrap();
    assert_eq!(pair.sessions[1].unprotect_rtp(&protected), Ok(packet));
}

#[test]
fn a_peer_that_never_answers_ends_the_handshake() {
    let mut pair = Pair::new(|_, _| Vec::new());
    pair.run();
    let waited = pair.now - pair.start;
    assert!(pair.failures[0].is_some(), "still trying after {waited:?}");
    assert!((Duration::from_secs(29)..=Duration::from_secs(31)).contains(&waited), "{waited:?}");
    assert!(pair.sent < 40, "{} datagrams", pair.sent);
}

#[test]
fn a_goodbye_is_noticed_by_the_peer() {
    for side in 0..2 {
        let mut pair = Pair::secured();
        pair.settle();
        pair.sessions[side].close();
        pair.settle();
        assert!(pair.closed[1 - side] && !pair.closed[side], "closed by {side}");
    }
}

#[test]
fn media_goes_both_ways_once_secured() {
    let mut pair = Pair::secured();
    for (from, to) in [(0, 1), (1, 0)] {
        let (audio, report) = (rtp(7), rtcp());
        let protected = pair.sessions[from].protect_rtp(&audio).unwrap();
        assert_ne!(protected, audio);
        assert_eq!(pair.sessions[to].unprotect_rtp(&protected), Ok(audio));
        let protected = pair.sessions[from].protect_rtcp(&report).unwrap();
        assert_eq!(pair.sessions[to].unprotect_rtcp(&protected), Ok(report));
    }
}

#[test]
fn media_before_the_handshake_is_refused() {
    let mut pair = Pair::new(|_, bytes| on_time(bytes));
    for session in &mut pair.sessions {
        assert_eq!(session.protect_rtp(&rtp(1)), Err(SecureError::NotSecured));
        assert_eq!(session.unprotect_rtp(&rtp(1)), Err(SecureError::NotSecured));
        assert_eq!(session.unprotect_rtcp(&rtcp()), Err(SecureError::NotSecured));
    }
}

#[test]
fn media_of_another_call_is_not_authentic() {
    let [mut one, mut other] = [Pair::secured(), Pair::secured()];
    let protected = one.sessions[0].protect_rtp(&rtp(1)).unwrap();
    assert_eq!(other.sessions[1].unprotect_rtp(&protected), Err(SecureError::NotAuthentic));
}

fn rtp(sequence: u8) -> Vec<u8> {
    let header = [0x80, 111, 0, sequence, 0, 0, 0, 1, 1, 2, 3, 4];
    [&header[..], b"some audio"].concat()
}

fn rtcp() -> Vec<u8> {
    vec![0x80, 201, 0, 1, 1, 2, 3, 4]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_datagrams_never_panic(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20)) {
        let certificate = Certificate::generate().unwrap();
        let now = Instant::now();
        for client in [true, false] {
            let mut session = SecureSession::new(client, &certificate, Fingerprint([0; 32]), now);
            for datagram in &datagrams {
                let _ = session.handle_datagram(datagram, now);
                let _ = session.poll(now);
            }
        }
    }
}
