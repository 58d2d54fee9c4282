//! Notes about interfaces, bases and servers.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_wire::{
    BaseId, BaseKind, Direction, IceConnectionState, InterfaceInfo, InterfaceKind,
    note::{DropKind, FramingFault, RefusalReason},
};

use super::Inspector;
use crate::{
    bounded::{add_count, push_bounded},
    events::is_milestone,
    lint::Linter,
    markers::MarkerKind,
    picture::{BaseView, ServerVerdict, ServerView, Severity, Traffic},
    words::{count, millis, seconds},
};

/// Interfaces, bases and refusals to bind that are shown, each.
const ROWS_KEPT: usize = 256;

/// Refusals to send that are further apart than this have causes of their own.
const REFUSALS_APART: Duration = Duration::from_secs(3);

/// What a base says when the system takes no more for a moment, which says nothing about the network.
const BUFFER_FULL: &str = "the socket's send buffer is full";

impl Inspector {
    pub(super) fn on_interface_listed(&mut self, interface: &InterfaceInfo) {
        for base in self.picture.bases.iter_mut().filter(|base| base.interface == interface.name) {
            base.kind = interface.kind;
        }
        match self.picture.interfaces.iter_mut().find(|known| known.name == interface.name) {
            Some(known) => *known = interface.clone(),
            None => {
                let fits = push_bounded(&mut self.picture.interfaces, interface.clone(), ROWS_KEPT);
                self.count_if_dropped(fits);
            }
        }
        let addresses: Vec<_> = interface.addresses.iter().map(ToString::to_string).collect();
        let text = format!("Interface {} has {}", interface.name, addresses.join(", "));
        self.say(Severity::Detail, "network", text);
    }

    pub(super) fn on_base_opened(&mut self, base: BaseId, interface: &str, address: SocketAddr, kind: &BaseKind) {
        let listed = self.picture.interfaces.iter().find(|known| known.name == interface);
        let view = BaseView {
            base,
            interface: interface.to_owned(),
            kind: listed.map_or(InterfaceKind::Unknown, |known| known.kind),
            address,
            base_kind: kind.clone(),
            opened: self.picture.at,
            closed: None,
            is_gone: false,
            sent: Traffic::default(),
            received: Traffic::default(),
            send_failures: 0,
            last_send_error: None,
        };
        self.forget_old_base();
        let fits = self.picture.base(base).is_none() && push_bounded(&mut self.picture.bases, view, ROWS_KEPT);
        self.count_if_dropped(fits);
        let text = format!("{interface}: packets can leave from {address} ({})", kind.protocol().name());
        self.say(Severity::Info, "gathering", text);
    }

    /// Makes room for a base: a computer that moves all day has had hundreds, and the newest ones carry the call.
    fn forget_old_base(&mut self) {
        let bases = &mut self.picture.bases;
        if bases.len() >= ROWS_KEPT
            && let Some(oldest) = bases.iter().position(|view| view.closed.is_some())
        {
            let forgotten = bases.remove(oldest).base;
            self.picture.nat.bases.retain(|judged| judged.base != forgotten);
            self.count_if_dropped(false);
        }
    }

    pub(super) fn on_base_failed(&mut self, interface: &str, address: IpAddr, error: &str) {
        let row = (format!("{interface} {address}"), error.to_owned());
        let fits = push_bounded(&mut self.picture.base_failures, row, ROWS_KEPT);
        self.count_if_dropped(fits);
        self.say(Severity::Warning, "network", format!("{interface}: {address} cannot be used: {error}"));
    }

    pub(super) fn on_base_closed(&mut self, base: BaseId) {
        let at = self.picture.at;
        let is_over = self.picture.ended.is_some() || self.picture.ice_connection_state() == IceConnectionState::Closed;
        if let Some(view) = self.picture.bases.iter_mut().find(|view| view.base == base) {
            view.closed.get_or_insert(at);
            view.is_gone |= !is_over;
        }
        self.is_pairs_stale = true;
        self.say(Severity::Detail, "network", format!("{}: closed", self.base_name(base)));
    }

