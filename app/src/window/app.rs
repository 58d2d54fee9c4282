//! The window's owner: polls what runs behind it, draws, and carries wishes out afterwards.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use floe_capture::ImportOptions;
use floe_simnet::Scenario;
use floe_transport::relay::TlsTrust;

use super::{
    WindowOptions,
    archive::{Moment, Saved},
    clipboard::Clipboard,
    devices::DeviceWatch,
    dialogs::{Dialog, SaveDraft},
    frame::{self, ViewState},
    model::{Journey, Model, Standing},
    picker::Picker,
    playhead::{Playhead, Span},
    session::{FileNews, Session},
    settings::{Loaded, Settings, SettingsFile},
    theme,
    wish::FileFor,
};
use crate::engine::Engine;

/// How long a toast stays.
const TOAST: Duration = Duration::from_secs(3);
/// How often the panels follow a playing record.
const PLAYING: Duration = Duration::from_millis(50);
/// How often clocks are painted while checks run: they show tenths.
const QUICK_CLOCK: Duration = Duration::from_millis(250);
/// How often they are painted otherwise: a code may wait for its answer for hours.
const SLOW_CLOCK: Duration = Duration::from_secs(1);

/// The window's owner.
pub struct FloeWindow {
    pub(super) session: Session,
    pub(super) settings: Settings,
    pub(super) file: Option<SettingsFile>,
    pub(super) devices: DeviceWatch,
    pub(super) view: ViewState,
    pub(super) clipboard: Clipboard,
    pub(super) picker: Picker,
    pub(super) notice: Option<String>,
    pub(super) playhead: Playhead,
    moment: Option<Arc<Moment>>,
    advanced: Instant,
    toast: Option<Toast>,
}

struct Toast {
    text: String,
    until: Instant,
}

impl FloeWindow {
    /// Takes the settings over and begins a demo or a call.
    pub fn new(engine: Engine, file: Option<SettingsFile>, options: WindowOptions, ctx: &egui::Context) -> Self {
        theme::install(ctx);
        let loaded =
            file.as_ref().map_or_else(|| Loaded { settings: Settings::default(), note: None }, SettingsFile::load);
        ctx.set_theme(loaded.settings.theme.to_egui());
        let mut window = Self {
            session: Session::new(engine, ctx.clone()),
            settings: loaded.settings,
            file,
            devices: DeviceWatch::default(),
            view: ViewState::default(),
            clipboard: Clipboard::default(),
            picker: Picker::default(),
            notice: loaded.note,
            playhead: Playhead::default(),
            moment: None,
            advanced: Instant::now(),
            toast: None,
        };
        match (options.demo, options.file) {
            (Some(scenario), _) => window.start_demo(scenario),
            // Whoever came to read a file does not want to be reachable meanwhile.
            (None, Some(path)) => window.open_file(path),
            (None, None) => window.start_call(),
        }
        window.refresh_devices(ctx);
        window
    }

    /// Begins a call of one's own.
    pub(super) fn start_call(&mut self) {
        self.playhead = Playhead::default();
        let trust = self.turn_trust();
        self.session.start_call(&self.settings, trust);
    }

    /// Whom to believe that it is a TURN server; the system's authorities, and a word of it, where the user's cannot be
    /// used.
    pub(super) fn turn_trust(&mut self) -> TlsTrust {
        self.settings.turn_trust().unwrap_or_else(|why| {
            self.notice = Some(why);
            TlsTrust::default()
        })
    }

    /// Begins a demo, or says why it cannot.
    pub(super) fn start_demo(&mut self, scenario: Scenario) {
        self.playhead = Playhead::default();
        if let Err(error) = self.session.start_demo(scenario) {
            self.notice = Some(format!("The demo cannot start: {error:#}"));
        }
    }

    /// Reads a file and shows it.
    pub(super) fn open_file(&mut self, path: PathBuf) {
        self.playhead = Playhead::default();
        self.session.open_file(path, ImportOptions::default());
    }

    fn on_file(&mut self, news: FileNews, ctx: &egui::Context) {
        match news {
            FileNews::Opened(path) => {
                // What was said of an earlier try is over.
                self.notice = None;
                let settings = self.settings.clone().with_recent(path);
                self.change_settings(settings, ctx);
            }
            FileNews::Refused(why) => self.notice = Some(why),
        }
    }

