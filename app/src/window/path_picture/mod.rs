//! The path picture: you, your interface, the routers, a relay if one carries the audio, your friend.

mod route;

use egui::{Align2, Color32, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use floe_inspect::Tone;

use self::route::{Link, LinkStyle, Place, Route, SideRoute};
use super::{
    model::{Journey, Model, Standing},
    pen,
    theme::{self, Palette},
    wish::Wish,
};

const PLACE_HEIGHT: f32 = 46.0;
const PLACE_WIDTH: f32 = 118.0;
const LINK: f32 = 42.0;
const SIDE_ROW: f32 = 20.0;
/// Text of the headline with the space above it.
const HEADLINE: f32 = 36.0;
/// Height of the whole at which nothing is enlarged.
const LEAST_HEIGHT: f32 = 150.0;
/// Beyond this, places only look swollen.
const LARGEST_SCALE: f32 = 1.4;

/// How many routes beside the main one fit.
fn side_rows(height: f32, scale: f32) -> usize {
    let spare = height - PLACE_HEIGHT * scale - HEADLINE - 8.0;
    ((spare / (SIDE_ROW * scale)).floor().max(0.0)) as usize
}

/// Draws the picture and the sentence under it.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let (area, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let main = Route::main(model);
    let scale = (area.height() / LEAST_HEIGHT).clamp(1.0, LARGEST_SCALE);
    let row = Rect::from_min_size(area.min, vec2(area.width(), PLACE_HEIGHT * scale));
    draw_route(&main, row, scale, ui);

    let sides = SideRoute::list(model);
    let room = side_rows(area.height(), scale);
    let side_row = SIDE_ROW * scale;
    let shown = if sides.len() > room { room.saturating_sub(1) } else { sides.len() };
    for (index, side) in sides.iter().take(shown).enumerate() {
        let top = row.bottom() + 8.0 + index as f32 * side_row;
        draw_side(side, Rect::from_min_size(pos2(area.left(), top), vec2(area.width(), side_row)), ui);
    }
    if sides.len() > shown && room > 0 {
        let top = row.bottom() + 8.0 + shown as f32 * side_row;
        let rest = format!("and {} more ways, all of them in the Grid", sides.len() - shown);
        let place = Rect::from_min_size(pos2(area.left(), top), vec2(area.width(), side_row));
        pen::line(ui.painter(), place, Align2::CENTER_CENTER, rest, theme::small(), Palette::of(ui.visuals()).weak);
    }
    headline(model, Rect::from_min_max(pos2(area.left(), area.bottom() - HEADLINE), area.max), ui);
    Vec::new()
}

fn headline(model: &Model<'_>, rect: Rect, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let color = match model.reading.headline.tone {
        Tone::Idle | Tone::Working | Tone::Good => palette.text,
        Tone::Warning => palette.selected,
        Tone::Bad => palette.failed,
    };
    let text = sentence(model);
    // A long sentence takes two lines of the ordinary size.
    let wide = ui.painter().layout_no_wrap(text.clone(), theme::large(), color).size().x;
    let font = if wide <= rect.width() { theme::large() } else { theme::body() };
    let mut job = egui::text::LayoutJob::simple(text, font, color, rect.width());
    job.wrap.max_rows = 2;
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.scope_builder(egui::UiBuilder::new().max_rect(rect).layout(layout), |ui| ui.add(egui::Label::new(job).wrap()));
}

/// The headline; before the first call, what to do first.
fn sentence(model: &Model<'_>) -> String {
    if model.journey == Journey::Idle {
        return "No call yet. Press New call, or choose a demo and watch one.".to_owned();
    }
    if matches!(model.standing(), Standing::Reading | Standing::Nothing) {
        return model.of_file("holds no call");
    }
    model.reading.headline.text.clone()
}

fn draw_route(route: &Route, row: Rect, scale: f32, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let count = route.places.len();
    let width = (PLACE_WIDTH * scale).min((row.width() - LINK * (count as f32 - 1.0)) / count as f32);
    let places = positions(route, row, width);
    for (index, link) in route.links.iter().enumerate() {
        let from = pos2(places[index].right(), row.center().y);
        let to = pos2(places[index + 1].left(), row.center().y);
        draw_link(link, from, to, palette, ui);
    }
    if let [first, second, ..] = places.as_slice() {
        let above = Rect::from_min_max(pos2(first.right() + 5.0, row.top()), pos2(second.left() - 3.0, row.center().y));
        let name = route.interface.as_str();
        pen::line(ui.painter(), above, Align2::LEFT_CENTER, name, theme::small(), palette.text);
    }
    for (place, rect) in route.places.iter().zip(&places) {
        draw_place(place, *rect, palette, ui);
    }
}

/// Places stand so that the link between the two sides is the longest: that is where the numbers are.
fn positions(route: &Route, row: Rect, width: f32) -> Vec<Rect> {
    let links = route.links.len() as f32;
    let spare = row.width() - width * route.places.len() as f32 - LINK * links;
    let weights: f32 = route.links.iter().map(|link| if link.is_long { 4.0 } else { 1.0 }).sum();
    let mut x = row.left();
    let mut places = Vec::with_capacity(route.places.len());
    for index in 0..route.places.len() {
        places.push(Rect::from_min_size(pos2(x, row.top()), vec2(width, row.height())));
        if let Some(link) = route.links.get(index) {
            let share = if link.is_long { 4.0 } else { 1.0 } / weights;
            x += width + LINK + spare.max(0.0) * share;
        }
    }
    places
}

