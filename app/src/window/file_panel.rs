//! The left column while a file is shown: what it is, how far reading it is, what could not be read.

use egui::{
    Panel, ProgressBar, RichText, ScrollArea, Ui,
    epaint::text::{LayoutJob, TextFormat},
    vec2,
};
use floe_capture::ImportOptions;

use super::{
    archive::{Capture, OpenState, Opened, Progress, SessionLine},
    format,
    model::{FileFacts, Model},
    path_ways, pen,
    theme::{self, Palette},
    wish::Wish,
};

const HOW: &str =
    "Drag the playhead below to see any moment, or press Space to play. The arrow keys step from event to event.";

/// Draws the column.
pub fn view(file: &FileFacts, model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let mut wishes = Vec::new();
    Panel::bottom("file actions").frame(egui::Frame::NONE).show_separator_line(false).show(ui, |ui| {
        ui.add_space(theme::GRID);
        actions(file, &mut wishes, ui);
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        pen::heading(ui, "File");
        let name = RichText::new(&file.name).font(theme::strong(theme::BODY));
        ui.add(egui::Label::new(name).wrap());
        if let Some(done) = file.state.progress() {
            progress(&done, ui);
        }
        match &file.state {
            OpenState::Reading { .. } | OpenState::Folding { .. } => {}
            OpenState::Open(opened) => {
                if let Some(part) = &opened.part {
                    pen::note(ui, part.to_string());
                }
                ui.scope(|ui| facts(opened, model, ui));
                if let Some(capture) = &opened.capture {
                    of_capture(capture, &mut wishes, ui);
                }
                ui.add_space(theme::GRID);
                path_ways::button(&mut wishes, ui);
                pen::note(ui, HOW);
            }
            OpenState::Refused(why) => {
                pen::trouble(ui, why);
            }
        }
        if file.is_call_running {
            ui.add_space(theme::GRID);
            pen::note(ui, "Your call goes on behind the file.");
        }
    });
    wishes
}

fn progress(done: &Progress, ui: &mut Ui) {
    ui.add(ProgressBar::new(done.share).desired_width(ui.available_width()));
    pen::note(ui, format!("{} read", done.words));
}

fn facts(opened: &Opened, model: &Model<'_>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let picture = &opened.picture;
    ui.spacing_mut().item_spacing.y = 4.0;
    // Rows of text need no room for fingers.
    ui.spacing_mut().interact_size.y = theme::SMALL;
    let line = |ui: &mut Ui, name: &str, value: String| {
        ui.horizontal(|ui| {
            ui.label(RichText::new(name).size(theme::SMALL).color(palette.weak));
            ui.add(egui::Label::new(RichText::new(value).size(theme::SMALL)).truncate());
        });
    };
    line(ui, "Length", format::clock(model.end.0));
    line(ui, "Records", picture.counters.records.to_string());
    line(ui, "Size", format::bytes(opened.bytes));
    if let Some(version) = &picture.version {
        line(ui, "Written by", format!("Floe {version}"));
    }
    if let Some(wall_ms) = picture.wall_ms.filter(|wall_ms| *wall_ms > 0) {
        line(ui, "Begun", format::wall_clock(wall_ms));
    }
    for problem in &opened.problems {
        pen::trouble(ui, problem);
    }
    for notice in &opened.notices {
        pen::note(ui, notice);
    }
}

/// Which session of a capture is shown, from whose side, and how to change that.
fn of_capture(capture: &Capture, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    ui.add_space(4.0);
    pen::heading(ui, if capture.sessions.len() == 1 { "ICE session" } else { "ICE sessions" });
    if capture.sessions.is_empty() {
        pen::note(ui, "No ICE session was found: no check with user fragments was captured.");
    }
    for (number, session) in capture.sessions.iter().enumerate() {
        session_line(session, capture.chosen == Some(number), wishes, ui);
    }
    let Some(us) = &capture.us else { return };
    ui.add_space(4.0);
    pen::heading(ui, "Seen from");
    pen::note(ui, format!("{us}."));
    let size = vec2(ui.available_width(), theme::HIT);
    let response = ui.add_sized(size, egui::Button::new("See it from the other side"));
    if response.on_hover_text("Takes the other end for \"you\"").clicked() {
        let swap_sides = !capture.options.swap_sides;
        wishes.push(Wish::ReopenFile(ImportOptions { swap_sides, ..capture.options.clone() }));
    }
}

fn session_line(session: &SessionLine, chosen: bool, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let mut words = LayoutJob::default();
    let color = if chosen { palette.on_accent } else { palette.text };
    words.append(&format::shorten(&session.name, 26), 0.0, TextFormat::simple(theme::mono(), color));
    let about = format!("\nfrom {}, {}", format::clock(session.at.0), format::count(session.checks, "check"));
    let weak = if chosen { palette.on_accent } else { palette.weak };
    words.append(&about, 0.0, TextFormat::simple(theme::small(), weak));
    let button = egui::Button::selectable(chosen, words).min_size(vec2(ui.available_width(), theme::HIT));
    let response = ui.add(button).on_hover_text(&session.name);
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::Button, true, chosen, format!("session {}", session.name))
    });
    if response.clicked() && !chosen {
        let session = Some(session.ufrag.clone());
        wishes.push(Wish::ReopenFile(ImportOptions { session, swap_sides: false }));
    }
}

fn actions(file: &FileFacts, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let size = vec2(ui.available_width(), 36.0);
    if file.state.progress().is_some() {
        let button = ui.add_sized(size, egui::Button::new("Cancel"));
        if button.on_hover_text("Stops reading and shows what was read by then").clicked() {
            wishes.push(Wish::StopReading);
        }
        return;
    }
    let title = if file.is_call_running { "Back to the call" } else { "Close the file" };
    if ui.add_sized(size, egui::Button::new(title)).on_hover_text("The file itself is not touched").clicked() {
        wishes.push(Wish::CloseFile);
    }
}
