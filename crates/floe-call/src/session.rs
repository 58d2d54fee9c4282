//! The session: one actor, one `select!`, one struct that holds everything a call has and is dropped with it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use floe_media::Interruption;
use floe_path::{AgentOutbox, AgentSend, Credentials, Liveness, Path, PathBase, PathConfig, PathEvent, PathOutput};
use floe_signal::Capabilities;
use floe_transport::{Clock, Inbound, Network, NetworkChanges, Tap, TapReceiver, clock};
use floe_wire::{
    BaseId, Candidate, IceConnectionState, Note, PacketKind, Record,
    note::{EndReason, RefusalReason},
    peer::RestartCause,
    stun::StunMessage,
    verdict::PairVerdict,
};
use tokio::sync::{mpsc, watch};

use crate::{
    CallConfig, Command, Snapshot,
    audio::{AudioOutput, AudioWorker},
    control::Control,
    exchange::{Exchange, Peer},
    gathering::{BaseChange, Found, Gathering},
    identity::Identity,
    machine::Machine,
    media::{Media, MediaOutput},
    publisher::{Extras, Publisher},
    restart::Restarts,
    snapshot::PasteOutcome,
    steering::{Reason, Steering},
    suspicion::Suspicion,
    talk::Talk,
};

/// Datagrams that may wait for the session; two seconds of audio and checks on eight bases.
const INBOUND_CAPACITY: usize = 1024;
/// Datagrams taken at once. Those that waited while this process was held up come before any conclusion from silence.
const INBOUND_BATCH: usize = 64;
/// Records that may wait to be folded.
const TAP_CAPACITY: usize = 8192;
/// How long a better pair may still win before the best valid one is nominated.
const NOMINATION_GRACE: Duration = Duration::from_millis(30);
/// Closing sockets, agents and devices may take this long.
const CLOSING_PATIENCE: Duration = Duration::from_secs(2);
/// Wake up at least this often, so that a missed deadline cannot stall a call.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Everything a running call has.
pub(crate) struct Session {
    pub(crate) tap: Tap,
    identity: Identity,
    pub(crate) gathering: Gathering,
    pub(crate) exchange: Exchange,
    pub(crate) path: Path,
    pub(crate) media: Option<Media>,
    pub(crate) talk: Talk,
    pub(crate) restarts: Restarts,
    pub(crate) machine: Machine,
    pub(crate) steering: Steering,
    suspicion: Suspicion,
    audio: AudioWorker,
    pub(crate) publisher: Publisher,
    paste: Option<PasteOutcome>,
    connection: IceConnectionState,
    pub(crate) ended: Option<EndReason>,
}

/// The channels a session listens to.
struct Ears {
    commands: mpsc::Receiver<Command>,
    tap: TapReceiver,
    inbound: mpsc::Receiver<Inbound>,
    agents: AgentOutbox,
    audio: mpsc::Receiver<AudioOutput>,
    network: Box<dyn NetworkChanges>,
}

/// The closed set of things that wake a session.
enum Wake {
    Command(Option<Command>),
    Records(Vec<Record>),
    Inbound(Vec<Inbound>),
    Agent(AgentSend),
    Audio(AudioOutput),
    Found(Found),
    Network,
    Timer,
}

