//! Blocking the last path that works: asked before it is done, because the call is silent afterwards.

use std::net::SocketAddr;

use egui::Ui;
use floe_call::Command;
use floe_wire::BaseId;

use crate::window::{model::Model, wish::Wish};

/// Draws the question.
pub fn view(model: &Model<'_>, base: BaseId, remote: SocketAddr, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    super::title(ui, "Block the last path?");
    let interface = model.picture().base(base).map_or_else(|| base.to_string(), |view| view.interface.clone());
    super::hint(
        ui,
        &format!(
            "No other path than {interface} → {remote} works at this moment. While it is blocked, you and your friend do \
             not hear each other. The call itself stays: it goes on once you release a path, or another one is found."
        ),
    );
    ui.horizontal(|ui| {
        if ui.button("Keep it").on_hover_text("Esc").clicked() {
            ui.close();
        }
        if ui.button("Block it all the same").clicked() {
            wishes.push(Wish::Call(Command::BlockPair { base, remote }));
            ui.close();
        }
    });
}
