//! Discovery against servers that answer, stay silent or lie.

use super::*;

const URL: &str = "stun:stun.example.org";
const BASE: BaseId = BaseId(1);

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn own() -> SocketAddr {
    at("192.168.1.10:5000")
}

fn server() -> SocketAddr {
    at("192.0.2.1:3478")
}

fn mapped() -> SocketAddr {
    at("203.0.113.10:6000")
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A discovery with its clock, driven from wake-up to wake-up.
struct Driven {
    discovery: Discovery,
    start: Instant,
    now: Instant,
    log: Vec<(u64, DiscoveryOutput)>,
}

impl Driven {
    fn new() -> Self {
        let start = Instant::now();
        Self { discovery: Discovery::new(1), start, now: start, log: Vec::new() }
    }

    fn ask(&mut self, base: BaseId, address: SocketAddr, server: SocketAddr) -> bool {
        let asked = self.discovery.ask(base, address, URL, server, self.now);
        self.drain();
        asked
    }

    fn drain(&mut self) {
        let elapsed = u64::try_from((self.now - self.start).as_millis()).unwrap();
        while let Some(output) = self.discovery.poll_output() {
            self.log.push((elapsed, output));
        }
    }

    /// Lets time pass until `elapsed` after the start.
    fn run_until(&mut self, elapsed: Duration) {
        let end = self.start + elapsed;
        while let Some(wake) = self.discovery.poll_timeout().filter(|wake| *wake <= end) {
            assert!(wake >= self.now, "a wake-up in the past would spin");
            self.now = wake;
            self.discovery.handle_timeout(wake);
            self.drain();
        }
        self.now = end;
    }

    fn sends(&self) -> Vec<u64> {
        self.log
            .iter()
            .filter(|(_, output)| matches!(output, DiscoveryOutput::Send { .. }))
            .map(|(at, _)| *at)
            .collect()
    }

    fn last_request(&self) -> Vec<u8> {
        let request = |(_, output): &(u64, DiscoveryOutput)| match output {
            DiscoveryOutput::Send { bytes, .. } => Some(bytes.clone()),
            _ => None,
        };
        self.log.iter().rev().find_map(request).unwrap()
    }

    fn answer_with(&mut self, from: SocketAddr, answer: &[u8]) -> bool {
        let consumed = self.discovery.handle(BASE, from, &StunMessage::decode(answer).unwrap(), self.now);
        self.drain();
        consumed
    }

    fn answer(&mut self, from: SocketAddr) -> bool {
        let answer = stun::binding_success(&self.last_request(), mapped(), None).unwrap();
        self.answer_with(from, &answer)
    }

    fn last(&self) -> &DiscoveryOutput {
        &self.log.last().unwrap().1
    }

    fn error(&self) -> &str {
        match self.last() {
            DiscoveryOutput::Failed { error, .. } => error,
            other => panic!("not failed: {other:?}"),
        }
    }
}

#[test]
fn requests_are_repeated_as_rfc_8489_says() {
    let mut driven = Driven::new();
    assert!(driven.ask(BASE, own(), server()));
    let first = driven.last_request();
    driven.run_until(Duration::from_secs(60));
    assert_eq!(driven.sends(), [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(driven.last_request(), first, "retransmissions keep the transaction");
    assert_eq!(driven.discovery.poll_timeout(), None);
}

#[test]
fn a_dead_server_is_named_within_five_seconds_and_once() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    assert!(!driven.discovery.is_done());
    driven.run_until(Duration::from_secs(60));
    let failed: Vec<_> =
        driven.log.iter().filter(|(_, output)| matches!(output, DiscoveryOutput::Failed { .. })).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].0 <= 5000);
    assert!(driven.discovery.is_done());
}

#[test]
fn gathering_is_done_when_the_dead_are_named_and_a_late_answer_still_counts() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    driven.run_until(ms(5000));
    assert!(driven.discovery.is_done());
    driven.run_until(ms(7600));
    assert!(driven.answer(server()));
    let (server, asked) = (URL.to_owned(), server());
    let expected = DiscoveryOutput::Mapped { base: BASE, server, mapped: mapped(), rtt: ms(100), asked, other: None };
    assert_eq!(*driven.last(), expected);
}

#[test]
fn an_answer_after_the_end_of_the_transaction_is_not_ours() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    driven.run_until(ms(39_500));
    assert!(!driven.answer(server()));
}

#[test]
fn the_round_trip_counts_from_the_latest_transmission() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    driven.run_until(ms(530));
    driven.answer(server());
    assert!(matches!(driven.last(), DiscoveryOutput::Mapped { rtt, .. } if *rtt == ms(30)));
    assert!(driven.discovery.is_done());
    assert_eq!(driven.discovery.poll_timeout(), None, "an answered request is not repeated");
}

#[test]
fn a_second_answer_is_taken_and_changes_nothing() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    assert!(driven.answer(server()));
    let told = driven.log.len();
    assert!(driven.answer(server()));
    assert_eq!(driven.log.len(), told);
}

#[test]
fn answers_from_elsewhere_or_to_another_base_are_refused() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    assert!(!driven.answer(at("192.0.2.1:3479")));
    assert!(!driven.answer(at("192.0.2.2:3478")));
    let answer = stun::binding_success(&driven.last_request(), mapped(), None).unwrap();
    let answer = StunMessage::decode(&answer).unwrap();
    assert!(!driven.discovery.handle(BaseId(2), server(), &answer, driven.now));
    let request = driven.last_request();
    assert!(!driven.answer_with(server(), &request), "an echoed request is no answer");
    assert!(driven.answer(server()));
}

