//! The rules, one function each; ids, order and bits are in the table of the parent module.

pub(super) mod checks;
pub(super) mod nat;
pub(super) mod network;
pub(super) mod path;

use std::time::Duration;

use floe_wire::{IceConnectionState, note::EndReason};

use crate::{
    Picture,
    path_facts::last_working_state,
    phases::{checking_for, newest_generation},
    picture::PairView,
};

/// Silence says something only after the other side had time to paste, and checks had time to cross.
const PATIENCE: Duration = Duration::from_secs(5);

fn is_anything_answered(picture: &Picture) -> bool {
    !picture.selections.is_empty() || picture.pairs.iter().any(|pair| pair.last_answer.is_some())
}

/// Whether a path is in use that has not been given up.
fn is_connected_now(picture: &Picture) -> bool {
    !picture.selections.is_empty() && !is_lost(picture)
}

/// Whether ICE gave the path up.
fn is_lost(picture: &Picture) -> bool {
    matches!(last_working_state(picture), Some(IceConnectionState::Disconnected | IceConnectionState::Failed))
}

/// Whether the call ended by itself, or ICE failed; a person who hangs up is no failure.
fn is_over(picture: &Picture) -> bool {
    match &picture.ended {
        Some(EndReason::HungUp | EndReason::PeerHungUp | EndReason::TimeOver) => false,
        Some(EndReason::NotConnected | EndReason::Insecure { .. } | EndReason::NoNetwork) => true,
        None => last_working_state(picture) == Some(IceConnectionState::Failed),
    }
}

/// Whether checking failed, ended, or has gone on long enough for silence to mean something.
fn is_time_to_judge(picture: &Picture) -> bool {
    let is_over = picture.ended.is_some() || last_working_state(picture) == Some(IceConnectionState::Failed);
    is_over || checking_for(picture).is_some_and(|elapsed| elapsed >= PATIENCE)
}

fn checks_sent(picture: &Picture) -> u64 {
    newest_pairs(picture).map(|pair| pair.requests_sent).sum()
}

fn checks_received(picture: &Picture) -> u64 {
    newest_pairs(picture).map(|pair| pair.requests_received).sum()
}

fn newest_pairs(picture: &Picture) -> impl Iterator<Item = &PairView> + Clone {
    let newest = newest_generation(picture);
    picture.pairs.iter().filter(move |pair| pair.id.generation == newest)
}
