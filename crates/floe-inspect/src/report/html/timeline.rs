//! The three state machines over time as SVG, with the markers as ticks.

use std::{fmt::Write as _, time::Duration};

use floe_wire::{IceConnectionState, Stamp};

use super::escape::Escaped;
use crate::{Marker, Picture, markers::MarkerKind, picture::Visit};

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 110.0;
const LANE: usize = 34;
const TOP: usize = 22;
/// Room below the lanes for the times.
const BOTTOM: usize = 24;

/// Markers nearer to each other than a sign is wide share one.
const SIGN: f64 = 26.0;

/// Times told below, besides those of the beginning and the end, are a multiple of the first of these seconds that
/// gives few enough.
const STEPS: [u32; 12] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600];
const TICKS: u32 = 8;

/// Room that a time needs beside the next one.
const TIME: f64 = 70.0;

/// Visits drawn per machine, and markers; the newest ones.
const DRAWN: usize = 200;

/// Draws the states; none before anything happened.
pub(super) fn draw(picture: &Picture) -> Option<String> {
    let end = picture.at.max(picture.ended_at.unwrap_or_default());
    if end == Stamp::ZERO {
        return None;
    }
    let scale = Scale { end };
    let height = TOP + 3 * LANE + BOTTOM;
    let mut svg = format!(
        "<svg class=\"timeline\" viewBox=\"-12 0 {} {height}\" width=\"100%\" role=\"img\" \
         aria-label=\"States over time\">",
        WIDTH + 24.0
    );
    markers(&mut svg, picture, scale, height);
    lane(&mut svg, "signaling", TOP, &picture.signaling, scale, |state| (state.name(), ""));
    lane(&mut svg, "gathering", TOP + LANE, &picture.gathering, scale, |state| (state.name(), ""));
    lane(&mut svg, "ICE", TOP + 2 * LANE, &picture.ice_connection, scale, |state| (state.name(), tone(state)));
    ticks(&mut svg, scale, height);
    svg.push_str("</svg>");
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

/// Times below the lanes.
fn ticks(svg: &mut String, scale: Scale, height: usize) {
    let mut tell = |at: Stamp, anchor: &str| {
        let (x, y) = (scale.x(at), height - 4);
        // Writing to a string cannot fail.
        let _ = write!(svg, "<text class=\"faint\" x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{at}</text>");
    };
    tell(Stamp::ZERO, "start");
    let seconds = u32::try_from(scale.end.0.as_secs()).unwrap_or(u32::MAX);
    let step = STEPS.into_iter().find(|step| seconds / step <= TICKS).unwrap_or(seconds / TICKS);
    for tick in 1..=TICKS {
        let at = Stamp(Duration::from_secs(u64::from(tick) * u64::from(step)));
        if scale.x(at) - LEFT > TIME * 1.5 && scale.x(scale.end) - scale.x(at) > TIME * 1.5 {
            tell(at, "middle");
        }
    }
    tell(scale.end, "end");
}

/// Markers that share a sign.
struct Cluster<'a> {
    from: f64,
    until: f64,
    markers: Vec<&'a Marker>,
}

impl Cluster<'_> {
    /// The sign of the weightiest marker, with how many there are.
    fn sign(&self) -> String {
        let weightiest = self.markers.iter().map(|marker| weight(marker.kind)).max();
        let (_, sign) = weightiest.unwrap_or_default();
        let count = self.markers.len();
        if count == 1 { sign.to_string() } else { format!("{sign} {count}") }
    }
}

/// What a marker weighs beside others, and its sign.
const fn weight(kind: MarkerKind) -> (u8, char) {
    match kind {
        MarkerKind::Milestone => (0, '•'),
        MarkerKind::Nomination => (1, '✓'),
        MarkerKind::Selection => (2, '✓'),
        MarkerKind::Recovery => (3, '↑'),
        MarkerKind::NetworkChange => (4, '⇄'),
        MarkerKind::Restart => (5, '↻'),
        MarkerKind::End => (6, '■'),
        MarkerKind::Loss | MarkerKind::Failure => (7, '✗'),
    }
}

fn markers(svg: &mut String, picture: &Picture, scale: Scale, height: usize) {
    let bottom = height - BOTTOM + 4;
    let shown: Vec<_> = picture.markers.iter().rev().take(DRAWN).collect();
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for marker in shown.into_iter().rev() {
        let x = scale.x(marker.at);
        let _ = write!(svg, "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>");
        match clusters.last_mut().filter(|cluster| x - cluster.from < SIGN) {
            Some(cluster) => {
                cluster.until = x;
                cluster.markers.push(marker);
            }
            None => clusters.push(Cluster { from: x, until: x, markers: vec![marker] }),
        }
    }
    for cluster in clusters {
        let x = (cluster.from + cluster.until) / 2.0;
        let texts: Vec<_> = cluster.markers.iter().map(|marker| format!("{} {}", marker.at, marker.text)).collect();
        let _ = write!(
            svg,
            "<g><title>{}</title><text class=\"faint\" x=\"{x:.1}\" y=\"14\" text-anchor=\"middle\">{}</text></g>",
            texts.iter().map(|text| Escaped(text).to_string()).collect::<Vec<_>>().join("\n"),
            cluster.sign()
        );
    }
}
