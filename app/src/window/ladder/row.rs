//! One message: when, from whom to whom, what, and what came of it.

use egui::{Align2, Color32, Rect, Response, Stroke, Ui, Vec2, pos2};
use floe_inspect::ladder::{Fate, Lane, Message, MessageKind, Outcome};
use floe_wire::{Direction, Stamp, stun::IntegrityVerdict};

use super::{
    lanes::{GAP, Lanes, TIME},
    there::{There, there},
};
use crate::window::{
    format,
    model::Model,
    pen,
    theme::{self, Palette},
};

/// Below this width, the method of a plain check goes without saying.
const ROOM_FOR_METHOD: f32 = 260.0;
/// Silences shorter than this need no number.
const WORTH_A_NUMBER_MS: u128 = 100;

/// A row to draw.
pub struct Line<'a> {
    /// The message's number.
    pub number: u64,
    /// The message.
    pub message: &'a Message,
    /// Its place.
    pub rect: Rect,
    /// When the message above it was seen.
    pub before: Option<Stamp>,
    /// The friend's end of it.
    there: There,
    /// What came of its exchange.
    fate: Option<Fate>,
}

impl<'a> Line<'a> {
    /// A message and what is known of it.
    pub fn new(model: &Model<'a>, number: u64, message: &'a Message, rect: Rect, before: Option<Stamp>) -> Self {
        let picture = &model.snapshot.picture;
        let exchange = message.exchange.and_then(|exchange| picture.ladder.exchange(exchange));
        let fate = exchange.map(|exchange| exchange.fate(model.end));
        Self { number, message, rect, before, there: there(picture, message), fate }
    }

    fn is_lost(&self) -> bool {
        self.asks() && self.fate == Some(Fate::Lost)
    }

    fn asks(&self) -> bool {
        matches!(self.message.kind, MessageKind::Request | MessageKind::Retransmission)
    }
}

/// Draws a row.
pub fn paint(
    model: &Model<'_>,
    line: &Line<'_>,
    lanes: &Lanes,
    chosen: bool,
    is_partner: bool,
    response: &Response,
    ui: &Ui,
) {
    let palette = Palette::of(ui.visuals());
    let rect = line.rect;
    let painter = ui.painter();
    background(rect, chosen, is_partner, response, ui);
    lanes.lifelines(rect, ui);
    let is_ahead = model.playhead.at().is_some_and(|at| line.message.at > at);
    // What has not happened yet at the moment shown can be read, but does not catch the eye.
    let dim = |color: Color32| if is_ahead { theme::blend(palette.background, color, 0.45) } else { color };
    let part = |from, to| super::span(rect, from, to);
    let time = format::stamp(line.message.at);
    pen::line(painter, part(4.0, TIME), Align2::LEFT_CENTER, time, theme::mono(), dim(palette.weak));
    if let Some(gap) = gap(line) {
        pen::line(painter, part(TIME, GAP), Align2::RIGHT_CENTER, gap, theme::small(), dim(palette.weak));
    }
    arrow(line, lanes, dim(color(line, palette)), ui);
    friend_s_end(line, lanes, dim(palette.weak), ui);
    let (result, result_color) = result(line, palette);
    let end = rect.width();
    let words =
        Rect::from_min_max(pos2(rect.left() + lanes.words, rect.top()), pos2(rect.right() - 66.0, rect.bottom()));
    pen::line(
        painter,
        words,
        Align2::LEFT_CENTER,
        words_of(model, line.message, words.width() < ROOM_FOR_METHOD),
        theme::small(),
        dim(palette.text),
    );
    pen::line(painter, part(end - 64.0, end - 4.0), Align2::RIGHT_CENTER, result, theme::small(), dim(result_color));
    if model.playhead.at().is_some_and(|at| line.message.at > at && line.before.is_none_or(|before| before <= at)) {
        painter.hline(rect.x_range(), rect.top(), Stroke::new(1.5, palette.selected_line));
    }
}

/// What lies behind a row: the one that is chosen, or under the pointer, or has the focus.
pub fn background(rect: egui::Rect, chosen: bool, is_partner: bool, response: &Response, ui: &Ui) {
    let (palette, painter) = (Palette::of(ui.visuals()), ui.painter());
    if chosen {
        painter.rect_filled(rect, 3.0, theme::blend(palette.surface, palette.accent, 0.22));
    } else if is_partner || response.hovered() {
        painter.rect_filled(rect, 3.0, palette.surface);
    }
    if response.has_focus() {
        let around = Stroke::new(1.0, palette.accent);
        painter.rect_stroke(rect, 3.0, around, egui::StrokeKind::Inside);
    }
}

fn gap(line: &Line<'_>) -> Option<String> {
    silence(line.message.at, line.before?)
}

/// How long nothing was seen, where that is worth a number.
pub fn silence(at: Stamp, before: Stamp) -> Option<String> {
    let gap = at.since(before);
    (gap.as_millis() >= WORTH_A_NUMBER_MS).then(|| match gap.as_secs() {
        0..60 => format!("+{:.1} s", gap.as_secs_f64()),
        _ => format!("+{}", format::clock(gap)),
    })
}

