//! Saving: what, and where to.

use std::path::PathBuf;

use egui::{RichText, Ui};

use super::file::{PathDraft, path_field};
use crate::window::{
    archive::SaveAs,
    theme,
    wish::{FileFor, Wish},
};

/// What is about to be saved.
#[derive(Debug)]
pub struct SaveDraft {
    /// What.
    pub what: SaveAs,
    /// Where to.
    pub place: PathDraft,
    /// Whether addresses and names are replaced.
    pub is_redacted: bool,
    /// Whether it is being written.
    pub is_saving: bool,
}

impl SaveDraft {
    /// A draft whose file has a name of its own.
    #[must_use]
    pub fn new(folder: &std::path::Path, seconds: u64) -> Self {
        let what = SaveAs::default();
        let path = folder.join(format!("floe-{seconds}.{}", what.extension()));
        Self {
            what,
            place: PathDraft { path: path.display().to_string(), error: None },
            is_redacted: false,
            is_saving: false,
        }
    }

    /// Another sort of file has another ending.
    fn choose(&mut self, what: SaveAs) {
        let path = PathBuf::from(&self.place.path);
        let is_ours = SaveAs::ALL.iter().any(|known| path.extension().is_some_and(|end| end == known.extension()));
        if is_ours {
            self.place.path = path.with_extension(what.extension()).display().to_string();
        }
        self.what = what;
        self.place.error = None;
    }
}

/// Draws the dialog.
pub fn view(draft: &mut SaveDraft, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    super::title(ui, "Save what is shown");
    ui.spacing_mut().interact_size.y = 20.0;
    for what in SaveAs::ALL {
        let name = RichText::new(what.name()).font(theme::body());
        if ui.radio(draft.what == what, name).on_hover_text(what.describe()).clicked() {
            draft.choose(what);
        }
    }
    super::hint(ui, draft.what.describe());
    ui.checkbox(&mut draft.is_redacted, "Redact")
        .on_hover_text("Every address and name gets a stand-in, the same one everywhere; what is wrong stays visible");
    super::hint(
        ui,
        if draft.is_redacted {
            "No key, no password and no audio is in it, and no real address or name."
        } else {
            "No key, no password and no audio is in it. The addresses of both sides are."
        },
    );
    ui.spacing_mut().interact_size.y = theme::HIT;
    let is_entered = path_field("File to save", &mut draft.place, FileFor::Save(draft.what), wishes, ui);
    ui.horizontal(|ui| {
        let path = draft.place.path.trim().to_owned();
        let title = if draft.is_saving { "Saving…" } else { "Save" };
        let button = ui.add_enabled(!path.is_empty() && !draft.is_saving, egui::Button::new(title));
        let is_wanted = button.on_disabled_hover_text("Type a path or browse first").clicked();
        if is_wanted || (is_entered && !path.is_empty() && !draft.is_saving) {
            draft.is_saving = true;
            draft.place.error = None;
            wishes.push(Wish::Save { what: draft.what, is_redacted: draft.is_redacted, path: PathBuf::from(path) });
        }
        if ui.button("Cancel").on_hover_text("Esc").clicked() {
            ui.close();
        }
    });
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_ending_follows_the_choice_unless_it_is_ones_own() {
        let mut draft = SaveDraft::new(Path::new("/home/me"), 7);
        assert_eq!(draft.place.path, "/home/me/floe-7.floe");
        draft.choose(SaveAs::Capture);
        assert_eq!(draft.place.path, "/home/me/floe-7.pcapng");
        draft.place.path = "/home/me/notes.dat".to_owned();
        draft.choose(SaveAs::Page);
        assert_eq!(draft.place.path, "/home/me/notes.dat");
    }
}
