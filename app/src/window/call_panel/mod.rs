//! The left column: everything one needs to call somebody.

mod code;
mod friend;
mod sound;

use egui::{RichText, ScrollArea, Ui, vec2};
use floe_call::Command;

use super::{
    file_panel,
    model::{Journey, Model, Side},
    pen,
    theme::{self, Palette},
    wish::Wish,
};

/// What the user is typing in the column.
#[derive(Debug, Default)]
pub struct CallPanelState {
    /// The paste box.
    pub pasted: String,
}

/// Draws the column.
pub fn view(model: &Model<'_>, state: &mut CallPanelState, ui: &mut Ui) -> Vec<Wish> {
    if let Some(file) = model.file {
        return file_panel::view(file, model, ui);
    }
    let mut wishes = Vec::new();
    egui::Panel::bottom("call actions").frame(egui::Frame::NONE).show_separator_line(false).show(ui, |ui| {
        ui.add_space(theme::GRID);
        actions(model, &mut wishes, ui);
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if let Journey::Demo(_) = model.journey {
            sides(model, &mut wishes, ui);
            ui.add_space(4.0);
        }
        if model.journey == Journey::Idle {
            welcome(ui);
            return;
        }
        code::view(model, &mut wishes, ui);
        ui.add_space(4.0);
        friend::view(model, state, &mut wishes, ui);
        ui.add_space(4.0);
        sound::view(model, &mut wishes, ui);
    });
    wishes
}

fn welcome(ui: &mut Ui) {
    pen::heading(ui, "Call");
    ui.add(egui::Label::new("Call somebody directly: no account, no server of ours in between.").wrap());
    pen::note(ui, "1  Press New call. Floe makes your code.");
    pen::note(ui, "2  Send it to your friend by any chat or mail, and paste the one that comes back.");
    pen::note(ui, "3  Talk. Read the four words aloud to be sure that nobody listens.");
}

fn sides(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    pen::heading(ui, "Demo: whose view");
    ui.horizontal(|ui| {
        let width = (ui.available_width() - ui.spacing().item_spacing.x) / 2.0;
        for (side, title) in [(Side::You, "You (A)"), (Side::Friend, "Friend (B)")] {
            let button = egui::Button::selectable(model.side == side, title).min_size(vec2(width, theme::HIT));
            let hover = "Both peers run in this window; this chooses whose eyes you see the call with";
            if ui.add(button).on_hover_text(hover).clicked() && model.side != side {
                wishes.push(Wish::ShowSide(side));
            }
        }
    });
}

fn actions(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let width = ui.available_width();
    let size = vec2(width, 36.0);
    let over = model.is_over();
    if let (true, Journey::Demo(scenario)) = (over, model.journey) {
        let again = egui::Button::new("Run the demo again");
        if ui.add_sized(vec2(width, theme::HIT), again).on_hover_text("The same scenario from its start").clicked() {
            wishes.push(Wish::StartDemo(scenario));
        }
    }
    if over {
        let text = RichText::new("New call").font(theme::strong(theme::BODY)).color(palette.on_accent);
        let button = egui::Button::new(text).fill(palette.accent_fill);
        if ui.add_sized(size, button).on_hover_text("Makes a fresh code for a new call").clicked() {
            wishes.push(Wish::NewCall);
        }
        return;
    }
    let title = if matches!(model.journey, Journey::Demo(_)) { "End the demo" } else { "Hang up" };
    let text = RichText::new(title).font(theme::strong(theme::BODY)).color(palette.failed);
    let stroke = egui::Stroke::new(1.0, palette.failed);
    let button = egui::Button::new(text).fill(palette.surface).stroke(stroke);
    if ui.add_sized(size, button).on_hover_text("Ends the call; everything stays here to look at").clicked() {
        wishes.push(Wish::Call(Command::HangUp));
    }
}
