//! The track that the playhead is dragged along, with the moments worth jumping to.

use egui::{Color32, CursorIcon, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui, pos2, vec2};
use floe_inspect::{Marker, MarkerKind};
use floe_wire::Stamp;

use crate::window::{
    format,
    model::Model,
    theme::{self, Palette},
};

/// A click this near to a marker means the marker.
const REACH: f32 = 5.0;
const HANDLE: f32 = 7.0;

/// Draws the track; the moment a person asks for.
pub fn view(model: &Model<'_>, width: f32, ui: &mut Ui) -> Option<Stamp> {
    let (rect, response) = ui.allocate_exact_size(vec2(width, theme::HIT), Sense::click_and_drag());
    let rail = Rail { left: rect.left() + HANDLE, right: rect.right() - HANDLE, end: model.end };
    let shown = model.playhead.at().unwrap_or(model.end);
    paint(model, &rail, rect, shown, ui);
    let name = format!("Playhead at {} of {}", format::stamp(shown), format::clock(model.end.0));
    response.widget_info(|| egui::WidgetInfo::slider(ui.is_enabled(), shown.0.as_secs_f64(), &name));
    let pointer = response.hover_pos().or_else(|| response.interact_pointer_pos());
    let near = pointer.and_then(|pointer| nearest(model, &rail, pointer));
    if let (Some(pointer), false) = (pointer, response.dragged()) {
        let text = match near {
            Some(marker) => format!("{}  {}", format::stamp(marker.at), marker.text),
            None => format::stamp(rail.stamp(pointer.x)),
        };
        response.clone().on_hover_cursor(CursorIcon::PointingHand).on_hover_text_at_pointer(text);
    }
    let asked = response.clicked() || response.dragged();
    let pointer = response.interact_pointer_pos().filter(|_| asked)?;
    Some(near.filter(|_| response.clicked()).map_or_else(|| rail.stamp(pointer.x), |marker| marker.at))
}

/// Where moments lie.
struct Rail {
    left: f32,
    right: f32,
    end: Stamp,
}

impl Rail {
    fn x(&self, at: Stamp) -> f32 {
        let share = at.0.as_secs_f64() / self.end.0.as_secs_f64().max(1e-9);
        self.left + (self.right - self.left) * share.clamp(0.0, 1.0) as f32
    }

    fn stamp(&self, x: f32) -> Stamp {
        let share = f64::from((x - self.left) / (self.right - self.left).max(1.0)).clamp(0.0, 1.0);
        Stamp(self.end.0.mul_f64(share))
    }
}

fn nearest<'a>(model: &Model<'a>, rail: &Rail, pointer: Pos2) -> Option<&'a Marker> {
    let distance = |marker: &Marker| (rail.x(marker.at) - pointer.x).abs();
    let markers = model.snapshot.picture.markers.iter().filter(|marker| distance(marker) <= REACH);
    markers.min_by(|a, b| rank(b.kind).cmp(&rank(a.kind)).then(distance(a).total_cmp(&distance(b))))
}

/// What is drawn over what, where markers are close together.
const fn rank(kind: MarkerKind) -> u8 {
    match kind {
        MarkerKind::Milestone => 0,
        MarkerKind::Nomination => 1,
        MarkerKind::Selection => 2,
        MarkerKind::Recovery => 3,
        MarkerKind::End => 4,
        MarkerKind::Restart => 5,
        MarkerKind::NetworkChange => 6,
        MarkerKind::Loss => 7,
        MarkerKind::Failure => 8,
    }
}

fn paint(model: &Model<'_>, rail: &Rail, rect: Rect, shown: Stamp, ui: &Ui) {
    let palette = Palette::of(ui.visuals());
    let painter = ui.painter();
    let middle = rect.center().y;
    let bar = |from, to| Rect::from_min_max(pos2(from, middle - 2.0), pos2(to, middle + 2.0));
    painter.rect_filled(bar(rail.left, rail.right), 2.0, palette.border);
    let is_past = model.playhead.at().is_some();
    let color = if is_past { palette.selected_line } else { palette.accent };
    let x = rail.x(shown);
    painter.rect_filled(bar(rail.left, x), 2.0, color);
    for pass in 0..=8 {
        for marker in model.snapshot.picture.markers.iter().filter(|marker| rank(marker.kind) == pass) {
            sign(painter, marker.kind, pos2(rail.x(marker.at), middle), palette);
        }
    }
    painter.circle_filled(pos2(x, middle), HANDLE, color);
    painter.circle_stroke(pos2(x, middle), HANDLE, Stroke::new(2.0, palette.surface));
}

/// Each sort of moment has its shape; colour only supports it.
fn sign(painter: &Painter, kind: MarkerKind, at: Pos2, palette: &Palette) {
    let (above, below) = (at - vec2(0.0, 10.0), at + vec2(0.0, 10.0));
    match kind {
        MarkerKind::Milestone => tick(painter, at, 4.0, palette.weak),
        MarkerKind::Nomination => tick(painter, at, 7.0, palette.selected_line),
        MarkerKind::Selection => super::super::pen::star(painter, above + vec2(0.0, 2.0), 4.5, palette.selected_line),
        MarkerKind::Recovery => flag(painter, above, 5.0, palette.succeeded),
        MarkerKind::Restart => diamond(painter, above + vec2(0.0, 2.0), palette.accent),
        MarkerKind::NetworkChange => diamond(painter, below - vec2(0.0, 2.0), palette.selected_line),
        MarkerKind::Loss => flag(painter, below, -5.0, palette.failed),
        MarkerKind::Failure => {
            super::super::pen::cross(painter, above + vec2(0.0, 2.0), 3.5, Stroke::new(2.0, palette.failed))
        }
        MarkerKind::End => tick(painter, at, 9.0, palette.weak),
    }
}

fn tick(painter: &Painter, at: Pos2, reach: f32, color: Color32) {
    painter.vline(at.x, at.y - reach..=at.y + reach, Stroke::new(1.5, color));
}

/// A triangle that points to the rail.
fn flag(painter: &Painter, at: Pos2, size: f32, color: Color32) {
    let points = vec![at + vec2(0.0, size), at - vec2(size * 0.8, 0.0), at + vec2(size * 0.8, 0.0)];
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
}

fn diamond(painter: &Painter, at: Pos2, color: Color32) {
    let points = [vec2(0.0, -4.5), vec2(4.5, 0.0), vec2(0.0, 4.5), vec2(-4.5, 0.0)].map(|step| at + step).to_vec();
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_on_the_track_and_its_moment_belong_together() {
        let rail = Rail { left: 10.0, right: 210.0, end: Stamp::from_millis(4_000) };
        for ms in [0, 1_000, 4_000] {
            assert_eq!(rail.stamp(rail.x(Stamp::from_millis(ms))), Stamp::from_millis(ms));
        }
        assert_eq!((rail.stamp(-50.0), rail.stamp(999.0)), (Stamp::ZERO, Stamp::from_millis(4_000)));
    }

    #[test]
    fn an_empty_record_has_one_moment() {
        let rail = Rail { left: 10.0, right: 210.0, end: Stamp::ZERO };
        assert_eq!(rail.stamp(100.0), Stamp::ZERO);
        assert_eq!(rail.x(Stamp::ZERO), 10.0);
    }
}
