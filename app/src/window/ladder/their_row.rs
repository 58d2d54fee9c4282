//! A message that only the friend's record has: it left there and never came, or came there and not from here.

use egui::{Align2, Color32, Rect, Response, RichText, Stroke, Ui, pos2};
use floe_inspect::ladder::TheirMessage;
use floe_wire::{Direction, SightedKind, Stamp};

use super::{
    lanes::{GAP, Lanes, TIME},
    row,
    there::There,
};
use crate::window::{
    format,
    model::Model,
    pen,
    playhead::PlayheadWish,
    theme::{self, Palette},
    wish::Wish,
};

/// Why there is no more to see of it.
const NOT_HERE: &str = "Your record does not have it. Its bytes are in your friend's.";

/// Where on the way from one lifeline to the other a lost message ends, and one from nowhere begins.
const LOST_AT: f32 = 0.72;

/// Draws a row.
pub fn view(
    model: &Model<'_>,
    message: &TheirMessage,
    before: Option<Stamp>,
    lanes: &Lanes,
    chosen: bool,
    response: &Response,
    ui: &Ui,
) {
    let rect = response.rect;
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Row, true, chosen, spoken(message)));
    let palette = Palette::of(ui.visuals());
    row::background(rect, chosen, false, response, ui);
    let is_ahead = model.playhead.at().is_some_and(|at| message.at > at);
    let dim = |color: Color32| if is_ahead { theme::blend(palette.background, color, 0.45) } else { color };
    paint(message, before, lanes, rect, &dim, ui);
    if model.playhead.at().is_some_and(|at| message.at > at && before.is_none_or(|before| before <= at)) {
        ui.painter().hline(rect.x_range(), rect.top(), Stroke::new(1.5, palette.selected_line));
    }
    response.clone().on_hover_ui(|ui| {
        ui.label(spoken(message));
        pen::note(ui, NOT_HERE);
    });
}

/// What is known of a message that is not in this record.
pub fn detail(message: &TheirMessage, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("Your friend's {}", name(message.kind))).font(theme::strong(theme::BODY)));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let button = ui.button(RichText::new("Show this moment").size(theme::SMALL));
            if button.on_hover_text("Moves the playhead here  (Enter)").clicked() {
                wishes.push(Wish::Playhead(PlayheadWish::Seek(message.at)));
            }
        });
    });
    pen::note(ui, way(message));
    let (at, within) = (format::stamp(message.at), format::ms(message.uncertainty));
    pen::note(ui, format!("At {at} ± {within} by our clock, {} by your friend's.", format::stamp(message.theirs)));
    pen::note(ui, format!("Both sides would know it by {:08x}, the start of its transaction.", message.key));
    pen::note(ui, NOT_HERE);
}

fn paint(
    message: &TheirMessage,
    before: Option<Stamp>,
    lanes: &Lanes,
    rect: Rect,
    dim: &dyn Fn(Color32) -> Color32,
    ui: &Ui,
) {
    let palette = Palette::of(ui.visuals());
    let painter = ui.painter();
    lanes.lifelines(rect, ui);
    let text = |from: f32, to: f32, align, text: String, font, color| {
        pen::line(painter, super::span(rect, from, to), align, text, font, dim(color));
    };
    text(4.0, TIME, Align2::LEFT_CENTER, format::stamp(message.at), theme::mono(), palette.weak);
    if let Some(gap) = before.and_then(|before| row::silence(message.at, before)) {
        text(TIME, GAP, Align2::RIGHT_CENTER, gap, theme::small(), palette.weak);
    }
    let at = |x: f32| pos2(rect.left() + x, rect.center().y);
    let (friend, middle) = (at(lanes.friend), at(lanes.friend + (lanes.you - lanes.friend) * LOST_AT));
    let color = dim(color(message, palette));
    let stroke = Stroke::new(1.6, color);
    match message.direction {
        Direction::Outbound => {
            pen::dashed(painter, friend, middle, stroke);
            pen::cross(painter, middle, 3.5, Stroke::new(2.0, color));
        }
        Direction::Inbound => {
            pen::dashed(painter, middle, friend, stroke);
            pen::arrow_head(painter, friend, friend - middle, color, 7.0);
        }
    }
    painter.circle_filled(friend, 2.5, dim(palette.weak));
    let there = There::At { at: message.at, uncertainty: message.uncertainty };
    if let (Some(left), Some(time)) = (lanes.theirs, there.short()) {
        text(left, left + TIME - 16.0, Align2::LEFT_CENTER, time, theme::mono(), palette.weak);
    }
    let end = rect.width();
    let words = format!("{} · only your friend has it", name(message.kind));
    text(lanes.words, end - 66.0, Align2::LEFT_CENTER, words, theme::small(), palette.text);
    text(end - 64.0, end - 4.0, Align2::RIGHT_CENTER, result(message).to_owned(), theme::small(), palette.failed);
}

fn color(message: &TheirMessage, palette: &Palette) -> Color32 {
    match message.direction {
        Direction::Outbound => palette.failed,
        Direction::Inbound => palette.weak,
    }
}

const fn result(message: &TheirMessage) -> &'static str {
    match message.direction {
        Direction::Outbound => "not here",
        Direction::Inbound => "",
    }
}

const fn name(kind: SightedKind) -> &'static str {
    match kind {
        SightedKind::Request => "Binding request",
        SightedKind::Answer => "Binding response",
        SightedKind::Media => "media",
    }
}

/// The row in words.
fn spoken(message: &TheirMessage) -> String {
    let (at, within) = (format::stamp(message.at), format::ms(message.uncertainty));
    format!("{at} your friend's {}: {}, ± {within} (our clock)", name(message.kind), way(message))
}

const fn way(message: &TheirMessage) -> &'static str {
    match message.direction {
        Direction::Outbound => "sent there, never arrived here",
        Direction::Inbound => "received there, not sent here",
    }
}
