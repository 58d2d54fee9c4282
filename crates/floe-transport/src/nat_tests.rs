//! The NAT tests of all bases: fed by what servers answer, one verdict for each base.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use floe_wire::{BaseId, NatFiltering, NatMapping, NatSummary, NatUnknown, stun::StunMessage};

use crate::{FirstAnswer, NatTest, NatVerdict};

/// Answers compared for one base; as many servers as anybody names.
const MAX_ANSWERS: usize = 32;
/// One silent server may be down; when so many are, UDP is.
const SILENT_SERVERS: usize = 2;
/// How long the first answer of a test is worth waiting for, beyond two round trips.
const SETTLING: Duration = Duration::from_millis(20);
/// A wait that people would notice is not worth it.
const LONGEST_SETTLING: Duration = Duration::from_millis(200);

/// Observes every base that servers are asked from.
///
/// Two servers tell the mapping by comparison; a server that offers a second address (RFC 5780) is put to a
/// [`NatTest`], which tells the filtering too. Only servers are asked that were named, at addresses they told.
#[derive(Debug, Default)]
pub struct NatTests {
    seed: u64,
    bases: Vec<Observed>,
}

#[derive(Debug)]
struct Observed {
    base: BaseId,
    local: SocketAddr,
    /// Servers asked: what was sent to an address has opened the filter for it.
    asked: Vec<SocketAddr>,
    /// Servers with the address each saw.
    seen: Vec<(SocketAddr, SocketAddr)>,
    test: Option<(FirstAnswer, NatTest)>,
    settles: Option<Instant>,
}

/// What a base shall send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatSend {
    /// The base.
    pub base: BaseId,
    /// The server.
    pub to: SocketAddr,
    /// A Binding request.
    pub bytes: Vec<u8>,
}

