//! Our own code: the box, its light, copying, the QR picture.

use egui::{Frame, Margin, RichText, ScrollArea, Sense, Stroke, Ui, vec2};

use floe_call::PasteOutcome;
use floe_inspect::nat::is_private;

use crate::window::{
    format,
    model::{Journey, Model, Standing},
    pen,
    theme::{self, Palette},
    wish::{DialogKind, Wish},
};

const BOX_HEIGHT: f32 = 84.0;

/// Draws the code with its buttons.
pub fn view(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    ui.horizontal(|ui| {
        pen::heading(ui, "Your code");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| light(model, ui));
    });
    if model.snapshot.finished {
        pen::note(ui, "A code is good for one call. A new call makes a new one.");
        return;
    }
    let Some(code) = &model.snapshot.code else {
        pen::note(ui, "It is being made: interfaces are opened and your servers asked.");
        return;
    };
    if model.snapshot.picture.code.is_some_and(|code| code.replaced > 0) {
        pen::note(ui, "An address in your earlier code has changed or come late. Send this one instead.");
    }
    // Once both codes are in use, one line of it is enough, and the room is theirs.
    let is_given_away = model.snapshot.paste == Some(PasteOutcome::Accepted);
    if !is_given_away {
        code_box(code, ui);
    }
    ui.horizontal(|ui| {
        let gap = ui.spacing().item_spacing.x;
        let width = if is_given_away { 54.0 } else { (ui.available_width() - gap) / 2.0 };
        if is_given_away {
            beginning(code, ui.available_width() - 2.0 * (width + gap), ui);
        }
        buttons(code, width, wishes, ui);
    });
    if !is_given_away && is_local(model) {
        ui.scope(|ui| local_only(wishes, ui));
    }
}

/// Whether nobody outside the local network can use the code.
fn is_local(model: &Model<'_>) -> bool {
    let candidates = &model.snapshot.picture.local_candidates;
    model.journey == Journey::Call && candidates.iter().all(|view| is_private(view.candidate.address.ip()))
}

/// Says so before the code is sent, and what to do about it.
fn local_only(wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    ui.spacing_mut().item_spacing.y = 2.0;
    let words = RichText::new("⚠ For your own network only.").size(theme::SMALL).color(palette.selected);
    ui.add(egui::Label::new(words).wrap());
    let link = ui.link(RichText::new("Choose a STUN server…").size(theme::SMALL));
    if link.on_hover_text("It tells your address on the internet, for a new code that works from anywhere").clicked() {
        wishes.push(Wish::Open(DialogKind::Settings));
    }
}

fn buttons(code: &str, width: f32, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let copy = egui::Button::new("Copy").min_size(vec2(width, theme::HIT));
    if ui.add(copy).on_hover_text("Copies your code, to send it to your friend  (Ctrl+C)").clicked() {
        wishes.push(Wish::Copy { text: code.to_owned(), what: "Your code" });
    }
    let qr = egui::Button::new("QR").min_size(vec2(width, theme::HIT));
    if ui.add(qr).on_hover_text("Shows your code as a picture for a camera").clicked() {
        wishes.push(Wish::Open(DialogKind::QrCode));
    }
}

/// As much of the code as one line has room for.
fn beginning(code: &str, width: f32, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(vec2(width, theme::HIT), Sense::hover());
    pen::line(ui.painter(), rect, egui::Align2::LEFT_CENTER, code, theme::mono(), palette.weak);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, code));
}

/// Whether the code can be given away right now.
fn light(model: &Model<'_>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let (word, color, hover) = match (model.standing(), &model.snapshot.code) {
        (_, None) if model.snapshot.finished => ("none", palette.weak, "This call was over before it had a code"),
        (_, None) => ("being made", palette.in_progress, "The addresses for it are being found"),
        _ if model.snapshot.finished => ("used up", palette.failed, "This call is over; a new call makes a new code"),
        (Standing::WaitingForCode, Some(_)) if is_replaced(model) => {
            ("new", palette.in_progress, "It replaces the one before: an address in it has changed, or one came late")
        }
        (Standing::WaitingForCode, Some(_)) => ("ready", palette.succeeded, "It works as long as this window is open"),
        (_, Some(_)) => ("in use", palette.succeeded, "Your friend's code is here as well"),
    };
    let hover = match model.snapshot.picture.code.and_then(|code| code.confirmed) {
        Some(confirmed) => format!("{hover}. Its addresses were last confirmed at {}", format::stamp(confirmed)),
        None => hover.to_owned(),
    };
    let response = ui.label(RichText::new(word).size(theme::SMALL).color(color)).on_hover_text(hover);
    let (dot, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
    if word == "being made" || word == "used up" {
        ui.painter().circle_stroke(dot.center(), 4.0, Stroke::new(1.6, color));
    } else {
        ui.painter().circle_filled(dot.center(), 4.5, color);
    }
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, format!("code {word}")));
}

/// Whether the newest code has yet to be confirmed by the servers, after the one before was outdated.
fn is_replaced(model: &Model<'_>) -> bool {
    model.snapshot.picture.code.is_some_and(|code| code.replaced > 0 && code.confirmed.is_none())
}

fn code_box(code: &str, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    Frame::new()
        .fill(palette.sunken)
        .stroke(Stroke::new(1.0, palette.border))
        .corner_radius(theme::ROUNDING)
        .inner_margin(Margin::symmetric(8, 6))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ScrollArea::vertical().id_salt("code").max_height(BOX_HEIGHT).min_scrolled_height(BOX_HEIGHT).show(
                ui,
                |ui| {
                    let mut job = egui::text::LayoutJob::simple(
                        code.to_owned(),
                        theme::mono(),
                        palette.text,
                        ui.available_width(),
                    );
                    job.wrap.break_anywhere = true;
                    ui.add(egui::Label::new(job).wrap());
                },
            );
        });
}
