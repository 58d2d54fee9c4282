//! The session's side of the control channel: messages between the secure channel and everything they concern.

use std::time::Instant;

use floe_inspect::side::add_side;
use floe_transport::clock;
use floe_wire::{Candidate, Generation, Note, note::EndReason, side::SideDigest};

use crate::{
    control::{Control, Request},
    media::Media,
    session::Session,
};

/// The conversation with the peer, and what it has been told of.
pub(crate) struct Talk {
    pub control: Control,
    /// How many of our candidates were looked at for telling.
    offered: usize,
}

impl Talk {
    pub fn new(control: Control) -> Self {
        Self { control, offered: 0 }
    }
}

impl Session {
    /// A peer of an older version has no channel; people are told why only this side is in view.
    pub(crate) fn note_missing_control(&mut self) {
        if !self.media.as_ref().is_some_and(Media::wants_control) {
            self.talk.control.on_closed("the other side's version of Floe cannot tell what it sees".to_owned());
        }
    }

    pub(crate) fn on_control_opened(&mut self, now: Instant) {
        self.talk.control.on_opened(now);
        if let Some((_, remote)) = self.path.selected() {
            self.talk.control.tell_pair(self.restarts.current(), remote, None);
        }
        self.talk.offered = 0;
    }

    pub(crate) fn on_control_message(&mut self, message: &[u8], now: Instant) {
        match self.talk.control.on_message(message, now) {
            Some(Request::AddCandidate { generation, candidate }) => {
                self.on_late_candidate(generation, &candidate, now)
            }
            Some(Request::Restart { generation, .. }) => self.on_peer_restart(generation),
            Some(Request::Rule(ruling)) => self.on_peer_ruling(ruling),
            None => {}
            Some(Request::Goodbye) => self.ended = Some(EndReason::PeerHungUp),
        }
    }

    fn on_peer_restart(&mut self, generation: Generation) {
        self.restarts.on_peer_restart(generation);
    }

    fn on_late_candidate(&mut self, generation: Generation, candidate: &Candidate, now: Instant) {
        let current = self.restarts.current();
        if generation > current {
            return;
        }
        // Whichever generation it was meant for: the newest one begins with what the older ones knew.
        let generation = current;
        self.restarts.add_candidate(candidate);
        self.tap.note(Note::RemoteCandidate { generation, candidate: candidate.clone() });
        self.gathering.expect_from(self.restarts.candidates());
        self.path.add_remote_candidate(candidate, now);
        self.drain_path();
    }

    /// Takes the other side's record; one that is not of this call changes nothing.
    pub(crate) fn add_side(&mut self, side: &SideDigest) {
        match add_side(self.publisher.picture(), side) {
            Ok(notes) => notes.into_iter().for_each(|note| self.tap.note(note)),
            Err(error) => tracing::debug!(%error, "a side was refused"),
        }
    }

    /// Says what is due, and moves messages to the secure channel.
    pub(crate) fn talk(&mut self, now: Instant) {
        let Some(media) = &mut self.media else { return };
        let count = self.gathering.candidate_count();
        if self.talk.offered != count {
            self.talk.offered = count;
            self.talk.control.tell_candidates(self.restarts.current(), &self.gathering.candidates());
        }
        self.talk.control.on_time(now, media.control_buffered(), &mut self.publisher);
        let mut is_sent = false;
        while let Some(message) = self.talk.control.poll_message() {
            media.send_control(&message);
            is_sent = true;
        }
        if is_sent {
            self.drain_media(now);
        }
    }

    /// Tells the peer that this side hangs up, without waiting for an answer.
    pub(crate) fn say_goodbye(&mut self) {
        self.talk.control.say_goodbye();
        self.talk(clock::now());
    }
}
