//! Carries wishes out.

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use floe_inspect::side::side_of;
use floe_signal::side_text::write_side;

use super::{
    app::FloeWindow,
    archive::SaveAs,
    dialogs::{Dialog, PathDraft, SaveDraft, SettingsDraft, SideDraft},
    dock::Panel,
    playhead::{Playhead, PlayheadWish},
    settings::Settings,
    wish::{DialogKind, Wish},
};

impl FloeWindow {
    /// Carries one wish out.
    pub(super) fn carry_out(&mut self, wish: Wish, ctx: &egui::Context) {
        match wish {
            Wish::Call(command) => self.session.send(command),
            Wish::NewCall => self.start_call(),
            Wish::StartDemo(scenario) => self.start_demo(scenario),
            Wish::ShowSide(side) => self.session.show(side),
            Wish::Break(wanted) => self.session.break_network(wanted),
            Wish::RestartRouter => self.session.restart_router(),
            Wish::Playhead(wish) => self.move_playhead(|playhead, span| playhead.take(wish, span)),
            Wish::ShowPacket { record, at } => {
                let ladder = &self.session.shown().snapshot.picture.ladder;
                self.view.dock.ladder.show_record(ladder, record, at);
                self.view.dock.show(Panel::Ladder);
                self.move_playhead(|playhead, span| playhead.take(PlayheadWish::Seek(at), span));
            }
            Wish::OpenFile(path) => {
                self.view.dialog = None;
                self.open_file(path);
            }
            Wish::ReopenFile(options) => {
                self.playhead = Playhead::default();
                self.session.reopen_file(options);
            }
            Wish::StopReading => self.session.stop_reading(),
            Wish::CloseFile => {
                self.playhead = Playhead::default();
                self.session.close_file();
            }
            Wish::TestNetwork => {
                let trust = self.turn_trust();
                self.session.test_network(&self.settings, trust);
            }
            Wish::ShowPanel(panel) => self.view.dock.show(panel),
            Wish::Copy { text, what } => {
                self.clipboard.copy(text, ctx);
                self.say(format!("{what} is on the clipboard"), ctx);
            }
            Wish::CopySide => {
                let text = write_side(&side_of(&self.session.shown().snapshot.picture));
                self.clipboard.copy(text, ctx);
                self.say("Your side is on the clipboard".to_owned(), ctx);
            }
            Wish::AddSide(text) => self.add_side(&text, ctx),
            Wish::ChangeSettings(settings) => self.change_settings(settings, ctx),
            Wish::RefreshDevices => self.refresh_devices(ctx),
            Wish::Open(kind) => self.open(kind),
            Wish::CloseDialog => self.view.dialog = None,
            Wish::Browse(what) => self.picker.show(what, self.session.engine().runtime(), ctx),
            Wish::Save { what, is_redacted, path } => self.save(what, is_redacted, path),
            Wish::DismissNotice => self.notice = None,
        }
        ctx.request_repaint();
    }

    pub(super) fn change_settings(&mut self, settings: Settings, ctx: &egui::Context) {
        ctx.set_theme(settings.theme.to_egui());
        self.settings = settings;
        let Some(file) = &self.file else { return };
        if let Err(error) = file.save(&self.settings) {
            self.notice = Some(format!("Your settings count until the window closes; saving them failed: {error}"));
        }
    }

    fn open(&mut self, kind: DialogKind) {
        self.view.dialog = Some(match kind {
            DialogKind::Settings => Dialog::Settings(Box::new(SettingsDraft::of(&self.settings))),
            DialogKind::Help => Dialog::Help,
            DialogKind::QrCode => Dialog::QrCode,
            DialogKind::OpenFile => Dialog::OpenFile(PathDraft::default()),
            DialogKind::Save => Dialog::Save(SaveDraft::new(&documents(), seconds())),
            DialogKind::ChooseWav => Dialog::ChooseWav(PathDraft::default()),
            DialogKind::BlockLast { base, remote } => Dialog::BlockLast { base, remote },
            DialogKind::Sides => Dialog::Sides(SideDraft::default()),
        });
    }

    fn add_side(&mut self, text: &str, ctx: &egui::Context) {
        match (self.session.add_side(text), &mut self.view.dialog) {
            (Ok(()), dialog) => {
                if matches!(dialog, Some(Dialog::Sides(_))) {
                    *dialog = None;
                }
                self.say("Both sides are in view".to_owned(), ctx);
            }
            (Err(why), Some(Dialog::Sides(draft))) => draft.error = Some(why),
            (Err(why), _) => self.notice = Some(why),
        }
    }

    fn save(&mut self, what: SaveAs, is_redacted: bool, path: PathBuf) {
        let is_begun = self.session.shown().save(what, is_redacted, path);
        if let (false, Some(Dialog::Save(draft))) = (is_begun, &mut self.view.dialog) {
            draft.is_saving = false;
            draft.place.error =
                Some("It could not be saved: others are being written, or no record is kept".to_owned());
        }
    }
}

/// The folder for documents, or the best there is.
fn documents() -> PathBuf {
    directories::UserDirs::new()
        .map(|dirs| dirs.document_dir().unwrap_or_else(|| dirs.home_dir()).to_owned())
        .unwrap_or_default()
}

/// The time in seconds: a new file is named by it, so that it has a name that no older one has.
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
