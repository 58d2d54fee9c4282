//! The top bar: where the call stands, demos, the report, theme, settings.

use egui::{
    Align, Color32, Frame, Layout, Margin, Rect, RichText, Sense, Stroke, Ui,
    epaint::text::{LayoutJob, TextFormat},
    vec2,
};
use floe_inspect::picture::PairState;
use floe_simnet::Scenario;

use super::{
    format,
    model::{Journey, Model, Standing},
    pen,
    settings::{Settings, ThemeChoice},
    theme::{self, Palette},
    wish::{DialogKind, Wish},
};

/// Draws the bar.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let mut wishes = Vec::new();
    ui.horizontal_centered(|ui| {
        ui.label(RichText::new("Floe").font(theme::strong(theme::LARGE)));
        if let Journey::Demo(scenario) = model.journey {
            ui.label(RichText::new(format!("demo: {}", scenario.name())).color(Palette::of(ui.visuals()).weak));
        }
        if let Some(file) = model.file {
            let name = RichText::new(format::shorten(&file.name, 24)).color(Palette::of(ui.visuals()).weak);
            ui.label(name).on_hover_text(&file.name);
        }
        ui.add_space(theme::GRID);
        pill(model, ui);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            buttons(model, &mut wishes, ui);
        });
    });
    wishes
}

fn buttons(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    if icon(ui, pen::question, "Help", "Keys and signs  (F1)") {
        wishes.push(Wish::Open(DialogKind::Help));
    }
    if icon(ui, pen::gear, "Settings", "Servers, devices, interfaces, theme") {
        wishes.push(Wish::Open(DialogKind::Settings));
    }
    let dark = ui.visuals().dark_mode;
    let (sign, name): (Sign, _) = if dark { (pen::sun, "Light theme") } else { (pen::moon, "Dark theme") };
    if icon(ui, sign, name, name) {
        let theme = if dark { ThemeChoice::Light } else { ThemeChoice::Dark };
        wishes.push(Wish::ChangeSettings(Settings { theme, ..model.settings.clone() }));
    }
    let has_record = model.picture().counters.records > 0;
    let save = ui.add_enabled(has_record, egui::Button::new("Save…"));
    let save = save.on_hover_text("A record, a capture or a report, without secrets  (Ctrl+S)");
    if save.on_disabled_hover_text("There is nothing to save before a call").clicked() {
        wishes.push(Wish::Open(DialogKind::Save));
    }
    let open = ui.button("Open…").on_hover_text("A record or a capture, into the same panels  (Ctrl+O)");
    if open.clicked() {
        wishes.push(Wish::Open(DialogKind::OpenFile));
    }
    ui.menu_button("Demo ▼", |ui| demos(wishes, ui)).response.on_hover_text("Two peers over a simulated network");
}

/// Draws a sign into a square.
type Sign = fn(&egui::Painter, Rect, Color32, Color32);

fn icon(ui: &mut Ui, sign: Sign, name: &str, hover: &str) -> bool {
    let response = ui.add(egui::Button::new("").min_size(vec2(34.0, theme::HIT)));
    let visuals = ui.style().interact(&response);
    sign(ui.painter(), response.rect, visuals.fg_stroke.color, visuals.weak_bg_fill);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    response.on_hover_text(hover).clicked()
}

fn demos(wishes: &mut Vec<Wish>, ui: &mut Ui) {
    ui.set_width(400.0);
    ui.spacing_mut().item_spacing.y = 2.0;
    pen::note(ui, "Nothing leaves this computer. A running call is ended.");
    for scenario in Scenario::ALL.iter().copied() {
        let response = ui.add(egui::Button::new(entry(scenario, ui)).wrap());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::MenuItem, true, scenario.name()));
        if response.clicked() {
            wishes.push(Wish::StartDemo(scenario));
            ui.close();
        }
    }
}

/// A scenario's name, and under it what happens there.
fn entry(scenario: Scenario, ui: &Ui) -> LayoutJob {
    let palette = Palette::of(ui.visuals());
    let mut job = LayoutJob::default();
    job.append(scenario.name(), 0.0, TextFormat::simple(theme::strong(theme::BODY), palette.text));
    let described = format!("\n{}", scenario.describe());
    job.append(&described, 0.0, TextFormat::simple(theme::small(), palette.weak));
    job
}

