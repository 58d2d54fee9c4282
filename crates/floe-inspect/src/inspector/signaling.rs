//! Notes about codes, roles and the three state machines.

use std::net::SocketAddr;

use floe_wire::{BaseId, GatheringState, Generation, IceConnectionState, IceRole, SignalingState};

use super::Inspector;
use crate::{
    events::is_milestone,
    lint::{Linter, Side},
    markers::MarkerKind,
    picture::{Fragments, PeerCode, Severity},
    states::enter,
    words::count,
};

impl Inspector {
    pub(super) fn on_session_started(&mut self, wall_ms: u64, version: &str) {
        let at = self.picture.at;
        self.picture.wall_ms = Some(wall_ms);
        self.picture.version = Some(version.to_owned());
        if self.picture.signaling.is_empty() {
            enter(&mut self.picture.signaling, SignalingState::Stable, at);
        }
        if self.picture.gathering.is_empty() {
            enter(&mut self.picture.gathering, GatheringState::New, at);
        }
        if self.picture.ice_connection.is_empty() {
            enter(&mut self.picture.ice_connection, IceConnectionState::New, at);
        }
        self.say(Severity::Detail, "call", format!("Floe {version} begins a record"));
    }

    /// Neither codes nor the end of gathering are on the wire.
    pub(super) fn on_captured(&mut self) {
        self.picture.is_capture = true;
        self.picture.signaling.clear();
        self.picture.gathering.clear();
        self.say(Severity::Detail, "call", "It is what a capture tells of a call".to_owned());
    }

    pub(super) fn on_local_credentials(&mut self, generation: Generation, ufrag: &str) {
        self.credentials.note_local(generation, ufrag);
        Fragments::add(&mut self.picture.fragments.own, ufrag);
        self.lint_fragment(Side::Us, generation, ufrag);
        if generation > Generation(0) {
            self.mark(MarkerKind::Restart, format!("Generation {} begins", generation.0));
        }
    }

    pub(super) fn on_remote_credentials(&mut self, generation: Generation, ufrag: &str) {
        self.credentials.note_remote(generation, ufrag);
        Fragments::add(&mut self.picture.fragments.peer, ufrag);
        self.lint_fragment(Side::Peer, generation, ufrag);
    }

    fn lint_fragment(&mut self, side: Side, generation: Generation, ufrag: &str) {
        let place = self.here();
        self.linter.on_fragment(&mut self.picture.lint, place, side, (generation, ufrag));
    }

    pub(super) fn on_password_measured(
        &mut self,
        generation: Generation,
        is_ours: bool,
        characters: usize,
        is_reused: bool,
    ) {
        let (side, whose) = if is_ours { (Side::Us, "Our") } else { (Side::Peer, "The peer's") };
        let place = self.here();
        self.picture.are_passwords_measured[usize::from(!is_ours)] = true;
        self.linter.on_password(&mut self.picture.lint, place, side, (characters, is_reused));
        let text = format!("{whose} password of generation {} has {}", generation.0, count(characters, "character"));
        self.say(Severity::Detail, "check", text);
    }

    pub(super) fn on_gathering_changed(&mut self, generation: Generation, state: GatheringState) {
        let at = self.picture.at;
        let left = enter(&mut self.picture.gathering, state, at);
        if state == GatheringState::Complete {
            self.picture.timings.gathered.get_or_insert(at);
            self.mark(MarkerKind::Milestone, "Gathering is complete".to_owned());
        }
        let is_legal = left.is_none_or(|left| left.successors().contains(&state));
        self.say_state("gathering", "Gathering", generation, state.name(), is_legal);
    }

    pub(super) fn on_signaling_changed(&mut self, state: SignalingState) {
        let at = self.picture.at;
        let left = enter(&mut self.picture.signaling, state, at);
        let is_legal = left.is_none_or(|left| left.successors().contains(&state));
        self.say_state("signaling", "Signaling", Generation(0), state.name(), is_legal);
    }

    pub(super) fn on_ice_connection_changed(&mut self, generation: Generation, state: IceConnectionState) {
        let at = self.picture.at;
        self.generations.set(generation, state);
        if state == IceConnectionState::Failed {
            let place = self.here();
            Linter::on_failed(&mut self.picture, place);
        }
        let left = enter(&mut self.picture.ice_connection, state, at);
        self.mark_connection(left, state);
        match state {
            IceConnectionState::Checking => self.forecast(),
            IceConnectionState::Failed => self.score_failure(),
            _ => {}
        }
        self.is_pairs_stale = true;
        let is_legal = left.is_none_or(|left| left.successors().contains(&state));
        self.say_state("check", "ICE connection", generation, state.name(), is_legal);
    }

