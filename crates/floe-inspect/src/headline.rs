//! The one sentence that says how the call stands.

use floe_wire::{GatheringState, IceConnectionState, note::EndReason, verdict::PairVerdict};

use crate::{
    Picture, diagnose,
    path_facts::{PathFacts, RelaySide, path_facts},
    phases::checking_progress,
    picture::SecurityView,
    words::seconds,
};

/// Loss that people hear in spite of error correction, percent.
const AUDIBLE_LOSS: f64 = 5.0;

/// One short plain sentence and how it should feel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// The sentence.
    pub text: String,
    /// How it should feel.
    pub tone: Tone,
}

/// How a headline should feel; colour and shape follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Nothing is under way.
    Idle,
    /// Something is under way.
    Working,
    /// It works.
    Good,
    /// It works, or may work again, with a flaw.
    Warning,
    /// It does not work.
    Bad,
}

/// Says in one sentence how the call stands.
#[must_use]
pub fn headline(picture: &Picture) -> Headline {
    match &picture.ended {
        Some(reason) => ended(picture, reason),
        None => under_way(picture),
    }
}

fn say(tone: Tone, text: impl Into<String>) -> Headline {
    Headline { text: text.into(), tone }
}

fn ended(picture: &Picture, reason: &EndReason) -> Headline {
    match reason {
        EndReason::HungUp => say(Tone::Idle, "You hung up"),
        EndReason::PeerHungUp => say(Tone::Idle, "The other side hung up"),
        EndReason::TimeOver => say(Tone::Idle, "The call is over: its time was up"),
        EndReason::NotConnected => not_connected(picture),
        EndReason::Insecure { error } => say(Tone::Bad, format!("Ended because it was not secure: {error}")),
        EndReason::NoNetwork => say(Tone::Bad, "Not connected: no network interface can be used"),
    }
}

fn not_connected(picture: &Picture) -> Headline {
    if let Some(blocked) = picture.all_blocked() {
        return say(Tone::Bad, format!("Not connected: every path is blocked by {}", blocked.by()));
    }
    if !picture.selections.is_empty() {
        return say(Tone::Bad, "Connection lost: the other side has not answered for 30 s");
    }
    let causes = diagnose(picture);
    let cause = causes.first().map_or("no pair of addresses answered", |finding| finding.evidence.as_str());
    say(Tone::Bad, format!("Not connected: {cause}"))
}

fn under_way(picture: &Picture) -> Headline {
    if let SecurityView::Failed { error } = &picture.security {
        return say(Tone::Bad, format!("Not secure: {error}"));
    }
    if let Some(blocked) = picture.all_blocked() {
        return say(Tone::Bad, format!("Every path is blocked by {}", blocked.by()));
    }
    match picture.ice_connection_state() {
        IceConnectionState::New => preparing(picture),
        IceConnectionState::Checking if picture.selections.is_empty() => checking(picture),
        IceConnectionState::Failed => not_connected(picture),
        IceConnectionState::Closed => say(Tone::Idle, "The call is over"),
        IceConnectionState::Disconnected => disconnected(picture),
        IceConnectionState::Checking | IceConnectionState::Connected | IceConnectionState::Completed => {
            connected(picture)
        }
    }
}

fn preparing(picture: &Picture) -> Headline {
    let is_ready = picture.timings.code_ready.is_some();
    match (is_ready, picture.peer_code.is_some(), picture.gathering_state()) {
        (true, true, _) => say(Tone::Working, "Both codes are here; checking begins"),
        (true, false, _) => say(Tone::Idle, "Your code is ready: send it, and paste your friend's"),
        (false, true, _) => say(Tone::Working, "Your friend's code is here; gathering candidates"),
        (false, false, GatheringState::Gathering) => say(Tone::Working, "Gathering candidates"),
        (false, false, GatheringState::Complete) => say(Tone::Idle, "Candidates are gathered"),
        (false, false, GatheringState::New) => say(Tone::Idle, "Not in a call"),
    }
}

fn checking(picture: &Picture) -> Headline {
    let progress = checking_progress(picture, ", ").unwrap_or_default();
    say(Tone::Working, format!("Still checking: {progress}"))
}

fn disconnected(picture: &Picture) -> Headline {
    let since = picture.ice_connection.last().map(|visit| picture.at.since(visit.entered)).unwrap_or_default();
    let answered = picture.selected_pair().and_then(|pair| pair.last_answer);
    let silence = answered.map_or(since, |answered| picture.at.since(answered));
    say(Tone::Warning, format!("No answer for {}; trying for 30 s", seconds(silence)))
}

fn connected(picture: &Picture) -> Headline {
    let (SecurityView::Secured(_) | SecurityView::Seen(_)) = picture.security else {
        return say(Tone::Working, "A path is found; agreeing on keys");
    };
    let facts = path_facts(picture);
    let path = describe(&facts);
    if picture.is_path_suspected {
        return say(Tone::Warning, format!("{path} It is silent for a moment."));
    }
    if picture.ice_connection_state() == IceConnectionState::Checking {
        return say(Tone::Working, format!("{path} Looking for a new path meanwhile."));
    }
    match facts.loss_percent.filter(|loss| *loss >= AUDIBLE_LOSS) {
        Some(loss) => say(Tone::Warning, format!("{path} {loss:.0} % of the audio is lost.")),
        None => say(Tone::Good, format!("{path}{}", chosen_because(picture))),
    }
}

/// Why this path and no better one, as long as that holds.
fn chosen_because(picture: &Picture) -> String {
    let Some(selection) = picture.selections.last() else { return String::new() };
    match picture.ruling_of(selection.pair).map(|known| (known.ruling.verdict, known.sentence())) {
        Some((PairVerdict::Forced, sentence)) => format!(" The pair is {sentence}."),
        _ => picture.reason_of(selection).map_or_else(String::new, |reason| format!(" Chosen because {reason}.")),
    }
}

/// Describes the path in use.
fn describe(facts: &PathFacts) -> String {
    if let Some(relay) = &facts.relay {
        let whose = match relay.side {
            RelaySide::Ours => "your relay",
            RelaySide::Peers => "your friend's relay",
        };
        return format!("Through {whose}. It carries the audio and cannot hear it.");
    }
    let is_loopback = facts.remote_address.is_some_and(|address| address.ip().is_loopback());
    let way = match (facts.local_behind_nat, facts.remote_behind_nat) {
        _ if is_loopback => "Direct, within this computer.",
        (Some(true), Some(true)) => "Direct, through two home routers.",
        (Some(true), _) => "Direct, through your router.",
        (_, Some(true)) => "Direct, through your friend's router.",
        (Some(false), Some(false)) => "Direct, without a router that translates addresses.",
        (None, _) | (_, None) => "Direct.",
    };
    format!("{way} Nobody else carries the audio.")
}