impl Session {
    /// Runs a call from gathering to hang-up.
    pub async fn run(
        config: CallConfig,
        network: Arc<dyn Network>,
        commands: mpsc::Receiver<Command>,
        snapshots: watch::Sender<Arc<Snapshot>>,
    ) {
        let identity = match Identity::generate() {
            Ok(identity) => identity,
            Err(error) => {
                tracing::error!(%error, "cannot make a certificate");
                return;
            }
        };
        let clock = config.shared_clock.unwrap_or_else(Clock::start);
        let (tap, tap_receiver) = Tap::new(clock, TAP_CAPACITY);
        tap.note(Note::SessionStarted { wall_ms: clock.wall_ms(), version: env!("CARGO_PKG_VERSION").to_owned() });
        let now = clock::now();
        let publisher = Publisher::new(clock, snapshots, &config, now);
        let (inbound_sender, inbound) = mpsc::channel(INBOUND_CAPACITY);
        // Before the interfaces are listed, so that no change falls between.
        let changes = network.changes();
        let exchange = Exchange::new(&tap, &identity);
        let gathering = Gathering::start(&config, &network, &tap, &inbound_sender, now);
        let machine = Machine::start(&network, &tap, now);
        let (path, agents) = Path::new(PathConfig {
            pacing: config.pacing,
            grace: NOMINATION_GRACE,
            tie_breaker: identity.tie_breaker,
            // Of its own: equal seeds make equal transaction ids, and answers could not be told apart.
            seed: rand::random(),
        });
        let (audio, audio_receiver) = AudioWorker::start(&config, clock, identity.ssrc, rand::random());
        let talk_tap = tap.clone();
        let mut session = Self {
            tap,
            identity,
            gathering,
            exchange,
            path,
            media: None,
            talk: Talk::new(Control::new(&talk_tap, clock, config.shared_clock.is_some())),
            restarts: Restarts::default(),
            machine,
            steering: Steering::default(),
            suspicion: Suspicion::default(),
            audio,
            publisher,
            paste: None,
            connection: IceConnectionState::New,
            ended: None,
        };
        let mut ears = Ears { commands, tap: tap_receiver, inbound, agents, audio: audio_receiver, network: changes };
        session.start_path().await;
        while session.ended.is_none() {
            let wake = session.next_wake(&mut ears).await;
            session.on_wake(wake).await;
        }
        session.close(ears).await;
    }

    /// The bases that checks may leave from.
    pub(crate) fn path_bases(&self) -> Vec<PathBase> {
        let relayed = self.gathering.relayed().map(|(id, address, priority)| relayed_base(id, address, priority));
        self.gathering.path_bases().chain(relayed).collect()
    }

    async fn start_path(&mut self) {
        let generation = self.restarts.current();
        let bases = self.path_bases();
        if !self.gathering.has_bases() {
            self.ended = Some(EndReason::NoNetwork);
            return;
        }
        self.know_credentials(generation, true, &self.identity.credentials.clone());
        self.tap.note(Note::IceConnectionChanged { generation, state: IceConnectionState::New });
        self.path.start(generation, self.identity.credentials.clone(), &bases).await;
        self.drain_path();
    }

    async fn next_wake(&mut self, ears: &mut Ears) -> Wake {
        let deadline = self.deadline();
        let (mut batch, mut datagrams) = (Vec::new(), Vec::new());
        tokio::select! {
            biased;
            1.. = ears.inbound.recv_many(&mut datagrams, INBOUND_BATCH) => Wake::Inbound(datagrams),
            Some(send) = ears.agents.recv() => Wake::Agent(send),
            Some(output) = ears.audio.recv() => Wake::Audio(output),
            command = ears.commands.recv() => Wake::Command(command),
            found = self.gathering.next_found() => Wake::Found(found),
            () = ears.network.changed() => Wake::Network,
            _ = ears.tap.recv_many(&mut batch) => Wake::Records(batch),
            () = tokio::time::sleep_until(deadline.into()) => Wake::Timer,
        }
    }

    fn deadline(&self) -> Instant {
        let now = clock::now();
        let code = (self.exchange.own().is_none()).then(|| self.gathering.code_deadline());
        [
            Some(self.publisher.poll_timeout()),
            self.gathering.poll_timeout(),
            self.gathering.look_at(),
            self.path.poll_timeout().map(|(at, _why)| at),
            self.media.as_ref().and_then(Media::poll_timeout),
            self.talk.control.poll_timeout(),
            self.restarts.poll_timeout(!self.path.standby().is_empty()),
            self.steering.poll_timeout(),
            self.suspicion.poll_timeout(),
            code,
        ]
        .into_iter()
        .flatten()
        .fold(now + LONGEST_SLEEP, Instant::min)
    }

