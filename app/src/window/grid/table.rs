//! Which pair stands in which cell.

use std::{cmp::Reverse, net::SocketAddr};

use floe_inspect::{
    Picture,
    picture::{BaseView, CandidateView, PairView},
};
use floe_wire::{BaseId, Generation, Protocol};

use crate::window::format;

/// The pairs of one generation over one transport, laid out. Bases and candidates of different transports form no pair, so
/// that one table of both would be mostly empty.
pub struct GridTable<'a> {
    /// The generation.
    pub generation: Generation,
    /// Whether its pairs are connections.
    pub is_tcp: bool,
    /// Our bases, best first.
    pub rows: Vec<Row<'a>>,
    /// The peer's candidates, best first.
    pub columns: Vec<Column<'a>>,
    /// `cells[row][column]`; none where no pair can be formed.
    pub cells: Vec<Vec<Option<&'a PairView>>>,
}

/// One of our bases.
pub struct Row<'a> {
    /// Its id.
    pub base: BaseId,
    /// What is known of it.
    pub view: Option<&'a BaseView>,
}

/// One of the peer's addresses.
pub struct Column<'a> {
    /// The address.
    pub address: SocketAddr,
    /// The candidate it belongs to.
    pub candidate: Option<&'a CandidateView>,
}

impl Row<'_> {
    /// The interface's name.
    pub fn interface(&self) -> &str {
        self.view.map_or("unknown", |view| view.interface.as_str())
    }

    /// The local address in full.
    pub fn address_text(&self) -> String {
        self.view.map_or_else(|| self.base.to_string(), |view| view.address.to_string())
    }

    /// The local address without its port.
    pub fn ip_text(&self) -> String {
        self.view.map_or_else(|| self.base.to_string(), |view| view.address.ip().to_string())
    }
}

impl Column<'_> {
    /// `host`, `srflx`, …
    pub fn kind(&self) -> &'static str {
        self.candidate.map_or("unknown", |view| view.candidate.candidate_type.name())
    }

    /// The address short enough for a header.
    pub fn short(&self) -> String {
        format::short_address(self.address)
    }
}

/// Lays out the pairs of every generation, the newest first, and in each those over TCP last.
pub fn of(picture: &Picture) -> Vec<GridTable<'_>> {
    let mut parts: Vec<_> =
        picture.pairs.iter().map(|pair| (Reverse(pair.id.generation), is_tcp(picture, pair))).collect();
    parts.sort_unstable();
    parts.dedup();
    parts.into_iter().map(|(Reverse(generation), is_tcp)| one(picture, generation, is_tcp)).collect()
}

/// A relayed base is one of UDP, however its server is reached.
fn is_tcp(picture: &Picture, pair: &PairView) -> bool {
    picture.base(pair.id.base).is_some_and(|base| base.base_kind.protocol() == Protocol::Tcp)
}

fn one(picture: &Picture, generation: Generation, over_tcp: bool) -> GridTable<'_> {
    let is_here = move |pair: &&PairView| pair.id.generation == generation && is_tcp(picture, pair) == over_tcp;
    let pairs = || picture.pairs.iter().filter(is_here);
    let bases = ranked(pairs().map(|pair| (pair.id.base, pair.priority)));
    let addresses = ranked(pairs().map(|pair| (pair.id.remote, remote_priority(picture, pair))));
    let cells = bases
        .iter()
        .map(|base| {
            let cell = |address: &SocketAddr| pairs().find(|pair| pair.id.base == *base && pair.id.remote == *address);
            addresses.iter().map(cell).collect()
        })
        .collect();
    GridTable {
        generation,
        is_tcp: over_tcp,
        rows: bases.into_iter().map(|base| Row { base, view: picture.base(base) }).collect(),
        columns: addresses
            .into_iter()
            .map(|address| Column { address, candidate: remote(picture, generation, address) })
            .collect(),
        cells,
    }
}

/// The distinct keys, each by its best priority, best first.
fn ranked<K: Copy + Ord>(keys: impl Iterator<Item = (K, u64)>) -> Vec<K> {
    let mut best: Vec<(K, u64)> = Vec::new();
    for (key, priority) in keys {
        match best.iter_mut().find(|(known, _)| *known == key) {
            Some((_, highest)) => *highest = priority.max(*highest),
            None => best.push((key, priority)),
        }
    }
    best.sort_by_key(|(key, priority)| (Reverse(*priority), *key));
    best.into_iter().map(|(key, _)| key).collect()
}

fn remote_priority(picture: &Picture, pair: &PairView) -> u64 {
    remote(picture, pair.id.generation, pair.id.remote)
        .map_or(pair.priority >> 32, |view| u64::from(view.candidate.priority))
}

fn remote(picture: &Picture, generation: Generation, address: SocketAddr) -> Option<&CandidateView> {
    let known = || picture.remote_candidates.iter().filter(|view| view.candidate.address == address);
    known().find(|view| view.generation == generation).or_else(|| known().next())
}

impl<'a> GridTable<'a> {
    /// The cell whose pair is wanted.
    pub fn find(&self, wanted: impl Fn(&PairView) -> bool) -> Option<(usize, usize)> {
        self.cells
            .iter()
            .enumerate()
            .find_map(|(row, cells)| Some((row, cells.iter().position(|cell| cell.is_some_and(&wanted))?)))
    }

    /// The next pair in a direction, over cells without one.
    pub fn neighbour(&self, row: usize, column: usize, step: (isize, isize)) -> Option<&'a PairView> {
        let (mut row, mut column) = (row, column);
        loop {
            row = row.checked_add_signed(step.0)?;
            column = column.checked_add_signed(step.1)?;
            if let Some(pair) = self.cells.get(row)?.get(column)? {
                return Some(pair);
            }
        }
    }

    /// The first pair.
    pub fn first(&self) -> Option<&'a PairView> {
        self.cells.iter().flatten().copied().flatten().next()
    }

    /// The last pair.
    pub fn last(&self) -> Option<&'a PairView> {
        self.cells.iter().flatten().copied().flatten().next_back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::fixtures;

    #[test]
    fn the_best_base_and_the_best_candidate_stand_first() {
        let snapshot = fixtures::connected();
        let tables = of(&snapshot.picture);
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0].rows[0].interface(), "eth0");
        let kinds: Vec<_> = tables[0].columns.iter().map(Column::kind).collect();
        assert_eq!(kinds, ["host", "prflx", "srflx", "relay"]);
    }

    #[test]
    fn generations_are_laid_out_separately_newest_first() {
        let snapshot = fixtures::restarting();
        let tables = of(&snapshot.picture);
        assert_eq!(tables.iter().map(|table| table.generation.0).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(tables[0].rows.len(), 1);
    }

    #[test]
    fn a_step_skips_cells_without_a_pair_and_stops_at_the_edge() {
        let mut snapshot = fixtures::connected();
        let picture = std::sync::Arc::make_mut(&mut snapshot.picture);
        let skipped = picture.remote_candidates[2].candidate.address;
        picture.pairs.retain(|pair| pair.id.remote != skipped || pair.id.base == BaseId(2));
        let tables = of(picture);
        let next = tables[0].neighbour(0, 0, (0, 1)).unwrap();
        assert_eq!(next.id.remote, picture.remote_candidates[1].candidate.address);
        assert!(tables[0].neighbour(0, 3, (0, 1)).is_none());
    }
}
