//! The playhead's bar across the bottom, and the ribbon that says which moment is shown.

use egui::{Align2, Color32, ComboBox, Painter, Rect, RichText, Shape, Stroke, Ui, pos2, vec2};

use super::{PlayheadWish, Speed, spark, track};
use crate::window::{
    format,
    model::{Journey, Model},
    pen,
    theme::{self, Palette},
    wish::Wish,
};

/// Width of the round trip's little plot.
const SPARK: f32 = 150.0;

/// Draws the bar.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let mut wishes = Vec::new();
    let whole = &model.snapshot.picture;
    let has_record = model.journey != Journey::Idle && whole.counters.records > 0;
    ui.add_enabled_ui(has_record, |ui| {
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            buttons(model, &mut wishes, ui);
            ui.add_space(4.0);
            time(model, ui);
            let end = if ui.available_width() > 520.0 { SPARK + 76.0 } else { 76.0 };
            let width = (ui.available_width() - end).max(60.0);
            if let Some(at) = track::view(model, width, ui) {
                wishes.push(Wish::Playhead(PlayheadWish::Seek(at)));
            }
            ui.add_space(4.0);
            live(model, &mut wishes, ui);
            if ui.available_width() > 100.0 {
                spark::view(model, ui);
            }
        });
    });
    wishes
}

fn buttons(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let mut ask = |wish| wishes.push(Wish::Playhead(wish));
    let playing = model.playhead.is_playing();
    let live = model.playhead.at().is_none() && model.is_running();
    let (sign, name, hover): (Sign, _, _) = match (playing, live) {
        (true, _) => (pause, "Pause", "Pause  (Space)"),
        (false, true) => (pause, "Freeze", "Holds the panels still; the call goes on  (Space)"),
        (false, false) => (play, "Play", "Play  (Space)"),
    };
    if button(ui, previous, "Previous event", "Previous event  (←)") {
        ask(PlayheadWish::Previous);
    }
    if button(ui, sign, name, hover) {
        ask(PlayheadWish::Toggle);
    }
    if button(ui, next, "Next event", "Next event  (→)") {
        ask(PlayheadWish::Next);
    }
    let speed = model.playhead.speed();
    let list = ComboBox::from_id_salt("speed").width(52.0).selected_text(small(speed.name()));
    let response = list.show_ui(ui, |ui| {
        for choice in Speed::ALL {
            if ui.selectable_label(choice == speed, choice.name()).clicked() {
                ask(PlayheadWish::Play(choice));
            }
        }
    });
    let name = format!("Speed {}", speed.name());
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
    response.response.on_hover_text("How fast a record is played");
}

fn time(model: &Model<'_>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let shown = model.playhead.at().unwrap_or(model.end);
    let text = format!("{} / {}", format::clock(shown.0), format::clock(model.end.0));
    let (rect, response) = ui.allocate_exact_size(vec2(94.0, theme::HIT), egui::Sense::hover());
    let color = if model.playhead.at().is_some() { palette.selected } else { palette.text };
    pen::line(ui.painter(), rect, Align2::CENTER_CENTER, &text, theme::mono(), color);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &text));
    response.on_hover_text("The moment shown, and how long the record is");
}

/// Whether the end is shown, and the way there.
fn live(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let at_end = model.playhead.at().is_none();
    let name = if model.is_running() { "live" } else { "end" };
    let color = match (at_end, model.is_running()) {
        (true, true) => palette.succeeded,
        (true, false) => palette.text,
        (false, _) => palette.weak,
    };
    let button = egui::Button::new(small(&format!("● {name}")).color(color)).min_size(vec2(60.0, theme::HIT));
    let response = ui.add(button);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, at_end, name));
    if response.on_hover_text("Shows the newest moment  (Esc)").clicked() {
        wishes.push(Wish::Playhead(PlayheadWish::End));
    }
}

/// Says which moment is shown, while it is not the end.
pub fn ribbon(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let Some(at) = model.playhead.at() else { return Vec::new() };
    let palette = Palette::of(ui.visuals());
    let mut wishes = Vec::new();
    ui.horizontal_centered(|ui| {
        let text = format!("Showing {}", format::stamp(at));
        ui.label(RichText::new(text).font(theme::strong(theme::SMALL)).color(palette.selected));
        if let Some(marker) = model.snapshot.picture.previous_marker(at + std::time::Duration::from_nanos(1)) {
            ui.add(egui::Label::new(small(&marker.text).color(palette.weak)).truncate());
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let name = if model.is_running() { "Back to live" } else { "Back to the end" };
            if ui.add(egui::Button::new(small(name))).on_hover_text("Esc").clicked() {
                wishes.push(Wish::Playhead(PlayheadWish::End));
            }
        });
    });
    wishes
}

fn small(text: &str) -> RichText {
    RichText::new(text).size(theme::SMALL)
}

type Sign = fn(&Painter, Rect, Color32);

fn button(ui: &mut Ui, sign: Sign, name: &str, hover: &str) -> bool {
    let response = ui.add(egui::Button::new("").min_size(vec2(30.0, theme::HIT)));
    sign(
        ui.painter(),
        Rect::from_center_size(response.rect.center(), vec2(12.0, 12.0)),
        ui.style().interact(&response).fg_stroke.color,
    );
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, ui.is_enabled(), name));
    response.on_hover_text(hover).clicked()
}

fn play(painter: &Painter, rect: Rect, color: Color32) {
    let points = vec![rect.left_top(), pos2(rect.right(), rect.center().y), rect.left_bottom()];
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
}

fn pause(painter: &Painter, rect: Rect, color: Color32) {
    for left in [rect.left() + 1.0, rect.right() - 4.5] {
        painter.rect_filled(Rect::from_min_size(pos2(left, rect.top()), vec2(3.5, rect.height())), 1.0, color);
    }
}

fn next(painter: &Painter, rect: Rect, color: Color32) {
    play(painter, Rect::from_min_max(rect.left_top(), rect.right_bottom() - vec2(3.0, 0.0)), color);
    painter.rect_filled(Rect::from_min_max(pos2(rect.right() - 2.0, rect.top()), rect.max), 0.0, color);
}

fn previous(painter: &Painter, rect: Rect, color: Color32) {
    let points = vec![rect.right_top(), pos2(rect.left() + 3.0, rect.center().y), rect.right_bottom()];
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
    painter.rect_filled(Rect::from_min_max(rect.min, pos2(rect.left() + 2.0, rect.bottom())), 0.0, color);
}
