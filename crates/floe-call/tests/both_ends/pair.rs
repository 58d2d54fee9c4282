//! Two calls over one simulated world.

use std::sync::Arc;

use floe_call::{AudioClock, AudioSource, Call, CallConfig, Snapshot};
use floe_simnet::{Scenario, World};
use floe_transport::Clock;
use floe_wire::Record;
use tokio::{sync::mpsc, task::JoinHandle};

pub use crate::watching::{code_of, log_of, until};

/// Two calls over one world.
pub struct Pair {
    pub a: Call,
    pub b: Call,
    pub world: World,
}

impl Pair {
    pub fn start(scenario: Scenario) -> Self {
        Self::over(World::build(scenario, 7).expect("the world can be built"))
    }

    /// Starts both calls; gives the records of the second one once it is over.
    pub fn recorded(scenario: Scenario) -> (Self, JoinHandle<Vec<Record>>) {
        let (records, mut batches) = mpsc::channel(1_024);
        let kept = tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Some(batch) = batches.recv().await {
                kept.extend(batch);
            }
            kept
        });
        let world = World::build(scenario, 7).expect("the world can be built");
        (Self::begin(world, Some(records), |_| {}), kept)
    }

    /// Starts both calls over a world.
    pub fn over(world: World) -> Self {
        Self::changed(world, |_| {})
    }

    /// Starts both calls over a world, with what `change` makes of what they would be told.
    pub fn changed(world: World, change: impl FnOnce(&mut CallConfig)) -> Self {
        Self::begin(world, None, change)
    }

    /// Starts both calls with one clock.
    pub fn with_one_clock(world: World) -> Self {
        Self::changed(world, |config| config.shared_clock = Some(Clock::start()))
    }

    fn begin(world: World, records: Option<mpsc::Sender<Vec<Record>>>, change: impl FnOnce(&mut CallConfig)) -> Self {
        let mut config = CallConfig {
            stun_servers: world.stun_servers.clone(),
            turn_servers: world.turn_servers.clone(),
            turn_trust: world.turn_trust.clone(),
            include_loopback: world.include_loopback,
            audio_clock: AudioClock::Runtime,
            source: AudioSource::Tone { hz: 440 },
            ..CallConfig::default()
        };
        change(&mut config);
        let a = Call::start(config.clone(), Arc::clone(&world.a));
        let b = Call::start(CallConfig { records, ..config }, Arc::clone(&world.b));
        Self { a, b, world }
    }

    /// Starts both calls and pastes each code into the other.
    pub async fn exchanged(scenario: Scenario) -> Self {
        let pair = Self::start(scenario);
        pair.exchange().await;
        pair
    }

    /// Pastes each code into the other.
    pub async fn exchange(&self) {
        crate::watching::exchange(&self.a, &self.b).await;
    }

    pub async fn finish(self) -> (Arc<Snapshot>, Arc<Snapshot>) {
        let Self { a, b, world } = self;
        let ends = tokio::join!(a.finish(), b.finish());
        drop(world);
        ends
    }
}

pub async fn connected(call: &Call) {
    until(call, "a tone is heard", |snapshot| {
        snapshot.picture.audio.as_ref().is_some_and(|audio| audio.tone_hz.is_some())
    })
    .await;
}
