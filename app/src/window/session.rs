//! The calls behind the window: starts them, polls their snapshots, passes commands on.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use floe_call::{AudioSource, Call, CallConfig, Command, Playback, probe::ProbeConfig};
use floe_capture::ImportOptions;
use floe_inspect::side::add_side;
use floe_signal::side_text::read_side;
use floe_simnet::Scenario;
use floe_transport::{Network, SystemNetwork, relay::TlsTrust};

use super::{
    archive::{Archive, OpenFile, OpenState, Repaint},
    break_it::{self, Breakage},
    model::{FileFacts, Journey, Side},
    network_test::{NetworkTest, TestState},
    paint_pace::PaintPace,
    seat::Seat,
    settings::{Settings, TONE_HZ},
    turn_server::TurnServer,
};
use crate::{demo::Demo, engine::Engine};

/// The friend's tone in a demo: a fifth above ours, so that each side hears whom it hears.
const FRIENDS_TONE_HZ: u32 = 660;
/// The same world every time: what one person sees in a demo, another can see too.
const DEMO_SEED: u64 = 1;
/// How long the goodbye may take when the window closes.
const GOODBYE: Duration = Duration::from_secs(1);

/// The calls behind the window.
pub struct Session {
    active: Active,
    side: Side,
    you: Seat,
    friend: Seat,
    shelf: Option<Shelf>,
    context: egui::Context,
    pace: Arc<PaintPace>,
    network_test: NetworkTest,
    // Last: calls end before the runtime they run on.
    engine: Engine,
}

enum Active {
    Idle,
    Call(Call),
    Demo(Box<Demo>),
}

/// A file shown in front of whatever else goes on.
struct Shelf {
    seat: Seat,
    facts: FileFacts,
    open: OpenFile,
}

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum FileNews {
    /// It is shown.
    Opened(PathBuf),
    /// It cannot be; the sentence says why.
    Refused(String),
}

impl Session {
    /// A session without a call.
    #[must_use]
    pub fn new(engine: Engine, context: egui::Context) -> Self {
        let seat = || Seat::new(AudioSource::None, Playback::None, None);
        Self {
            active: Active::Idle,
            side: Side::You,
            you: seat(),
            friend: seat(),
            shelf: None,
            context,
            pace: Arc::default(),
            network_test: NetworkTest::default(),
            engine,
        }
    }

    /// The background runtime.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the session is in the middle of.
    #[must_use]
    pub fn journey(&self) -> Journey {
        if self.shelf.is_some() {
            return Journey::File;
        }
        match &self.active {
            Active::Idle => Journey::Idle,
            Active::Call(_) => Journey::Call,
            Active::Demo(demo) => Journey::Demo(demo.scenario),
        }
    }

    /// Whose view is shown.
    #[must_use]
    pub fn side(&self) -> Side {
        self.side
    }

    /// The side shown.
    #[must_use]
    pub fn shown(&self) -> &Seat {
        match (&self.shelf, self.side) {
            (Some(shelf), _) => &shelf.seat,
            (None, Side::You) => &self.you,
            (None, Side::Friend) => &self.friend,
        }
    }

    /// The file shown.
    #[must_use]
    pub fn file(&self) -> Option<&FileFacts> {
        self.shelf.as_ref().map(|shelf| &shelf.facts)
    }

    /// Reads a file and shows it in front of whatever goes on.
    pub fn open_file(&mut self, path: PathBuf, options: ImportOptions) {
        let (archive, open) = Archive::of_file(path, options, self.repaint());
        let name = open.name();
        // A small file may have been read by now; what became of it is told by the next poll.
        let state = OpenState::start();
        let facts = FileFacts { name, state, is_call_running: false };
        self.shelf = Some(Shelf { seat: Seat::of_file(archive), facts, open });
    }

    /// Reads the file shown in another way.
    pub fn reopen_file(&mut self, options: ImportOptions) {
        if let Some(shelf) = &self.shelf {
            self.open_file(shelf.open.path.clone(), options);
        }
    }

    /// Shows what was read of the file by now.
    pub fn stop_reading(&self) {
        if let Some(shelf) = &self.shelf {
            shelf.open.stop();
        }
    }

    /// Shows again what was behind the file.
    pub fn close_file(&mut self) {
        self.shelf = None;
    }

