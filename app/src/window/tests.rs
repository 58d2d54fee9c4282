//! The window as people and screen readers meet it.

mod call;
mod demo;
mod dialogs;
mod files;
mod grid;
mod ladder;
mod sides;
mod time;

use egui::{Key, Modifiers, Vec2, vec2};
use egui_kittest::{
    Harness,
    kittest::{NodeT as _, Queryable as _},
};
use floe_call::{AudioSource, Command, Playback, Snapshot};
use floe_capture::ImportOptions;
use floe_inspect::{LintFinding, peer::RestartView};

use super::{
    archive::{Capture, Moment, OpenState, Opened, Part, SaveAs, SessionLine},
    break_it::Breakage,
    devices::DeviceList,
    dialogs::{Dialog, PathDraft, SaveDraft, SettingsDraft},
    dock::Panel,
    fixtures,
    frame::{self, ViewState},
    model::{FileFacts, Journey, Model, Side},
    network_test::TestState,
    playhead::{Playhead, PlayheadWish, Span},
    reading::Reading,
    settings::{PrivacyLevel, Settings},
    theme,
    turn_server::TurnServer,
    wish::{DialogKind, Wish},
};

struct Stage {
    snapshot: Snapshot,
    reading: Reading,
    journey: Journey,
    breakage: Option<Breakage>,
    moment: Option<Moment>,
    playhead: Playhead,
    file: Option<FileFacts>,
    settings: Settings,
    devices: DeviceList,
    network_test: TestState,
    view: ViewState,
    wishes: Vec<Wish>,
}

impl Stage {
    fn new(snapshot: Snapshot) -> Self {
        Self {
            reading: Reading::of(&snapshot.picture),
            snapshot,
            journey: Journey::Call,
            breakage: None,
            moment: None,
            playhead: Playhead::default(),
            file: None,
            settings: Settings::default(),
            devices: DeviceList::Unknown,
            network_test: TestState::NotRun,
            view: ViewState::default(),
            wishes: Vec::new(),
        }
    }

    fn draw(&mut self, ui: &mut egui::Ui) {
        let model = Model {
            journey: self.journey,
            side: Side::You,
            snapshot: &self.snapshot,
            moment: self.moment.as_ref(),
            reading: &self.reading,
            now: self.moment.as_ref().map_or(self.snapshot.picture.at, |moment| moment.at),
            end: self.snapshot.picture.at,
            playhead: self.playhead,
            file: self.file.as_ref(),
            source: &AudioSource::Tone { hz: 440 },
            playback: &Playback::None,
            breakage: self.breakage.as_ref(),
            settings: &self.settings,
            devices: &self.devices,
            network_test: &self.network_test,
            toast: None,
            notice: None,
        };
        self.wishes.extend(frame::view(&model, &mut self.view, ui));
    }
}

const SMALL: Vec2 = vec2(1000.0, 700.0);

fn window(stage: Stage, size: Vec2, brightness: egui::Theme) -> Harness<'static, Stage> {
    let mut harness = Harness::builder()
        // The harness keeps a margin of 8 points around what it draws.
        .with_size(size + vec2(16.0, 16.0))
        .with_theme(brightness)
        .with_context_setup(theme::install)
        .build_ui_state(|ui, stage: &mut Stage| stage.draw(ui), stage);
    harness.run();
    harness
}

/// A window at the smallest promised size, in the dark theme.
fn small(snapshot: Snapshot) -> Harness<'static, Stage> {
    window(Stage::new(snapshot), SMALL, egui::Theme::Dark)
}

fn wishes(harness: &mut Harness<'static, Stage>) -> Vec<Wish> {
    std::mem::take(&mut harness.state_mut().wishes)
}

#[test]
fn number_keys_ask_for_panels() {
    let mut harness = small(fixtures::connected());
    harness.key_press(Key::Num8);
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::ShowPanel(Panel::Events)]);
    harness.state_mut().view.dock.show(Panel::Events);
    harness.run();
    harness.get_by_label("Your friend is heard");
}

#[test]
fn the_current_state_of_each_machine_is_marked() {
    let mut stage = Stage::new(fixtures::connected());
    stage.view.dock.show(Panel::States);
    let harness = window(stage, SMALL, egui::Theme::Light);
    for label in [
        "Signaling stable: current, 04:12 · 2×",
        "Gathering complete: current, 04:13",
        "ICE connection completed: current, 04:11",
    ] {
        harness.get_by_label(label);
    }
    harness.get_by_label("ICE connection checking: visited, 58 ms");
    harness.get_by_label("ICE connection failed: not visited");
}

#[test]
fn every_state_lies_inside_the_smallest_window_and_none_overlap() {
    let mut stage = time::held(41_000);
    stage.view.dock.show(Panel::States);
    stage.journey = Journey::Demo(floe_simnet::Scenario::default());
    stage.breakage = Some(Breakage::default());
    let harness = window(stage, SMALL, egui::Theme::Dark);
    // A demo that is held at a moment has the least room of all.
    let bottom = harness.get_by_label("Mend all").rect().top();
    let nodes: Vec<egui::Rect> = ["Signaling ", "Gathering ", "ICE connection "]
        .iter()
        .flat_map(|machine| harness.get_all_by_label_contains(machine))
        .filter(|node| node.accesskit_node().label().is_some_and(|label| label.contains(": ")))
        .map(|node| node.rect())
        .collect();
    assert_eq!(nodes.len(), 16);
    for (index, node) in nodes.iter().enumerate() {
        assert!(node.bottom() < bottom && node.right() < SMALL.x - 200.0, "{node:?} is clipped");
        assert!(nodes[index + 1..].iter().all(|other| !node.intersects(*other)), "{node:?} overlaps another");
    }
}

