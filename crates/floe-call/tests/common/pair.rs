//! Two calls over one simulated world.

use std::sync::Arc;

use floe_call::{AudioSource, Call, CallConfig, Snapshot};
use floe_simnet::World;

/// Two calls over one simulated world.
pub struct Pair {
    pub a: Call,
    pub b: Call,
    pub world: World,
}

impl Pair {
    /// Starts both with one configuration.
    pub fn begin(world: World, config: CallConfig) -> Self {
        let a = Call::start(config.clone(), Arc::clone(&world.a));
        let b = Call::start(config, Arc::clone(&world.b));
        Self { a, b, world }
    }

    /// Pastes each code into the other call.
    pub async fn exchange(&self) {
        super::exchange(&self.a, &self.b).await;
    }

    pub async fn finish(self) -> (Arc<Snapshot>, Arc<Snapshot>) {
        let Self { a, b, world } = self;
        let ends = tokio::join!(a.finish(), b.finish());
        drop(world);
        ends
    }
}

/// What a call in this world is told: its servers, and a tone to send.
pub fn config_for(world: &World) -> CallConfig {
    CallConfig {
        stun_servers: world.stun_servers.clone(),
        turn_servers: world.turn_servers.clone(),
        turn_trust: world.turn_trust.clone(),
        include_loopback: world.include_loopback,
        source: AudioSource::Tone { hz: 440 },
        ..CallConfig::default()
    }
}
