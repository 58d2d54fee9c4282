//! Where an arrow of a state machine runs: straight between neighbours, along a lane otherwise.

use egui::{Painter, Pos2, Rect, Shape, Stroke, Vec2, pos2, vec2};

use super::machines::Way;
use crate::window::pen;

/// Distance of two lanes.
pub const LANE: f32 = 13.0;
/// Distance of the first lane from the nodes.
pub const FIRST_LANE: f32 = 14.0;
const HEAD: f32 = 6.0;
const BEND: f32 = 5.0;

/// An arrow's way, from its start to its tip.
pub struct Trace {
    points: Vec<Pos2>,
    /// Where the tip points.
    along: Vec2,
}

impl Trace {
    /// The arrow between two nodes, in a diagram that is `scale` times as large as the smallest one.
    pub fn new(from: Rect, to: Rect, way: Way, scale: f32) -> Self {
        match way {
            Way::Straight => straight(from, to),
            Way::Left(lane) => Beside { lane, sign: -1.0, scale }.rail(from, to),
            Way::Right(lane) => Beside { lane, sign: 1.0, scale }.rail(from, to),
        }
    }

    /// Draws it.
    pub fn paint(&self, stroke: Stroke, painter: &Painter) {
        let Some((tip, before)) = self.points.split_last() else { return };
        let line = before.iter().copied().chain([*tip - self.along * HEAD]).collect();
        painter.add(Shape::line(line, stroke));
        pen::arrow_head(painter, *tip, self.along, stroke.color, HEAD + stroke.width);
    }

    /// How far a place is from it.
    pub fn distance(&self, place: Pos2) -> f32 {
        let to_segment = |ends: &[Pos2]| {
            let (start, way) = (ends[0], ends[1] - ends[0]);
            let share = ((place - start).dot(way) / way.length_sq().max(1e-6)).clamp(0.0, 1.0);
            (start + way * share).distance(place)
        };
        self.points.windows(2).map(to_segment).fold(f32::INFINITY, f32::min)
    }
}

/// Down and up run side by side, right of the dwell time.
fn straight(from: Rect, to: Rect) -> Trace {
    let down = to.top() > from.top();
    let x = from.left() + from.width() * if down { 0.72 } else { 0.86 };
    let (start, end) =
        if down { (pos2(x, from.bottom()), pos2(x, to.top())) } else { (pos2(x, from.top()), pos2(x, to.bottom())) };
    Trace { points: vec![start, end], along: (end - start).normalized() }
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

    /// Out of `from`, along the lane, into `to`, with rounded corners.
    fn rail(self, from: Rect, to: Rect) -> Trace {
        let (start, end) = (self.port(from), self.dock(to));
        let x = self.edge(from) + self.sign * (FIRST_LANE + f32::from(self.lane) * LANE) * self.scale;
        let vertical = (end.y - start.y).signum() * BEND;
        let mut points = vec![start];
        points.extend(corner(pos2(x - self.sign * BEND, start.y), pos2(x, start.y), pos2(x, start.y + vertical)));
        points.extend(corner(pos2(x, end.y - vertical), pos2(x, end.y), pos2(x - self.sign * BEND, end.y)));
        points.push(end);
        Trace { points, along: vec2(-self.sign, 0.0) }
    }
}

/// A quarter turn from `a` over the corner `b` to `c`.
fn corner(a: Pos2, b: Pos2, c: Pos2) -> impl Iterator<Item = Pos2> {
    (0..=4).map(move |step| {
        let t = step as f32 / 4.0;
        a.lerp(b, t).lerp(b.lerp(c, t), t)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_on_an_arrow_is_near_it_and_one_beside_the_nodes_is_not() {
        let node = |top: f32| Rect::from_min_size(pos2(100.0, top), vec2(80.0, 28.0));
        let rail = Trace::new(node(0.0), node(200.0), Way::Right(1), 1.0);
        let lane = 180.0 + FIRST_LANE + LANE;
        assert!(rail.distance(pos2(lane, 100.0)) < 0.1);
        assert!(rail.distance(pos2(lane + 20.0, 100.0)) > 19.0);
        let down = Trace::new(node(0.0), node(60.0), Way::Straight, 1.0);
        assert!(down.distance(pos2(100.0 + 80.0 * 0.72, 40.0)) < 0.1);
    }
}
