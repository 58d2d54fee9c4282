//! Two calls over one simulated world.

use std::{sync::Arc, time::Duration};

use floe_call::{Call, Command, Snapshot};
use floe_inspect::Picture;
use floe_simnet::World;
use tokio::time::timeout;

/// A test that waits longer than this for an event has found a bug.
const PATIENCE: Duration = Duration::from_secs(90);

/// Two calls over one world.
pub struct Pair {
    pub a: Call,
    pub b: Call,
    pub world: World,
}

impl Pair {
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

async fn code_of(call: &Call) -> String {
    until(call, "the code is ready", |snapshot| snapshot.code.is_some()).await.code.clone().expect("just checked")
}

pub async fn connected(call: &Call) {
    until(call, "a tone is heard", |snapshot| {
        snapshot.picture.audio.as_ref().is_some_and(|audio| audio.tone_hz.is_some())
    })
    .await;
}