impl NatTests {
    /// No base yet; transaction ids come from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, bases: Vec::new() }
    }

    /// Takes notice that a server is asked from a base.
    pub fn on_asked(&mut self, base: BaseId, local: SocketAddr, server: SocketAddr) {
        let observed = self.observed(base, local);
        if !observed.asked.contains(&server) && observed.asked.len() < MAX_ANSWERS {
            observed.asked.push(server);
        }
        // The filter is open for that address from here on, so what a running test would find is worthless.
        if observed.test.as_ref().is_some_and(|(first, _)| first.other.ip() == server.ip()) {
            observed.test = None;
        }
    }

    /// Takes a server's answer to a base; the first usable second address begins a test.
    pub fn on_mapped(
        &mut self,
        base: BaseId,
        local: SocketAddr,
        (asked, mapped, other): (SocketAddr, SocketAddr, Option<SocketAddr>),
        rtt: Duration,
        now: Instant,
    ) {
        let seed = self.seed ^ u64::from(base.0);
        let observed = self.observed(base, local);
        if let Some((_, known)) = observed.seen.iter_mut().find(|(server, _)| *server == asked) {
            *known = mapped;
        } else if observed.seen.len() < MAX_ANSWERS {
            observed.seen.push((asked, mapped));
        }
        let Some(other) = other.filter(|_| observed.test.is_none()) else { return };
        let first = FirstAnswer { server: asked, mapped, other, rtt };
        if observed.asked.iter().all(|asked| asked.ip() != other.ip())
            && let Some(test) = NatTest::new(seed, local, first, now)
        {
            observed.settles = Some(now + (rtt * 2 + SETTLING).min(LONGEST_SETTLING));
            observed.test = Some((first, test));
        }
    }

    /// Takes a STUN message; `true` when it answers a request of a test.
    pub fn handle(&mut self, base: BaseId, from: SocketAddr, message: &StunMessage, now: Instant) -> bool {
        let observed = self.bases.iter_mut().find(|observed| observed.base == base);
        observed.is_some_and(|observed| observed.test.as_mut().is_some_and(|(_, test)| test.handle(from, message, now)))
    }

    /// What to send next.
    pub fn poll_send(&mut self) -> Option<NatSend> {
        self.bases.iter_mut().find_map(|Observed { base, test, .. }| {
            let (to, bytes) = test.as_mut()?.1.poll_send()?;
            Some(NatSend { base: *base, to, bytes })
        })
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.tests().filter_map(NatTest::poll_timeout).chain(self.settles()).min()
    }

    /// Repeats what is due and gives up what was repeated often enough.
    pub fn handle_timeout(&mut self, now: Instant) {
        for observed in &mut self.bases {
            // A moment that has passed is nothing to wake up for.
            observed.settles = observed.settles.filter(|at| *at > now);
            if let Some((_, test)) = &mut observed.test {
                test.handle_timeout(now);
            }
        }
    }

    /// Whether no test is running.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.tests().all(|test| test.verdict().is_some())
    }

    /// Until when the quick answers of running tests may still come: what an open filter lets in comes within a round
    /// trip, the silence of a closed one takes long. None when nothing is worth waiting for.
    #[must_use]
    pub fn settles(&self) -> Option<Instant> {
        let running =
            self.bases.iter().filter(|observed| observed.test.as_ref().is_some_and(|(_, test)| test.is_filtering()));
        running.filter_map(|observed| observed.settles).max()
    }

    /// What is known in front of a base.
    #[must_use]
    pub fn verdict(&self, base: BaseId) -> NatVerdict {
        let observed = self.bases.iter().find(|observed| observed.base == base);
        observed.map_or(NatVerdict::unknown(NatUnknown::NotAsked), Observed::verdict)
    }

    /// What a code says of it: the friendliest of all IPv4 bases, since any of them may carry the call.
    #[must_use]
    pub fn summary(&self) -> NatSummary {
        let bases: Vec<&Observed> = self.bases.iter().filter(|observed| observed.local.is_ipv4()).collect();
        let verdicts = bases.iter().map(|observed| observed.verdict());
        let friendliest = verdicts.min_by_key(NatVerdict::rank);
        let NatVerdict { mapping, filtering } = friendliest.unwrap_or(NatVerdict::unknown(NatUnknown::NotAsked));
        let mut asked: Vec<IpAddr> = self.bases.iter().flat_map(|base| &base.asked).map(SocketAddr::ip).collect();
        asked.sort_unstable();
        asked.dedup();
        let udp_silent = asked.len() >= SILENT_SERVERS && self.bases.iter().all(|base| base.seen.is_empty());
        let carrier_grade = bases.iter().any(|observed| observed.is_behind_two());
        NatSummary { mapping, filtering, udp_silent, carrier_grade }
    }

    /// Whether another NAT shows behind the first one of a base. `false` says that no sign of it was seen.
    #[must_use]
    pub fn is_behind_two(&self, base: BaseId) -> bool {
        self.bases.iter().any(|observed| observed.base == base && observed.is_behind_two())
    }

    /// Every server that answered a base, with the address it saw.
    #[must_use]
    pub fn seen(&self, base: BaseId) -> &[(SocketAddr, SocketAddr)] {
        self.bases.iter().find(|observed| observed.base == base).map_or(&[], |observed| &observed.seen)
    }

    fn tests(&self) -> impl Iterator<Item = &NatTest> {
        self.bases.iter().filter_map(|observed| observed.test.as_ref().map(|(_, test)| test))
    }

    fn observed(&mut self, base: BaseId, local: SocketAddr) -> &mut Observed {
        let position = self.bases.iter().position(|observed| observed.base == base).unwrap_or_else(|| {
            let (asked, seen) = (Vec::new(), Vec::new());
            self.bases.push(Observed { base, local, asked, seen, test: None, settles: None });
            self.bases.len() - 1
        });
        &mut self.bases[position]
    }
}

impl Observed {
    /// The carrier's shared range on either side of the router (RFC 6598), or a server that sees a private address
    /// that is not ours: another NAT stands in between.
    fn is_behind_two(&self) -> bool {
        let translated = self.seen.iter().map(|(_, mapped)| *mapped).filter(|mapped| *mapped != self.local);
        let is_inside = |ip: IpAddr| matches!(ip, IpAddr::V4(ip) if ip.is_private() || is_shared(ip));
        matches!(self.local.ip(), IpAddr::V4(ip) if is_shared(ip))
            || translated.into_iter().any(|mapped| is_inside(mapped.ip()))
    }

