//! Both sides of a call whose ends could not tell each other: copying ours, adding the friend's.

use egui::{RichText, ScrollArea, TextEdit, Ui};
use floe_inspect::peer::ChannelView;

use crate::window::{model::Model, pen, theme, wish::Wish};

/// A side being pasted.
#[derive(Debug, Default)]
pub struct SideDraft {
    /// As pasted.
    pub text: String,
    /// What is wrong with it.
    pub error: Option<String>,
}

/// Draws the dialog.
pub fn view(model: &Model<'_>, draft: &mut SideDraft, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    super::title(ui, "Both sides of this call");
    super::hint(ui, about(&model.snapshot.picture.peer.channel));
    pen::heading(ui, "For your friend");
    let copy = ui.button("Copy my side");
    if copy
        .on_hover_text("A text to send by any chat or mail. It holds addresses and times, no keys and no audio")
        .clicked()
    {
        wishes.push(Wish::CopySide);
    }
    pen::heading(ui, "From your friend");
    let edit = TextEdit::multiline(&mut draft.text)
        .id_salt("friend's side")
        .font(theme::mono())
        .hint_text("Paste what your friend copied: it begins with floe-side:")
        .desired_rows(4)
        .desired_width(f32::INFINITY);
    let response = ScrollArea::vertical().id_salt("side box").max_height(96.0).show(ui, |ui| ui.add(edit)).inner;
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Friend's side");
        info.current_text_value = Some(draft.text.clone());
        info
    });
    if response.changed() {
        draft.error = None;
    }
    if let Some(error) = &draft.error {
        pen::trouble(ui, error);
    }
    ui.add_space(theme::GRID);
    ui.horizontal(|ui| {
        let add = ui.add_enabled(!draft.text.trim().is_empty(), egui::Button::new("Add this side"));
        if add.on_disabled_hover_text("Paste your friend's side first").clicked() {
            wishes.push(Wish::AddSide(draft.text.clone()));
        }
        if ui.button(RichText::new("Close")).on_hover_text("Esc").clicked() {
            ui.close();
        }
    });
}

fn about(channel: &ChannelView) -> &'static str {
    match channel {
        ChannelView::Open { .. } => {
            "Both ends tell each other what they see, so your friend's side is in view already. A copy of yours helps \
             whoever opens your friend's record later."
        }
        ChannelView::Added { .. } => "Your friend's side is in view: the Ladder, the Grid and the Path show it.",
        ChannelView::None | ChannelView::Closed { .. } => {
            "The two ends could not tell each other what they saw. Hand it over yourselves: each of you copies a side, \
             and whoever adds the other one sees both ends of every message."
        }
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::{Harness, kittest::Queryable as _};

    use super::*;
    use crate::window::fixtures;

    #[test]
    fn a_side_is_copied_and_a_pasted_one_is_added_or_refused_in_place() {
        let snapshot = fixtures::failed();
        let state = (SideDraft::default(), Vec::new());
        let draw = |ui: &mut Ui, (draft, wishes): &mut (SideDraft, Vec<Wish>)| {
            fixtures::with_model(&snapshot, |model| view(model, draft, wishes, ui));
        };
        let mut harness = Harness::builder().with_context_setup(theme::install).build_ui_state(draw, state);
        harness.get_by_label("Copy my side").click();
        harness.run();
        assert_eq!(harness.state().1, [Wish::CopySide]);
        harness.get_by_label("Add this side").click();
        harness.run();
        assert_eq!(harness.state().1.len(), 1, "there is nothing to add yet");
        harness.state_mut().0.text = "floe-side:AQ".to_owned();
        harness.run();
        harness.get_by_label("Add this side").click();
        harness.run();
        assert_eq!(harness.state().1[1], Wish::AddSide("floe-side:AQ".to_owned()));
        harness.state_mut().0.error = Some("The text is cut off".to_owned());
        harness.run();
        assert!(harness.query_by_label_contains("The text is cut off").is_some());
    }
}
