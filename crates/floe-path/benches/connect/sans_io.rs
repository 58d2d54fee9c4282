//! The crate `is`, the ICE agent of str0m, over the bench's network.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_wire::CandidateType;
use is::{
    Candidate, IceAgent, IceAgentEvent, IceCreds, Protocol,
    stun::{StunMessage, StunPacket},
};
use tokio::sync::{mpsc, watch};

use crate::{
    Outcome, PATIENCE,
    network::{Base, End, Network},
    wire::{Arrival, Wire},
};

/// How it is set.
#[derive(Debug, Clone, Copy)]
pub enum Tuning {
    /// As it comes.
    Default,
    /// Ta as short as ours.
    Fast,
}

type Selection = Option<(SocketAddr, SocketAddr, Instant)>;

struct Side {
    agent: IceAgent,
    wire: Wire,
    inbound: mpsc::UnboundedReceiver<Arrival>,
    show: watch::Sender<Selection>,
}

/// Connects two ends; none if they did not within the patience.
pub async fn run(wire: &Wire, network: Network, tuning: Tuning) -> Option<Outcome> {
    let (mut a, candidates_a, mut seen_a) = Side::new(wire, network, End::A, tuning);
    let (mut b, candidates_b, mut seen_b) = Side::new(wire, network, End::B, tuning);
    let start = Instant::now();
    let credentials = [&a, &b].map(|side| side.agent.local_credentials().clone());
    let [of_a, of_b] = credentials;
    a.paste(of_b, &candidates_b, start);
    b.paste(of_a, &candidates_a, start);
    let (a, b) = (tokio::spawn(a.run()), tokio::spawn(b.run()));
    let both = async {
        let one = seen_a.wait_for(Option::is_some).await.ok()?.expect("it was waited for");
        let other = seen_b.wait_for(Option::is_some).await.ok()?.expect("it was waited for");
        Some((one, other))
    };
    let both = tokio::time::timeout(PATIENCE, both).await.ok().flatten();
    let checks = wire.checks();
    a.abort();
    b.abort();
    let ((here, to, at), (there, back, also_at)) = both?;
    let agreed = network.is_one_pair((here, to), (there, back));
    Some(Outcome { took: at.max(also_at) - start, checks, agreed })
}

fn local_candidates(base: &Base) -> Vec<Candidate> {
    let own = match base.candidate_type() {
        CandidateType::Relayed => Candidate::relayed(base.address, base.address, "udp"),
        _ => Candidate::host(base.address, "udp"),
    };
    let reflexive = base.mapped().map(|mapped| Candidate::server_reflexive(mapped, base.address, "udp"));
    [Some(own), reflexive].into_iter().flatten().map(|candidate| candidate.expect("a proper address")).collect()
}

impl Side {
    fn new(wire: &Wire, network: Network, end: End, tuning: Tuning) -> (Self, Vec<String>, watch::Receiver<Selection>) {
        let mut agent = IceAgent::new(IceCreds::new());
        agent.set_controlling(end == End::A);
        match tuning {
            Tuning::Default => {}
            Tuning::Fast => agent.set_timing_advance(Duration::from_millis(5)),
        }
        let (ear, inbound) = mpsc::unbounded_channel();
        let mut told = Vec::new();
        for base in network.bases(end) {
            wire.open(base.address, base.access, ear.clone());
            for candidate in local_candidates(&base) {
                told.extend(agent.add_local_candidate(candidate).map(Candidate::to_sdp_string));
            }
        }
        let (show, seen) = watch::channel(None);
        (Self { agent, wire: wire.clone(), inbound, show }, told, seen)
    }

    fn paste(&mut self, credentials: IceCreds, candidates: &[String], now: Instant) {
        self.agent.set_remote_credentials(credentials);
        for candidate in candidates {
            self.agent.add_remote_candidate(Candidate::from_sdp_string(candidate).expect("its own words"));
        }
        self.agent.handle_timeout(now);
    }

    async fn run(mut self) {
        loop {
            self.drain();
            let due = self.agent.poll_timeout().unwrap_or_else(|| Instant::now() + PATIENCE);
            tokio::select! {
                biased;
                Some(arrival) = self.inbound.recv() => self.on_arrival(&arrival),
                () = tokio::time::sleep_until(due.into()) => self.agent.handle_timeout(Instant::now()),
            }
        }
    }

    fn on_arrival(&mut self, arrival: &Arrival) {
        let now = Instant::now();
        let Ok(message) = StunMessage::parse(&arrival.bytes) else { return };
        let packet = StunPacket { proto: Protocol::Udp, source: arrival.from, destination: arrival.base, message };
        self.agent.handle_packet(now, packet);
        // Answers wait for a turn of the timer; it is given at once.
        self.agent.handle_timeout(now);
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.agent.poll_transmit() {
            let bytes: Vec<u8> = transmit.contents.to_vec();
            self.wire.send(transmit.source, transmit.destination, bytes.into());
        }
        while let Some(event) = self.agent.poll_event() {
            if let IceAgentEvent::NominatedSend { source, destination, .. } = event {
                self.show.send_if_modified(|selected| {
                    let is_first = selected.is_none();
                    selected.get_or_insert((source, destination, Instant::now()));
                    is_first
                });
            }
        }
    }
}
