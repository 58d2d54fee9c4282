//! Notes about the secure channel and the audio.

use std::time::Duration;

use floe_wire::note::{AudioMeasure, SecurityFacts, SeenSecurity};

use super::Inspector;
use crate::{
    gaps::{InterruptionView, push_interruption},
    markers::MarkerKind,
    picture::{SecurityView, Severity},
    series::push_sample,
    words::millis,
};

/// Made-up audio from here on is heard by everybody, and told as an event.
const HEARD: Duration = Duration::from_millis(100);

impl Inspector {
    pub(super) fn on_handshake_started(&mut self, client: bool) {
        self.picture.security = SecurityView::Handshaking { since: self.picture.at };
        let role = if client { "client" } else { "server" };
        self.say(Severity::Info, "security", format!("The DTLS handshake begins; we are its {role}"));
    }

    pub(super) fn on_secured(&mut self, facts: &SecurityFacts) {
        let at = self.picture.at;
        self.picture.timings.secured.get_or_insert(at);
        self.picture.security = SecurityView::Secured(facts.clone());
        let text = format!("Audio is encrypted: {}, {}", facts.dtls_version, facts.srtp_cipher);
        self.mark(MarkerKind::Milestone, "Audio is encrypted".to_owned());
        self.say(Severity::Info, "security", text);
    }

    pub(super) fn on_handshake_seen(&mut self, seen: &SeenSecurity) {
        let at = self.picture.at;
        self.picture.timings.secured.get_or_insert(at);
        self.picture.security = SecurityView::Seen(seen.clone());
        let version = seen.dtls_version.as_deref().unwrap_or("DTLS");
        self.say(Severity::Info, "security", format!("The {version} handshake is over; media is encrypted"));
    }

    pub(super) fn on_security_failed(&mut self, error: &str) {
        self.ending.security_failed = Some(self.picture.at);
        self.picture.security = SecurityView::Failed { error: error.to_owned() };
        self.mark(MarkerKind::Failure, format!("No secure channel: {error}"));
        self.say(Severity::Error, "security", format!("No secure channel: {error}"));
    }

    pub(super) fn on_first_audio(&mut self) {
        let at = self.picture.at;
        self.picture.timings.first_audio.get_or_insert(at);
        self.mark(MarkerKind::Milestone, "The peer's audio arrives".to_owned());
        self.say(Severity::Info, "audio", "The peer's audio arrives".to_owned());
    }

    pub(super) fn on_audio_measured(&mut self, measure: &AudioMeasure) {
        let at = self.picture.at;
        let loss = loss_percent(self.picture.audio.as_ref(), measure);
        let series = &mut self.picture.series;
        let samples = [
            (&mut series.loss_percent, loss),
            (&mut series.jitter_ms, measure.jitter_s.map(|jitter| jitter * 1e3)),
            (&mut series.buffer_ms, measure.buffer_ms),
            (&mut series.level_dbfs, measure.received_level_dbfs),
        ];
        for (series, value) in samples {
            if let Some(value) = value {
                push_sample(series, at, value);
            }
        }
        self.picture.ways.here.push(measure.packets_lost, measure.packets_received, at);
        self.picture.audio = Some(measure.clone());
        self.measure_gaps();
    }

    pub(super) fn on_audio_interrupted(&mut self, position: Duration, lasted: Duration, made_up: Duration) {
        let interruption = InterruptionView::told(self.picture.at, position, lasted, made_up);
        push_interruption(&mut self.picture.interruptions, interruption);
        if made_up >= HEARD {
            self.say(Severity::Detail, "audio", format!("{} of audio were missing", millis(made_up)));
        }
    }

    pub(super) fn on_audio_device(&mut self, message: &str) {
        self.picture.audio_device = Some(message.to_owned());
        self.say(Severity::Info, "audio", message.to_owned());
    }

    pub(super) fn on_muted(&mut self, muted: bool) {
        self.picture.muted = muted;
        let text = if muted { "Muted: only silence is sent" } else { "No longer muted" };
        self.say(Severity::Info, "audio", text.to_owned());
    }
}

/// Lost packets in percent of those expected since the measurement before; none when none were expected. Packets that
/// came late make up for earlier losses, which can leave less than nothing lost.
fn loss_percent(before: Option<&AudioMeasure>, measure: &AudioMeasure) -> Option<f64> {
    let (lost_before, received_before) = before.map_or((0, 0), |before| (before.packets_lost, before.packets_received));
    let lost = measure.packets_lost.saturating_sub(lost_before) as f64;
    let received = measure.packets_received.checked_sub(received_before)? as f64;
    let expected = lost + received;
    (expected > 0.0).then(|| (100.0 * lost / expected).clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(packets_received: u64, packets_lost: i64) -> AudioMeasure {
        AudioMeasure { packets_received, packets_lost, ..AudioMeasure::default() }
    }

    #[test]
    fn loss_is_of_the_newest_interval_and_not_of_the_whole_call() {
        assert_eq!(loss_percent(None, &measure(90, 10)), Some(10.0));
        assert_eq!(loss_percent(Some(&measure(90, 10)), &measure(190, 10)), Some(0.0));
        assert_eq!(loss_percent(Some(&measure(90, 10)), &measure(90, 20)), Some(100.0));
    }

    #[test]
    fn loss_is_unknown_when_nothing_was_expected() {
        assert_eq!(loss_percent(Some(&measure(90, 10)), &measure(90, 10)), None);
        assert_eq!(loss_percent(Some(&measure(90, 10)), &measure(0, 0)), None);
        assert_eq!(loss_percent(Some(&measure(90, 10)), &measure(92, 7)), None);
    }
}