    async fn on_wake(&mut self, wake: Wake) {
        match wake {
            Wake::Command(Some(command)) => self.on_command(command).await,
            Wake::Command(None) => self.ended = Some(EndReason::HungUp),
            Wake::Records(batch) => self.publisher.take(batch),
            Wake::Inbound(datagrams) => {
                for inbound in datagrams {
                    self.on_inbound(inbound);
                    // What a check decided is said before the handshake that may come right behind it.
                    self.drain_path();
                }
            }
            Wake::Agent(send) => self.path.handle_agent(send, clock::now()),
            Wake::Audio(output) => self.on_audio(output),
            Wake::Found(found) => self.on_found(found).await,
            Wake::Network => self.gathering.on_network_news(clock::now()),
            Wake::Timer => {}
        }
        self.on_time(clock::now()).await;
    }

    async fn on_found(&mut self, found: Found) {
        let now = clock::now();
        match self.gathering.on_found(found, now) {
            Some(BaseChange::Added { id, address, priority }) => {
                self.path.add_base(relayed_base(id, address, priority), now).await;
            }
            Some(BaseChange::Broken { id, remote }) => self.path.connection_broke(id, remote, now),
            Some(BaseChange::Removed { id }) => self.on_relay_lost(id, now),
            None => {}
        }
    }

    async fn on_command(&mut self, command: Command) {
        match command {
            Command::PasteCode(text) => {
                let had_both = self.exchange.complete().is_some();
                self.paste = Some(self.exchange.paste(&text));
                if !had_both {
                    self.begin_checks().await;
                }
                self.check_fresh_candidates();
            }
            Command::SetMuted(muted) => {
                self.tap.note(Note::Muted { muted });
                self.talk.control.set_muted(muted);
                self.audio.set_muted(muted);
            }
            Command::SetSource(source) => self.audio.set_source(source),
            Command::SetPlayback(playback) => self.audio.set_playback(playback),
            Command::RestartIce => self.want_restart(RestartCause::Asked),
            Command::ForcePair { base, remote } => self.on_pair_wish(base, remote, PairVerdict::Forced),
            Command::BlockPair { base, remote } => self.on_pair_wish(base, remote, PairVerdict::Blocked),
            Command::ReleasePair { base, remote } => self.on_pair_wish(base, remote, PairVerdict::Released),
            Command::AddSide(side) => self.add_side(&side),
            Command::HangUp => self.ended = Some(EndReason::HungUp),
        }
    }

    /// Everything that time or progress may have made due.
    async fn on_time(&mut self, now: Instant) {
        if self.gathering.poll_timeout().is_some_and(|at| at <= now) {
            self.gathering.on_timeout(now);
        }
        if self.exchange.own().is_none() && self.gathering.is_code_worthy(now) {
            self.make_code();
            self.begin_checks().await;
        }
        let has_news = self.gathering.look_at().is_some_and(|at| at <= now);
        let have_addresses_changed = self.follow_network(now).await;
        self.follow_machine(has_news, have_addresses_changed, now);
        self.take_named();
        // While there is no path, a friend can be given where this side is to be found by now: the same call goes on.
        let has_path = self.path.selected().is_some() && !self.restarts.is_lost(now);
        if self.exchange.own().is_some() && !has_path && self.gathering.take_moved() {
            self.make_code();
        }
        if self.path.poll_timeout().is_some_and(|(at, _why)| at <= now) {
            self.path.handle_timeout(now);
        }
        self.drain_path();
        if self.media.as_ref().is_some_and(Media::is_about_to_begin) {
            // Keys take a while to make: whoever carries what has just left goes first.
            tokio::task::yield_now().await;
        }
        let calm = self.suspicion.on_time(now);
        self.note_suspicion(calm);
        self.drain_media(now);
        self.renew(now).await;
        self.steer(now);
        self.talk(now);
        let (code, paste) = (self.exchange.own().map(str::to_owned), self.paste.clone());
        self.publisher.on_timeout(now, || Extras { code, paste });
    }

    pub(crate) fn make_code(&mut self) {
        let (candidates, nat) = (self.gathering.candidates_for_code(), self.gathering.nat_summary());
        self.talk.control.note_told(&candidates);
        let hidden = self.gathering.hidden();
        self.exchange.make_code(&self.identity, (candidates, hidden), nat);
    }

