//! Two calls over one simulated world.

use std::{sync::Arc, time::Duration};

use floe_call::{AudioSource, Call, CallConfig, Command, Snapshot};
use floe_inspect::Picture;
use floe_simnet::{Scenario, World};
use floe_wire::Record;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

/// A test that waits longer than this for an event has found a bug.
const PATIENCE: Duration = Duration::from_secs(60);

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
        (Self::with_records(world, Some(records)), kept)
    }

    /// Starts both calls over a world.
    pub fn over(world: World) -> Self {
        Self::with_records(world, None)
    }

    fn with_records(world: World, records: Option<mpsc::Sender<Vec<Record>>>) -> Self {
        let config = CallConfig {
            stun_servers: world.stun_servers.clone(),
            include_loopback: world.include_loopback,
            source: AudioSource::Tone { hz: 440 },
            ..CallConfig::default()
        };
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
        let (code_a, code_b) = (code_of(&self.a).await, code_of(&self.b).await);
        self.a.send(Command::PasteCode(code_b));
        self.b.send(Command::PasteCode(code_a));
    }

    pub async fn finish(self) -> (Arc<Snapshot>, Arc<Snapshot>) {
        let Self { a, b, world } = self;
        let ends = tokio::join!(a.finish(), b.finish());
        drop(world);
        ends
    }
}

/// Waits until a snapshot satisfies `wanted`, and gives it.
pub async fn until(call: &Call, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let mut snapshots = call.watch();
    let outcome = timeout(PATIENCE, snapshots.wait_for(|snapshot| wanted(snapshot))).await;
    match outcome {
        Ok(Ok(snapshot)) => Arc::clone(&snapshot),
        _ => panic!("waited in vain until {what}; events:\n{}", log_of(&call.snapshot().picture)),
    }
}

pub fn log_of(picture: &Picture) -> String {
    picture.events.iter().map(|event| format!("{} {} {}\n", event.at, event.topic, event.text)).collect()
}

pub async fn code_of(call: &Call) -> String {
    until(call, "the code is ready", |snapshot| snapshot.code.is_some()).await.code.clone().expect("just checked")
}

pub async fn connected(call: &Call) {
    until(call, "a tone is heard", |snapshot| {
        snapshot.picture.audio.as_ref().is_some_and(|audio| audio.tone_hz.is_some())
    })
    .await;
}
