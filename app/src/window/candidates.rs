//! Both sides' candidates, as they were found.

use egui::{RichText, ScrollArea, Sense, Ui};
use egui_extras::{Column, TableBuilder, TableRow};
use floe_inspect::picture::CandidateView;

use super::{
    candidate_lines, format,
    grid::meaning,
    model::{Journey, Model},
    pen,
    playhead::PlayheadWish,
    theme::{self, Palette},
    wish::Wish,
};

const ROW: f32 = 24.0;
/// Least width of a table; below it, each candidate has two lines.
const TABLE: f32 = 820.0;

/// Draws both tables.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let picture = model.picture();
    if picture.local_candidates.is_empty() && picture.remote_candidates.is_empty() {
        let how = match model.journey {
            Journey::Idle => "Press New call on the left, or choose a demo above.",
            Journey::Call | Journey::Demo(_) => "Interfaces are being opened and servers asked; this takes a moment.",
            Journey::File => &model.of_file("names no candidate"),
        };
        pen::empty(ui, "The addresses of both sides will appear here, as they are found.", how);
        return Vec::new();
    }
    let mut clicked = None;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        pen::heading(ui, "Yours");
        clicked = ui.scope(|ui| list(&picture.local_candidates, Whose::Yours, ui)).inner;
        ui.add_space(theme::GRID);
        pen::heading(ui, "Your friend's");
        if picture.remote_candidates.is_empty() {
            pen::note(ui, "They come with your friend's code, or with the first check from an address not in it.");
        } else {
            clicked = ui.scope(|ui| list(&picture.remote_candidates, Whose::Friends, ui)).inner.or(clicked);
        }
    });
    clicked.map(|candidate| Wish::Playhead(PlayheadWish::Seek(candidate.at))).into_iter().collect()
}

/// Whose candidates are listed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Ours.
    Yours,
    /// The peer's.
    Friends,
}

/// Lists candidates; the one that was clicked.
fn list<'a>(candidates: &'a [CandidateView], whose: Whose, ui: &mut Ui) -> Option<&'a CandidateView> {
    let is_narrow = ui.available_width() < TABLE;
    if is_narrow { candidate_lines::view(candidates, whose, ui) } else { table(candidates, whose, ui) }
}

fn table<'a>(candidates: &'a [CandidateView], whose: Whose, ui: &mut Ui) -> Option<&'a CandidateView> {
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut clicked = None;
    let mut builder = TableBuilder::new(ui)
        .id_salt(if whose == Whose::Yours { "local candidates" } else { "remote candidates" })
        .striped(true)
        .vscroll(false)
        .sense(Sense::click())
        .column(Column::exact(34.0))
        .column(Column::exact(72.0))
        .column(Column::exact(100.0))
        .column(Column::initial(186.0).at_least(120.0).clip(true).resizable(true));
    if whose == Whose::Yours {
        builder = builder.column(Column::initial(64.0).clip(true).resizable(true));
    }
    let builder = builder
        .column(Column::initial(160.0).at_least(80.0).clip(true).resizable(true))
        .column(Column::exact(170.0))
        .column(Column::remainder().at_least(96.0).clip(true));
    let mut titles = vec!["Id", "Found", "Type", "Address"];
    if whose == Whose::Yours {
        titles.push("On");
    }
    titles.extend(["Behind it", "Priority", if whose == Whose::Yours { "Told by" } else { "Foundation" }]);
    let table = builder.header(ROW, |mut header| {
        for title in titles {
            header.col(|ui| {
                let palette = Palette::of(ui.visuals());
                ui.label(RichText::new(title).size(theme::SMALL).color(palette.weak));
            });
        }
    });
    table.body(|body| {
        body.rows(ROW, candidates.len(), |mut row| {
            let candidate = &candidates[row.index()];
            cells(candidate, whose, &mut row);
            let response = row.response();
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Row, true, spoken(candidate)));
            if response.on_hover_text("Click to see this moment").clicked() {
                clicked = Some(candidate);
            }
        });
    });
    clicked
}

/// The candidate in words, for screen readers and tests.
pub fn spoken(view: &CandidateView) -> String {
    let (kind, address) = (kind(view), view.candidate.address);
    format!(
        "candidate {} {kind} {address}, found {}: {}",
        view.id,
        format::stamp(view.at),
        meaning(view.candidate.candidate_type)
    )
}

/// Type, protocol and TCP's part in it.
pub fn kind(view: &CandidateView) -> String {
    let candidate = &view.candidate;
    let role = candidate.tcp_type.map_or_else(String::new, |role| format!(" {}", role.name()));
    format!("{} {}{role}", candidate.candidate_type.name(), candidate.protocol.name())
}

fn cells(view: &CandidateView, whose: Whose, row: &mut TableRow<'_, '_>) {
    let candidate = &view.candidate;
    small(row, &view.id);
    small(row, &format::stamp(view.at)).on_hover_text("Since the record began");
    small(row, &kind(view)).on_hover_text(meaning(candidate.candidate_type));
    mono(row, &candidate.address.to_string());
    if whose == Whose::Yours {
        small(row, view.interface.as_deref().unwrap_or(format::UNKNOWN));
    }
    mono(row, &format::or_unknown(candidate.related_address, |address| address.to_string()));
    let split = priority_split(candidate.priority);
    mono(row, &split).on_hover_text(format!("{}: type · local preference · component", candidate.priority));
    let last = if whose == Whose::Yours {
        view.server.as_deref().unwrap_or(format::UNKNOWN)
    } else {
        candidate.foundation.as_str()
    };
    small(row, last);
}

fn small(row: &mut TableRow<'_, '_>, text: &str) -> egui::Response {
    cell(row, RichText::new(text).size(theme::SMALL))
}

fn mono(row: &mut TableRow<'_, '_>, text: &str) -> egui::Response {
    cell(row, RichText::new(text).font(theme::mono()))
}

fn cell(row: &mut TableRow<'_, '_>, text: RichText) -> egui::Response {
    let mut label = None;
    let (_, response) = row.col(|ui| label = Some(ui.add(egui::Label::new(text).truncate().selectable(false))));
    label.unwrap_or(response)
}

/// `126 · 65535 · 255`: type preference, local preference, 256 − component (RFC 8445 section 5.1.2.1).
pub fn priority_split(priority: u32) -> String {
    format!("{} · {} · {}", priority >> 24, (priority >> 8) & 0xFFFF, 256 - (priority & 0xFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_splits_into_type_local_preference_and_component() {
        assert_eq!(priority_split(2_130_706_431), "126 · 65535 · 1");
    }
}