    fn verdict(&self) -> NatVerdict {
        let compared = NatMapping::compare(self.local, &self.seen);
        let Some((_, test)) = &self.test else {
            let why = if self.seen.is_empty() { NatUnknown::NoAnswer } else { NatUnknown::NoSecondAddress };
            return NatVerdict { mapping: compared, filtering: NatFiltering::Unknown(why) };
        };
        match test.verdict() {
            Some(NatVerdict { mapping: NatMapping::Unknown(_), filtering }) => {
                NatVerdict { mapping: compared, filtering }
            }
            Some(verdict) => verdict,
            None => NatVerdict {
                mapping: if compared.unknown().is_some() { NatMapping::Unknown(NatUnknown::NotYet) } else { compared },
                filtering: test.filtering().unwrap_or(NatFiltering::Unknown(NatUnknown::NotYet)),
            },
        }
    }
}

const fn is_shared(ip: Ipv4Addr) -> bool {
    ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64
}

#[cfg(test)]
mod tests {
    use floe_wire::{
        Dependence,
        stun::{binding_success, binding_success_of_server},
    };

    use super::*;

    const BASE: BaseId = BaseId(0);
    const RTT: Duration = Duration::from_millis(10);

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn local() -> SocketAddr {
        at("192.168.1.2:5000")
    }

    fn answered(tests: &mut NatTests, server: &str, mapped: &str, other: Option<&str>, now: Instant) {
        tests.on_asked(BASE, local(), at(server));
        tests.on_mapped(BASE, local(), (at(server), at(mapped), other.map(at)), RTT, now);
    }

    #[test]
    fn two_plain_servers_tell_the_mapping_and_leave_the_filtering_unknown() {
        let mut tests = NatTests::new(1);
        assert_eq!(tests.verdict(BASE), NatVerdict::unknown(NatUnknown::NotAsked));
        tests.on_asked(BASE, local(), at("192.0.2.1:3478"));
        assert_eq!(tests.verdict(BASE), NatVerdict::unknown(NatUnknown::NoAnswer));
        answered(&mut tests, "192.0.2.1:3478", "203.0.113.1:7", None, Instant::now());
        assert_eq!(tests.verdict(BASE).mapping, NatMapping::Unknown(NatUnknown::OneDestination));
        answered(&mut tests, "192.0.2.2:3478", "203.0.113.1:7", None, Instant::now());
        let verdict = tests.verdict(BASE);
        assert_eq!(verdict.mapping, NatMapping::Known(Dependence::EndpointIndependent));
        assert_eq!(verdict.filtering, NatFiltering::Unknown(NatUnknown::NoSecondAddress));
        assert!(tests.is_done() && tests.poll_send().is_none());
    }

    #[test]
    fn a_second_address_begins_a_test_whose_open_filter_is_known_after_one_answer() {
        let (mut tests, now) = (NatTests::new(1), Instant::now());
        answered(&mut tests, "192.0.2.1:3478", "203.0.113.1:7", Some("198.51.100.1:3479"), now);
        assert!(!tests.is_done());
        assert_eq!(tests.verdict(BASE), NatVerdict::unknown(NatUnknown::NotYet));
        assert!(tests.settles().is_some_and(|until| until > now + RTT && until < now + RTT * 10));
        let send = tests.poll_send().unwrap();
        let answer = binding_success(&send.bytes, at("203.0.113.1:7"), None).unwrap();
        let answer = StunMessage::decode(&answer).unwrap();
        assert!(tests.handle(BASE, at("198.51.100.1:3479"), &answer, now));
        assert_eq!(tests.verdict(BASE).filtering, NatFiltering::Known(Dependence::EndpointIndependent));
        assert_eq!(tests.settles(), None);
    }

    #[test]
    fn a_quick_answer_that_does_not_come_is_waited_for_once() {
        let (mut tests, mut now) = (NatTests::new(1), Instant::now());
        answered(&mut tests, "192.0.2.1:3478", "203.0.113.1:7", Some("198.51.100.1:3479"), now);
        for _ in 0..100 {
            while tests.poll_send().is_some() {}
            let Some(at) = tests.poll_timeout() else { break };
            assert!(at > now, "whoever sleeps until then never sleeps");
            now = at;
            tests.handle_timeout(now);
        }
        assert!(tests.is_done() && tests.settles().is_none());
    }