/// The state of the call: sign, word, path, round trip, time.
fn pill(model: &Model<'_>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let standing = model.standing();
    let color = standing_color(standing, palette);
    let text = pill_text(model);
    let frame = Frame::new()
        .fill(palette.tinted(color))
        .stroke(Stroke::new(1.0, theme::blend(palette.surface, color, 0.5)))
        .corner_radius(14)
        .inner_margin(Margin::symmetric(10, 4));
    let response = frame
        .show(ui, |ui| {
            ui.spacing_mut().interact_size.y = 18.0;
            ui.horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(vec2(14.0, 14.0), Sense::hover());
                pen::pair_sign(ui.painter(), rect.center(), 6.0, standing_sign(standing), color);
                ui.add(egui::Label::new(RichText::new(&text).size(theme::BODY)).selectable(false));
            });
        })
        .response;
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Status, true, format!("State: {text}")));
    response.on_hover_text(meaning(standing));
}

fn pill_text(model: &Model<'_>) -> String {
    let mut parts = vec![word(model.standing()).to_owned()];
    parts.extend(model.progress().map(|progress| format!("{:.0} %", 100.0 * progress.share)));
    let path = &model.reading.path;
    if matches!(model.standing(), Standing::Connected | Standing::Interrupted) {
        parts.push(if path.relay.is_some() { "relayed" } else { "direct" }.to_owned());
        parts.extend(path.rtt.map(format::ms));
    }
    if let Some(elapsed) = model.elapsed() {
        parts.push(format::clock(elapsed));
    }
    if model.snapshot.picture.muted && model.is_running() {
        parts.push("muted".to_owned());
    }
    parts.join("  ·  ")
}

const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Idle => "No call",
        Standing::Reading => "Reading",
        Standing::Nothing => "No call in this file",
        Standing::Preparing => "Preparing",
        Standing::WaitingForCode => "Waiting for your friend's code",
        Standing::Checking => "Looking for a path",
        Standing::Securing => "Agreeing on keys",
        Standing::Connected => "Connected",
        Standing::Interrupted => "Interrupted",
        Standing::Failed => "Not connected",
        Standing::Ended => "Ended",
    }
}

const fn meaning(standing: Standing) -> &'static str {
    match standing {
        Standing::Idle => "Press New call, or choose a demo",
        Standing::Reading => "Everything the file holds is shown once it is read",
        Standing::Nothing => "No check of a path with user fragments was captured",
        Standing::Preparing => "Addresses for your code are being found",
        Standing::WaitingForCode => "Send your code and paste the one that comes back",
        Standing::Checking => "Every pair of addresses is tried, the best ones first",
        Standing::Securing => "A path is found; nothing is said before the keys are agreed",
        Standing::Connected => "Encrypted audio flows between the two of you",
        Standing::Interrupted => "Your friend does not answer; Floe keeps trying for 30 s",
        Standing::Failed => "See What happened on the right for the reason and what to do",
        Standing::Ended => "Everything stays here to look at until the next call",
    }
}

const fn standing_sign(standing: Standing) -> PairState {
    match standing {
        Standing::Idle | Standing::Nothing | Standing::Ended | Standing::WaitingForCode => PairState::Waiting,
        Standing::Reading | Standing::Preparing | Standing::Checking | Standing::Securing => PairState::InProgress,
        Standing::Connected => PairState::Succeeded,
        Standing::Interrupted | Standing::Failed => PairState::Failed,
    }
}

const fn standing_color(standing: Standing, palette: &Palette) -> Color32 {
    match standing {
        Standing::Idle | Standing::Nothing | Standing::Ended => palette.waiting,
        Standing::Reading
        | Standing::WaitingForCode
        | Standing::Preparing
        | Standing::Checking
        | Standing::Securing => palette.in_progress,
        Standing::Connected => palette.succeeded,
        Standing::Interrupted => palette.selected,
        Standing::Failed => palette.failed,
    }
}
