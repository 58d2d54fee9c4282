//! What the tests of whole calls share: two calls over a simulated world, and waiting for what they show, with what
//! they had shown so far when the wait was in vain.
#![allow(dead_code, reason = "no test needs all of it")]

pub mod pair;

use std::{sync::Arc, time::Duration};

use floe_call::{Call, Command, Snapshot};
use floe_inspect::{Picture, diagnose};
use tokio::time::timeout;

/// A test that waits longer than this for an event has found a bug; checks that fail do so after 39.5 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a snapshot satisfies `wanted`, and gives it.
pub async fn until(call: &Call, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let mut snapshots = call.watch();
    match timeout(PATIENCE, snapshots.wait_for(|snapshot| wanted(snapshot))).await {
        Ok(Ok(snapshot)) => Arc::clone(&snapshot),
        _ => panic!("waited in vain until {what}\n{}", story(&call.snapshot().picture)),
    }
}

/// What was told, a line each.
pub fn log_of(picture: &Picture) -> String {
    picture.events.iter().map(|event| format!("{} {} {}\n", event.at, event.topic, event.text)).collect()
}

/// What is said of the call, and what was told.
pub fn story(picture: &Picture) -> String {
    format!("{:?}\n{:?}\n{}", diagnose(picture), picture.lint, log_of(picture))
}

/// The call's code, once it can be given away.
pub async fn code_of(call: &Call) -> String {
    until(call, "the code is ready", |snapshot| snapshot.code.is_some()).await.code.clone().expect("just checked")
}

/// Pastes each code into the other call.
pub async fn exchange(a: &Call, b: &Call) {
    let (code_a, code_b) = (code_of(a).await, code_of(b).await);
    a.send(Command::PasteCode(code_b));
    b.send(Command::PasteCode(code_a));
}

/// Waits until a tone is heard, in whatever shape it comes.
pub async fn hears_a_tone(call: &Call) {
    until(call, "a tone is heard", |snapshot| {
        snapshot.picture.audio.as_ref().is_some_and(|audio| audio.tone_hz.is_some())
    })
    .await;
}

/// Waits until the tone of 440 Hz is heard. On a busy machine the first tenths of a second come in pieces, and a tone
/// in pieces measures a little off.
pub async fn hears_the_tone(call: &Call) {
    until(call, "the tone of 440 Hz is heard", |snapshot| {
        let heard = snapshot.picture.audio.as_ref().and_then(|audio| audio.tone_hz);
        heard.is_some_and(|hz| (hz - 440.0).abs() < 2.0)
    })
    .await;
}
