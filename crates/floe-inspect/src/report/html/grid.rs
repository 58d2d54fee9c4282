//! The pair grid as SVG: our bases down, the peer's addresses across. Bases and addresses that cannot meet (UDP and TCP,
//! two families) stand in grids of their own, so that no grid has holes.

use std::{fmt::Write as _, net::SocketAddr};

use floe_wire::{BaseId, BaseKind, Generation};

use super::escape::Escaped;
use crate::{
    Picture,
    picture::{PairState, PairView},
    words::millis,
};

/// Generations drawn; the newest ones.
const GENERATIONS_SHOWN: usize = 4;

const ROW: usize = 46;
const HEADER: usize = 40;
const GAP: usize = 6;

/// The least room for what a cell says, and for a name.
const NARROWEST_CELL: usize = 226;
const NARROWEST_NAME: usize = 110;
/// Room for a letter of an address at 12 pixels, and around it.
const LETTER: usize = 7;
const MARGIN: usize = 16;

/// Draws every generation's grids, newest first; none without pairs.
pub(super) fn draw(picture: &Picture) -> Option<String> {
    let mut generations: Vec<_> = picture.pairs.iter().map(|pair| pair.id.generation).collect();
    generations.sort_unstable();
    generations.dedup();
    if generations.is_empty() {
        return None;
    }
    let is_alone = generations.len() == 1;
    let newest = generations.into_iter().rev().take(GENERATIONS_SHOWN);
    let drawn = newest.map(|generation| {
        let title = if is_alone { String::new() } else { format!("<h3>Generation {}</h3>\n", generation.0) };
        let grids: String = grids(picture, generation).iter().map(|grid| grid.draw(picture)).collect();
        format!("{title}<div class=\"grids\">{grids}</div>\n")
    });
    Some(drawn.collect())
}

/// Bases and addresses of which each meets another one.
#[derive(Default)]
struct Grid<'a> {
    bases: Vec<BaseId>,
    remotes: Vec<SocketAddr>,
    pairs: Vec<&'a PairView>,
}

/// The grids of a generation, in the order of their first pairs.
fn grids(picture: &Picture, generation: Generation) -> Vec<Grid<'_>> {
    let mut grids: Vec<Grid<'_>> = Vec::new();
    for pair in picture.pairs.iter().filter(|pair| pair.id.generation == generation) {
        let mut joined = Grid::default();
        let position = grids.iter().position(|grid| grid.meets(pair)).unwrap_or(grids.len());
        // A pair may join grids that had nothing in common before it.
        let (meeting, others): (Vec<_>, Vec<_>) = grids.into_iter().partition(|grid| grid.meets(pair));
        meeting.into_iter().for_each(|grid| joined.join(grid));
        joined.add(pair);
        grids = others;
        grids.insert(position.min(grids.len()), joined);
    }
    grids
}

impl<'a> Grid<'a> {
    fn meets(&self, pair: &PairView) -> bool {
        self.bases.contains(&pair.id.base) || self.remotes.contains(&pair.id.remote)
    }

    fn join(&mut self, other: Self) {
        self.bases.extend(other.bases);
        self.remotes.extend(other.remotes);
        self.pairs.extend(other.pairs);
    }

    fn add(&mut self, pair: &'a PairView) {
        if !self.bases.contains(&pair.id.base) {
            self.bases.push(pair.id.base);
        }
        if !self.remotes.contains(&pair.id.remote) {
            self.remotes.push(pair.id.remote);
        }
        self.pairs.push(pair);
    }

    fn draw(&self, picture: &Picture) -> String {
        let rows: Vec<_> = self.bases.iter().map(|base| row_label(picture, *base)).collect();
        let label = width_of(rows.iter().flatten()).max(NARROWEST_NAME);
        let remotes: Vec<_> = self.remotes.iter().map(ToString::to_string).collect();
        let column = width_of(&remotes).max(NARROWEST_CELL);
        let (width, height) = (label + column * remotes.len() + 2, HEADER + ROW * rows.len() + 2);
        let mut svg = format!("<svg width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"Pairs\">");
        for (number, remote) in self.remotes.iter().enumerate() {
            let x = label + number * column + 4;
            // Writing to a string cannot fail.
            let _ =
                write!(svg, "<text class=\"faint\" x=\"{x}\" y=\"14\">{}</text>", self.remote_kind(picture, *remote));
            let _ = write!(svg, "<text x=\"{x}\" y=\"30\">{}</text>", Escaped(&remotes[number]));
        }
        for (number, [name, address]) in rows.iter().enumerate() {
            let y = HEADER + number * ROW;
            let _ = write!(svg, "<text x=\"0\" y=\"{}\">{}</text>", y + 18, Escaped(name));
            let _ = write!(svg, "<text class=\"faint\" x=\"0\" y=\"{}\">{}</text>", y + 34, Escaped(address));
        }
        for pair in &self.pairs {
            let row = self.bases.iter().position(|base| *base == pair.id.base).unwrap_or(0);
            let place = self.remotes.iter().position(|remote| *remote == pair.id.remote).unwrap_or(0);
            svg.push_str(&cell(pair, label + place * column, HEADER + row * ROW, column - GAP));
        }
        svg.push_str("</svg>");
        svg
    }

    fn remote_kind(&self, picture: &Picture, remote: SocketAddr) -> &'static str {
        let generation = self.pairs.first().map(|pair| pair.id.generation);
        let mut views = picture.remote_candidates.iter();
        let view = views.find(|view| Some(view.generation) == generation && view.candidate.address == remote);
        view.map_or("", |view| view.candidate.candidate_type.name())
    }
}

/// What a base is called: its interface with what it is, and its address.
fn row_label(picture: &Picture, base: BaseId) -> [String; 2] {
    let Some(view) = picture.base(base) else { return [base.to_string(), String::new()] };
    let kind = match &view.base_kind {
        BaseKind::Udp => "udp".to_owned(),
        BaseKind::Tcp { tcp_type } => format!("tcp, {}", tcp_type.name()),
        BaseKind::TurnClient { .. } => "to a relay".to_owned(),
        BaseKind::Relay { .. } => "relay".to_owned(),
    };
    [format!("{}, {kind}", view.interface), view.address.to_string()]
}

fn width_of<'a>(texts: impl IntoIterator<Item = &'a String>) -> usize {
    let longest = texts.into_iter().map(|text| text.chars().count()).max().unwrap_or(0);
    longest * LETTER + MARGIN
}

fn cell(pair: &PairView, x: usize, y: usize, width: usize) -> String {
    let used = if pair.selected { " used" } else { "" };
    let rtt = pair.rtt.map_or_else(String::new, |rtt| format!(", {}", millis(rtt)));
    let state = format!("{} {}{rtt}", sign(pair.state), pair.state.name());
    let role = match (pair.selected, pair.nominated) {
        (true, _) => "in use",
        (false, true) => "nominated",
        (false, false) => "",
    };
    let counts = format!("{} sent, {} answered", pair.requests_sent, pair.responses_received);
    format!(
        "<g><title>{}</title><rect class=\"cell {}{used}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"/>\
         <text x=\"{}\" y=\"{}\">{}</text><text class=\"faint\" x=\"{}\" y=\"{}\">{}</text>\
         <text class=\"faint\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{role}</text></g>",
        Escaped(&pair.why),
        pair.state.name(),
        x + 2,
        y + 2,
        width - 2,
        ROW - GAP,
        x + 10,
        y + 18,
        Escaped(&state),
        x + 10,
        y + 34,
        Escaped(&counts),
        x + width - 8,
        y + 18,
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
