//! `floe demo`: two complete peers in this process, headless.

use std::{collections::VecDeque, time::Duration};

use floe_call::{AudioSource, CallConfig, Snapshot};
use floe_inspect::Report;
use floe_wire::IceConnectionState;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::{
    Status,
    args::{DemoOptions, TONE_HZ},
    breaks::{self, Break},
    keep::Keeping,
    output::{self, sentence_of, status_of},
    progress::Progress,
};
use crate::{demo::Demo, engine::Engine};

/// A demo that neither connects nor fails by then is given up: gathering, 39.5 s of checks (RFC 8863) and some air.
const LONGEST_CONNECT: Duration = Duration::from_secs(60);

/// A demo lasts so long unless something else is asked for, …
const USUAL: Duration = Duration::from_secs(5);
/// … and so long beyond the last thing that breaks.
const AFTERMATH: Duration = Duration::from_secs(2);

/// What `floe demo --json` prints.
#[derive(Serialize)]
struct DemoReport {
    scenario: &'static str,
    seed: u64,
    a: Report,
    b: Report,
}

pub(super) fn run(options: &DemoOptions) -> anyhow::Result<Status> {
    let engine = Engine::start()?;
    let tone = CallConfig { source: AudioSource::Tone { hz: TONE_HZ }, ..CallConfig::default() };
    let [of_a, of_b] = [Keeping::start(&options.keep)?, Keeping::start(&options.keep.of_peer_b())?];
    let a = CallConfig { record_wav: options.record.clone(), records: of_a.records(), ..tone.clone() };
    let b = CallConfig { records: of_b.records(), ..tone };
    let mut demo = Demo::start(&engine, options.scenario, options.seed, a, b)?;
    engine.runtime().block_on(async {
        let mut progress = Progress::new();
        progress.say(&format!("Scenario {}: {}", options.scenario.name(), options.scenario.describe()));
        let script = breaks::script(options.scenario, &options.breaks);
        let duration = options.seconds.map_or_else(|| usual_duration(&script), Duration::from_secs);
        watch(&mut demo, duration, script, &mut progress).await;
        progress.end();
        let (a, b) = demo.finish().await;
        of_a.finish();
        of_b.finish();
        conclude(options, &a, &b)
    })
}

/// Long enough to see what the last thing that breaks leads to.
fn usual_duration(script: &VecDeque<Break>) -> Duration {
    script.back().map_or(USUAL, |last| USUAL.max(last.at + AFTERMATH))
}

/// Watches both peers until the call has lasted `duration`, has failed, or Ctrl+C; breaks what the script says.
async fn watch(demo: &mut Demo, duration: Duration, mut script: VecDeque<Break>, progress: &mut Progress) {
    let (mut a, mut b) = (demo.a.watch(), demo.b.watch());
    let mut deadline = Instant::now() + LONGEST_CONNECT;
    let mut secured = None;
    loop {
        demo.exchange_codes();
        let (snapshot_a, snapshot_b) = (demo.a.snapshot(), demo.b.snapshot());
        progress.show(&snapshot_a.picture);
        // A call that was broken on purpose may come back as long as something is still to happen to it.
        let is_given_up = script.is_empty() && is_over(&snapshot_a) && is_over(&snapshot_b);
        if is_given_up || (snapshot_a.finished && snapshot_b.finished) {
            return;
        }
        if secured.is_none() && has_audio(&snapshot_a) && has_audio(&snapshot_b) {
            secured = Some(Instant::now());
            deadline = Instant::now() + duration;
        }
        let next = secured.and_then(|secured| script.front().map(|breakage| secured + breakage.at));
        if next.is_some_and(|next| next <= Instant::now()) {
            if let Some(breakage) = script.pop_front() {
                let outcome = if breakage.apply(demo).await { "" } else { ": there is nothing of the kind here" };
                progress.say(&format!("At {:.1} s {breakage}{outcome}", breakage.at.as_secs_f64()));
            }
            continue;
        }
        tokio::select! {
            _ = a.changed() => {}
            _ = b.changed() => {}
            () = sleep_until(next.unwrap_or(deadline).min(deadline)) => {
                if Instant::now() >= deadline {
                    return;
                }
            }
            _ = tokio::signal::ctrl_c() => return,
        }
    }
}

fn is_over(snapshot: &Snapshot) -> bool {
    snapshot.finished || snapshot.picture.ice_connection_state() == IceConnectionState::Failed
}

fn has_audio(snapshot: &Snapshot) -> bool {
    snapshot.picture.timings.first_audio.is_some()
}

fn conclude(options: &DemoOptions, a: &Snapshot, b: &Snapshot) -> anyhow::Result<Status> {
    let report = DemoReport {
        scenario: options.scenario.name(),
        seed: options.seed,
        a: Report::of(&a.picture),
        b: Report::of(&b.picture),
    };
    output::write(&options.output, &report, &sentence_of(&a.picture))?;
    let status =
        [&a.picture, &b.picture].map(|picture| status_of(picture)).into_iter().max_by_key(|status| *status as u8);
    Ok(status.unwrap_or(Status::NotConnected))
}
