//! Codes that wait: routers with little patience, and what both codes let expect of each other.

mod common;

use std::{sync::Arc, time::Duration};

use floe_call::{Call, CallConfig, Command, Snapshot};
use floe_inspect::{
    Picture, diagnose,
    forecast::{Outlook, Score},
};
use floe_signal::Code;
use floe_simnet::{NatConfig, PortAssignment, Scenario, Side, World};
use floe_wire::{Candidate, CandidateType, IceConnectionState, NatSummary, Stamp};

use crate::common::{
    code_of, exchange, log_of,
    pair::{Pair, config_for},
    until,
};

fn start(scenario: Scenario, nat: Option<NatConfig>, mapping_refresh: Duration) -> Pair {
    let world = World::build(scenario, 7).expect("the world can be built");
    for side in [Side::A, Side::B] {
        assert!(nat.is_none_or(|nat| world.set_nat(side, nat)));
    }
    // What is lived through is a direct way.
    let config = CallConfig { mapping_refresh, turn_servers: Vec::new(), ..config_for(&world) };
    Pair::begin(world, config)
}

async fn connected(call: &Call) -> Arc<Snapshot> {
    until(call, "a pair is selected", |snapshot| snapshot.picture.selected_pair().is_some()).await
}

/// When the code of this call was confirmed last.
fn confirmed(snapshot: &Snapshot) -> Stamp {
    snapshot.picture.code.and_then(|code| code.confirmed).unwrap_or_default()
}

fn reflexive(code: &str) -> Vec<Candidate> {
    let (code, _) = Code::decode(code).expect("a code just made");
    let of_type = |candidate: &Candidate| candidate.candidate_type == CandidateType::ServerReflexive;
    code.candidates.into_iter().filter(of_type).collect()
}

