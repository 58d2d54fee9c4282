//! The session's side of ICE restarts: beginning a generation beside the one that carries media, and ending it.

use std::{net::SocketAddr, time::Instant};

use floe_path::{Credentials, PathBase};
use floe_secure::{RestartKeys, Side};
use floe_signal::control::Features;
use floe_transport::Inbound;
use floe_wire::{
    BaseId, Candidate, CandidateType, Generation, Note, Protocol, candidate::priority, note::RefusalReason,
    peer::RestartCause,
};

use crate::{gathering::changes::Followed, media::Media, restart::credentials, session::Session};

impl Session {
    /// What later generations authenticate with, if the peer derives the same.
    fn restart_keys(&self) -> Option<RestartKeys> {
        let can_restart = self.talk.control.peer_can(Features::RESTART);
        self.media.as_ref().and_then(Media::restart_keys).filter(|_| can_restart).cloned()
    }

    /// Wants a new generation.
    pub(crate) fn want_restart(&mut self, cause: RestartCause) {
        if self.restart_keys().is_some() {
            self.restarts.want(cause);
        } else if cause == RestartCause::Asked {
            self.tap.note(Note::RestartImpossible {
                reason: "the other side has not agreed on keys for it; both sides need a connected call and this \
                         version of Floe"
                    .to_owned(),
            });
        }
    }

    /// Takes a check for a user fragment that is none of ours, yet.
    pub(crate) fn on_unknown_check(&mut self, inbound: &Inbound) -> Result<(), RefusalReason> {
        let keys = self.restart_keys().ok_or(RefusalReason::UnknownUfrag)?;
        let is_held = self.restarts.on_unknown_check(inbound, &keys);
        is_held.then_some(()).ok_or(RefusalReason::UnknownUfrag)
    }

    /// Begins and ends the generations whose time has come.
    pub(crate) async fn renew(&mut self, now: Instant) {
        for generation in self.restarts.take_retired(now) {
            self.retire(generation);
        }
        let has_standby = !self.path.standby().is_empty();
        if let Some((generation, cause)) = self.restarts.take_due(has_standby, now) {
            self.begin_generation(generation, cause, now).await;
        }
    }

    /// Looks at the network if something about it has changed, and moves the call along; true if addresses came or went.
    pub(crate) async fn follow_network(&mut self, now: Instant) -> bool {
        let Followed { added, removed } = self.gathering.follow(now);
        if added.is_empty() && removed.is_empty() {
            return false;
        }
        self.path.remove_bases(&removed, now);
        let has_path = self.path.selected().is_some();
        // A generation that can begin takes all bases with it; else the new ones join the newest there is.
        let cause = if added.is_empty() { RestartCause::NetworkDown } else { RestartCause::NetworkUp };
        let begins = self.restart_keys().is_some() && !self.restarts.is_under_way() && (!added.is_empty() || !has_path);
        if begins {
            self.restarts.want(cause);
        } else {
            for base in self.path_bases().into_iter().filter(|base| added.contains(&base.id)) {
                self.path.add_base(base, now).await;
            }
        }
        self.drain_path();
        true
    }

    /// A relayed address is no more. If it carried the call and nothing takes over, the next generation begins with what
    /// is left, and with the address that replaces it once there is one.
    pub(crate) fn on_relay_lost(&mut self, relay: BaseId, now: Instant) {
        let was_in_use = self.path.selected().is_some_and(|(base, _)| base == relay);
        self.path.remove_bases(&[relay], now);
        if was_in_use && self.path.selected().is_none() {
            self.want_restart(RestartCause::RelayLost);
        }
        self.drain_path();
    }

    /// Notes one side's credentials, of the password only what may be told, and learns what it signs.
    pub(crate) fn know_credentials(&mut self, generation: Generation, is_ours: bool, credentials: &Credentials) {
        let ufrag = credentials.ufrag.clone();
        self.tap.note(match is_ours {
            true => Note::LocalCredentials { generation, ufrag },
            false => Note::RemoteCredentials { generation, ufrag },
        });
        let is_reused = self.publisher.seals.know(credentials);
        let characters = credentials.password.chars().count();
        self.tap.note(Note::PasswordMeasured { generation, is_ours, characters, is_reused });
    }

    async fn begin_generation(&mut self, generation: Generation, cause: RestartCause, now: Instant) {
        let (Some(keys), Some(role)) = (self.restart_keys(), self.restarts.role()) else { return };
        if let Some((_, remote)) = self.path.selected() {
            self.restarts.add_reached(&reached_at(remote));
        }
        let [ours, theirs] = [Side::Local, Side::Remote].map(|side| credentials(&keys, side, generation));
        self.tap.note(Note::RestartStarted { generation, cause });
        self.know_credentials(generation, true, &ours);
        self.know_credentials(generation, false, &theirs);
        for ended in self.restarts.begin(generation, cause, now) {
            self.retire(ended);
        }
        self.talk.control.on_generation();
        if cause != RestartCause::Peer {
            self.talk.control.tell_restart(generation, cause);
        }
        self.gathering.begin_generation(generation);
        for candidate in self.restarts.candidates() {
            self.tap.note(Note::RemoteCandidate { generation, candidate: candidate.clone() });
        }
        let bases: Vec<PathBase> = self.path_bases();
        self.path.start(generation, ours, &bases).await;
        self.path.set_remote(role, theirs, self.restarts.candidates(), now).await;
        self.drain_path();
        for inbound in self.restarts.take_held() {
            self.on_inbound(inbound);
        }
        self.drain_path();
    }

    fn retire(&mut self, generation: Generation) {
        self.path.retire(generation);
        self.tap.note(Note::GenerationRetired { generation });
    }
}

/// An address that the peer was reached at, as a candidate; it may be one of a NAT's that no server ever told.
fn reached_at(address: SocketAddr) -> Candidate {
    Candidate {
        candidate_type: CandidateType::PeerReflexive,
        protocol: Protocol::Udp,
        tcp_type: None,
        address,
        priority: priority(CandidateType::PeerReflexive, 0),
        foundation: "reached".to_owned(),
        related_address: None,
    }
}
