//! One cell of the pair grid, and the headers beside it.

use egui::{Align2, Rect, Response, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use floe_inspect::{
    Picture,
    picture::{PairState, PairView},
};
use floe_wire::{BaseKind, InterfaceKind, Protocol, TcpType};

use super::{
    table::{Column, Row},
    wishes,
};
use crate::window::{
    format, pen,
    theme::{self, Palette},
};

/// What a cell says that its pair alone does not know.
pub struct Words {
    /// From where to where, short.
    name: String,
    /// The two addresses in full.
    pub route: String,
    is_standby: bool,
    /// What was decided about it: `forced by you`.
    ruling: Option<String>,
}

impl Words {
    /// The words of a pair's cell.
    pub fn of(row: &Row<'_>, column: &Column<'_>, pair: &PairView, picture: &Picture) -> Self {
        Self {
            name: format!("{} {} to {} {}", row.interface(), row.ip_text(), column.kind(), column.address.ip()),
            route: format!("{} → {}", row.address_text(), pair.id.remote),
            is_standby: !pair.selected && picture.standby.contains(&pair.id) && !picture.is_blocked(pair.id),
            ruling: wishes::words(picture, pair.id),
        }
    }

    /// The cell for screen readers and tests.
    pub fn spoken(&self, pair: &PairView) -> String {
        let mut words = format!("pair {}: {}", self.name, pair.state.name());
        if let Some(rtt) = pair.rtt {
            words += &format!(", {}", format::ms(rtt));
        }
        if pair.selected {
            words += ", selected";
        } else if self.is_standby {
            words += ", standby";
        } else if pair.nominated {
            words += ", nominated";
        }
        if let Some(ruling) = &self.ruling {
            words += &format!(", {ruling}");
        }
        words
    }
}

/// Draws a pair.
pub fn paint(pair: &PairView, words: &Words, rect: Rect, chosen: bool, response: &Response, ui: &Ui) {
    let is_standby = words.is_standby;
    let palette = Palette::of(ui.visuals());
    let painter = ui.painter();
    let color = palette.pair_state(pair.state);
    let answered =
        ui.ctx().animate_bool_with_time(response.id.with("answered"), pair.state == PairState::Succeeded, 0.6);
    painter.rect_filled(rect, theme::ROUNDING, palette.tinted(color));
    outline(pair, rect, chosen, response, ui);
    if answered > 0.0 && answered < 1.0 {
        // One pulse when the pair answers; the ring fades as it grows.
        let ring = Stroke::new(2.0, color.gamma_multiply(1.0 - answered));
        painter.rect_stroke(rect.expand(answered * 4.0), theme::ROUNDING, ring, StrokeKind::Outside);
    }

    let sign = pos2(rect.left() + 15.0, rect.top() + 16.0);
    pen::pair_sign(painter, sign, 7.0, pair.state, color);
    let marked = pair.selected || pair.nominated || is_standby;
    let end = rect.right() - if marked { 24.0 } else { 4.0 };
    let first = Rect::from_min_max(pos2(sign.x + 12.0, rect.top() + 5.0), pos2(end, rect.top() + 27.0));
    // The number is what one looks for; a word for a state may be smaller.
    let font = if pair.rtt.is_some() { theme::body() } else { theme::small() };
    pen::line(painter, first, Align2::LEFT_CENTER, super::cell_text(pair), font, palette.text);
    if pair.selected {
        pen::star(painter, pos2(rect.right() - 15.0, sign.y), 8.0, palette.selected_line);
    } else if is_standby {
        // A star in outline: in reserve.
        pen::star(painter, pos2(rect.right() - 15.0, sign.y), 8.0, palette.selected_line);
        pen::star(painter, pos2(rect.right() - 15.0, sign.y), 5.0, palette.tinted(color));
    } else if pair.nominated {
        let place = Rect::from_center_size(pos2(rect.right() - 15.0, sign.y), vec2(14.0, 16.0));
        pen::line(painter, place, Align2::CENTER_CENTER, "N", theme::small(), palette.selected);
    }
    let second = Rect::from_min_max(pos2(rect.left() + 9.0, rect.top() + 26.0), rect.right_bottom() - vec2(6.0, 4.0));
    match &words.ruling {
        Some(ruling) => pen::line(painter, second, Align2::LEFT_CENTER, ruling, theme::small(), palette.selected),
        None => pen::line(painter, second, Align2::LEFT_CENTER, counts(pair), theme::small(), palette.weak),
    };
}

fn outline(pair: &PairView, rect: Rect, chosen: bool, response: &Response, ui: &Ui) {
    let palette = Palette::of(ui.visuals());
    let rest = theme::blend(palette.surface, palette.pair_state(pair.state), 0.45);
    let stroke = if pair.selected { Stroke::new(2.0, palette.selected_line) } else { Stroke::new(1.0, rest) };
    ui.painter().rect_stroke(rect, theme::ROUNDING, stroke, StrokeKind::Inside);
    if chosen || response.hovered() || response.has_focus() {
        let width = if response.has_focus() { 2.0 } else { 1.0 };
        let around = Stroke::new(width, palette.accent);
        ui.painter().rect_stroke(rect, theme::ROUNDING, around, StrokeKind::Outside);
    }
}

/// Checks sent and answered, received and answered.
fn counts(pair: &PairView) -> String {
    format!(
        "↑ {}/{}  ↓ {}/{}",
        pair.requests_sent, pair.responses_received, pair.requests_received, pair.responses_sent
    )
}

/// Draws a place where no pair can be formed.
pub fn no_pair(rect: Rect, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    // As quiet as can be: a grid with TCP in it has many of them.
    pen::line(ui.painter(), rect, Align2::CENTER_CENTER, "·", theme::small(), palette.weak);
    ui.interact(rect, ui.scope_id().with(("no pair", rect.left() as i32, rect.top() as i32)), Sense::hover())
        .on_hover_text("These two cannot form a pair: address family or protocol differ, or the pair was redundant");
}

/// Draws the header of a column: the peer's candidate.
pub fn column_header(column: &Column<'_>, rect: Rect, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let title = match column.candidate {
        Some(view) if view.candidate.protocol == Protocol::Tcp => {
            let role = view.candidate.tcp_type.map_or("TCP", TcpType::name);
            format!("{} {role} · {}", column.kind(), view.id)
        }
        Some(view) => format!("{} · {}", column.kind(), view.id),
        None => "friend".to_owned(),
    };
    header(rect.shrink2(vec2(4.0, 0.0)), &title, &column.short(), palette, ui);
    let response = ui.interact(rect, ui.scope_id().with(("column", column.address)), Sense::hover());
    response.on_hover_ui(|ui| {
        ui.label(column.address.to_string());
        if let Some(view) = column.candidate {
            pen::note(ui, meaning(view.candidate.candidate_type));
            pen::note(ui, format!("priority {}", view.candidate.priority));
        }
    });
}

