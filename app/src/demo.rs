//! The demo: two complete peers in one process, joined by a simulated network (or real loopback sockets).

use std::sync::Arc;

use anyhow::Context as _;
use floe_call::{Call, CallConfig, Command, Snapshot};
use floe_simnet::{Scenario, World};
use floe_transport::Clock;

use crate::engine::Engine;

/// Two peers and the world between them. Dropping it ends both calls and the world.
pub struct Demo {
    /// The peer the window shows as "you".
    pub a: Call,
    /// The friend.
    pub b: Call,
    /// What was chosen.
    pub scenario: Scenario,
    codes_exchanged: bool,
    world: World,
}

impl Demo {
    /// Builds the world and starts both peers. Codes are exchanged by [`Demo::exchange_codes`].
    ///
    /// # Errors
    /// When the loopback scenario cannot bind its STUN server.
    pub fn start(
        engine: &Engine,
        scenario: Scenario,
        seed: u64,
        config_a: CallConfig,
        config_b: CallConfig,
    ) -> anyhow::Result<Self> {
        let _in_runtime = engine.runtime().enter();
        let world =
            World::build(scenario, seed).with_context(|| format!("cannot build the {} scenario", scenario.name()))?;
        // Both records lie side by side exactly: there is one clock.
        let shared_clock = Some(Clock::start());
        let fit = |config: CallConfig| CallConfig {
            shared_clock,
            stun_servers: world.stun_servers.clone(),
            turn_servers: world.turn_servers.clone(),
            turn_trust: world.turn_trust.clone(),
            include_loopback: world.include_loopback,
            interfaces: Vec::new(),
            ..config
        };
        let a = engine.call_over(fit(config_a), Arc::clone(&world.a));
        let b = engine.call_over(fit(config_b), Arc::clone(&world.b));
        Ok(Self { a, b, scenario, codes_exchanged: false, world })
    }

    /// Pastes each side's code into the other as soon as both are made; `true` once that was done.
    pub fn exchange_codes(&mut self) -> bool {
        if self.codes_exchanged {
            return true;
        }
        let (Some(code_a), Some(code_b)) = (self.a.snapshot().code.clone(), self.b.snapshot().code.clone()) else {
            return false;
        };
        self.a.send(Command::PasteCode(code_b));
        self.b.send(Command::PasteCode(code_a));
        self.codes_exchanged = true;
        true
    }

    /// The network between the two, to break things in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The same, to change what is in it.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Hangs up on both sides and gives the last snapshots.
    pub async fn finish(self) -> (Arc<Snapshot>, Arc<Snapshot>) {
        // The world outlives both calls, so that goodbyes still arrive.
        let Self { a, b, world: _world, .. } = self;
        tokio::join!(a.finish(), b.finish())
    }
}
