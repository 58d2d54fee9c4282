//! An in-memory network, and the loop that the call runs around a [`Path`].

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_path::{AgentOutbox, Credentials, Path, PathBase, PathConfig, PathEvent, PathOutput};
use floe_wire::{
    BaseId, Candidate, CandidateType, Generation, IceConnectionState, IceRole, Protocol, TcpType,
    candidate::{priority, tcp_priority},
    note::RefusalReason,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::{mpsc, watch};

/// No wait in these tests is longer; what takes as long has failed.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// First byte of a media packet, as of RTP.
const MEDIA: u8 = 0x80;

type Datagram = (SocketAddr, SocketAddr, Bytes);

/// Datagrams go to whoever has the address, unless the rules say otherwise.
#[derive(Clone)]
pub struct Wire(Arc<Mutex<Rules>>);

struct Rules {
    ears: BTreeMap<SocketAddr, mpsc::UnboundedSender<Datagram>>,
    dead: BTreeSet<(SocketAddr, SocketAddr)>,
    is_cut: bool,
    loss: f64,
    random: StdRng,
    /// Every datagram that was sent, with its sender and receiver.
    log: Vec<Datagram>,
}

impl Wire {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Rules {
            ears: BTreeMap::new(),
            dead: BTreeSet::new(),
            is_cut: false,
            loss: 0.0,
            random: StdRng::seed_from_u64(seed),
            log: Vec::new(),
        })))
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.0.lock().expect("no one panics while holding the rules")
    }

    pub fn lose(&self, loss: f64) {
        self.rules().loss = loss;
    }

    pub fn cut(&self, is_cut: bool) {
        self.rules().is_cut = is_cut;
    }

    pub fn kill(&self, one: SocketAddr, other: SocketAddr) {
        self.rules().dead.extend([(one, other), (other, one)]);
    }

    pub fn log(&self) -> Vec<Datagram> {
        self.rules().log.clone()
    }

    pub fn send(&self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let mut rules = self.rules();
        let rules = &mut *rules;
        rules.log.push((from, to, bytes.clone()));
        if rules.is_cut || rules.dead.contains(&(from, to)) || rules.random.random_bool(rules.loss) {
            return;
        }
        if let Some(ear) = rules.ears.get(&to) {
            let _ = ear.send((from, to, bytes));
        }
    }

    fn listen(&self, address: SocketAddr, ear: mpsc::UnboundedSender<Datagram>) {
        self.rules().ears.insert(address, ear);
    }
}

/// What a test tells a side.
pub enum Order {
    /// The peer's code is pasted.
    Paste { role: IceRole, remote: Credentials, candidates: Vec<Candidate> },
    /// One more base comes up.
    AddBase(PathBase),
    /// The peer tells another candidate.
    AddRemote(Candidate),
    /// A new generation begins beside the old ones.
    Start { generation: Generation, credentials: Credentials, bases: Vec<PathBase> },
    /// A generation ends.
    Retire(Generation),
    /// A base goes away with its interface.
    RemoveBase(BaseId),
    /// A person blocks a pair.
    Block(BaseId, SocketAddr),
    /// Numbered media packets leave every 20 ms.
    Talk,
    /// The clock that is passed in jumps ahead.
    Skip(Duration),
    /// Ends the path.
    Close,
}

/// What a side shows.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub selected: Option<(SocketAddr, SocketAddr)>,
    pub states: Vec<IceConnectionState>,
    pub events: Vec<PathEvent>,
    pub refused: BTreeMap<RefusalReason, usize>,
    pub selected_at: Option<Instant>,
    pub is_closed: bool,
    /// Pairs in reserve.
    pub standby: usize,
    /// Numbers of the media packets that came.
    pub heard: BTreeSet<u32>,
    /// Media packets sent, and those that had nowhere to go.
    pub spoken: u32,
    pub unspoken: u32,
}

impl View {
    pub fn state(&self) -> Option<IceConnectionState> {
        self.states.last().copied()
    }

    /// Whether media goes over a pair of this generation.
    pub fn is_on(&self, wanted: Generation) -> bool {
        let last = self.events.iter().rev().find_map(|event| match event {
            PathEvent::Selected { generation, .. } => Some(*generation),
            _ => None,
        });
        last == Some(wanted)
    }

    /// The role that a conflict left this side with.
    pub fn switched_to(&self) -> Option<IceRole> {
        self.events.iter().rev().find_map(|event| match event {
            PathEvent::RoleSwitched { role, .. } => Some(*role),
            _ => None,
        })
    }
}