/// Whoever saw it may send it again from the server's address; a mapping would seem to have moved back.
#[test]
fn an_answer_to_an_earlier_question_is_none_to_the_next_one() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    let old = stun::binding_success(&driven.last_request(), at("203.0.113.1:1"), None).unwrap();
    assert!(driven.answer_with(server(), &old));
    driven.run_until(ms(20_000));
    assert!(driven.ask(BASE, own(), server()));
    let told = driven.log.len();
    driven.answer_with(server(), &old);
    assert_eq!(driven.log.len(), told);
    assert!(driven.answer(server()));
    assert!(matches!(driven.last(), DiscoveryOutput::Mapped { mapped: now, .. } if *now == mapped()));
}

#[test]
fn refusals_are_named() {
    for (code, words) in [(420, "extension"), (500, "fault of its own"), (401, "password"), (300, "another server")] {
        let mut driven = Driven::new();
        driven.ask(BASE, own(), server());
        let answer = stun::binding_error(&driven.last_request(), code, "As The Server Says", None).unwrap();
        assert!(driven.answer_with(server(), &answer));
        let error = driven.error();
        assert!(error.contains(&code.to_string()) && error.contains(words), "{error}");
        assert!(driven.discovery.is_done());
    }
}

#[test]
fn an_unknown_refusal_is_told_in_the_servers_words() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    let answer = stun::binding_error(&driven.last_request(), 599, "Full Moon", None).unwrap();
    driven.answer_with(server(), &answer);
    assert_eq!(driven.error(), "the server refused with error 599 (Full Moon)");
}

#[test]
fn impossible_addresses_are_refused() {
    for wrong in ["0.0.0.0:5", "203.0.113.1:0", "[2001:db8::1]:5", "224.0.0.1:5"] {
        let mut driven = Driven::new();
        driven.ask(BASE, own(), server());
        let answer = stun::binding_success(&driven.last_request(), at(wrong), None).unwrap();
        assert!(driven.answer_with(server(), &answer));
        assert!(driven.error().contains("misconfigured"), "{wrong}: {}", driven.error());
    }
}

#[test]
fn a_base_asks_only_addresses_of_its_family() {
    let mut driven = Driven::new();
    assert!(!driven.ask(BASE, own(), at("[2001:db8::1]:3478")));
    assert!(!driven.ask(BASE, at("[2001:db8::2]:5000"), server()));
    assert!(driven.discovery.is_done());
    assert!(driven.sends().is_empty());
}

#[test]
fn new_transactions_are_at_least_ta_apart() {
    let mut driven = Driven::new();
    for base in 0..4 {
        assert!(driven.ask(BaseId(base), own(), server()));
    }
    driven.run_until(ms(100));
    assert_eq!(driven.sends(), [0, 5, 10, 15]);
}

#[test]
fn the_same_question_is_asked_again_only_after_its_answer() {
    let mut driven = Driven::new();
    assert!(driven.ask(BASE, own(), server()));
    assert!(!driven.ask(BASE, own(), server()));
    driven.answer(server());
    driven.run_until(ms(25_000));
    assert!(driven.ask(BASE, own(), server()));
    assert_eq!(driven.sends(), [0, 25_000]);
}

#[test]
fn a_server_that_was_named_dead_is_asked_twice_and_not_seven_times_until_it_answers() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    driven.run_until(ms(20_000));
    let first = driven.sends().len();
    for round in 1..=3 {
        assert!(driven.ask(BASE, own(), server()), "round {round}");
        driven.run_until(ms(20_000 + 20_000 * round));
    }
    // The last transmission of the first round comes at 31.5 s.
    let asked: Vec<u64> = driven.sends().into_iter().skip(first).filter(|at| *at != 31_500).collect();
    assert_eq!(asked, [20_000, 20_500, 40_000, 40_500, 60_000, 60_500]);

    driven.ask(BASE, own(), server());
    assert!(driven.answer(server()));
    driven.ask(BASE, own(), server());
    driven.run_until(ms(130_000));
    assert_eq!(driven.sends().iter().filter(|at| **at >= 80_000).count(), 1 + 7, "it has answered meanwhile");
}

#[test]
fn a_long_sleep_names_the_dead_at_once() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    driven.now += Duration::from_secs(3600);
    driven.discovery.handle_timeout(driven.now);
    driven.drain();
    assert!(driven.error().contains("no answer from 192.0.2.1:3478"));
    assert_eq!(driven.discovery.poll_timeout(), None);
}

#[test]
fn transactions_differ_and_come_from_the_seed() {
    let request = |seed, base| {
        let mut discovery = Discovery::new(seed);
        let now = Instant::now();
        for base in 0..=base {
            discovery.ask(BaseId(base), own(), URL, server(), now + ms(10) * base);
        }
        let mut last = Vec::new();
        while let Some(DiscoveryOutput::Send { bytes, .. }) = discovery.poll_output() {
            last = bytes;
        }
        last
    };
    assert_eq!(request(1, 0), request(1, 0));
    assert_ne!(request(1, 0), request(2, 0));
    assert_ne!(request(1, 0), request(1, 1));
}

#[test]
fn a_server_that_talks_nonsense_is_told_from_one_that_says_nothing() {
    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    driven.discovery.on_nonsense(BASE, at("192.0.2.77:3478"));
    driven.discovery.on_nonsense(BaseId(99), server());
    driven.run_until(ms(5000));
    assert!(driven.error().contains("no answer from 192.0.2.1:3478"), "somebody else talked");

    let mut driven = Driven::new();
    driven.ask(BASE, own(), server());
    driven.discovery.on_nonsense(BASE, server());
    driven.run_until(ms(5000));
    assert!(driven.error().contains("192.0.2.1:3478 answers with something that is not STUN"));
}
