//! What happens to the networks of the first computer, and now and then of the second: random, by a seed.

use std::time::Duration;

use floe_call::Command;
use floe_simnet::{Side, World};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::line::Line;

const WIFI: &str = "wlan0";
const MOBILE: &str = "wwan0";
/// Addresses that the home's router hands out.
const LEASES: u8 = 40;

/// Which networks are there.
pub struct Networks {
    random: StdRng,
    has_wifi: bool,
    has_mobile: bool,
    lease: u8,
}

impl Networks {
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), has_wifi: true, has_mobile: true, lease: 0 }
    }

    /// Changes something; tells what.
    pub async fn change(&mut self, line: &Line) -> &'static str {
        let world = &line.world;
        match self.random.random_range(0..10) {
            0 => self.set(world, !self.has_wifi || !self.has_mobile, self.has_mobile),
            1 => self.set(world, self.has_wifi, !self.has_mobile || !self.has_wifi),
            2 | 3 => self.set(world, !self.has_wifi, self.has_wifi),
            4 => {
                assert!(world.flush_nat(Side::A));
                "the router forgets its mappings"
            }
            5 => self.readdress(world),
            6 => {
                let interface = if self.random.random() { WIFI } else { MOBILE };
                assert!(world.set_default_interface(Side::A, interface));
                "the default route moves"
            }
            7 => {
                let call = if self.random.random() { &line.a } else { &line.b };
                assert!(call.send(Command::RestartIce));
                "a person restarts ICE"
            }
            8 => outage(world).await,
            _ => {
                assert!(world.add_sleep(Side::A, Duration::from_secs(90)));
                "the computer slept"
            }
        }
    }

    /// Brings interfaces up and down; the first before the second, so that a swap never leaves both.
    fn set(&mut self, world: &World, wifi: bool, mobile: bool) -> &'static str {
        // Mobile data is what remains when there would be nothing.
        let mobile = mobile || !wifi;
        (self.has_wifi, self.has_mobile) = (wifi, mobile);
        assert!(world.set_interface_up(Side::A, WIFI, wifi));
        assert!(world.set_interface_up(Side::A, MOBILE, mobile));
        match (wifi, mobile) {
            (true, true) => "Wi-Fi and mobile data",
            (true, false) => "Wi-Fi alone",
            _ => "mobile data alone",
        }
    }

    fn readdress(&mut self, world: &World) -> &'static str {
        self.lease = (self.lease + 1) % LEASES;
        assert!(world.set_addresses(Side::A, WIFI, &[[192, 168, 1, 11 + self.lease].into()]));
        "Wi-Fi has another address"
    }
}

async fn outage(world: &World) -> &'static str {
    for loss in [1.0, 0.0] {
        assert!(world.set_loss(Side::A, loss));
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    "nothing passes for three seconds"
}
