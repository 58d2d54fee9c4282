//! Marks that several views draw: cut-off text, state signs, dashed and broken lines, arrow heads, headings.

use std::f32::consts::TAU;

use egui::{
    Align2, Color32, FontId, Painter, Pos2, Rect, RichText, Shape, Stroke, Ui, Vec2,
    epaint::text::{LayoutJob, TextFormat},
    pos2, vec2,
};
use floe_inspect::picture::PairState;

use super::theme::{self, Palette};

/// Writes one line into `rect`, cut off with an ellipsis where it does not fit. Says whether it was cut.
pub fn line(
    painter: &Painter,
    rect: Rect,
    align: Align2,
    text: impl Into<String>,
    font: FontId,
    color: Color32,
) -> bool {
    let mut job = LayoutJob::single_section(text.into(), TextFormat::simple(font, color));
    job.wrap.max_width = rect.width();
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    let galley = painter.layout_job(job);
    let place = align.align_size_within_rect(galley.size(), rect);
    let cut = galley.elided;
    painter.galley(place.min, galley, color);
    cut
}

/// Writes a section's heading: small, spaced capitals.
pub fn heading(ui: &mut Ui, text: &str) -> egui::Response {
    let palette = Palette::of(ui.visuals());
    ui.label(
        RichText::new(text.to_uppercase())
            .font(theme::strong(theme::SMALL))
            .color(palette.weak)
            .extra_letter_spacing(1.0),
    )
}

/// Writes a sentence in the secondary colour.
pub fn note(ui: &mut Ui, text: impl Into<String>) -> egui::Response {
    let palette = Palette::of(ui.visuals());
    ui.add(egui::Label::new(RichText::new(text).size(theme::SMALL).color(palette.weak)).wrap())
}

/// Writes an error in place: sign, sentence.
pub fn trouble(ui: &mut Ui, text: &str) -> egui::Response {
    let palette = Palette::of(ui.visuals());
    let text = RichText::new(format!("✗ {text}")).size(theme::SMALL).color(palette.failed);
    ui.add(egui::Label::new(text).wrap())
}

/// An empty panel that says what will appear here and what makes it appear.
pub fn empty(ui: &mut Ui, what: &str, how: &str) {
    let palette = Palette::of(ui.visuals());
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.28).clamp(theme::GRID, 120.0));
        ui.set_max_width(420.0);
        ui.label(RichText::new(what).size(theme::BODY).color(palette.text));
        ui.label(RichText::new(how).size(theme::SMALL).color(palette.weak));
    });
}

/// The sign of a pair's state. Each differs in shape, so that colour only supports it.
pub fn pair_sign(painter: &Painter, center: Pos2, radius: f32, state: PairState, color: Color32) {
    let stroke = Stroke::new(1.8, color);
    match state {
        PairState::Frozen => {
            let square = Rect::from_center_size(center, Vec2::splat(radius * 1.8));
            painter.rect_stroke(square, 2.0, Stroke::new(1.2, color), egui::StrokeKind::Inside);
            hatch(painter, square.shrink(1.0), color, 3.5);
        }
        PairState::Waiting => {
            painter.circle_stroke(center, radius * 0.85, stroke);
        }
        PairState::InProgress => {
            painter.circle_stroke(center, radius * 0.85, stroke);
            painter.add(half_disc(center, radius * 0.85, color));
        }
        PairState::Succeeded => {
            painter.circle_filled(center, radius, color);
            let tick = [vec2(-0.45, 0.02), vec2(-0.12, 0.36), vec2(0.48, -0.34)].map(|at| center + at * radius);
            let surface = Palette::of(&painter.ctx().global_style().visuals).surface;
            painter.add(Shape::line(tick.to_vec(), Stroke::new(1.8, surface)));
        }
        PairState::Failed => cross(painter, center, radius * 0.7, Stroke::new(2.2, color)),
    }
}

fn half_disc(center: Pos2, radius: f32, color: Color32) -> Shape {
    let arc = (0..=12).map(|step| center + Vec2::angled(TAU * (0.25 + step as f32 / 24.0)) * radius);
    Shape::convex_polygon(arc.collect(), color, Stroke::NONE)
}

/// A diagonal cross.
pub fn cross(painter: &Painter, center: Pos2, reach: f32, stroke: Stroke) {
    for diagonal in [vec2(reach, reach), vec2(reach, -reach)] {
        painter.line_segment([center - diagonal, center + diagonal], stroke);
    }
}

/// Fills a rectangle with diagonal lines.
pub fn hatch(painter: &Painter, rect: Rect, color: Color32, step: f32) {
    let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    let lines = ((rect.width() + rect.height()) / step).ceil() as usize;
    for index in 0..lines {
        let x = rect.left() + index as f32 * step;
        let from = pos2(x, rect.top());
        painter.line_segment([from, from + vec2(-rect.height(), rect.height())], Stroke::new(1.0, color));
    }
}

