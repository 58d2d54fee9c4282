//! A curve through many points, drawn so that spikes stay lines.
//!
//! The painter joins the parts of one line at its corners. Where a line turns back on itself, or has points that are nearer
//! to each other than it is wide, these joins become triangles as large as the spike. So a curve is thinned to what can be
//! seen, and drawn in pieces that turn gently.

use std::ops::RangeInclusive;

use egui::{Color32, Pos2, Shape, Stroke, Ui, Vec2};
use egui_plot::{Line, PlotBounds, PlotGeometry, PlotItem, PlotItemBase, PlotPoints, PlotTransform};

/// Points of one piece are at least this far apart.
const LEAST_STEP: f32 = 0.75;
/// The cosine of the sharpest turn within one piece: 45 degrees.
const GENTLE: f32 = 0.7;

/// Draws a curve; its points come from left to right.
pub fn shapes(points: impl IntoIterator<Item = Pos2>, stroke: Stroke) -> Vec<Shape> {
    let points = apart(&thinned(points));
    let mut shapes = Vec::new();
    let mut begin = 0;
    for corner in 1..points.len() {
        let is_end = corner + 1 == points.len();
        if is_end || !is_gentle(points[corner] - points[corner - 1], points[corner + 1] - points[corner]) {
            shapes.push(Shape::line(points[begin..=corner].to_vec(), stroke));
            if !is_end {
                shapes.push(Shape::circle_filled(points[corner], stroke.width / 2.0, stroke.color));
            }
            begin = corner;
        }
    }
    if let [only] = points[..] {
        shapes.push(Shape::circle_filled(only, stroke.width, stroke.color));
    }
    shapes
}

fn is_gentle(before: Vec2, after: Vec2) -> bool {
    before.normalized().dot(after.normalized()) >= GENTLE
}

/// At most four points for each column of pixels: where the curve enters and leaves it, its highest and its lowest one.
fn thinned(points: impl IntoIterator<Item = Pos2>) -> Vec<Pos2> {
    let mut kept = Vec::new();
    let mut column: Vec<Pos2> = Vec::new();
    for point in points.into_iter().filter(|point| point.is_finite()) {
        if column.first().is_some_and(|first| first.x.floor() != point.x.floor()) {
            keep_column(&mut kept, &mut column);
        }
        column.push(point);
    }
    keep_column(&mut kept, &mut column);
    kept
}

fn keep_column(kept: &mut Vec<Pos2>, column: &mut Vec<Pos2>) {
    let by_height = |a: &usize, b: &usize| column[*a].y.total_cmp(&column[*b].y);
    let (low, high) = ((0..column.len()).min_by(by_height), (0..column.len()).max_by(by_height));
    let mut wanted: Vec<usize> = [Some(0), low, high, column.len().checked_sub(1)].into_iter().flatten().collect();
    wanted.sort_unstable();
    wanted.dedup();
    kept.extend(wanted.into_iter().filter_map(|index| column.get(index)));
    column.clear();
}

/// Leaves out points that are hardly apart from the one before.
fn apart(points: &[Pos2]) -> Vec<Pos2> {
    let mut kept: Vec<Pos2> = Vec::with_capacity(points.len());
    for point in points {
        if kept.last().is_none_or(|last| last.distance(*point) >= LEAST_STEP) {
            kept.push(*point);
        }
    }
    kept
}

/// A curve in a plot.
pub struct Trace<'a> {
    line: Line<'a>,
    points: Vec<[f64; 2]>,
    stroke: Stroke,
}

impl Trace<'_> {
    /// The curve through some points, from left to right.
    pub fn new(name: String, points: Vec<[f64; 2]>, stroke: Stroke) -> Self {
        let line = Line::new(name, PlotPoints::from(points.clone())).stroke(stroke);
        Self { line, points, stroke }
    }
}

impl PlotItem for Trace<'_> {
    fn shapes(&self, _ui: &Ui, transform: &PlotTransform, into: &mut Vec<Shape>) {
        let places = self.points.iter().map(|point| transform.position_from_point(&(*point).into()));
        into.extend(shapes(places, self.stroke));
    }

    fn initialize(&mut self, x_range: RangeInclusive<f64>) {
        self.line.initialize(x_range);
    }

    fn color(&self) -> Color32 {
        self.stroke.color
    }

    fn geometry(&self) -> PlotGeometry<'_> {
        self.line.geometry()
    }

    fn bounds(&self) -> PlotBounds {
        self.line.bounds()
    }

    fn base(&self) -> &PlotItemBase {
        self.line.base()
    }

    fn base_mut(&mut self) -> &mut PlotItemBase {
        self.line.base_mut()
    }
}

