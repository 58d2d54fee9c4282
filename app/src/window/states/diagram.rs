//! Draws one state machine: nodes in a column, straight arrows between neighbours, rails beside it.

use std::{collections::HashSet, time::Duration};

use egui::{Align2, CornerRadius, CursorIcon, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use floe_inspect::picture::Visit;
use floe_wire::Stamp;

use super::{
    arrow::{FIRST_LANE, LANE, Trace},
    machines::{Arrow, Machine, Way},
};
use crate::window::{
    format, pen,
    theme::{self, Palette},
};

const NODE_HEIGHT: f32 = 26.0;
/// Room for the dwell time under a node.
const LEAST_GAP: f32 = 16.0;
const WIDEST_GAP: f32 = 44.0;
const TITLE: f32 = 26.0;
/// A click this near to an arrow means the arrow.
const REACH: f32 = 6.0;
/// Beyond this, a diagram is no easier to read.
const LARGEST_SCALE: f32 = 1.5;
/// Nodes may be this much lower where there is little room: their letters still fit.
const LOWEST: f32 = 0.78;

/// Least size at which a machine reads.
pub fn least_size<S: Machine>() -> Vec2 {
    let nodes = S::STATES.len() as f32;
    vec2(
        node_width::<S>() + reach(lanes::<S>(true)) + reach(lanes::<S>(false)),
        TITLE + nodes * (NODE_HEIGHT + LEAST_GAP) * LOWEST,
    )
}

fn reach(lanes: usize) -> f32 {
    if lanes == 0 { 4.0 } else { FIRST_LANE + lanes as f32 * LANE }
}

fn lanes<S: Machine>(left: bool) -> usize {
    let lane = |arrow: &Arrow<S>| match arrow.way {
        Way::Left(lane) if left => usize::from(lane) + 1,
        Way::Right(lane) if !left => usize::from(lane) + 1,
        Way::Left(_) | Way::Right(_) | Way::Straight => 0,
    };
    S::ARROWS.iter().map(lane).max().unwrap_or(0)
}

fn node_width<S: Machine>() -> f32 {
    let longest = S::STATES.iter().map(|state| state.label().len()).max().unwrap_or(0);
    // 6.8 points per letter of the small font, and a margin on both sides.
    (longest as f32 * 6.8 + 14.0).max(72.0)
}

/// What a machine went through.
#[derive(Clone, Copy)]
pub struct Course<'a, S> {
    /// Up to the moment shown.
    pub visits: &'a [Visit<S>],
    /// In the whole record.
    pub whole: &'a [Visit<S>],
    /// The moment shown; the end while `playhead` is none.
    pub now: Stamp,
    /// Where the playhead stands.
    pub playhead: Option<Stamp>,
    /// Whether the record cannot tell of this machine.
    pub is_untold: bool,
}

impl<S: Machine> Course<'_, S> {
    /// The newest of some moments before the one shown; the newest of all when none is earlier, so that clicking again
    /// and again goes through all of them.
    fn moment(&self, moments: impl DoubleEndedIterator<Item = Stamp> + Clone) -> Option<Stamp> {
        let is_before = |at: &Stamp| self.playhead.is_none_or(|shown| *at < shown);
        moments.clone().rev().find(is_before).or_else(|| moments.last())
    }

    /// When a state was entered.
    fn entries(&self, state: S) -> impl DoubleEndedIterator<Item = Stamp> + Clone {
        self.whole.iter().filter(move |visit| visit.state == state).map(|visit| visit.entered)
    }

    /// When a transition was taken.
    fn passages(&self, from: S, to: S) -> impl DoubleEndedIterator<Item = Stamp> + Clone {
        let taken = self.whole.windows(2).filter(move |pair| (pair[0].state, pair[1].state) == (from, to));
        taken.map(|pair| pair[1].entered)
    }
}

/// Draws a machine into `area` and names every node for screen readers; the moment a person asks for.
pub fn draw<S: Machine>(course: Course<'_, S>, area: Rect, ui: &mut Ui) -> Option<Stamp> {
    let sketch = Sketch::new(course, area);
    sketch.title(area, ui);
    let mut asked = sketch.arrows(area, ui);
    for (index, state) in S::STATES.iter().enumerate() {
        asked = sketch.node(index, *state, ui).or(asked);
    }
    asked
}

