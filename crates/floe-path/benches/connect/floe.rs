//! Floe's own engine over the bench's network.

use std::{net::SocketAddr, time::Instant};

use floe_path::{AgentOutbox, Credentials, Path, PathBase, PathConfig, PathOutput};
use floe_wire::{BaseId, CandidateType, Generation, IceRole, candidate::priority};
use tokio::sync::{mpsc, watch};

use crate::{
    Outcome, PATIENCE,
    network::{End, Network},
    wire::{Arrival, Wire},
};

/// Ta and grace as a call has them.
const PACING_MS: u64 = 5;
const GRACE_MS: u64 = 30;

/// The selected base and where it leads, and when that was selected.
type Selection = Option<(SocketAddr, SocketAddr, Instant)>;

struct Side {
    path: Path,
    agents: AgentOutbox,
    inbound: mpsc::UnboundedReceiver<Arrival>,
    bases: Vec<PathBase>,
    wire: Wire,
    show: watch::Sender<Selection>,
}

/// Connects two ends; none if they did not within the patience.
pub async fn run(wire: &Wire, network: Network, seed: u64) -> Option<Outcome> {
    let (a, mut seen_a) = Side::new(wire, network, End::A, seed).await;
    let (b, mut seen_b) = Side::new(wire, network, End::B, !seed).await;
    let start = Instant::now();
    let (a, b) = (tokio::spawn(a.run(network, End::A)), tokio::spawn(b.run(network, End::B)));
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

/// A path over the bases of an end, and the events of its agents.
pub async fn path(network: Network, end: End, seed: u64) -> (Path, AgentOutbox, Vec<PathBase>) {
    let config = PathConfig {
        pacing: std::time::Duration::from_millis(PACING_MS),
        grace: std::time::Duration::from_millis(GRACE_MS),
        tie_breaker: if end == End::A { 2 } else { 1 },
        seed,
    };
    let (mut path, agents) = Path::new(config);
    let bases: Vec<_> = network
        .bases(end)
        .iter()
        .zip(0..)
        .map(|(base, id)| PathBase {
            id: BaseId(id),
            address: base.address,
            tcp_type: None,
            priority: priority(base.candidate_type(), base.local_preference),
            prflx_priority: priority(CandidateType::PeerReflexive, base.local_preference),
        })
        .collect();
    path.start(Generation(0), credentials(end), &bases).await;
    (path, agents, bases)
}

pub fn credentials(end: End) -> Credentials {
    Credentials { ufrag: format!("ufrag{end:?}"), password: format!("a-password-of-24-chars-{end:?}") }
}

impl Side {
    async fn new(wire: &Wire, network: Network, end: End, seed: u64) -> (Self, watch::Receiver<Selection>) {
        let (path, agents, bases) = path(network, end, seed).await;
        let (ear, inbound) = mpsc::unbounded_channel();
        for base in network.bases(end) {
            wire.open(base.address, base.access, ear.clone());
        }
        let (show, seen) = watch::channel(None);
        (Self { path, agents, inbound, bases, wire: wire.clone(), show }, seen)
    }

    async fn paste(&mut self, network: Network, end: End) {
        let (role, other) = match end {
            End::A => (IceRole::Controlling, End::B),
            End::B => (IceRole::Controlled, End::A),
        };
        self.path.set_remote(role, credentials(other), &network.candidates(other), Instant::now()).await;
    }

    async fn run(mut self, network: Network, end: End) {
        self.paste(network, end).await;
        loop {
            self.drain();
            let due = self.path.poll_timeout().map_or_else(|| Instant::now() + PATIENCE, |(at, _)| at);
            tokio::select! {
                biased;
                Some(arrival) = self.inbound.recv() => self.on_arrival(arrival),
                Some(send) = self.agents.recv() => self.path.handle_agent(send, Instant::now()),
                () = tokio::time::sleep_until(due.into()) => self.path.handle_timeout(Instant::now()),
            }
        }
    }

    fn on_arrival(&mut self, arrival: Arrival) {
        if let Some(base) = self.bases.iter().find(|base| base.address == arrival.base) {
            // What is refused is not for this bench.
            let _ = self.path.handle_stun(base.id, arrival.from, arrival.bytes, Instant::now());
        }
    }

    fn drain(&mut self) {
        let address = |id: BaseId| self.bases.iter().find(|base| base.id == id).expect("a base of ours").address;
        while let Some(output) = self.path.poll_output() {
            if let PathOutput::Send { base, to, bytes } = output {
                self.wire.send(address(base), to, bytes);
            }
        }
        if let Some((base, remote)) = self.path.selected() {
            self.show.send_if_modified(|selected| {
                let is_first = selected.is_none();
                selected.get_or_insert((address(base), remote, Instant::now()));
                is_first
            });
        }
    }
}
