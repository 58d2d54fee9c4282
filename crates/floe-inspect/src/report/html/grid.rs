//! The pair grid as SVG: our bases down, the peer's addresses across, one table per generation.

use std::{fmt::Write as _, net::SocketAddr};

use floe_wire::{BaseId, Generation};

use super::escape::Escaped;
use crate::{
    Picture,
    picture::{PairState, PairView},
    words::millis,
};

/// Generations drawn; the newest ones.
const GENERATIONS_SHOWN: usize = 4;
const COLUMN: usize = 230;
const ROW: usize = 46;
const LABEL: usize = 210;
const HEADER: usize = 40;

/// Draws every generation's grid, newest first; none without pairs.
pub(super) fn draw(picture: &Picture) -> Option<String> {
    let mut generations: Vec<_> = picture.pairs.iter().map(|pair| pair.id.generation).collect();
    generations.sort_unstable();
    generations.dedup();
    if generations.is_empty() {
        return None;
    }
    let newest = generations.into_iter().rev().take(GENERATIONS_SHOWN);
    Some(newest.map(|generation| grid(picture, generation)).collect())
}

fn grid(picture: &Picture, generation: Generation) -> String {
    let pairs: Vec<_> = picture.pairs.iter().filter(|pair| pair.id.generation == generation).collect();
    let mut bases: Vec<BaseId> = Vec::new();
    let mut remotes: Vec<SocketAddr> = Vec::new();
    for pair in &pairs {
        if !bases.contains(&pair.id.base) {
            bases.push(pair.id.base);
        }
        if !remotes.contains(&pair.id.remote) {
            remotes.push(pair.id.remote);
        }
    }
    let (width, height) = (LABEL + COLUMN * remotes.len() + 2, HEADER + ROW * bases.len() + 2);
    let mut svg = format!(
        "<svg width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"Pairs of generation {}\">",
        generation.0
    );
    // Writing to a string cannot fail.
    let _ = write!(svg, "<text class=\"faint\" x=\"0\" y=\"14\">generation {}</text>", generation.0);
    for (column, remote) in remotes.iter().enumerate() {
        let x = LABEL + column * COLUMN + 4;
        let kind = remote_kind(picture, generation, *remote);
        let _ = write!(svg, "<text class=\"faint\" x=\"{x}\" y=\"14\">{kind}</text>");
        let _ = write!(svg, "<text x=\"{x}\" y=\"30\">{}</text>", Escaped(&remote.to_string()));
    }
    for (row, base) in bases.iter().enumerate() {
        let y = HEADER + row * ROW;
        let view = picture.base(*base);
        let name = view.map_or_else(|| base.to_string(), |view| view.interface.clone());
        let address = view.map_or_else(String::new, |view| view.address.to_string());
        let _ = write!(svg, "<text x=\"0\" y=\"{}\">{}</text>", y + 18, Escaped(&name));
        let _ = write!(svg, "<text class=\"faint\" x=\"0\" y=\"{}\">{}</text>", y + 34, Escaped(&address));
    }
    for pair in pairs {
        let row = bases.iter().position(|base| *base == pair.id.base).unwrap_or(0);
        let column = remotes.iter().position(|remote| *remote == pair.id.remote).unwrap_or(0);
        svg.push_str(&cell(pair, LABEL + column * COLUMN, HEADER + row * ROW));
    }
    svg.push_str("</svg>");
    svg
}

fn remote_kind(picture: &Picture, generation: Generation, remote: SocketAddr) -> &'static str {
    let mut views = picture.remote_candidates.iter();
    let view = views.find(|view| view.generation == generation && view.candidate.address == remote);
    view.map_or("", |view| view.candidate.candidate_type.name())
}

fn cell(pair: &PairView, x: usize, y: usize) -> String {
    let used = if pair.selected { " used" } else { "" };
    let (width, height) = (COLUMN - 6, ROW - 6);
    let rtt = pair.rtt.map_or_else(String::new, |rtt| format!(", {}", millis(rtt)));
    let state = format!("{} {}{rtt}", sign(pair.state), pair.state.name());
    let role = match (pair.selected, pair.nominated) {
        (true, _) => ", in use",
        (false, true) => ", nominated",
        (false, false) => "",
    };
    let counts = format!("{} sent, {} answered{role}", pair.requests_sent, pair.responses_received);
    format!(
        "<g><title>{}</title><rect class=\"cell {}{used}\" x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\
         <text x=\"{}\" y=\"{}\">{}</text><text class=\"faint\" x=\"{}\" y=\"{}\">{}</text></g>",
        Escaped(&pair.why),
        pair.state.name(),
        x + 2,
        y + 2,
        x + 10,
        y + 18,
        Escaped(&state),
        x + 10,
        y + 34,
        Escaped(&counts),
    )
}

/// A sign that is told without colour.
const fn sign(state: PairState) -> char {
    match state {
        PairState::Frozen => '❄',
        PairState::Waiting => '○',
        PairState::InProgress => '◐',
        PairState::Succeeded => '✓',
        PairState::Failed => '✗',
    }
}
