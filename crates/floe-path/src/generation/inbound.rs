//! What arrives for a generation: the peer's requests, the answers to ours, and what agents make of both.

use std::time::Instant;

use bytes::Bytes;
use floe_wire::{
    IceConnectionState, IceRole, TcpType,
    note::{DropKind, RefusalReason},
    stun::{Class, StunMessage, TransactionId, binding_error, binding_success, is_authentic},
};

use super::{
    Answering, GenerationState, Outputs,
    role::{Claim, as_agents_like_it},
    worth,
};
use crate::{
    agent::{AgentSend, Wish},
    early::nomination,
    gate::Admission,
    pair::{PairKey, Rank, Verdict},
    path::PathEvent,
};

/// Requests that agents have not answered yet; they answer within microseconds.
const ANSWERING_CAPACITY: usize = 256;

impl GenerationState {
    /// A request for our user fragment.
    pub(crate) fn on_request(
        &mut self,
        key: PairKey,
        message: &StunMessage,
        bytes: Bytes,
        tie_breaker: u64,
        now: Instant,
        out: &mut Outputs,
    ) -> Result<(), RefusalReason> {
        if !is_authentic(&bytes, &self.local.password) {
            return Err(RefusalReason::BadIntegrity);
        }
        if !self.bases.contains_key(&key.base) {
            return Err(RefusalReason::NotOurs);
        }
        let Some(remote) = &self.remote else {
            if self.early.remember(key, message) {
                self.answer(key, &bytes, out);
            } else {
                out.drops.count(DropKind::Candidates);
            }
            return Ok(());
        };
        if message.sender_ufrag() != Some(&remote.credentials.ufrag) {
            return Err(RefusalReason::UnknownUfrag);
        }
        if self.verdicts.get(&key) == Some(&Verdict::Blocked) {
            out.event(PathEvent::BlockedPairAsked { base: key.base, remote: key.remote });
            return Err(RefusalReason::BlockedPair);
        }
        match Claim::of(remote.gate.role(), tie_breaker, message) {
            Claim::Fits => {}
            Claim::Yields => {
                self.tell_role_conflict(key, out);
                self.refuse_role(key, &bytes, out);
                return Ok(());
            }
            Claim::Wins => {
                self.tell_role_conflict(key, out);
                self.switch_role(now, out);
            }
        }
        if self.connection.on_request(now) {
            out.event(PathEvent::ConnectionChanged { generation: self.id, state: IceConnectionState::Checking });
        }
        if self.hear(key, message.priority.unwrap_or_default(), now, out) {
            self.pass_request_on(key, message, bytes, tie_breaker, now, out);
        }
        self.tell(now, out);
        Ok(())
    }

    /// Makes sure that the pair of an authentic request is known.
    pub(super) fn hear(&mut self, key: PairKey, prflx_priority: u32, now: Instant, out: &mut Outputs) -> bool {
        let (Some(remote), Some(local)) = (&mut self.remote, self.bases.get(&key.base)) else { return false };
        let told = (local.base.tcp_type.map(TcpType::counterpart), key.remote);
        let signaled = remote.candidates.get(&told).filter(|known| known.is_told).map(|known| known.priority);
        let rank = Rank { local: local.base.priority, remote: signaled.unwrap_or_else(|| worth(prflx_priority)) };
        match remote.gate.hear(key, rank, now) {
            Admission::Admitted => {}
            Admission::Replaced => out.drops.count(DropKind::Pairs),
            Admission::NoRoom => {
                out.drops.count(DropKind::Candidates);
                return false;
            }
        }
        if let Some(verdict) = self.verdicts.get(&key) {
            remote.gate.judge(key, *verdict, now);
        }
        true
    }

    /// Lets the agent answer; without one, the answer is ours.
    fn pass_request_on(
        &mut self,
        key: PairKey,
        message: &StunMessage,
        bytes: Bytes,
        tie_breaker: u64,
        now: Instant,
        out: &mut Outputs,
    ) {
        let (Some(remote), Some(local)) = (&mut self.remote, self.bases.get_mut(&key.base)) else { return };
        let nomination = nomination(message);
        let has_agent_kept_up = local.agent_role.is_none_or(|role| role == remote.gate.role());
        let for_agent = if nomination.is_none() && has_agent_kept_up {
            bytes.clone()
        } else {
            let role = local.agent_role.unwrap_or(remote.gate.role());
            Bytes::from(as_agents_like_it(message, role, &self.local, &remote.credentials, tie_breaker))
        };
        if local.agent.as_mut().is_some_and(|agent| agent.deliver(for_agent, key.remote)) {
            if remote.answering.len() == ANSWERING_CAPACITY {
                remote.answering.pop_front();
                out.drops.count(DropKind::Datagrams);
            }
            remote.answering.push_back(Answering { key, transaction: message.transaction, nomination });
        } else {
            remote.gate.on_request_answered(key, nomination, now);
            self.answer(key, &bytes, out);
        }
    }