/// One end of a call, running in a task of its own.
pub struct Side {
    pub credentials: Credentials,
    pub bases: Vec<PathBase>,
    pub orders: mpsc::UnboundedSender<Order>,
    pub view: watch::Receiver<View>,
}

pub fn base(host: u8, index: u8) -> PathBase {
    let preference = 65_535 - u16::from(index) * 256 - u16::from(host);
    PathBase {
        id: BaseId(u32::from(index)),
        address: SocketAddr::from(([10, 0, index, host], 5000 + u16::from(index))),
        tcp_type: None,
        priority: priority(CandidateType::Host, preference),
        prflx_priority: priority(CandidateType::PeerReflexive, preference),
    }
}

/// A base for TCP on the address of `index`.
pub fn tcp_base(host: u8, index: u8, tcp_type: TcpType) -> PathBase {
    let (udp, preference) = (base(host, index), 65_535 - u16::from(index) * 256);
    let port = if tcp_type == TcpType::Active { 9 } else { 6000 + u16::from(index) };
    PathBase {
        id: BaseId(10 * (1 + tcp_type as u32) + udp.id.0),
        address: SocketAddr::new(udp.address.ip(), port + u16::from(tcp_type == TcpType::SimultaneousOpen)),
        tcp_type: Some(tcp_type),
        priority: tcp_priority(CandidateType::Host, tcp_type, preference),
        prflx_priority: tcp_priority(CandidateType::PeerReflexive, tcp_type, preference),
    }
}

pub fn candidate(base: &PathBase) -> Candidate {
    Candidate {
        candidate_type: CandidateType::Host,
        protocol: if base.tcp_type.is_some() { Protocol::Tcp } else { Protocol::Udp },
        tcp_type: base.tcp_type,
        address: base.address,
        priority: base.priority,
        foundation: base.id.0.to_string(),
        related_address: None,
    }
}

impl Side {
    pub async fn start(wire: &Wire, host: u8, bases: u8, seed: u64) -> Self {
        Self::start_on(wire, host, (0..bases).map(|index| base(host, index)).collect(), seed).await
    }

    pub async fn start_on(wire: &Wire, host: u8, bases: Vec<PathBase>, seed: u64) -> Self {
        let credentials =
            Credentials { ufrag: format!("ufrag{host:03}"), password: format!("password-of-24-characters-{host}") };
        let (mut path, agents) = Path::new(PathConfig {
            pacing: Duration::from_millis(5),
            grace: Duration::from_millis(30),
            tie_breaker: u64::from(host),
            seed,
        });
        path.start(Generation(0), credentials.clone(), &bases).await;
        let (ear, inbound) = mpsc::unbounded_channel();
        for base in &bases {
            wire.listen(base.address, ear.clone());
        }
        let (orders, order) = mpsc::unbounded_channel();
        let (show, view) = watch::channel(View::default());
        let body = Body {
            path,
            wire: wire.clone(),
            ear,
            bases: bases.iter().map(|base| (base.id, base.address)).collect(),
            skipped: Duration::ZERO,
            speak_at: None,
            show,
        };
        tokio::spawn(body.run(agents, inbound, order));
        Self { credentials, bases, orders, view }
    }

    /// A second generation with new credentials, on these bases.
    pub fn restart(&mut self, bases: Vec<PathBase>) {
        self.credentials.ufrag.push_str("again");
        self.bases.clone_from(&bases);
        let credentials = self.credentials.clone();
        self.order(Order::Start { generation: Generation(1), credentials, bases });
    }

    /// This side's user pastes the other's code.
    pub fn paste(&self, role: IceRole, other: &Side) {
        let candidates = other.bases.iter().map(candidate).collect();
        self.order(Order::Paste { role, remote: other.credentials.clone(), candidates });
    }

    pub fn order(&self, order: Order) {
        self.orders.send(order).unwrap_or_else(|_| panic!("the side has ended"));
    }

    #[track_caller]
    pub fn seen(&self) -> View {
        self.view.borrow().clone()
    }

    pub async fn until(&mut self, what: &str, check: impl Fn(&View) -> bool) -> View {
        let seen = tokio::time::timeout(DEADLINE, self.view.wait_for(|view| check(view))).await;
        if let Ok(Ok(view)) = &seen {
            return (*view).clone();
        }
        let ended = seen.is_ok();
        drop(seen);
        panic!("not seen: {what} ({}); {:?}", if ended { "the side ended" } else { "too late" }, self.view.borrow())
    }
}

