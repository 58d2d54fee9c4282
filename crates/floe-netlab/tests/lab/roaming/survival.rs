//! What is asked of both ends of a call that has survived something.

use floe_netlab::{CallOutcome, Recording};
use serde_json::Value;

/// Milliseconds without audio that people bear when a path is lost.
pub(super) const GAP: f64 = 1000.0;
/// And when there is another one before: three frames.
pub(super) const AT_ONCE: f64 = 60.0;
/// Between what is printed and what the recording shows: two frames.
const PRECISION: f64 = 40.0;
/// The beginning of an interruption is no different from the tone, because a decoder goes on with it.
const UNHEARD: f64 = 40.0;
/// Shorter ones are single lost packets.
const SHORTEST: f64 = 0.010;

/// One end of a call.
pub(super) struct End {
    pub outcome: CallOutcome,
    heard: Recording,
}

impl End {
    pub fn of(outcome: CallOutcome) -> Self {
        let heard = outcome.recording().unwrap();
        Self { outcome, heard }
    }

    pub fn restarts(&self) -> &[Value] {
        self.outcome.report["restarts"].as_array().unwrap()
    }

    /// Why generations began, first to last.
    pub fn causes(&self) -> Vec<&str> {
        self.restarts().iter().filter_map(|restart| restart["cause"].as_str()).collect()
    }

    /// What the restarts cost, in milliseconds, as far as it was measured.
    pub fn gaps(&self) -> Vec<f64> {
        self.restarts().iter().filter_map(|restart| restart["audioGapMs"].as_f64()).collect()
    }

    /// Without the tone, in milliseconds, as recorded.
    pub fn longest_interruption(&self) -> f64 {
        self.heard.interruptions(SHORTEST).iter().map(|(_, length)| length * 1000.0).fold(0.0, f64::max)
    }
}

/// Both ends ended as the call they began: connected, with the same words, and nothing they say contradicts what they
/// heard.
pub(super) fn check_same_call(ends: &[End; 2]) {
    for end in ends {
        let report = &end.outcome.report;
        assert_eq!(end.outcome.exit_code, Some(0), "{report:#}");
        assert_eq!(report["outcome"], "connected");
        assert!(!report["security"]["sas"].is_null(), "{report:#}");
    }
    let [alice, bob] = ends.each_ref().map(|end| &end.outcome.report["security"]["sas"]);
    assert_eq!(alice, bob);
    for end in ends {
        check_gap(end);
    }
}

/// No printed gap is longer than all that was recorded: it counts whatever was made up around a move.
fn check_gap(end: &End) {
    let printed = end.gaps().into_iter().fold(0.0, f64::max);
    let recorded = end.heard.interruptions(0.0).iter().map(|(_, length)| length * 1000.0 + UNHEARD).sum::<f64>();
    assert!(printed <= recorded + PRECISION, "{printed} ms are printed, {recorded} ms recorded: {:?}", end.restarts());
}

/// The longest printed gap is the longest recorded one.
pub(super) fn check_gap_is_all(end: &End) {
    let printed = end.gaps().into_iter().fold(0.0, f64::max);
    let recorded = end.longest_interruption();
    assert!((printed - recorded).abs() <= PRECISION, "{printed} ms printed, {recorded} ms recorded");
}