fn draw_place(place: &Place, rect: Rect, palette: &Palette, ui: &mut Ui) {
    let painter = ui.painter();
    let line = if place.is_known { palette.accent } else { theme::blend(palette.surface, palette.weak, 0.6) };
    let stroke = Stroke::new(if place.is_end { 2.0 } else { 1.0 }, line);
    painter.rect_filled(rect, 8.0, if place.is_end { palette.tinted(palette.accent) } else { palette.surface });
    if place.is_known {
        painter.rect_stroke(rect, 8.0, stroke, StrokeKind::Inside);
    } else {
        dashed_frame(rect, stroke, painter);
    }
    let inner = rect.shrink2(vec2(6.0, 5.0));
    let (upper, lower) = inner.split_top_bottom_at_fraction(0.52);
    pen::line(painter, upper, Align2::CENTER_CENTER, place.name.as_str(), theme::body(), palette.text);
    pen::line(painter, lower, Align2::CENTER_CENTER, place.shortened(), theme::mono(), palette.weak);
    let response = ui.interact(rect, ui.scope_id().with(("place", &place.name)), Sense::hover());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Label, true, format!("{} {}", place.name, place.address))
    });
    response.on_hover_ui(|ui| {
        ui.label(&place.hover);
        if !place.address.is_empty() {
            pen::note(ui, &place.address);
        }
    });
}

fn dashed_frame(rect: Rect, stroke: Stroke, painter: &egui::Painter) {
    let rect = rect.shrink(1.0);
    let around = [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
    painter.extend(egui::Shape::dashed_line(&around, stroke, 5.0, 4.0));
}

fn draw_link(link: &Link, from: egui::Pos2, to: egui::Pos2, palette: &Palette, ui: &Ui) {
    let painter = ui.painter();
    let color = style_color(link.style, palette);
    match link.style {
        LinkStyle::InUse => {
            painter.line_segment([from, to], Stroke::new(5.0, color));
        }
        LinkStyle::Known => {
            painter.line_segment([from, to], Stroke::new(2.0, color));
        }
        LinkStyle::Trying | LinkStyle::Unknown => pen::dashed(painter, from, to, Stroke::new(2.0, color)),
        LinkStyle::Standby => pen::dashed(painter, from, to, Stroke::new(2.0, color)),
        LinkStyle::Dead => {
            painter.line_segment([from, to], Stroke::new(2.0, color));
        }
    }
    let middle = from.lerp(to, 0.5);
    if !link.label.is_empty() {
        // What comes after the first number gives way where the link is short.
        let wide = painter.layout_no_wrap(link.label.clone(), theme::small(), palette.text).size().x;
        let fits = wide + 24.0 <= to.x - from.x;
        let label = if fits { link.label.as_str() } else { link.label.split("  ·").next().unwrap_or_default() };
        pen::chip(painter, middle, label, label_color(link.style, palette), palette.background);
    }
    if link.style == LinkStyle::Dead {
        let at = if link.label.is_empty() { middle } else { middle - vec2(0.0, 18.0) };
        painter.circle_filled(at, 9.0, palette.background);
        pen::cross(painter, at, 5.0, Stroke::new(2.5, color));
    }
}

fn style_color(style: LinkStyle, palette: &Palette) -> Color32 {
    match style {
        LinkStyle::InUse => palette.succeeded,
        LinkStyle::Known => theme::blend(palette.background, palette.accent, 0.8),
        LinkStyle::Trying => palette.in_progress,
        LinkStyle::Standby => palette.selected_line,
        LinkStyle::Dead => palette.failed,
        LinkStyle::Unknown => theme::blend(palette.background, palette.weak, 0.6),
    }
}

fn label_color(style: LinkStyle, palette: &Palette) -> Color32 {
    match style {
        LinkStyle::InUse | LinkStyle::Known => palette.text,
        LinkStyle::Trying => palette.in_progress,
        LinkStyle::Standby => palette.selected,
        LinkStyle::Dead => palette.failed,
        LinkStyle::Unknown => palette.weak,
    }
}

fn draw_side(side: &SideRoute, row: Rect, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let painter = ui.painter();
    let end = (row.width() * 0.26).clamp(110.0, 190.0);
    let left = Rect::from_min_max(row.min, pos2(row.left() + end, row.bottom()));
    let right = Rect::from_min_max(pos2(row.right() - end, row.top()), row.max);
    pen::line(painter, left, Align2::LEFT_CENTER, side.from.as_str(), theme::small(), palette.text);
    pen::line(painter, right, Align2::RIGHT_CENTER, side.to.as_str(), theme::small(), palette.text);
    let (from, to) = (pos2(left.right() + 4.0, row.center().y), pos2(right.left() - 4.0, row.center().y));
    let color = style_color(side.style, palette);
    if side.style == LinkStyle::Dead {
        painter.line_segment([from, to], Stroke::new(1.2, color));
    } else {
        pen::dashed(painter, from, to, Stroke::new(1.6, color));
    }
    pen::chip(painter, from.lerp(to, 0.5), &side.label, label_color(side.style, palette), palette.background);
    let response = ui.interact(row, ui.scope_id().with(("side route", side.pair)), Sense::hover());
    response.widget_info(|| {
        let words = format!("{} to {}: {}", side.from, side.to, side.label);
        egui::WidgetInfo::labeled(egui::Role::Label, true, words)
    });
    response.on_hover_text(&side.why);
}
