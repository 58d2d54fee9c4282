//! What happened: the phases of the call, and what to do about what went wrong.

use std::time::Duration;

use egui::{
    Frame, Margin, Rect, RichText, ScrollArea, Sense, Stroke, Ui,
    epaint::text::{LayoutJob, TextFormat},
    pos2, vec2,
};
use floe_inspect::{
    Finding, Side,
    picture::{Phase, PhaseKind, PhaseProgress},
};

use super::{
    advice, format,
    model::{Model, Standing},
    pen,
    playhead::PlayheadWish,
    theme::{self, Palette},
    wish::Wish,
};

/// From this height on, every phase tells its details.
const ROOMY: f32 = 420.0;

/// Draws the phases, the findings, the restarts and the lint.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let mut wishes = Vec::new();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        // After a failure, what to do comes before how it came about.
        let advice_first = model.standing() == Standing::Failed;
        if advice_first {
            findings(model, ui);
            ui.add_space(theme::GRID);
        }
        pen::heading(ui, "What happened");
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.spacing_mut().interact_size.y = 20.0;
        let phases = &model.picture().phases;
        if phases.is_empty() {
            pen::note(ui, "A call goes through seven phases, from gathering to conclusion. Each is ticked off here.");
            for kind in KINDS {
                let ahead = Phase { kind, progress: PhaseProgress::Ahead, detail: String::new() };
                phase(&ahead, false, model, &mut wishes, ui);
            }
        }
        let is_short = ui.available_height() < ROOMY;
        for each in phases {
            phase(each, is_short, model, &mut wishes, ui);
        }
        if !advice_first {
            ui.add_space(theme::GRID);
            findings(model, ui);
        }
        restarts(model, &mut wishes, ui);
        lint(model, &mut wishes, ui);
    });
    wishes
}

const KINDS: [PhaseKind; 7] = [
    PhaseKind::Gathering,
    PhaseKind::Prioritization,
    PhaseKind::Exchange,
    PhaseKind::Pairing,
    PhaseKind::Checks,
    PhaseKind::Nomination,
    PhaseKind::Conclusion,
];

fn phase(phase: &Phase, is_short: bool, model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let (sign, color, time) = match phase.progress {
        PhaseProgress::Ahead => (Sign::Ahead, palette.weak, String::new()),
        PhaseProgress::Running { since } => (Sign::Running, palette.in_progress, format::span(model.now.since(since))),
        PhaseProgress::Untold { .. } => (Sign::Untold, palette.weak, "unknown".to_owned()),
        PhaseProgress::Done { since, until } => (Sign::Done, palette.succeeded, took(until.since(since))),
        PhaseProgress::Failed { since, until } => (Sign::Failed, palette.failed, format::span(until.since(since))),
    };
    let response = ui
        .horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(16.0, 20.0), Sense::hover());
            draw_sign(sign, rect, color, ui);
            let name = RichText::new(phase.kind.name()).size(theme::BODY);
            ui.label(if sign == Sign::Ahead { name.color(palette.weak) } else { name });
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(time).size(theme::SMALL).color(palette.weak));
            });
        })
        .response;
    let moment = match phase.progress {
        PhaseProgress::Ahead => None,
        PhaseProgress::Running { since } | PhaseProgress::Untold { since } => Some(since),
        PhaseProgress::Done { until, .. } | PhaseProgress::Failed { until, .. } => Some(until),
    };
    let sense = if moment.is_some() { Sense::click() } else { Sense::hover() };
    let response = ui.interact(response.rect, ui.scope_id().with(("phase", phase.kind.name())), sense);
    response.widget_info(|| {
        let words = format!("phase {}: {}", phase.kind.name(), sign.word());
        let role = if moment.is_some() { egui::Role::Button } else { egui::Role::Label };
        egui::WidgetInfo::labeled(role, true, words)
    });
    if response.has_focus() {
        let around = Stroke::new(1.0, palette.accent);
        ui.painter().rect_stroke(response.rect, 3.0, around, egui::StrokeKind::Outside);
    }
    if let Some(at) = moment {
        let words = format!("{}\nClick to see {}", phase.detail, format::stamp(at));
        let response = response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(words.trim_start());
        if response.clicked() {
            wishes.push(Wish::Playhead(PlayheadWish::Seek(at)));
        }
    }
    // Where the column is short, what is done says no more than that, and what to do about the rest is in sight.
    let is_told = !(is_short && sign == Sign::Done);
    if is_told && !phase.detail.is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(16.0);
            // Where the column is narrow, the whole line is in the tooltip.
            let text = RichText::new(&phase.detail).size(theme::SMALL).color(palette.weak);
            let label = egui::Label::new(text);
            let wide = ui.available_width() > 220.0;
            ui.add(if wide { label.wrap() } else { label.truncate() });
        });
    }
    ui.add_space(6.0);
}