    pub(super) fn on_send_failed(&mut self, base: BaseId, remote: SocketAddr, error: &str) {
        let Some(view) = self.picture.bases.iter_mut().find(|view| view.base == base) else { return };
        if view.base_kind == BaseKind::Udp {
            self.picture.evidence.sends.count_refused(remote.ip(), error);
        }
        let at = self.picture.at;
        let is_news = self.last_refusal.is_none_or(|(known, last)| known != base || at.since(last) >= REFUSALS_APART);
        self.last_refusal = Some((base, at));
        view.send_failures += 1;
        view.last_send_error = Some(error.to_owned());
        let failures = view.send_failures;
        let in_use = self.picture.selections.last().is_some_and(|selection| selection.pair.base == base);
        if in_use && is_news && error != BUFFER_FULL {
            self.mark(MarkerKind::NetworkChange, format!("{}: {error}", self.base_name(base)));
        }
        if is_milestone(failures) {
            let times = if failures == 1 { String::new() } else { format!(" ({failures} times)") };
            let text = format!("{}: the system refused to send to {remote}{times}: {error}", self.base_name(base));
            self.say(Severity::Warning, "network", text);
        }
    }

    pub(super) fn on_connection_opened(
        &mut self,
        base: BaseId,
        local: SocketAddr,
        remote: SocketAddr,
        dialed: bool,
        took: Duration,
    ) {
        let name = self.base_name(base);
        let text = if dialed {
            format!("{name}: connected over TCP from {local} to {remote} ({})", millis(took))
        } else {
            format!("{name}: the peer has connected over TCP from {remote} to {local}")
        };
        self.say(Severity::Info, "network", text);
    }

    pub(super) fn on_connection_failed(&mut self, base: BaseId, remote: SocketAddr, error: &str) {
        let text = format!("{}: cannot connect over TCP to {remote}: {error}", self.base_name(base));
        self.say(Severity::Detail, "network", text);
    }

    pub(super) fn on_connection_closed(&mut self, base: BaseId, remote: SocketAddr, reason: &str) {
        let text = format!("{}: the TCP connection with {remote} has ended: {reason}", self.base_name(base));
        self.say(Severity::Info, "network", text);
    }

    pub(super) fn on_framing_broken(
        &mut self,
        base: BaseId,
        remote: SocketAddr,
        direction: Direction,
        fault: FramingFault,
    ) {
        let place = self.here();
        Linter::on_framing(&mut self.picture.lint, place, direction == Direction::Outbound, fault, remote);
        let what = match fault {
            FramingFault::OutOfStep => "a frame holds nothing that belongs to a call",
            FramingFault::CutShort => "it ended in the middle of a frame",
        };
        let text = format!("{}: the TCP connection with {remote} is badly framed: {what}", self.base_name(base));
        self.say(Severity::Warning, "network", text);
    }

    pub(super) fn on_server_answered(&mut self, url: &str, base: BaseId, mapped: SocketAddr, rtt: Duration) {
        self.set_verdict(url, Some(base), ServerVerdict::Answered { mapped, rtt });
        let text = format!("{url} sees {} as {mapped} ({})", self.base_name(base), millis(rtt));
        self.say(Severity::Info, "gathering", text);
    }

    pub(super) fn on_server_failed(&mut self, url: &str, base: Option<BaseId>, error: &str) {
        self.set_verdict(url, base, ServerVerdict::Failed { error: error.to_owned() });
        let from = base.map_or_else(String::new, |base| format!(" from {}", self.base_name(base)));
        self.say(Severity::Warning, "gathering", format!("{url}{from}: {error}"));
    }

    pub(super) fn on_relay_allocated(
        &mut self,
        url: &str,
        client: BaseId,
        relayed: SocketAddr,
        mapped: Option<SocketAddr>,
        lifetime: Duration,
        rtt: Duration,
    ) {
        if let Some(mapped) = mapped {
            self.set_verdict(url, Some(client), ServerVerdict::Answered { mapped, rtt });
        }
        let (name, rtt, minutes) = (self.base_name(client), millis(rtt), lifetime.as_secs() / 60);
        let text = format!("{url} relays {relayed} to {name} ({rtt}; kept for {minutes} minutes at a time)");
        self.say(Severity::Info, "gathering", text);
    }

    pub(super) fn on_relay_refresh_failed(&mut self, relay: BaseId, error: &str) {
        let address = self.picture.base(relay).map_or_else(|| relay.to_string(), |view| view.address.to_string());
        self.say(Severity::Warning, "network", format!("The relayed address {address} may expire: {error}"));
    }

