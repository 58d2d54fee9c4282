//! Links: delay, jitter, loss and rate, each direction with its own luck.

use std::time::{Duration, Instant};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::counters::Loss;

/// Most time a datagram waits for its turn on a link with a rate: what a home router's buffer holds.
const QUEUE: Duration = Duration::from_millis(250);
/// Ethernet, IP and UDP headers, which take time on the wire too.
const HEADER_BYTES: usize = 42;

/// How a link treats datagrams, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LinkProfile {
    /// Time from one end to the other.
    pub delay: Duration,
    /// Up to this much is added to the delay, evenly distributed; datagrams stay in order.
    pub jitter: Duration,
    /// The share of datagrams that is lost, 0 to 1.
    pub loss: f64,
    /// Bits per second, headers included; `None` for as fast as it gets.
    pub rate: Option<u64>,
}

impl LinkProfile {
    /// A link that only takes time.
    #[must_use]
    pub const fn delay(delay: Duration) -> Self {
        Self { delay, jitter: Duration::ZERO, loss: 0.0, rate: None }
    }
}

/// A link's direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the end named first to the other.
    There,
    /// From the other end.
    Back,
}

impl Way {
    const fn index(self) -> usize {
        match self {
            Self::There => 0,
            Self::Back => 1,
        }
    }
}

/// A link between two nodes.
#[derive(Debug)]
pub(crate) struct Link {
    profiles: [LinkProfile; 2],
    pub up: bool,
    lanes: [Lane; 2],
}

/// One direction of a link. Its own random numbers make the fate of its n-th datagram independent of the other one.
#[derive(Debug)]
struct Lane {
    random: StdRng,
    /// When the datagram sent last has left the sender.
    free_at: Option<Instant>,
    /// When the datagram sent last arrives.
    last_arrival: Option<Instant>,
}

impl Link {
    pub fn new(profile: LinkProfile, seed: u64) -> Self {
        let lane = |seed| Lane { random: StdRng::seed_from_u64(seed), free_at: None, last_arrival: None };
        Self { profiles: [profile; 2], up: true, lanes: [lane(seed), lane(!seed)] }
    }

    /// Puts a datagram of `length` bytes on the link; gives when it arrives.
    pub fn transmit(&mut self, way: Way, length: usize, now: Instant) -> Result<Instant, Loss> {
        if !self.up {
            return Err(Loss::LinkDown);
        }
        let LinkProfile { delay, jitter, loss, rate } = self.profiles[way.index()];
        let lane = &mut self.lanes[way.index()];
        // Both are drawn for each datagram, so that changing one figure leaves the luck of the other as it is.
        let (fate, extra): (f64, f64) = (lane.random.random(), lane.random.random());
        if fate < loss {
            return Err(Loss::Lost);
        }
        let begins = lane.free_at.map_or(now, |free_at| free_at.max(now));
        if begins - now > QUEUE {
            return Err(Loss::Congested);
        }
        let leaves = begins + rate.map_or(Duration::ZERO, |rate| time_on_wire(length, rate));
        let arrives = leaves + delay + jitter.mul_f64(extra);
        let arrives = lane.last_arrival.map_or(arrives, |last| last.max(arrives));
        lane.free_at = Some(leaves);
        lane.last_arrival = Some(arrives);
        Ok(arrives)
    }

    /// Changes how it treats datagrams from here on; what is under way is not overtaken for long: order is kept only
    /// among datagrams of the same profile.
    pub fn set_profile(&mut self, profile: LinkProfile) {
        for way in [Way::There, Way::Back] {
            self.set_way(way, profile);
        }
    }

    /// The same for one direction.
    pub fn set_way(&mut self, way: Way, profile: LinkProfile) {
        self.profiles[way.index()] = profile;
        let lane = &mut self.lanes[way.index()];
        (lane.free_at, lane.last_arrival) = (None, None);
    }

