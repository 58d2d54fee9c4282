//! The log: searchable, copyable, drawn only where it is seen.

use std::{fmt::Write as _, sync::Arc};

use egui::{Align, Color32, RichText, Sense, Ui};
use egui_extras::{Column, TableBuilder};
use floe_inspect::picture::{Event, Severity};
use floe_wire::Stamp;

use super::{
    format,
    model::{Journey, Model},
    pen,
    playhead::PlayheadWish,
    theme::{self, Palette},
    wish::Wish,
};

const ROW: f32 = 22.0;

/// What the user is looking for in the log.
#[derive(Debug)]
pub struct EventsState {
    /// Lines must contain this.
    pub filter: String,
    /// Whether single checks are shown.
    pub details: bool,
    found: Found,
    /// Where the playhead was when the lines were last moved to it.
    playhead: Option<Stamp>,
}

impl Default for EventsState {
    fn default() -> Self {
        Self { filter: String::new(), details: true, found: Found::default(), playhead: None }
    }
}

/// Which lines match, kept until the log or the question changes.
#[derive(Debug, Default)]
struct Found {
    filter: String,
    details: bool,
    /// Length of the log, how much of it was forgotten, and its newest line: together they change whenever it does.
    log: Option<(usize, u64, Option<Arc<Event>>)>,
    lines: Vec<usize>,
}

impl Found {
    fn refresh(&mut self, events: &[Arc<Event>], forgotten: u64, filter: &str, details: bool) {
        let log = Some((events.len(), forgotten, events.last().cloned()));
        if self.filter == filter && self.details == details && self.log == log {
            return;
        }
        filter.clone_into(&mut self.filter);
        self.details = details;
        self.log = log;
        let wanted = filter.trim().to_lowercase();
        self.lines = (0..events.len()).filter(|index| matches(&events[*index], &wanted, details)).collect();
    }
}

fn matches(event: &Event, wanted: &str, details: bool) -> bool {
    (details || event.severity != Severity::Detail)
        && (wanted.is_empty() || event.topic.contains(wanted) || event.text.to_lowercase().contains(wanted))
}

/// Draws the log.
pub fn view(model: &Model<'_>, state: &mut EventsState, ui: &mut Ui) -> Vec<Wish> {
    // The whole record, not the moment's: what comes after the playhead is dimmed and can be clicked.
    let picture = &model.snapshot.picture;
    let mut wishes = Vec::new();
    if picture.events.is_empty() {
        let how = match model.journey {
            Journey::Idle => "Press New call on the left, or choose a demo above.",
            Journey::Call | Journey::Demo(_) => "The first lines come with the first interface.",
            Journey::File => &model.of_file("holds nothing that can be shown"),
        };
        pen::empty(ui, "Everything that happens in a call is written down here, line by line.", how);
        return wishes;
    }
    ui.horizontal(|ui| {
        let search = egui::TextEdit::singleline(&mut state.filter)
            .hint_text("Search the log")
            .desired_width(ui.available_width() - 300.0);
        ui.add(search).on_hover_text("Lines that contain this, in topic or text");
        ui.checkbox(&mut state.details, "Single checks");
        state.found.refresh(&picture.events, picture.counters.events_forgotten, &state.filter, state.details);
        let copy = ui.button("Copy lines").on_hover_text("Copies the lines shown, with their times");
        if copy.clicked() {
            let text = as_text(&picture.events, &state.found.lines);
            wishes.push(Wish::Copy { text, what: "The log" });
        }
    });
    if state.found.lines.is_empty() {
        pen::note(ui, "No line contains this. Clear the search to see all of them.");
        return wishes;
    }
    let reveal = line_to_show(model, &picture.events, state);
    if let Some(at) = table(&picture.events, &state.found.lines, model.playhead.at(), reveal, ui) {
        // The line that was clicked stays where it is.
        state.playhead = Some(at);
        wishes.push(Wish::Playhead(PlayheadWish::Seek(at)));
    }
    if picture.counters.events_forgotten > 0 {
        pen::note(ui, format!("{} older lines are no longer kept", picture.counters.events_forgotten));
    }
    wishes
}

/// The line that has to be in sight because the playhead moved.
fn line_to_show(model: &Model<'_>, events: &[Arc<Event>], state: &mut EventsState) -> Option<usize> {
    let at = model.playhead.at();
    if std::mem::replace(&mut state.playhead, at) == at {
        return None;
    }
    let lines = &state.found.lines;
    let passed = at.map_or(lines.len(), |at| lines.partition_point(|line| events[*line].at <= at));
    Some(passed.saturating_sub(1))
}

