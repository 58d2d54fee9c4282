//! Candidates where there is no room for a table: two lines each.

use egui::{Align2, Rect, Sense, Ui, vec2};
use floe_inspect::picture::CandidateView;

use super::{
    candidates::{Whose, kind, priority_split, spoken},
    format, pen,
    theme::{self, Palette},
};

const LINE: f32 = 18.0;
const TIME: f32 = 74.0;

/// Draws the candidates; the one that was clicked.
pub fn view<'a>(candidates: &'a [CandidateView], whose: Whose, ui: &mut Ui) -> Option<&'a CandidateView> {
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut clicked = None;
    for (index, candidate) in candidates.iter().enumerate() {
        if row(index, candidate, whose, ui) {
            clicked = Some(candidate);
        }
    }
    clicked
}

fn row(index: usize, view: &CandidateView, whose: Whose, ui: &mut Ui) -> bool {
    let palette = Palette::of(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), LINE * 2.0 + 6.0), Sense::click());
    let painter = ui.painter();
    if response.hovered() || response.has_focus() {
        painter.rect_filled(rect, 3.0, theme::blend(palette.surface, palette.accent, 0.16));
    } else if index.is_multiple_of(2) {
        painter.rect_filled(rect, 3.0, ui.visuals().faint_bg_color);
    }
    let inner = rect.shrink2(vec2(4.0, 3.0));
    let (upper, lower) = inner.split_top_bottom_at_fraction(0.5);
    let (id, after) = upper.split_left_right_at_x(upper.left() + 34.0);
    pen::line(painter, id, Align2::LEFT_CENTER, view.id.as_str(), theme::small(), palette.weak);
    let (type_place, rest) = after.split_left_right_at_x(after.left() + 104.0);
    pen::line(painter, type_place, Align2::LEFT_CENTER, kind(view), theme::small(), palette.text);
    let (address, time) = rest.split_left_right_at_x(rest.right() - TIME);
    let text = view.candidate.address.to_string();
    pen::line(painter, address, Align2::LEFT_CENTER, text, theme::mono(), palette.text);
    pen::line(painter, time, Align2::RIGHT_CENTER, format::stamp(view.at), theme::mono(), palette.weak);
    let below = Rect::from_min_max(after.left_bottom(), lower.max);
    pen::line(painter, below, Align2::LEFT_CENTER, second(view, whose), theme::small(), palette.weak);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Row, true, spoken(view)));
    response.on_hover_text(format!("{}\nClick to see this moment", spoken(view))).clicked()
}

/// What else is known of it.
fn second(view: &CandidateView, whose: Whose) -> String {
    let mut parts = Vec::new();
    if let (Whose::Yours, Some(interface)) = (whose, &view.interface) {
        parts.push(format!("on {interface}"));
    }
    if let Some(behind) = view.candidate.related_address {
        parts.push(format!("behind it {behind}"));
    }
    parts.push(format!("priority {}", priority_split(view.candidate.priority)));
    match (whose, &view.server) {
        (Whose::Yours, Some(server)) => parts.push(format!("told by {server}")),
        (Whose::Yours, None) => {}
        (Whose::Friends, _) => parts.push(format!("foundation {}", view.candidate.foundation)),
    }
    parts.join("  ·  ")
}
