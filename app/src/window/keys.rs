//! The keyboard: what each key wishes for.

use egui::{Event, Key, Modifiers, OutputCommand, Ui};
use floe_call::Command;

use super::{
    dialogs::Dialog,
    dock::Panel,
    frame::ViewState,
    model::{Journey, Model},
    playhead::PlayheadWish,
    wish::{DialogKind, Wish},
};

const PANEL_KEYS: [Key; 8] = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8];

/// Wishes of the keys pressed since the last frame. Text fields keep what is typed into them.
pub fn pressed(model: &Model<'_>, state: &mut ViewState, ui: &Ui) -> Vec<Wish> {
    let mut wishes = Vec::new();
    let taken = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    if taken(Key::F1) {
        let open = matches!(state.dialog, Some(Dialog::Help));
        wishes.push(if open { Wish::CloseDialog } else { Wish::Open(DialogKind::Help) });
    }
    if ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::O)) {
        wishes.push(Wish::Open(DialogKind::OpenFile));
    }
    let has_record = model.snapshot.picture.counters.records > 0;
    if has_record && ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::S)) {
        wishes.push(Wish::Open(DialogKind::Save));
    }
    // An open list or menu has the keys: Escape closes it.
    if ui.ctx().text_edit_focused() || state.dialog.is_some() || egui::Popup::is_any_open(ui.ctx()) {
        return wishes;
    }
    playhead(model, ui, &mut wishes);
    for (panel, key) in Panel::ALL.into_iter().zip(PANEL_KEYS) {
        if taken(key) {
            wishes.push(Wish::ShowPanel(panel));
        }
    }
    if model.is_running() && model.file.is_none() && taken(Key::M) {
        wishes.push(Wish::Call(Command::SetMuted(!model.snapshot.picture.muted)));
    }
    if let (Journey::Call, Some(text)) = (model.journey, pasted(ui)) {
        state.call.pasted.clone_from(&text);
        wishes.push(Wish::Call(Command::PasteCode(text)));
    }
    wishes
}

/// Space and the arrows belong to what has the focus first: a button, a pair of the grid.
fn playhead(model: &Model<'_>, ui: &Ui, wishes: &mut Vec<Wish>) {
    let mut ask = |key, wish| {
        if ui.input_mut(|input| input.consume_key(Modifiers::NONE, key)) {
            wishes.push(Wish::Playhead(wish));
        }
    };
    if model.playhead.at().is_some() {
        ask(Key::Escape, PlayheadWish::End);
    }
    if model.journey == Journey::Idle || ui.memory(|memory| memory.focused().is_some()) {
        return;
    }
    ask(Key::Space, PlayheadWish::Toggle);
    ask(Key::ArrowLeft, PlayheadWish::Previous);
    ask(Key::ArrowRight, PlayheadWish::Next);
}

fn pasted(ui: &Ui) -> Option<String> {
    ui.input(|input| {
        input.events.iter().find_map(|event| match event {
            Event::Paste(text) if !text.trim().is_empty() => Some(text.clone()),
            _ => None,
        })
    })
}

/// Ctrl+C copies our code, unless a widget copied its selection during this frame. Must run after all widgets.
pub fn copy_code_if_nothing_else_was(model: &Model<'_>, ui: &Ui, wishes: &mut Vec<Wish>) {
    let asked = ui.input(|input| input.events.iter().any(|event| matches!(event, Event::Copy)));
    if !asked || ui.ctx().text_edit_focused() {
        return;
    }
    let copied = ui.output(|output| output.commands.iter().any(|c| matches!(c, OutputCommand::CopyText(_))));
    if let (false, Some(code)) = (copied, &model.snapshot.code) {
        wishes.push(Wish::Copy { text: code.clone(), what: "Your code" });
    }
}
