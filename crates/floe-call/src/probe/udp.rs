//! The UDP part of a probe: every server asked from every interface address, and the NAT test of each.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use floe_transport::{
    Base, Clock, Discovery, DiscoveryOutput, Inbound, NatSend, NatTests, NatVerdict, Network, Tap, clock,
};
use floe_wire::{BaseId, InterfaceInfo, NatSummary, NatUnknown, RelayProtocol, stun::StunMessage};
use tokio::sync::mpsc;

use super::Server;

/// Machines with more addresses than this are probed from the first ones.
const MAX_BASES: usize = 16;
/// Answers that may wait to be read.
const INBOUND_CAPACITY: usize = 256;
/// Everything is over by then: servers are named dead after 4.5 s, and the three steps of a NAT test take 7.5 s each
/// at worst.
const LONGEST: Duration = Duration::from_secs(30);

/// What UDP showed.
pub(super) struct UdpFindings {
    pub bases: Vec<UdpBase>,
    pub answers: Vec<UdpAnswer>,
    pub summary: NatSummary,
}

/// One interface address.
pub(super) struct UdpBase {
    pub interface: String,
    pub address: IpAddr,
    /// Why it could not be bound.
    pub error: Option<String>,
    /// Whether the system refused to send from it.
    pub is_unroutable: bool,
    pub mapped: Vec<SocketAddr>,
    pub verdict: NatVerdict,
    /// Whether another NAT shows behind the first.
    pub is_behind_two: bool,
}

/// What came of asking one server from one base.
pub(super) struct UdpAnswer {
    pub url: String,
    pub is_ipv6: bool,
    pub result: Result<Duration, String>,
}

/// Asks every server from every address; gives what they said.
pub(super) async fn probe(interfaces: &[InterfaceInfo], servers: &[Server], network: &Arc<dyn Network>) -> UdpFindings {
    let mut prober = Prober::open(interfaces, network);
    prober.ask(servers);
    let _ = tokio::time::timeout(LONGEST, prober.run()).await;
    prober.conclude()
}

struct Prober {
    bases: Vec<OpenBase>,
    failures: Vec<UdpBase>,
    inbound: mpsc::Receiver<Inbound>,
    discovery: Discovery,
    tests: NatTests,
    answers: Vec<UdpAnswer>,
}

struct OpenBase {
    base: Base,
    is_unroutable: bool,
}

impl Prober {
    fn open(interfaces: &[InterfaceInfo], network: &Arc<dyn Network>) -> Self {
        let (sender, inbound) = mpsc::channel(INBOUND_CAPACITY);
        // Nobody reads the record of a probe.
        let (tap, _) = Tap::new(Clock::start(), 2);
        let (discovery, tests) = (Discovery::new(rand::random()), NatTests::new(rand::random()));
        let (bases, failures, answers) = (Vec::new(), Vec::new(), Vec::new());
        let mut prober = Self { bases, failures, inbound, discovery, tests, answers };
        let addresses =
            interfaces.iter().flat_map(|interface| interface.addresses.iter().map(move |ip| (interface, ip)));
        for (number, (interface, ip)) in (0..).zip(addresses.take(MAX_BASES)) {
            match Base::open(&**network, &tap, BaseId(number), interface.clone(), *ip, sender.clone()) {
                Ok(base) => prober.bases.push(OpenBase { base, is_unroutable: false }),
                Err(error) => prober.failures.push(UdpBase {
                    interface: interface.name.clone(),
                    address: *ip,
                    error: Some(error.to_string()),
                    is_unroutable: false,
                    mapped: Vec::new(),
                    verdict: NatVerdict::unknown(NatUnknown::NotAsked),
                    is_behind_two: false,
                }),
            }
        }
        prober
    }

    fn ask(&mut self, servers: &[Server]) {
        let now = clock::now();
        let over_udp = servers.iter().filter(|server| server.transport == RelayProtocol::Udp);
        for Server { url, addresses, .. } in over_udp {
            for OpenBase { base, .. } in &self.bases {
                let same_family = |address: &&SocketAddr| address.is_ipv4() == base.address().is_ipv4();
                let Some(address) = addresses.iter().flatten().find(same_family) else { continue };
                if self.discovery.ask(base.id(), base.address(), url, *address, now) {
                    self.tests.on_asked(base.id(), base.address(), *address);
                }
            }
        }
        self.drain(now);
    }

    async fn run(&mut self) {
        while !(self.discovery.is_done() && self.tests.is_done()) {
            let wake = [self.discovery.poll_timeout(), self.tests.poll_timeout()].into_iter().flatten().min();
            // Without a deadline nothing is under way any more.
            let Some(wake) = wake else { return };
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                Some(inbound) = self.inbound.recv() => self.hear(&inbound),
            }
            let now = clock::now();
            self.discovery.handle_timeout(now);
            self.tests.handle_timeout(now);
            self.drain(now);
        }
    }

    fn hear(&mut self, inbound: &Inbound) {
        let Ok(message) = StunMessage::decode(&inbound.bytes) else {
            return self.discovery.on_nonsense(inbound.base, inbound.remote);
        };
        if !self.discovery.handle(inbound.base, inbound.remote, &message, inbound.at) {
            self.tests.handle(inbound.base, inbound.remote, &message, inbound.at);
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.discovery.poll_output() {
            match output {
                DiscoveryOutput::Send { base, to, bytes } => self.send(base, to, &bytes),
                DiscoveryOutput::Mapped { base, server, mapped, rtt, asked, other } => {
                    let local = self.bases.iter().find(|own| own.base.id() == base).map(|own| own.base.address());
                    let Some(local) = local else { continue };
                    self.tests.on_mapped(base, local, (asked, mapped, other), rtt, now);
                    self.answers.push(UdpAnswer { url: server, is_ipv6: local.is_ipv6(), result: Ok(rtt) });
                }
                DiscoveryOutput::Failed { base, server, error } => {
                    let is_ipv6 = self.bases.iter().any(|own| own.base.id() == base && own.base.address().is_ipv6());
                    self.answers.push(UdpAnswer { url: server, is_ipv6, result: Err(error) });
                }
            }
        }
        while let Some(NatSend { base, to, bytes }) = self.tests.poll_send() {
            self.send(base, to, &bytes);
        }
    }

    fn send(&mut self, base: BaseId, to: SocketAddr, bytes: &[u8]) {
        if let Some(own) = self.bases.iter_mut().find(|own| own.base.id() == base) {
            own.is_unroutable |= !own.base.send(bytes, to);
        }
    }

    fn conclude(self) -> UdpFindings {
        let Self { bases, failures, tests, answers, .. } = self;
        let found = bases.iter().map(|OpenBase { base, is_unroutable }| {
            let mut mapped: Vec<SocketAddr> = tests.seen(base.id()).iter().map(|(_, mapped)| *mapped).collect();
            mapped.sort_unstable();
            mapped.dedup();
            UdpBase {
                interface: base.interface().name.clone(),
                address: base.address().ip(),
                error: None,
                is_unroutable: *is_unroutable,
                mapped,
                verdict: tests.verdict(base.id()),
                is_behind_two: tests.is_behind_two(base.id()),
            }
        });
        UdpFindings { bases: found.chain(failures).collect(), answers, summary: tests.summary() }
    }
}