/// A star: "in use".
pub fn star(painter: &Painter, center: Pos2, radius: f32, color: Color32) {
    let points: Vec<Pos2> = (0..10)
        .map(|step| {
            let reach = if step % 2 == 0 { radius } else { radius * 0.45 };
            center + Vec2::angled(TAU * (step as f32 / 10.0 - 0.25)) * reach
        })
        .collect();
    // The star is not convex: five triangles around a pentagon fill it.
    for tip in (0..10).step_by(2) {
        let triangle = vec![points[(tip + 9) % 10], points[tip], points[(tip + 1) % 10]];
        painter.add(Shape::convex_polygon(triangle, color, Stroke::NONE));
    }
    let pentagon = (1..10).step_by(2).map(|index| points[index]).collect();
    painter.add(Shape::convex_polygon(pentagon, color, Stroke::NONE));
}

/// A sun: the light theme.
pub fn sun(painter: &Painter, rect: Rect, color: Color32, _: Color32) {
    painter.circle_stroke(rect.center(), 3.4, Stroke::new(1.6, color));
    for step in 0..8 {
        let ray = Vec2::angled(TAU * step as f32 / 8.0);
        painter.line_segment([rect.center() + ray * 5.6, rect.center() + ray * 7.8], Stroke::new(1.6, color));
    }
}

/// A moon: the dark theme.
pub fn moon(painter: &Painter, rect: Rect, color: Color32, behind: Color32) {
    painter.circle_filled(rect.center(), 6.8, color);
    painter.circle_filled(rect.center() + vec2(3.4, -2.4), 5.8, behind);
}

/// A gear: the settings.
pub fn gear(painter: &Painter, rect: Rect, color: Color32, _: Color32) {
    painter.circle_stroke(rect.center(), 4.6, Stroke::new(2.2, color));
    for step in 0..8 {
        let tooth = Vec2::angled(TAU * (step as f32 + 0.5) / 8.0);
        painter.line_segment([rect.center() + tooth * 5.0, rect.center() + tooth * 7.8], Stroke::new(2.4, color));
    }
}

/// A question mark: help.
pub fn question(painter: &Painter, rect: Rect, color: Color32, _: Color32) {
    line(painter, rect, Align2::CENTER_CENTER, "?", theme::strong(theme::BODY), color);
}

/// A dashed line.
pub fn dashed(painter: &Painter, from: Pos2, to: Pos2, stroke: Stroke) {
    painter.extend(Shape::dashed_line(&[from, to], stroke, 7.0, 5.0));
}

/// An arrow head whose tip is at `tip`, pointing along `direction`.
pub fn arrow_head(painter: &Painter, tip: Pos2, direction: Vec2, color: Color32, size: f32) {
    let along = direction.normalized() * size;
    let across = along.rot90() * 0.55;
    painter.add(Shape::convex_polygon(vec![tip, tip - along + across, tip - along - across], color, Stroke::NONE));
}

/// A short text on a filled chip, centred at `center`; gives the chip's place.
pub fn chip(painter: &Painter, center: Pos2, text: &str, color: Color32, fill: Color32) -> Rect {
    let galley = painter.layout_no_wrap(text.to_owned(), theme::small(), color);
    let rect = Rect::from_center_size(center, galley.size() + vec2(14.0, 4.0));
    painter.rect_filled(rect, rect.height() / 2.0, fill);
    painter.galley(rect.center() - galley.size() / 2.0, galley, color);
    rect
}

/// A table of names and values that fills the width with as many columns as fit.
pub fn facts(ui: &mut Ui, salt: &str, rows: &[(&str, String)]) {
    let columns = ((ui.available_width() / 240.0) as usize).clamp(1, 4);
    let palette = Palette::of(ui.visuals());
    let width = ui.available_width() / columns as f32 - theme::GRID * 2.0;
    // Rows of text need no room for fingers.
    ui.spacing_mut().interact_size.y = theme::SMALL;
    egui::Grid::new(salt).num_columns(columns).spacing(vec2(theme::GRID * 2.0, 4.0)).show(ui, |ui| {
        for row in rows.chunks(columns) {
            for (name, value) in row {
                ui.horizontal(|ui| {
                    ui.set_width(width);
                    ui.spacing_mut().item_spacing.x = 6.0;
                    ui.label(RichText::new(*name).size(theme::SMALL).color(palette.weak));
                    ui.add(egui::Label::new(RichText::new(value).size(theme::SMALL)).truncate());
                });
            }
            ui.end_row();
        }
    });
}
