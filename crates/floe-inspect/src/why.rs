//! One plain sentence per pair that says why it is as it is.

use std::time::Duration;

use floe_wire::Stamp;

use crate::{
    pair_state::{Circumstances, ROLE_CONFLICT, has_final_error},
    pairs::PairFacts,
    picture::{PairState, PairView},
    words::{count, millis, seconds},
};

/// An answer may take this long over the longest paths; before that, silence says nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Requests of a working pair may stay unanswered this long before it is worth a word.
const SILENCE: Duration = Duration::from_secs(2);

/// Says why a pair is as it is.
pub(crate) fn why(view: &PairView, facts: &PairFacts, now: &Circumstances) -> String {
    let mut sentence = match view.state {
        PairState::Frozen => "frozen: waits for another pair of its foundation".to_owned(),
        PairState::Waiting => waiting(view, now),
        PairState::InProgress => in_progress(view, facts, now.at),
        PairState::Succeeded => succeeded(view, facts, now),
        PairState::Failed => failed(view, facts, now.at),
    };
    if facts.answers_from_elsewhere > 0 && view.last_answer.is_none() {
        let answers = count(facts.answers_from_elsewhere, "answer");
        sentence.push_str(&format!("; {answers} came from another address than asked and cannot count"));
    }
    sentence
}

/// Says what became of a pair whose base is gone.
pub(crate) fn why_gone(view: &PairView) -> String {
    match view.rtt {
        Some(rtt) => format!("answered in {} until its base was closed", millis(rtt)),
        None => format!("{}, not answered before its base was closed", checks(view)),
    }
}

fn waiting(view: &PairView, now: &Circumstances) -> String {
    if view.requests_received > 0 {
        return format!("{}; ours has not left yet", peers_checks(view));
    }
    match now.selected {
        Some(_) => "not checked: another pair was selected first".to_owned(),
        None if now.checking_over => "not checked: checking ended before its turn".to_owned(),
        None => "waiting: its turn has not come".to_owned(),
    }
}

fn in_progress(view: &PairView, facts: &PairFacts, now: Stamp) -> String {
    let is_early = facts.first_request.is_none_or(|first| now.since(first) < PATIENCE);
    if let Some((ROLE_CONFLICT, _)) = view.last_error {
        return format!("{}; both sides claimed one role (487), so it is checked again", checks(view));
    }
    if !is_early {
        return unanswered(view);
    }
    let received = if view.requests_received > 0 { format!("; {}", peers_checks(view)) } else { String::new() };
    format!("{}, no answer yet{received}", checks(view))
}

/// A pair whose checks were never answered.
fn unanswered(view: &PairView) -> String {
    let sent = format!("{}, 0 back", checks(view));
    if view.requests_received > 0 {
        format!("{sent}; {}, so they reach you but you do not reach them", peers_checks(view))
    } else {
        format!("{sent}; none of the peer's checks arrived either")
    }
}

fn succeeded(view: &PairView, facts: &PairFacts, now: &Circumstances) -> String {
    if let Some(since) = facts.unanswered_since.filter(|since| now.at.since(*since) >= SILENCE) {
        let silence = format!("{} unanswered for {}", count(facts.unanswered, "request"), seconds(now.at.since(since)));
        let prefix = if view.selected { "in use, but silent" } else { "answered before, silent now" };
        return format!("{prefix}: {silence}");
    }
    let answered = view.rtt.map_or_else(|| "answered".to_owned(), |rtt| format!("answered in {}", millis(rtt)));
    match now.selected {
        Some((id, _)) if id == view.id => format!("{answered}; in use"),
        Some((id, _)) if id.generation > view.id.generation => format!("{answered}; replaced after a restart"),
        Some((_, rank)) if rank >= facts.rank => format!("{answered}; better pair selected"),
        Some(_) => format!("{answered}; another pair selected"),
        None if view.nominated => format!("{answered}; nominated"),
        None => format!("{answered}; not chosen yet"),
    }
}

fn failed(view: &PairView, facts: &PairFacts, now: Stamp) -> String {
    if let Some(since) = facts.unanswered_since.filter(|_| view.last_answer.is_some()) {
        let requests = count(facts.unanswered, "request");
        return format!("stopped answering: {requests} unanswered for {}", seconds(now.since(since)));
    }
    if has_final_error(view, facts)
        && let Some((code, reason)) = &view.last_error
    {
        let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        return format!("the peer answered with error {code}{reason}");
    }
    if view.requests_sent > 0 {
        return unanswered(view);
    }
    match view.requests_received {
        0 => "not checked before ICE failed".to_owned(),
        _ => format!("{}; none of ours left before ICE failed", peers_checks(view)),
    }
}

fn checks(view: &PairView) -> String {
    format!("{} sent", count(view.requests_sent, "check"))
}

fn peers_checks(view: &PairView) -> String {
    format!("{} of the peer's checks arrived", view.requests_received)
}