fn color(line: &Line<'_>, palette: &Palette) -> Color32 {
    match line.message.kind {
        _ if line.is_lost() => palette.failed,
        _ if line.message.integrity == IntegrityVerdict::Wrong => palette.failed,
        MessageKind::Request => palette.accent,
        MessageKind::Retransmission => palette.selected,
        MessageKind::Success => palette.succeeded,
        MessageKind::Error { .. } | MessageKind::Malformed => palette.failed,
        MessageKind::Indication => palette.weak,
    }
}

fn arrow(line: &Line<'_>, lanes: &Lanes, color: Color32, ui: &Ui) {
    let other = match (line.message.lane, lanes.server) {
        (Lane::Server { .. }, Some(server)) => server,
        (Lane::Server { .. } | Lane::Pair(_) | Lane::Other, _) => lanes.friend,
    };
    let y = line.rect.center().y;
    let at = |x: f32| pos2(line.rect.left() + x, y);
    let (from, to) = match line.message.direction {
        Direction::Outbound => (at(lanes.you), at(other)),
        Direction::Inbound => (at(other), at(lanes.you)),
    };
    let painter = ui.painter();
    let stroke = Stroke::new(1.6, color);
    // Nobody knows where an unanswered request of ours was lost, only that it did not come all the way; unless the
    // friend says that it did.
    let is_lost = match line.there {
        There::At { .. } => false,
        There::Never => true,
        There::Unknown => line.is_lost(),
    };
    if line.message.direction == Direction::Outbound && is_lost {
        let end = from + (to - from) * 0.72;
        pen::dashed(painter, from, end, stroke);
        pen::cross(painter, end, 3.5, Stroke::new(2.0, color));
        return;
    }
    match line.message.kind {
        MessageKind::Retransmission => pen::dashed(painter, from, to, stroke),
        _ => {
            painter.line_segment([from, to], stroke);
        }
    }
    let along: Vec2 = to - from;
    pen::arrow_head(painter, to, along, color, 7.0);
}

/// When the message was at the other end, beside the friend's lifeline.
fn friend_s_end(line: &Line<'_>, lanes: &Lanes, color: Color32, ui: &Ui) {
    let (Some(left), Some(text)) = (lanes.theirs, line.there.short()) else { return };
    if let There::At { .. } = line.there {
        let place = pos2(line.rect.left() + lanes.friend, line.rect.center().y);
        ui.painter().circle_filled(place, 2.5, color);
    }
    let color = if line.there == There::Never { Palette::of(ui.visuals()).failed } else { color };
    let place = super::span(line.rect, left, left + TIME - 16.0);
    pen::line(ui.painter(), place, Align2::LEFT_CENTER, text, theme::mono(), color);
}

/// What came of it, at the row's end.
fn result(line: &Line<'_>, palette: &Palette) -> (String, Color32) {
    if line.message.integrity == IntegrityVerdict::Wrong {
        return ("✗ forged".to_owned(), palette.failed);
    }
    if let (MessageKind::Success, Some(rtt)) = (line.message.kind, line.message.rtt) {
        return (format::ms(rtt), palette.succeeded);
    }
    if let MessageKind::Error { code } = line.message.kind {
        return (code.to_string(), palette.failed);
    }
    match line.fate.filter(|_| line.asks()) {
        Some(Fate::Lost) => ("no answer".to_owned(), palette.failed),
        Some(Fate::Waiting) => ("…".to_owned(), palette.weak),
        Some(Fate::Ended(Outcome::FromElsewhere)) => ("elsewhere".to_owned(), palette.failed),
        Some(Fate::Ended(Outcome::Unanswered | Outcome::Answered { .. } | Outcome::Refused { .. })) | None => {
            (String::new(), palette.weak)
        }
    }
}

/// What the message is, in the words of the RFCs, with what decides things.
fn words_of(model: &Model<'_>, message: &Message, is_short: bool) -> String {
    let base =
        model.snapshot.picture.base(message.base).map_or_else(|| message.base.to_string(), |b| b.interface.clone());
    let mut words = match (is_short, message.method) {
        (true, "Binding") => message.kind.name().to_owned(),
        (_, method) => format!("{method} {}", message.kind.name()),
    };
    if message.kind == MessageKind::Malformed {
        words = "malformed".to_owned();
    }
    if message.use_candidate {
        words += " ★ USE-CANDIDATE";
    }
    // Where there is hardly room, the address says more than the interface it was reached from.
    if is_short {
        words + &format!(" · {}", message.remote)
    } else {
        words + &format!(" · {base} · {}", message.remote)
    }
}

/// The row in words, for screen readers and tests.
pub fn spoken(model: &Model<'_>, line: &Line<'_>) -> String {
    let way = match line.message.direction {
        Direction::Outbound => "sent",
        Direction::Inbound => "received",
    };
    let palette = &theme::DARK;
    let result = result(line, palette).0;
    let words = format!("{} {way}: {}", format::stamp(line.message.at), words_of(model, line.message, false));
    let there = line.there.sentence(line.message.direction);
    let rest: Vec<String> = [Some(result), there].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if rest.is_empty() { words } else { format!("{words}, {}", rest.join(", ")) }
}