    #[test]
    fn a_second_address_that_was_asked_already_would_mislead_and_is_not_used() {
        let (mut tests, now) = (NatTests::new(1), Instant::now());
        answered(&mut tests, "198.51.100.1:5000", "203.0.113.1:7", None, now);
        answered(&mut tests, "192.0.2.1:3478", "203.0.113.1:7", Some("198.51.100.1:3479"), now);
        assert!(tests.is_done() && tests.poll_send().is_none());
        let mut tests = NatTests::new(1);
        answered(&mut tests, "192.0.2.1:3478", "203.0.113.1:7", Some("198.51.100.1:3479"), now);
        tests.on_asked(BASE, local(), at("198.51.100.1:5000"));
        assert!(tests.is_done());
    }

    #[test]
    fn a_test_that_finds_no_mapping_falls_back_to_the_comparison() {
        let (mut tests, mut now) = (NatTests::new(1), Instant::now());
        answered(&mut tests, "192.0.2.1:3478", "203.0.113.1:7", Some("198.51.100.1:3479"), now);
        answered(&mut tests, "192.0.2.9:3478", "203.0.113.1:8", None, now);
        while let Some(wake) = tests.poll_timeout() {
            while tests.poll_send().is_some() {}
            now = wake;
            tests.handle_timeout(now);
        }
        assert!(tests.is_done());
        let verdict = tests.verdict(BASE);
        assert_eq!(verdict.mapping, NatMapping::EndpointDependent);
        assert_eq!(verdict.filtering, NatFiltering::Unknown(NatUnknown::SecondAddressSilent));
    }

    #[test]
    fn the_summary_is_that_of_the_friendliest_base() {
        let (mut tests, now) = (NatTests::new(1), Instant::now());
        answered(&mut tests, "192.0.2.1:3478", "203.0.113.1:7", None, now);
        answered(&mut tests, "192.0.2.2:3478", "203.0.113.1:8", None, now);
        assert_eq!(tests.summary().mapping, NatMapping::EndpointDependent);
        tests.on_asked(BaseId(1), at("10.0.0.2:5"), at("192.0.2.1:3478"));
        assert_eq!(tests.summary().mapping, NatMapping::EndpointDependent, "a silent base says nothing");
        for server in ["192.0.2.1:3478", "192.0.2.2:3478"] {
            tests.on_mapped(BaseId(1), at("10.0.0.2:5"), (at(server), at("203.0.113.9:7"), None), RTT, now);
        }
        assert_eq!(tests.summary().mapping, NatMapping::Known(Dependence::EndpointIndependent));
        assert!(!tests.summary().carrier_grade && !tests.summary().udp_silent);
    }

    #[test]
    fn silence_of_all_servers_and_a_second_nat_are_told() {
        let mut tests = NatTests::new(1);
        assert!(!tests.summary().udp_silent, "nobody was asked");
        tests.on_asked(BASE, local(), at("192.0.2.1:3478"));
        assert!(!tests.summary().udp_silent, "one server may be down");
        tests.on_asked(BASE, local(), at("192.0.2.2:3478"));
        assert!(tests.summary().udp_silent);
        answered(&mut tests, "192.0.2.1:3478", "100.72.0.1:7", None, Instant::now());
        assert!(!tests.summary().udp_silent && tests.summary().carrier_grade);
    }

    #[test]
    fn answers_to_another_base_are_not_taken() {
        let (mut tests, now) = (NatTests::new(1), Instant::now());
        answered(&mut tests, "192.0.2.1:3478", "203.0.113.1:7", Some("198.51.100.1:3479"), now);
        let NatSend { to, bytes, .. } = tests.poll_send().unwrap();
        let answer = binding_success_of_server(&bytes, at("203.0.113.1:7"), to, None).unwrap();
        assert!(!tests.handle(BaseId(7), to, &StunMessage::decode(&answer).unwrap(), now));
    }
}