#[cfg(test)]
mod tests {
    use egui::{
        Rect,
        epaint::{ClippedShape, Primitive, TessellationOptions, Tessellator},
        pos2,
    };

    use super::*;

    /// Whether any triangle that is painted covers a place.
    fn is_painted(shapes: Vec<Shape>, place: Pos2) -> bool {
        let mut tessellator = Tessellator::new(1.0, TessellationOptions::default(), [0, 0], Vec::new());
        let clip_rect = Rect::from_min_max(Pos2::ZERO, pos2(400.0, 400.0));
        let clipped = shapes
            .into_iter()
            .map(|shape| ClippedShape {
                clip_rect,
                shape,
                transform_after_tessellation: egui::emath::TSTransform::IDENTITY,
            })
            .collect();
        tessellator.tessellate_shapes(clipped).into_iter().any(|painted| {
            let Primitive::Mesh(mesh) = painted.primitive else { return false };
            let corner = |index: &u32| mesh.vertices[*index as usize].pos;
            mesh.indices.chunks_exact(3).any(|triangle| {
                let [a, b, c] = [corner(&triangle[0]), corner(&triangle[1]), corner(&triangle[2])];
                let side = |from: Pos2, to: Pos2| (to - from).rot90().dot(place - from);
                let sides = [side(a, b), side(b, c), side(c, a)];
                sides.iter().all(|side| *side > 0.0) || sides.iter().all(|side| *side < 0.0)
            })
        })
    }

    fn stroke() -> Stroke {
        Stroke::new(2.0, Color32::WHITE)
    }

    #[test]
    fn a_spike_that_falls_faster_than_it_rose_is_a_line_and_no_triangle() {
        // What the delays of a path that was silent for a second look like: 0.02 s of samples in a tenth of a pixel.
        let spike =
            [(0.0, 200.0), (20.0, 200.0), (32.0, 5.0), (32.13, 198.0), (32.15, 199.9), (32.16, 199.8), (36.0, 199.0)];
        let points: Vec<Pos2> = spike.iter().map(|(x, y)| pos2(*x, *y)).chain([pos2(100.0, 199.0)]).collect();
        let drawn = shapes(points.clone(), stroke());
        for place in [pos2(29.0, 150.0), pos2(28.0, 120.0), pos2(29.5, 195.0), pos2(25.0, 180.0), pos2(34.0, 100.0)] {
            assert!(!is_painted(drawn.clone(), place), "{place:?} is between the lines");
        }
        for place in [pos2(10.0, 200.0), pos2(26.0, 102.5), pos2(32.07, 100.0), pos2(70.0, 199.0)] {
            // Where edges of triangles meet, neither of them covers the place.
            let near = [0.0, 0.3].map(|aside| place + Vec2::splat(aside));
            assert!(near.iter().any(|place| is_painted(drawn.clone(), *place)), "{place:?} is on the line");
        }
    }

    #[test]
    fn an_hour_of_samples_costs_a_few_shapes_for_each_pixel_and_loses_no_peak() {
        let points = (0..36_000_u16).map(|n| {
            let y = if n == 20_011 { 3.0 } else { 190.0 + f32::from(n % 7) };
            pos2(f32::from(n) / 120.0, y)
        });
        let thin = thinned(points);
        assert!(thin.len() <= 4 * 301, "{}", thin.len());
        assert!(thin.iter().any(|point| point.y == 3.0));
    }

    #[test]
    fn no_point_and_one_and_broken_ones_are_drawn_without_harm() {
        assert!(shapes([], stroke()).is_empty());
        assert_eq!(shapes([pos2(1.0, 1.0)], stroke()).len(), 1);
        assert_eq!(shapes([pos2(1.0, f32::NAN), pos2(2.0, 2.0)], stroke()).len(), 1);
        assert_eq!(shapes([pos2(1.0, 1.0), pos2(9.0, 2.0)], stroke()).len(), 1);
    }
}
