//! The dialogs: one at a time, above everything, closed by Escape.

mod block;
mod file;
mod help;
mod qr;
mod reach;
mod save;
mod settings;
mod sides;
mod turn;

use std::net::SocketAddr;

use egui::{Frame, Id, Modal, Ui};
use floe_wire::BaseId;

pub use self::{file::PathDraft, save::SaveDraft, settings::SettingsDraft, sides::SideDraft};
use super::{model::Model, pen, theme, wish::Wish};

/// The open dialog and what was typed into it.
#[derive(Debug)]
pub enum Dialog {
    /// Servers, devices, interfaces, theme.
    Settings(Box<SettingsDraft>),
    /// Keys and signs.
    Help,
    /// Our code as a QR picture.
    QrCode,
    /// Which record or capture to show.
    OpenFile(PathDraft),
    /// What to save, and where to.
    Save(SaveDraft),
    /// Which WAV file to send.
    ChooseWav(PathDraft),
    /// Copying our side, adding the friend's.
    Sides(SideDraft),
    /// Whether the last path that works is really not wanted.
    BlockLast {
        /// Our base.
        base: BaseId,
        /// The other end.
        remote: SocketAddr,
    },
}

/// Draws the dialog, if one is open.
pub fn view(model: &Model<'_>, dialog: &mut Option<Dialog>, ui: &mut Ui) -> Vec<Wish> {
    let Some(open) = dialog else { return Vec::new() };
    let mut wishes = Vec::new();
    let frame = Frame::popup(ui.style()).inner_margin(theme::GRID * 2.0);
    let response = Modal::new(Id::unique("dialog")).frame(frame).show(ui.ctx(), |ui| {
        ui.set_max_width(620.0);
        ui.spacing_mut().item_spacing.y = theme::GRID;
        match open {
            Dialog::Settings(draft) => settings::view(model, draft, &mut wishes, ui),
            Dialog::Help => help::view(ui),
            Dialog::QrCode => qr::view(model, ui),
            Dialog::OpenFile(draft) => file::open(model, draft, &mut wishes, ui),
            Dialog::Save(draft) => save::view(draft, &mut wishes, ui),
            Dialog::ChooseWav(draft) => file::choose_wav(draft, &mut wishes, ui),
            Dialog::Sides(draft) => sides::view(model, draft, &mut wishes, ui),
            Dialog::BlockLast { base, remote } => block::view(model, *base, *remote, &mut wishes, ui),
        }
    });
    super::frame::settle(Id::unique("dialog size"), response.response.rect.size().length(), ui);
    if response.should_close() {
        wishes.push(Wish::CloseDialog);
    }
    wishes
}

fn title(ui: &mut Ui, text: &str) {
    ui.label(egui::RichText::new(text).size(theme::LARGE));
}

/// The row of buttons at the end of a dialog, the important one first.
fn close_row(ui: &mut Ui) {
    ui.add_space(4.0);
    if ui.button("Close").on_hover_text("Esc").clicked() {
        ui.close();
    }
}

fn hint(ui: &mut Ui, text: &str) {
    pen::note(ui, text);
}