#[test]
fn an_empty_window_teaches_in_every_panel() {
    let mut stage = Stage::new(Snapshot::default());
    stage.journey = Journey::Idle;
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    for panel in
        [Panel::Grid, Panel::Candidates, Panel::Ladder, Panel::Path, Panel::Audio, Panel::Network, Panel::Events]
    {
        harness.state_mut().view.dock.show(panel);
        harness.run();
        harness.get_by_label("Press New call on the left, or choose a demo above.");
    }
}

#[test]
fn the_network_is_tested_on_request_and_the_panel_says_whom_a_call_reaches() {
    let mut harness = small(fixtures::connected());
    harness.state_mut().view.dock.show(Panel::Network);
    harness.run();
    harness.get_by_label("Test my network").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::TestNetwork]);
    harness.state_mut().network_test = TestState::Done(fixtures::tested_network());
    harness.run();
    harness.get_by_label("not known: one server alone has nothing to be compared with; add a second one");
    harness.get_by_label_contains("through a relay");
}

#[test]
fn either_direction_has_a_line_over_time_and_every_plot_lies_inside_the_smallest_window() {
    let mut stage = Stage::new(fixtures::connected());
    stage.view.dock.show(Panel::Path);
    let harness = window(stage, SMALL, egui::Theme::Light);
    for label in ["to friend 1", "to you 1"] {
        harness.get_by_label_contains(label);
    }
    for title in ["Round trip", "One way", "Loss", "Jitter", "Buffer"] {
        let all: Vec<egui::Rect> = harness.get_all_by_label(title).map(|node| node.rect()).collect();
        assert!(all.iter().any(|title| title.bottom() + 60.0 < SMALL.y - 60.0), "{title} is at {all:?}");
    }
}

#[test]
fn the_audio_panel_fills_a_large_window_with_what_was_heard() {
    for (size, is_large) in [(SMALL, false), (vec2(1920.0, 1080.0), true)] {
        let mut stage = Stage::new(fixtures::connected());
        stage.view.dock.show(Panel::Audio);
        let harness = window(stage, size, egui::Theme::Dark);
        harness.get_by_label_contains("Level heard: ");
        assert_eq!(harness.query_by_label("Level heard").is_some(), is_large, "at {size}");
    }
}

#[test]
fn the_log_shows_only_what_is_searched_for() {
    let mut stage = Stage::new(fixtures::connected());
    stage.view.dock.show(Panel::Events);
    stage.view.dock.events.filter = "heard".to_owned();
    let harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("Your friend is heard");
    assert!(harness.query_by_label("Your code is ready").is_none());
}

/// Renders pictures for looking at, into the folder that `FLOE_WINDOW_PICTURES` names.
#[test]
#[ignore = "draws pictures for people to look at"]
fn the_window_can_be_rendered_in_both_themes_at_both_sizes() {
    let Some(folder) = std::env::var_os("FLOE_WINDOW_PICTURES") else { return };
    let only = std::env::var("FLOE_WINDOW_ONLY").unwrap_or_default();
    type Moment = (&'static str, fn() -> Snapshot);
    let moments: [Moment; 5] = [
        ("connected", fixtures::connected),
        ("waiting", fixtures::refused_paste),
        ("checking", fixtures::checking),
        ("failed", fixtures::failed),
        ("restarting", fixtures::restarting),
    ];
    for (moment, snapshot) in moments {
        for panel in Panel::ALL {
            for (look, brightness) in [("dark", egui::Theme::Dark), ("light", egui::Theme::Light)] {
                for (wide, size) in [("1000", SMALL), ("1920", vec2(1920.0, 1080.0))] {
                    let name = format!("{moment}-{}-{look}-{wide}", panel.title());
                    if !only.split(',').any(|part| !part.is_empty() && name.starts_with(part)) {
                        continue;
                    }
                    let mut stage = Stage::new(snapshot());
                    stage.view.dock.show(panel);
                    let mut harness = window(stage, size, brightness);
                    let image = harness.render().unwrap();
                    image.save(std::path::Path::new(&folder).join(format!("{name}.png"))).unwrap();
                }
            }
        }
    }
}

/// Renders each dialog, under the same conditions.
#[test]
#[ignore = "draws pictures for people to look at"]
fn the_dialogs_can_be_rendered_in_both_themes() {
    let Some(folder) = std::env::var_os("FLOE_WINDOW_PICTURES") else { return };
    type Open = fn(&Settings) -> Dialog;
    let dialogs: [(&str, Open); 5] = [
        ("help", |_| Dialog::Help),
        ("qr", |_| Dialog::QrCode),
        ("settings", |settings| Dialog::Settings(Box::new(SettingsDraft::of(settings)))),
        ("save", |_| Dialog::Save(SaveDraft::new(std::path::Path::new("/home/me"), 1))),
        ("open", |_| Dialog::OpenFile(PathDraft::default())),
    ];
    for (name, open) in dialogs {
        for (look, brightness) in [("dark", egui::Theme::Dark), ("light", egui::Theme::Light)] {
            let mut stage = Stage::new(fixtures::connected());
            stage.settings.stun_servers = vec!["stun:stun.example.org:3478".to_owned(), "stn:typo".to_owned()];
            let server = TurnServer { url: "turns:turn.example.org".to_owned(), ..TurnServer::default() };
            stage.settings.turn_servers = vec![server];
            stage.settings.recent_files = ["/home/me/monday.floe", "/home/me/browser.pcapng"].map(Into::into).to_vec();
            stage.view.dialog = Some(open(&stage.settings));
            let mut harness = window(stage, SMALL, brightness);
            let image = harness.render().unwrap();
            image.save(std::path::Path::new(&folder).join(format!("dialog-{name}-{look}.png"))).unwrap();
        }
    }
}