/// Strict, and with a new port for whatever it has forgotten.
fn forgetful(expiry: Duration) -> NatConfig {
    NatConfig { ports: PortAssignment::Random, expiry, ..NatConfig::HOME }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_pasted_many_nat_lifetimes_later_connects_because_its_mappings_were_kept() {
    let lifetime = Duration::from_millis(1500);
    // In the proportion of 20 s to routers that forget after 30 s.
    let pair = start(Scenario::TwoNat, Some(forgetful(lifetime)), lifetime * 2 / 3);
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    let much_later = Stamp(lifetime * 5);
    for call in [&pair.a, &pair.b] {
        let snapshot = until(call, "five lifetimes are over", |snapshot| confirmed(snapshot) >= much_later).await;
        assert_eq!(snapshot.picture.code.map(|code| code.replaced), Some(0), "{}", log_of(&snapshot.picture));
    }
    pair.a.send(Command::PasteCode(code_b));
    pair.b.send(Command::PasteCode(code_a));
    connected(&pair.a).await;
    connected(&pair.b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_moved_is_told_by_a_new_code_and_refreshed_sooner_from_there_on() {
    let lifetime = Duration::from_millis(1500);
    let pair = start(Scenario::TwoNat, Some(forgetful(lifetime)), lifetime * 2);
    let (first, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    let snapshot = until(&pair.a, "a new code holds", |snapshot| {
        let code = snapshot.picture.code.filter(|code| code.replaced > 0);
        code.is_some_and(|code| code.confirmed.is_some_and(|confirmed| confirmed >= code.made + lifetime * 2))
    })
    .await;
    let found: Vec<_> = diagnose(&snapshot.picture).iter().map(|finding| finding.id).collect();
    assert!(found.contains(&"C19"), "{found:?}");
    let second = snapshot.code.clone().expect("a code that was replaced");
    assert_ne!(first, second);
    let (old, new) = (reflexive(&first), reflexive(&second));
    assert_eq!(old.len(), new.len(), "what moved away is not told any more");
    assert!(new.iter().all(|fresh| old.iter().all(|stale| stale.address != fresh.address)), "{old:?} {new:?}");
    let (one, other) = (Code::decode(&first).unwrap().0, Code::decode(&second).unwrap().0);
    assert_eq!((one.ufrag, one.password), (other.ufrag, other.password), "either code belongs to this call");
    let code_b = pair.b.snapshot().code.clone().unwrap_or(code_b);
    pair.a.send(Command::PasteCode(code_b));
    pair.b.send(Command::PasteCode(second));
    connected(&pair.a).await;
    connected(&pair.b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_after_the_code_was_made_is_in_a_further_one_that_works() {
    let pair = start(Scenario::TwoNat, None, Duration::from_secs(20));
    // Longer than any code waits, to a server and back.
    assert!(pair.world.set_delay(Side::B, Duration::from_millis(1500)));
    let (code_a, first) = (code_of(&pair.a).await, code_of(&pair.b).await);
    assert!(reflexive(&first).is_empty(), "{:?}", reflexive(&first));
    let snapshot = until(&pair.b, "a further code is offered", |snapshot| snapshot.code.as_ref() != Some(&first)).await;
    let further = snapshot.code.clone().expect("a code that was replaced");
    assert!(!reflexive(&further).is_empty());
    assert!(pair.world.set_delay(Side::B, Duration::from_millis(5)));
    pair.a.send(Command::PasteCode(further.clone()));
    pair.b.send(Command::PasteCode(code_a));
    connected(&pair.a).await;
    assert_eq!(connected(&pair.b).await.code, Some(further), "one further code is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_code_of_the_same_friend_is_taken_as_well() {
    let pair = start(Scenario::TwoNat, None, Duration::from_millis(400));
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    pair.b.send(Command::PasteCode(code_a.clone()));
    assert!(pair.world.set_nat(Side::A, forgetful(Duration::from_secs(60))));
    let newer = until(&pair.a, "a new code is offered", |snapshot| snapshot.code.as_ref() != Some(&code_a)).await;
    pair.a.send(Command::PasteCode(code_b));
    pair.b.send(Command::PasteCode(newer.code.clone().expect("a code that was replaced")));
    connected(&pair.a).await;
    let snapshot = connected(&pair.b).await;
    let told = reflexive(newer.code.as_deref().expect("just used"));
    let known = |address| snapshot.picture.remote_candidates.iter().any(|view| view.candidate.address == address);
    assert!(told.iter().all(|candidate| known(candidate.address)), "{}", log_of(&snapshot.picture));
}

/// Both codes exchanged; gives both pictures once `wanted` holds on A's.
async fn exchanged(scenario: Scenario, wanted: impl Fn(&Picture) -> bool) -> (Arc<Snapshot>, Arc<Snapshot>) {
    let pair = start(scenario, None, Duration::from_secs(20));
    exchange(&pair.a, &pair.b).await;
    until(&pair.a, "the outcome is known", |snapshot| wanted(&snapshot.picture)).await;
    until(&pair.b, "the outcome is known", |snapshot| wanted(&snapshot.picture)).await;
    (pair.a.snapshot(), pair.b.snapshot())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_path_is_forecast_and_the_forecast_scored() {
    for scenario in [Scenario::Lan, Scenario::TwoNat, Scenario::Symmetric, Scenario::DualStack] {
        let is_scored = |picture: &Picture| picture.forecast.is_some_and(|forecast| forecast.came.is_some());
        let (a, b) = exchanged(scenario, is_scored).await;
        for snapshot in [a, b] {
            let forecast = snapshot.picture.forecast.expect("both codes are known");
            assert_eq!(
                (forecast.outlook, forecast.score()),
                (Outlook::Direct, Some(Score::Right)),
                "{scenario}: {}\n{}",
                forecast.why,
                log_of(&snapshot.picture)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_symmetric_routers_are_forecast_to_find_no_path() {
    let is_failed = |picture: &Picture| picture.ice_connection_state() == IceConnectionState::Failed;
    let (a, _) = exchanged(Scenario::SymmetricBoth, is_failed).await;
    let forecast = a.picture.forecast.expect("both codes are known");
    assert_eq!((forecast.outlook, forecast.score()), (Outlook::NoPath, Some(Score::Right)), "{}", forecast.why);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_carries_how_its_makers_nat_behaves() {
    let pair = start(Scenario::Symmetric, None, Duration::from_secs(20));
    for (call, is_stable) in [(&pair.a, false), (&pair.b, true)] {
        let (code, _) = Code::decode(&code_of(call).await).expect("a code just made");
        let summary = NatSummary::from_bytes(code.nat_summary.expect("two servers have answered"));
        assert_eq!(summary.mapping.is_stable(), Some(is_stable), "{summary:?}");
    }
}