    /// Once both codes are known: roles are decided, remote candidates installed, checks begin.
    async fn begin_checks(&mut self) {
        let Some(peer) = self.exchange.complete().cloned() else { return };
        let generation = self.restarts.current();
        self.restarts.on_first(peer.role, &peer.code.candidates);
        self.tap.note(Note::RoleDecided { role: peer.role });
        let password = peer.code.password.clone();
        self.know_credentials(generation, false, &Credentials { ufrag: peer.code.ufrag.clone(), password });
        for candidate in &peer.code.candidates {
            self.tap.note(Note::RemoteCandidate { generation, candidate: candidate.clone() });
        }
        let Peer { code, role, fingerprint } = peer;
        let credentials = Credentials { ufrag: code.ufrag, password: code.password };
        let now = clock::now();
        self.gathering.expect_from(&code.candidates);
        self.path.set_remote(role, credentials, &code.candidates, now).await;
        self.gathering.seek_names(&code.hidden, now);
        let has_control = code.capabilities.contains(Capabilities::CONTROL_CHANNEL);
        self.media = Some(Media::new(role, &self.identity.certificate, fingerprint, has_control));
        self.drain_path();
    }

    /// A newer code of the peer tells addresses that its first one did not have.
    fn check_fresh_candidates(&mut self) {
        if self.exchange.complete().is_none() {
            return;
        }
        let fresh = self.exchange.take_fresh();
        self.add_candidates(fresh);
        let hidden = self.exchange.take_fresh_hidden();
        self.gathering.seek_names(&hidden, clock::now());
    }

    /// Names of the peer's were answered for: they are addresses like others from here on.
    fn take_named(&mut self) {
        let named = self.gathering.take_named();
        if !named.is_empty() {
            self.gathering.expect_from(&named);
            self.add_candidates(named);
        }
    }

    fn add_candidates(&mut self, candidates: Vec<Candidate>) {
        for candidate in candidates {
            self.restarts.add_candidate(&candidate);
            self.path.add_remote_candidate(&candidate, clock::now());
            self.tap.note(Note::RemoteCandidate { generation: self.restarts.current(), candidate });
        }
        self.drain_path();
    }

    pub(crate) fn on_inbound(&mut self, inbound: Inbound) {
        let now = inbound.at;
        let outcome = match inbound.kind {
            PacketKind::Stun => self.on_stun(&inbound),
            PacketKind::Dtls => self.on_dtls(&inbound),
            PacketKind::Rtp | PacketKind::Rtcp => self.on_media(&inbound, now),
            PacketKind::ChannelData | PacketKind::Unknown => Err(RefusalReason::NotOurs),
        };
        if let Err(reason) = outcome {
            self.gathering.on_nonsense(inbound.base, inbound.remote);
            self.tap.note(Note::PacketRefused { base: inbound.base, remote: inbound.remote, reason });
        }
    }

    fn on_stun(&mut self, inbound: &Inbound) -> Result<(), RefusalReason> {
        let message = StunMessage::decode(&inbound.bytes).map_err(|_| RefusalReason::MalformedStun)?;
        if self.gathering.on_stun(inbound.base, inbound.remote, &message, inbound.at) {
            return Ok(());
        }
        match self.path.handle_stun(inbound.base, inbound.remote, inbound.bytes.clone(), inbound.at) {
            Err(RefusalReason::UnknownUfrag) => self.on_unknown_check(inbound),
            outcome => outcome,
        }
    }

    fn on_dtls(&mut self, inbound: &Inbound) -> Result<(), RefusalReason> {
        let media = self.media.as_mut().ok_or(RefusalReason::BadDtls)?;
        // A handshake is with whoever says hello first, and hellos are not signed. The peer's comes over a pair that it has
        // checked.
        if !media.is_secured() && !self.path.knows(inbound.base, inbound.remote) {
            return Err(RefusalReason::BadDtls);
        }
        media.on_dtls(&inbound.bytes, inbound.at)
    }