    /// How far the test of the network is.
    #[must_use]
    pub fn network_test(&self) -> &TestState {
        self.network_test.state()
    }

    /// Tests the network: the simulated one in a demo, as the side shown sees it, and else the system's.
    pub fn test_network(&mut self, settings: &Settings, trust: TlsTrust) {
        let (config, network): (_, Arc<dyn Network>) = match &self.active {
            Active::Demo(demo) => {
                let world = demo.world();
                let config = ProbeConfig {
                    stun_servers: world.stun_servers.clone(),
                    turn_servers: world.turn_servers.clone(),
                    trust: world.turn_trust.clone(),
                    include_loopback: world.include_loopback,
                    ..ProbeConfig::default()
                };
                (config, world.network(self.simulated_side()))
            }
            Active::Idle | Active::Call(_) => {
                let (stun_servers, interfaces) = (settings.stun_servers.clone(), settings.interfaces.clone());
                let turn_servers = settings.turn_servers.iter().map(TurnServer::to_call).collect();
                let web_page = settings.web_page();
                let config =
                    ProbeConfig { stun_servers, web_page, turn_servers, trust, interfaces, ..ProbeConfig::default() };
                (config, Arc::new(SystemNetwork::new()))
            }
        };
        let repaint = self.repaint();
        self.network_test.start(&self.engine, config, network, repaint);
    }

    fn simulated_side(&self) -> floe_simnet::Side {
        match self.side {
            Side::You => floe_simnet::Side::A,
            Side::Friend => floe_simnet::Side::B,
        }
    }

    /// What is broken around the side shown, where something can be broken.
    #[must_use]
    pub fn breakage(&self) -> Option<&Breakage> {
        match &self.active {
            // Real sockets cannot be broken.
            _ if self.shelf.is_some() => None,
            Active::Demo(demo) if demo.scenario != Scenario::Loopback => Some(&self.shown().breakage),
            Active::Demo(_) | Active::Idle | Active::Call(_) => None,
        }
    }

    /// Breaks and mends the simulated network around the side shown.
    pub fn break_network(&mut self, wanted: Breakage) {
        let Active::Demo(demo) = &self.active else { return };
        let (seat, side) = match self.side {
            Side::You => (&mut self.you, floe_simnet::Side::A),
            Side::Friend => (&mut self.friend, floe_simnet::Side::B),
        };
        break_it::apply(&seat.breakage, &wanted, demo.world(), side);
        seat.breakage = wanted;
    }

    /// Makes the router of the side shown forget its mappings.
    pub fn restart_router(&self) {
        let Active::Demo(demo) = &self.active else { return };
        demo.world().flush_nat(match self.side {
            Side::You => floe_simnet::Side::A,
            Side::Friend => floe_simnet::Side::B,
        });
    }

    /// Shows another side of a demo.
    pub fn show(&mut self, side: Side) {
        if matches!(self.active, Active::Demo(_)) {
            self.side = side;
        }
    }

    /// Begins a call of one's own; a running one is hung up. `trust` says whom to believe that it is a TURN server.
    pub fn start_call(&mut self, settings: &Settings, trust: TlsTrust) {
        self.end();
        self.network_test.forget();
        let (source, playback) = (settings.source.to_call(), settings.playback.to_call());
        let (archive, records) = Archive::of_call(self.repaint());
        self.you = Seat::new(source.clone(), playback.clone(), Some(archive));
        let config = CallConfig {
            stun_servers: settings.stun_servers.clone(),
            web_page: settings.web_page(),
            turn_servers: settings.turn_servers.iter().map(TurnServer::to_call).collect(),
            turn_trust: trust,
            interfaces: settings.interfaces.clone(),
            privacy: settings.privacy.to_call(),
            tcp: settings.tcp,
            tcp_ports: settings.tcp_ports.clone(),
            records: Some(records),
            ..self.config(source, playback)
        };
        self.active = Active::Call(self.engine.call(config));
    }

