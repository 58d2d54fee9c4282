//! Codes with candidates that nobody can use: the call goes on with the rest, and says what was left out.

mod common;

use std::{net::SocketAddr, sync::Arc};

use floe_call::{Call, CallConfig, Command, Snapshot};
use floe_signal::Code;
use floe_simnet::{Scenario, World};
use floe_wire::{Candidate, note::DropKind};

use crate::common::until;

async fn code_of(call: &Call) -> Code {
    Code::decode(&common::code_of(call).await).expect("a code just made").0
}

/// Two calls on one LAN; B gets A's code with these candidates before A's own.
async fn call_with(before: Vec<Candidate>) -> Arc<Snapshot> {
    let world = World::build(Scenario::Lan, 3).expect("the world can be built");
    let a = Call::start(CallConfig::default(), Arc::clone(&world.a));
    let b = Call::start(CallConfig::default(), Arc::clone(&world.b));
    let (mut code_a, code_b) = (code_of(&a).await, code_of(&b).await);
    code_a.candidates = before.into_iter().chain(code_a.candidates).collect();
    a.send(Command::PasteCode(code_b.encode()));
    b.send(Command::PasteCode(code_a.encode()));
    until(&a, "a is connected", |snapshot| snapshot.picture.selected_pair().is_some()).await;
    until(&b, "b is connected", |snapshot| snapshot.picture.selected_pair().is_some()).await
}

fn candidate(address: &str) -> Candidate {
    let address: SocketAddr = address.parse().expect("an address");
    floe_transport::candidate::host_candidate(address, 1)
}

fn dropped(snapshot: &Snapshot) -> u64 {
    let counters = &snapshot.picture.counters.dropped;
    counters.iter().find(|(kind, _)| *kind == DropKind::Candidates).map_or(0, |(_, count)| *count)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_unusable_candidate_is_named_and_counted_and_the_others_connect() {
    let unusable = ["192.168.1.20:0", "0.0.0.0:9", "224.0.0.251:5353", "255.255.255.255:9", "[fe80::1]:9"];
    let snapshot = call_with(unusable.map(candidate).to_vec()).await;
    assert_eq!(dropped(&snapshot), unusable.len() as u64);
    for address in unusable {
        let is_named = |text: &str| text.contains("a candidate was dropped") && text.contains(address);
        assert!(snapshot.picture.events.iter().any(|event| is_named(&event.text)), "{address} is not named");
    }
    assert!(snapshot.picture.remote_candidates.iter().all(|view| view.candidate.address.port() != 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loopback_candidate_is_told_and_no_packet_is_sent_there() {
    let snapshot = call_with(vec![candidate("127.0.0.1:9")]).await;
    let told = |text: &str| text.contains("only on the machine that made the code") && text.contains("127.0.0.1:9");
    assert!(snapshot.picture.events.iter().any(|event| told(&event.text)));
    assert!(snapshot.picture.pairs.iter().all(|pair| !pair.id.remote.ip().is_loopback() || pair.requests_sent == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_full_of_dead_candidates_connects_within_the_caps() {
    let dead = (1..=60).map(|host| candidate(&format!("192.168.1.{}:9", 100 + host))).collect();
    let snapshot = call_with(dead).await;
    assert!(snapshot.picture.pairs.len() <= 100, "{} pairs", snapshot.picture.pairs.len());
}