/// A phase that took no measurable time was done at once, not in zero milliseconds.
fn took(span: Duration) -> String {
    if span.is_zero() { "at once".to_owned() } else { format::span(span) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Ahead,
    Running,
    Untold,
    Done,
    Failed,
}

impl Sign {
    const fn word(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Running => "running",
            Self::Untold => "unknown whether it is over",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

fn draw_sign(sign: Sign, rect: Rect, color: egui::Color32, ui: &Ui) {
    let (painter, center) = (ui.painter(), rect.center());
    match sign {
        Sign::Ahead => {
            painter.circle_stroke(center, 4.0, Stroke::new(1.2, color));
        }
        Sign::Running => {
            painter.circle_filled(center, 5.0, color);
        }
        Sign::Untold => {
            let around = Rect::from_center_size(center, vec2(14.0, 18.0));
            pen::line(painter, around, egui::Align2::CENTER_CENTER, "?", theme::strong(theme::BODY), color);
        }
        Sign::Done => {
            let tick = [vec2(-5.0, 0.5), vec2(-1.5, 4.0), vec2(5.5, -4.5)].map(|at| center + at);
            painter.add(egui::Shape::line(tick.to_vec(), Stroke::new(2.2, color)));
        }
        Sign::Failed => pen::cross(painter, pos2(center.x, center.y), 4.5, Stroke::new(2.2, color)),
    }
}

fn findings(model: &Model<'_>, ui: &mut Ui) {
    let before = ui.spacing().item_spacing.y;
    let findings = &model.reading.findings;
    let Some(heading) = heading(model) else { return };
    pen::heading(ui, &heading);
    ui.add_space(4.0);
    if findings.is_empty() {
        pen::note(ui, "Nothing to do: no known trouble was seen.");
    }
    ui.spacing_mut().item_spacing.y = theme::GRID;
    // The one that stands large above the panels is not said twice.
    let above = advice::advised(model);
    for finding in findings.iter().filter(|finding| above != Some(*finding)) {
        card(finding, ui);
    }
    ui.spacing_mut().item_spacing.y = before;
}

/// Restarts, each with its cause and what was heard of it. A long call keeps the newest in sight.
fn restarts(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    const SHOWN: usize = 5;
    let restarts = &model.picture().restarts;
    if restarts.is_empty() {
        return;
    }
    ui.add_space(theme::GRID);
    pen::heading(ui, &format!("Restarts · {}", restarts.len()));
    ui.spacing_mut().item_spacing.y = 4.0;
    for restart in restarts.iter().rev().take(SHOWN) {
        let gap = match (restart.gap, restart.selected) {
            (Some(gap), _) if gap.is_zero() => "nothing was lost".to_owned(),
            (Some(gap), _) => format!("{} of audio made up", format::span(gap)),
            (None, Some(_)) => "measuring what was lost".to_owned(),
            (None, None) => "looking for a path".to_owned(),
        };
        let text = format!("{}  {}", format::clock(restart.started.0), restart.cause.name());
        let line =
            egui::Label::new(RichText::new(text).size(theme::SMALL)).wrap().selectable(false).sense(Sense::click());
        let response = ui.add(line).on_hover_cursor(egui::CursorIcon::PointingHand);
        if response.on_hover_text("Click to see this moment").clicked() {
            wishes.push(Wish::Playhead(PlayheadWish::Seek(restart.started)));
        }
        pen::note(ui, format!("generation {}: {gap}", restart.generation.0));
    }
}

/// Where either side strays from the RFCs; a click leads to the packet.
fn lint(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let lint = &model.picture().lint;
    if lint.is_empty() {
        return;
    }
    ui.add_space(theme::GRID);
    pen::heading(ui, &format!("ICE lint · {}", lint.len()));
    ui.spacing_mut().item_spacing.y = 4.0;
    for finding in lint {
        let whose = match finding.about {
            Side::Us => "you",
            Side::Peer => "your friend",
        };
        let times = if finding.times > 1 { format!(", {} times", finding.times) } else { String::new() };
        let palette = Palette::of(ui.visuals());
        let mut words = LayoutJob::default();
        words.append(&finding.text, 0.0, TextFormat::simple(theme::small(), palette.text));
        let about = format!("\n{} · {whose}{times}", finding.section);
        words.append(&about, 0.0, TextFormat::simple(theme::small(), palette.weak));
        let button = egui::Button::new(words).wrap().min_size(vec2(ui.available_width(), theme::HIT));
        let response = ui.add(button);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("lint {}", finding.rule)));
        if response.on_hover_text("Shows the packet on the ladder, and its moment").clicked() {
            wishes.push(Wish::ShowPacket { record: finding.record, at: finding.at });
        }
    }
}

fn heading(model: &Model<'_>) -> Option<String> {
    match &model.reading.failure_code {
        Some(code) => Some(format!("Advice · {code}")),
        None if model.picture().phases.is_empty() => None,
        None => Some("Advice".to_owned()),
    }
}

fn card(finding: &Finding, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let frame = Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(1.0, palette.border))
        .corner_radius(theme::ROUNDING)
        .inner_margin(Margin::symmetric(10, 8));
    let response = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 4.0;
        ui.add(egui::Label::new(RichText::new(&finding.advice).size(theme::BODY)).wrap());
        pen::note(ui, &finding.evidence);
    });
    response.response.on_hover_text(format!("Rule {}, {}", finding.id, finding.confidence.name()));
}
