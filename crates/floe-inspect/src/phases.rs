//! The seven phases of a call: how far each is, and one line about it.

use std::time::Duration;

use floe_wire::{CandidateType, GatheringState, Generation, IceConnectionState, Stamp, note::EndReason};

use crate::{
    Picture,
    picture::{PairState, Phase, PhaseKind, PhaseProgress, SecurityView, ServerVerdict, Visit},
    words::{count, millis, seconds},
};

/// Checking is not given up earlier (RFC 8863 section 4).
pub(crate) const CHECKING_PATIENCE: Duration = Duration::from_millis(39_500);

/// Moments that end phases and that a picture does not keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending {
    /// When the secure channel failed.
    pub security_failed: Option<Stamp>,
}

/// Describes every phase, in order.
pub(crate) fn phases(picture: &Picture, ending: &Ending) -> Vec<Phase> {
    let phase = |kind, span: Span, detail| Phase { kind, progress: span.progress(picture), detail };
    vec![
        phase(PhaseKind::Gathering, gathering_span(picture), gathering_detail(picture)),
        phase(PhaseKind::Prioritization, prioritization_span(picture), prioritization_detail(picture)),
        phase(PhaseKind::Exchange, exchange_span(picture), exchange_detail(picture)),
        phase(PhaseKind::Pairing, pairing_span(picture), pairing_detail(picture)),
        phase(PhaseKind::Checks, checks_span(picture), checks_detail(picture)),
        phase(PhaseKind::Nomination, nomination_span(picture), nomination_detail(picture)),
        phase(PhaseKind::Conclusion, conclusion_span(picture, ending), conclusion_detail(picture)),
    ]
}

/// When a phase began and how it ended, as far as that happened.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    since: Option<Stamp>,
    done: Option<Stamp>,
    failed: Option<Stamp>,
    /// The record cannot tell when it is over.
    is_untold: bool,
}

impl Span {
    /// A phase that was not done when the call ended has failed.
    fn progress(self, picture: &Picture) -> PhaseProgress {
        let Some(since) = self.since else { return PhaseProgress::Ahead };
        match (self.done, self.failed.or(picture.ended_at)) {
            (Some(until), _) => PhaseProgress::Done { since, until: until.max(since) },
            (None, _) if self.is_untold => PhaseProgress::Untold { since },
            (None, Some(until)) => PhaseProgress::Failed { since, until: until.max(since) },
            (None, None) => PhaseProgress::Running { since },
        }
    }
}

/// The newest generation that is known of.
pub(crate) fn newest_generation(picture: &Picture) -> Generation {
    let pairs = picture.pairs.last().map(|pair| pair.id.generation);
    let candidates = picture.local_candidates.last().map(|view| view.generation);
    pairs.max(candidates).unwrap_or_default()
}

/// Pairs of the newest generation that are neither answered nor given up.
pub(crate) fn pairs_left(picture: &Picture) -> usize {
    let newest = newest_generation(picture);
    let pairs = picture.pairs.iter().filter(|pair| pair.id.generation == newest);
    pairs.filter(|pair| matches!(pair.state, PairState::Frozen | PairState::Waiting | PairState::InProgress)).count()
}

/// How long checking has been going on; none while it is not.
pub(crate) fn checking_for(picture: &Picture) -> Option<Duration> {
    let visit = picture.ice_connection.last()?;
    let is_checking = visit.state == IceConnectionState::Checking && picture.ended.is_none();
    is_checking.then(|| picture.at.since(visit.entered))
}

/// `12 of 39 s; 14 pairs left`.
pub(crate) fn checking_progress(picture: &Picture, separator: &str) -> Option<String> {
    let elapsed = checking_for(picture)?;
    let left = count(pairs_left(picture), "pair");
    let time = if elapsed < CHECKING_PATIENCE {
        format!("{} of {}", elapsed.as_secs(), seconds(CHECKING_PATIENCE))
    } else {
        seconds(elapsed)
    };
    Some(format!("{time}{separator}{left} left"))
}

