//! The exchange of codes: ours is made once, the peer's is taken once, in either order.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use floe_secure::Fingerprint;
use floe_signal::{CandidateProblem, Capabilities, Code, HiddenHost, Signaling, role};
use floe_transport::Tap;
use floe_wire::{Candidate, IceRole, NatSummary, Note, SignalingState, note::DropKind};

use crate::{identity::Identity, snapshot::PasteOutcome};

/// Candidates of a code whose problems are told one by one; all are counted.
const PROBLEMS_TOLD: usize = 8;
/// New candidates taken from one further code of a peer; pairs have a cap of their own.
const MAX_FRESH: usize = 16;

/// The exchange of codes.
pub(crate) struct Exchange {
    tap: Tap,
    signaling: Signaling,
    own: Option<String>,
    own_tie_breaker: u64,
    peer: Option<Peer>,
    fresh: Vec<Candidate>,
    fresh_hidden: Vec<HiddenHost>,
}

/// What the peer's code says.
#[derive(Clone)]
pub(crate) struct Peer {
    pub code: Code,
    pub role: IceRole,
    pub fingerprint: Fingerprint,
}

impl Exchange {
    pub fn new(tap: &Tap, identity: &Identity) -> Self {
        let exchange = Self {
            tap: tap.clone(),
            signaling: Signaling::new(),
            own: None,
            own_tie_breaker: identity.tie_breaker,
            peer: None,
            fresh: Vec::new(),
            fresh_hidden: Vec::new(),
        };
        exchange.tap.note(Note::SignalingChanged { state: SignalingState::Stable });
        exchange
    }

    /// Our code, once it was made.
    pub fn own(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// The peer, once both codes are known.
    pub fn complete(&self) -> Option<&Peer> {
        self.own.as_ref().and(self.peer.as_ref())
    }

    /// Makes our code from what gathering has found so far.
    ///
    /// A second time it makes another code for the same call: the friend may use either, the newer one is better.
    pub fn make_code(
        &mut self,
        identity: &Identity,
        (candidates, hidden): (Vec<Candidate>, Vec<HiddenHost>),
        nat: Option<NatSummary>,
    ) {
        let is_first = self.own.is_none();
        let code = Code {
            version: floe_signal::VERSION,
            tie_breaker: identity.tie_breaker,
            ufrag: identity.credentials.ufrag.clone(),
            password: identity.credentials.password.clone(),
            fingerprint: identity.certificate.fingerprint().0,
            created_s: unix_seconds(),
            capabilities: Capabilities::AUDIO.union(Capabilities::CONTROL_CHANNEL),
            nat_summary: nat.map(NatSummary::to_bytes),
            candidates,
            hidden,
        };
        let text = code.encode();
        self.tap.note(Note::CodeReady { characters: text.chars().count() });
        self.own = Some(text);
        if is_first {
            let outcome = self.signaling.set_local_code();
            self.note_transition(outcome);
        }
    }

    /// Takes a pasted text.
    pub fn paste(&mut self, text: &str) -> PasteOutcome {
        match self.read(text) {
            Ok(peer) => self.accept(peer),
            Err(reason) => {
                self.tap.note(Note::PeerCodeRefused { reason: reason.clone() });
                PasteOutcome::Refused(reason)
            }
        }
    }

    fn read(&self, text: &str) -> Result<Peer, String> {
        let (code, problems) = Code::decode(text).map_err(|error| error.to_string())?;
        for problem in problems.iter().take(PROBLEMS_TOLD) {
            self.tap.note(Note::PeerCandidateProblem { problem: problem.to_string() });
        }
        let dropped: usize = problems.iter().map(CandidateProblem::dropped).sum();
        if dropped > 0 {
            self.tap.note(Note::Dropped { what: DropKind::Candidates, count: dropped as u64 });
        }
        let role = role(self.own_tie_breaker, code.tie_breaker)
            .ok_or("This is your own code. Send it to your friend and paste the one you get back.")?;
        let fingerprint = Fingerprint(code.fingerprint);
        Ok(Peer { code, role, fingerprint })
    }

    fn accept(&mut self, peer: Peer) -> PasteOutcome {
        if let Some(known) = &self.peer {
            if known.code.ufrag == peer.code.ufrag && known.code.fingerprint == peer.code.fingerprint {
                let fresh = peer.code.candidates.into_iter();
                let is_new = |fresh: &Candidate| known.code.candidates.iter().all(|own| own.address != fresh.address);
                let fresh: Vec<Candidate> = fresh.filter(is_new).take(MAX_FRESH).collect();
                self.fresh.extend(fresh);
                self.fresh_hidden = peer.code.hidden;
                return PasteOutcome::Accepted;
            }
            self.tap.note(Note::SignalingRefused {
                state: self.signaling.state(),
                message: "a second code of a peer".to_owned(),
            });
            return PasteOutcome::Refused(
                "This call already has a friend's code. Hang up and start a new call to use another one.".to_owned(),
            );
        }
        self.tap
            .note(Note::PeerCodeAccepted { created_s: peer.code.created_s, candidates: peer.code.candidates.len() });
        if let Some(summary) = peer.code.nat_summary {
            self.tap.note(Note::PeerNat { summary: NatSummary::from_bytes(summary) });
        }
        self.peer = Some(peer);
        let outcome = self.signaling.set_remote_code();
        self.note_transition(outcome);
        PasteOutcome::Accepted
    }

    /// Candidates of a newer code of the same peer, which offers one when an address in the first had changed.
    pub fn take_fresh(&mut self) -> Vec<Candidate> {
        let fresh = std::mem::take(&mut self.fresh);
        if let Some(peer) = &mut self.peer {
            peer.code.candidates.extend(fresh.iter().cloned());
        }
        fresh
    }

    /// Hidden hosts of such a code.
    pub fn take_fresh_hidden(&mut self) -> Vec<HiddenHost> {
        std::mem::take(&mut self.fresh_hidden)
    }

    /// Ends the exchange.
    pub fn close(&mut self) {
        let state = self.signaling.close();
        self.tap.note(Note::SignalingChanged { state });
    }

    fn note_transition(&self, outcome: Result<SignalingState, floe_signal::Illegal>) {
        match outcome {
            Ok(state) => self.tap.note(Note::SignalingChanged { state }),
            Err(illegal) => {
                self.tap.note(Note::SignalingRefused { state: illegal.state, message: illegal.message.to_string() });
            }
        }
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}
