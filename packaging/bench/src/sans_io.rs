//! The crate `is`, the ICE agent of str0m.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_transport::Inbound;
use is::{
    Candidate, IceAgent, IceAgentEvent, IceCreds, Protocol,
    stun::{StunMessage, StunPacket},
};
use tokio::sync::{mpsc, watch};

use crate::{
    Outcome, PATIENCE,
    end::{End, EndBase, Sender},
    ground::World,
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
    sender: Sender,
    inbound: mpsc::Receiver<Inbound>,
    show: watch::Sender<Selection>,
}

/// Connects two ends; none if they did not within the patience.
pub async fn run(world: &World, tuning: Tuning) -> Option<Outcome> {
    let (a, b) = (End::open(world, 0).await.ok()?, End::open(world, 1).await.ok()?);
    let (bases_a, bases_b, sender_a, sender_b) = (a.bases.clone(), b.bases.clone(), a.sender.clone(), b.sender.clone());
    let (known_a, known_b) = (a.candidates.clone(), b.candidates.clone());
    let (mut a, candidates_a, mut seen_a) = Side::new(a, true, tuning);
    let (mut b, candidates_b, mut seen_b) = Side::new(b, false, tuning);
    let start = Instant::now();
    sender_a.expect_from(&known_b);
    sender_b.expect_from(&known_a);
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
    let checks = sender_a.requests() + sender_b.requests();
    a.abort();
    b.abort();
    let ((here, to, at), (there, back, also_at)) = both?;
    let agreed = End::owner(&bases_b, to) == Some(there) && End::owner(&bases_a, back) == Some(here);
    Some(Outcome { took: at.max(also_at) - start, checks, agreed })
}

fn local_candidates(base: &EndBase) -> Vec<Candidate> {
    let own = if base.is_relayed {
        Candidate::relayed(base.address, base.address, "udp")
    } else {
        Candidate::host(base.address, "udp")
    };
    let reflexive = base.mapped.map(|mapped| Candidate::server_reflexive(mapped, base.address, "udp"));
    [Some(own), reflexive].into_iter().flatten().map(|candidate| candidate.expect("a proper address")).collect()
}

impl Side {
    fn new(end: End, is_controlling: bool, tuning: Tuning) -> (Self, Vec<String>, watch::Receiver<Selection>) {
        let mut agent = IceAgent::new(IceCreds::new());
        agent.set_controlling(is_controlling);
        match tuning {
            Tuning::Default => {}
            Tuning::Fast => agent.set_timing_advance(Duration::from_millis(5)),
        }
        let mut told = Vec::new();
        for candidate in end.bases.iter().flat_map(local_candidates) {
            told.extend(agent.add_local_candidate(candidate).map(Candidate::to_sdp_string));
        }
        let (show, seen) = watch::channel(None);
        (Self { agent, sender: end.sender, inbound: end.inbound, show }, told, seen)
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

    fn on_arrival(&mut self, arrival: &Inbound) {
        let now = Instant::now();
        let Some(destination) = self.sender.base_of(arrival) else { return };
        let Ok(message) = StunMessage::parse(&arrival.bytes) else { return };
        let packet = StunPacket { proto: Protocol::Udp, source: arrival.remote, destination, message };
        self.agent.handle_packet(now, packet);
        // Answers wait for a turn of the timer; it is given at once.
        self.agent.handle_timeout(now);
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.agent.poll_transmit() {
            let bytes: Vec<u8> = transmit.contents.to_vec();
            self.sender.send(transmit.source, transmit.destination, &bytes);
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
