//! The state machines side by side: signaling, gathering, ICE connection.

mod arrow;
mod diagram;
mod machines;

use egui::{Rect, ScrollArea, Sense, Ui, pos2, vec2};
use floe_inspect::picture::Visit;
use floe_wire::{GatheringState, IceConnectionState, SignalingState, Stamp};

use self::{diagram::Course, machines::Machine};
use super::{format, model::Model, pen, playhead::PlayheadWish, wish::Wish};

/// Draws the three machines.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let (picture, whole) = (model.picture(), &model.snapshot.picture);
    let mut asked = None;
    ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        let sizes = [
            diagram::least_size::<SignalingState>(),
            diagram::least_size::<GatheringState>(),
            diagram::least_size::<IceConnectionState>(),
        ];
        let height = sizes.iter().map(|size| size.y).fold(ui.available_height() - 4.0, f32::max);
        let least: f32 = sizes.iter().map(|size| size.x).sum();
        // What is spare goes to each machine alike, so that arrows keep their distance.
        let spare = ((ui.available_width() - least) / 3.0).max(0.0);
        let (area, _) = ui.allocate_exact_size(vec2(least + spare * 3.0, height), Sense::hover());
        let mut x = area.left();
        let mut column = |width: f32| {
            let rect = Rect::from_min_size(pos2(x, area.top()), vec2(width + spare, area.height()));
            x = rect.right();
            rect
        };
        asked = machine(column(sizes[0].x), &picture.signaling, &whole.signaling, model, ui)
            .or(machine(column(sizes[1].x), &picture.gathering, &whole.gathering, model, ui))
            .or(machine(column(sizes[2].x), &picture.ice_connection, &whole.ice_connection, model, ui));
        if picture.counters.signaling_refused > 0 {
            let ignored = format::count(picture.counters.signaling_refused, "message");
            pen::note(ui, format!("{ignored} came in a state that does not allow it and was ignored; see Events"));
        }
    });
    asked.map(|at| Wish::Playhead(PlayheadWish::Seek(at))).into_iter().collect()
}

fn machine<S: Machine>(
    area: Rect,
    visits: &[Visit<S>],
    whole: &[Visit<S>],
    model: &Model<'_>,
    ui: &mut Ui,
) -> Option<Stamp> {
    let now = model.picture().ended_at.map_or(model.now, |ended| ended.max(model.picture().at));
    let is_untold = whole.is_empty() && model.snapshot.picture.is_capture;
    diagram::draw(Course { visits, whole, now, playhead: model.playhead.at(), is_untold }, area, ui)
}