    fn answer(&self, key: PairKey, request: &[u8], out: &mut Outputs) {
        if let Ok(answer) = binding_success(request, key.remote, Some(&self.local.password)) {
            out.send(key, answer);
        }
    }

    /// Both sides claim one role and the smaller tie-breaker is the peer's, which the library would not tell it (RFC
    /// 8445 section 7.3.1.1).
    fn refuse_role(&self, key: PairKey, request: &[u8], out: &mut Outputs) {
        if let Ok(answer) = binding_error(request, 487, "Role Conflict", Some(&self.local.password)) {
            out.send(key, answer);
        }
    }

    fn tell_role_conflict(&self, key: PairKey, out: &mut Outputs) {
        out.event(PathEvent::RoleConflict { generation: self.id, base: key.base, remote: key.remote });
    }

    fn switch_role(&mut self, now: Instant, out: &mut Outputs) {
        let Some(remote) = &mut self.remote else { return };
        remote.gate.switch_role(now);
        out.event(PathEvent::RoleSwitched { generation: self.id, role: remote.gate.role() });
    }

    /// Whether an answer belongs to a request of this generation, and came from where it was sent.
    pub(crate) fn has_asked(&self, key: PairKey, transaction: TransactionId) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.gate.has_asked(key, transaction))
    }

    /// An answer for which [`Self::has_asked`].
    pub(crate) fn on_response(
        &mut self,
        key: PairKey,
        message: &StunMessage,
        bytes: Bytes,
        now: Instant,
        out: &mut Outputs,
    ) -> Result<(), RefusalReason> {
        let Some(remote) = &mut self.remote else { return Err(RefusalReason::UnexpectedResponse) };
        if !is_authentic(&bytes, &remote.credentials.password) {
            return Err(RefusalReason::BadIntegrity);
        }
        if message.class == Class::Error {
            let asked_as = remote.gate.on_error(key, message.transaction, now);
            if matches!(message.error, Some((487, _))) {
                self.on_role_refused(key, asked_as, now, out);
            }
            self.tell(now, out);
            return Ok(());
        }
        remote.gate.on_success(key, message.transaction, now);
        if let Some(agent) = self.bases.get_mut(&key.base).and_then(|local| local.agent.as_mut()) {
            // Answers to requests of the gate's own mean nothing to the agent, which ignores them.
            agent.deliver(bytes, key.remote);
        }
        self.tell(now, out);
        Ok(())
    }

    /// The peer's tie-breaker is larger (RFC 8445 section 7.2.5.1): the check is repeated in the other role.
    fn on_role_refused(&mut self, key: PairKey, asked_as: Option<IceRole>, now: Instant, out: &mut Outputs) {
        self.tell_role_conflict(key, out);
        let Some(role) = self.remote.as_ref().map(|remote| remote.gate.role()) else { return };
        // A role that changed since the check left is not changed back.
        if asked_as == Some(role) {
            self.switch_role(now, out);
        }
        if let Some(remote) = &mut self.remote {
            remote.gate.ask_again(key, now);
        }
    }

    /// An agent wants something.
    pub(crate) fn on_agent(&mut self, send: AgentSend, now: Instant, out: &mut Outputs) {
        let key = PairKey { base: send.base, remote: send.to };
        let Some(remote) = &mut self.remote else { return };
        match send.what {
            Wish::Check => remote.gate.on_wish(now),
            Wish::Answer { transaction, bytes } => {
                out.send(key, bytes);
                let asked = remote.answering.iter().position(|a| a.key == key && a.transaction == transaction);
                if let Some(answering) = asked.and_then(|position| remote.answering.remove(position)) {
                    remote.gate.on_request_answered(key, answering.nomination, now);
                }
                self.tell(now, out);
            }
        }
    }

    /// The connection of a pair over TCP has ended.
    pub(crate) fn connection_broke(&mut self, key: PairKey, now: Instant, out: &mut Outputs) {
        let (Some(remote), Some(local)) = (&mut self.remote, self.bases.get(&key.base)) else { return };
        remote.gate.on_broken(key, local.base.tcp_type.is_some_and(TcpType::dials), now);
        self.tell(now, out);
    }
}