    /// Begins a demo; a running call is hung up.
    ///
    /// # Errors
    /// When its world cannot be built.
    pub fn start_demo(&mut self, scenario: Scenario) -> anyhow::Result<()> {
        self.end();
        self.network_test.forget();
        // A tone out of the speakers would startle; it is measured and drawn either way.
        let (mine, theirs) = (AudioSource::Tone { hz: TONE_HZ }, AudioSource::Tone { hz: FRIENDS_TONE_HZ });
        let (archive_a, records_a) = Archive::of_call(self.repaint());
        let (archive_b, records_b) = Archive::of_call(self.repaint());
        self.you = Seat::new(mine.clone(), Playback::None, Some(archive_a));
        self.friend = Seat::new(theirs.clone(), Playback::None, Some(archive_b));
        let a = CallConfig { records: Some(records_a), ..self.config(mine, Playback::None) };
        let b = CallConfig { records: Some(records_b), ..self.config(theirs, Playback::None) };
        self.active = Active::Demo(Box::new(Demo::start(&self.engine, scenario, DEMO_SEED, a, b)?));
        Ok(())
    }

    fn config(&self, source: AudioSource, playback: Playback) -> CallConfig {
        let context = self.context.clone();
        let pace = Arc::clone(&self.pace);
        let repaint = Arc::new(move || context.request_repaint_after(pace.wait(Instant::now())));
        CallConfig { source, playback, repaint, ..CallConfig::default() }
    }

    /// Paints at once: somebody asked for a moment and waits for it.
    fn repaint(&self) -> Repaint {
        let context = self.context.clone();
        Arc::new(move || context.request_repaint())
    }

    /// Passes a command to the side shown.
    pub fn send(&mut self, command: Command) {
        if self.shelf.is_some() {
            return;
        }
        let call = match (&self.active, self.side) {
            (Active::Idle, _) => return,
            (Active::Call(call), _) => call,
            (Active::Demo(demo), Side::You) => &demo.a,
            (Active::Demo(demo), Side::Friend) => &demo.b,
        };
        let seat = match self.side {
            Side::You => &mut self.you,
            Side::Friend => &mut self.friend,
        };
        seat.note(&command);
        call.send(command);
    }

    /// Adds the friend's side to the call or file shown.
    ///
    /// # Errors
    /// What is wrong with the text, as the sentence shown.
    pub fn add_side(&mut self, text: &str) -> Result<(), String> {
        let side = read_side(text).map_err(|error| error.to_string())?;
        let notes = add_side(&self.shown().snapshot.picture, &side).map_err(|error| error.to_string())?;
        let is_running = self.shelf.is_none() && !self.shown().snapshot.finished;
        if is_running {
            self.send(Command::AddSide(Box::new(side)));
            return Ok(());
        }
        match self.shown().add_notes(notes) {
            true => Ok(()),
            false => Err("No record of this call is kept, so nothing can be added to it".to_owned()),
        }
    }

    /// Takes the newest snapshots; says what became of a file, once.
    pub fn poll(&mut self) -> Option<FileNews> {
        self.network_test.poll();
        match &mut self.active {
            Active::Idle => {}
            Active::Call(call) => self.you.take(call.snapshot()),
            Active::Demo(demo) => {
                demo.exchange_codes();
                self.you.take(demo.a.snapshot());
                self.friend.take(demo.b.snapshot());
            }
        }
        self.poll_file()
    }

    fn poll_file(&mut self) -> Option<FileNews> {
        let is_call_running = !matches!(self.active, Active::Idle) && !self.you.snapshot.finished;
        let shelf = self.shelf.as_mut()?;
        let was_reading = shelf.facts.state.progress().is_some();
        shelf.facts.is_call_running = is_call_running;
        shelf.facts.state = shelf.open.state();
        match &shelf.facts.state {
            OpenState::Reading { .. } | OpenState::Folding { .. } => None,
            OpenState::Open(opened) => {
                shelf.seat.take_file(opened);
                was_reading.then(|| FileNews::Opened(shelf.open.path.clone()))
            }
            OpenState::Refused(why) => {
                let news = FileNews::Refused(why.clone());
                self.shelf = None;
                Some(news)
            }
        }
    }

    /// Hangs up and gives the goodbye a moment to leave.
    pub fn end(&mut self) {
        self.side = Side::You;
        self.shelf = None;
        let goodbye = async |active| match active {
            Active::Idle => {}
            Active::Call(call) => drop(call.finish().await),
            Active::Demo(demo) => drop(demo.finish().await),
        };
        let active = std::mem::replace(&mut self.active, Active::Idle);
        // A side that does not finish in time is cut off; the peer notices by itself.
        let _ = self.engine.runtime().block_on(async { tokio::time::timeout(GOODBYE, goodbye(active)).await });
    }
}
