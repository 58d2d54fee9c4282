//! Asks STUN servers which address they see, from every base; bytes and time come in, decisions go out.
//!
//! Retransmission follows RFC 8489 section 6.2.1: RTO 500 ms, doubling, seven transmissions of one transaction, the
//! last one waited for 16 RTO. People should not wait 39.5 s for a dead server, so it is *named* dead after
//! [`PATIENCE`]; a later answer still counts and is told as [`DiscoveryOutput::Mapped`] after the
//! [`DiscoveryOutput::Failed`]. Asked again, a server that was named dead gets two requests and not seven: a network that
//! lets no UDP through would see more of them in ten minutes than of everything else.
//!
//! Round-trip times: retransmissions carry the same transaction id, so an answer does not say which of them it
//! answers. The time counts from the latest transmission: as transmissions are at least 500 ms apart, this is exact
//! for every path faster than that, and a lost first request does not read as a slow server.

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_wire::{
    BaseId,
    stun::{self, Class, StunMessage, TransactionId},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// First retransmission timeout (RFC 8489 section 6.2.1).
const RTO: Duration = Duration::from_millis(500);
/// Rc: transmissions of one request.
const TRANSMISSIONS: u32 = 7;
/// Of one to a server that was named dead.
const FEW_TRANSMISSIONS: u32 = 2;
/// Rm: RTOs waited after the last transmission.
const LAST_WAIT: u32 = 16;
/// A server that has not answered by then is named dead: after four requests, the last of them a second ago.
pub const PATIENCE: Duration = Duration::from_millis(4500);
/// Ta: least time between two new transactions (RFC 8445 section 14.2).
const PACING: Duration = Duration::from_millis(5);
/// Requests in flight at once; 16 bases asking 16 servers.
const MAX_QUERIES: usize = 256;

/// What the discovery wants done, or found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiscoveryOutput {
    /// Send this from that base.
    Send {
        /// The base to send from.
        base: BaseId,
        /// The server.
        to: SocketAddr,
        /// A Binding request.
        bytes: Vec<u8>,
    },
    /// A server answered.
    Mapped {
        /// The base it was asked from.
        base: BaseId,
        /// URL as the user wrote it.
        server: String,
        /// The address it saw.
        mapped: SocketAddr,
        /// From the latest transmission of the request to the answer.
        rtt: Duration,
        /// The address that was asked.
        asked: SocketAddr,
        /// What else the server answers from (OTHER-ADDRESS of RFC 5780).
        other: Option<SocketAddr>,
    },
    /// A server gave no usable answer.
    Failed {
        /// The base it was asked from.
        base: BaseId,
        /// URL as the user wrote it.
        server: String,
        /// The sentence shown.
        error: String,
    },
}

/// All requests to STUN servers of a call.
#[derive(Debug)]
pub struct Discovery {
    random: StdRng,
    queries: Vec<Query>,
    /// Servers that were named dead and have not answered since.
    dead: BTreeSet<(BaseId, SocketAddr)>,
    outputs: VecDeque<DiscoveryOutput>,
    next_start: Option<Instant>,
}