    fn mark_connection(&mut self, left: Option<IceConnectionState>, state: IceConnectionState) {
        use IceConnectionState::{Completed, Connected, Disconnected, Failed};
        match (left, state) {
            (left, state) if left.is_none_or(|left| left == state) => {}
            (_, Disconnected) => self.mark(MarkerKind::Loss, "The path in use does not answer".to_owned()),
            (_, Failed) => self.mark(MarkerKind::Failure, "ICE failed".to_owned()),
            (Some(Disconnected | Failed), Connected | Completed) => {
                self.mark(MarkerKind::Recovery, "The path answers again".to_owned());
            }
            _ => {}
        }
    }

    fn say_state(&mut self, topic: &'static str, machine: &str, generation: Generation, state: &str, is_legal: bool) {
        let of = if generation.0 == 0 { String::new() } else { format!(" (generation {})", generation.0) };
        let (severity, surprise) = match state {
            _ if !is_legal => (Severity::Warning, ", which does not follow from the state before"),
            "failed" => (Severity::Error, ""),
            "disconnected" => (Severity::Warning, ""),
            _ => (Severity::Info, ""),
        };
        self.say(severity, topic, format!("{machine}{of} is {state}{surprise}"));
    }

    pub(super) fn on_signaling_refused(&mut self, state: SignalingState, message: &str) {
        self.picture.counters.signaling_refused += 1;
        let text = format!("Ignored in signaling state {state}: {message}");
        self.say(Severity::Warning, "signaling", text);
    }

    pub(super) fn on_code_ready(&mut self, characters: usize) {
        let at = self.picture.at;
        self.picture.timings.code_ready.get_or_insert(at);
        self.note_code();
        let is_new = self.picture.code.is_some_and(|code| code.replaced > 0);
        let what = if is_new { "A new code replaces ours" } else { "Our code is ready" };
        self.mark(MarkerKind::Milestone, what.to_owned());
        self.note_both_codes();
        self.say(Severity::Info, "signaling", format!("{what} ({})", count(characters, "character")));
    }

    pub(super) fn on_peer_code_accepted(&mut self, created_s: u64, candidates: usize) {
        self.picture.peer_code = Some(PeerCode { created_s, accepted: self.picture.at });
        self.note_both_codes();
        self.mark(MarkerKind::Milestone, "The peer's code is here".to_owned());
        let text = format!("The peer's code was accepted: {}", count(candidates, "candidate"));
        self.say(Severity::Info, "signaling", text);
    }

    fn note_both_codes(&mut self) {
        if self.picture.timings.code_ready.is_some() && self.picture.peer_code.is_some() {
            let at = self.picture.at;
            self.picture.timings.both_codes.get_or_insert(at);
        }
    }

    pub(super) fn on_peer_candidate_problem(&mut self, problem: &str) {
        self.say(Severity::Warning, "signaling", format!("In the peer's code {problem}"));
    }

    pub(super) fn on_peer_code_refused(&mut self, reason: &str) {
        self.picture.counters.codes_refused += 1;
        self.picture.code_refusal = Some(reason.to_owned());
        self.say(Severity::Warning, "signaling", format!("A pasted text was refused: {reason}"));
    }

    pub(super) fn on_role_decided(&mut self, role: IceRole) {
        let evidence = &mut self.picture.evidence;
        let is_first = self.picture.role.replace(role).is_none();
        evidence.claims_of_our_role += u64::from(is_first && evidence.peer_claims == Some(role));
        self.linter.on_role_decided();
        self.pairs.prioritize(&mut self.picture);
        self.is_pairs_stale = true;
        let task = match role {
            IceRole::Controlling => "we choose the pair",
            IceRole::Controlled => "the peer chooses the pair",
        };
        self.say(Severity::Info, "signaling", format!("Our role is {role}: {task}"));
    }

    pub(super) fn on_role_conflict(&mut self, base: BaseId, remote: SocketAddr) {
        self.picture.evidence.noted_role_conflicts += 1;
        if is_milestone(self.picture.evidence.noted_role_conflicts) {
            let text = format!("{}: {remote} claims our role; the tie-breakers decide", self.base_name(base));
            self.say(Severity::Warning, "check", text);
        }
    }

    pub(super) fn on_path_suspected(&mut self, suspected: bool) {
        let is_news = suspected != self.picture.is_path_suspected;
        self.picture.is_path_suspected = suspected;
        let (kind, severity, mark, text) = if suspected {
            if is_news {
                self.moves.suspected = Some(self.picture.at);
            }
            let (mark, text) = ("The path in use is silent", "The path in use is silent for a moment");
            (MarkerKind::Loss, Severity::Warning, mark, text)
        } else {
            let since = self.moves.suspected.take();
            let moved = self.picture.selections.last().is_some_and(|newest| since.is_some_and(|at| newest.at >= at));
            let text = if moved { "Another path answers" } else { "The path in use answers again" };
            (MarkerKind::Recovery, Severity::Info, text, text)
        };
        if is_news {
            self.mark(kind, mark.to_owned());
        }
        self.say(severity, "check", text.to_owned());
    }
}
