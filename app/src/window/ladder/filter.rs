//! Whose messages are shown, and the way to the next one that went wrong.

use egui::{ComboBox, RichText, Ui};
use floe_inspect::{Ladder, ladder::Lane, picture::PairId};

use super::LadderState;
use crate::window::{
    format,
    grid::GridState,
    model::Model,
    theme::{self, Palette},
};

/// Draws the line above the messages.
pub fn view(model: &Model<'_>, ladder: &Ladder, state: &mut LadderState, grid: &mut GridState, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    // Where a friend's side is in view there is more to say than a small window has room for.
    ui.horizontal_wrapped(|ui| {
        let shown = ladder.rows(state.lane.as_ref()).len() as u64;
        let selected = state.lane.map_or_else(|| "All messages".to_owned(), |lane| name(model, lane));
        // The buttons beside it keep their room.
        let width = (ui.available_width() - if state.chosen.is_some() { 350.0 } else { 230.0 }).clamp(130.0, 260.0);
        let list = ComboBox::from_id_salt("ladder lane").width(width).truncate().selected_text(selected);
        let response = list.show_ui(ui, |ui| {
            let total = ladder.rows(None).len();
            if ui.selectable_label(state.lane.is_none(), format!("All messages ({total})")).clicked() {
                state.lane = None;
            }
            for (lane, count) in ladder.lanes() {
                let title = format!("{} ({count})", name(model, lane));
                if ui.selectable_label(state.lane == Some(lane), title).clicked() {
                    choose(lane, state, grid);
                }
            }
        });
        response.response.on_hover_text("Choosing a pair in the Grid chooses it here, too");
        let theirs = if state.lane.is_none() { ladder.theirs().len() } else { 0 };
        let text = match theirs {
            0 => format::count(shown, "message"),
            _ => format!("{shown} + {theirs} only there"),
        };
        let hover = "What only your friend's record has is not in yours: it got lost on the way here, as a rule";
        let label = ui.label(RichText::new(text).size(theme::SMALL).color(palette.weak));
        if theirs > 0 {
            label.on_hover_text(hover);
        }
        let rows = state.lane.as_ref().map_or_else(|| ladder.both_rows(), |lane| ladder.rows_of_lane(lane));
        if state.chosen.is_some()
            && ui
                .button(RichText::new("Close message").size(theme::SMALL))
                .on_hover_text("More room for the others")
                .clicked()
        {
            state.chosen = None;
        }
        let uncertainty = model.snapshot.picture.peer.clock_log.at(model.end).map(|clocks| clocks.uncertainty);
        if let Some(uncertainty) = uncertainty {
            let text = format!("both clocks ± {}", format::ms(uncertainty));
            let hover = "The times beside the friend's line are your friend's, on your clock, and may be wrong by this";
            ui.label(RichText::new(text).size(theme::SMALL).color(palette.weak)).on_hover_text(hover);
        }
        let button = ui.button(RichText::new("Next trouble").size(theme::SMALL));
        let button = button.on_hover_text(
            "The next message that was sent again, refused, damaged, not answered or lost on the way here",
        );
        if button.clicked()
            && let Some(row) = super::next_trouble(&rows, ladder, state.chosen, model.end)
        {
            state.show(row);
        }
    });
}

fn choose(lane: Lane, state: &mut LadderState, grid: &mut GridState) {
    state.lane = Some(lane);
    if let Lane::Pair(pair) = lane {
        grid.chosen = Some(pair);
        state.followed = grid.chosen;
    }
}

/// What people call a lane.
pub fn name(model: &Model<'_>, lane: Lane) -> String {
    let picture = &model.snapshot.picture;
    let interface = |base| picture.base(base).map_or_else(|| format!("{base}"), |view| view.interface.clone());
    match lane {
        Lane::Pair(PairId { generation, base, remote }) if generation.0 > 0 => {
            format!("{} → {remote}, generation {}", interface(base), generation.0)
        }
        Lane::Pair(PairId { base, remote, .. }) => format!("{} → {remote}", interface(base)),
        Lane::Server { base, remote } => format!("{} → server {remote}", interface(base)),
        Lane::Other => "Strangers and damage".to_owned(),
    }
}
