//! The friend's code: the paste box with named mistakes, then the words that prove nobody is in between.

use egui::{Frame, Margin, RichText, Stroke, TextEdit, Ui, vec2};
use floe_call::{Command, PasteOutcome};
use floe_inspect::picture::SecurityView;

use super::CallPanelState;
use crate::window::{
    format,
    model::{Journey, Model},
    pen,
    theme::{self, Palette},
    wish::Wish,
};

/// A text that grows by this much at once was pasted, not typed.
const PASTED_AT_ONCE: usize = 16;

/// Draws the paste box or what came of it.
pub fn view(model: &Model<'_>, state: &mut CallPanelState, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    pen::heading(ui, "Friend's code");
    if model.snapshot.paste == Some(PasteOutcome::Accepted) {
        accepted(model, ui);
        words(model, ui);
    } else if let Journey::Demo(_) = model.journey {
        pen::note(ui, "In the demo the two peers hand each other their codes.");
    } else if !model.snapshot.finished {
        paste_box(model, state, wishes, ui);
    }
}

fn accepted(model: &Model<'_>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let count = model.picture().remote_candidates.len() as u64;
    let text = format!("✓ in use, {}", format::plural(count, "address", "addresses"));
    ui.label(RichText::new(text).size(theme::SMALL).color(palette.succeeded));
    if let Some(forecast) = &model.picture().forecast {
        let words = match forecast.score() {
            Some(score) => format!("The path came {}: {}", score.name(), forecast.outlook.name()),
            None => format!("Forecast: {}", forecast.outlook.name()),
        };
        pen::note(ui, words).on_hover_text(format!("Because {}", forecast.why));
    }
}

fn paste_box(model: &Model<'_>, state: &mut CallPanelState, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let before = state.pasted.len();
    let edit = TextEdit::multiline(&mut state.pasted)
        .id_salt("friend's code")
        .font(theme::mono())
        .hint_text(theme::hint("Paste your friend's code here"))
        .desired_rows(3)
        .desired_width(f32::INFINITY);
    let response = egui::ScrollArea::vertical()
        .id_salt("paste box")
        .max_height(68.0)
        .show(ui, |ui| ui.add(edit))
        .inner
        .on_hover_text("Paste here, or press Ctrl+V anywhere in the window");
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Friend's code");
        info.current_text_value = Some(state.pasted.clone());
        info
    });
    let pasted = response.changed() && state.pasted.len() >= before + PASTED_AT_ONCE;
    let empty = state.pasted.trim().is_empty();
    let size = vec2(ui.available_width(), theme::HIT);
    let connect = ui.add_enabled_ui(!empty, |ui| ui.add_sized(size, egui::Button::new("Connect"))).inner;
    let pressed = connect.on_disabled_hover_text("Paste your friend's code first").clicked();
    if pasted || pressed {
        wishes.push(Wish::Call(Command::PasteCode(state.pasted.clone())));
    }
    if let Some(PasteOutcome::Refused(sentence)) = &model.snapshot.paste {
        pen::trouble(ui, sentence);
    }
}

fn words(model: &Model<'_>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    match &model.picture().security {
        SecurityView::Secured(facts) => {
            Frame::new()
                .fill(palette.tinted(palette.succeeded))
                .stroke(Stroke::new(1.0, theme::blend(palette.surface, palette.succeeded, 0.5)))
                .corner_radius(theme::ROUNDING)
                .inner_margin(Margin::symmetric(10, 6))
                .show(ui, |ui| {
                    ui.set_width(ui.available_width());
                    ui.spacing_mut().item_spacing.y = 2.0;
                    let spoken = facts.sas.join("  ");
                    ui.add(egui::Label::new(RichText::new(spoken).font(theme::strong(theme::BODY))).wrap());
                    pen::note(ui, "Read these aloud: the same on both sides, nobody in between.");
                });
        }
        SecurityView::Handshaking { .. } => {
            pen::note(ui, "Keys are being agreed; four words to compare come next.");
        }
        SecurityView::Failed { error } => {
            pen::trouble(ui, error);
        }
        SecurityView::None | SecurityView::Seen(_) => {}
    }
}
