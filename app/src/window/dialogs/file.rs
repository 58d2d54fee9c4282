//! Choosing a file: a path that can be typed, and the system's file dialog where there is one.

use std::path::PathBuf;

use egui::{TextEdit, Ui};
use floe_call::{AudioSource, Command};

use crate::window::{
    model::Model,
    pen, theme,
    wish::{FileFor, Wish},
};

/// Room for the button beside a path.
const BROWSE: f32 = 92.0;

/// A path being chosen.
#[derive(Debug, Default)]
pub struct PathDraft {
    /// As typed or picked.
    pub path: String,
    /// What went wrong with the newest try.
    pub error: Option<String>,
}

/// Which record or capture to show.
pub fn open(model: &Model<'_>, draft: &mut PathDraft, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    super::title(ui, "Open a record or a capture");
    super::hint(
        ui,
        "A call that Floe saved (.floe), or a capture of any program (.pcap, .pcapng). You can also drop it onto the window.",
    );
    let is_entered = path_field("File to open", draft, FileFor::Open, wishes, ui);
    if !model.settings.recent_files.is_empty() {
        pen::heading(ui, "Lately");
        ui.spacing_mut().item_spacing.y = 2.0;
        for path in &model.settings.recent_files {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            let button = egui::Button::new(name.as_ref()).frame(false);
            if ui.add(button).on_hover_text(path.display().to_string()).clicked() {
                wishes.push(Wish::OpenFile(path.clone()));
            }
        }
    }
    ui.add_space(theme::GRID);
    confirm("Open", draft, is_entered, ui, |path| wishes.push(Wish::OpenFile(path)));
}

/// Which WAV file to send.
pub fn choose_wav(draft: &mut PathDraft, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    super::title(ui, "Send a WAV file");
    super::hint(ui, "It is sent once from its start, instead of your microphone. Any rate, any number of channels.");
    let is_entered = path_field("WAV file", draft, FileFor::Wav, wishes, ui);
    confirm("Send", draft, is_entered, ui, |path| {
        wishes.push(Wish::Call(Command::SetSource(AudioSource::Wav(path))));
        wishes.push(Wish::CloseDialog);
    });
}

/// A path that can be typed or browsed for; says whether Enter was pressed in it.
pub fn path_field(name: &str, draft: &mut PathDraft, what: FileFor, wishes: &mut Vec<Wish>, ui: &mut Ui) -> bool {
    let mut is_entered = false;
    ui.horizontal(|ui| {
        let edit = TextEdit::singleline(&mut draft.path)
            .id_salt(name)
            .desired_width((ui.available_width() - BROWSE).max(200.0))
            .hint_text(theme::hint("Path of the file"));
        let response = ui.add(edit);
        if draft.path.is_empty() && ui.memory(|memory| memory.focused().is_none()) {
            response.request_focus();
        }
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, name);
            info.current_text_value = Some(draft.path.clone());
            info
        });
        is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if ui.button("Browse…").on_hover_text("Opens the system's file dialog").clicked() {
            wishes.push(Wish::Browse(what));
        }
    });
    if let Some(error) = &draft.error {
        pen::trouble(ui, error);
    }
    is_entered
}

fn confirm(verb: &str, draft: &PathDraft, is_entered: bool, ui: &mut Ui, then: impl FnOnce(PathBuf)) {
    ui.horizontal(|ui| {
        let path = draft.path.trim();
        let button = ui.add_enabled(!path.is_empty(), egui::Button::new(verb));
        let is_wanted = button.on_disabled_hover_text("Type a path or browse first").clicked();
        if is_wanted || (is_entered && !path.is_empty()) {
            then(PathBuf::from(path));
        }
        if ui.button("Cancel").on_hover_text("Esc").clicked() {
            ui.close();
        }
    });
}