    fn on_media(&mut self, inbound: &Inbound, now: Instant) -> Result<(), RefusalReason> {
        let media = self.media.as_mut().ok_or(RefusalReason::BadMedia)?;
        let packet = media.unprotect(inbound.kind, &inbound.bytes)?;
        self.path.media_heard(inbound.base, inbound.remote, now);
        self.audio.receive(inbound.kind, packet, now);
        Ok(())
    }

    fn on_audio(&mut self, output: AudioOutput) {
        match output {
            AudioOutput::Rtp(packet) => self.send_media(PacketKind::Rtp, &packet),
            AudioOutput::Rtcp(packet) => self.send_media(PacketKind::Rtcp, &packet),
            AudioOutput::FirstAudio => self.tap.note(Note::FirstAudio),
            AudioOutput::Measured(measure) => {
                self.steering.on_measured(&measure);
                self.tap.note(Note::AudioMeasured(measure));
            }
            AudioOutput::Interrupted(Interruption { began, lasted, made_up }) => {
                self.tap.note(Note::AudioInterrupted { began, lasted, made_up });
            }
            AudioOutput::Device { message } => self.tap.note(Note::AudioDevice { message }),
            AudioOutput::PeerLeft => self.ended = Some(EndReason::PeerHungUp),
        }
    }

    fn send_media(&mut self, kind: PacketKind, packet: &[u8]) {
        let (Some(media), Some((base, remote))) = (self.media.as_mut(), self.path.selected()) else { return };
        if let Some(protected) = media.protect(kind, packet) {
            self.gathering.send(base, &protected, remote);
        }
    }

    pub(crate) fn drain_path(&mut self) {
        while let Some(output) = self.path.poll_output() {
            match output {
                PathOutput::Send { base, to, bytes } => self.gathering.send(base, &bytes, to),
                PathOutput::Event(event) => self.on_path_event(event),
            }
        }
    }

    fn on_path_event(&mut self, event: PathEvent) {
        match event {
            PathEvent::ConnectionChanged { generation, state } if !self.restarts.shows(generation, state) => {
                tracing::debug!(generation = generation.0, %state, "a generation that is not shown changed");
            }
            PathEvent::ConnectionChanged { generation, state } => {
                self.connection = state;
                if state == IceConnectionState::Connected {
                    self.gathering.stop_refreshing();
                }
                self.tap.note(Note::IceConnectionChanged { generation, state });
            }
            // The older generation goes on choosing until it ends, and nothing goes over its choice.
            PathEvent::Selected { generation, .. }
                if self.restarts.is_superseded(generation) && self.path.carrying() != Some(generation) => {}
            PathEvent::Selected { generation, base, remote, moved } => {
                let reason = self.reason_of_move(generation, (base, remote), moved);
                let now = clock::now();
                self.restarts.on_selected(generation, now);
                if let Some(Reason { reason, is_guess }) = reason {
                    self.tap.note(Note::Moved { generation, reason, is_guess });
                }
                self.tap.note(Note::PairSelected { generation, base, remote });
                let calm = self.suspicion.on_moved(now);
                self.note_suspicion(calm);
                let own = reason.filter(|reason| !reason.is_guess).map(|reason| reason.reason);
                self.talk.control.tell_pair(generation, remote, own);
                self.gathering.on_selected(base, remote);
                if let Some(media) = &mut self.media {
                    media.on_path();
                }
            }
            PathEvent::LivenessChanged { generation, liveness } => {
                let now = clock::now();
                self.restarts.on_liveness(generation, liveness == Liveness::Alive, now);
                // An older generation may fall silent before it ends, and nobody minds.
                if self.restarts.is_superseded(generation) {
                    return;
                }
                let told = self.suspicion.on_liveness(liveness == Liveness::Alive, now);
                self.note_suspicion(told);
                if liveness != Liveness::Alive {
                    self.gathering.on_suspected();
                }
            }
            PathEvent::Waiting { generation, base, remote, better: (better_base, better_remote), wait } => {
                self.tap.note(Note::NominationDelayed { generation, base, remote, better_base, better_remote, wait });
            }
            PathEvent::StandbyChanged { generation, pairs } => {
                self.tap.note(Note::StandbyChanged { generation, pairs });
            }
            PathEvent::RoleSwitched { role, .. } => {
                self.restarts.on_role(role);
                if let Some(media) = &mut self.media {
                    media.on_role(role);
                }
                self.tap.note(Note::RoleDecided { role });
            }
            PathEvent::RoleConflict { base, remote, .. } => self.tap.note(Note::RoleConflict { base, remote }),
            PathEvent::BlockedPairAsked { base, remote } => self.on_blocked_pair_asked(base, remote),
            PathEvent::Dropped { what, count } => self.tap.note(Note::Dropped { what, count }),
        }
    }

