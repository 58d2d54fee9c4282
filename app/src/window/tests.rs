//! The window as people and screen readers meet it.

use egui::{Vec2, vec2};
use egui_kittest::Harness;
use floe_call::{AudioSource, Playback, Snapshot};

use super::{
    devices::DeviceList,
    dock::Panel,
    fixtures,
    frame::{self, ViewState},
    model::{Journey, Model, Side},
    reading::Reading,
    settings::Settings,
    theme,
    wish::Wish,
};

struct Stage {
    snapshot: Snapshot,
    reading: Reading,
    journey: Journey,
    settings: Settings,
    devices: DeviceList,
    view: ViewState,
    wishes: Vec<Wish>,
}

impl Stage {
    fn new(snapshot: Snapshot) -> Self {
        Self {
            reading: Reading::of(&snapshot),
            snapshot,
            journey: Journey::Call,
            settings: Settings::default(),
            devices: DeviceList::Unknown,
            view: ViewState::default(),
            wishes: Vec::new(),
        }
    }

    fn draw(&mut self, ui: &mut egui::Ui) {
        let model = Model {
            journey: self.journey,
            side: Side::You,
            snapshot: &self.snapshot,
            reading: &self.reading,
            now: self.snapshot.picture.at,
            source: &AudioSource::Tone { hz: 440 },
            playback: &Playback::None,
            settings: &self.settings,
            devices: &self.devices,
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

/// Renders pictures for looking at, into the folder that `FLOE_WINDOW_PICTURES` names.
#[test]
fn the_window_can_be_rendered_in_both_themes_at_both_sizes() {
    let Some(folder) = std::env::var_os("FLOE_WINDOW_PICTURES") else { return };
    let only = std::env::var("FLOE_WINDOW_ONLY").unwrap_or_default();
    let moments: [(&str, fn() -> Snapshot); 5] = [
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
