//! The three state machines over time as SVG, with the markers as ticks.

use std::fmt::Write as _;

use floe_wire::{IceConnectionState, Stamp};

use super::escape::Escaped;
use crate::{Picture, markers::MarkerKind, picture::Visit};

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 110.0;
const LANE: usize = 34;
const TOP: usize = 22;

/// Visits drawn per machine, and markers; the newest ones.
const DRAWN: usize = 200;

/// Draws the states; none before anything happened.
pub(super) fn draw(picture: &Picture) -> Option<String> {
    let end = picture.at.max(picture.ended_at.unwrap_or_default());
    if end == Stamp::ZERO {
        return None;
    }
    let scale = Scale { end };
    let height = TOP + 3 * LANE + 24;
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"100%\" role=\"img\" aria-label=\"States over time\">");
    markers(&mut svg, picture, scale, height);
    lane(&mut svg, "signaling", TOP, &picture.signaling, scale, |state| (state.name(), ""));
    lane(&mut svg, "gathering", TOP + LANE, &picture.gathering, scale, |state| (state.name(), ""));
    lane(&mut svg, "ICE", TOP + 2 * LANE, &picture.ice_connection, scale, |state| (state.name(), tone(state)));
    // Writing to a string cannot fail.
    let _ = write!(svg, "<text class=\"faint\" x=\"{LEFT}\" y=\"{}\">00:00.000</text>", height - 4);
    let _ =
        write!(svg, "<text class=\"faint\" x=\"{WIDTH}\" y=\"{}\" text-anchor=\"end\">{end}</text></svg>", height - 4);
    Some(svg)
}

#[derive(Clone, Copy)]
struct Scale {
    end: Stamp,
}

impl Scale {
    fn x(self, at: Stamp) -> f64 {
        let share = at.0.as_secs_f64() / self.end.0.as_secs_f64().max(f64::MIN_POSITIVE);
        LEFT + (WIDTH - LEFT) * share.clamp(0.0, 1.0)
    }
}

fn lane<S: Copy>(
    svg: &mut String,
    name: &str,
    y: usize,
    visits: &[Visit<S>],
    scale: Scale,
    describe: impl Fn(S) -> (&'static str, &'static str),
) {
    let _ = write!(svg, "<text x=\"0\" y=\"{}\">{name}</text>", y + 19);
    for visit in &visits[visits.len().saturating_sub(DRAWN)..] {
        let (state, tone) = describe(visit.state);
        let until = visit.left.unwrap_or(scale.end);
        let (x, right) = (scale.x(visit.entered), scale.x(until));
        let width = (right - x).max(1.0);
        let dwell = until.since(visit.entered).as_secs_f64();
        let _ = write!(
            svg,
            "<g><title>{state}, {dwell:.3} s</title><rect class=\"span {tone}\" x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" \
             height=\"{}\" rx=\"3\"/>",
            y + 2,
            LANE - 8
        );
        // Seven units per letter; what does not fit is in the title.
        if width > 7.0 * state.len() as f64 + 8.0 {
            let _ = write!(svg, "<text x=\"{:.1}\" y=\"{}\">{state}</text>", x + 5.0, y + 19);
        }
        svg.push_str("</g>");
    }
}

const fn tone(state: IceConnectionState) -> &'static str {
    match state {
        IceConnectionState::Connected | IceConnectionState::Completed => "good",
        IceConnectionState::Disconnected => "warning",
        IceConnectionState::Failed => "bad",
        IceConnectionState::New | IceConnectionState::Checking | IceConnectionState::Closed => "",
    }
}

fn markers(svg: &mut String, picture: &Picture, scale: Scale, height: usize) {
    for marker in picture.markers.iter().rev().take(DRAWN) {
        let x = scale.x(marker.at);
        let sign = match marker.kind {
            MarkerKind::Milestone => "·",
            MarkerKind::Nomination | MarkerKind::Selection => "✓",
            MarkerKind::Restart => "↻",
            MarkerKind::NetworkChange => "⇄",
            MarkerKind::Loss | MarkerKind::Failure => "✗",
            MarkerKind::Recovery => "↑",
            MarkerKind::End => "■",
        };
        let text = format!("{} {}", marker.at, marker.text);
        let _ = write!(
            svg,
            "<g><title>{}</title><line class=\"mark\" stroke-dasharray=\"2 3\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" \
             y2=\"{}\"/><text class=\"faint\" x=\"{x:.1}\" y=\"14\" text-anchor=\"middle\">{sign}</text></g>",
            Escaped(&text),
            height - 20
        );
    }
}