    fn note_suspicion(&self, told: Option<bool>) {
        if let Some(suspected) = told {
            self.tap.note(Note::PathSuspected { suspected });
        }
    }

    pub(crate) fn drain_media(&mut self, now: Instant) {
        while let Some(output) = self.media.as_mut().and_then(|media| media.poll(now)) {
            match output {
                MediaOutput::Transmit(datagram) => {
                    if let Some((base, remote)) = self.path.selected() {
                        self.gathering.send(base, &datagram, remote);
                    }
                }
                MediaOutput::HandshakeStarted { client } => self.tap.note(Note::HandshakeStarted { client }),
                MediaOutput::Secured(facts) => {
                    self.tap.note(Note::Secured(facts));
                    self.audio.begin_sending();
                    self.begin_steering(now);
                    self.note_missing_control();
                }
                MediaOutput::ControlOpened => self.on_control_opened(now),
                MediaOutput::ControlMessage(message) => self.on_control_message(&message, now),
                MediaOutput::ControlClosed(reason) => self.talk.control.on_closed(reason),
                MediaOutput::PeerLeft => self.ended = Some(EndReason::PeerHungUp),
                MediaOutput::Failed(error) => {
                    self.tap.note(Note::SecurityFailed { error: error.clone() });
                    self.ended = Some(EndReason::Insecure { error });
                }
            }
        }
    }

    /// Says goodbye, stops everything and publishes the last snapshot.
    async fn close(mut self, mut ears: Ears) {
        let reason = match self.ended.take() {
            Some(EndReason::HungUp) | None if self.connection == IceConnectionState::Failed => EndReason::NotConnected,
            ended => ended.unwrap_or(EndReason::HungUp),
        };
        for goodbye in self.audio.stop(CLOSING_PATIENCE, &mut ears.audio).await {
            self.on_audio(goodbye);
        }
        self.say_goodbye();
        if let Some(media) = &mut self.media {
            media.close();
        }
        self.drain_media(clock::now());
        self.exchange.close();
        let generation = self.restarts.current();
        let state = IceConnectionState::Closed;
        self.tap.note(Note::IceConnectionChanged { generation, state });
        self.tap.note(Note::Ended { reason });
        let Self { tap, path, mut publisher, exchange, paste, gathering, .. } = self;
        let extras = Extras { code: exchange.own().map(str::to_owned), paste };
        path.close().await;
        drop((gathering, exchange, tap, ears.inbound));
        let mut batch = Vec::new();
        let drain = async { while ears.tap.recv_many(&mut batch).await > 0 {} };
        // It ends when the last tap is gone; aborted readers take a moment to let go of theirs.
        if tokio::time::timeout(CLOSING_PATIENCE, drain).await.is_err() {
            tracing::warn!("a socket reader did not end in time");
        }
        publisher.take(batch);
        publisher.finish(clock::now(), extras);
    }
}

/// A peer that was not told of a relay takes it for peer-reflexive, and must not prefer it for that: its checks bear the
/// relayed priority, and not the one of RFC 8445 section 7.1.1.
fn relayed_base(id: BaseId, address: SocketAddr, priority: u32) -> PathBase {
    PathBase { id, address, tcp_type: None, priority, prflx_priority: priority }
}
