//! What is asked of both ends of a call that has survived something.

use floe_netlab::{CallOutcome, Recording};
use serde_json::Value;

use crate::TONE_HZ;

/// Milliseconds without audio that people bear when a path is lost.
pub(super) const GAP: f64 = 1000.0;
/// When a pair in reserve takes over: 200 ms from when the loss is noticed, which takes the system's news some 50 ms.
pub(super) const FALL_OVER: f64 = 250.0;
/// And when there is another one before: three frames.
pub(super) const AT_ONCE: f64 = 60.0;
/// Milliseconds between what is printed and what the recording shows: one frame.
const PRECISION: f64 = 20.0;
/// An interruption's place is known to a frame, and a decoder takes some milliseconds to show it.
const PLACE: f64 = 25.0;
/// Shorter ones are what a splice or a single window shows, in milliseconds.
const SHORTEST: f64 = 15.0;
/// Two frames, in milliseconds: an interruption that a decoder can bridge.
const BRIDGED: f64 = 40.0;
/// Interruptions belong to a restart that begins this many milliseconds after their end at most, …
const BEFORE: f64 = 500.0;
/// … and that selected a pair this many before their beginning.
const AFTER: f64 = 600.0;

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

    /// What restarts of this cause cost, in milliseconds.
    pub fn gaps_of(&self, cause: &str) -> Vec<f64> {
        let restarts = self.restarts().iter().filter(|restart| restart["cause"] == cause);
        restarts.filter_map(|restart| restart["audioGapMs"].as_f64()).collect()
    }

    /// Without the tone, in milliseconds, as recorded.
    pub fn longest_interruption(&self) -> f64 {
        self.recorded().into_iter().map(|(_, length)| length).fold(0.0, f64::max)
    }

    /// Interruptions as recorded: beginnings and lengths in milliseconds.
    fn recorded(&self) -> Vec<(f64, f64)> {
        let found = self.heard.interruptions(TONE_HZ, SHORTEST / 1000.0);
        found.into_iter().map(|(begin, length)| (begin * 1000.0, length * 1000.0)).collect()
    }

    /// Interruptions as printed.
    pub fn printed(&self) -> Vec<Printed> {
        let list = self.outcome.report["audio"]["interruptions"].as_array().unwrap();
        list.iter().map(Printed::of).collect()
    }

    /// Milliseconds without the tone in what was recorded at a printed interruption. Where no frame of the peer was heard
    /// in its midst, what sounds there for a moment is what the decoder made up.
    fn recorded_at(&self, printed: &Printed) -> f64 {
        let (begin, end) = (printed.position - PLACE, printed.position + printed.lasted + PLACE);
        let measure = if printed.is_whole() { Recording::interrupted } else { Recording::without_tone };
        measure(&self.heard, TONE_HZ, begin / 1000.0, end / 1000.0) * 1000.0
    }
}

/// An interruption as the report has it, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printed {
    /// When it was over, since the call was started.
    pub ended: f64,
    /// Where it began in the recording.
    position: f64,
    pub lasted: f64,
    pub made_up: f64,
}

impl Printed {
    fn of(report: &Value) -> Self {
        let [ended, position, lasted, made_up] =
            ["endedMs", "positionMs", "lastedMs", "madeUpMs"].map(|key| report[key].as_f64().unwrap());
        Self { ended, position, lasted, made_up }
    }

    /// Whether no frame of the peer was heard between its beginning and its end.
    fn is_whole(&self) -> bool {
        self.made_up >= self.lasted
    }

    /// What a decoder may go on with so well that no recording shows it: short interruptions of a tone.
    fn bridged(&self) -> f64 {
        if self.made_up <= BRIDGED { self.made_up } else { 0.0 }
    }

    /// Each whole frame in the midst of an interruption makes two edges more, where a decoder fades.
    fn precision(&self) -> f64 {
        PRECISION + (self.lasted - self.made_up)
    }

    fn belongs_to(&self, restart: &Value) -> bool {
        let [started, selected] = ["startedMs", "selectedMs"].map(|key| restart[key].as_f64().unwrap());
        self.ended + BEFORE >= started && self.ended - self.lasted <= selected + AFTER
    }
}

/// Both ends ended as the call they began: connected, with the same words.
pub(super) fn check_same_call(ends: &[End; 2]) {
    for end in ends {
        let report = &end.outcome.report;
        assert_eq!(end.outcome.exit_code, Some(0), "{report:#}");
        assert_eq!(report["outcome"], "connected");
        assert!(!report["security"]["sas"].is_null(), "{report:#}");
    }
    let [alice, bob] = ends.each_ref().map(|end| &end.outcome.report["security"]["sas"]);
    assert_eq!(alice, bob);
}

/// Every interruption in the recording is printed, and every printed one is as long as in the recording; what a restart
/// cost is what was recorded around it.
pub(super) fn check_interruptions(end: &End) {
    let (printed, recorded) = (end.printed(), end.recorded());
    let audio = &end.outcome.report["audio"];
    for one in &printed {
        let heard = end.recorded_at(one);
        let least = one.made_up - one.bridged() - one.precision();
        assert!(
            (least..=one.made_up + one.precision()).contains(&heard),
            "{one:?}, {heard} ms recorded there: {recorded:?}\n{audio:#}"
        );
    }
    for (begin, length) in &recorded {
        let is_printed =
            |one: &Printed| one.position - PLACE <= begin + length && *begin <= one.position + one.lasted + PLACE;
        assert!(printed.iter().any(is_printed), "{length} ms are missing at {begin} ms: {printed:?}\n{audio:#}");
    }
    for restart in end.restarts() {
        let Some(gap) = restart["audioGapMs"].as_f64() else { continue };
        let own = || printed.iter().filter(|one| one.belongs_to(restart));
        let heard: f64 = own().map(|one| end.recorded_at(one)).sum();
        let precision = own().map(Printed::precision).sum::<f64>().max(PRECISION);
        let least = gap - own().map(Printed::bridged).sum::<f64>() - precision;
        assert!((least..=gap + precision).contains(&heard), "{restart}, {heard} ms recorded: {printed:?}");
    }
}
