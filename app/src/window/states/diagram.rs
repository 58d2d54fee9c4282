//! Draws one state machine: nodes in a column, straight arrows between neighbours, rails beside it.

use std::{collections::HashSet, time::Duration};

use egui::{Align2, CornerRadius, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use floe_inspect::picture::Visit;
use floe_wire::Stamp;

use super::machines::{Arrow, Machine, Way};
use crate::window::{
    format, pen,
    theme::{self, Palette},
};

const NODE_HEIGHT: f32 = 28.0;
const LEAST_GAP: f32 = 20.0;
const WIDEST_GAP: f32 = 44.0;
const LANE: f32 = 13.0;
const FIRST_LANE: f32 = 14.0;
const HEAD: f32 = 6.0;
const TITLE: f32 = 28.0;
/// Beyond this, a diagram is no easier to read.
const LARGEST_SCALE: f32 = 1.5;

/// Least size at which a machine reads.
pub fn least_size<S: Machine>() -> Vec2 {
    let nodes = S::STATES.len() as f32;
    vec2(
        node_width::<S>() + reach(lanes::<S>(true)) + reach(lanes::<S>(false)),
        TITLE + nodes * (NODE_HEIGHT + LEAST_GAP),
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

/// Draws a machine into `area` and names every node for screen readers.
pub fn draw<S: Machine>(visits: &[Visit<S>], now: Stamp, area: Rect, ui: &mut Ui) {
    let sketch = Sketch::new(visits, area);
    sketch.title(area, ui);
    sketch.arrows(ui);
    for (index, state) in S::STATES.iter().enumerate() {
        sketch.node(index, *state, now, ui);
    }
}

struct Sketch<'a, S> {
    visits: &'a [Visit<S>],
    walked: HashSet<(S, S)>,
    nodes: Vec<Rect>,
    scale: f32,
}

impl<'a, S: Machine> Sketch<'a, S> {
    fn new(visits: &'a [Visit<S>], area: Rect) -> Self {
        let least = least_size::<S>();
        let scale = (area.size() / least).min_elem().clamp(1.0, LARGEST_SCALE);
        let count = S::STATES.len() as f32;
        let height = NODE_HEIGHT * scale;
        let gap = ((area.height() - TITLE) / count - height).clamp(LEAST_GAP * scale, WIDEST_GAP * scale);
        let width = node_width::<S>() * scale;
        let spare = (area.width() - least.x * scale).max(0.0);
        let x = area.left() + reach(lanes::<S>(true)) * scale + spare / 2.0;
        let node = |index: usize| {
            let y = area.top() + TITLE + index as f32 * (height + gap);
            Rect::from_min_size(pos2(x, y), vec2(width, height))
        };
        Self {
            visits,
            walked: visits.windows(2).map(|pair| (pair[0].state, pair[1].state)).collect(),
            nodes: (0..S::STATES.len()).map(node).collect(),
            scale,
        }
    }

    fn title(&self, area: Rect, ui: &Ui) {
        let Some(first) = self.nodes.first() else { return };
        let place =
            Rect::from_center_size(pos2(first.center().x, area.top() + TITLE / 2.0 - 3.0), vec2(area.width(), TITLE));
        let color = Palette::of(ui.visuals()).text;
        pen::line(ui.painter(), place, Align2::CENTER_CENTER, S::TITLE, theme::strong(theme::BODY), color);
    }

    fn font(&self) -> egui::FontId {
        if self.scale >= 1.2 { theme::body() } else { theme::small() }
    }

    fn rect(&self, state: S) -> Rect {
        let index = S::STATES.iter().position(|other| *other == state);
        // STATES holds every state, which a test keeps true.
        index.map_or(Rect::NOTHING, |index| self.nodes[index])
    }

    /// Draws the arrows never taken first, so that taken ones lie on top.
    fn arrows(&self, ui: &Ui) {
        let palette = Palette::of(ui.visuals());
        for walked in [false, true] {
            for arrow in S::ARROWS.iter().filter(|arrow| self.walked.contains(&(arrow.from, arrow.to)) == walked) {
                let stroke = if walked {
                    Stroke::new(2.5, palette.accent)
                } else {
                    Stroke::new(1.0, theme::blend(palette.surface, palette.weak, 0.7))
                };
                self.arrow(arrow, stroke, ui.painter());
            }
        }
    }

    fn arrow(&self, arrow: &Arrow<S>, stroke: Stroke, painter: &Painter) {
        let (from, to) = (self.rect(arrow.from), self.rect(arrow.to));
        match arrow.way {
            Way::Straight => straight(from, to, stroke, painter),
            Way::Left(lane) => rail(from, to, Beside { lane, sign: -1.0, scale: self.scale }, stroke, painter),
            Way::Right(lane) => rail(from, to, Beside { lane, sign: 1.0, scale: self.scale }, stroke, painter),
        }
    }

    fn node(&self, index: usize, state: S, now: Stamp, ui: &mut Ui) {
        let palette = Palette::of(ui.visuals());
        let rect = self.nodes[index];
        let stay = Stay::of(state, self.visits, now);
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
            let under = Rect::from_min_size(rect.left_bottom() + vec2(4.0, 2.0), vec2(rect.width() * 0.62, 15.0));
            pen::line(painter, under, Align2::LEFT_CENTER, stay.dwell(), theme::small(), palette.text);
        }
        let response = ui.interact(rect, ui.scope_id().with((S::TITLE, state.label())), Sense::click());
        response.widget_info(|| {
            let words = format!("{} {}: {}", S::TITLE, state.label(), stay.spoken());
            egui::WidgetInfo::selected(egui::Role::Button, true, stay.current, words)
        });
        response.on_hover_ui(|ui| {
            ui.label(format!("{} is {}", S::TITLE, state.label()));
            pen::note(ui, state.meaning());
            pen::note(ui, stay.hover());
        });
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
        let span = format::span(self.total);
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

/// A straight arrow to a neighbour. Down and up run side by side, right of the dwell time.
fn straight(from: Rect, to: Rect, stroke: Stroke, painter: &Painter) {
    let down = to.top() > from.top();
    let x = from.left() + from.width() * if down { 0.72 } else { 0.86 };
    let (start, end) =
        if down { (pos2(x, from.bottom()), pos2(x, to.top())) } else { (pos2(x, from.top()), pos2(x, to.bottom())) };
    let along = (end - start).normalized();
    painter.line_segment([start, end - along * HEAD], stroke);
    pen::arrow_head(painter, end, along, stroke.color, HEAD + stroke.width);
}

/// A lane beside the column.
#[derive(Clone, Copy)]
struct Beside {
    lane: u8,
    /// -1 on the left, 1 on the right.
    sign: f32,
    scale: f32,
}

impl Beside {
    fn edge(self, rect: Rect) -> f32 {
        if self.sign < 0.0 { rect.left() } else { rect.right() }
    }

    /// Where an arrow leaves a node: above its middle, each lane at its own height.
    fn port(self, rect: Rect) -> Pos2 {
        pos2(self.edge(rect), rect.center().y + (f32::from(self.lane) * 5.0 - 2.0) * self.scale)
    }

    /// Where a lane's arrow head meets its node: apart from where arrows leave.
    fn dock(self, rect: Rect) -> Pos2 {
        pos2(self.edge(rect), rect.center().y - 8.0 * self.scale)
    }
}

/// An arrow out of `from`, along its lane, into `to`, with rounded corners.
fn rail(from: Rect, to: Rect, beside: Beside, stroke: Stroke, painter: &Painter) {
    let (start, end) = (beside.port(from), beside.dock(to));
    let x = beside.edge(from) + beside.sign * (FIRST_LANE + f32::from(beside.lane) * LANE) * beside.scale;
    let bend = 5.0;
    let vertical = (end.y - start.y).signum() * bend;
    let mut points = vec![start];
    points.extend(corner(pos2(x - beside.sign * bend, start.y), pos2(x, start.y), pos2(x, start.y + vertical)));
    points.extend(corner(pos2(x, end.y - vertical), pos2(x, end.y), pos2(x - beside.sign * bend, end.y)));
    let tip = end;
    points.push(tip + vec2(beside.sign * HEAD, 0.0));
    painter.add(Shape::line(points, stroke));
    pen::arrow_head(painter, tip, vec2(-beside.sign, 0.0), stroke.color, HEAD + stroke.width);
}

/// A quarter turn from `a` over the corner `b` to `c`.
fn corner(a: Pos2, b: Pos2, c: Pos2) -> impl Iterator<Item = Pos2> {
    (0..=4).map(move |step| {
        let t = step as f32 / 4.0;
        a.lerp(b, t).lerp(b.lerp(c, t), t)
    })
}
