//! Hidden addresses: random `.local` names that this computer answers for, and those of the peer that it asks for.
//!
//! Nothing listens unless there is a name to answer for or to ask for. Where an interface has addresses of both families,
//! both are spoken (RFC 6762 section 20): the other side may have one of them only.

use std::{
    future::{pending, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use floe_signal::HiddenHost;
use floe_transport::{Network, Tap, UdpSocket};
use floe_wire::{
    Candidate, Note,
    mdns::{self, HiddenName, MAX_MESSAGE, Said},
};

/// A name is asked for at once and after each of these but the last, after which nobody answers for it. RFC 6762 section
/// 5.2 wants a second between the first two questions and twice as long each time.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// No answer is sent twice within this time (RFC 6762 section 6).
const ANSWER_PACE: Duration = Duration::from_secs(1);
/// Messages of others that are read in a second; a network with more of them is not listened to for the rest of it.
const MAX_HEARD: u32 = 200;
const SECOND: Duration = Duration::from_secs(1);
/// Names asked for at once, and answered for.
const MAX_NAMES: usize = 16;

/// What a listening socket gave.
pub(crate) struct Heard {
    local: IpAddr,
    message: io::Result<(Vec<u8>, SocketAddr)>,
}

/// Names of ours and of the peer.
pub(super) struct Names {
    network: Arc<dyn Network>,
    tap: Tap,
    ears: Vec<Ear>,
    own: Vec<OwnName>,
    sought: Vec<Sought>,
    found: Vec<Candidate>,
    heard: u32,
    second_ends: Option<Instant>,
}

/// A socket that listens on one interface, over one family.
struct Ear {
    local: IpAddr,
    socket: Box<dyn UdpSocket>,
}

struct OwnName {
    /// Where it is asked for, and when it was answered for there.
    ears: Vec<(IpAddr, Option<Instant>)>,
    /// What it stands for.
    address: IpAddr,
    name: HiddenName,
}

struct Sought {
    host: HiddenHost,
    asked: usize,
    next: Instant,
}

impl Names {
    pub fn new(network: &Arc<dyn Network>, tap: &Tap) -> Self {
        Self {
            network: Arc::clone(network),
            tap: tap.clone(),
            ears: Vec::new(),
            own: Vec::new(),
            sought: Vec::new(),
            found: Vec::new(),
            heard: 0,
            second_ends: None,
        }
    }

    /// The name that stands for an address of ours from here on, and is answered for where these addresses are; none for
    /// one that is told openly or that nobody could ask for.
    pub fn hide(&mut self, address: IpAddr, ears: &[IpAddr]) -> Option<HiddenName> {
        if let Some(own) = self.own.iter().find(|own| own.address == address) {
            return Some(own.name);
        }
        if self.own.len() == MAX_NAMES || !can_be_hidden(address) {
            return None;
        }
        let ears: Vec<_> = ears.iter().filter(|ear| self.listen(**ear)).map(|ear| (*ear, None)).collect();
        if ears.is_empty() {
            return None;
        }
        let name = HiddenName::from_random(rand::random());
        self.own.push(OwnName { ears, address, name });
        Some(name)
    }

    /// Asks for the peer's names where these addresses are.
    pub fn seek(&mut self, hosts: &[HiddenHost], ears: &[IpAddr], now: Instant) {
        for host in hosts {
            let is_sought = self.sought.iter().any(|sought| sought.host == *host);
            if !is_sought && self.sought.len() < MAX_NAMES {
                self.sought.push(Sought { host: *host, asked: 0, next: now });
            }
        }
        if !self.sought.is_empty() {
            for ear in ears {
                self.listen(*ear);
            }
        }
        self.on_timeout(now);
    }

    fn listen(&mut self, local: IpAddr) -> bool {
        if self.ears.iter().any(|ear| ear.local == local) {
            return true;
        }
        match self.network.bind_multicast(local, mdns::group(local)) {
            Ok(socket) => self.ears.push(Ear { local, socket }),
            Err(error) => {
                tracing::warn!(%local, %error, "cannot listen to multicast DNS");
                return false;
            }
        }
        true
    }

    /// Waits for the next message; pending while nothing listens.
    pub async fn next(&self) -> Heard {
        if self.heard >= MAX_HEARD || self.ears.is_empty() {
            return pending().await;
        }
        let mut buffer = [0; MAX_MESSAGE + 1];
        poll_fn(|cx| {
            for Ear { local, socket } in &self.ears {
                if let Poll::Ready(result) = socket.poll_recv_from(cx, &mut buffer) {
                    let message = result.map(|(length, from)| (buffer[..length].to_vec(), from));
                    return Poll::Ready(Heard { local: *local, message });
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Takes a message.
    pub fn on_heard(&mut self, Heard { local, message }: Heard, now: Instant) {
        self.heard += 1;
        self.second_ends.get_or_insert(now + SECOND);
        let (message, from) = match message {
            Ok(heard) => heard,
            Err(error) => {
                tracing::debug!(%local, %error, "multicast DNS is heard there no more");
                self.ears.retain(|ear| ear.local != local);
                self.own.iter_mut().for_each(|own| own.ears.retain(|(ear, _)| *ear != local));
                self.own.retain(|own| !own.ears.is_empty());
                return;
            }
        };
        for said in mdns::read(&message) {
            match said {
                Said::Asked(name) => self.answer(local, name, now),
                // Those who answer do so from the port of multicast DNS (RFC 6762 section 6).
                Said::Answered(name, address) if from.port() == mdns::PORT => self.on_answer(name, address),
                Said::Answered(..) => {}
            }
        }
        self.rest();
    }

    fn answer(&mut self, local: IpAddr, name: HiddenName, now: Instant) {
        let Some(own) = self.own.iter_mut().find(|own| own.name == name) else { return };
        let is_recent = |answered: &Option<Instant>| answered.is_some_and(|answered| now < answered + ANSWER_PACE);
        // One who asks over both families is told twice, which is one telling.
        let is_news = !own.ears.iter().any(|(_, answered)| is_recent(answered));
        let Some((_, answered)) = own.ears.iter_mut().find(|(ear, _)| *ear == local) else { return };
        if is_recent(answered) {
            return;
        }
        *answered = Some(now);
        let answer = mdns::answer(name, own.address);
        if is_news {
            self.tap.note(Note::NameTold { name: name.to_string() });
        }
        self.send(Some(local), &answer);
    }

    /// The first answer counts. Only local addresses are hidden, so that nobody in this network can send our checks out
    /// of it.
    fn on_answer(&mut self, name: HiddenName, address: IpAddr) {
        let is_sought = |sought: &Sought| sought.host.name == name;
        if let Some(at) = self.sought.iter().position(is_sought)
            && can_be_hidden(address)
        {
            self.tap.note(Note::NameFound { name: name.to_string(), address });
            self.found.push(self.sought.swap_remove(at).host.candidate(address));
        }
    }

    /// Candidates of the peer whose addresses are known since this was asked last.
    pub fn take_found(&mut self) -> Vec<Candidate> {
        std::mem::take(&mut self.found)
    }

    /// When it wants to be woken.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sought.iter().map(|sought| sought.next).chain(self.second_ends).min()
    }

    /// Asks again, and gives up.
    pub fn on_timeout(&mut self, now: Instant) {
        if self.second_ends.is_some_and(|at| at <= now) {
            (self.heard, self.second_ends) = (0, None);
        }
        let mut due = Vec::new();
        for sought in self.sought.iter_mut().filter(|sought| sought.next <= now) {
            let wait = WAITS.get(sought.asked);
            due.push((sought.host.name, wait.is_some()));
            sought.asked += 1;
            sought.next = now + wait.copied().unwrap_or_default();
        }
        for (name, is_asked) in due {
            if is_asked {
                self.tap.note(Note::NameAsked { name: name.to_string() });
                self.send(None, &mdns::question(name));
            } else {
                self.sought.retain(|sought| sought.host.name != name);
                self.tap.note(Note::NameSilent { name: name.to_string() });
            }
        }
        self.rest();
    }

    /// Sends to the group from one address, or from all.
    fn send(&self, local: Option<IpAddr>, message: &[u8]) {
        for ear in self.ears.iter().filter(|ear| local.is_none_or(|local| ear.local == local)) {
            if let Err(error) = ear.socket.try_send_to(message, mdns::group(ear.local)) {
                tracing::debug!(local = %ear.local, %error, "multicast DNS cannot be sent there");
            }
        }
    }

    /// Listens no more where there is nothing to listen for.
    fn rest(&mut self) {
        if self.sought.is_empty() {
            let own = &self.own;
            let is_needed = |ear: &Ear| own.iter().any(|own| own.ears.iter().any(|(local, _)| *local == ear.local));
            self.ears.retain(is_needed);
        }
    }
}

/// Whether a name stands for such an address when the local network is hidden.
pub(super) fn can_be_hidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

/// Where an interface with these addresses is spoken to: one of each family, whichever family the name stands for. None
/// where every address is told openly.
pub(super) fn ears_of(of_interface: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let (ipv4, ipv6): (Vec<IpAddr>, Vec<IpAddr>) = of_interface.into_iter().partition(IpAddr::is_ipv4);
    if !ipv4.iter().chain(&ipv6).any(|ip| can_be_hidden(*ip)) {
        return Vec::new();
    }
    [ipv4, ipv6].into_iter().filter_map(|of_family| of_family.into_iter().min()).collect()
}

#[cfg(test)]
mod tests;
