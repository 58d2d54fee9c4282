//! The help sheet: keys, and what the signs of the grid mean.

use egui::{Grid, RichText, Sense, Ui, vec2};
use floe_inspect::picture::PairState;

use crate::window::{
    dock::Panel,
    pen,
    theme::{self, Palette},
};

const KEYS: [(&str, &str); 12] = [
    ("Ctrl+C", "Copy your code, when nothing is selected"),
    ("Ctrl+V", "Paste your friend's code, anywhere in the window"),
    ("M", "Mute and unmute"),
    ("Space", "Play and pause the record; hold a running call still"),
    ("← →", "Step to the previous and the next event"),
    ("Arrows", "Move between pairs, once one of the grid is chosen"),
    ("Click", "Whatever has a time leads there: a state, an arrow, a phase, a candidate, a line of the log"),
    ("Ctrl+O", "Open a record or a capture"),
    ("Ctrl+S", "Save a record, a capture or a report"),
    ("Tab", "Move between everything that can be used"),
    ("F1", "This sheet"),
    ("Esc", "Close a dialog, or go back to live"),
];

const SIGNS: [(PairState, &str); 5] = [
    (PairState::Succeeded, "A check was answered: this pair works"),
    (PairState::InProgress, "Checks are sent, no answer yet"),
    (PairState::Waiting, "Its turn has not come"),
    (PairState::Frozen, "Waits for another pair of its kind"),
    (PairState::Failed, "Checks were not answered, or with an error"),
];

/// Draws the sheet.
pub fn view(ui: &mut Ui) {
    super::title(ui, "Keys and signs");
    ui.spacing_mut().interact_size.y = 18.0;
    Grid::new("keys").num_columns(2).spacing(vec2(24.0, 2.0)).show(ui, |ui| {
        for (key, purpose) in KEYS {
            line(ui, key, purpose);
        }
        for panel in Panel::ALL {
            line(ui, &panel.key().to_string(), &format!("{}: {}", panel.title(), panel.purpose()));
        }
    });
    ui.separator();
    let palette = Palette::of(ui.visuals());
    Grid::new("signs").num_columns(2).spacing(vec2(12.0, 2.0)).show(ui, |ui| {
        for (state, meaning) in SIGNS {
            let (rect, _) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::hover());
            pen::pair_sign(ui.painter(), rect.center(), 7.0, state, palette.pair_state(state));
            ui.label(RichText::new(format!("{}: {meaning}", state.name())).size(theme::SMALL));
            ui.end_row();
        }
        let (rect, _) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::hover());
        pen::star(ui.painter(), rect.center(), 8.0, palette.selected_line);
        ui.label(RichText::new("selected: audio goes over this pair").size(theme::SMALL));
        ui.end_row();
        let (rect, _) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::hover());
        pen::star(ui.painter(), rect.center(), 8.0, palette.selected_line);
        pen::star(ui.painter(), rect.center(), 5.0, palette.surface);
        ui.label(RichText::new("standby: kept ready to take over").size(theme::SMALL));
        ui.end_row();
    });
    super::close_row(ui);
}

fn line(ui: &mut Ui, key: &str, purpose: &str) {
    ui.label(RichText::new(key).font(theme::mono()).color(Palette::of(ui.visuals()).accent));
    ui.label(RichText::new(purpose).size(theme::SMALL));
    ui.end_row();
}
