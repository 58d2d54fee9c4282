//! Each direction of the path by itself, above the plots: loss, delay and jitter there and back, and which one is worse.

use egui::{Grid, RichText, Ui};
use floe_inspect::directions::{Delay, Directions, Way, Worse};

use super::{
    format,
    model::Model,
    theme::{self, Palette},
    wish::{DialogKind, Wish},
};

/// What is not known.
const UNKNOWN: &str = "–";

/// Draws both directions; nothing before there is a call.
pub fn view(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let found = &model.reading.directions;
    if !found.is_known() {
        return alone(model, wishes, ui);
    }
    ui.horizontal_top(|ui| {
        ui.scope(|ui| {
            ui.spacing_mut().interact_size.y = theme::SMALL;
            table(found, ui);
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| button(wishes, ui));
    });
    for sentence in &found.sentences {
        let color = Palette::of(ui.visuals()).selected;
        ui.add(egui::Label::new(RichText::new(sentence).color(color)).wrap());
    }
}

/// Only one end is known; the record of the other one can be added.
fn alone(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    if model.picture().timings.first_check.is_none() {
        return;
    }
    ui.horizontal(|ui| {
        let text = RichText::new("Only your side is in view.").size(theme::SMALL);
        ui.label(text.color(Palette::of(ui.visuals()).weak));
        button(wishes, ui);
    });
}

/// Opens the dialog that lays both sides beside each other.
pub fn button(wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let button = ui.button(RichText::new("Both sides…").size(theme::SMALL));
    if button.on_hover_text("Copy your side of this call for your friend, or add your friend's").clicked() {
        wishes.push(Wish::Open(DialogKind::Sides));
    }
}

fn table(found: &Directions, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let rows = [("You → friend", &found.there, Worse::There), ("Friend → you", &found.here, Worse::Here)];
    Grid::new("directions").num_columns(4).spacing([18.0, 2.0]).show(ui, |ui| {
        for title in ["", "Delay", "Loss", "Jitter"] {
            ui.label(RichText::new(title).size(theme::SMALL).color(palette.weak));
        }
        ui.end_row();
        for (name, way, worse) in rows {
            let color = if found.worse == Some(worse) { palette.selected } else { palette.text };
            ui.label(RichText::new(name).font(theme::strong(theme::SMALL)).color(color));
            for text in cells(way) {
                ui.label(RichText::new(text).size(theme::SMALL).color(color));
            }
            ui.end_row();
        }
    })
    .response
    .on_hover_text(
        "Over the last ten seconds; over all of it once the call has ended. ± is how far both clocks may be apart: what \
         one direction has too much, the other one lacks",
    );
}

fn cells(way: &Way) -> [String; 3] {
    let unknown = || UNKNOWN.to_owned();
    [
        way.delay.map_or_else(unknown, delay),
        way.loss_percent.map_or_else(unknown, |percent| format!("{percent:.1} %")),
        way.jitter.map_or_else(unknown, format::ms),
    ]
}

fn delay(delay: Delay) -> String {
    format!("{} ± {}", format::ms(delay.median), format::ms(delay.uncertainty))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_not_known_is_a_dash_and_never_a_zero() {
        assert_eq!(cells(&Way::default()), [UNKNOWN; 3]);
        let ms = Duration::from_millis;
        let known = Way {
            delay: Some(Delay { median: ms(120), uncertainty: ms(5) }),
            loss_percent: Some(0.0),
            jitter: Some(ms(2)),
            checks: None,
        };
        let [delay, loss, jitter] = cells(&known);
        assert!(
            delay.starts_with("120 ms ± 5") && loss == "0.0 %" && jitter.starts_with('2'),
            "{delay} {loss} {jitter}"
        );
    }
}