/// One Binding transaction from one base to one server.
#[derive(Debug)]
struct Query {
    base: BaseId,
    url: String,
    server: SocketAddr,
    transaction: TransactionId,
    first_send: Instant,
    /// Something came from there that is no answer.
    has_babbled: bool,
    /// How often it is sent.
    most: u32,
    state: QueryState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QueryState {
    /// Waits for its turn.
    Queued,
    /// Sent `transmissions` times without an answer; `named_dead` once people were told.
    Asking { transmissions: u32, last_send: Instant, next: Instant, named_dead: bool },
    /// Answered, well or badly; kept so that answers to its retransmissions are known.
    Done,
}

impl Discovery {
    /// A discovery whose transaction ids come from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            queries: Vec::new(),
            dead: BTreeSet::new(),
            outputs: VecDeque::new(),
            next_start: None,
        }
    }

    /// Asks a server from a base; `false` when nothing is asked.
    ///
    /// That is so for a server of the other address family, for one being asked from this base already, and above
    /// 256 requests at once. A server that was answered or named dead may be asked again, to keep the mapping alive
    /// or to see whether it changed.
    pub fn ask(
        &mut self,
        base: BaseId,
        base_address: SocketAddr,
        server_url: &str,
        server: SocketAddr,
        now: Instant,
    ) -> bool {
        self.handle_timeout(now);
        let known = |query: &Query| query.base == base && query.server == server && !query.is_told();
        if base_address.is_ipv4() != server.is_ipv4()
            || self.queries.len() >= MAX_QUERIES
            || self.queries.iter().any(known)
        {
            return false;
        }
        let first_send = self.next_start.map_or(now, |next| next.max(now));
        self.next_start = Some(first_send + PACING);
        self.queries.push(Query {
            base,
            url: server_url.to_owned(),
            server,
            transaction: TransactionId(self.random.random()),
            first_send,
            has_babbled: false,
            most: if self.dead.contains(&(base, server)) { FEW_TRANSMISSIONS } else { TRANSMISSIONS },
            state: QueryState::Queued,
        });
        self.handle_timeout(now);
        true
    }

    /// Takes a STUN message; `true` when it answers one of our requests.
    ///
    /// An answer from another address than the one asked is not ours (RFC 8489 section 6.3.1).
    pub fn handle(&mut self, base: BaseId, from: SocketAddr, message: &StunMessage, now: Instant) -> bool {
        let answers =
            |query: &&mut Query| query.transaction == message.transaction && query.base == base && query.server == from;
        let Some(query) = self.queries.iter_mut().find(answers) else { return false };
        if message.method != stun::METHOD_BINDING || matches!(message.class, Class::Request | Class::Indication) {
            return false;
        }
        if let QueryState::Asking { last_send, .. } = query.state {
            query.state = QueryState::Done;
            self.dead.remove(&(base, from));
            let (base, server) = (query.base, query.url.clone());
            self.outputs.push_back(match verdict(message, query.server) {
                Ok(mapped) => DiscoveryOutput::Mapped {
                    base,
                    server,
                    mapped,
                    rtt: now.saturating_duration_since(last_send),
                    asked: from,
                    other: message.other,
                },
                Err(error) => DiscoveryOutput::Failed { base, server, error },
            });
        }
        true
    }

    /// Takes note of something that is of no use to anybody, and where it came from: a server that says such things is up,
    /// and not what it was taken for.
    pub fn on_nonsense(&mut self, base: BaseId, from: SocketAddr) {
        for query in self.queries.iter_mut().filter(|query| query.base == base && query.server == from) {
            query.has_babbled = true;
        }
    }

    /// What to do or to know next.
    pub fn poll_output(&mut self) -> Option<DiscoveryOutput> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.queries.iter().filter_map(Query::wake).min()
    }

    /// Sends what is due, names the dead, forgets what is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        for query in &mut self.queries {
            if query.advance(now, &mut self.outputs) {
                if self.dead.len() >= MAX_QUERIES {
                    self.dead.pop_first();
                }
                self.dead.insert((query.base, query.server));
            }
        }
        self.queries.retain(|query| now < query.expires());
    }

    /// The bases that wait for a server that was neither heard nor named dead, each with the time of its first request.
    pub fn waiting(&self) -> impl Iterator<Item = (BaseId, Instant)> {
        self.queries.iter().filter(|query| !query.is_told()).map(|query| (query.base, query.first_send))
    }

    /// Whether every server asked so far has answered or has been named dead.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outputs.is_empty() && self.queries.iter().all(Query::is_told)
    }
}

impl Query {
    /// Whether people know how it went.
    fn is_told(&self) -> bool {
        matches!(self.state, QueryState::Done | QueryState::Asking { named_dead: true, .. })
    }

    fn dead_at(&self) -> Instant {
        self.first_send + PATIENCE
    }

