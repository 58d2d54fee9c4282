//! The state machines side by side: signaling, gathering, ICE connection.

mod diagram;
mod machines;

use egui::{ScrollArea, Sense, Ui, pos2, vec2};
use floe_wire::{GatheringState, IceConnectionState, SignalingState};

use self::machines::Machine;
use super::{format, model::Model, pen, wish::Wish};

/// Draws the three machines.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let picture = model.picture();
    ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        let sizes = [
            diagram::least_size::<SignalingState>(),
            diagram::least_size::<GatheringState>(),
            diagram::least_size::<IceConnectionState>(),
        ];
        let height = sizes.iter().map(|size| size.y).fold(ui.available_height() - 8.0, f32::max);
        let least: f32 = sizes.iter().map(|size| size.x).sum();
        // What is spare goes to each machine alike, so that arrows keep their distance.
        let spare = ((ui.available_width() - least) / 3.0).max(0.0);
        let (whole, _) = ui.allocate_exact_size(vec2(least + spare * 3.0, height), Sense::hover());
        let mut x = whole.left();
        let mut column = |width: f32| {
            let rect = egui::Rect::from_min_size(pos2(x, whole.top()), vec2(width + spare, whole.height()));
            x = rect.right();
            rect
        };
        machine(column(sizes[0].x), &picture.signaling, model, ui);
        machine(column(sizes[1].x), &picture.gathering, model, ui);
        machine(column(sizes[2].x), &picture.ice_connection, model, ui);
        if picture.counters.signaling_refused > 0 {
            let ignored = format::count(picture.counters.signaling_refused, "message");
            pen::note(ui, format!("{ignored} came in a state that does not allow it and was ignored; see Events"));
        }
    });
    Vec::new()
}

fn machine<S: Machine>(area: egui::Rect, visits: &[floe_inspect::picture::Visit<S>], model: &Model<'_>, ui: &mut Ui) {
    diagram::draw(visits, model.picture().ended_at.map_or(model.now, |ended| ended.max(model.picture().at)), area, ui);
}