struct Sketch<'a, S> {
    course: Course<'a, S>,
    walked: HashSet<(S, S)>,
    nodes: Vec<Rect>,
    scale: f32,
}

impl<'a, S: Machine> Sketch<'a, S> {
    fn new(course: Course<'a, S>, area: Rect) -> Self {
        let least = least_size::<S>();
        let count = S::STATES.len() as f32;
        let share = (area.height() - TITLE) / count;
        let scale = (area.width() / least.x).min(share / (NODE_HEIGHT + LEAST_GAP)).clamp(LOWEST, LARGEST_SCALE);
        let height = NODE_HEIGHT * scale;
        let gap = (share - height).clamp(LEAST_GAP * scale, WIDEST_GAP * scale);
        // Words do not get narrower.
        let wide = scale.max(1.0);
        let width = node_width::<S>() * wide;
        let spare = (area.width() - least.x * wide).max(0.0);
        let x = area.left() + reach(lanes::<S>(true)) * wide + spare / 2.0;
        let node = |index: usize| {
            let y = area.top() + TITLE + index as f32 * (height + gap);
            Rect::from_min_size(pos2(x, y), vec2(width, height))
        };
        Self {
            course,
            walked: course.visits.windows(2).map(|pair| (pair[0].state, pair[1].state)).collect(),
            nodes: (0..S::STATES.len()).map(node).collect(),
            scale,
        }
    }

