//! The calls behind the window: starts them, polls their snapshots, passes commands on.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use floe_call::{AudioSource, Call, CallConfig, Command, Playback, Snapshot};
use floe_simnet::Scenario;
use floe_wire::Stamp;

use super::{
    break_it::{self, Breakage},
    model::{Journey, Side},
    paint_pace::PaintPace,
    reading::Reading,
    settings::{Settings, TONE_HZ},
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
    context: egui::Context,
    pace: Arc<PaintPace>,
    // Last: calls end before the runtime they run on.
    engine: Engine,
}

enum Active {
    Idle,
    Call(Call),
    Demo(Box<Demo>),
}

/// What one side shows and was last asked to do.
pub struct Seat {
    /// Its newest snapshot.
    pub snapshot: Arc<Snapshot>,
    /// What the snapshot says.
    pub reading: Reading,
    /// What it was last asked to send.
    pub source: AudioSource,
    /// Where it was last asked to play.
    pub playback: Playback,
    breakage: Breakage,
    arrived: Instant,
}

impl Seat {
    fn new(source: AudioSource, playback: Playback) -> Self {
        let snapshot = Arc::<Snapshot>::default();
        Self {
            reading: Reading::of(&snapshot),
            snapshot,
            source,
            playback,
            breakage: Breakage::default(),
            arrived: Instant::now(),
        }
    }

    fn take(&mut self, snapshot: Arc<Snapshot>) {
        if !Arc::ptr_eq(&self.snapshot, &snapshot) {
            self.reading = Reading::of(&snapshot);
            self.snapshot = snapshot;
            self.arrived = Instant::now();
        }
    }

    /// The present on this side's clock: the newest record's stamp, and the time since it came.
    #[must_use]
    pub fn now(&self) -> Stamp {
        let at = self.snapshot.picture.at;
        if self.snapshot.finished { at } else { at + self.arrived.elapsed() }
    }

    fn note(&mut self, command: &Command) {
        match command {
            Command::SetSource(source) => self.source.clone_from(source),
            Command::SetPlayback(playback) => self.playback.clone_from(playback),
            Command::PasteCode(_) | Command::SetMuted(_) | Command::HangUp => {}
        }
    }
}

impl Session {
    /// A session without a call.
    #[must_use]
    pub fn new(engine: Engine, context: egui::Context) -> Self {
        let seat = || Seat::new(AudioSource::None, Playback::None);
        Self {
            active: Active::Idle,
            side: Side::You,
            you: seat(),
            friend: seat(),
            context,
            pace: Arc::default(),
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
        match self.side {
            Side::You => &self.you,
            Side::Friend => &self.friend,
        }
    }

    /// What is broken around the side shown, where something can be broken.
    #[must_use]
    pub fn breakage(&self) -> Option<&Breakage> {
        match &self.active {
            // Real sockets cannot be broken.
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

    /// Begins a call of one's own; a running one is hung up.
    pub fn start_call(&mut self, settings: &Settings) {
        self.end();
        let (source, playback) = (settings.source.to_call(), settings.playback.to_call());
        self.you = Seat::new(source.clone(), playback.clone());
        let config = CallConfig {
            stun_servers: settings.stun_servers.clone(),
            interfaces: settings.interfaces.clone(),
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
        // A tone out of the speakers would startle; it is measured and drawn either way.
        let (mine, theirs) = (AudioSource::Tone { hz: TONE_HZ }, AudioSource::Tone { hz: FRIENDS_TONE_HZ });
        self.you = Seat::new(mine.clone(), Playback::None);
        self.friend = Seat::new(theirs.clone(), Playback::None);
        let (a, b) = (self.config(mine, Playback::None), self.config(theirs, Playback::None));
        self.active = Active::Demo(Box::new(Demo::start(&self.engine, scenario, DEMO_SEED, a, b)?));
        Ok(())
    }

    fn config(&self, source: AudioSource, playback: Playback) -> CallConfig {
        let context = self.context.clone();
        let pace = Arc::clone(&self.pace);
        let repaint = Arc::new(move || context.request_repaint_after(pace.wait(Instant::now())));
        CallConfig { source, playback, repaint, ..CallConfig::default() }
    }

    /// Passes a command to the side shown.
    pub fn send(&mut self, command: Command) {
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

    /// Takes the newest snapshots.
    pub fn poll(&mut self) {
        match &mut self.active {
            Active::Idle => {}
            Active::Call(call) => self.you.take(call.snapshot()),
            Active::Demo(demo) => {
                demo.exchange_codes();
                self.you.take(demo.a.snapshot());
                self.friend.take(demo.b.snapshot());
            }
        }
    }

    /// Hangs up and gives the goodbye a moment to leave.
    pub fn end(&mut self) {
        self.side = Side::You;
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