/// Draws the lines; the moment of the one that was clicked.
fn table(
    events: &[Arc<Event>],
    lines: &[usize],
    shown: Option<Stamp>,
    reveal: Option<usize>,
    ui: &mut Ui,
) -> Option<Stamp> {
    let height = ui.available_height() - 8.0;
    let palette = Palette::of(ui.visuals());
    let mut clicked = None;
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut builder = TableBuilder::new(ui)
        .id_salt("log")
        .striped(true)
        .auto_shrink(false)
        .stick_to_bottom(true)
        .sense(Sense::click())
        .min_scrolled_height(0.0)
        .max_scroll_height(height)
        .column(Column::exact(76.0))
        .column(Column::exact(86.0))
        .column(Column::remainder().clip(true));
    if let Some(line) = reveal {
        builder = builder.scroll_to_row(line, Some(Align::Center));
    }
    builder.body(|body| {
        body.rows(ROW, lines.len(), |mut row| {
            let event = &events[lines[row.index()]];
            let is_ahead = shown.is_some_and(|shown| event.at > shown);
            let dim = |color: Color32| if is_ahead { theme::blend(palette.background, color, 0.45) } else { color };
            let text = format!("{}{}", sign(event.severity), event.text);
            let mut write = |text: RichText, color: Color32| {
                let label = egui::Label::new(text.color(dim(color))).truncate().selectable(false);
                row.col(|ui| {
                    ui.add(label);
                });
            };
            write(RichText::new(format::stamp(event.at)).font(theme::mono()), palette.weak);
            write(RichText::new(event.topic).size(theme::SMALL), palette.weak);
            write(RichText::new(&text).size(theme::SMALL), palette.severity(event.severity));
            let response = row.response();
            response.widget_info(|| {
                let words = format!("{} {}", format::stamp(event.at), event.topic);
                egui::WidgetInfo::labeled(egui::Role::Row, true, words)
            });
            if response.on_hover_text(format!("{text}\nClick to see this moment")).clicked() {
                clicked = Some(event.at);
            }
        });
    });
    clicked
}

/// What stands before a line, so that colour alone does not carry its severity.
const fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Detail | Severity::Info => "",
        Severity::Warning => "⚠ ",
        Severity::Error => "✗ ",
    }
}

fn as_text(events: &[Arc<Event>], lines: &[usize]) -> String {
    let mut text = String::new();
    for event in lines.iter().filter_map(|index| events.get(*index)) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  {:<10} {}{}", event.at, event.topic, sign(event.severity), event.text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::fixtures;

    #[test]
    fn a_search_finds_lines_by_text_and_topic_in_any_case() {
        let events = fixtures::connected().picture.events.clone();
        let mut found = Found::default();
        found.refresh(&events, 0, "ENCRYPTED", true);
        assert_eq!(found.lines.len(), 1);
        found.refresh(&events, 0, "selection", true);
        assert_eq!(found.lines.len(), 1);
        found.refresh(&events, 0, "", true);
        assert_eq!(found.lines.len(), events.len());
    }

    #[test]
    fn single_checks_can_be_left_out() {
        let events = fixtures::connected().picture.events.clone();
        let mut found = Found::default();
        found.refresh(&events, 0, "", false);
        assert!(found.lines.iter().all(|index| events[*index].severity != Severity::Detail));
        assert!(found.lines.len() < events.len());
    }

    #[test]
    fn a_new_line_of_a_full_log_is_found() {
        let mut events = fixtures::connected().picture.events.clone();
        let mut found = Found::default();
        found.refresh(&events, 0, "brand new", true);
        assert!(found.lines.is_empty());
        events.remove(0);
        events.push(Arc::new(Event {
            at: floe_wire::Stamp::from_millis(9),
            severity: Severity::Info,
            topic: "call",
            text: "Brand new".to_owned(),
        }));
        found.refresh(&events, 1, "brand new", true);
        assert_eq!(found.lines, [events.len() - 1]);
    }

    #[test]
    fn copied_lines_carry_their_times_and_signs() {
        let events = fixtures::connected().picture.events.clone();
        let text = as_text(&events, &[3]);
        assert!(text.starts_with("00:00.002") && text.contains("⚠ tun0"), "{text}");
    }
}