    fn title(&self, area: Rect, ui: &Ui) {
        let Some(first) = self.nodes.first() else { return };
        let place =
            Rect::from_center_size(pos2(first.center().x, area.top() + TITLE / 2.0 - 3.0), vec2(area.width(), TITLE));
        let palette = Palette::of(ui.visuals());
        let (title, color) = match self.course.is_untold {
            true => (format!("{}: unknown", S::TITLE), palette.weak),
            false => (S::TITLE.to_owned(), palette.text),
        };
        pen::line(ui.painter(), place, Align2::CENTER_CENTER, &title, theme::strong(theme::BODY), color);
        if self.course.is_untold {
            let response = ui.interact(place, ui.scope_id().with(("untold", S::TITLE)), Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &title));
            response.on_hover_text("A capture holds what was on the wire; this was not");
        }
    }

    fn font(&self) -> egui::FontId {
        if self.scale >= 1.2 { theme::body() } else { theme::small() }
    }

    fn rect(&self, state: S) -> Rect {
        let index = S::STATES.iter().position(|other| *other == state);
        // STATES holds every state, which a test keeps true.
        index.map_or(Rect::NOTHING, |index| self.nodes[index])
    }

    /// Draws the arrows never taken first, so that taken ones lie on top. A click on one that was taken asks for that
    /// moment.
    fn arrows(&self, area: Rect, ui: &Ui) -> Option<Stamp> {
        let palette = Palette::of(ui.visuals());
        for walked in [false, true] {
            for arrow in S::ARROWS.iter().filter(|arrow| self.walked.contains(&(arrow.from, arrow.to)) == walked) {
                let stroke = if walked {
                    Stroke::new(2.5, palette.accent)
                } else {
                    Stroke::new(1.0, theme::blend(palette.surface, palette.weak, 0.7))
                };
                self.trace(arrow).paint(stroke, ui.painter());
            }
        }
        // Nodes are drawn later and lie above: where they are, this is not hovered.
        let ground = ui.interact(area, ui.scope_id().with((S::TITLE, "arrows")), Sense::CLICK);
        let (arrow, at) = self.arrow_at(ground.hover_pos()?)?;
        self.trace(arrow).paint(Stroke::new(3.5, palette.accent), ui.painter());
        let times = self.course.passages(arrow.from, arrow.to).count() as u64;
        let words = format!(
            "{} → {}, taken {}\nClick to see {}",
            arrow.from.label(),
            arrow.to.label(),
            format::count(times, "time"),
            format::stamp(at)
        );
        let ground = ground.on_hover_cursor(CursorIcon::PointingHand).on_hover_text_at_pointer(words);
        ground.clicked().then_some(at)
    }

    /// The arrow under the pointer that was taken at some time, and the moment a click on it leads to.
    fn arrow_at(&self, place: egui::Pos2) -> Option<(&'static Arrow<S>, Stamp)> {
        let taken = S::ARROWS.iter().filter_map(|arrow| {
            let at = self.course.moment(self.course.passages(arrow.from, arrow.to))?;
            Some((arrow, at, self.trace(arrow).distance(place)))
        });
        let (arrow, at, _) = taken.filter(|(_, _, far)| *far <= REACH).min_by(|a, b| a.2.total_cmp(&b.2))?;
        Some((arrow, at))
    }

    fn trace(&self, arrow: &Arrow<S>) -> Trace {
        Trace::new(self.rect(arrow.from), self.rect(arrow.to), arrow.way, self.scale)
    }

    fn node(&self, index: usize, state: S, ui: &mut Ui) -> Option<Stamp> {
        let palette = Palette::of(ui.visuals());
        let rect = self.nodes[index];
        let stay = Stay::of(state, self.course.visits, self.course.now);
        let moment = self.course.moment(self.course.entries(state));
        let (fill, line, text) = match (stay.current, stay.visits) {
            (true, _) => (palette.accent_fill, palette.accent, palette.on_accent),
            (false, 0) => (palette.surface, theme::blend(palette.surface, palette.weak, 0.5), palette.weak),
            (false, _) => (palette.tinted(palette.accent), palette.accent, palette.text),
        };
        let painter = ui.painter();
        let stroke = Stroke::new(if stay.current { 2.0 } else { 1.0 }, line);
        painter.rect(rect, CornerRadius::same(8), fill, stroke, StrokeKind::Inside);
        pen::line(painter, rect.shrink2(vec2(5.0, 0.0)), Align2::CENTER_CENTER, state.label(), self.font(), text);
        if stay.visits > 0 {
            let low = self.scale.min(1.0);
            let under =
                Rect::from_min_size(rect.left_bottom() + vec2(4.0, 2.0 * low), vec2(rect.width() * 0.62, 15.0 * low));
            pen::line(painter, under, Align2::LEFT_CENTER, stay.dwell(), theme::small(), palette.text);
        }
        let response = ui.interact(rect, ui.scope_id().with((S::TITLE, state.label())), Sense::click());
        response.widget_info(|| {
            let words = format!("{} {}: {}", S::TITLE, state.label(), stay.spoken());
            egui::WidgetInfo::selected(egui::Role::Button, true, stay.current, words)
        });
        let cursor = if moment.is_some() { CursorIcon::PointingHand } else { CursorIcon::Default };
        let response = response.on_hover_cursor(cursor).on_hover_ui(|ui| {
            ui.label(format!("{} is {}", S::TITLE, state.label()));
            pen::note(ui, state.meaning());
            pen::note(ui, stay.hover());
            if let Some(at) = moment {
                pen::note(ui, format!("Click to see {}", format::stamp(at)));
            }
        });
        moment.filter(|_| response.clicked())
    }
}

/// How often and how long a state was held.
struct Stay {
    visits: usize,
    total: Duration,
    first: Option<Stamp>,
    current: bool,
}

impl Stay {
    fn of<S: Machine>(state: S, visits: &[Visit<S>], now: Stamp) -> Self {
        let held = || visits.iter().filter(|visit| visit.state == state);
        Self {
            visits: held().count(),
            total: held().map(|visit| visit.left.unwrap_or(now).since(visit.entered)).sum(),
            first: held().next().map(|visit| visit.entered),
            current: visits.last().is_some_and(|visit| visit.state == state),
        }
    }

    fn dwell(&self) -> String {
        let span = if self.total.is_zero() { "just now".to_owned() } else { format::span(self.total) };
        if self.visits > 1 { format!("{span} · {}×", self.visits) } else { span }
    }

    fn spoken(&self) -> String {
        match (self.current, self.visits) {
            (true, _) => format!("current, {}", self.dwell()),
            (false, 0) => "not visited".to_owned(),
            (false, _) => format!("visited, {}", self.dwell()),
        }
    }

    fn hover(&self) -> String {
        match self.first {
            Some(first) => format!("Entered at {}, held for {} in all", format::stamp(first), self.dwell()),
            None => "Not visited in this call".to_owned(),
        }
    }
}
