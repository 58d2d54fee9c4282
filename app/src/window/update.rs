//! Carries wishes out.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use floe_inspect::{Picture, Report};

use super::{
    app::FloeWindow,
    dialogs::{Dialog, PathDraft, SettingsDraft},
    playhead::Playhead,
    settings::Settings,
    wish::{DialogKind, Wish},
};

impl FloeWindow {
    /// Carries one wish out.
    pub(super) fn carry_out(&mut self, wish: Wish, ctx: &egui::Context) {
        match wish {
            Wish::Call(command) => self.session.send(command),
            Wish::NewCall => {
                self.playhead = Playhead::default();
                self.session.start_call(&self.settings);
            }
            Wish::StartDemo(scenario) => self.start_demo(scenario),
            Wish::ShowSide(side) => self.session.show(side),
            Wish::Break(wanted) => self.session.break_network(wanted),
            Wish::RestartRouter => self.session.restart_router(),
            Wish::Playhead(wish) => self.move_playhead(|playhead, span| playhead.take(wish, span)),
            Wish::OpenFile(path) => {
                self.view.dialog = None;
                self.open_file(path);
            }
            Wish::ReopenFile(options) => {
                self.playhead = Playhead::default();
                self.session.reopen_file(options);
            }
            Wish::CloseFile => {
                self.playhead = Playhead::default();
                self.session.close_file();
            }
            Wish::TestNetwork => self.session.test_network(&self.settings),
            Wish::ShowPanel(panel) => self.view.dock.show(panel),
            Wish::Copy { text, what } => {
                self.clipboard.copy(text, ctx);
                self.say(format!("{what} is on the clipboard"), ctx);
            }
            Wish::ChangeSettings(settings) => self.change_settings(settings, ctx),
            Wish::RefreshDevices => self.refresh_devices(ctx),
            Wish::Open(kind) => self.open(kind),
            Wish::CloseDialog => self.view.dialog = None,
            Wish::Browse(what) => self.picker.show(what, self.session.engine().runtime(), ctx),
            Wish::SaveReport(path) => self.save_report(&path, ctx),
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
            DialogKind::Settings => Dialog::Settings(SettingsDraft::of(&self.settings)),
            DialogKind::Help => Dialog::Help,
            DialogKind::QrCode => Dialog::QrCode,
            DialogKind::OpenFile => Dialog::OpenFile(PathDraft::default()),
            DialogKind::SaveReport => {
                Dialog::SaveReport(PathDraft { path: report_path().display().to_string(), error: None })
            }
            DialogKind::ChooseWav => Dialog::ChooseWav(PathDraft::default()),
        });
    }

    fn save_report(&mut self, path: &Path, ctx: &egui::Context) {
        match write_report(&self.session.shown().snapshot.picture, path) {
            Ok(()) => {
                self.view.dialog = None;
                self.say(format!("The report is saved as {}", path.display()), ctx);
            }
            Err(error) => {
                if let Some(Dialog::SaveReport(draft)) = &mut self.view.dialog {
                    draft.error = Some(format!("It could not be saved: {error:#}"));
                }
            }
        }
    }
}

fn write_report(picture: &Picture, path: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&Report::of(picture)).context("the report cannot be written as JSON")?;
    fs::write(path, text + "\n")?;
    Ok(())
}

/// A name for a new report that no older one has: the time in seconds, in the folder for documents.
fn report_path() -> PathBuf {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let folder = directories::UserDirs::new()
        .map(|dirs| dirs.document_dir().unwrap_or_else(|| dirs.home_dir()).to_owned())
        .unwrap_or_default();
    folder.join(format!("floe-report-{seconds}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::fixtures;

    #[test]
    fn a_saved_report_is_json() {
        let path = std::env::temp_dir().join(format!("floe-report-test-{}.json", std::process::id()));
        write_report(&fixtures::connected().picture, &path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value.is_object());
    }

    #[test]
    fn a_report_into_a_missing_folder_is_an_error_not_a_panic() {
        assert!(write_report(&fixtures::connected().picture, Path::new("/nonexistent/folder/x.json")).is_err());
    }
}
