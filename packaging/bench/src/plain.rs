//! webrtc-ice as it comes: one agent per end on one base, its own pacing, its own nomination.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use async_trait::async_trait;
use floe_transport::Inbound;
use tokio::sync::{Mutex, mpsc};
use webrtc_ice::{
    agent::{Agent, agent_config::AgentConfig},
    candidate::{
        Candidate, candidate_base::CandidateBaseConfig, candidate_host::CandidateHostConfig,
        candidate_server_reflexive::CandidateServerReflexiveConfig,
    },
    mdns::MulticastDnsMode,
    network_type::NetworkType,
    udp_mux::UDPMux,
    udp_network::UDPNetwork,
};
use webrtc_util::{
    Conn,
    vnet::{interface::Interface, net::Net},
};

use crate::{
    Outcome, PATIENCE,
    end::{End, EndBase, Sender},
    ground::World,
};

/// Connects two ends; none if they did not within the patience.
pub async fn run(world: &World) -> Option<Outcome> {
    let (end_a, end_b) = (End::open(world, 0).await.ok()?, End::open(world, 1).await.ok()?);
    let (base_a, base_b) = (end_a.bases.first()?.clone(), end_b.bases.first()?.clone());
    let senders = [end_a.sender.clone(), end_b.sender.clone()];
    let a = agent(end_a, &base_a).await.ok()?;
    let b = agent(end_b, &base_b).await.ok()?;
    let (selected, mut selections) = mpsc::unbounded_channel();
    for (end, agent) in [(0, &a), (1, &b)] {
        let selected = selected.clone();
        agent.on_selected_candidate_pair_change(Box::new(move |_, _| {
            let _ = selected.send((end, Instant::now()));
            Box::pin(async {})
        }));
    }
    let start = Instant::now();
    tell(&a, &base_b).ok()?;
    tell(&b, &base_a).ok()?;
    let (credentials_a, credentials_b) = (a.get_local_user_credentials().await, b.get_local_user_credentials().await);
    let (_keep_a, cancel_a) = mpsc::channel(1);
    let (_keep_b, cancel_b) = mpsc::channel(1);
    let (one, other) = (Arc::clone(&a), Arc::clone(&b));
    let dialing = tokio::spawn(async move { one.dial(cancel_a, credentials_b.0, credentials_b.1).await.map(drop) });
    let accepting =
        tokio::spawn(async move { other.accept(cancel_b, credentials_a.0, credentials_a.1).await.map(drop) });
    let both = async {
        let (first, mut at) = selections.recv().await?;
        let mut last = first;
        while last == first {
            (last, at) = selections.recv().await?;
        }
        Some(at)
    };
    let at = tokio::time::timeout(PATIENCE, both).await.ok().flatten();
    let checks = senders.iter().map(Sender::requests).sum();
    dialing.abort();
    accepting.abort();
    let _ = tokio::join!(a.close(), b.close());
    Some(Outcome { took: at? - start, checks, agreed: true })
}

async fn agent(end: End, base: &EndBase) -> Result<Arc<Agent>, webrtc_ice::Error> {
    let conn = BaseConn { sender: end.sender, base: base.address, inbound: Mutex::new(end.inbound) };
    let address = Interface::convert(SocketAddr::new(base.address.ip(), 0), None)?;
    let agent = Agent::new(AgentConfig {
        udp_network: UDPNetwork::Muxed(Arc::new(Mux(Arc::new(conn)))),
        multicast_dns_mode: MulticastDnsMode::Disabled,
        network_types: vec![NetworkType::Udp4],
        candidate_types: vec![webrtc_ice::candidate::CandidateType::Host],
        net: Some(Arc::new(Net::Ifs(vec![Interface::new("base".to_owned(), vec![address])]))),
        ..AgentConfig::default()
    })
    .await?;
    let (found, mut finding) = mpsc::channel(2);
    agent.on_candidate(Box::new(move |candidate| {
        let _ = found.try_send(candidate.is_some());
        Box::pin(async {})
    }));
    agent.gather_candidates()?;
    finding.recv().await;
    Ok(Arc::new(agent))
}

/// The peer's candidates.
fn tell(agent: &Agent, base: &EndBase) -> Result<(), webrtc_ice::Error> {
    let config = |address: SocketAddr| CandidateBaseConfig {
        network: "udp".to_owned(),
        address: address.ip().to_string(),
        port: address.port(),
        component: 1,
        ..CandidateBaseConfig::default()
    };
    let host = CandidateHostConfig { base_config: config(base.address), ..CandidateHostConfig::default() };
    let host: Arc<dyn Candidate + Send + Sync> = Arc::new(host.new_candidate_host()?);
    agent.add_remote_candidate(&host)?;
    if let Some(mapped) = base.mapped {
        let reflexive = CandidateServerReflexiveConfig {
            base_config: config(mapped),
            rel_addr: base.address.ip().to_string(),
            rel_port: base.address.port(),
        };
        let reflexive: Arc<dyn Candidate + Send + Sync> = Arc::new(reflexive.new_candidate_server_reflexive()?);
        agent.add_remote_candidate(&reflexive)?;
    }
    Ok(())
}

struct Mux(Arc<BaseConn>);

#[async_trait]
impl UDPMux for Mux {
    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    async fn get_conn(self: Arc<Self>, _ufrag: &str) -> Result<Arc<dyn Conn + Send + Sync>, webrtc_util::Error> {
        Ok(Arc::clone(&self.0) as Arc<dyn Conn + Send + Sync>)
    }

    async fn remove_conn_by_ufrag(&self, _ufrag: &str) {}
}

struct BaseConn {
    sender: Sender,
    base: SocketAddr,
    inbound: Mutex<mpsc::Receiver<Inbound>>,
}

fn unsupported() -> webrtc_util::Error {
    webrtc_util::Error::Other("agents send to addresses".to_owned())
}

#[async_trait]
impl Conn for BaseConn {
    async fn connect(&self, _: SocketAddr) -> Result<(), webrtc_util::Error> {
        Err(unsupported())
    }

    async fn recv(&self, _: &mut [u8]) -> Result<usize, webrtc_util::Error> {
        Err(unsupported())
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), webrtc_util::Error> {
        let arrival = self.inbound.lock().await.recv().await;
        let arrival = arrival.ok_or_else(|| webrtc_util::Error::Other("closed".to_owned()))?;
        let length = arrival.bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&arrival.bytes[..length]);
        Ok((length, arrival.remote))
    }

    async fn send(&self, _: &[u8]) -> Result<usize, webrtc_util::Error> {
        Err(unsupported())
    }

    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> Result<usize, webrtc_util::Error> {
        self.sender.send(self.base, to, bytes);
        Ok(bytes.len())
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        Ok(self.base)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn std::any::Any + Send + Sync) {
        self
    }
}
