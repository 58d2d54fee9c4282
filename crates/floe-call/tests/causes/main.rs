//! Real calls in networks that are broken on purpose: what each end says about it, and that a healthy call says
//! nothing.

mod checks;
#[path = "../common/mod.rs"]
mod common;
mod coverage;
mod healthy;
mod meddler;
mod paths;
mod relays;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use floe_call::{Call, CallConfig, Command, Snapshot};
use floe_inspect::{Confidence, Picture, diagnose, failure_code};
use floe_signal::Code;
use floe_simnet::{Scenario, Side, World};
use floe_transport::{Network, relay::Credentials};
use floe_wire::{IceConnectionState, PacketKind, RelayProtocol, classify};

use crate::{
    common::{
        code_of, hears_a_tone,
        pair::{Pair, config_for},
        story, until,
    },
    meddler::{Fate, Meddler, meddle},
};

impl Pair {
    fn start(scenario: Scenario) -> Self {
        let world = World::build(scenario, 7).expect("the world can be built");
        let (a, b) = (Arc::clone(&world.a), Arc::clone(&world.b));
        Self::over(world, a, b, &[])
    }

    /// Calls with the relays of their world.
    fn relayed(world: World, password: Option<&str>) -> Self {
        let mut turn_servers = world.turn_servers.clone();
        if let Some(password) = password {
            turn_servers.truncate(1);
            turn_servers[0].credentials = Some(Credentials::new("demo", password));
        }
        let config = CallConfig { turn_servers, ..config_for(&world) };
        Self::begin(world, config)
    }

    /// Calls over networks of the test's choice, with further servers.
    fn over(world: World, a: Arc<dyn Network>, b: Arc<dyn Network>, servers: &[&str]) -> Self {
        let further: Vec<String> = servers.iter().map(ToString::to_string).collect();
        Self::configured(world, [a, b], |_, config| config.stun_servers.extend(further.iter().cloned()))
    }

    /// Calls over networks of the test's choice, each set up as it likes.
    fn configured(world: World, networks: [Arc<dyn Network>; 2], change: impl Fn(Side, &mut CallConfig)) -> Self {
        let [a, b] = networks;
        let start = |side, network| {
            let mut config = config_for(&world);
            // Relays and TCP would carry calls past most of what is staged here.
            config.turn_servers.clear();
            config.tcp = false;
            change(side, &mut config);
            Call::start(config, network)
        };
        Self { a: start(Side::A, a), b: start(Side::B, b), world }
    }

    /// What `a` sends meets a fate.
    fn meddled(scenario: Scenario, judge: impl Fn(&[u8], SocketAddr) -> Fate + Send + Sync + 'static) -> Self {
        let world = World::build(scenario, 7).expect("the world can be built");
        let (a, b) = (meddle(&world.a, judge), Arc::clone(&world.b));
        Self::over(world, a, b, &[])
    }

    /// What either sends meets a fate.
    fn both_meddled(
        scenario: Scenario,
        judge: impl Fn(&[u8], SocketAddr) -> Fate + Clone + Send + Sync + 'static,
    ) -> Self {
        let world = World::build(scenario, 7).expect("the world can be built");
        let (a, b) = (meddle(&world.a, judge.clone()), meddle(&world.b, judge));
        Self::over(world, a, b, &[])
    }

    /// Pastes each code into the other.
    async fn exchanged(self) -> Self {
        self.exchange().await;
        self
    }

    /// Pastes each code into the other as somebody else might have made it.
    async fn exchange_forged(self, forge: impl Fn(&mut Code)) -> Self {
        for (from, to) in [(&self.a, &self.b), (&self.b, &self.a)] {
            let (mut code, _) = Code::decode(&code_of(from).await).expect("a code just made");
            forge(&mut code);
            to.send(Command::PasteCode(code.encode()));
        }
        self
    }

    async fn connected(self) -> Self {
        for call in [&self.a, &self.b] {
            hears_a_tone(call).await;
        }
        self
    }
}

fn ids(picture: &Picture) -> Vec<&'static str> {
    diagnose(picture).iter().map(|finding| finding.id).collect()
}

/// Waits until a rule is the first or stands beside others.
async fn says(call: &Call, id: &str) -> Arc<Snapshot> {
    until(call, &format!("{id} is said"), |snapshot| ids(&snapshot.picture).contains(&id)).await
}

/// Waits until a rule is the first to match.
async fn says_first(call: &Call, id: &str) -> Arc<Snapshot> {
    until(call, &format!("{id} is said first"), |snapshot| ids(&snapshot.picture).first() == Some(&id)).await
}
