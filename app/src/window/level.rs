//! A level meter.

use egui::{Align2, Rect, Sense, Ui, pos2, vec2};

use super::{
    pen,
    theme::{self, Palette},
};

/// Below this a meter is empty.
const FLOOR_DBFS: f64 = -60.0;
/// Above this a meter warns: clipping is near.
const HOT_DBFS: f64 = -6.0;
const SEGMENTS: usize = 20;
const HEIGHT: f32 = 20.0;
const NAME: f32 = 76.0;
const NUMBER: f32 = 52.0;

/// Draws a level with its name and number.
pub fn meter(ui: &mut Ui, name: &str, dbfs: Option<f64>, muted: bool) -> egui::Response {
    let width = ui.available_width().clamp(NAME + NUMBER + 60.0, 420.0);
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::hover());
    let palette = Palette::of(ui.visuals());
    let painter = ui.painter();
    let name_rect = Rect::from_min_size(rect.min, vec2(NAME, HEIGHT));
    pen::line(painter, name_rect, Align2::LEFT_CENTER, name, theme::small(), palette.text);
    let number = Rect::from_min_max(pos2(rect.right() - NUMBER, rect.top()), rect.max);
    let reading = reading(dbfs, muted);
    pen::line(painter, number, Align2::RIGHT_CENTER, reading.as_str(), theme::small(), palette.weak);

    let bar = Rect::from_min_max(pos2(name_rect.right(), rect.top() + 5.0), pos2(number.left(), rect.bottom() - 5.0));
    let step = bar.width() / SEGMENTS as f32;
    let lit = if muted { 0 } else { lit(dbfs) };
    for index in 0..SEGMENTS {
        let left = bar.left() + index as f32 * step;
        let segment = Rect::from_min_max(pos2(left, bar.top()), pos2(left + step - 2.0, bar.bottom()));
        let at_dbfs = FLOOR_DBFS * (1.0 - index as f64 / SEGMENTS as f64);
        let color = match (index < lit, at_dbfs >= HOT_DBFS) {
            (false, _) => palette.border,
            (true, false) => palette.succeeded,
            (true, true) => palette.selected_line,
        };
        painter.rect_filled(segment, 1.0, color);
    }
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Meter, true, format!("{name}: {reading}")));
    response.on_hover_text(format!("{name}: {reading} (0 dBFS is the loudest a sample can be)"))
}

fn reading(dbfs: Option<f64>, muted: bool) -> String {
    match dbfs {
        _ if muted => "muted".to_owned(),
        None => super::format::UNKNOWN.to_owned(),
        Some(level) if level <= FLOOR_DBFS => "silent".to_owned(),
        Some(level) => format!("{level:.0} dB"),
    }
}

fn lit(dbfs: Option<f64>) -> usize {
    let share = dbfs.map_or(0.0, |level| 1.0 - level / FLOOR_DBFS).clamp(0.0, 1.0);
    (share * SEGMENTS as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_empty_at_the_floor_and_full_at_zero() {
        assert_eq!(lit(Some(-60.0)), 0);
        assert_eq!(lit(Some(-120.0)), 0);
        assert_eq!(lit(Some(0.0)), SEGMENTS);
        assert_eq!(lit(None), 0);
    }

    #[test]
    fn an_unknown_level_is_not_silence() {
        assert_eq!(reading(None, false), "–");
        assert_eq!(reading(Some(-90.0), false), "silent");
    }
}