    fn on_saved(&mut self, saved: Saved, ctx: &egui::Context) {
        match (saved.outcome, &mut self.view.dialog) {
            (Ok(()), dialog) => {
                if matches!(dialog, Some(Dialog::Save(_))) {
                    *dialog = None;
                }
                self.say(format!("Saved as {}", saved.path.display()), ctx);
            }
            (Err(why), Some(Dialog::Save(draft))) => {
                draft.is_saving = false;
                draft.place.error = Some(format!("It could not be saved: {why}"));
            }
            (Err(why), _) => self.notice = Some(format!("{} could not be saved: {why}", saved.path.display())),
        }
    }

    /// The record that the playhead moves over.
    pub(super) fn move_playhead(&mut self, change: impl FnOnce(&mut Playhead, Span<'_>)) {
        let seat = self.session.shown();
        let is_running = self.session.journey() != Journey::Idle && !seat.snapshot.finished;
        change(&mut self.playhead, Span { whole: &seat.snapshot.picture, end: seat.now(), is_running });
    }

    fn look(&mut self, ctx: &egui::Context) {
        let passed = self.advanced.elapsed();
        self.advanced = Instant::now();
        if self.playhead.is_playing() {
            self.move_playhead(|playhead, span| playhead.advance(passed, span));
            ctx.request_repaint_after(PLAYING);
        }
        self.moment = self.session.shown().look_at(self.playhead.at());
    }

    pub(super) fn refresh_devices(&mut self, ctx: &egui::Context) {
        let ctx = ctx.clone();
        self.devices.refresh(move || ctx.request_repaint());
    }

    /// Says something for a few seconds.
    pub(super) fn say(&mut self, text: String, ctx: &egui::Context) {
        self.toast = Some(Toast { text, until: Instant::now() + TOAST });
        ctx.request_repaint_after(TOAST);
    }

    fn take_picked(&mut self, what: FileFor, path: PathBuf) {
        match (&mut self.view.dialog, what) {
            (Some(Dialog::Save(SaveDraft { place: draft, .. })), FileFor::Save(_))
            | (Some(Dialog::OpenFile(draft)), FileFor::Open)
            | (Some(Dialog::ChooseWav(draft)), FileFor::Wav) => {
                draft.path = path.display().to_string();
                draft.error = None;
            }
            (Some(Dialog::Settings(draft)), FileFor::Authorities) => draft.take_authorities(&path),
            // The dialog it was for is closed: the choice has no meaning any more.
            _ => {}
        }
    }
}

impl eframe::App for FloeWindow {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        if let Some(news) = self.session.poll() {
            self.on_file(news, ctx);
        }
        self.look(ctx);
        if let Some(saved) = self.session.shown().saved() {
            self.on_saved(saved, ctx);
        }
        self.devices.poll();
        if let Some((what, path)) = self.picker.poll() {
            self.take_picked(what, path);
        }
        if self.toast.as_ref().is_some_and(|toast| toast.until <= Instant::now()) {
            self.toast = None;
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let seat = self.session.shown();
        let end = seat.now();
        let model = Model {
            journey: self.session.journey(),
            side: self.session.side(),
            snapshot: &seat.snapshot,
            moment: self.moment.as_deref(),
            reading: self.moment.as_ref().map_or(&seat.reading, |moment| &moment.reading),
            now: self.moment.as_ref().map_or(end, |moment| moment.at),
            end,
            playhead: self.playhead,
            file: self.session.file(),
            source: &seat.source,
            playback: &seat.playback,
            breakage: self.session.breakage(),
            settings: &self.settings,
            devices: self.devices.list(),
            network_test: self.session.network_test(),
            toast: self.toast.as_ref().map(|toast| toast.text.as_str()),
            notice: self.notice.as_deref(),
        };
        let clock = model.is_running().then(|| match model.standing() {
            Standing::Checking | Standing::Securing | Standing::Interrupted => QUICK_CLOCK,
            Standing::Idle
            | Standing::Reading
            | Standing::Nothing
            | Standing::Preparing
            | Standing::WaitingForCode
            | Standing::Connected
            | Standing::Failed
            | Standing::Ended => SLOW_CLOCK,
        });
        let wishes = frame::view(&model, &mut self.view, ui);
        let ctx = ui.ctx().clone();
        for wish in wishes {
            self.carry_out(wish, &ctx);
        }
        if let Some(pace) = clock {
            ctx.request_repaint_after(pace);
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.session.end();
        self.clipboard.hand_over();
    }
}
