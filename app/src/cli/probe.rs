//! `floe probe`: the path test without a peer, headless.

use std::sync::Arc;

use anyhow::Context as _;
use floe_call::probe::{ProbeConfig, ProbeReport, probe};
use floe_simnet::World;
use floe_transport::{Network, SystemNetwork};

use super::{Status, args::ProbeOptions, speech};
use crate::engine::Engine;

pub(super) fn run(options: ProbeOptions) -> anyhow::Result<Status> {
    let engine = Engine::start()?;
    let report = engine.runtime().block_on(report(&options))?;
    if options.json {
        speech::say_json(&report)?;
    } else {
        speech::say(report.lines().join("\n"))?;
    }
    engine.shut_down();
    Ok(if report.is_connected() { Status::Ok } else { Status::NotConnected })
}

async fn report(options: &ProbeOptions) -> anyhow::Result<ProbeReport> {
    let mut config = ProbeConfig {
        stun_servers: options.stun.clone(),
        turn_servers: options.network.turn.servers()?,
        trust: options.network.turn.trust()?,
        web_page: options.network.web_page.clone(),
        interfaces: options.network.interfaces.clone(),
        include_loopback: options.network.loopback,
    };
    let Some(scenario) = options.scenario else {
        let network: Arc<dyn Network> = Arc::new(SystemNetwork::new());
        return Ok(probe(&config, network).await);
    };
    let world = World::build(scenario, 1).with_context(|| format!("cannot build the {} scenario", scenario.name()))?;
    config.stun_servers.clone_from(&world.stun_servers);
    config.turn_servers.clone_from(&world.turn_servers);
    config.trust = world.turn_trust.clone();
    config.include_loopback = world.include_loopback;
    // The world outlives the probe of it.
    Ok(probe(&config, Arc::clone(&world.a)).await)
}
