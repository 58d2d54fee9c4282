//! What is sent, what is heard and what was lost on the way.

use egui::{Frame, Margin, RichText, ScrollArea, Stroke, Ui};
use floe_inspect::picture::SecurityView;
use floe_wire::note::AudioMeasure;

use super::{
    format, level,
    model::{Journey, Model},
    path_plots, pen,
    theme::{self, Palette},
    wish::Wish,
};

/// Samples per second of everything counted in samples.
const SAMPLE_RATE: f64 = 48_000.0;

/// From this width on, both ends stand side by side.
const BESIDE: f32 = 900.0;

/// Draws the audio numbers.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let picture = model.picture();
    let Some(audio) = &picture.audio else {
        let how = match model.journey {
            Journey::Idle => "Press New call on the left, or choose a demo above.",
            Journey::Call | Journey::Demo(_) => "They begin once the path is found and the keys are agreed.",
            Journey::File => &model.of_file("holds no audio measurements"),
        };
        pen::empty(ui, "Levels, losses and the jitter buffer will be shown here.", how);
        return Vec::new();
    };
    let mut wish = None;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if ui.available_width() >= BESIDE {
            ui.columns(2, |columns| {
                of_you(model, audio, &mut columns[0]);
                encryption(model, &mut columns[0]);
                of_friend(audio, &mut columns[1]);
            });
        } else {
            of_you(model, audio, ui);
            of_friend(audio, ui);
            encryption(model, ui);
        }
        if let Some(device) = &picture.audio_device {
            pen::note(ui, format!("Newest word on devices: {device}"));
        }
        ui.add_space(theme::GRID);
        wish = path_plots::of_audio(model, ui);
    });
    wish.into_iter().collect()
}

fn of_you(model: &Model<'_>, audio: &AudioMeasure, ui: &mut Ui) {
    card("You", ui, |ui| {
        level::meter(ui, "Level sent", audio.sent_level_dbfs, model.picture().muted);
        pen::facts(ui, "audio sent", &sent(audio));
    });
}

fn of_friend(audio: &AudioMeasure, ui: &mut Ui) {
    card("Friend", ui, |ui| {
        level::meter(ui, "Level heard", audio.received_level_dbfs, false);
        pen::facts(ui, "audio received", &received(audio));
    });
}

fn encryption(model: &Model<'_>, ui: &mut Ui) {
    let SecurityView::Secured(facts) = &model.picture().security else { return };
    card("Encryption", ui, |ui| {
        let rows = [("Keys", facts.dtls_version.clone()), ("Media", facts.srtp_cipher.clone())];
        pen::facts(ui, "encryption", &rows);
        fingerprint(ui, "Your certificate", &facts.local_fingerprint);
        fingerprint(ui, "Friend's certificate", &facts.remote_fingerprint);
    });
}

fn card(title: &str, ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let palette = Palette::of(ui.visuals());
    pen::heading(ui, title);
    Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(1.0, palette.border))
        .corner_radius(theme::ROUNDING)
        .inner_margin(Margin::symmetric(12, 10))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            content(ui);
        });
}

fn fingerprint(ui: &mut Ui, name: &str, value: &str) {
    ui.horizontal(|ui| {
        pen::note(ui, format!("{name}  SHA-256"));
        let text = RichText::new(value).font(theme::mono());
        ui.add(egui::Label::new(text).truncate()).on_hover_text(value);
    });
}

fn sent(audio: &AudioMeasure) -> Vec<(&'static str, String)> {
    let lost = |fraction: f64| format!("{:.1} %", fraction * 100.0);
    vec![
        ("Packets", audio.packets_sent.to_string()),
        ("Lost, says your friend", format::or_unknown(audio.remote_fraction_lost, lost)),
        ("Round trip by RTCP", format::or_unknown(audio.rtcp_rtt_s, |seconds| format::ms_value(seconds * 1e3))),
    ]
}

fn received(audio: &AudioMeasure) -> Vec<(&'static str, String)> {
    vec![
        ("Packets", audio.packets_received.to_string()),
        ("Lost", lost(audio)),
        ("Late", audio.packets_late.to_string()),
        ("Rebuilt by FEC", audio.fec_packets_used.to_string()),
        ("Concealed", concealed(audio)),
        ("Jitter", format::or_unknown(audio.jitter_s, |seconds| format::ms_value(seconds * 1e3))),
        ("Buffer", format::or_unknown(audio.buffer_ms, format::ms_value)),
        ("Buffer aims at", format::or_unknown(audio.buffer_target_ms, format::ms_value)),
        ("Tone", format::or_unknown(audio.tone_hz, |hz| format!("{hz:.1} Hz"))),
        ("Frames dropped here", audio.frames_dropped.to_string()),
    ]
}

fn lost(audio: &AudioMeasure) -> String {
    let lost = audio.packets_lost.max(0);
    let expected = audio.packets_received as f64 + lost as f64;
    if expected < 1.0 { lost.to_string() } else { format!("{lost} ({:.1} %)", lost as f64 / expected * 100.0) }
}

fn concealed(audio: &AudioMeasure) -> String {
    let time = format::ms_value(audio.concealed_samples as f64 / SAMPLE_RATE * 1e3);
    if audio.played_samples == 0 {
        return time;
    }
    let share = audio.concealed_samples as f64 / audio.played_samples as f64;
    format!("{time} ({:.1} %)", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_never_show_as_negative_loss() {
        let audio = AudioMeasure { packets_received: 100, packets_lost: -3, ..AudioMeasure::default() };
        assert_eq!(lost(&audio), "0 (0.0 %)");
    }

    #[test]
    fn concealment_is_told_in_time_and_share() {
        let audio = AudioMeasure { concealed_samples: 4_800, played_samples: 48_000, ..AudioMeasure::default() };
        assert_eq!(concealed(&audio), "100 ms (10.0 %)");
    }
}
