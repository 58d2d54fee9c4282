//! The round trip over time, as small as a word.

use egui::{Align2, Sense, Stroke, Ui, pos2, vec2};
use floe_inspect::picture::Sample;

use crate::window::{
    curve, format,
    model::Model,
    pen,
    theme::{self, Palette},
};

/// The line does not rise for round trips below this, so that a quiet network looks quiet.
const LEAST_TOP_MS: f64 = 10.0;

/// Draws the plot into what is left of the line.
pub fn view(model: &Model<'_>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme::HIT), Sense::hover());
    let (name, line) = rect.split_left_right_at_x(rect.left() + 28.0);
    pen::line(ui.painter(), name, Align2::LEFT_CENTER, "RTT", theme::small(), palette.weak);
    let samples = &model.snapshot.picture.series.rtt_ms;
    let shown = model.picture().series.rtt_ms.last().map(|sample| sample.value);
    let (line, number) = line.split_left_right_at_x(line.right() - 46.0);
    let text = format::or_unknown(shown, format::ms_value);
    pen::line(ui.painter(), number, Align2::RIGHT_CENTER, text, theme::small(), palette.text);
    let places = points(samples, line.shrink2(vec2(2.0, 6.0)), model.end.0.as_secs_f64());
    ui.painter().extend(curve::shapes(places, Stroke::new(1.2, palette.accent)));
    response.on_hover_text("Round trip of the path in use, over the whole record; the panel Path shows it large");
}

fn points(samples: &[Sample], rect: egui::Rect, end_s: f64) -> Vec<egui::Pos2> {
    // One point per pixel is all that can be seen.
    let step = (samples.len() / (rect.width().max(1.0) as usize)).max(1);
    let peaks = samples.chunks(step).filter_map(|chunk| {
        let at = chunk.first()?.at.0.as_secs_f64();
        Some((at, chunk.iter().map(|sample| sample.value).fold(0.0, f64::max)))
    });
    let top = samples.iter().map(|sample| sample.value).fold(LEAST_TOP_MS, f64::max);
    let place = |(at, value): (f64, f64)| {
        let x = rect.left() + rect.width() * (at / end_s.max(1e-9)).clamp(0.0, 1.0) as f32;
        pos2(x, rect.bottom() - rect.height() * (value / top) as f32)
    };
    peaks.map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::fixtures;

    #[test]
    fn an_hour_is_no_more_points_than_pixels_and_keeps_its_peak() {
        let samples = &fixtures::connected().picture.series.rtt_ms;
        let many: Vec<Sample> = samples.iter().cycle().take(7_200).copied().collect();
        let rect = egui::Rect::from_min_size(pos2(0.0, 0.0), vec2(100.0, 20.0));
        let points = points(&many, rect, 240.0);
        assert!(points.len() <= 101, "{}", points.len());
        assert!(points.iter().any(|point| point.y < 0.1));
    }
}
