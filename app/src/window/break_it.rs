//! The "break it" strip of the demo: takes interfaces down, loses and delays packets, restarts the router.

use std::time::Duration;

use egui::{RichText, ScrollArea, Ui};
use floe_simnet::World;

use super::{
    model::{Model, Side},
    pen,
    theme::{self, Palette},
    wish::Wish,
};

/// Enough to be heard and seen, and to be survived.
const LOSS: f64 = 0.2;
/// Added one way: three times the round trip of the simulated internet.
const DELAY: Duration = Duration::from_millis(100);

/// What is broken around one peer of a demo.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breakage {
    /// Names of the interfaces that are down.
    pub down: Vec<String>,
    /// Every fifth packet is lost, both ways.
    pub lossy: bool,
    /// Everything takes 100 ms longer each way.
    pub slow: bool,
    /// Nothing goes in or out, and nobody is told.
    pub silent: bool,
    /// The router drops all UDP.
    pub udp_blocked: bool,
}

impl Breakage {
    fn with_toggled(&self, interface: &str) -> Self {
        let mut wanted = self.clone();
        if self.down.iter().any(|name| name == interface) {
            wanted.down.retain(|name| name != interface);
        } else {
            wanted.down.push(interface.to_owned());
        }
        wanted
    }
}

/// Makes the world what it shall be.
pub fn apply(before: &Breakage, wanted: &Breakage, world: &World, side: floe_simnet::Side) {
    for interface in before.down.iter().filter(|name| !wanted.down.contains(name)) {
        world.set_interface_up(side, interface, true);
    }
    for interface in wanted.down.iter().filter(|name| !before.down.contains(name)) {
        world.set_interface_up(side, interface, false);
    }
    if (before.lossy, before.silent) != (wanted.lossy, wanted.silent) {
        let lossy = if wanted.lossy { LOSS } else { 0.0 };
        world.set_loss(side, if wanted.silent { 1.0 } else { lossy });
    }
    if before.slow != wanted.slow {
        world.set_delay(side, if wanted.slow { DELAY } else { Duration::ZERO });
    }
    if before.udp_blocked != wanted.udp_blocked {
        world.block_udp(side, wanted.udp_blocked);
    }
}

/// Draws the strip.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let Some(breakage) = model.breakage else { return Vec::new() };
    let mut wishes = Vec::new();
    ui.spacing_mut().interact_size.y = 24.0;
    ui.spacing_mut().button_padding.x = theme::GRID;
    ui.spacing_mut().item_spacing.x = 6.0;
    ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
        ui.horizontal_centered(|ui| {
            let whose = match model.side {
                Side::You => "your network",
                Side::Friend => "your friend's network",
            };
            pen::heading(ui, "Break it").on_hover_text(format!("Changes {whose}; the friend's is under Friend (B)"));
            interfaces(model, breakage, &mut wishes, ui);
            ui.separator();
            switches(breakage, &mut wishes, ui);
            ui.separator();
            let restart = ui.button(small("Restart router"));
            if restart.on_hover_text("The router forgets its mappings: the outside addresses move").clicked() {
                wishes.push(Wish::RestartRouter);
            }
            let is_broken = *breakage != Breakage::default();
            if ui.add_enabled(is_broken, egui::Button::new(small("Mend all"))).clicked() {
                wishes.push(Wish::Break(Breakage::default()));
            }
        });
    });
    wishes
}

fn interfaces(model: &Model<'_>, breakage: &Breakage, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let mut names: Vec<&str> =
        model.snapshot.picture.interfaces.iter().map(|interface| interface.name.as_str()).collect();
    // An interface that is down may have left the list; it still has to be there to be brought up.
    names.extend(breakage.down.iter().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    for name in names {
        let is_down = breakage.down.iter().any(|down| down == name);
        let title = if is_down { format!("{name} down") } else { format!("{name} up") };
        let hover = if is_down { "Plugs it in again" } else { "Pulls the plug" };
        if toggle(ui, &title, is_down, hover) {
            wishes.push(Wish::Break(breakage.with_toggled(name)));
        }
    }
}

fn switches(breakage: &Breakage, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let mut wanted = breakage.clone();
    if toggle(ui, "Lose 20 %", breakage.lossy, "Every fifth packet is lost, both ways") {
        wanted.lossy = !wanted.lossy;
    }
    if toggle(ui, "Delay 100 ms", breakage.slow, "Every packet takes 100 ms longer, each way") {
        wanted.slow = !wanted.slow;
    }
    if toggle(ui, "Drop all", breakage.silent, "Nothing comes or goes, and no interface says so") {
        wanted.silent = !wanted.silent;
    }
    if toggle(ui, "Block UDP", breakage.udp_blocked, "The router lets no UDP through") {
        wanted.udp_blocked = !wanted.udp_blocked;
    }
    if wanted != *breakage {
        wishes.push(Wish::Break(wanted));
    }
}

fn toggle(ui: &mut Ui, title: &str, is_broken: bool, hover: &str) -> bool {
    let palette = Palette::of(ui.visuals());
    let mut button = egui::Button::new(small(title).color(if is_broken { palette.failed } else { palette.text }));
    if is_broken {
        button = button.fill(palette.tinted(palette.failed)).stroke(egui::Stroke::new(1.0, palette.failed));
    }
    let response = ui.add(button);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, is_broken, title));
    response.on_hover_text(hover).clicked()
}

fn small(text: &str) -> RichText {
    RichText::new(text).size(theme::SMALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_goes_down_and_up_with_the_same_button() {
        let whole = Breakage::default();
        let broken = whole.with_toggled("wlan0");
        assert_eq!(broken.down, ["wlan0"]);
        assert_eq!(broken.with_toggled("wlan0"), whole);
    }
}