/// Draws the header of a row: our base.
pub fn row_header(row: &Row<'_>, rect: Rect, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let title = match row.view {
        Some(view) => match through(&view.base_kind) {
            Some(through) => format!("{} · {through}", row.interface()),
            // A capture does not tell what an interface is.
            None if view.kind == InterfaceKind::Unknown => row.interface().to_owned(),
            None => format!("{} · {}", row.interface(), format::interface_kind(view.kind)),
        },
        None => row.interface().to_owned(),
    };
    let ip = format::shorten(&row.ip_text(), 14);
    header(rect.shrink2(vec2(0.0, 4.0)), &title, &ip, palette, ui);
    ui.interact(rect, ui.scope_id().with(("row", row.base)), Sense::hover()).on_hover_text(row.address_text());
}

/// What a base sends through, where that is not plain UDP.
const fn through(kind: &BaseKind) -> Option<&'static str> {
    match kind {
        BaseKind::Udp => None,
        BaseKind::Tcp { tcp_type } => Some(tcp_type.name()),
        BaseKind::TurnClient { .. } => Some("to relay"),
        BaseKind::Relay { .. } => Some("relay"),
    }
}

fn header(rect: Rect, title: &str, address: &str, palette: &Palette, ui: &Ui) {
    let (upper, lower) = rect.split_top_bottom_at_fraction(0.5);
    pen::line(ui.painter(), upper, Align2::LEFT_CENTER, title, theme::small(), palette.text);
    pen::line(ui.painter(), lower, Align2::LEFT_CENTER, address, theme::mono(), palette.weak);
}

/// What a candidate's type means, in a sentence.
pub fn meaning(kind: floe_wire::CandidateType) -> &'static str {
    use floe_wire::CandidateType::{Host, PeerReflexive, Relayed, ServerReflexive};
    match kind {
        Host => "host: an address of the machine itself",
        ServerReflexive => "srflx: the address a STUN server saw, on the outside of a router",
        PeerReflexive => "prflx: an address seen only in checks; a router mapped it anew",
        Relayed => "relay: an address on a TURN server that passes packets on",
    }
}