    /// RTOs add up to 1 + 2 + … + 32 before the last of seven transmissions, Rm follows.
    fn expires(&self) -> Instant {
        self.first_send + RTO * (2_u32.pow(self.most - 1) - 1 + LAST_WAIT)
    }

    fn wake(&self) -> Option<Instant> {
        match self.state {
            QueryState::Queued => Some(self.first_send),
            QueryState::Asking { next, named_dead: false, .. } => Some(next.min(self.dead_at())),
            QueryState::Asking { next, named_dead: true, .. } => Some(next),
            QueryState::Done => None,
        }
    }

    /// Does what is due; `true` if the server is named dead with it.
    fn advance(&mut self, now: Instant, outputs: &mut VecDeque<DiscoveryOutput>) -> bool {
        let (transmissions, next) = match self.state {
            QueryState::Queued => (0, self.first_send),
            QueryState::Asking { transmissions, next, .. } => (transmissions, next),
            QueryState::Done => return false,
        };
        if now >= next && transmissions < self.most {
            self.transmit(transmissions + 1, now, outputs);
        }
        self.name_dead(now, outputs)
    }

    fn transmit(&mut self, transmissions: u32, now: Instant, outputs: &mut VecDeque<DiscoveryOutput>) {
        let wait = if transmissions == self.most { LAST_WAIT } else { 2_u32.pow(transmissions - 1) };
        let named_dead = self.is_told();
        self.state = QueryState::Asking { transmissions, last_send: now, next: now + RTO * wait, named_dead };
        let bytes = stun::binding_request(self.transaction);
        outputs.push_back(DiscoveryOutput::Send { base: self.base, to: self.server, bytes });
    }

    fn name_dead(&mut self, now: Instant, outputs: &mut VecDeque<DiscoveryOutput>) -> bool {
        let dead_at = self.dead_at();
        let QueryState::Asking { named_dead: named_dead @ false, .. } = &mut self.state else { return false };
        let is_dead = now >= dead_at;
        if is_dead {
            *named_dead = true;
            let (server, waited) = (self.server, PATIENCE.as_secs_f64());
            let error = if self.has_babbled {
                format!("{server} answers with something that is not STUN; check its host name and port")
            } else {
                format!(
                    "no answer from {server} within {waited:.1} s; the server is down, or UDP to it is blocked here"
                )
            };
            outputs.push_back(DiscoveryOutput::Failed { base: self.base, server: self.url.clone(), error });
        }
        is_dead
    }
}

/// What an answer is worth: the address it tells, or a sentence.
fn verdict(message: &StunMessage, server: SocketAddr) -> Result<SocketAddr, String> {
    if message.class == Class::Error {
        return Err(match &message.error {
            Some((code, reason)) => refusal(*code, reason),
            None => "the server refused without an error code; it is not a usable STUN server".to_owned(),
        });
    }
    match message.mapped {
        Some(mapped) if mapped.is_ipv4() != server.is_ipv4() => {
            Err("the server told an address of another family than it was asked with; it is misconfigured".to_owned())
        }
        Some(mapped) if mapped.port() == 0 || mapped.ip().is_unspecified() || mapped.ip().is_multicast() => {
            Err(format!("the server told an impossible address ({mapped}); it is misconfigured"))
        }
        Some(mapped) => Ok(mapped),
        None => Err("the server answered without an address; it is not a usable STUN server".to_owned()),
    }
}

/// The error codes of RFC 8489 section 14.8 in words; other codes with the server's own.
fn refusal(code: u16, reason: &str) -> String {
    let meaning = match code {
        300 => "it sends us to another server; name that one",
        400 => "it did not understand the request",
        401 | 438 => "it asks for a password, which plain STUN has not; use another server",
        403 => "it does not serve this network; use another server",
        420 => "it insists on an extension that Floe does not speak; use another server",
        500 => "it has a fault of its own; try again later or use another server",
        _ => {
            let reason: String = reason.chars().filter(|c| !c.is_control()).take(80).collect();
            return format!("the server refused with error {code} ({reason})");
        }
    };
    format!("the server refused with error {code}: {meaning}")
}

#[cfg(test)]
mod tests;