fn first_visit<S: Copy + PartialEq>(visits: &[Visit<S>], state: S) -> Option<Stamp> {
    visits.iter().find(|visit| visit.state == state).map(|visit| visit.entered)
}

fn gathering_span(picture: &Picture) -> Span {
    let begun = first_visit(&picture.gathering, GatheringState::Gathering);
    let since = begun.or(picture.bases.first().map(|base| base.opened)).or(picture.timings.gathered);
    Span { since, done: picture.timings.gathered, is_untold: picture.is_capture, ..Span::default() }
}

fn gathering_detail(picture: &Picture) -> String {
    if picture.bases.is_empty() && picture.ended == Some(EndReason::NoNetwork) {
        return "no interface can be used".to_owned();
    }
    let gathered = picture.local_candidates.iter();
    let gathered = gathered.filter(|view| view.candidate.candidate_type != CandidateType::PeerReflexive).count();
    if gathered == 0 {
        return String::new();
    }
    let mut detail = count(gathered, "candidate");
    let mut silent: Vec<_> = picture.servers.iter().map(|row| row.url.as_str()).collect();
    silent.sort_unstable();
    silent.dedup();
    silent.retain(|url| !has_answered(picture, url));
    if !silent.is_empty() {
        detail.push_str(&format!(", {} silent", count(silent.len(), "server")));
    }
    if picture.is_capture {
        detail.push_str(" seen; a capture does not tell when it ended");
    }
    detail
}

/// Whether a server answered on any base.
pub(crate) fn has_answered(picture: &Picture, url: &str) -> bool {
    let mut rows = picture.servers.iter().filter(|row| row.url == url);
    rows.any(|row| matches!(row.verdict, ServerVerdict::Answered { .. }))
}

fn prioritization_span(picture: &Picture) -> Span {
    let since = picture.local_candidates.first().map(|view| view.at);
    let done = picture.timings.gathered.or(picture.timings.code_ready).or(told_by_checks(picture));
    Span { since, done, is_untold: picture.is_capture, ..Span::default() }
}

fn prioritization_detail(picture: &Picture) -> String {
    let best = picture.local_candidates.iter().max_by_key(|view| view.candidate.priority);
    let Some(best) = best else { return String::new() };
    format!("best: {} {}", best.candidate.candidate_type, best.candidate.address)
}

fn exchange_span(picture: &Picture) -> Span {
    let accepted = picture.peer_code.map(|code| code.accepted);
    let begun = [picture.timings.code_ready, accepted].into_iter().flatten().min();
    let checked = told_by_checks(picture);
    Span { since: begun.or(checked), done: picture.timings.both_codes.or(checked), ..Span::default() }
}

/// Of a capture: checks bear priorities, and the user fragments of both sides.
fn told_by_checks(picture: &Picture) -> Option<Stamp> {
    picture.pairs.iter().map(|pair| pair.formed).min().filter(|_| picture.is_capture)
}

fn exchange_detail(picture: &Picture) -> String {
    let text = match (picture.timings.code_ready, picture.peer_code) {
        (None, None) if told_by_checks(picture).is_some() => "not in a capture; the checks know both sides",
        (None, None) => "",
        (Some(_), None) => "our code is ready, the peer's is missing",
        (None, Some(_)) => "the peer's code is here, ours is not ready",
        (Some(_), Some(_)) => "both codes are known",
    };
    text.to_owned()
}

fn pairing_span(picture: &Picture) -> Span {
    let since = picture.timings.both_codes.or(picture.remote_candidates.first().map(|view| view.at));
    let formed = picture.pairs.iter().map(|pair| pair.formed).min();
    Span { since: since.or(formed), done: formed, failed: failed_without_selection(picture), ..Span::default() }
}

fn pairing_detail(picture: &Picture) -> String {
    if picture.remote_candidates.is_empty() {
        return String::new();
    }
    let newest = newest_generation(picture);
    let pairs = count(picture.pairs.iter().filter(|pair| pair.id.generation == newest).count(), "pair");
    let reflexive = |view: &&crate::picture::CandidateView| {
        view.generation == newest && view.candidate.candidate_type == CandidateType::PeerReflexive
    };
    match picture.remote_candidates.iter().filter(reflexive).count() {
        0 => pairs,
        found => format!("{pairs}; {} found by checks", count(found, "candidate")),
    }
}

