//! The network that all engines run over: addresses, NATs by RFC 4787, relays, and a delay.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::mpsc;

/// What is between a base and the others.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// Nothing.
    Open,
    /// A NAT that filters by address and port.
    Nat {
        /// Its public address.
        external: IpAddr,
        /// Each destination sees another port.
        is_symmetric: bool,
    },
    /// A TURN server, which lets in whom the base has sent to (permissions go by address).
    Relay,
}

/// A datagram at its destination.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub from: SocketAddr,
    /// The base it came to.
    pub base: SocketAddr,
    pub bytes: Bytes,
}

/// The network. Everything is in memory; a mutex, because tasks of several engines send.
#[derive(Clone)]
pub struct Wire(Arc<Mutex<State>>);

struct State {
    delay: Duration,
    ears: HashMap<SocketAddr, (Access, mpsc::UnboundedSender<Arrival>)>,
    /// Public address of a base, per destination if the NAT is symmetric.
    mappings: HashMap<(SocketAddr, Option<SocketAddr>), SocketAddr>,
    owners: HashMap<SocketAddr, SocketAddr>,
    let_in: HashSet<(SocketAddr, SocketAddr)>,
    permitted: HashSet<(SocketAddr, IpAddr)>,
    next_port: u16,
    checks: usize,
}

impl Wire {
    pub fn new(delay: Duration) -> Self {
        Self(Arc::new(Mutex::new(State {
            delay,
            ears: HashMap::new(),
            mappings: HashMap::new(),
            owners: HashMap::new(),
            let_in: HashSet::new(),
            permitted: HashSet::new(),
            next_port: 40_000,
            checks: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A base opens; its end hears with `ear`.
    pub fn open(&self, base: SocketAddr, access: Access, ear: mpsc::UnboundedSender<Arrival>) {
        let mut state = self.state();
        state.ears.insert(base, (access, ear));
        if let Access::Nat { external, is_symmetric } = access {
            // What a STUN server was shown while candidates were gathered.
            let shown = SocketAddr::new(external, base.port());
            state.owners.insert(shown, base);
            if !is_symmetric {
                state.mappings.insert((base, None), shown);
            }
        }
    }

    /// Requests so far.
    pub fn checks(&self) -> usize {
        self.state().checks
    }

    pub fn send(&self, base: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let mut state = self.state();
        if bytes.starts_with(&[0, 1]) {
            state.checks += 1;
        }
        let Some((access, _)) = state.ears.get(&base) else { return };
        let from = match *access {
            Access::Open => base,
            Access::Nat { external, is_symmetric } => {
                let seen = state.mapping(base, external, is_symmetric.then_some(to));
                state.let_in.insert((seen, to));
                seen
            }
            Access::Relay => {
                state.permitted.insert((base, to.ip()));
                base
            }
        };
        let delay = state.delay;
        if delay.is_zero() {
            state.deliver(from, to, bytes);
        } else {
            drop(state);
            let wire = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                wire.state().deliver(from, to, bytes);
            });
        }
    }
}

impl State {
    fn mapping(&mut self, base: SocketAddr, external: IpAddr, to: Option<SocketAddr>) -> SocketAddr {
        if let Some(mapped) = self.mappings.get(&(base, to)) {
            return *mapped;
        }
        let mapped = SocketAddr::new(external, self.next_port);
        self.next_port += 1;
        self.mappings.insert((base, to), mapped);
        self.owners.insert(mapped, base);
        mapped
    }

    /// Hands a datagram to the base it gets to, if everything on the way lets it in when it arrives.
    fn deliver(&self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let base = self.owners.get(&to).copied().unwrap_or(to);
        let Some((access, ear)) = self.ears.get(&base) else { return };
        let is_let_in = match access {
            Access::Open => true,
            // A private address leads nowhere from outside.
            Access::Nat { .. } => to != base && self.let_in.contains(&(to, from)),
            Access::Relay => self.permitted.contains(&(base, from.ip())),
        };
        if is_let_in {
            // An end that is gone hears nothing.
            let _ = ear.send(Arrival { from, base, bytes });
        }
    }
}
