//! What is broken while a demo runs: `wifi-down@3s,nat-rebind@6s,loss=20@8s`.

use std::{collections::VecDeque, fmt, str::FromStr, time::Duration};

use floe_simnet::{Scenario, world::Side};

use super::wishes::Wish;
use crate::demo::Demo;

/// Names of interfaces that people use, and the simulated machines'.
const INTERFACES: [(&str, &str); 3] = [("wifi", "wlan0"), ("mobile", "wwan0"), ("cable", "eth0")];
/// Wi-Fi, mobile, Wi-Fi: what happens in the roam scenario unless something else is asked for.
const ROAM: &str = "wifi-down@1500ms,wifi-up@3s";

/// One thing that is broken, or mended, at peer A.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Break {
    /// How long after both sides hear each other.
    pub at: Duration,
    action: Action,
}

#[derive(Debug, Clone, PartialEq)]
enum Action {
    Interface {
        name: String,
        up: bool,
    },
    NatRebind,
    /// Percent.
    Loss(f64),
    /// One way, milliseconds.
    Delay(u64),
    /// Milliseconds.
    Jitter(u64),
    BlockUdp(bool),
    TurnRestart,
    Wish(Wish),
}

impl FromStr for Break {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Err("nothing is named there; write what and when, as in wifi-down@3s".to_owned());
        }
        let (what, at) = text.split_once('@').ok_or_else(|| format!("{text}: say when, as in {text}@3s"))?;
        Ok(Self { at: time(at)?, action: what.parse()? })
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text.split_once('=').map_or(text, |(name, _)| name), "force" | "block" | "release" | "restart") {
            return text.parse().map(Self::Wish);
        }
        if let Some((name, number)) = text.split_once('=') {
            let unknown = || {
                format!("{text}: there is no {name} to set; choose one of loss, delay, jitter, down, up, force, block")
            };
            let whole = || number.parse().map_err(|_| format!("{text}: {number} is not a number of milliseconds"));
            return match name {
                "loss" => percent(number).map(Self::Loss),
                "delay" => whole().map(Self::Delay),
                "jitter" => whole().map(Self::Jitter),
                "down" | "up" => Ok(Self::Interface { name: number.to_owned(), up: name == "up" }),
                _ => Err(unknown()),
            };
        }
        let interface = text.rsplit_once('-').filter(|(_, way)| matches!(*way, "up" | "down"));
        if let Some((name, way)) = interface {
            let known = INTERFACES.iter().find(|(spoken, _)| *spoken == name).map(|(_, system)| (*system).to_owned());
            let name = known.ok_or_else(|| format!("{text}: the interfaces are wifi, mobile and cable"))?;
            return Ok(Self::Interface { name, up: way == "up" });
        }
        Ok(match text {
            "nat-rebind" => Self::NatRebind,
            "udp-blocked" => Self::BlockUdp(true),
            "udp-open" => Self::BlockUdp(false),
            "turn-restart" => Self::TurnRestart,
            "loss" | "delay" | "jitter" => return Err(format!("{text}: say how much, as in {text}=20")),
            _ => {
                return Err(format!(
                    "{text}: nothing is called that; choose from wifi-down, wifi-up, mobile-down, mobile-up, cable-down, \
                     cable-up, nat-rebind, udp-blocked, udp-open, turn-restart, restart, loss=PERCENT, delay=MS, \
                     jitter=MS, force=PAIR, block=PAIR, release"
                ));
            }
        })
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| format!("{text} is not a number of percent, 0 to 100"))
}

/// `3s`, `3.5s`, `3500ms`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number * unit);
    let seconds = seconds.filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("{text} is not a time; write 3s or 3500ms"))
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Interface { name, up: true } => write!(f, "{name} comes up"),
            Action::Interface { name, up: false } => write!(f, "{name} goes down"),
            Action::NatRebind => write!(f, "the router forgets its mappings"),
            Action::Loss(percent) => write!(f, "{percent} % of the packets are lost"),
            Action::Delay(ms) => write!(f, "packets take {ms} ms more each way"),
            Action::Jitter(ms) => write!(f, "packets come up to {ms} ms late"),
            Action::BlockUdp(true) => write!(f, "the router lets no UDP through"),
            Action::BlockUdp(false) => write!(f, "the router lets UDP through"),
            Action::TurnRestart => write!(f, "the TURN server restarts"),
            Action::Wish(wish) => wish.fmt(f),
        }
    }
}

impl Break {
    /// Does it; `false` where the scenario has nothing of the kind.
    pub(super) async fn apply(&self, demo: &mut Demo) -> bool {
        let world = demo.world();
        match &self.action {
            Action::Interface { name, up } => world.set_interface_up(Side::A, name, *up),
            Action::NatRebind => world.flush_nat(Side::A),
            Action::Loss(percent) => world.set_loss(Side::A, percent / 100.0),
            Action::Delay(ms) => world.set_delay(Side::A, Duration::from_millis(*ms)),
            Action::Jitter(ms) => world.set_jitter(Side::A, Duration::from_millis(*ms)),
            Action::BlockUdp(blocked) => world.block_udp(Side::A, *blocked),
            Action::TurnRestart => demo.world_mut().restart_turn().await,
            Action::Wish(wish) => wish.apply(&demo.a),
        }
    }
}

/// What is broken in this demo, in order.
pub(super) fn script(scenario: Scenario, asked: &[Break]) -> VecDeque<Break> {
    let mut script = asked.to_vec();
    if script.is_empty() && scenario == Scenario::Roam {
        script.extend(ROAM.split(',').filter_map(|text| text.parse().ok()));
    }
    script.sort_by_key(|breakage| breakage.at);
    script.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Break {
        text.parse().expect(text)
    }

    #[test]
    fn breaks_are_read_as_people_write_them() {
        let wifi = Action::Interface { name: "wlan0".to_owned(), up: false };
        assert_eq!(read("wifi-down@3s"), Break { at: Duration::from_secs(3), action: wifi });
        assert_eq!(read("loss=12.5@800ms"), Break { at: Duration::from_millis(800), action: Action::Loss(12.5) });
        assert_eq!(read("nat-rebind@1.5").at, Duration::from_millis(1500));
        assert_eq!(read("down=eth1@0s").to_string(), "eth1 goes down");
    }

    #[test]
    fn what_cannot_be_broken_is_named_with_what_can() {
        for bad in ["", "wifi-down", "wifi-down@", "wifi-down@soon", "loss=120@1s", "loss=@1s", "tv-down@1s", "x=1@1s"]
        {
            let error = bad.parse::<Break>().expect_err(bad);
            assert!(error.len() > 10, "{bad}: {error}");
        }
        assert!("wifi-down@-3s".parse::<Break>().is_err() && "restart@1e99s".parse::<Break>().is_err());
    }

    #[test]
    fn the_roam_scenario_breaks_by_itself_unless_told_otherwise() {
        assert_eq!(script(Scenario::Roam, &[]).len(), 2);
        assert_eq!(script(Scenario::TwoNat, &[]), []);
        let asked = [read("wifi-up@2s"), read("wifi-down@1s")];
        assert_eq!(script(Scenario::Roam, &asked), [asked[1].clone(), asked[0].clone()], "in order");
    }
}