fn checks_span(picture: &Picture) -> Span {
    let visit = picture.ice_connection.iter().rev().find(|visit| visit.state == IceConnectionState::Checking);
    let Some(visit) = visit else {
        return Span { since: picture.timings.first_check, done: picture.timings.first_valid, ..Span::default() };
    };
    let next = picture.ice_connection.iter().find(|next| Some(next.entered) == visit.left && next.state != visit.state);
    let works = |visit: &&Visit<IceConnectionState>| {
        matches!(visit.state, IceConnectionState::Connected | IceConnectionState::Completed)
    };
    Span {
        since: Some(visit.entered),
        done: next.filter(works).map(|next| next.entered),
        failed: next.filter(|next| !works(next)).map(|next| next.entered),
        is_untold: false,
    }
}

fn checks_detail(picture: &Picture) -> String {
    if let Some(progress) = checking_progress(picture, "; ") {
        return progress;
    }
    let newest = newest_generation(picture);
    let checked = picture.pairs.iter().filter(|pair| pair.id.generation == newest && pair.requests_sent > 0);
    let answered = checked.clone().filter(|pair| pair.last_answer.is_some()).count();
    match checked.count() {
        0 => String::new(),
        checked => format!("{answered} of {} answered", count(checked, "checked pair")),
    }
}

fn nomination_span(picture: &Picture) -> Span {
    let since = picture.timings.first_valid.or(picture.timings.selected);
    Span { since, done: picture.timings.selected, failed: failed_without_selection(picture), ..Span::default() }
}

fn failed_without_selection(picture: &Picture) -> Option<Stamp> {
    if picture.selections.is_empty() { first_visit(&picture.ice_connection, IceConnectionState::Failed) } else { None }
}

fn nomination_detail(picture: &Picture) -> String {
    let Some(pair) = picture.selected_pair() else {
        if let Some(waiting) = &picture.nomination_wait {
            return format!("waiting {} for a better path than {}", millis(waiting.wait), waiting.pair.remote);
        }
        return match picture.pairs.iter().filter(|pair| pair.nominated).count() {
            0 => String::new(),
            nominated => format!("{} nominated", count(nominated, "pair")),
        };
    };
    let interface = picture.base(pair.id.base).map_or_else(|| pair.id.base.to_string(), |base| base.interface.clone());
    let moves = picture.selections.len() - 1;
    let moved = if moves == 0 { String::new() } else { format!("; moved {}", count(moves, "time")) };
    format!("{interface} to {}{moved}", pair.id.remote)
}

fn conclusion_span(picture: &Picture, ending: &Ending) -> Span {
    let lost = first_visit(&picture.ice_connection, IceConnectionState::Failed);
    let not_connected = if picture.selections.is_empty() { lost } else { None };
    Span {
        since: picture.timings.selected.or(not_connected),
        done: picture.timings.secured,
        failed: ending.security_failed.or(lost),
        is_untold: false,
    }
}

fn conclusion_detail(picture: &Picture) -> String {
    match &picture.security {
        SecurityView::None if picture.ice_connection_state() == IceConnectionState::Failed => {
            "no path works".to_owned()
        }
        SecurityView::None => String::new(),
        SecurityView::Handshaking { .. } => "agreeing on keys".to_owned(),
        SecurityView::Secured(facts) => secured_detail(picture, &facts.dtls_version),
        SecurityView::Seen(seen) => seen.dtls_version.clone().unwrap_or_default(),
        SecurityView::Failed { error } => error.clone(),
    }
}

fn secured_detail(picture: &Picture, version: &str) -> String {
    match (picture.timings.both_codes, picture.timings.secured) {
        (Some(codes), Some(secured)) => format!("{version}, {} after both codes", millis(secured.since(codes))),
        _ => version.to_owned(),
    }
}