    /// How it treats datagrams of one direction.
    pub fn profile(&self, way: Way) -> LinkProfile {
        self.profiles[way.index()]
    }
}

fn time_on_wire(length: usize, rate: u64) -> Duration {
    let bits = u64::try_from((length + HEADER_BYTES) * 8).unwrap_or(u64::MAX);
    Duration::from_nanos(bits.saturating_mul(1_000_000_000) / rate.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_loss_rate_is_kept_and_the_same_for_the_same_seed() {
        let profile = LinkProfile { loss: 0.1, ..LinkProfile::default() };
        let now = Instant::now();
        let fates = |seed| -> Vec<bool> {
            let mut link = Link::new(profile, seed);
            (0..10_000).map(|_| link.transmit(Way::There, 100, now).is_ok()).collect()
        };
        let first = fates(7);
        let lost = first.iter().filter(|arrived| !**arrived).count();
        assert!((900..1100).contains(&lost), "{lost} of 10000 lost at 10 %");
        assert_eq!(first, fates(7));
        assert_ne!(first, fates(8));
    }

    #[test]
    fn one_direction_does_not_change_the_luck_of_the_other() {
        let profile = LinkProfile { loss: 0.5, ..LinkProfile::default() };
        let now = Instant::now();
        let (mut quiet, mut busy) = (Link::new(profile, 7), Link::new(profile, 7));
        for _ in 0..100 {
            let _ = busy.transmit(Way::Back, 100, now);
            assert_eq!(quiet.transmit(Way::There, 100, now).is_ok(), busy.transmit(Way::There, 100, now).is_ok());
        }
    }

    #[test]
    fn each_direction_can_be_treated_differently() {
        let mut link = Link::new(LinkProfile::delay(ms(10)), 1);
        link.set_way(Way::Back, LinkProfile { loss: 1.0, ..LinkProfile::delay(ms(90)) });
        let now = Instant::now();
        assert_eq!(link.transmit(Way::There, 100, now).ok(), Some(now + ms(10)));
        assert!(link.transmit(Way::Back, 100, now).is_err());
        link.set_way(Way::Back, LinkProfile::delay(ms(90)));
        assert_eq!(link.transmit(Way::Back, 100, now).ok(), Some(now + ms(90)));
        assert_eq!((link.profile(Way::There).delay, link.profile(Way::Back).delay), (ms(10), ms(90)));
    }

    #[test]
    fn jitter_delays_but_does_not_reorder() {
        let mut link = Link::new(LinkProfile { jitter: ms(20), ..LinkProfile::delay(ms(10)) }, 1);
        let start = Instant::now();
        let mut last = start;
        for sent in 0..200 {
            let sent = start + ms(sent);
            let arrival = link.transmit(Way::There, 100, sent).unwrap();
            assert!(arrival >= sent + ms(10) && arrival <= sent.max(last) + ms(30));
            assert!(arrival >= last);
            last = arrival;
        }
    }

    #[test]
    fn a_rate_spaces_datagrams_and_a_full_queue_drops_them() {
        // 1250 bytes with headers at 1 Mbit/s: 10 ms each.
        let mut link = Link::new(LinkProfile { rate: Some(1_000_000), ..LinkProfile::default() }, 1);
        let now = Instant::now();
        assert_eq!(link.transmit(Way::There, 1208, now), Ok(now + ms(10)));
        assert_eq!(link.transmit(Way::There, 1208, now), Ok(now + ms(20)));
        let fates: Vec<_> = (0..40).map(|_| link.transmit(Way::There, 1208, now)).collect();
        assert_eq!(fates.iter().filter(|fate| **fate == Err(Loss::Congested)).count(), 16);
    }

    #[test]
    fn a_link_that_is_down_carries_nothing() {
        let mut link = Link::new(LinkProfile::default(), 1);
        link.up = false;
        assert_eq!(link.transmit(Way::There, 100, Instant::now()), Err(Loss::LinkDown));
    }
}
