//! The computer under a call: where its default route leads, and whether it slept. Both begin ICE anew.

use std::{
    io,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use floe_transport::{Network, Tap};
use floe_wire::{InterfaceInfo, Note, peer::RestartCause};

use crate::session::Session;

/// Systems that tell addresses and not routes are asked this often.
const ROUTE_PACE: Duration = Duration::from_secs(5);
/// A default route that moves within this time of an address belongs to that change, which has been acted upon.
const SAME_CHANGE: Duration = Duration::from_secs(3);
/// The machine is asked this often whether it slept.
const SLEEP_PACE: Duration = Duration::from_millis(500);
/// Clocks that are apart by less may have been set by hand or by a time server.
const LEAST_SLEEP: Duration = Duration::from_secs(2);
/// A call looks after itself at least once a second. After a pause of so long it was stopped, or the machine was, whatever
/// its clocks say.
const STANDSTILL: Duration = Duration::from_secs(10);

/// What is known of the computer.
pub(crate) struct Machine {
    network: Arc<dyn Network>,
    tap: Tap,
    /// The interface of the default route; none while the network has not told.
    route: Option<Option<String>>,
    route_due: Instant,
    addresses_changed: Option<Instant>,
    rest: Rest,
    sleep_due: Instant,
}

impl Machine {
    /// Notes where the default route leads.
    pub fn start(network: &Arc<dyn Network>, tap: &Tap, now: Instant) -> Self {
        let mut machine = Self {
            network: Arc::clone(network),
            tap: tap.clone(),
            route: None,
            route_due: now,
            addresses_changed: None,
            rest: Rest { looked: now, asleep: network.time_asleep() },
            sleep_due: now + SLEEP_PACE,
        };
        machine.look_at_route(now);
        machine
    }

    /// Addresses came or went, and the call has moved along.
    fn on_addresses_changed(&mut self, now: Instant) {
        self.addresses_changed = Some(now);
    }

    /// Looks whether something happened that ICE is to begin anew for; `has_news` if the network tells that something
    /// changed.
    fn look(&mut self, has_news: bool, now: Instant) -> Option<RestartCause> {
        let slept = (self.sleep_due <= now).then(|| self.look_at_sleep(now)).flatten();
        let has_moved = (has_news || self.route_due <= now) && self.look_at_route(now);
        if let Some(asleep) = slept {
            self.tap.note(Note::Resumed { asleep });
            return Some(RestartCause::Resumed);
        }
        let is_known_change = self.addresses_changed.is_some_and(|at| now.saturating_duration_since(at) < SAME_CHANGE);
        (has_moved && !is_known_change).then_some(RestartCause::DefaultRoute)
    }

    fn look_at_sleep(&mut self, now: Instant) -> Option<Duration> {
        self.sleep_due = now + SLEEP_PACE;
        self.rest.look(now, self.network.time_asleep())
    }

    /// Notes the default route if it is another one; true if it moved to an interface from somewhere else.
    fn look_at_route(&mut self, now: Instant) -> bool {
        self.route_due = now + ROUTE_PACE;
        let source = match self.network.default_source() {
            Ok(source) => source,
            Err(error) => {
                if error.kind() != io::ErrorKind::Unsupported {
                    tracing::debug!(%error, "the default route is not told");
                }
                return false;
            }
        };
        let interface = source.map(|source| self.interface_at(source));
        if self.route.as_ref() == Some(&interface) {
            return false;
        }
        self.tap.note(Note::DefaultRoute { interface: interface.clone() });
        let is_first = self.route.is_none();
        let leads_somewhere = interface.is_some();
        self.route = Some(interface);
        !is_first && leads_somewhere
    }

    /// The name of the interface with this address; the address itself if it is none that calls may use.
    fn interface_at(&self, source: IpAddr) -> String {
        let interfaces = self.network.interfaces().unwrap_or_default();
        let has_it = |interface: &&InterfaceInfo| interface.addresses.contains(&source);
        interfaces.iter().find(has_it).map_or_else(|| source.to_string(), |interface| interface.name.clone())
    }
}

/// When the machine was last known to be awake.
struct Rest {
    looked: Instant,
    /// The machine's count of its sleep at that time.
    asleep: Duration,
}

impl Rest {
    /// How long the machine or the program stood still since the last look, if that is worth a word.
    fn look(&mut self, now: Instant, asleep: Duration) -> Option<Duration> {
        let slept = asleep.saturating_sub(self.asleep);
        let paused = now.saturating_duration_since(self.looked);
        *self = Self { looked: now, asleep };
        if slept >= LEAST_SLEEP {
            return Some(slept);
        }
        (paused >= STANDSTILL).then_some(paused)
    }
}

impl Session {
    /// Begins ICE anew if something happened to the computer that makes other paths likely.
    pub(crate) fn follow_machine(&mut self, has_news: bool, have_addresses_changed: bool, now: Instant) {
        if have_addresses_changed {
            self.machine.on_addresses_changed(now);
        }
        if let Some(cause) = self.machine.look(has_news, now) {
            self.want_restart(cause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_machine_that_runs_did_not_sleep() {
        let start = Instant::now();
        let mut rest = Rest { looked: start, asleep: 7 * S };
        for second in 1..100 {
            // A clock that is set a little forward each time is no sleep.
            let asleep = 7 * S + Duration::from_millis(u64::from(second) * 20);
            assert_eq!(rest.look(start + second * S, asleep), None);
        }
    }

    #[test]
    fn sleep_is_told_once() {
        let start = Instant::now();
        let mut rest = Rest { looked: start, asleep: Duration::ZERO };
        assert_eq!(rest.look(start + S, 600 * S), Some(600 * S));
        assert_eq!(rest.look(start + 2 * S, 600 * S), None);
    }

    #[test]
    fn a_program_that_was_stopped_finds_out_by_the_time_that_passed() {
        let start = Instant::now();
        let mut rest = Rest { looked: start, asleep: Duration::ZERO };
        assert_eq!(rest.look(start + 4 * S, Duration::ZERO), None, "a busy machine");
        assert_eq!(rest.look(start + 30 * S, Duration::ZERO), Some(26 * S));
        assert_eq!(rest.look(start + 31 * S, Duration::ZERO), None);
    }
}
