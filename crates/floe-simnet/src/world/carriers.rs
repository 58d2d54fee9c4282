//! Two peers whose providers translate once more, which no demo shows: what a carrier's NAT looks like from inside.

use std::io;

use floe_transport::server_url::DEFAULT_PORT;

use super::{Peer, SERVERS, World, add_server, attach};
use crate::{
    NatConfig, Prefix, Simnet,
    scenario::{ACCESS_LINK, CARRIER_SERVER, EXTERNAL_A, EXTERNAL_B, HOME_A, SHARED_B, WAN_A},
};

impl World {
    /// Peer A is at home, with a router that its carrier gave an address of the shared range (RFC 6598) and with a server
    /// of the carrier that sees it; peer B has an address of that range itself.
    ///
    /// [`World::stun_servers`] can be reached by both; gives the URL of the carrier's server besides.
    ///
    /// # Errors
    /// None so far; servers of real sockets could not be bound.
    pub fn behind_carriers(seed: u64) -> io::Result<(Self, String)> {
        let simnet = Simnet::new(seed);
        let core = simnet.add_router();
        let [carrier_a, carrier_b, home] = [(); 3].map(|()| simnet.add_router());
        for (carrier, external) in [(carrier_a, EXTERNAL_A), (carrier_b, EXTERNAL_B)] {
            let uplink = simnet.uplink(carrier, core, &[Prefix::host(external)], ACCESS_LINK);
            simnet.translate(carrier, uplink, NatConfig::HOME, external);
        }
        let uplink = simnet.uplink(home, carrier_a, &[Prefix::host(WAN_A)], ACCESS_LINK);
        simnet.translate(home, uplink, NatConfig::HOME, WAN_A);
        let peers = [(home, HOME_A), (carrier_b, SHARED_B)].map(|(router, interfaces)| {
            let host = simnet.add_host();
            attach(&simnet, host, router, interfaces);
            Peer { host, router: Some(router) }
        });
        let mut servers = add_server(&simnet, carrier_a, &CARRIER_SERVER)?;
        for server in &SERVERS {
            servers.extend(add_server(&simnet, core, server)?);
        }
        let urls = SERVERS.iter().map(|server| format!("stun:{}:{DEFAULT_PORT}", server.name)).collect();
        let world = Self::simulated(simnet, core, peers, servers, urls);
        Ok((world, format!("stun:{}:{DEFAULT_PORT}", CARRIER_SERVER.name)))
    }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc};

    use floe_transport::Network;
    use floe_wire::stun::{StunMessage, TransactionId, binding_request};

    use super::*;

    async fn seen_as(network: &Arc<dyn Network>, server: &str) -> SocketAddr {
        let local = network.interfaces().unwrap()[0].addresses[0];
        let socket = network.bind_udp((local, 0).into()).unwrap();
        let remote = network.resolve(server, DEFAULT_PORT).await.unwrap()[0];
        socket.try_send_to(&binding_request(TransactionId([1; 12])), remote).unwrap();
        let mut buffer = [0; 1500];
        let (length, _) = std::future::poll_fn(|cx| socket.poll_recv_from(cx, &mut buffer)).await.unwrap();
        StunMessage::decode(&buffer[..length]).unwrap().mapped.unwrap()
    }

    #[tokio::test]
    async fn the_carriers_server_sees_its_own_range_and_others_see_the_outside() {
        let (world, _) = World::behind_carriers(1).unwrap();
        assert_eq!(seen_as(&world.a, CARRIER_SERVER.name).await.ip(), WAN_A);
        assert_eq!(seen_as(&world.a, SERVERS[0].name).await.ip(), EXTERNAL_A);
        assert_eq!(seen_as(&world.b, SERVERS[1].name).await.ip(), EXTERNAL_B);
    }
}
