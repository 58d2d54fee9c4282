//! Two calls over one simulated world.

use std::sync::Arc;

use floe_call::{AudioClock, Call, CallConfig};
use floe_simnet::{Scenario, World};
use floe_transport::Clock;
use floe_wire::Record;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::common::pair::config_for;
pub use crate::common::{code_of, hears_a_tone, log_of, pair::Pair, until};

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
        (Self::recording(world, Some(records), |_| {}), kept)
    }

    /// Starts both calls over a world.
    pub fn over(world: World) -> Self {
        Self::changed(world, |_| {})
    }

    /// Starts both calls over a world, with what `change` makes of what they would be told.
    pub fn changed(world: World, change: impl FnOnce(&mut CallConfig)) -> Self {
        Self::recording(world, None, change)
    }

    /// Starts both calls with one clock.
    pub fn with_one_clock(world: World) -> Self {
        Self::changed(world, |config| config.shared_clock = Some(Clock::start()))
    }

    fn recording(
        world: World,
        records: Option<mpsc::Sender<Vec<Record>>>,
        change: impl FnOnce(&mut CallConfig),
    ) -> Self {
        let mut config = CallConfig { audio_clock: AudioClock::Runtime, ..config_for(&world) };
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
}