    pub(super) fn on_relay_lost(&mut self, relay: BaseId, error: &str) {
        let address = self.picture.base(relay).map_or_else(|| relay.to_string(), |view| view.address.to_string());
        self.mark(MarkerKind::NetworkChange, format!("The relayed address {address} is gone"));
        self.say(Severity::Warning, "network", format!("The relayed address {address} is gone: {error}"));
        let kind = |base| self.picture.base(base).map(|view| view.base_kind.clone());
        if let Some(BaseKind::Relay { client }) = kind(relay)
            && let Some(BaseKind::TurnClient { server, .. }) = kind(client)
        {
            self.set_verdict(&server, Some(client), ServerVerdict::Failed { error: error.to_owned() });
        }
    }

    pub(super) fn on_relay_refused_host(&mut self, relay: BaseId, host: IpAddr, error: &str) {
        let name = self.base_name(relay);
        self.say(Severity::Detail, "network", format!("{name}: the relay does not reach {host}: {error}"));
    }

    pub(super) fn on_default_route(&mut self, interface: Option<&str>) {
        let before = self.picture.default_route.take();
        self.picture.default_route = interface.map(str::to_owned);
        let text = match interface {
            Some(name) => format!("The default route is over {name}"),
            None => "There is no default route".to_owned(),
        };
        if before.is_some() && before != self.picture.default_route {
            self.mark(MarkerKind::NetworkChange, text.clone());
        }
        self.say(Severity::Info, "network", text);
    }

    pub(super) fn on_resumed(&mut self, asleep: Duration) {
        self.picture.resumed = Some(self.picture.at);
        let text = format!("This computer stood still for {} and goes on", seconds(asleep));
        self.mark(MarkerKind::NetworkChange, text.clone());
        self.say(Severity::Warning, "network", text);
    }

    pub(super) fn on_web_redirected(&mut self, to: &str) {
        self.picture.captive_portal = Some(to.to_owned());
        self.say(Severity::Warning, "network", format!("This network leads web pages to {to}"));
    }

    pub(super) fn on_name_asked(&mut self, name: &str) {
        self.say(Severity::Info, "network", format!("Asked this network by multicast DNS what {name} stands for"));
    }

    pub(super) fn on_name_found(&mut self, name: &str, address: IpAddr) {
        self.say(Severity::Info, "network", format!("{name} stands for {address}, says this network"));
    }

    pub(super) fn on_name_told(&mut self, name: &str) {
        self.say(Severity::Info, "network", format!("Somebody in this network asked for {name} and was told"));
    }

    pub(super) fn on_name_silent(&mut self, name: &str) {
        if !self.picture.silent_names.iter().any(|known| known == name) {
            let fits = push_bounded(&mut self.picture.silent_names, name.to_owned(), ROWS_KEPT);
            self.count_if_dropped(fits);
        }
        self.say(Severity::Warning, "network", format!("Nobody in this network answers for {name}"));
    }

    fn set_verdict(&mut self, url: &str, base: Option<BaseId>, verdict: ServerVerdict) {
        match self.picture.servers.iter_mut().find(|row| row.url == url && row.base == base) {
            Some(row) => row.verdict = verdict,
            None => {
                let row = ServerView { url: url.to_owned(), base, verdict };
                let fits = push_bounded(&mut self.picture.servers, row, ROWS_KEPT);
                self.count_if_dropped(fits);
            }
        }
    }

    pub(super) fn on_packet_refused(&mut self, base: BaseId, remote: SocketAddr, reason: RefusalReason) {
        let refused = add_count(&mut self.picture.counters.refused, reason, 1);
        if is_milestone(refused) {
            let datagrams = count(refused, "datagram");
            let text = format!("{}: {datagrams} ignored, last from {remote}: {}", self.base_name(base), reason.name());
            self.say(Severity::Warning, "network", text);
        }
    }

    pub(super) fn on_dropped(&mut self, what: DropKind, dropped: u64) {
        add_count(&mut self.picture.counters.dropped, what, dropped);
        let noun = match what {
            DropKind::Records => "record",
            DropKind::Datagrams => "datagram",
            DropKind::Candidates => "candidate",
            DropKind::Pairs => "pair",
            DropKind::AudioFrames => "audio frame",
            DropKind::Frames => "datagram for TCP",
            DropKind::Connections => "connection of a stranger",
            DropKind::ControlMessages => "message of the other side",
        };
        self.say(Severity::Detail, "call", format!("{} dropped to keep memory bounded", count(dropped, noun)));
    }

    /// A row above its cap means that its record is not shown, which counts like one that never came.
    pub(super) fn count_if_dropped(&mut self, fits: bool) {
        if !fits {
            add_count(&mut self.picture.counters.dropped, DropKind::Records, 1);
        }
    }
}
