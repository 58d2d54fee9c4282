//! Why audio moved: what this side knows at once, and what the peer says of its choices a little later.

use std::time::Duration;

use floe_wire::{Generation, Stamp, peer::MoveReason};

use super::Inspector;
use crate::{
    markers::MarkerKind,
    peer::{RestartView, push_restart},
    picture::{PairId, Severity},
};

/// The peer's word and the selection that it is about are this far apart at most: one of them may have been lost on the
/// way, and was sent again after a second.
const SAME_MOVE: Duration = Duration::from_secs(5);

/// A reason, and whose word it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Move {
    pub reason: Option<MoveReason>,
    pub is_guess: bool,
}

/// What was said of the next selection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moves {
    own: Option<(Generation, Move)>,
    peers: Option<(Generation, MoveReason, Stamp)>,
    /// When the path in use was suspected.
    pub suspected: Option<Stamp>,
}

impl Moves {
    /// Why the pair that is selected now is; the peer's word goes before a guess.
    pub fn take(&mut self, generation: Generation, at: Stamp) -> Move {
        let own = self.own.take().filter(|(of, _)| *of == generation).map(|(_, own)| own).unwrap_or_default();
        let is_it = |(of, _, said): &(Generation, MoveReason, Stamp)| *of == generation && at.since(*said) <= SAME_MOVE;
        match self.peers.take().filter(is_it).filter(|_| own.is_guess) {
            Some((_, reason, _)) => Move { reason: Some(reason), is_guess: false },
            None => own,
        }
    }
}

impl Inspector {
    /// Audio is about to move.
    pub(super) fn on_moved(&mut self, generation: Generation, reason: MoveReason, is_guess: bool) {
        self.moves.own = Some((generation, Move { reason: Some(reason), is_guess }));
    }

    /// The peer says why it moved. It knows before this side or after it.
    pub(super) fn on_peer_moved(&mut self, generation: Generation, reason: MoveReason) {
        let at = self.picture.at;
        let newest = self.picture.selections.last_mut();
        let is_it = |selected: Stamp| at.since(selected) <= SAME_MOVE;
        let Some(selection) =
            newest.filter(|newest| newest.pair.generation == generation && newest.is_guess && is_it(newest.at))
        else {
            self.moves.peers = Some((generation, reason, at));
            return;
        };
        let (selected, pair, guessed) = (selection.at, selection.pair, selection.reason.replace(reason));
        selection.is_guess = false;
        if guessed == Some(reason) {
            return;
        }
        self.relabel(selected, pair, guessed, reason);
        self.say(Severity::Info, "selection", format!("The other side says why audio moved: {}", reason.name()));
    }

    /// What was taken for one sort of move was another.
    fn relabel(&mut self, selected: Stamp, pair: PairId, guessed: Option<MoveReason>, reason: MoveReason) {
        let text = self.selection_mark(pair, Some(reason));
        let mut number = self.picture.markers.partition_point(|marker| marker.at < selected);
        while let Some(marker) = self.picture.markers.get_mut(number).filter(|marker| marker.at == selected) {
            if marker.kind == MarkerKind::Selection {
                marker.text.clone_from(&text);
            }
            number += 1;
        }
        let restarts = &mut self.picture.restarts;
        let known = guessed.and_then(MoveReason::cause).and_then(|cause| {
            let is_it = |view: &RestartView| view.cause == cause && view.selected == Some(selected);
            restarts.iter().rposition(is_it)
        });
        match (known, reason.cause()) {
            (Some(place), Some(cause)) => restarts[place].cause = cause,
            (Some(place), None) => {
                restarts.remove(place);
            }
            (None, Some(cause)) => {
                let generation = pair.generation;
                let view = RestartView { generation, cause, started: selected, selected: Some(selected), gap: None };
                push_restart(restarts, view);
            }
            (None, None) => {}
        }
    }

    /// Whatever is no restart and costs something is measured as one.
    pub(super) fn begin_move(&mut self, generation: Generation, reason: Option<MoveReason>) {
        if let Some(cause) = reason.and_then(MoveReason::cause) {
            let started = self.picture.at;
            let view = RestartView { generation, cause, started, selected: None, gap: None };
            push_restart(&mut self.picture.restarts, view);
        }
    }

    /// What the marker of a selection says.
    pub(super) fn selection_mark(&self, pair: PairId, reason: Option<MoveReason>) -> String {
        let name = self.pair_name(pair);
        match reason {
            None | Some(MoveReason::Better | MoveReason::Restart) => format!("Audio goes over {name}"),
            Some(reason) => format!("Audio goes over {name}: {}", reason.name()),
        }
    }

    /// Says why audio moved, if that is not said already.
    pub(super) fn say_move(&mut self, reason: Option<MoveReason>, is_guess: bool) {
        let text = match reason {
            Some(MoveReason::TookOver) if is_guess => "The other side left the path before, which may be lost",
            Some(MoveReason::TookOver) => "The path before is lost; one in reserve takes over",
            Some(MoveReason::Quality) => "The path before was left because it was bad",
            Some(MoveReason::Wish) => "The path before was left because a person wanted it",
            None | Some(MoveReason::Better | MoveReason::Restart) => return,
        };
        self.say(Severity::Info, "selection", text.to_owned());
    }
}