struct Body {
    path: Path,
    wire: Wire,
    ear: mpsc::UnboundedSender<Datagram>,
    bases: BTreeMap<BaseId, SocketAddr>,
    skipped: Duration,
    speak_at: Option<Instant>,
    show: watch::Sender<View>,
}

impl Body {
    fn now(&self) -> Instant {
        Instant::now() + self.skipped
    }

    async fn run(
        mut self,
        mut agents: AgentOutbox,
        mut inbound: mpsc::UnboundedReceiver<Datagram>,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) {
        loop {
            let due = self
                .path
                .poll_timeout()
                .map_or(Instant::now() + DEADLINE, |(at, _)| at.checked_sub(self.skipped).unwrap_or_else(Instant::now));
            let speak_at = self.speak_at;
            tokio::select! {
                Some(datagram) = inbound.recv() => self.on_datagram(datagram),
                Some(send) = agents.recv() => self.path.handle_agent(send, self.now()),
                order = orders.recv() => match order {
                    None | Some(Order::Close) => break,
                    Some(order) => self.on_order(order).await,
                },
                () = tokio::time::sleep_until(speak_at.unwrap_or(due).into()), if speak_at.is_some() => self.speak(),
                () = tokio::time::sleep_until(due.into()) => self.path.handle_timeout(self.now()),
            }
            self.drain();
        }
        self.path.close().await;
        self.show.send_modify(|view| view.is_closed = true);
    }

    async fn on_order(&mut self, order: Order) {
        let now = self.now();
        match order {
            Order::Paste { role, remote, candidates } => self.path.set_remote(role, remote, &candidates, now).await,
            Order::AddBase(base) => {
                self.wire.listen(base.address, self.ear.clone());
                self.bases.insert(base.id, base.address);
                self.path.add_base(base, now).await;
            }
            Order::AddRemote(candidate) => self.path.add_remote_candidate(&candidate, now),
            Order::Start { generation, credentials, bases } => {
                for base in &bases {
                    self.wire.listen(base.address, self.ear.clone());
                    self.bases.insert(base.id, base.address);
                }
                self.path.start(generation, credentials, &bases).await;
            }
            Order::Retire(generation) => self.path.retire(generation),
            Order::RemoveBase(base) => self.path.remove_bases(&[base], now),
            Order::Block(base, remote) => self.path.block(base, remote, now),
            Order::Talk => self.speak_at = Some(Instant::now()),
            Order::Skip(time) => {
                self.skipped += time;
                self.path.handle_timeout(now + time);
            }
            Order::Close => {}
        }
    }

    fn on_datagram(&mut self, (from, to, bytes): Datagram) {
        let Some((base, _)) = self.bases.iter().find(|(_, address)| **address == to) else { return };
        if let [MEDIA, number @ ..] = &bytes[..] {
            let number = u32::from_be_bytes(number.try_into().expect("media packets hold a number"));
            self.path.media_heard(*base, from, self.now());
            self.show.send_modify(|view| {
                view.heard.insert(number);
            });
            return;
        }
        if let Err(reason) = self.path.handle_stun(*base, from, bytes, self.now()) {
            self.show.send_modify(|view| *view.refused.entry(reason).or_default() += 1);
        }
    }

    fn speak(&mut self) {
        self.speak_at = self.speak_at.map(|at| at + Duration::from_millis(20));
        let number = self.show.borrow().spoken;
        let Some((base, remote)) = self.path.selected() else {
            return self.show.send_modify(|view| view.unspoken += 1);
        };
        let packet = [&[MEDIA][..], &number.to_be_bytes()].concat();
        self.wire.send(self.bases[&base], remote, packet.into());
        self.show.send_modify(|view| view.spoken += 1);
    }

    fn drain(&mut self) {
        while let Some(output) = self.path.poll_output() {
            match output {
                PathOutput::Send { base, to, bytes } => self.wire.send(self.bases[&base], to, bytes),
                PathOutput::Event(event) => self.show.send_modify(|view| {
                    if let PathEvent::ConnectionChanged { state, .. } = event {
                        view.states.push(state);
                    }
                    view.events.push(event);
                }),
            }
        }
        let selected = self.path.selected().map(|(base, remote)| (self.bases[&base], remote));
        let standby = self.path.standby().len();
        self.show.send_if_modified(|view| {
            let is_new = view.selected != selected || view.standby != standby;
            view.standby = standby;
            if view.selected != selected {
                view.selected_at = Some(Instant::now());
            }
            view.selected = selected;
            is_new
        });
    }
}
