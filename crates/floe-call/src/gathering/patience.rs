//! When a code is given away although something that was asked for is still missing.
//!
//! A person waits for the code, and what comes late is told over the control channel or found by checks. So a code
//! does not wait for a server that has been silent for several round trips of those that answered, if it would be good
//! without it: what a missing answer could add is a way to reach us, and a relay is one that works everywhere, as a
//! mapped address of the same base is one as good as another. Without either, the code has only the patience of the
//! person to go by.

use std::time::{Duration, Instant};

use floe_wire::RelayProtocol;

/// After this long a code is given away whatever is missing: servers that answer at all answer within a second.
const LONGEST: Duration = Duration::from_millis(2500);
/// So long where a relay is all that a code tells.
const LONGEST_FOR_RELAY: Duration = Duration::from_secs(10);
/// An answer is not missed sooner than this, the round trip to the other side of a continent: the servers that have
/// answered may all be near.
const SHORTEST: Duration = Duration::from_millis(100);
/// A name is not missed sooner; resolvers ask several servers in turn.
const NAME: Duration = Duration::from_secs(1);
/// Round trips after which an answer is missed; one is needed.
const ANSWER_ROUND_TRIPS: u32 = 3;

/// What was asked for and has not come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Awaited {
    /// The address of a server's name.
    Name { since: Instant },
    /// What a STUN server sees of a base, of which another one has told already where it `is_mapped`.
    Answer { since: Instant, is_mapped: bool },
    /// A relayed address.
    Relay { since: Instant, transport: RelayProtocol },
}

impl Awaited {
    /// When it is missed no more; none while a code would be poor without it.
    fn missed_at(self, has_relay: bool, round_trip: Duration) -> Option<Instant> {
        let after = |since: Instant, round_trips: u32| since + (round_trip * round_trips).max(SHORTEST);
        match self {
            Self::Answer { since, is_mapped } => (has_relay || is_mapped).then(|| after(since, ANSWER_ROUND_TRIPS)),
            Self::Relay { since, transport } => has_relay.then(|| after(since, relay_round_trips(transport))),
            Self::Name { since } => has_relay.then_some(since + NAME),
        }
    }
}

/// One or two more than are needed.
const fn relay_round_trips(transport: RelayProtocol) -> u32 {
    match transport {
        RelayProtocol::Udp => 3,
        RelayProtocol::Tcp => 4,
        RelayProtocol::Tls => 6,
    }
}

/// When a code is as good as waiting reasonably can make it. `round_trip` is the longest of the servers that answered.
pub(super) fn code_at(
    started: Instant,
    awaited: impl IntoIterator<Item = Awaited>,
    has_relay: bool,
    round_trip: Option<Duration>,
    tells_relays_only: bool,
) -> Instant {
    // Without its relay a code that tells nothing else would be of no use.
    let latest = started + if tells_relays_only { LONGEST_FOR_RELAY } else { LONGEST };
    let Some(round_trip) = round_trip else { return latest };
    let mut missed_at = started;
    for awaited in awaited {
        match awaited.missed_at(has_relay, round_trip) {
            Some(at) => missed_at = missed_at.max(at),
            None => return latest,
        }
    }
    missed_at.min(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn answer(since: Instant, is_mapped: bool) -> Awaited {
        Awaited::Answer { since, is_mapped }
    }

    #[test]
    fn beside_a_relay_silent_servers_are_waited_for_by_the_round_trip() {
        let start = Instant::now();
        let code = |round_trip: u32| code_at(start, [answer(start, false)], true, Some(round_trip * MS), false) - start;
        assert_eq!(code(80), 240 * MS);
        assert_eq!(code(1), SHORTEST, "the others may be far away");
        assert_eq!(code(2000), LONGEST);
    }

    #[test]
    fn without_a_relay_a_base_that_no_server_has_seen_is_worth_waiting_for() {
        let start = Instant::now();
        let code = |is_mapped| code_at(start, [answer(start, is_mapped)], false, Some(50 * MS), false) - start;
        assert_eq!(code(true), 150 * MS);
        assert_eq!(code(false), LONGEST);
    }

    #[test]
    fn the_first_relay_is_waited_for_and_others_only_for_a_while() {
        let start = Instant::now();
        let relay = Awaited::Relay { since: start, transport: RelayProtocol::Tls };
        let code = |has_relay| code_at(start, [relay], has_relay, Some(30 * MS), false) - start;
        assert_eq!(code(false), LONGEST);
        assert_eq!(code(true), 180 * MS);
        assert_eq!(code_at(start, [relay], false, Some(30 * MS), true) - start, LONGEST_FOR_RELAY);
    }

    #[test]
    fn before_anything_answers_there_is_only_patience() {
        let start = Instant::now();
        assert_eq!(code_at(start, [answer(start, false)], false, None, false) - start, LONGEST);
    }
}
